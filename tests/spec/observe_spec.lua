-- app:observe: each statement of all sessions of an application, with the decision that sent it there.

local App = require "tests.spec.support.app"
local Command = require "tests.spec.support.command"
local Jobs = require "tests.spec.support.jobs"

describe("the observer of an application", function()
  local at, app, session, seen

  before_each(function()
    at = Jobs.open()
    app, session, seen = at.app, at.session, {}
  end)
  after_each(function() at:close() end)

  local function observe(keep)
    app:observe(function(statement) if not keep or keep(statement) then seen[#seen + 1] = statement end end)
  end

  it("gets the statements of all sessions, with the decision and without values", function()
    observe()
    session:model("note"):insert { body = "secret" }
    local pro <close> = app:session { instance = "team", attrs = { plan = "pro" } }
    pro:execute("other", "DELETE FROM notes")
    pro:model("plan"):select()
    app:poll()
    local got = {}
    for i, s in ipairs(seen) do got[i] = table.concat({ s.client, s.op, s.model or "-", s.table or "-", s.rule or "-", s.instance }, " ") end
    assert.same({ "main write note notes default client ", "other write - - - team", "other read plan notes pro team" }, got)
    assert.truthy(seen[1].source and seen[3].source:find "rules/.*:%d+$")
    assert.equal("integer", math.type(seen[1].duration_ns))
    assert.equal(0, seen[3].rows)
    assert.is_nil(seen[1].params)
    assert.is_nil(seen[1].code)
  end)

  it("gets those that fail, with the code, and those of jobs in the threads of a worker", function()
    observe(function(s) return s.model == "note" or s.code end)
    App.raises("SHUNT_E_NOT_FOUND", session.query, session, "main", "SELECT 1 FROM nowhere")
    assert.equal("SHUNT_E_NOT_FOUND", seen[1].code)
    session:push("note", "from a job")
    at:drain()
    app:poll()
    assert.same({ "note", "note", "write" }, { seen[#seen].model, seen[#seen].job, seen[#seen].op })
  end)

  it("can be ended, by itself too, and is no function of another kind", function()
    app:observe(function()
      seen[#seen + 1] = true
      app:observe(nil)
    end)
    for _ = 1, 3 do session:query("main", "SELECT 1") end
    app:poll()
    assert.equal(1, #seen)
    App.raises("SHUNT_E_USAGE", app.observe, app, 7)
    observe()
    session:query("main", "SELECT 1")
    assert.equal(2, #seen)
  end)

  it("may close the application", function()
    app:observe(function() app:close() end)
    session:query("main", "SELECT 1")
    App.raises("SHUNT_E_USAGE", app.poll, app)
  end)

  it("that raises, or does not come in time, is a warning", function()
    local path = at.folder .. "/script.lua"
    App.write(path, ([[
      local app = require "shunt".open("%s/shunt.yaml")
      local session = app:session()
      app:observe(function() error("not seen", 0) end)
      print(session:query("main", "SELECT 1 AS one")[1].one)
      local n = 0
      app:observe(function() n = n + 1 end)
      session:transaction(function()
        session:on_commit(function() -- inside of a hook nothing is delivered
          for _ = 1, 1200 do session:query("main", "SELECT 1") end
        end)
        session:query("main", "SELECT 1")
      end)
      print(n)
    ]]):format(at.folder))
    local text = Command.capture(("%s run %s 2>&1"):format(Command.binary, path))
    assert.truthy(text:find("Lua warning: shunt: a callback of app:observe failed: not seen\n1\n", 1, true), text)
    assert.truthy(text:find("Lua warning: shunt: 200 statements were not observed: app:observe is too slow\n1001\n", 1, true), text)
  end)
end)
