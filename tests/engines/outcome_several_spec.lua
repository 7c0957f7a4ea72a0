-- The outcome of writes to two datasources, as one and one after the other, while a connection to either is cut within any message.
-- The seed is in the title; SHUNT_SEED sets it. SHUNT_CUTS: how many places of each kind are tried; all: every one.

local Cutter = require "tests.engines.support.cutter"
local Engines = require "tests.engines.support.engines"
local Faults = require "tests.engines.support.faults"
local Random = require "tests.spec.support.random"

local SEED = Random.seed()
local CUTS = os.getenv "SHUNT_CUTS" or "8"

local RULES = [[
model "one" { table = "ones", client = "a", relations = { twos = has_many("two", "one_id") } }
model "two" { table = "twos", client = "b" }
]]

local function nested(session, n) session:model "one":insert({ v = n, twos = { { v = n } } }, { include = { twos = true } }) end

local function both(session, n)
  session:transaction(function()
    session:model "one":insert { v = n }
    session:model "two":insert { v = n }
  end, { spanning = "join", retry = 3 })
end

for _, engines in ipairs { { "pg", "mysql" }, { "mysql", "pg" }, { "pg", "pg" } } do
  for _, spanning in ipairs { "join", "error" } do
    describe(("a write to %s and %s, spanning: %s (SHUNT_SEED=%d)"):format(engines[1], engines[2], spanning, SEED), function()
      local why = Engines.missing()
      if why then
        pending(why)
        return
      end

      local random = Random.new(SEED)
      local cutters, world, last

      setup(function()
        cutters, last = { a = Cutter.open(engines[1]), b = Cutter.open(engines[2]) }, 0
        world = Engines.open { clients = { a = engines[1], b = engines[2] }, default = "a", rules = RULES,
          database = "spanning: " .. spanning, tcp = { a = cutters.a.address, b = cutters.b.address },
          connection = { a = Cutter.plain[engines[1]], b = Cutter.plain[engines[2]] } }
        world.session:execute("a", ("CREATE TABLE ones (%s, v INTEGER)"):format(Cutter.id[engines[1]]))
        world.session:execute("b", ("CREATE TABLE twos (%s, one_id INTEGER, v INTEGER)"):format(Cutter.id[engines[2]]))
      end)
      teardown(function()
        world.app:transactions { resolve = true }
        world:close()
        for _, cutter in pairs(cutters) do cutter:close() end
      end)

      local function all(what)
        for _, cutter in pairs(cutters) do cutter[what](cutter) end
      end

      local function effect(n)
        if spanning == "join" then world.app:transactions { resolve = true } end
        local session <close> = world.app:session { timeout = "20s" }
        return session:query("a", "SELECT count(*) AS c FROM ones WHERE v = ?", { n })[1].c,
          session:query("b", "SELECT count(*) AS c FROM twos WHERE v = ?", { n })[1].c
      end

      local function ready()
        last = last + 1
        all "drop"
        os.execute "sleep 0.01"
        local session = world.app:session { timeout = "20s" }
        session:query("a", "SELECT 1")
        session:query("b", "SELECT 1")
        return session, last
      end

      local function compare(ok, problem, n, refused, at)
        local one, two = effect(n)
        if ok then return assert.same({ 1, 1 }, { one, two }, at) end
        if problem.outcome == "unknown" then
          assert.is_true(one + two == 1 or problem.message:find("may or may not have been", 1, true) ~= nil, at)
          if spanning == "join" then assert.is_true(refused and one == two, at) end
        else
          local count = problem.outcome == "done" and 1 or 0
          assert.same({ count, count }, { one, two }, at)
        end
      end

      local function try(write, client, place, refuse)
        local session <close>, n = ready()
        cutters[client]:cut(place[1], place[2], refuse)
        local ok, problem = pcall(write, session, n)
        all "pass"
        for _, name in ipairs { "a", "b" } do Faults.wait_for_circuit(world.app, name) end
        compare(ok, problem, n, refuse, ("%s, message %d, byte %s%s: %s"):format(client, place[1], place[2],
          refuse and ", then refused" or "", tostring(problem)))
        return ok and "ok" or problem.outcome
      end

      local function log_of(write)
        for _ = 1, 2 do -- the first call describes tables
          local session <close>, n = ready()
          all "watch"
          write(session, n)
          assert.same({ 1, 1 }, { effect(n) })
        end
        local session <close>, n = ready()
        all "watch"
        write(session, n)
        return cutters.a:log(), cutters.b:log()
      end

      for name, write in pairs { ["a nested write"] = nested, ["a transaction"] = spanning == "join" and both or nil } do
        it("says what is known: " .. name, function()
          local told = {}
          local a, b = log_of(write)
          for client, log in pairs { a = a, b = b } do
            for i, place in ipairs(Cutter.sample(random, Cutter.places(log), CUTS)) do
              local outcome = try(write, client, place, i % Cutter.CUT_OFF == 0)
              told[outcome] = (told[outcome] or 0) + 1
            end
          end
          if os.getenv "SHUNT_SHOW" then print(spanning, name, #a, #b, told.ok, told.done, told["not done"], told.unknown) end
          assert.is_truthy(told["not done"])
        end)
      end
    end)
  end
end
