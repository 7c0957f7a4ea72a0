-- Rows on the command line: shunt query with alternatives and lists, shunt sql, and the formats of both.

local shunt = require "shunt"
local App = require "tests.spec.support.app"
local Command = require "tests.spec.support.command"
local Random = require "tests.spec.support.random"

local lines, quoted, run = Command.lines, Command.quoted, Command.run

local SEED = [[
local s = require("shunt").open("shunt.yaml"):session {}
s:execute("main", "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, age INTEGER, photo BLOB)")
s:execute("main", "CREATE TABLE orders (id INTEGER PRIMARY KEY, user_id INTEGER, item TEXT)")
for _, row in ipairs { { 1, "Ada", 36 }, { 2, "Bob, \"the\" builder", 7 }, { 3, "", 36 }, { 4, "line\nbreak" }, { 5, "Eve", 0 } } do
  s:execute("main", "INSERT INTO users (id, name, age) VALUES (?, ?, ?)", { row[1], row[2], row[3] or require("shunt").null })
end
s:execute("main", "UPDATE users SET photo = x'00ff' WHERE id = 1")
s:execute("main", "INSERT INTO orders VALUES (10, 1, 'hat'), (11, 1, 'coat')")
]]

local RULES = [[
model "user" { table = "users", relations = { orders = has_many("order", "user_id", { order = "id" }) } }
model "order" { table = "orders" }
rule "guests only read" { stage = "guard", op = "write", when = function(req) return req.attrs.plan == "guest" end, deny = "a guest only reads" }
rule "none" { stage = "guard", client = "closed", deny = "it is closed" }
]]

describe("rows on the command line", function()
  local folder

  setup(function()
    folder = App.folder()
    local config = App.database_yaml({ "main", "closed" }, "main")
      .. "instance: {instances: {\"\": {id: 1}, acme: {id: 2}}}\nrules: {path: [rules]}\n"
    App.fill(folder, { ["shunt.yaml"] = config, ["rules/a.lua"] = RULES, ["seed.lua"] = SEED }, { "main", "closed" })
    local status, out, err = run(folder, "run seed.lua")
    assert(status == 0, out .. err)
  end)
  teardown(function() App.remove(folder) end)

  local function printed(arguments, expected)
    local status, out, err = run(folder, arguments)
    assert.equal(0, status, err)
    assert.equal(expected, out)
  end

  local function refused(arguments, status, told)
    local got, out, err = run(folder, arguments)
    assert.equal(status, got, out .. err)
    assert.equal("", out)
    assert(err:find(told, 1, true), err)
  end

  describe("as CSV", function()
    it("quote what needs it, and tell an empty text from null", function()
      printed("query user --order id --format csv", 'id,name,age,photo\n1,Ada,36,AP8=\n2,"Bob, ""the"" builder",7,\n3,"",36,\n'
        .. '4,"line\nbreak",,\n5,Eve,0,\n')
    end)

    it("have the number of a relation's rows, and refuse the rows", function()
      printed("query user --order id --limit 2 --columns id --include orders:count --format csv", "id,orders\n1,2\n2,0\n")
      refused("query user --include orders --format csv", 2, "count them with orders:count")
    end)

    it("begin with the names of the columns even if there is no row", function()
      printed("query order --where id=7 --format csv", "id,user_id,item\n")
    end)
  end)

  describe("expanded", function()
    it("have a line for each column, and related rows below", function()
      printed("query user --where id=1 --include orders --format expanded", "[1]\nid     1\nname   Ada\nage    36\nphoto  <2 bytes>\n"
        .. "    orders: 2\n      [1]\n      id       10\n      user_id  1\n      item     hat\n"
        .. "      [2]\n      id       11\n      user_id  1\n      item     coat\n(1 row)\n")
    end)
  end)

  it("are JSON lines with --json and with --format json, and refuse two formats", function()
    local one = '{"id":5,"name":"Eve"}\n'
    printed("query user --where id=5 --columns id,name --json", one)
    printed("query user --where id=5 --columns id,name --format json", one)
    printed("query user --where id=5 --columns id,name --json --format json", one)
    refused("query user --json --format csv", 2, "two formats")
    refused("query user --format xml", 2, "must be one of")
  end)

  describe("found with", function()
    local CASES = {
      { "--where 'id in 1,3'", { 1, 3 } }, { "--where 'id in (2)'", { 2 } }, { "--where 'id IN(1, 2)'", { 1, 2 } },
      { "--where 'id not in 1,2,3'", { 4, 5 } }, { "--where 'id in ()'", {} }, { "--where 'name in Ada,\"Bob, \\\"the\\\" builder\"'", { 1, 2 } },
      { "--where 'id in 1,2' --where 'id not in 2'", { 1 } }, { "--where id=1 --or id=5", { 1, 5 } }, { "--or id=4", { 4 } },
      { "--where age=36 --where id=1 --or age=7", { 1, 2 } }, { "--or age=36 --where id=3 --or age=0 --or age=7", { 2, 3, 5 } },
      { "--where age=null --or 'id>4'", { 4, 5 } }, { [[--where '{"_not": {"id": [1, 2]}}' --or id=2]], { 2, 3, 4, 5 } },
    }
    for _, case in ipairs(CASES) do
      it(case[1], function()
        local status, out, err = run(folder, "query user --order id --format csv --columns id " .. case[1])
        assert.equal(0, status, err)
        local ids = {}
        for id in out:gmatch "\n(%d+)" do ids[#ids + 1] = tonumber(id) end
        assert.same(case[2], ids)
      end)
    end

    it("random alternatives are those that each row is tried against", function()
      local seed = Random.seed()
      local random = Random.new(seed)
      local rows = { { id = 1, age = 36 }, { id = 2, age = 7 }, { id = 3, age = 36 }, { id = 4 }, { id = 5, age = 0 } }
      local function one()
        local column, a, b = random:of { "id", "age" }, random:of { 0, 1, 3, 5, 7, 36 }, random:of { 2, 4, 36 }
        local kinds = {
          { ("%s=%d"):format(column, a), function(v) return v == a end }, { ("%s>=%d"):format(column, a), function(v) return v and v >= a end },
          { ("%s in %d,%d"):format(column, a, b), function(v) return v == a or v == b end },
          { ("%s not in (%d, %d)"):format(column, a, b), function(v) return v and v ~= a and v ~= b end },
        }
        local kind = random:of(kinds)
        return kind[1], function(row) return kind[2](row[column]) end
      end
      for _ = 1, 40 do
        local flags, groups = {}, {}
        for g = 1, random:int(1, 3) do
          groups[g] = {}
          for c = 1, random:int(1, 2) do
            local text, holds = one()
            flags[#flags + 1] = (c == 1 and g > 1 and "--or " or "--where ") .. quoted(text)
            groups[g][c] = holds
          end
        end
        local expected = {}
        for _, row in ipairs(rows) do
          local any = false
          for _, group in ipairs(groups) do
            local all = true
            for _, holds in ipairs(group) do all = all and holds(row) end
            any = any or all
          end
          if any then expected[#expected + 1] = row.id end
        end
        local command = table.concat(flags, " ")
        local status, out, err = run(folder, "query user --order id --format csv --columns id " .. command)
        if err:find "twice" then goto continue end -- two conditions of one kind on one column
        assert.equal(0, status, err)
        local got = {}
        for id in out:gmatch "\n(%d+)" do got[#got + 1] = tonumber(id) end
        assert.same(expected, got, ("SHUNT_SEED=%d: %s"):format(seed, command))
        ::continue::
      end
    end)
  end)

  it("take lists with any values", function()
    local seed = Random.seed()
    App.write(folder .. "/lists.lua", [[
      local shunt, values = require "shunt", require "shunt.cli.values"
      for line in io.lines "lists.txt" do print(shunt.json(values.conditions({ "c in " .. line }, "--where").c["in"])) end
    ]])
    local random, given, expected = Random.new(seed), {}, {}
    local texts = { "a", "", "1", "true", "null", "a,b", 'q"q', "back\\slash", "\\", '"', ", ", "(x)", "ü" }
    for i = 1, 300 do
      local words, list = {}, {}
      for k = 1, random:int(1, 4) do
        list[k] = random:of { random:of(texts), random:of(texts), random:int(-9, 9), true, shunt.null, 2.5 }
        words[k] = shunt.json(list[k])
      end
      local text = table.concat(words, random:of { ",", ", ", " , " })
      given[i], expected[i] = random:chance(50) and "(" .. text .. ")" or text, shunt.json(list)
    end
    App.write(folder .. "/lists.txt", table.concat(given, "\n") .. "\n")
    local status, out, err = run(folder, "run lists.lua")
    assert.equal(0, status, err)
    for i, line in ipairs(lines(out)) do assert.equal(expected[i], line, ("SHUNT_SEED=%d: %s"):format(seed, given[i])) end
    assert.equal(300, #lines(out))
  end)

  describe("of shunt sql", function()
    it("are printed as of shunt query, with values for each ?", function()
      printed("sql main 'SELECT id, name FROM users WHERE id = ?' 1", "id  name\n 1  Ada\n(1 row)\n")
      printed("sql main 'SELECT ? AS a, ? AS b, ? AS c, ? AS d' --json -- -7 '\"7\"' null Ada", '{"a":-7,"b":"7","c":null,"d":"Ada"}\n')
      printed("sql default 'SELECT 1.0 AS n' --format csv --instance acme", "n\n1.0\n")
      local out = Command.capture(("cd %s && echo 'SELECT 7 AS n' | %s sql main - --format expanded"):format(quoted(folder),
        quoted(Command.binary)))
      assert.equal("[1]\nn  7\n(1 row)\n", out)
    end)

    it("are their number if the statement writes", function()
      printed("sql main 'CREATE TABLE t (a)'", "(0 rows written)\n")
      printed("sql main 'INSERT INTO t VALUES (1), (2)'", "(2 rows written)\n")
      printed("sql main 'UPDATE t SET a = 3' --json", '{"written":2}\n')
      printed("sql main 'DELETE FROM t WHERE a = 4' --format csv", "written\n0\n")
      printed("sql main 'DELETE FROM t RETURNING a' --format csv", "a\n3\n3\n")
      printed("sql main 'SELECT a FROM t'", "(0 rows)\n")
    end)

    it("end with the status of what fails", function()
      refused("sql main 'DELETE FROM users' --attr plan=guest", 1, "a guest only reads")
      refused("sql closed 'SELECT 1'", 1, "it is closed")
      refused("sql mian 'SELECT 1'", 2, "did you mean 'main'?")
      refused("sql main 'SELECT 1' --instance acm", 2, "did you mean 'acme'?")
      refused("sql main 'SELECT ?'", 2, "got 0")
      refused("sql main 'SELEC 1'", 2, "syntax error")
      refused("sql main 'INSERT INTO users (id) VALUES (1)' --op read", 2, "op = 'read'")
      refused("sql main 'SELECT 1 AS a, 2 AS a'", 2, "two columns 'a'")
      refused("sql main 'INSERT INTO users (id) VALUES (1)'", 4, "UNIQUE")
      refused("sql main 'WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT max(n) FROM c' --timeout 50ms", 4, "timed out")
    end)
  end)

  it("are found from the folder of the app config, too", function()
    local other = App.folder()
    finally(function() App.remove(other) end)
    for _, path in ipairs { folder, folder .. "/", folder .. "/shunt.yaml" } do
      local status, out, err = run(other, "query user --where id=1 --columns name --format csv -c " .. quoted(path))
      assert.equal("0 name\nAda\n", status .. " " .. out, err)
    end
    local status, _, err = run(folder, "check -c rules")
    assert.equal(3, status)
    assert(err:find("rules/shunt.yaml", 1, true), err)
  end)
end)
