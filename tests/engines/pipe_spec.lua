-- `shunt query … | head -1`: the command ends as others do when the reader of its output goes away, whatever engine it reads from.

local Engines = require "tests.engines.support.engines"
local Command = require "tests.spec.support.command"
local read = require("tests.files").read

local ROWS = 3000 -- more than a pipe holds
local SIGPIPE_STATUS = 141

local binary, capture = Command.binary, Command.capture

for _, engine in ipairs(Engines.all) do
  describe("The command on " .. engine, function()
    local why = engine ~= "sqlite3" and Engines.missing()
    if why then
      pending(why)
      return
    end
    local world

    setup(function()
      world = Engines.open { clients = { main = engine }, rules = 'model "line" { table = "lines_of_text" }' }
      world.session:execute("main", "CREATE TABLE lines_of_text (id INTEGER PRIMARY KEY, text VARCHAR(100))")
      local rows = {}
      for i = 1, ROWS do rows[i] = { id = i, text = ("x"):rep(80) } end
      world.session:model("line"):insert_bulk(rows)
    end)
    teardown(function() world:close() end)

    it("ends quietly when the reader of its output goes away", function()
      for _, flags in ipairs { "", "--json", "--sql" } do
        local line = capture(("cd '%s' && { '%s' query line %s 2>err; echo $? >status; } | head -1"):format(world.folder, binary, flags))
        assert.is_truthy(line:find "%S")
        assert.equal(SIGPIPE_STATUS, tonumber((read(world.folder .. "/status"))))
        assert.equal("", read(world.folder .. "/err"))
      end
    end)
  end)
end
