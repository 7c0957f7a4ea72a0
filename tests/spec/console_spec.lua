-- shunt console: lines from a pipe, and keys on a terminal, which script(1) makes.

local App = require "tests.spec.support.app"
local Command = require "tests.spec.support.command"
local Random = require "tests.spec.support.random"

local capture, quoted, run = Command.capture, Command.quoted, Command.run

local RULES = [[
model "user" { table = "users", relations = { orders = has_many("order", "user_id", { order = "id" }) } }
model "order" { table = "orders" }
rule "guests only read" { stage = "guard", op = "write", when = function(req) return req.attrs.plan == "guest" end, deny = "a guest only reads" }
]]

local SEED = [[
local s = require("shunt").open("shunt.yaml"):session {}
for _, client in ipairs { "main", "iso" } do
  s:execute(client, "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)")
  s:execute(client, "CREATE TABLE orders (id INTEGER PRIMARY KEY, user_id INTEGER, item TEXT)")
end
s:execute("main", "INSERT INTO users VALUES (1, 'Ada')")
s:execute("main", "INSERT INTO orders VALUES (10, 1, 'hat')")
s:execute("iso", "INSERT INTO users VALUES (7, 'Isolde')")
]]

describe("shunt console", function()
  local folder

  setup(function()
    folder = App.folder()
    local config = App.database_yaml({ "main", "iso" }, "main")
      .. 'instance: {instances: {"": {id: 1}, acme: {id: 2, isolate: true, isolateClient: iso}}}\nrules: {path: [rules]}\n'
    App.fill(folder, { ["shunt.yaml"] = config, ["rules/a.lua"] = RULES, ["seed.lua"] = SEED }, { "main", "iso" })
    local status, out, err = run(folder, "run seed.lua")
    assert(status == 0, out .. err)
  end)
  teardown(function() App.remove(folder) end)

  --- What the console prints for these lines, errors included.
  local function printed(lines, flags)
    App.write(folder .. "/lines", lines)
    local text, status = capture(("cd %s && timeout 60 %s console %s <lines 2>&1"):format(quoted(folder), quoted(Command.binary), flags or ""))
    assert.equal(0, status, text)
    return text
  end

  local function shows(lines, expected, flags) assert.equal(expected, printed(lines, flags)) end

  local function has(text, part) assert(text:find(part, 1, true), ("expected %s in:\n%s"):format(part, text)) end

  describe("evaluates Lua and", function()
    local CASES = {
      { "prints values", "1 + 1\n= 'a\\n\"b'\nnil, true\n{ 1, { b = 2 }, shunt.null, a = 'x' }\n{}\n",
        '2\n"a\\n\\"b"\nnil\ntrue\n{ 1, { b = 2 }, null, a = "x" }\n{}\n' },
      { "keeps globals", "x = 5\nx * 2\n", "10\n" },
      { "asks for more lines until a piece is complete", "for i = 1, 2 do\nprint(i)\nend\n", "1\n2\n" },
      { "prints rows as a table", 'session:model("user"):select()\n', "id  name\n 1  Ada\n(1 row)\n" },
      { "prints a row with its relations", 's:model("user"):get(1, { include = "orders" })\n',
        '{ id = 1, name = "Ada", orders = { { id = 10, item = "hat", user_id = 1 } } }\n' },
      { "shows tables in themselves", "t = {}; t.t = t\nt\n", "{ t = {…} }\n" },
      { "keeps nothing for empty lines", "\n  \n", "" },
    }
    for _, case in ipairs(CASES) do
      it(case[1], function() shows(case[2], case[3]) end)
    end
  end)

  describe("goes on after", function()
    local CASES = {
      { "an error of Lua", "error 'oh'", "shunt: console:1: oh\n" }, { "an error that is a table", "error {}", "shunt: table: 0x" },
      { "a mistake in the grammar", "x = = 1", "shunt: console:1: unexpected symbol near '='\n" },
      { "a wrong name", 's:model("usr"):select()', "shunt: console:1: there is no model 'usr'; did you mean 'user'? [SHUNT_E_NOT_FOUND]\n" },
      { "an unknown command", ".nope", "shunt: there is no command .nope; .help lists them\n" },
      { "wrong usage of a command", ".resolve --bogus", "shunt: unknown option '--bogus'\n" },
      { "a quote that is not closed", ".query user --where 'a", "shunt: a quote is not closed\n" },
      { "a denial", ".resolve user --op write --attr plan=guest", "denied  a guest only reads\n" },
      { "SQL that fails", ".sql main SELECT nope", "shunt: no such column: nope" },
      { "an endless recursion", "function f() return f() + 1 end f()", "stack overflow" },
      { "Ctrl-C", "io.popen('kill -INT $PPID'):close() while true do end", "shunt: interrupted\n" },
      { "a session that is closed", "session:close() session:model('user'):select()", "closed" },
      { "the help of a command", ".resolve --help", "Usage: shunt resolve" },
    }
    for _, case in ipairs(CASES) do
      it(case[1], function()
        local text = printed(case[2] .. "\n'alive'\n")
        has(text, case[3])
        assert.equal('"alive"\n', text:match '"alive"\n$', text)
        assert.is_nil(text:find("shunt/cli", 1, true), text)
      end)
    end

    it("any line", function()
      local seed = Random.seed()
      local random = Random.new(seed)
      local WORDS = { ".resolve", ".query", ".sql", ".session", ".timing", ".explain", ".reload", ".", "user", "order", "--where", "--instance",
        "acme", "id=1", "main", "SELECT", "1", "'", '"', "\\", "(", ")", "{", "}", "session", ":", "model", "error", "nil", "=", "--json", "\t", "ü" }
      local lines = {}
      for i = 1, 120 do
        local words = {}
        for k = 1, random:int(1, 5) do words[k] = random:of(WORDS) end
        lines[i] = table.concat(words, " ")
      end
      for _ = 1, 3 do lines[#lines + 1] = ")" end -- ends a piece that is not complete
      local text = printed(table.concat(lines, "\n") .. "\n'alive'\n")
      assert.equal('"alive"', text:match '"alive"', ("SHUNT_SEED=%d\n%s"):format(seed, text))
      assert.is_nil(text:find("shunt/cli", 1, true), ("SHUNT_SEED=%d\n%s"):format(seed, text))
    end)
  end)

  describe("commands", function()
    it("are those of shunt, for the session of the console", function()
      local RESOLVED = "client  %s (sqlite3, primary)\ntable   users\nlevel   0\n"
      has(printed ".resolve user\n", RESOLVED:format "main")
      has(printed(".resolve user\n", "--instance acme"), RESOLVED:format "iso")
      has(printed ".session --instance acme\n.resolve user\n", RESOLVED:format "iso")
      has(printed(".resolve user --instance ''\n", "--instance acme"), RESOLVED:format "main")
      shows(".query user --where 'name=Isolde' --format csv\n", "id,name\n7,Isolde\n", "--instance acme")
      has(printed(".explain user --op write\n", "--attr plan=guest"), "is denied: a guest only reads")
      shows("session:model('user'):select()\n.session\nsession:model('user'):select()\n", "id  name\n 7  Isolde\n(1 row)\nid  name\n 1  Ada\n(1 row)\n",
        "--instance acme")
      has(printed ".help\n", ".reload ")
      shows("1\n.exit\n2\n", "1\n")
      shows("1\n  .quit\n2\n", "1\n")
    end)

    it("keep the session if another one can't be opened", function()
      local text = printed(".session --instance acm\n.resolve user --json\n", "--instance acme")
      has(text, "did you mean 'acme'?")
      has(text, '"client":"iso"')
    end)

    it("run SQL without quotes, as the session", function()
      shows(".sql main SELECT name, 'x' AS \"y z\" FROM users WHERE name <> ''\n", "name  y z\nAda   x\n(1 row)\n")
      has(printed(".sql main DELETE FROM users\n", "--attr plan=guest"), "a guest only reads")
      has(printed ".sql mian SELECT 1\n", "did you mean 'main'?")
      has(printed ".sql main\n", ".sql takes a client and a statement")
    end)

    it("show statements and times", function()
      local text = printed(".sql on\ns:model('user'):count()\n.query user --columns id\n.sql main SELECT 1 AS a\n"
        .. "s:model('order'):count()\n.sql off\ns:model('user'):count()\n")
      local _, statements = text:gsub("%-%- %[main%] SELECT", "")
      assert.equal(3, statements, text)
      local _, times = printed(".timing on\n1\n2\n.timing\n3\n"):gsub("%(%d+%.%d%d ms%)", "")
      assert.equal(3, times)
    end)

    it("reload configuration and rules, and keep them if they don't load", function()
      finally(function() App.write(folder .. "/rules/a.lua", RULES) end)
      local text = printed([[
function write(text) local f = io.open("rules/a.lua", "w") f:write(text) f:close() end
write 'model "user" { table = "users", client = "iso" }'
.reload
.resolve user --json
session:model("user"):select()
write 'model "user" {'
.reload
.resolve user --json
]])
      has(text, "generation 2\n")
      has(text, "\n 7  Isolde\n")
      has(text, "rules/a.lua:1")
      local _, moved = text:gsub('"client":"iso"', "")
      assert.equal(2, moved, text)
    end)
  end)

  it("is called repl too, and does not begin without a configuration that loads", function()
    local text, status = capture(("cd %s && echo 1 | %s repl"):format(quoted(folder), quoted(Command.binary)))
    assert.same({ "1\n", 0 }, { text, status })
    local got, _, err = run(folder, "console -c nope.yaml")
    assert.equal(3, got, err)
    assert.equal(2, (run(folder, "console --instance nope")))
  end)

  describe("on a terminal", function()
    --- What the terminal shows after these keys. They wait in a pipe that stays open.
    local function typed(keys, environment)
      App.write(folder .. "/keys", keys)
      local text, status = capture(([[cd %s && rm -f pipe && mkfifo pipe && exec 3<>pipe && cat keys >&3 &&
        HOME=$PWD TERM=xterm NO_COLOR=1 %s timeout 60 script -qec '%s console' /dev/null <&3 2>&1]]):format(quoted(folder), environment or "",
        Command.binary))
      assert.equal(0, status, text)
      return text:gsub("\r", "")
    end

    local function pending_without_script()
      if capture "command -v script" == "" then pending "there is no script(1)" return true end
    end

    local KEYS = {
      { "commands, flags and names", ".res\t us\t --inst\t ac\t\n", "client  iso (sqlite3, primary)\n" },
      { "columns and relations of commands", ".query user --col\t na\t --incl\t ord\t --where na\t=Ada\n", "    orders: 1\n" },
      { "clients of .sql, and columns", ".sql ma\t SELECT na\t FROM users, user\21.sql ma\t SELECT 7 AS seven\n", "seven\n    7\n" },
      { "names in Lua's strings", 'session:model("us\t"):select()\n', "\n 1  Ada\n" },
      { "columns in Lua's tables", 'session:model("user"):select { columns = "id", where = { na\t = "Ada" } }\n', "\nid\n 1\n(1 row)\n" },
      { "methods and fields", "#session:mod\t('user'):sele\t() + #shunt.VER\t\n", "\n6\n" },
    }
    for _, case in ipairs(KEYS) do
      it("Tab completes " .. case[1], function()
        if pending_without_script() then return end
        has(typed(case[2] .. ".exit\n", "SHUNT_HISTORY="), case[3])
      end)
    end

    it("letters beyond ASCII are kept, also in front of a completion", function()
      if pending_without_script() then return end
      for _, locale in ipairs { "C", "C.UTF-8" } do
        has(typed("'Käthe', session:mod\t('user'):get(1).name\n.exit\n", "SHUNT_HISTORY= LC_ALL=" .. locale), '"Käthe"\n"Ada"\n')
      end
      typed "'ß€' .. '\\u{1F600}'\n.exit\n"
      has(typed "\27[A\27[A\n.exit\n", '"ß€😀"\n')
      os.remove(folder .. "/.shunt_history")
    end)

    it("the arrow keys find earlier lines, also of an earlier console", function()
      if pending_without_script() then return end
      has(typed "'first' .. ' line'\n.exit\n", '"first line"\n')
      has(typed "\27[A\27[A\n.exit\n", '"first line"\n')
      assert.equal("'first' .. ' line'\n.exit\n'first' .. ' line'\n.exit\n", require("tests.files").read(folder .. "/.shunt_history"))
      assert.equal("600\n", (capture("stat -c %a " .. quoted(folder .. "/.shunt_history"))))
      typed(".exit\n", "SHUNT_HISTORY=")
      assert.equal("4\n", (capture(("wc -l <%s"):format(quoted(folder .. "/.shunt_history")))))
    end)

    it("shows where it is, and the instance", function()
      if pending_without_script() then return end
      local text = typed(".session --instance acme\n.exit\n", "SHUNT_HISTORY=")
      has(text, "on shunt.yaml (environment dev): 2 clients, 2 instances, 2 models")
      has(text, "shunt acme> ")
    end)
  end)
end)
