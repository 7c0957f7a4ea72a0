--- shunt resolve: the decision on one access.
local application = require "shunt.cli.application"
local failure = require "shunt.cli.failure"
local output = require "shunt.cli.output"
local terminal = require "shunt.cli.terminal"

local resolve = {}

--- Prints a decision for people.
function resolve.show(d)
  local who = d.denied and terminal.paint("red", "denied") or "client"
  local place = d.denied or ("%s (%s, %s)"):format(terminal.paint("green", d.client), d.engine, d.role)
  local lines = { { who, place } }
  if not d.denied then
    if d.table then lines[#lines + 1] = { "table", d.table } end
    lines[#lines + 1] = { "level", tostring(d.level) }
  end
  if d.rule then lines[#lines + 1] = { "rule", d.rule } end
  if d.source then lines[#lines + 1] = { "source", d.source } end
  for _, line in ipairs(lines) do print(("%-6s  %s"):format(line[1], line[2])) end
end

function resolve.run(args)
  local app = application.open(args)
  local decision = app:decide(app:request(args))
  if args.json then
    print(output.object(output.decision(decision)))
  else
    resolve.show(decision)
  end
  return decision.denied and failure.SHORT or failure.DONE
end

return resolve
