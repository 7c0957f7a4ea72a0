-- What `shunt config` prints of an app config and its overlay, read again in place of both, is described in the same way and printed
-- in the same way. The configurations are drawn at random: maps, lists, nulls and scalars of all kinds, keys that need quotes, and
-- what rule files declare below them.

local shunt = require "shunt"
local App = require "tests.spec.support.app"
local Random = require "tests.spec.support.random"

local DRAWN = 120
local NULL = {} -- in a tree that is drawn
local LIST = {} -- the key of a list's mark

local pieces = {
  "a", "B", " ", "\n", "\t", "'", '"', "#", ": ", "- ", "{", "}", "[", "]", "*", "&", "!", "|", ">", "%", "@", "`", ",", "?", "~", "1", ".",
  "e", "0x", "-", "$", "$${", "\\", "null", "no", "true", "ä", "=", "<<", ":", "\r", "\1", "\u{2028}", "\u{FEFF}", "\u{85}", "password=", "://",
}
local plain = {
  "null", "~", "true", "False", "yes", "0", "-7", "+3", "0x1F", "0o17", "007", "1.5", "1.", ".5", "1e3", "-.inf", ".nan", "1_000", "12:30",
  "9223372036854775807", "9223372036854775808", "1.50", "2026-01-02", "text", "two words",
}

-- ---- drawing ----

local function text(r)
  local out = {}
  for i = 1, r:int(0, 5) do out[i] = r:of(pieces) end
  return table.concat(out)
end

local function scalar(r)
  if r:chance(25) then return NULL end
  if r:chance(40) then return { plain = r:of(plain) } end
  return text(r)
end

local function tree(r, depth)
  if depth == 0 or r:chance(35) then return scalar(r) end
  local made = {}
  if r:chance(40) then
    for i = 1, r:int(0, 3) do made[i] = tree(r, depth - 1) end
    made[LIST] = true
    return made
  end
  for _ = 1, r:int(0, 4) do made[r:chance(60) and r:of { "k", "l", "m", "token", "" } or text(r)] = tree(r, depth - 1) end
  return made
end

local function map(r, depth)
  local made = tree(r, depth)
  return (type(made) ~= "table" or made == NULL or made.plain or made[LIST]) and {} or made
end

local function maybe(r, percent, value) return r:chance(percent) and value or nil end

local function pool(r)
  return maybe(r, 50, { max = r:of { { plain = "7" }, NULL }, idleTimeout = r:of { "5s", NULL }, min = maybe(r, 30, NULL) })
end

local function connection(r)
  return {
    host = maybe(r, 40, r:of { "a", "b", NULL }), port = maybe(r, 40, r:of { { plain = "77" }, NULL }),
    database = maybe(r, 40, r:of { "x", NULL }), user = maybe(r, 40, r:of { "u", "v", NULL }),
    password = maybe(r, 30, r:of { "hunter2", NULL }),
    url = maybe(r, 30, r:of { "postgresql://u:hunter2@c:78/z", "postgresql://c/z?user=v", NULL }),
  }
end

-- overlay: keys may be absent. A client that rule files declare gets no null from the overlay below its name: it would let the base
-- apply again, which one file can't say.
local function config(r, overlay)
  local clients = { main = not overlay and { engine = "sqlite3", connection = { filename = "main.db" } } or nil }
  for _, name in ipairs { "one", "two", "a b", "null", "declared" } do
    local body = { connection = connection(r), pool = pool(r) }
    if name == "two" then body.clone = "one" elseif name ~= "declared" then body.engine = "pg" end
    if not (overlay and name == "declared") then
      clients[name] = (overlay or name == "declared") and r:of { body, NULL, { plain = "" } } or body
      if clients[name] and clients[name].plain then clients[name] = nil end
    end
  end
  clients.two = clients.one ~= NULL and clients.two or nil
  local models = {}
  for _, name in ipairs { "user", "order" } do
    models[name] = maybe(r, 60, r:of { { table = r:of { "t", NULL }, client = r:of { "main", NULL } }, NULL, {} })
  end
  local instances = {}
  for i, name in ipairs { "", "acme", "7", "on" } do
    instances[name] = r:of {
      { id = not overlay and { plain = tostring(i) } or nil, title = maybe(r, 50, r:of { text(r), NULL }), config = maybe(r, 80, map(r, 4)) },
      name == "acme" and NULL or {},
    }
  end
  return {
    database = { defaultClient = not overlay and "main" or nil, base = maybe(r, 50, { pool = pool(r) }), clients = clients },
    models = models, instance = { instances = instances },
    rules = { path = not overlay and { "rules", [LIST] = true } or nil, timeout = maybe(r, 30, r:of { "70ms", NULL }) },
  }
end

-- ---- YAML, in its flow style ----

local function quoted(s)
  return '"' .. s:gsub('[\\"]', "\\%0"):gsub("[%c\x7f]", function(c) return ("\\x%02X"):format(c:byte()) end)
    :gsub("\u{85}", "\\N"):gsub("\u{2028}", "\\L"):gsub("\u{FEFF}", "\\uFEFF") .. '"'
end

local function yaml(v)
  if v == NULL then return "null" end
  if type(v) == "string" then return quoted(v) end
  if v.plain then return v.plain end
  local out = {}
  if v[LIST] then
    for i, item in ipairs(v) do out[i] = yaml(item) end
    return "[" .. table.concat(out, ", ") .. "]"
  end
  local keys = {}
  for key in pairs(v) do keys[#keys + 1] = key end
  table.sort(keys)
  for i, key in ipairs(keys) do out[i] = quoted(key) .. ": " .. yaml(v[key]) end
  return "{" .. table.concat(out, ", ") .. "}"
end

local rules = [[
datasource "declared" { engine = "pg", connection = { host = "h", port = 99 }, pool = { max = 3 } }
model "user" { table = "users", client = "main" }
model "order" { table = "orders" }
instance "acme" { id = 70, title = "Acme", config = { k = 1, l = { m = 2 } } }
]]

-- ---- comparing ----

local function without_places(v, folder)
  if type(v) == "string" then return v:sub(1, #folder) == folder and v:sub(#folder + 1) or v end
  if type(v) ~= "table" then return v end
  local out = {}
  for key, below in pairs(v) do
    if key ~= "source" and key ~= "generation" then out[key] = without_places(below, folder) end
  end
  return out
end

local function read(folder)
  local ok, app = pcall(shunt.open, folder .. "/shunt.yaml", { env = "prod" })
  if not ok then return nil, tostring(app) end
  local described, printed = app:describe(), app:config()
  app:close()
  return without_places(described, folder), printed
end

-- The first place at which two described applications differ.
local function difference(a, b, path)
  if type(a) ~= "table" or type(b) ~= "table" then
    return a ~= b and ("%s: %s, and then %s"):format(path, shunt.json(a), shunt.json(b)) or nil
  end
  for _, keys in ipairs { a, b } do
    for key in pairs(keys) do
      local found = difference(a[key], b[key], path .. "." .. tostring(key))
      if found then return found end
    end
  end
end

describe("shunt config", function()
  local first, second

  setup(function() first, second = App.folder(), App.folder() end)
  teardown(function()
    App.remove(first)
    App.remove(second)
  end)

  -- What is described of both files, and of what was printed of them.
  local function twice(main, overlay)
    App.fill(first, { ["shunt.yaml"] = main, ["shunt.prod.yaml"] = overlay, ["rules/all.lua"] = rules })
    local described, printed = read(first)
    if not described then return nil, printed end
    App.fill(second, { ["shunt.yaml"] = printed, ["rules/all.lua"] = rules })
    local again, as = read(second)
    return { described, printed }, { again, as }
  end

  it("prints what reads back as the same, however it was spread over files", function()
    local seed = Random.seed()
    local r, opened = Random.new(seed), 0
    print("\nSHUNT_SEED=" .. seed)
    for i = 1, DRAWN do
      local main, overlay = yaml(config(r, false)), yaml(config(r, true))
      local got, back = twice(main, overlay)
      if got then
        opened = opened + 1
        local what = ("run %d:\n%s\n%s\nprinted:\n%s\nread again: %s"):format(i, main, overlay, got[2], back[2])
        assert(back[1], what)
        assert.is_nil(difference(got[1], back[1], "described"), what)
        assert.equal(got[2], back[2], what)
      end
    end
    assert.is_true(opened > DRAWN / 2, opened)
  end)

  it("keeps the null of a map in a list, and what unsets a declaration", function()
    local main = "database: {defaultClient: main, clients: {main: {engine: sqlite3, connection: {filename: main.db}}}}\n"
      .. "models: {user: null, order: {table: null}}\ninstance: {instances: {\"\": {id: 1, config: {a: [{k: null}], b: null}}}}\n"
      .. "rules: {path: [rules], timeout: null}\n"
    local got, back = twice(main, "{}\n")
    assert.is_truthy(got[2]:find("- k: null", 1, true), got[2])
    assert.is_truthy(got[2]:find("user: null", 1, true), got[2])
    assert.is_nil(difference(got[1], back[1], "described"))
    assert.equal(got[2], back[2])
  end)
end)
