-- The shunt command from outside: exit statuses, what goes to standard output and what to standard error.

local shunt = require "shunt"
local App = require "tests.spec.support.app"
local Command = require "tests.spec.support.command"

local binary, capture, lines, quoted, run = Command.binary, Command.capture, Command.lines, Command.quoted, Command.run

local read = require("tests.files").read

local CONFIG = [[
database:
  defaultClient: main
  clients:
    main:   {engine: sqlite3, connection: {filename: main.db}}
    orders: {engine: sqlite3, connection: {filename: orders.db}}
    iso:    {clone: default, connection: {filename: iso.db}}
    hidden: {engine: pg, connection: {host: db.example, user: app, password: "${SECRET:-swordfish}"}}
instance:
  instances:
    "":   {id: 1}
    team: {id: 2}
    iso:  {id: 3, isolate: true, isolateClient: iso}
rules: {path: [rules]}
]]

local MODELS = [[
model "user" { table = "users", relations = {
  orders = has_many("order", "user_id", { order = "id" }),
  profile = has_one("profile", "user_id"),
} }
model "profile" { table = "profiles" }
model "order" { table = "orders", client = "orders", relations = { user = belongs_to("user", "user_id") } }
]]

local RULES = [[
rule "pros get their own" {
  stage = "override", model = "user",
  client = function(req) if req.attrs.plan == "pro" then return "orders" end end,
}
rule "profiles are never written" { stage = "guard", model = "profile", op = "write", deny = "profiles come from elsewhere" }
rule "this one fails" { stage = "override", instance = "team", model = "profile", client = function(req) return req.attrs.x .. "" end }
rule "anew" { stage = "guard", model = "order", check = function(req) if req.attrs.fresh then uncacheable "for a test" end end }
]]

local SEED = [[
local shunt = require "shunt"
local s = shunt.open("shunt.yaml"):session {}
s:execute("main", "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, score REAL, photo BLOB)")
s:execute("main", "CREATE TABLE profiles (id INTEGER PRIMARY KEY, user_id INTEGER, bio TEXT)")
s:execute("orders", "CREATE TABLE orders (id INTEGER PRIMARY KEY, user_id INTEGER, item TEXT)")
s:execute("iso", "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)")
s:execute("main", "INSERT INTO users VALUES (1, 'Ada', 2.5, x'00ff'), (2, 'Bob', NULL, NULL), (9007199254740993, 'Big', 1, NULL)")
s:execute("main", "INSERT INTO profiles VALUES (5, 1, ?)", { "line\nbreak \27[31m" })
s:execute("orders", "INSERT INTO orders VALUES (10, 1, 'hat'), (11, 1, 'coat'), (12, 7, 'lost')")
s:execute("iso", "INSERT INTO users VALUES (1, 'Isolde')")
]]

describe("the shunt command", function()
  local folder

  setup(function()
    folder = App.folder()
    App.fill(folder, { ["shunt.yaml"] = CONFIG, ["rules/models.lua"] = MODELS, ["rules/policy.lua"] = RULES, ["seed.lua"] = SEED,
      ["shunt.away.yaml"] = "models: {order: {client: hidden}}\n",
      ["shunt.staging.yaml"] = "database: {defaultClient: orders}\n" }, { "main", "orders", "iso" })
    local status, out, err = run(folder, "run seed.lua")
    assert(status == 0, out .. err)
  end)

  teardown(function() App.remove(folder) end)

  local function shunt_run(arguments, environment) return run(folder, arguments, environment) end

  local function json(arguments)
    local status, out, err = shunt_run(arguments)
    local all = lines(out)
    assert.equal(1, #all, out .. err)
    return shunt.json_decode(all[1]), status
  end

  describe("exit status", function()
    local CASES = {
      -- status, arguments, what it must print (to standard error if the status is not 0)
      { 0, "--help", "Usage: shunt" }, { 0, "help", "Usage: shunt" }, { 0, "help resolve", "Usage: shunt resolve" },
      { 0, "--version", "^shunt %d+%.%d+%.%d+\n$" }, { 2, "", "Usage: shunt" }, { 2, "help nope", "unknown command 'nope'" },
      { 2, "resolv", "unknown command 'resolv'" }, { 2, "resolve", "MODEL is missing" },
      { 2, "resolve user --bogus", "unknown option '%-%-bogus'" }, { 2, "resolve usr", "no model 'usr'; did you mean 'user'%?" },
      { 2, "resolve user order", "too many arguments" },
      { 2, "resolve user --client mian", "no client 'mian'; did you mean 'main'%?" },
      { 2, "resolve user --current nope", "%-%-current" }, { 2, "resolve user --instance tem", "did you mean 'team'" },
      { 2, "resolve order --relation user.order", "did you mean 'user.orders'" },
      { 2, "resolve profile --relation user.orders", "leads to 'order'" }, { 2, "resolve user --parent main", "needs %-%-relation" },
      { 2, "resolve user --relation-client main", "needs %-%-relation" }, { 2, "resolve user --op delete", "must be one of" },
      { 2, "resolve user --level=-1", "whole number" }, { 2, "resolve user --level -1", "whole number, not '%-1'" },
      { 2, "query user --limit -1", "whole number, not '%-1'" }, { 2, "--env nope check", "shunt%.nope%.yaml" },
      { 3, "-c nope.yaml check", "nope%.yaml" }, { 0, "-c nope.yaml check -c shunt.yaml", "environment dev" },
      { 0, "--env test check", "environment test" }, { 0, "--env=test check --env prod", "environment prod" }, { 2, "resolve user --where id", "name=value" },
      { 2, "resolve user --where id=1 --where id=2", "twice" }, { 2, "resolve user --env nope", "shunt%.nope%.yaml" },
      { 2, "query user --include orders.nope", "no relation 'nope'" }, { 2, "query user --limit x", "whole number" },
      { 2, "query user --timeout 2", "a duration such as 500ms, 5s, 2m or 1h, not '2'" },
      { 2, "query user --timeout 0s", "not '0s'" },
      { 2, "query user --columns nope", "nope" },
      { 2, "query user --where '{id'", "this is not JSON" }, { 2, "test nowhere", "nowhere" }, { 2, "run", "missing argument" },
      { 2, "bench --model usr", "no model 'usr'; did you mean 'user'" }, { 2, "bench --seconds 0", "whole number from 1 on, not '0'" },
      { 2, "run nowhere.lua", "nowhere%.lua" }, { 3, "resolve user -c nope.yaml", "nope%.yaml.*shunt init" },
      { 1, "resolve profile --op write", "profiles come from elsewhere" },
      { 3, "resolve profile --instance team", "rules/policy%.lua:6: .*SHUNT_E_RULE" },
      { 4, "query order --instance iso --client hidden", "hidden" },
      { 4, "check --online", "hidden" },
      { 2, "transactions list x", "transactions list takes no ID" }, { 2, "transactions end", "must be one of" },
    }
    for _, case in ipairs(CASES) do
      it(("is %d for: shunt %s"):format(case[1], case[2]), function()
        local status, out, err = shunt_run(case[2])
        local denied = case[2]:find "%-%-op write"
        local told = (case[1] == 0 or denied or case[2] == "check --online") and out or err
        assert.equal(case[1], status, out .. err)
        assert(told:find(case[3]), ("expected %s in:\n%s%s"):format(case[3], out, err))
        assert(case[1] ~= 2 or out == "", "usage errors leave standard output alone")
      end)
    end
  end)

  describe("resolve", function()
    it("prints one object with the contract's keys in their order", function()
      local status, out = shunt_run "resolve order --relation user.orders --json"
      assert.equal(0, status)
      assert.equal(1, #lines(out))
      local at = 1
      for _, key in ipairs { "model", "relation", "client", "engine", "level", "table", "op", "role", "rule", "source", "generation",
        "pinned_by", "remembered", "depends_on", "trace" } do
        local found = out:find(('%s"%s":'):format(at == 1 and "{" or ",", key), at, true)
        assert(found, key .. " is missing or out of its order in " .. out)
        at = found + 1
      end
      local d = shunt.json_decode(out)
      assert.same({ "order", "user.orders", "orders", "sqlite3", 0, "orders", "read", "primary" },
        { d.model, d.relation, d.client, d.engine, d.level, d.table, d.op, d.role })
      assert(d.trace[1].stage and d.trace[1].rule and d.trace[1].source and d.trace[1].result)
    end)

    it("has a null relation for a model and denied in place of client on a denial", function()
      local d = json "resolve user --json"
      assert.equal(shunt.null, d.relation)
      local denial, status = json "resolve profile --op write --json"
      assert.equal(1, status)
      assert.equal("profiles come from elsewhere", denial.denied)
      assert.is_nil(denial.client)
      assert.equal("profiles are never written", denial.rule)
    end)

    local PLACES = {
      { "user", "main" }, { "order", "orders" }, { "user --instance iso", "iso" }, { "user --client orders", "orders" },
      { "user --client default --instance iso", "iso" }, { "user --current orders", "orders" }, { "user --attr plan=pro", "orders" },
      { "user --attr plan=free", "main" }, { "--relation user.profile", "main" },
      { "--relation user.profile --parent orders", "orders" }, { "--relation user.profile --relation-client orders", "orders" },
      { "--relation user.profile --relation-client _inherit_ --instance iso", "iso" }, { "user --env staging", "orders" },
    }
    for _, case in ipairs(PLACES) do
      it(("sends %s to %s"):format(case[1], case[2]), function() assert.equal(case[2], json("resolve --json " .. case[1]).client) end)
    end

    it("takes the environment from SHUNT_ENV where --env does not say", function()
      local _, out = shunt_run("resolve user --json", "SHUNT_ENV=staging")
      assert.equal("orders", shunt.json_decode(out).client)
      _, out = shunt_run("resolve user --json --env prod", "SHUNT_ENV=staging")
      assert.equal("main", shunt.json_decode(out).client)
    end)

    it("is plain when piped and names client, table, rule and source", function()
      local _, out = shunt_run "resolve order"
      for _, word in ipairs { "orders %(sqlite3, primary%)", "table +orders", "rule +", "source +rules/standard/" } do
        assert(out:find(word), out)
      end
      assert.is_nil(out:find "\27")
    end)
  end)

  describe("explain", function()
    it("shows every rule with its place, and a single change that leads elsewhere", function()
      local status, out = shunt_run "explain user"
      assert.equal(0, status)
      for _, text in ipairs { "rules/policy.lua:1", "pros get their own", "rules/standard/explicit.lua", "depends on ", "attrs.plan",
        "with --client orders: ", "with --instance iso: ", "with --attr plan=pro: ", "with --env staging: " } do
        assert(out:find(text, 1, true), ("expected %s in:\n%s"):format(text, out))
      end
    end)

    it("says why a rule was passed over", function()
      local _, out = shunt_run "explain user"
      assert(out:find "this one fails%s+conditions not met", out)
    end)

    it("claims of each change only what resolve then says", function()
      local e = json "explain order --relation user.orders --attr plan=pro --where id=3 --json"
      assert(#e.changes > 3)
      for _, change in ipairs(e.changes) do
        local flag = change.change:match "^with (.*)$"
        if flag and not flag:find "^%-%-attr plan" and not flag:find "^%-%-where id" then
          local d = json("resolve order --relation user.orders --attr plan=pro --where id=3 --json " .. flag)
          assert.equal(change.client, d.client, flag)
          assert.equal(change.rule, d.rule, flag)
          assert(d.client ~= e.client or d.table ~= e.table or d.level ~= e.level, flag)
        end
      end
    end)

    it("shows whether the decision is cached, and why not", function()
      for arguments, told in pairs { ["user"] = "remembered: asked again", ["profile --op write"] = "remembered: asked again",
        [("user --attr plan=%s"):format(("x"):rep(2000))] = "not remembered: it depends on a text of more than 1024 bytes",
        ["order --attr fresh=1"] = "taken anew each time: for a test" } do
        local _, out = shunt_run("explain " .. arguments)
        assert(out:find("\n" .. told, 1, true), out)
      end
      local kept, anew = json "explain user --json", json "explain order --attr fresh=1 --json"
      assert.same({ true, shunt.null }, { kept.remembered, kept.not_remembered })
      assert.same({ false, "a rule said uncacheable" }, { anew.remembered, anew.not_remembered })
      local first = json "resolve user --json"
      assert.is_false(first.remembered)
    end)

    it("explains a denial with status 1", function()
      local status, out = shunt_run "explain profile --op write"
      assert.equal(1, status)
      assert(out:find("is denied: profiles come from elsewhere", 1, true), out)
      assert(out:find("with --op read:", 1, true), out)
    end)
  end)

  describe("query", function()
    it("prints a row a line as JSON, columns in their order, relations after them", function()
      local _, out, err = shunt_run "query user --include orders,profile --order id --json"
      local all = lines(out)
      assert.equal(3, #all, err)
      assert.equal('{"id":1,"name":"Ada","score":2.5,"photo":"AP8=","orders":[{"id":10,"user_id":1,"item":"hat"},'
        .. '{"id":11,"user_id":1,"item":"coat"}],"profile":{"id":5,"user_id":1,"bio":"line\\nbreak \\u001B[31m"}}', all[1])
      assert.equal('{"id":2,"name":"Bob","score":null,"photo":null,"orders":[],"profile":null}', all[2])
      assert.equal('{"id":9007199254740993,"name":"Big","score":1.0,"photo":null,"orders":[],"profile":null}', all[3])
    end)

    it("counts the rows of relations, as JSON and in tables", function()
      local _, out = shunt_run "query user --include orders:count,profile:count --where id=1 --json"
      assert.matches('"orders":2,"profile":1}', out, 1, true)
      _, out = shunt_run "query user --include orders:count --where id=1"
      assert.matches("    orders: 2\n", out, 1, true)
      local status, _, err = shunt_run "query user --include nope:count"
      assert.equal(2, status)
      assert.matches("no relation 'nope'", err, 1, true)
    end)

    it("prints tables, related rows under their parents, control characters shown as escapes", function()
      local status, out = shunt_run "query user --include orders,profile --where id=1"
      assert.equal(0, status)
      for _, text in ipairs { "id  name  score  photo", "1  Ada     2.5  <2 bytes>", "orders: 2", "10        1  hat",
        "line\\nbreak \\x1b[31m", "(1 row)" } do
        assert(out:find(text, 1, true), ("expected %s in:\n%s"):format(text, out))
      end
    end)

    local WHERE = {
      { "--where id=1", { 1 } }, { "--where name=Ada", { 1 } }, { "--where 'id!=1' --limit 1 --order id", { 2 } },
      { "--where 'id>=1' --where 'id<2'", { 1 } }, { "--where 'id>1' --where 'id<=2'", { 2 } }, { "--where 'name~B%' --order id", { 2, 9007199254740993 } },
      { [[--where '{"name": {"starts_with": "B"}, "id": {"column": "id"}}' --order id]], { 2, 9007199254740993 } },
      { [[--where '{"_or": [{"id": 1}, {"score": null}]}' --where 'id<3' --order 'score nulls last']], { 1, 2 } },
      { "--where id=1 --columns id --distinct", { 1 } },
      { "--where score=null", { 2 } }, { "--where 'score!=null' --order -id", { 9007199254740993, 1 } }, { "--where id=77", {} },
      { "--where \"name='; DROP TABLE users; --\"", {} }, { "--order id --offset 1 --limit 1 --timeout 1m", { 2 } },
      { "--client iso --columns id", { 1 } }, { "--instance iso --columns id", { 1 } },
    }
    for _, case in ipairs(WHERE) do
      it("reads with " .. case[1], function()
        local status, out, err = shunt_run("query user --json " .. case[1])
        assert.equal(0, status, err)
        local ids = {}
        for i, line in ipairs(lines(out)) do ids[i] = shunt.json_decode(line).id end
        assert.same(case[2], ids)
      end)
    end

    it("shows each statement with its datasource before the rows, beside them with --json", function()
      local _, out = shunt_run "query user --include orders --where id=1 --sql"
      local first, second = out:find "%-%- %[main%] ", out:find "%-%- %[orders%] "
      assert(first == 1 and second and second < out:find "Ada", out)
      local status, rows, err = shunt_run "query user --include orders --where id=1 --sql --json"
      assert.equal(0, status)
      assert.equal(1, #lines(rows))
      assert(err:find "%-%- %[orders%] ", err)
    end)

    it("follows a relation to its datasource", function()
      local _, out = shunt_run "query --relation user.orders --order id --json"
      assert.equal(3, #lines(out))
    end)
  end)

  it("prints a long text without laying out all other rows as wide", function()
    local long = App.folder()
    finally(function() App.remove(long) end)
    App.fill(long, { ["shunt.yaml"] = CONFIG, ["rules/models.lua"] = MODELS }, { "main", "orders", "iso" })
    local seed = [[
      local s = require("shunt").open("shunt.yaml"):session {}
      s:execute("main", "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, score REAL)")
      s:execute("main", "INSERT INTO users VALUES (1, 'short', 1), (2, ?, 2)", { ("x"):rep(200000) })]]
    App.write(long .. "/seed.lua", seed)
    assert.equal(0, (run(long, "run seed.lua")))
    local status, out, err = run(long, "query user --order id")
    local told = lines(out)
    assert.equal(0, status, err)
    assert(told[2]:find "^ *1  short +1.0$" and #told[2] < 300, "the short row takes " .. #told[2] .. " columns")
    assert(told[3]:find "^ *2  x+ +2.0$" and #told[3] > 200000, "the long text is whole")
  end)

  describe("check", function()
    it("reports what leaves an isolated instance, and fails for it only with --strict", function()
      local status, out = shunt_run "check"
      assert.equal(0, status, out)
      assert(out:find "leak: order of the isolated instance 'iso' goes to orders, not to iso", out)
      assert(out:find "leak: user.orders of the isolated instance 'iso'", out)
      assert.equal(1, (shunt_run "check --strict"))
      local report = json "check --json"
      assert.equal(0, report.errors)
      assert(report.leaks >= 2)
      assert.equal("iso", report.findings[1].expected)
    end)

    it("warns of conditions that name what is not there and fails for what can't be decided", function()
      local other = App.folder()
      App.fill(other, { ["shunt.yaml"] = "database: {defaultClient: main, clients: {main: {engine: sqlite3, connection: {filename: m.db}}}}\n"
        .. "rules: {path: [rules]}\n", ["rules/a.lua"] = 'model "user" {}\n'
        .. 'rule "a" { stage = "override", instance = "acme*", client = "main" }\n' }, { "m" })
      local status, out = run(other, "check")
      assert.equal(0, status, out)
      assert(out:find("rules/a.lua:2: warning: the rule 'a' can never hold: there is no instance 'acme*'", 1, true), out)
      App.write(other .. "/rules/b.lua", 'rule "b" { stage = "override", client = function() return nil .. "" end }\n')
      status, out = run(other, "check")
      assert.equal(1, status, out)
      assert(out:find("rules/b.lua:1", 1, true), out)
      App.remove(other)
    end)

    it("compares tables and columns online", function()
      local other = App.folder()
      App.fill(other, { ["shunt.yaml"] = App.database_yaml({ "m" }, "m") .. "rules: {path: [rules]}\n",
        ["rules/a.lua"] = 'model "user" { table = "users", instance_column = "iid", relations = { pets = has_many("pet", "owner_id") } }\n'
          .. 'model "pet" { table = "pets" }\n',
        ["seed.lua"] = 'local s = require "shunt".open("shunt.yaml"):session {}\n'
          .. 's:execute("m", "CREATE TABLE users (id INTEGER PRIMARY KEY, idd INTEGER)")\n' }, { "m" })
      assert.equal(0, (run(other, "run seed.lua")))
      assert.equal(0, (run(other, "check")))
      local status, out = run(other, "check --online")
      assert.equal(1, status, out)
      assert(out:find("has no column 'iid', named by the instance column of model user", 1, true), out)
      assert(out:find("there is no table 'pets' on m", 1, true), out)
      App.write(other .. "/seed.lua", 'local s = require "shunt".open("shunt.yaml"):session {}\n'
        .. 's:execute("m", "CREATE TABLE pets (id INTEGER PRIMARY KEY, owner_id INTEGER)")\n'
        .. 's:execute("m", "ALTER TABLE users ADD COLUMN iid INTEGER")\n')
      assert.equal(0, (run(other, "run seed.lua")))
      status, out = run(other, "check --online --strict")
      assert.equal(0, status, out)
      App.remove(other)
    end)

    describe("of models whose place depends on a value", function()
      local function check_of(rules, flags, seed)
        local other = App.folder()
        App.fill(other, { ["shunt.yaml"] = App.database_yaml({ "m", "n" }, "m") .. "rules: {path: [rules]}\n", ["rules/a.lua"] = rules,
          ["seed.lua"] = 'local s = require "shunt".open("shunt.yaml"):session {}\n' .. (seed or "") }, { "m", "n" })
        if seed then assert.equal(0, (run(other, "run seed.lua"))) end
        local status, out = run(other, "check " .. (flags or ""))
        App.remove(other)
        return status, out
      end

      local function has(out, text) assert(out:find(text, 1, true), out) end

      local rules = [[
        model "user" { relations = { orders = has_many("order", "user_id"), marks = has_many("mark", "order_id"),
          tags = belongs_to_many("order", "mark", "user_id", "id") } }
        model "order" { parts = { tables = "orders_%%d", n = %d }, table = function(req) return "orders_" .. (req:%s("where.user_id", 4) or 0) end }
        model "mark" {}
        rule "marks" { stage = "model", model = "mark", client = function(req) return req.where.kind == 1 and "m" or "n" end }
      ]]

      it("lists the columns, what reads them, the parts, and where relations lead", function()
        local status, out = check_of(rules:format(4, "mod"), "--strict")
        assert.equal(0, status, out)
        for _, line in ipairs {
          "order is sharded by user_id (its table function, rules/a.lua:3): 4 parts\n", "  user.orders leads to one part\n",
          "mark is sharded by kind (marks, rules/a.lua:5): no parts declared\n",
          "  user.marks is an error: its key does not say the place, and no parts are declared\n", "  user.tags leads to one part\n",
        } do has(out, line) end
        out = select(2, check_of(rules:format(4, "bucket"), "--json"))
        has(out, '"sharded":[{"model":"mark","columns":[{"column":"kind","rule":"marks","source":"rules/a.lua:5"}],"parts":0,"relations":[')
        has(out, '{"relation":"user.orders","leads_to":"one part"}')
      end)

      it("fails for a sample key that leads to no part, and warns of parts that no sample reaches", function()
        for _, how in ipairs { "mod", "bucket" } do
          local status, out = check_of(rules:format(3, how))
          assert.equal(1, status, out)
          has(out, "rules/a.lua:3: error: model order: user_id = ")
          has(out, "leads to table orders_3 on m, which is not one of its parts")
          has(select(2, check_of(rules:format(2, how))), "not one of its parts, and other keys lead to 1 place more; correct the rule")
          status, out = check_of(rules:format(6, how))
          assert.equal(0, status, out)
          has(out, "warning: model order: no sample key leads to 2 of its parts (orders_4, orders_5)")
        end
        local status, out = check_of([[model "event" { parts = { tables = { "e_2024", "e_2025" } }, types = { on = "date" },
          table = function(req) return "e_" .. tostring(req.where.on):sub(1, 4) end }]], "--strict")
        assert.equal(0, status, out)
      end)

      it("warns online of a column that takes different texts for equal", function()
        local seed = [[for b = 0, 3 do s:execute("m", "CREATE TABLE orders_" .. b .. " (id INTEGER PRIMARY KEY, user_id TEXT COLLATE NOCASE)") end
          s:execute("m", "CREATE TABLE user (id INTEGER PRIMARY KEY)")
          s:execute("n", "CREATE TABLE mark (id INTEGER PRIMARY KEY, user_id INTEGER, order_id INTEGER, kind TEXT COLLATE NOCASE)")]]
        local status, out = check_of(rules:format(4, "bucket"), "--online", seed)
        assert.equal(0, status, out)
        has(out, "model order: 'user_id' chooses the place, and in the table orders_0 on m its collation NOCASE takes texts with different "
          .. "letters for equal; an access by a text asks all parts. Give it a collation that compares bytes")
        has(out, "model mark: 'kind' chooses the place, and in the table mark on n its collation NOCASE takes texts with different letters "
          .. "for equal; an access by one spelling misses the rows of another, as no parts are declared")
      end)
    end)

    it("finds keys that are not unique and relations named like columns online", function()
      local other = App.folder()
      App.fill(other, { ["shunt.yaml"] = App.database_yaml({ "m" }, "m") .. "rules: {path: [rules]}\n",
        ["rules/a.lua"] = 'model "wrong" { table = "salaries", primary_key = "emp_no" }\n'
          .. 'model "right" { table = "salaries", primary_key = { "Emp_No", "from_date" }, relations = { amount = has_many("right", '
          .. '{ "emp_no", "from_date" }) } }\nmodel "code" { table = "salaries", primary_key = "code" }\n'
          .. 'model "view" { table = "seen", primary_key = "emp_no" }\n'
          .. 'model "lacks" { table = "salaries", primary_key = { "emp_no", "fromdate" } }\n',
        ["seed.lua"] = 'local s = require "shunt".open("shunt.yaml"):session {}\n'
          .. 's:execute("m", "CREATE TABLE salaries (emp_no INTEGER, from_date TEXT, amount INTEGER, code TEXT UNIQUE, part TEXT, '
          .. 'PRIMARY KEY (emp_no, from_date))")\ns:execute("m", "CREATE UNIQUE INDEX part ON salaries (emp_no) WHERE part = 1")\n'
          .. 's:execute("m", "CREATE UNIQUE INDEX expression ON salaries (emp_no, lower(part))")\n'
          .. 's:execute("m", "CREATE VIEW seen AS SELECT * FROM salaries")\n' }, { "m" })
      assert.equal(0, (run(other, "run seed.lua")))
      local status, out = run(other, "check --online")
      assert.equal(1, status, out)
      assert(out:find("rules/a.lua:1", 1, true), out)
      assert(out:find("model wrong: its primary key (emp_no) is not unique in the table salaries on m; a unique key there is "
        .. "(emp_no, from_date)", 1, true), out)
      assert(out:find("relation right.amount has the name of a column of the table salaries on m", 1, true), out)
      assert(out:find("has no column 'fromdate', named by the primary key of model lacks", 1, true), out)
      assert.is_nil(out:find("model code", 1, true), out)
      assert.is_nil(out:find("model view", 1, true), out)
      assert.is_nil(out:find("model right:", 1, true), out)
      App.remove(other)
    end)

    it("describes keys of several columns", function()
      local other = App.folder()
      App.fill(other, { ["shunt.yaml"] = App.database_yaml({ "m" }, "m") .. "rules: {path: [rules]}\n",
        ["rules/a.lua"] = 'model "salary" { primary_key = { "emp_no", "from_date" } }\n'
          .. 'model "person" { primary_key = { "emp_no", "dept" }, relations = { paid = has_many("salary", { "emp_no", "dept" }) } }\n' },
        { "m" })
      local status, out = run(other, "topology --json")
      assert.equal(0, status, out)
      assert(out:find('"foreign_key":["emp_no","dept"]', 1, true), out)
      App.remove(other)
    end)

    it("takes a table between two others online without a primary key", function()
      local other = App.folder()
      App.fill(other, { ["shunt.yaml"] = App.database_yaml({ "m" }, "m") .. "rules: {path: [rules]}\n",
        ["rules/a.lua"] = 'model "user" { relations = { roles = belongs_to_many("link", "role", "user_id", "role_id") } }\n'
          .. 'model "role" {}\nmodel "link" {}\n',
        ["seed.lua"] = 'local s = require "shunt".open("shunt.yaml"):session {}\n'
          .. 'for _, name in ipairs { "user", "role" } do s:execute("m", ("CREATE TABLE %s (id INTEGER PRIMARY KEY)"):format(name)) end\n'
          .. 's:execute("m", "CREATE TABLE link (user_id INTEGER, roleid INTEGER)")\n' }, { "m" })
      assert.equal(0, (run(other, "run seed.lua")))
      local status, out = run(other, "check --online")
      assert.equal(1, status, out)
      assert(out:find("the table link on m has no column 'role_id'", 1, true), out)
      assert.is_nil(out:find("primary key", 1, true), out)
      App.remove(other)
    end)
  end)

  describe("an application that does not load", function()
    it("has each mistake on a line of its own, as FILE:LINE:COLUMN: message, with status 3", function()
      local other = App.folder()
      App.fill(other, { ["shunt.yaml"] = [[
database:
  defaultClient: man
  clients:
    main: {engine: sqlit3, connection: {filename: m.db}}
    copy: {clone: copy}
  pools: {}
instance:
  instances:
    a: {id: 1, isolate: true}
    b: {id: 1}
]] })
      local status, out, err = run(other, "resolve user")
      assert.equal(3, status)
      assert.equal("", out)
      local all = lines(err)
      assert(#all >= 5, err)
      for _, line in ipairs(all) do assert(line:find "^shunt%.yaml:%d+:%d+: .", line) end
      App.remove(other)
    end)

    it("does not wait for pipes without a writer", function()
      local pipes = App.folder()
      finally(function() App.remove(pipes) end)
      App.fill(pipes, { ["shunt.yaml"] = CONFIG, ["secret.yaml"] = CONFIG:gsub("main.db", '"${file:pipe}"'),
        ["overlaid.yaml"] = CONFIG, ["rules/models.lua"] = MODELS })
      capture(("cd %s && mkfifo pipe overlaid.dev.yaml && mkfifo rules/pipe.lua"):format(quoted(pipes)))
      for path, told in pairs { pipe = "pipe: can't read", ["overlaid.yaml"] = "overlaid.dev.yaml: can't read",
        ["shunt.yaml"] = "rules/pipe.lua can't be read", ["secret.yaml"] = "can't read the file 'pipe'" } do
        local status, _, err = run(pipes, "check -c " .. path)
        assert.equal(3, status, path .. ": " .. err)
        assert(err:find(told, 1, true) and err:find("no program writes into it", 1, true), path .. ": " .. err)
      end
    end)

    it("is not loaded further than a rule file that hits a limit", function()
      local heavy = App.folder()
      finally(function() App.remove(heavy) end)
      App.fill(heavy, { ["shunt.yaml"] = CONFIG, ["rules/1.lua"] = "syntax error", ["rules/2.lua"] = "\nwhile true do end",
        ["rules/3.lua"] = "while true do end" })
      local status, _, err = run(heavy, "check")
      local told = lines(err)
      assert.equal(3, status, err)
      assert.equal(2, #told, err)
      assert(told[1]:find "^rules/1.lua:1: " and told[2]:find "^rules/2.lua:2: over the limit of %d+ instructions", err)
    end)

    it("prints each mistake on one line, whatever a rule file raises", function()
      local raising = App.folder()
      finally(function() App.remove(raising) end)
      App.fill(raising, { ["shunt.yaml"] = CONFIG, ["rules/1.lua"] = 'error("one\\ntwo\\27[31m")' })
      local status, _, err = run(raising, "check")
      assert.equal(3, status, err)
      assert.equal("rules/1.lua:1: one\\ntwo\\x1b[31m", lines(err)[1])
    end)

    it("says of a module that failed once that it failed, and not only that it requires itself", function()
      local broken = App.folder()
      finally(function() App.remove(broken) end)
      App.fill(broken, { ["shunt.yaml"] = CONFIG:gsub("path: %[rules%]", "path: [rules/1.lua, rules/2.lua, lib]"),
        ["rules/1.lua"] = 'require "broken"', ["rules/2.lua"] = 'require "broken"', ["lib/broken.lua"] = 'error "no"' })
      local _, _, err = run(broken, "check")
      assert(err:find("lib/broken.lua:1: no", 1, true), err)
      assert(err:find("rules/2.lua:1: module 'broken' requires itself, or could not be loaded before", 1, true), err)
    end)

    it("names file and line of a rule file that does not parse", function()
      local other = App.folder()
      App.fill(other, { ["shunt.yaml"] = App.database_yaml({ "m" }, "m") .. "rules: {path: [rules]}\n",
        ["rules/a.lua"] = "model 'x' {}\nrule rule\n" }, { "m" })
      local status, _, err = run(other, "resolve x")
      assert.equal(3, status)
      assert(err:find "^rules/a%.lua:%d+:", err)
      App.remove(other)
    end)
  end)

  describe("topology", function()
    it("shows which relations cross datasources, as text and as JSON", function()
      local _, out = shunt_run "topology"
      assert(out:find "orders +has_many order +orders +orders  crosses datasources", out)
      assert.is_nil(out:find("profile +has_one profile +profiles +main  crosses", 1, false))
      local t = json "topology --format json"
      assert.same({ "user.orders" }, t.crossing)
      assert.same({ "hidden", "iso", "main", "orders" },
        { t.clients[1].name, t.clients[2].name, t.clients[3].name, t.clients[4].name })
      assert.equal("iso", t.instances[2].isolate_client)
    end)

    it("draws graphs", function()
      local _, dot = shunt_run "topology --format dot"
      assert(dot:find('"user" -> "order" [label="orders", style=dashed];', 1, true), dot)
      local _, mermaid = shunt_run "topology --format mermaid"
      assert(mermaid:find '^flowchart LR\n', mermaid)
      assert.equal(2, (shunt_run "topology --format png"))
    end)
  end)

  it("never prints a secret", function()
    for _, command in ipairs { "config", "topology", "topology --json", "resolve user --client hidden --json", "check --online",
      "query user --client hidden" } do
      local _, out, err = shunt_run(command, "SECRET=open-sesame")
      assert.is_nil((out .. err):find("sesame", 1, true), command)
    end
    local status, out = shunt_run "config"
    assert.equal(0, status)
    assert(out:find("********", 1, true), out)
  end)

  describe("transactions", function()
    it("lists the datasources that can't be asked, with status 4", function()
      local row, status = json "transactions list --json"
      assert.equal(4, status)
      assert.equal("hidden", row.client)
      assert.equal(shunt.null, row.id)
      assert(row.error:find "db.example", row.error)
      local out
      status, out = shunt_run "transactions resolve x"
      assert.equal(4, status)
      assert(out:find "hidden", out)
    end)

    it("has nothing to list without prepared transactions, and no id to resolve", function()
      local app, other = App.open { ["shunt.yaml"] = "database: {defaultClient: m, clients: {m: {engine: sqlite3, connection: {filename: ':memory:'}}}}" }
      app:close()
      for _, action in ipairs { "list", "resolve" } do
        local status, out = run(other, "transactions " .. action)
        assert.equal(0, status)
        assert.equal("no prepared transactions\n", out)
        assert.equal("", (select(2, run(other, "transactions --json " .. action))))
      end
      local status, _, err = run(other, "transactions resolve x")
      assert.equal(2, status)
      assert(err:find "no datasource has a prepared transaction x", err)
      App.remove(other)
    end)
  end)

  describe("run", function()
    it("hands the script its arguments, options included, and the presets of -c and --env", function()
      App.write(folder .. "/a.lua", [[
local shunt = require "shunt"
print(arg[0], ...)
print(shunt.open():describe().env)
]])
      local status, out, err = shunt_run "run --env staging a.lua --env x -c"
      assert.equal(0, status, err)
      assert.equal("a.lua\t--env\tx\t-c\nstaging\n", out)
      status, out, err = shunt_run "-- run a.lua --env x"
      assert.equal(0, status, err)
      assert.equal("a.lua\t--env\tx\ndev\n", out)
    end)

    it("gives a traceback with status 1, and the status of an error of shunt's", function()
      App.write(folder .. "/b.lua", 'local function deep() error("broken " .. arg[1]) end\ndeep()\n')
      local status, _, err = shunt_run "run b.lua pipe"
      assert.equal(1, status)
      assert(err:find "b%.lua:1: broken pipe.*stack traceback:.*b%.lua:2", err)
      App.write(folder .. "/c.lua", 'require("shunt").open("shunt.yaml"):session {}:query("hidden", "select 1")\n')
      assert.equal(4, (shunt_run "run c.lua"))
      App.write(folder .. "/d.lua", 'require("shunt").open("nope.yaml")\n')
      assert.equal(3, (shunt_run "run d.lua"))
    end)

    it("takes a program from standard input, and from the command line", function()
      local function out_of(arguments, input)
        return (capture(("cd %s && printf '%%s' %s | %s %s 2>&1"):format(quoted(folder), quoted(input or ""), quoted(binary), arguments)))
      end
      assert.equal("-\ta\t-e\t--env\tx\n", out_of("run - a -e --env x", "print(arg[0], ...)"))
      assert.equal("left\n", out_of("run -e 'print(io.read())'", "left\n"))
      assert.equal("staging\t-b\t--env\n", out_of [[run --env staging -e 'print(require("shunt").open():describe().env, ...)' -- -b --env]])
      assert.equal("staging\t-e\n", out_of [[-c . run -e 'print(require("shunt").open():describe().env, ...)' --env staging -- -e]])
      assert.equal("1\n2\t7\n", out_of "run -e 'print(1)' --execute='print(2, ...)' 7")
      assert.matches("^shunt: %(command line%):1: no\nstack traceback:\n.*in main chunk\n$", out_of [[run -e 'error "no"']])
      assert.matches("^shunt: stdin:2: no\nstack traceback:\n", out_of("run -", "\nerror 'no'"))
      assert.matches("^shunt: %(command line%):1: unexpected symbol", out_of "run -e 'x ='")
      assert.matches("missing argument", out_of "run --env staging")
      assert.matches("requires an argument", out_of "run -e")
    end)

    it("begins an error of shunt's with the script's line, and ends it with the traceback", function()
      local OPEN = 'local s = require("shunt").open("shunt.yaml"):session {}\n'
      local FAILING = { -- program, what it prints first, a line of its traceback
        { OPEN .. 'local function deep() s:model("user"):get { nme = 1 } end\ndeep()', "f.lua:2: model 'user' has no column 'nme'",
          "\tf.lua:3: in main chunk" },
        { OPEN .. "\ns:transaction(function()\n  s:model('user'):insert { id = 1 }\nend)", "f.lua:4: UNIQUE constraint failed", "\tf.lua:3: in " },
        { OPEN .. "s:switch_db('orders', function()\n  error 'broken'\nend)", "f.lua:3: broken", "\tf.lua:2: in " },
        { OPEN .. "s:model('profile'):delete { id = 1 }", "f.lua:2: rules/policy.lua:5: denied by", "\tf.lua:2: in main chunk" },
        { 'local s = require("shunt").open("shunt.yaml"):session { instance = "team" }\ns:resolve("profile")',
          "f.lua:2: rules/policy.lua:6: attempt to", "\tf.lua:2: in main chunk" },
        { "error { code = 'X' }", "table: 0x", "\tf.lua:1: in main chunk" },
        { "error(setmetatable({}, { __tostring = function() return 'my own' end }))", "my own", "\tf.lua:1: in main chunk" },
        { "local x = = 1", "f.lua:1: unexpected symbol near '='" },
      }
      for _, case in ipairs(FAILING) do
        App.write(folder .. "/f.lua", case[1])
        local status, _, err = shunt_run "run f.lua"
        local first = lines(err)[1]:gsub("^shunt: ", "")
        assert(status > 0, case[1])
        assert.equal(1, (first:find(case[2], 1, true)), err)
        if case[3] then assert(err:find("\nstack traceback:\n.*" .. case[3]:gsub("%p", "%%%0")), err) end
        assert.is_nil(err:find("shunt/cli", 1, true), err)
      end
    end)
  end)

  describe("bench", function()
    it("shows on a terminal what it does, and removes that", function()
      local _, _, piped = shunt_run "bench --seconds 1 --json"
      assert.equal("", piped)
      if capture "command -v script" == "" then return pending "there is no script(1)" end
      local text = capture(("cd %s && TERM=xterm script -qec '%s bench --seconds 1 --model order --json' /dev/null </dev/null"):format(quoted(folder),
        binary))
      assert(text:find("reads of order on orders", 1, true), text)
      assert(text:find "\r\27%[K{[^\r\27]*\r?\n[^\27]*$", text) -- nothing is left beside the object
      text = capture(("cd %s && TERM=dumb script -qec '%s bench --seconds 1 --model order --json' /dev/null </dev/null"):format(quoted(folder),
        binary))
      assert.is_nil(text:find("\27", 1, true), text)
    end)

    it("measures deciding and reading, on the datasources that answer", function()
      local status, out, err = shunt_run "bench --seconds 1"
      assert.equal(0, status, err)
      for _, text in ipairs { "\nmodels, read +%d+ +%d", "\nmodels, write +%d+ +%d", "\nrelations, read +%d+ +%d", "\nmain +%d", "\norders +%d.* 3  order\n",
        "\nremembered: %d+ entries, %d+ decisions", "\nnodes: fields %d+", "explicit client +%d+ +%d+ +%d" } do
        assert(out:find(text), ("expected %s in:\n%s"):format(text, out))
      end
      assert.is_nil(out:find("hidden", 1, true)) -- no model goes there
    end)

    it("is one object for programs, and leaves it at one model where one is named", function()
      local b = json "bench --seconds 1 --model order --json"
      assert.same({ "models, read", "models, write", "relations, read" }, { b.deciding[1].kind, b.deciding[2].kind, b.deciding[3].kind })
      for _, kind in ipairs(b.deciding) do
        assert(kind.requests >= 3 and kind.remembered_ns > 0 and kind.asked_ns > 0)
      end
      assert.equal(1, #b.reading)
      assert.same({ "orders", "order", 3, shunt.null },
        { b.reading[1].client, b.reading[1].model, b.reading[1].rows, b.reading[1].problem })
      assert(b.reading[1].get_ns > 0 and b.reading[1].select_ns > 0)
      assert(b.statistics.hits > b.statistics.misses and b.statistics.misses > 0 and b.statistics.entries > 0)
      assert(b.statistics.remembers and b.nodes.fields > 0)
      local by_name = {}
      for _, rule in ipairs(b.rules) do by_name[rule.name] = rule end
      assert.equal(0, by_name["profiles are never written"].asked)
      assert(by_name["anew"].asked > 0 and by_name["model's client"].selected > 0)
    end)

    it("prints the error of a datasource that does not answer", function()
      local status, out = shunt_run("bench --seconds 1 --env away")
      assert.equal(0, status, out)
      assert(out:find("hidden", 1, true) and out:find "\nmain +%d", out)
    end)
  end)

  it("ends quietly when the reader of its output goes away", function()
    local command = ("cd %s && { %s query user --json; echo $? >status; } 2>err | true"):format(quoted(folder), quoted(binary))
    capture(command)
    assert.equal("", read(folder .. "/err"))
  end)

  it("says so when its output can't be written", function()
    if not io.open("/dev/full", "w") then return pending "there is no /dev/full" end
    local status, _, err = shunt_run "config >/dev/full"
    assert.equal(1, status)
    assert(err:find "output can't be written", err)
  end)
end)

describe("shunt init", function()
  local folder

  setup(function() folder = App.folder() end)
  teardown(function() App.remove(folder) end)

  it("makes an application whose every next step works", function()
    local status, out, err = run(folder, "init shop")
    assert.equal(0, status, out .. err)
    local steps = 0
    for line in out:gmatch "[^\n]+" do
      local arguments = line:match "^  %S*shunt'? (.* %-c .*)$"
      if arguments then
        steps = steps + 1
        local got, text, told = run(folder, arguments)
        assert.equal(0, got, ("shunt %s\n%s%s"):format(arguments, text, told))
      end
    end
    assert.equal(5, steps, out)
    local strict, report = run(folder, "check --strict --online -c shop/shunt.yaml")
    assert.equal(0, strict, report)
  end)

  it("comes with specs that decide by every rule", function()
    local status, out, err = run(folder, "test -c shop/shunt.yaml")
    assert.equal(0, status, out .. err)
    assert(out:find("3 successes / 0 failures", 1, true), out)
    assert(out:find("rule coverage: 2 of 2 rules decided at least once", 1, true), out)
  end)

  it("loads rows of two files as one graph", function()
    local _, out, err = run(folder, "query user --include orders --order id --json -c shop/shunt.yaml")
    local first = shunt.json_decode(assert(lines(out)[1], err))
    assert.equal("Ada", first.name)
    assert.same({ "Compass", "Notebook" }, { first.orders[1].item, first.orders[2].item })
  end)

  it("works from inside its folder too", function()
    local status, out, err = run(folder .. "/shop", "test")
    assert.equal(0, status, out .. err)
    assert.equal(0, (run(folder .. "/shop", "run seed.lua")))
  end)

  it("names the file that can't be written", function()
    local text, status = capture(("trap '' XFSZ; ulimit -f 1; cd %s && %s init large 2>&1"):format(quoted(folder), quoted(binary)))
    assert.equal(1, status)
    assert(text:find "^shunt: large/[%w./_]+: File too large\n$", text)
  end)

  it("never writes into a folder that is not empty, or over a file", function()
    App.fill(folder, { ["taken/mine.txt"] = "mine", ["file"] = "text" })
    local status, _, err = run(folder, "init taken")
    assert.equal(2, status)
    assert(err:find("taken is not empty", 1, true), err)
    assert.equal("mine.txt\n", (capture("ls -A " .. quoted(folder .. "/taken"))))
    assert.equal(2, (run(folder, "init file")))
    assert.equal("text", read(folder .. "/file"))
    assert.equal(2, (run(folder, "init")))
  end)
end)

describe("shunt test", function()
  local folder

  setup(function()
    folder = App.folder()
    App.fill(folder, { ["shunt.yaml"] = App.database_yaml({ "m" }, "m") .. "rules: {path: [rules]}\n",
      ["shunt.test.yaml"] = "instance: {instances: {only-in-test: {id: 9}}}\n",
      ["rules/a.lua"] = 'model "user" {}\nrule "never" { stage = "override", instance = "only-in-test", client = "m" }\n',
      ["spec/a_spec.lua"] = 'require "shunt.busted"\nit("holds", function() assert.routes("user", "m") end)\n',
      ["bad/b_spec.lua"] = 'require "shunt.busted"\nit("breaks", function() assert.routes("user", "n") end)\n' }, { "m" })
  end)
  teardown(function() App.remove(folder) end)

  it("runs in the environment test and lists the rules that were never asked", function()
    local status, out, err = run(folder, "test")
    assert.equal(0, status, out .. err)
    assert(out:find("rule coverage: 0 of 1 rule decided at least once", 1, true), out)
    assert(out:find "never asked +rules/a%.lua:2 +never", out)
    assert.equal(0, (run(folder, "resolve user --instance only-in-test --env test")))
    assert.equal(2, (run(folder, "resolve user --instance only-in-test")))
  end)

  it("fails with the named specs, and shows the trace", function()
    local status, out = run(folder, "test spec bad/b_spec.lua")
    assert.equal(1, status)
    assert(out:find("1 success / 1 failure", 1, true), out)
    assert(out:find('client = "n"', 1, true) and out:find("The way to it:", 1, true), out)
    assert(out:find("rule coverage:", 1, true), out)
  end)

  it("keeps the coverage out of output for programs", function()
    for paths, failures in pairs { ["spec"] = 0, ["spec bad/b_spec.lua"] = 1 } do
      local status, out, err = run(folder, "test --output json " .. paths)
      assert.equal(failures, status)
      assert.equal(failures, #shunt.json_decode(out).failures)
      assert(err:find("rule coverage: 0 of 1 rule", 1, true), err)
    end
    for _, format in ipairs { "TAP", "junit", "gtest" } do
      local _, out, err = run(folder, "test --output " .. format)
      assert.is_nil(out:find("rule coverage", 1, true), out)
      assert(err:find("rule coverage", 1, true), err)
    end
    assert(select(2, run(folder, "test --output utfTerminal")):find("rule coverage", 1, true))
  end)

  it("heeds the output that the file .busted names, and not the Lua", function()
    App.write(folder .. "/.busted", 'return { default = { output = "json", lua = "no-such-lua" } }')
    finally(function() os.remove(folder .. "/.busted") end)
    local status, out, err = run(folder, "test")
    assert.equal(0, status, err)
    assert.equal(1, #shunt.json_decode(out).successes)
    assert(err:find("rule coverage", 1, true), err)
  end)

  it("hands busted what follows --", function()
    local status, out = run(folder, "test -- --list")
    assert.equal(0, status)
    assert(out:find "holds\n$" and not out:find("rule coverage", 1, true), out)
    status, out = run(folder, "test bad -- --filter-out=breaks --output=json")
    assert.equal(0, status, out)
    assert.equal(0, #shunt.json_decode(out).failures)
    status, out = run(folder, "test --output json -- -o TAP --repeat=2")
    assert.equal(0, status, out)
    assert.equal(2, select(2, out:gsub("ok %d", "")), out)
    local _, text, err = run(folder, "test -- --bogus")
    assert.equal("", text)
    assert(err:find("shunt: busted: ", 1, true) and err:find("--bogus", 1, true), err)
    assert.equal(2, (run(folder, "test -- --bogus")))
    status, out = run(folder, "test -- --help")
    assert(status == 0 and out:find "^Usage: " and out:find("--shuffle", 1, true), out)
    assert.is_nil(out:find("rule coverage", 1, true), out)
  end)

  it("writes the coverage to files, and fails if it is too low", function()
    App.write(folder .. "/rules/b.lua", 'rule "<always> & \\"all\\"" { stage = "override", model = "user", client = "m" }\n')
    finally(function() os.remove(folder .. "/rules/b.lua") end)
    local status, out, err = run(folder, "test --coverage c.json --coverage c.html --min-coverage 50")
    assert.equal(0, status, out .. err)
    local report = shunt.json_decode(read(folder .. "/c.json"))
    assert.same({ 2, 1, 50.0 }, { report.total, report.decided, report.percent })
    local by_name = {}
    for _, rule in ipairs(report.rules) do by_name[rule.name] = rule end
    assert.same({ name = '<always> & "all"', stage = "override", source = "rules/b.lua:1", asked = 1, decided = 1 }, by_name['<always> & "all"'])
    assert.equal(0, by_name.never.asked)
    local page = read(folder .. "/c.html")
    for _, text in ipairs { "Rule coverage: 50.0 %", "&lt;always&gt; &amp; &quot;all&quot;", 'class="missed"><td>never</td>', "rules/a.lua:2" } do
      assert(page:find(text, 1, true), page)
    end
    local short, _, why = run(folder, "test --min-coverage 50.1")
    assert.equal(1, short)
    assert(why:find("the rule coverage is 50.0 %, less than the 50.1 % of --min-coverage", 1, true), why)
    assert.equal(1, (run(folder, "test bad --min-coverage 0")))
    assert.equal(2, (run(folder, "test --min-coverage 101")))
    assert.equal(2, (run(folder, "test --coverage c.txt")))
    status, out = run(folder, "test --coverage no/c.json")
    assert.equal("1 ", status .. " " .. out) -- before the specs run
  end)

  it("runs again after a change with --watch, until a signal", function()
    App.write(folder .. "/watch.sh", [[
      "$1" test --watch >out 2>&1 </dev/null &
      echo $! >pid
      wait $!
      echo "status $?" >>out
    ]])
    os.execute(("cd %s && sh watch.sh %s >/dev/null 2>&1 &"):format(quoted(folder), quoted(binary)))
    local function runs(n)
      for _ = 1, 300 do
        local _, done = (require("tests.files").try_read(folder .. "/out") or ""):gsub("waiting for a change", "")
        if done >= n then return end
        os.execute "sleep 0.1"
      end
    end
    local function append(text)
      local file = assert(io.open(folder .. "/spec/a_spec.lua", "a"))
      file:write(text)
      file:close()
    end
    runs(1)
    append "-- changed\n"
    runs(2)
    append 'it("fails", function() error "no" end)\n'
    runs(3)
    os.execute("kill -TERM " .. read(folder .. "/pid"))
    for _ = 1, 300 do
      if read(folder .. "/out"):find "status" then break end
      os.execute "sleep 0.1"
    end
    local out = read(folder .. "/out")
    assert.equal(3, select(2, out:gsub("waiting for a change", "")), out)
    assert(out:find "1 success / 0 failures / 0 errors.*1 success / 0 failures / 0 errors.*1 success / 0 failures / 1 error", out)
    assert(out:find "status 1\n$", out)
    App.write(folder .. "/spec/a_spec.lua", 'require "shunt.busted"\nit("holds", function() assert.routes("user", "m") end)\n')
  end)

  it("fails for a spec that does not load, and for a folder without specs", function()
    App.fill(folder, { ["broken/c_spec.lua"] = "it(\n", ["none/readme.txt"] = "" })
    assert.equal(1, (run(folder, "test broken")))
    assert.equal(1, (run(folder, "test none")))
  end)
end)
