-- The documents that are made of the table of settings, and the places where people meet them.
local core = require "shunt.core"
local App = require "tests.spec.support.app"

local MANUAL = "rules/manual/config.md"

local read = require("tests.files").read

local function run(arguments)
  local pipe = assert(io.popen((os.getenv "SHUNT_BIN" or "build/shunt") .. " " .. arguments .. " 2>&1"))
  local text = pipe:read "a"
  local _, _, status = pipe:close()
  return text, status
end

describe("the settings", function()
  it("stand in the manual as they are declared, between <!-- settings --> and <!-- /settings -->", function()
    local found = read(MANUAL):match "<!%-%- settings %-%->\n(.-)<!%-%- /settings %-%->"
    local expected = core.settings "manual"
    assert.equal(expected, found, MANUAL .. ": write\n" .. expected)
  end)

  it("of a connection to mysql are all in the manual", function()
    local manual, names = read(MANUAL), 0
    local rows = core.settings("schema"):match '\n"mysql":{(.-),"patternProperties"'
    for name in rows:gmatch '\n"([%w_]+)":{' do
      names = names + 1
      assert.is_truthy(manual:find("`" .. name .. "`", 1, true), name)
    end
    assert.is_true(names > 20)
  end)

  it("have a row for each option that the driver of mysql takes", function()
    local rows, names = core.settings("schema"):match '\n"mysql":{(.-),"patternProperties"', 0
    for name in read("src/driver/mysql/options.h"):gmatch '  X%([%u_]+, "([%w_]+)"' do
      names = names + 1
      assert.is_truthy(rows:find('"' .. name .. '":{', 1, true), name)
    end
    assert.is_true(names > 20)
  end)

  it("are printed by shunt config, without an application", function()
    assert.equal(core.settings "defaults", (run "config --defaults -c /nowhere/shunt.yaml"))
    assert.equal(core.settings "schema", (run "config --schema"))
    local text, status = run "config --schema --defaults"
    assert.equal(2, status)
    assert.is_truthy(text:find("give one of them", 1, true))
  end)

  it("all stand in the manual page, with their values and what they are for", function()
    local page, n = run "config --man":gsub("\\f.", ""):gsub("\\%-", "-"):gsub("\\e", "\\"), 0
    for name, values, _, meaning in core.settings "manual":gmatch "\n| `([^`]+)` | (.-) | (.-) | (.-) |%f[\n]" do
      n = n + 1
      local text = page:match("\n%.TP\n" .. name:gsub("%p", "%%%0") .. "\n([^\n]*)")
      assert(text, name)
      values, meaning = values:gsub("`", ""), meaning:gsub("`", ""):gsub(" %[[^%]]*%]%([^)]*%)$", "")
      assert.equal(1, text:find(values .. ". " .. meaning, 1, true), text)
    end
    assert.equal(select(2, core.settings "manual":gsub("\n", "")) - 2, n)
  end)

  it("are known to editors in an application that shunt init makes", function()
    local folder = App.folder()
    local _, status = run("init " .. folder .. "/made")
    assert.equal(0, status)
    assert.equal(core.settings "schema", read(folder .. "/made/shunt.schema.json"))
    for _, name in ipairs { "shunt.yaml", "shunt.test.yaml" } do
      assert.is_truthy(read(folder .. "/made/" .. name):find("# yaml-language-server: $schema=shunt.schema.json\n", 1, true) == 1)
    end
    App.remove(folder)
  end)

  it("have no other form", function()
    assert.has_error(function() core.settings "none" end)
  end)
end)

describe("an option of a connection that is misspelt or wrong", function()
  local function told(engine, connection)
    local text = ("database:\n  defaultClient: a\n  clients:\n    a: {engine: %s, connection: {%s}}\n"):format(engine, connection)
    local folder = App.folder()
    App.fill(folder, { ["shunt.yaml"] = text })
    local out, status = run(("check -c %s/shunt.yaml"):format(folder))
    App.remove(folder)
    return (out:gsub(folder .. "/", "")), status
  end

  for engine, cases in pairs {
    pg = {
      ["sslmod: require"] = "shunt.yaml:4:34: unknown key 'sslmod' in connection (pg); did you mean 'sslmode'?",
      ["sslmode: requyre"] = "connection.sslmode takes disable, allow, prefer, require, verify-ca or verify-full, not 'requyre'; "
        .. "did you mean 'require'?",
      ["port: 99999"] = "shunt.yaml:4:40: connection.port takes an integer from 1 to 65535, not 99999",
      ['port: "${SHUNT_TEST_PORT:-x}"'] = "connection.port takes an integer from 1 to 65535, not '${SHUNT_TEST_PORT:-x}'",
      ["connect_timeout: soon"] = "connection.connect_timeout takes a duration or a number of seconds, not 'soon'",
      ["password: swordfish, keepalives: swordfish"] = "connection.keepalives takes an integer from 0 to 1",
    },
    mysql = {
      ["sslCaa: x"] = "unknown key 'sslCaa' in connection (mysql); did you mean 'ssl_ca'?",
      ["sslMode: perhaps"] = "connection.sslMode takes disabled, preferred, required, verify_ca or verify_identity, not 'perhaps'",
      ["readTimeout: 25h"] = "connection.readTimeout takes a duration or a number of seconds from 0s to 24h, not '25h'",
    },
  } do
    for connection, expected in pairs(cases) do
      it("is found offline: " .. engine .. " {" .. connection .. "}", function()
        local out, status = told(engine, connection)
        assert.is_truthy(out:find(expected, 1, true), out)
        assert.equal(3, status)
      end)
    end
  end

  it("is not reported if the driver takes it", function()
    for _, case in ipairs {
      { "pg", 'port: "5432,5433", host: "a,b", connect_timeout: 500ms, tcp_user_timeout: 5000, keepalives: 0' },
      { "pg", 'user: "", port: "${SHUNT_TEST_PORT:-5432}", sslmode: "${SHUNT_TEST_MODE:-}"' },
      { "mysql", "HOST: a, sslMode: VERIFY-CA, unix_socket: s, compress: TRUE, port: '3306', connect-timeout: 5" },
    } do
      local out, status = told(case[1], case[2])
      assert.equal(0, status, out)
    end
  end)
end)
