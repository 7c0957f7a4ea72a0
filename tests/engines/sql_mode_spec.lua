-- The setting sqlMode of MySQL and MariaDB: what old schemas need, and what shunt says without it.

local shunt = require "shunt"
local App = require "tests.spec.support.app"
local Engines = require "tests.engines.support.engines"

describe("sqlMode", function()
  local why = Engines.missing()
  if why then
    pending(why)
    return
  end

  local world
  after_each(function() if world then world:close() end world = nil end)

  local function open(connection)
    world = Engines.open { clients = { main = "mysql" }, connection = { main = connection }, rules = [[
      model "thing" { table = "things" }
      model "latest" { table = "latest" }]] }
    world.session:execute("main", "CREATE TABLE things (id INTEGER PRIMARY KEY, name VARCHAR(20), at DATE)")
    return world.session
  end

  local function modes(s)
    local set = {}
    for word in s:query("main", "SELECT @@sql_mode AS modes")[1].modes:gmatch "[^,]+" do set[word] = true end
    return set
  end

  it("keeps the strict modes, whatever it leaves out", function()
    local set = modes(open 'sqlMode: ""')
    assert.is_true(set.STRICT_ALL_TABLES and set.STRICT_TRANS_TABLES)
    assert.is_nil(set.ONLY_FULL_GROUP_BY or set.NO_ZERO_DATE)
  end)

  it("refuses zero dates and values that are in no group, unless it says otherwise", function()
    local s = open()
    assert.is_true(modes(s).ONLY_FULL_GROUP_BY and modes(s).NO_ZERO_DATE)
    Engines.raises("SHUNT_E_CONSTRAINT", function() s:model("thing"):insert { id = 1, at = "0000-00-00" } end)
    Engines.raises("SHUNT_E_USAGE", function() s:query("main", "SELECT at, name FROM things GROUP BY at") end)
  end)

  it("lets zero dates in: they are read, found and written again", function()
    local things = open("sqlMode: ONLY_FULL_GROUP_BY"):model "thing"
    things:insert { id = 1, at = "0000-00-00" }
    things:insert { id = 2, at = "2026-00-00" }
    assert.equal("0000-00-00", things:get(1).at)
    assert.equal(2, things:get({ at = "2026-00-00" }).id)
    assert.equal(1, things:update(things:get(2)))
    assert.equal(1, things:count { where = { at = "0000-00-00" } })
  end)

  it("names the reason where a view can't be run, and is the way out", function()
    local s = open 'sqlMode: ""'
    s:execute("main", "CREATE VIEW latest AS SELECT at, name FROM things GROUP BY at")
    s:model("thing"):insert { id = 1, at = "2026-11-24", name = "a" }
    assert.equal("a", s:model("latest"):select()[1].name)
    App.write(world.folder .. "/shunt.strict.yaml", "database: {clients: {main: {connection: {sqlMode: null}}}}\n")
    local strict <close> = shunt.open(world.folder .. "/shunt.yaml", { env = "strict" })
    local problem = Engines.raises("SHUNT_E_USAGE", function() strict:session():model("latest"):select() end)
    assert.is_truthy(problem.message:find("sqlMode", 1, true), problem.message)
    assert.is_nil(problem.message:find("did you mean", 1, true))
  end)

  it("refuses modes that would change what SQL means", function()
    local problem = Engines.raises("SHUNT_E_CONFIG", function() open "sqlMode: ANSI_QUOTES" end)
    assert.is_truthy(problem.message:find("ONLY_FULL_GROUP_BY", 1, true))
  end)
end)
