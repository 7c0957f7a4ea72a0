-- No password of a connection is printed, however it is written: in a url whose special characters are not percent-encoded,
-- in an option, or beside the url. Passwords are drawn at random; nothing of four characters of one may appear anywhere.

local shunt = require "shunt"
local App = require "tests.spec.support.app"
local Command = require "tests.spec.support.command"
local Random = require "tests.spec.support.random"

local DRAWN = 250 -- in this process
local COMMANDS_EVERY = 60 -- of them also by the command
local SHOWN = 4

local binary, capture, quoted = Command.binary, Command.capture, Command.quoted

-- Each piece of four characters has two letters that no output has side by side.
local function draw_password(r, marks)
  local rare, out = { "Q", "X", "Z", "J", "q", "x", "z", "j" }, {}
  for _ = 1, r:int(3, 8) do
    out[#out + 1] = r:of(rare) .. r:of(rare)
    for _ = 1, r:int(0, 2) do out[#out + 1] = r:of(marks) end
  end
  return (table.concat(out):gsub("%${", "$"))
end

local function all_marks()
  local marks = { "\t", "\n", "ä" }
  for byte = 0x20, 0x7e do
    local c = string.char(byte)
    if not c:find "%a" then marks[#marks + 1] = c end
  end
  return marks
end

local function encoded(text)
  return (text:gsub("[^%w]", function(c) return ("%%%02X"):format(c:byte()) end))
end

local function in_yaml(text)
  return '"' .. text:gsub('[\\"]', "\\%0"):gsub("\n", "\\n"):gsub("\t", "\\t") .. '"'
end

local schemes = { pg = { "postgresql", "postgres" }, mysql = { "mysql", "mariadb" } }

-- The ways to write a password down: each gives the options of a connection. 127.0.0.1:1 has no listener.
local ways = {
  function(r, engine, password) -- as nothing should be
    return ("url: %s"):format(in_yaml(("%s://app:%s@127.0.0.1:1/shop"):format(r:of(schemes[engine]), password)))
  end,
  function(r, engine, password)
    local more = r:of { "", "?connect_timeout=1", "?application_name=a@b", "?sslmode=x@y" }
    return ("url: %s"):format(in_yaml(("%s://app:%s@127.0.0.1:1/shop%s"):format(r:of(schemes[engine]), password, more)))
  end,
  function(r, engine, password)
    return ("url: %s"):format(in_yaml(("%s://app:%s@127.0.0.1:1/shop"):format(r:of(schemes[engine]), encoded(password))))
  end,
  function(r, engine, password)
    local more = r:of { "", "&user=app", "&connect_timeout=1" }
    return ("url: %s"):format(in_yaml(("%s://app@127.0.0.1:1/shop?password=%s%s"):format(r:of(schemes[engine]), password, more)))
  end,
  function(_, _, password) return ("host: 127.0.0.1, port: 1, user: app, password: %s"):format(in_yaml(password)) end,
  function(r, engine, password)
    local url = ("%s://app@127.0.0.1:1/shop"):format(r:of(schemes[engine]))
    return ("url: %s, password: %s"):format(in_yaml(url), in_yaml(password))
  end,
  function(r, engine, password) -- libpq's other form, and nothing that MySQL knows
    local value = r:of { password, "'" .. password .. "'" }
    return ("url: %s"):format(in_yaml(("%s host=127.0.0.1 port=1 password=%s"):format(engine, value)))
  end,
  function(r, _, password) -- another system's
    return ("url: %s"):format(in_yaml(("%s://app:%s@127.0.0.1:1/shop"):format(r:of { "jdbc:mysql", "pg", "http" }, password)))
  end,
}

local function files(engine, connection)
  return {
    ["shunt.yaml"] = ("database:\n  defaultClient: main\n  clients:\n    main: {engine: %s, connection: {%s}}\n"
      .. "    copy: {clone: main}\n    file: {engine: sqlite3, connection: {filename: file.db, create: true}}\n"
      .. "rules: {path: [rules]}\n"):format(engine, connection),
    ["rules/models.lua"] = 'model "user" { table = "users" }\n',
  }
end

-- Everything that an open application, or the failure to open it, says.
local function said_here(folder)
  local said = {}
  local function note(...)
    for _, v in ipairs { ... } do said[#said + 1] = type(v) == "string" and v or tostring(v) end
  end
  local ok, app = pcall(shunt.open, folder .. "/shunt.yaml")
  if not ok then return tostring(app) .. "\n" .. tostring(app.message) end
  app:on("*", function(event) note(shunt.json(event)) end)
  note(app:config(), shunt.json(app:describe()))
  local session = app:session()
  note(shunt.json(session:resolve("user", {})))
  for _, client in ipairs { "main", "copy" } do
    local fine, problem = pcall(session.query, session, client, "SELECT 1")
    assert.is_false(fine)
    note(problem, problem.message)
  end
  app:close()
  return table.concat(said, "\n")
end

local commands = {
  "config", "config --json", "check", "check --json", "check --online", "check --online --json", "topology", "topology --format dot",
  "topology --format mermaid", "topology --json", "explain user", "resolve user --json", "query user", "query user --sql --json",
  "sql main 'SELECT 1'", "--log query user",
}

local function said_by_command(folder, arguments)
  return capture(("cd %s && env -u SHUNT_ENV -u SHUNT_APP timeout 20 %s %s 2>&1 </dev/null"):format(quoted(folder), quoted(binary), arguments))
end

local function assert_hidden(said, password, where)
  for at = 1, #password - SHOWN + 1 do
    local piece = password:sub(at, at + SHOWN - 1)
    if #piece:gsub("[^QXZJqxzj]", "") >= 2 and said:find(piece, 1, true) then
      error(("%q of the password %q is in what %s says:\n%s"):format(piece, password, where, said), 0)
    end
  end
end

describe("A password", function()
  it("appears nowhere, whatever it consists of and however it is written", function()
    local seed = Random.seed()
    local r, marks = Random.new(seed), all_marks()
    print("\nSHUNT_SEED=" .. seed)
    local folder = App.folder()
    for i = 1, DRAWN do
      local engine = r:of { "pg", "mysql" }
      local password = draw_password(r, r:chance(50) and marks or { "@", "/", ":", "?", "#", "&", "=", "%", "'", " ", ";" })
      local connection = r:of(ways)(r, engine, password)
      App.fill(folder, files(engine, connection))
      local where = ("(%d) %s, {%s}"):format(i, engine, connection)
      assert_hidden(said_here(folder), password, where)
      if i % COMMANDS_EVERY == 0 then
        for _, arguments in ipairs(commands) do assert_hidden(said_by_command(folder, arguments), password, arguments .. " " .. where) end
      end
    end
    App.remove(folder)
  end)

  it("with an @ in a url must be percent-encoded, and the mistake says so where it was made", function()
    for _, url in ipairs { "postgresql://app:opQn@sesame@127.0.0.1/shop", "mysql://app:opQn/sesame@127.0.0.1/shop" } do
      local folder = App.folder()
      App.fill(folder, files(url:match "^post" and "pg" or "mysql", ("url: %q"):format(url)))
      local ok, problem = pcall(shunt.open, folder .. "/shunt.yaml")
      assert.is_false(ok)
      assert.equal("SHUNT_E_CONFIG", problem.code)
      assert.equal(4, problem.line)
      assert.is_truthy(problem.message:find("%40", 1, true), problem.message)
      assert.is_truthy(said_by_command(folder, "check"):find("shunt.yaml:4:", 1, true))
      assert.is_nil(said_by_command(folder, "config"):find "sesame")
      App.remove(folder)
    end
  end)
end)

