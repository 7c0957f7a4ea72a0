--- shunt help: the help of a command, or the manual page.
local failure = require "shunt.cli.failure"
local man = require "shunt.cli.man"
local parser = require "shunt.cli.parser"

local help = {}

function help.run(args)
  if args.man then
    io.write(man.page())
    return failure.DONE
  end
  local program, by_name = parser.build()
  if args.topic and not by_name[args.topic] then by_name.help:error(("unknown command '%s'"):format(args.topic)) end
  print((args.topic and by_name[args.topic] or program):get_help())
  return failure.DONE
end

return help
