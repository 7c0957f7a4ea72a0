-- A transaction with each propagation, begun in each state of a session, on every engine. The tables are the specification. The
-- tests observe only effects.
--
--   begins     a transaction of its own: it is over, hooks and all, when it returns
--   joins      a part of the one around it, which can't commit once it failed
--   savepoint  a part of it that may fail by itself
--   outside    nothing: hooks run at once
--   refused    SHUNT_E_TRANSACTION
--   usage      SHUNT_E_USAGE

local Engines = require "tests.engines.support.engines"

local tables = {}

tables["sqlite3"] = [[
                none     open       read-only  nested     doomed     suspended  raised
REQUIRED        begins   joins      refused    joins      joins      refused    joins
SUPPORTS        outside  joins      refused    joins      joins      outside    joins
MANDATORY       refused  joins      refused    joins      joins      refused    joins
NEVER           outside  refused    refused    refused    refused    outside    refused
NESTED          begins   savepoint  refused    savepoint  savepoint  refused    savepoint
REQUIRES_NEW    begins   refused    begins     refused    refused    refused    refused
NOT_SUPPORTED   outside  outside    outside    outside    outside    outside    outside
]]

tables["sqlite3, read_only"] = [[
                none     open       read-only  nested     doomed     suspended  raised
REQUIRED        begins   refused    joins      refused    refused    begins     refused
SUPPORTS        refused  refused    joins      refused    refused    refused    refused
MANDATORY       refused  refused    joins      refused    refused    refused    refused
NEVER           usage    usage      usage      usage      usage      usage      usage
NESTED          begins   refused    savepoint  refused    refused    begins     refused
REQUIRES_NEW    begins   begins     begins     begins     begins     begins     begins
NOT_SUPPORTED   usage    usage      usage      usage      usage      usage      usage
]]

tables["server"] = [[
                none     open       read-only  nested     doomed     suspended  raised
REQUIRED        begins   joins      refused    joins      joins      begins     begins
SUPPORTS        outside  joins      refused    joins      joins      outside    outside
MANDATORY       refused  joins      refused    joins      joins      refused    refused
NEVER           outside  refused    refused    refused    refused    outside    outside
NESTED          begins   savepoint  refused    savepoint  savepoint  begins     begins
REQUIRES_NEW    begins   begins     begins     begins     begins     begins     begins
NOT_SUPPORTED   outside  outside    outside    outside    outside    outside    outside
]]

tables["server, read_only"] = [[
                none     open       read-only  nested     doomed     suspended  raised
REQUIRED        begins   refused    joins      refused    refused    begins     begins
SUPPORTS        refused  refused    joins      refused    refused    refused    refused
MANDATORY       refused  refused    joins      refused    refused    refused    refused
NEVER           usage    usage      usage      usage      usage      usage      usage
NESTED          begins   refused    savepoint  refused    refused    begins     begins
REQUIRES_NEW    begins   begins     begins     begins     begins     begins     begins
NOT_SUPPORTED   usage    usage      usage      usage      usage      usage      usage
]]

-- With maxLevel: 0 going up changes nothing, so that what is in force stays so, and another connection of the same pool is taken.
tables["server without levels"] = [[
                none     open       read-only  nested     doomed     suspended  raised
REQUIRED        begins   joins      refused    joins      joins      begins     joins
SUPPORTS        outside  joins      refused    joins      joins      outside    joins
MANDATORY       refused  joins      refused    joins      joins      refused    joins
NEVER           outside  refused    refused    refused    refused    outside    refused
NESTED          begins   savepoint  refused    savepoint  savepoint  begins     savepoint
REQUIRES_NEW    begins   begins     begins     begins     begins     begins     begins
NOT_SUPPORTED   outside  outside    outside    outside    outside    outside    outside
]]

--- The columns of a table: for each state its modes with what they come to.
local function columns_of(text)
  local states, columns
  for line in text:gmatch "[^\n]+" do
    local words = {}
    for word in line:gmatch "%S+" do words[#words + 1] = word end
    if not states then
      states, columns = words, {}
      for i, state in ipairs(states) do columns[i] = { state = state, modes = {} } end
    else
      for i in ipairs(states) do columns[i].modes[words[1]] = words[i + 1] end
    end
  end
  return columns
end

-- ---- states: each runs body inside of it, in transactions of this client, or where the first access goes ----

local states = {}
function states.none(_, _, body) body() end
function states.open(s, client, body) s:transaction(body, { client = client }) end
states["read-only"] = function(s, client, body) s:transaction(body, { client = client, read_only = true }) end
function states.nested(s, client, body)
  s:transaction(function() s:transaction(body, { client = client, propagation = "NESTED" }) end, { client = client })
end
function states.doomed(s, client, body)
  s:transaction(function()
    pcall(s.transaction, s, function() error "dooms it" end, { client = client })
    body()
  end, { client = client })
end
function states.suspended(s, client, body)
  s:transaction(function() s:transaction(body, { client = client, propagation = "NOT_SUPPORTED" }) end, { client = client })
end
function states.raised(s, client, body)
  s:transaction(function() s:switch_db_isolate(body) end, { client = client })
end

-- ---- what a mode comes to ----

local refusals = { SHUNT_E_TRANSACTION = "refused", SHUNT_E_USAGE = "usage" }

--- When the hook of an inner transaction runs that returns, or fails.
local function when(world, state, options, fails)
  local session <close> = world.app:session()
  local ran, at, kind = false, "later", fails and "on_rollback" or "on_commit"
  local problem
  local outer_ok = pcall(states[state], session, options.client, function()
    local ok, raised = pcall(session.transaction, session, function(s)
      s[kind](s, function() ran = true end)
      if ran then at = "at once" end
      if fails then error("fails", 0) end
    end, options)
    if not ok and raised ~= "fails" then problem = raised end
    if ran and at == "later" then at = "at its end" end
  end)
  if problem then return refusals[problem.code] or error(problem, 0) end
  return at, outer_ok
end

--- Whether what an inner transaction wrote is gone once it failed.
local function is_undone(world, state, options)
  local session <close> = world.app:session()
  local parents, gone = session:model "parent", nil
  pcall(states[state], session, options.client, function()
    pcall(session.transaction, session, function()
      parents:insert { id = 1, name = "Ada" }
      error "undo it"
    end, options)
    gone = parents:get(1) == nil
  end)
  return gone
end

local function outcome(world, state, options)
  local at = when(world, state, options, false)
  if at == "at once" then return "outside" end
  if at == "at its end" then return "begins" end
  if at ~= "later" then return at end
  local _, outer_ok = when(world, state, options, true)
  local alone = outer_ok
  if not options.read_only then alone = is_undone(world, state, options) end
  return alone and "savepoint" or "joins"
end

-- ---- the tests ----

local rules = 'model "parent" { table = "parents" }\n'

local function check(title, engine, text, options, yaml)
  describe(title, function()
    local why = Engines.missing()
    if why then
      pending(why)
      return
    end
    local world
    setup(function()
      world = Engines.open { clients = { main = engine }, rules = rules, yaml = yaml }
      world.session:execute("main", "CREATE TABLE parents (id INTEGER PRIMARY KEY, name VARCHAR(20))")
    end)
    teardown(function() world:close() end)

    for _, column in ipairs(columns_of(text)) do
      it("from the state " .. column.state, function()
        local found = {}
        for mode in pairs(column.modes) do
          local with = { propagation = mode }
          for key, value in pairs(options) do with[key] = value end
          found[mode] = outcome(world, column.state, with)
        end
        assert.same(column.modes, found)
        assert.equal(0, world.session:model("parent"):count()) -- nothing that was tried is left
      end)
    end
  end)
end

local on_main, reads_main, no_levels = { client = "main" }, { client = "main", read_only = true }, "  maxLevel: 0\n"
check("propagation on sqlite3", "sqlite3", tables["sqlite3"], on_main)
check("propagation on sqlite3 of what only reads", "sqlite3", tables["sqlite3, read_only"], reads_main)
check("propagation on sqlite3 without levels is as with them", "sqlite3", tables["sqlite3"], on_main, no_levels)
for _, engine in ipairs(Engines.servers) do
  check("propagation on " .. engine, engine, tables["server"], on_main)
  check("propagation on " .. engine .. " of what only reads", engine, tables["server, read_only"], reads_main)
  check("propagation on " .. engine .. " without levels", engine, tables["server without levels"], on_main, no_levels)
end
-- one without an access has no engine yet
for _, engine in ipairs(Engines.all) do
  check("propagation without a place, on " .. engine, engine, tables["server"], {})
  check("propagation without a place of what only reads, on " .. engine, engine, tables["server, read_only"], { read_only = true })
  check("propagation without a place or levels, on " .. engine, engine, tables["server without levels"], {}, no_levels)
end

describe("propagation on a database that lives on one connection", function()
  local App = require "tests.spec.support.app"
  it("knows no transaction beside another", function()
    local app <close>, folder = App.open {
      ["shunt.yaml"] = 'database: {defaultClient: main, clients: {main: {engine: sqlite3, connection: {filename: ":memory:"}}}}\n',
    }
    local session = app:session()
    session:transaction(function()
      for _, read_only in ipairs { true, false } do
        Engines.raises("SHUNT_E_TRANSACTION", session.transaction, session, function() end,
          { client = "main", propagation = "REQUIRES_NEW", read_only = read_only })
      end
    end, { client = "main" })
    session:transaction(function() end, { propagation = "REQUIRES_NEW" })
    App.remove(folder)
  end)
end)
