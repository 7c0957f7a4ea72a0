-- The outcome in an error: a connection is cut before, within and after each message of each kind of write, in either direction,
-- and what the error says is compared with what the database holds.
-- The seed is in the title; SHUNT_SEED sets it. SHUNT_CUTS: how many places of each kind are tried; all: every one.

local App = require "tests.spec.support.app"
local Cutter = require "tests.engines.support.cutter"
local Engines = require "tests.engines.support.engines"
local Faults = require "tests.engines.support.faults"
local Random = require "tests.spec.support.random"
local shunt = require "shunt"

local SEED = Random.seed()
local CUTS = os.getenv "SHUNT_CUTS" or "6"

local RULES = [[
model "thing" { table = "things", relations = { notes = has_many("note", "thing_id") } }
model "note" { table = "notes" }
model "touched" { table = "touched" }
model "keyed" { table = "keyed", primary_key = "k" }
]]

local JOB = [[
job "write" { retry = 20, backoff = "1ms", transaction = true, handler = function(session, n) session:model "thing":insert { v = n } end }
]]

-- How a connection is made, in the words of each engine.
local WAYS = {
  { "pg", "pg", Cutter.plain.pg },
  { "pg, as behind a pooler", "pg", Cutter.plain.pg .. ", prepare: false" },
  { "mysql", "mysql", Cutter.plain.mysql },
}

-- ---- what is done ----

local function rows_of(n, count)
  local rows = {}
  for i = 1, count do rows[i] = { v = n } end
  return rows
end

local function pushed(session, n)
  return session:query("main", "SELECT count(*) AS c FROM shunt_jobs WHERE data = ?", { tostring(n) })[1].c
end

-- Each writes so many rows with v = n, or removes them; before: what is there already.
local KINDS = {
  { "an insert", 1, function(s, n) s:model "thing":insert { v = n } end },
  { "a first insert, on a new connection", 1, function(s, n) s:model "thing":insert { v = n } end, cold = true },
  { "a bulk insert", 3, function(s, n) s:model "thing":insert_bulk(rows_of(n, 3)) end },
  { "a bulk insert that returns rows", 3, function(s, n) s:model "thing":insert_bulk(rows_of(n, 3), { returning = true }) end },
  { "a bulk load", 600, function(s, n) s:model "thing":insert_bulk(rows_of(n, 600)) end },
  { "an update", 2, function(s, n) s:model "thing":update({ v = n }, { where = { v = -n } }) end,
    before = function(s, n) s:model "thing":insert_bulk(rows_of(-n, 2)) end },
  { "a bulk update", 1, function(s, n) s:model "keyed":update_bulk { { k = n, v = n } } end,
    before = function(s, n) s:model "keyed":insert { k = n, v = 0 } end, table = "keyed" },
  { "an increment", 1, function(s, n) s:model "keyed":increment({ k = n }, { v = n }) end,
    before = function(s, n) s:model "keyed":insert { k = n, v = 0 } end, table = "keyed" },
  { "an insert whose row is read again, because a trigger changes it", 1, function(s, n) s:model "touched":insert { v = n - 1 } end,
    table = "touched", only = "pg" },
  { "a delete", 2, function(s, n) s:model "thing":delete { v = n } end,
    before = function(s, n) s:model "thing":insert_bulk(rows_of(n, 2)) end, removes = true },
  { "an upsert of a new row", 1, function(s, n)
    s:model "keyed":insert({ k = n, v = n }, { on_conflict = { "k" }, update = { "v" } })
  end, table = "keyed" },
  { "an upsert of a row", 1, function(s, n) s:model "keyed":insert({ k = n, v = n }, { on_conflict = { "k" }, update = { "v" } }) end,
    before = function(s, n) s:model "keyed":insert { k = n, v = 0 } end, table = "keyed" },
  { "a nested write", 1, function(s, n)
    s:model "thing":insert({ v = n, notes = { { v = n }, { v = n } } }, { include = { notes = true } })
  end, notes = 2 },
  { "SQL", 1, function(s, n) s:execute("main", "INSERT INTO things (v) VALUES (?)", { n }) end },
  { "a transaction", 2, function(s, n)
    s:transaction(function()
      s:model "thing":insert { v = n }
      s:execute("main", "INSERT INTO things (v) VALUES (?)", { n })
    end, { retry = 3 })
  end },
  { "a transaction with hooks", 1, function(s, n, hook)
    s:transaction(function()
      s:on_commit(function() hook.ran = "commit" end)
      s:on_rollback(function() hook.ran = "rollback" end)
      s:model "thing":insert { v = n }
    end)
  end, hook_of = { ok = "commit", ["not done"] = "rollback" } }, -- unknown: none
  { "a savepoint in a transaction", 2, function(s, n)
    s:transaction(function()
      s:model "thing":insert { v = n }
      s:transaction(function() s:model "thing":insert { v = n } end, { propagation = "NESTED" })
    end)
  end },
  { "a nested write in a transaction", 1, function(s, n)
    s:transaction(function() s:model "thing":insert({ v = n, notes = { { v = n } } }, { include = { notes = true } }) end)
  end, notes = 1 },
  { "a push", 1, function(s, n) s:push("write", n) end, only = "pg", count = pushed },
  { "a push with a unique key", 1, function(s, n) s:push("write", n, { unique = "key " .. n }) end, only = "pg", count = pushed },
  { "a push in a transaction", 1, function(s, n)
    s:transaction(function()
      s:model "thing":count()
      s:push("write", n)
    end)
  end, only = "pg", count = pushed },
  { "a purge of jobs", 1, function(s, n) s:jobs_purge { queue = "q" .. n, state = "ready", instance = "" } end, only = "pg",
    before = function(s, n) s:push("write", n, { queue = "q" .. n }) end, count = function(s, n) return 1 - pushed(s, n) end },
  { "a read", 0, function(s, n) s:model "thing":count { where = { v = n } } end },
  { "SQL that reads", 0, function(s, n) s:query("main", "SELECT v FROM things WHERE v = ?", { n }) end },
  { "a transaction that reads", 0, function(s, n)
    s:transaction(function() s:model "thing":count { where = { v = n } } end, { read_only = true })
  end },
}

-- ---- a world behind a cutter ----

local World = {}
World.__index = World

local function open(way)
  local cutter = Cutter.open(way[2])
  local inner = Engines.open { clients = { main = way[2] }, rules = RULES, tcp = { main = cutter.address }, connection = { main = way[3] },
    yaml = way[2] == "pg" and "jobs: {client: main, lease: 1s}\n" or nil }
  App.fill(inner.folder, { ["jobs/all.lua"] = JOB })
  local world = setmetatable({ cutter = cutter, inner = inner, n = 0, absent = {} }, World)
  for _, sql in ipairs {
    ("CREATE TABLE things (%s, v INTEGER)"):format(Cutter.id[way[2]]),
    ("CREATE TABLE notes (%s, thing_id INTEGER, v INTEGER)"):format(Cutter.id[way[2]]),
    "CREATE TABLE keyed (k INTEGER PRIMARY KEY, v INTEGER)",
  } do inner.session:execute("main", sql) end
  if way[2] == "pg" then
    for _, sql in ipairs {
      ("CREATE TABLE touched (%s, v INTEGER)"):format(Cutter.id.pg),
      "CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS "
        .. "$$ BEGIN UPDATE touched SET v = NEW.v + 1 WHERE id = NEW.id; RETURN NULL; END $$",
      "CREATE TRIGGER touches AFTER INSERT ON touched FOR EACH ROW EXECUTE FUNCTION touch()",
    } do inner.session:execute("main", sql) end
  end
  return world
end

function World:close()
  self.inner:close()
  self.cutter:close()
end

--- How much of the effect is in the database. In one statement, for the server may commit just now.
function World:effect(kind, n)
  local session <close> = self.inner.app:session()
  if kind.count then return kind.count(session, n) end
  local row = session:query("main", ("SELECT (SELECT count(*) FROM %s WHERE v = ?) AS found, (SELECT count(*) FROM notes WHERE v = ?) AS notes")
    :format(kind.table or "things"), { n, n })[1]
  local found = row.found
  if kind.notes then assert.equal(found > 0 and kind.notes or 0, row.notes) end
  return kind.removes and kind[2] - found or found
end

-- The pool takes a connection that was used a moment ago for alive.
function World:drop()
  self.cutter:drop()
  os.execute "sleep 0.01"
end

--- Everything is ready for a call on a connection, new or used once.
function World:ready(kind)
  self.n = self.n + 1
  self:drop()
  local session = self.inner.app:session { timeout = "20s" }
  if kind.before then kind.before(session, self.n) end
  session:query("main", "SELECT 1")
  if kind.cold then self:drop() end
  return session, self.n
end

--- The messages of the call, and the requests that decide.
function World:watch(kind)
  for _ = 1, 2 do -- the first call describes tables
    local session <close>, n = self:ready(kind)
    self.cutter:watch()
    kind[3](session, n, {})
    assert.equal(kind[2], self:effect(kind, n))
  end
  local session <close>, n = self:ready(kind)
  self.cutter:watch()
  kind[3](session, n, {})
  local log = self.cutter:log()
  return log, Cutter.deciding(self.cutter:requests(log))
end

--- Cuts there, and compares. Returns the outcome.
function World:try(kind, place, deciding, refuse)
  local session <close>, n = self:ready(kind)
  local hook = {}
  self.cutter:cut(place[1], place[2], refuse)
  local ok, problem = pcall(kind[3], session, n, hook)
  self.cutter:pass()
  Faults.wait_for_circuit(self.inner.app, "main")
  local at = ("message %d, byte %s%s: %s"):format(place[1], place[2], refuse and ", then refused" or "", tostring(problem))
  local effect = self:effect(kind, n)
  if kind.hook_of then assert.equal(kind.hook_of[ok and "ok" or problem.outcome], hook.ran, at) end
  if ok then
    assert.equal(kind[2], effect, at)
    return "ok"
  end
  assert.is_true(shunt.is_error(problem), at)
  local outcome = problem.outcome
  if outcome == "unknown" then
    assert.is_true(kind[2] > 0, at)
    assert.is_true(Cutter.leaves_doubt(deciding, place[1], place[2] == "all"), at)
    assert.is_truthy(problem.message:find("may or may not have been", 1, true), at)
    assert.is_true(effect == 0 or effect == kind[2], at)
  else
    assert.equal(outcome == "done" and kind[2] or 0, effect, at)
    assert.is_nil(problem.message:find("may or may not", 1, true), at)
    if outcome == "not done" then self.absent[#self.absent + 1] = { kind, n, at } end
  end
  return outcome
end

for _, way in ipairs(WAYS) do
  describe(("a call whose connection is cut, on %s (SHUNT_SEED=%d)"):format(way[1], SEED), function()
    local why = Engines.missing()
    if why then
      pending(why)
      return
    end

    local world
    local random = Random.new(SEED)
    setup(function() world = open(way) end)
    teardown(function() world:close() end)

    for _, kind in ipairs(KINDS) do
      if not kind.only or kind.only == way[2] then it("says what is known: " .. kind[1], function()
        local told = {}
        local log, deciding = world:watch(kind)
        assert.is_true(kind[2] == 0 or #deciding > 0)
        for i, place in ipairs(Cutter.sample(random, Cutter.places(log), CUTS)) do
          local outcome = world:try(kind, place, deciding, i % Cutter.CUT_OFF == 0)
          told[outcome] = (told[outcome] or 0) + 1
        end
        if os.getenv "SHUNT_SHOW" then print(way[1], kind[1], #log, told.ok, told.done, told["not done"], told.unknown) end
        if CUTS == "all" and kind[2] > 0 then assert.is_truthy(told.unknown and told["not done"]) end
      end) end
    end

    it("stays what it was said to be: nothing that was not done appears later", function()
      for _, each in ipairs(world.absent) do assert.equal(0, world:effect(each[1], each[2]), each[3]) end
    end)

    it("is not known of a procedure that has done something, and then fails", function()
      local session, things = world.inner.session, world.inner.session:model "thing"
      session:execute("main", way[2] == "pg"
        and "CREATE PROCEDURE fails() LANGUAGE plpgsql AS $$ BEGIN INSERT INTO things (v) VALUES (0); COMMIT; RAISE 'no'; END $$"
        or "CREATE PROCEDURE fails() BEGIN INSERT INTO things (v) VALUES (0); SIGNAL SQLSTATE '45000'; END")
      local problem = Engines.raises("SHUNT_E_CONSTRAINT", session.execute, session, "main", "CALL fails()")
      assert.equal("unknown", problem.outcome)
      assert.is_truthy(problem.message:find("it may or may not have been done", 1, true), problem.message)
      assert.equal(1, things:count { where = { v = 0 } })
      problem = Engines.raises("SHUNT_E_CONSTRAINT", session.execute, session, "main", "INSERT INTO keyed (k, v) VALUES (0, 0), (0, 0)")
      assert.equal("not done", problem.outcome)
    end)

    if way[2] == "pg" then it("completes a job once, wherever its worker's connections are cut", function()
      local session <close> = world.inner.app:session { timeout = "20s" }
      session:execute("main", "DELETE FROM shunt_jobs")
      for _ = 1, CUTS == "all" and 100 or math.tointeger(CUTS) do
        local n = select(2, world:ready { cold = true })
        session:push("write", n)
        world:drop()
        world.cutter:cut(random:int(1, 90), random:chance(50) and "all" or 3)
        local give_up = os.time() + 60
        repeat -- a job whose claim was lost runs again when its lease has run out
          local worker <close> = world.inner.app:worker { concurrency = 1, drain = true }
          while worker:status().threads > 0 do os.execute "sleep 0.01" end
          local ok, left = pcall(session.query, session, "main", "SELECT count(*) AS c FROM shunt_jobs")
        until (ok and left[1].c == 0) or os.time() > give_up
        world.cutter:pass()
        assert.equal(1, world:effect({ "", 1 }, n))
        assert.equal(0, #session:jobs {})
      end
    end) end
  end)
end
