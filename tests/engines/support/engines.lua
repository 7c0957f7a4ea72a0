--- Applications over several engines, made on the spot for one test: each client on a database of its own, gone afterwards.
--- The servers are those of SHUNT_TEST_PG and SHUNT_TEST_MYSQL, which tests/engines/with-servers.sh gives.
--- Use: local world = Engines.open { clients = { a = "sqlite3", b = "pg" }, rules = … }; world.session:…; world:close()

local shunt = require "shunt"
local App = require "tests.spec.support.app"
local watchdog = require "tests.support.watchdog"

local HANGS_S = 600 -- after which a world that is still there prints who waits for whom, and the program is aborted

local M = {}

local urls = { pg = os.getenv "SHUNT_TEST_PG", mysql = os.getenv "SHUNT_TEST_MYSQL" }
local tcp_urls = { pg = os.getenv "SHUNT_TEST_PG_TCP", mysql = os.getenv "SHUNT_TEST_MYSQL_TCP" }

--- Every engine there is, in a fixed order.
M.all = { "sqlite3", "pg", "mysql" }

--- Those that run on a server.
M.servers = { "pg", "mysql" }

--- Why a spec can't be tried here, or nil where both servers are there.
---@return string?
function M.missing()
  local names = {}
  for _, engine in ipairs(M.servers) do
    if not urls[engine] then names[#names + 1] = "SHUNT_TEST_" .. engine:upper() end
  end
  if #names == 0 then return nil end
  return ("is not tried: %s is not set (sh tests/engines/with-servers.sh COMMAND sets it)"):format(table.concat(names, " and "))
end

--- The engine's test server as a URL, over its socket, or over TCP with a password, to where the server is or to another
--- address; nil where there is none.
---@param engine string
---@param database? string
---@param tcp? boolean | string
---@return string?
function M.url(engine, database, tcp)
  local url = (tcp and tcp_urls or urls)[engine]
  if url and database then url = url:gsub("^(%a+://[^/]*/)[^?]*", "%1" .. database) end
  if url and type(tcp) == "string" then url = url:gsub("@[^/]*/", "@" .. tcp .. "/") end
  return url
end

-- ---- one statement on a server, outside of any world ----

--- Runs SQL on the server's first database.
---@param engine string
---@param statements string[]
---@param url? string where it is not for who runs the tests
function M.administer(engine, statements, url)
  local yaml = ("database: {defaultClient: server, clients: {server: {engine: %s, connection: {url: %q}}}}\n")
    :format(engine, url or M.url(engine))
  local app, folder = App.open { ["shunt.yaml"] = yaml }
  local ok, problem = pcall(function()
    local session <close> = app:session()
    for _, sql in ipairs(statements) do session:execute("server", sql) end
  end)
  app:close()
  App.remove(folder)
  if not ok then error(problem, 0) end
end

local mysql_kind

--- Whether the server of mysql is MariaDB's ("mariadb") or MySQL's own ("mysql"): they differ in collations, error codes and SQL.
---@return "mariadb" | "mysql"
function M.mysql_kind()
  if mysql_kind or not M.url "mysql" then return mysql_kind or "mariadb" end
  local app, folder = App.open { ["shunt.yaml"] = ("database: {defaultClient: server, clients: {server: {engine: mysql, "
    .. "connection: {url: %q}}}}\n"):format(M.url "mysql") }
  local session <close> = app:session()
  mysql_kind = session:query("server", "SELECT version() AS v")[1].v:find "MariaDB" and "mariadb" or "mysql"
  app:close()
  App.remove(folder)
  return mysql_kind
end

-- ---- databases ----

local made = 0

-- Names that no other process makes at the same time.
local function new_name()
  made = made + 1
  local pipe = assert(io.popen("mktemp -u XXXXXXXXXX", "r"))
  local word = pipe:read "l"
  pipe:close()
  return ("shunt_%s_%d"):format(word:lower(), made)
end

local create = {
  pg = "CREATE DATABASE %s TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C' ENCODING 'UTF8'",
  mysql = "CREATE DATABASE %s CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
}
local drop = { pg = "DROP DATABASE IF EXISTS %s WITH (FORCE)", mysql = "DROP DATABASE IF EXISTS %s" }

-- ---- worlds ----

---@class World
---@field app table
---@field session table
---@field folder string
---@field databases table<string, string[]>
local World = {}
World.__index = World

local function client_line(world, name, engine, tcp, connection)
  if engine == "memory" then return ('    %s: {engine: sqlite3, connection: {filename: ":memory:"%s}}'):format(name, connection) end
  if engine == "sqlite3" then return ("    %s: {engine: sqlite3, connection: {filename: %s.db, create: true%s}}"):format(name, name, connection) end
  local database = new_name()
  table.insert(world.databases[engine], database)
  world.database_of[name] = database
  return ("    %s: {engine: %s, connection: {url: %q%s}}"):format(name, engine, M.url(engine, database, tcp), connection)
end

local function yaml_of(world, spec)
  local names, lines = {}, { "database:", "  defaultClient: " .. spec.default }
  for name in pairs(spec.clients) do names[#names + 1] = name end
  table.sort(names)
  lines[#lines + 1] = ("  base: {pool: {max: %d%s}%s}"):format(spec.max or 4, spec.pool and ", " .. spec.pool or "",
    spec.base and ", " .. spec.base or "")
  if spec.database then lines[#lines + 1] = "  " .. spec.database end
  lines[#lines + 1] = "  clients:"
  for _, name in ipairs(names) do
    local more, tcp = spec.connection and spec.connection[name], spec.tcp and spec.tcp[name]
    lines[#lines + 1] = client_line(world, name, spec.clients[name], tcp, more and ", " .. more or "")
  end
  return table.concat(lines, "\n") .. "\n" .. (spec.yaml or "") .. (spec.rules and "rules: {path: [rules]}\n" or "")
end

--- clients: engine by client, or "memory", SQLite without a file; default: the default client (the only one where left out); rules: a rule file; yaml: more of
--- the app config, and database: of its part of that name; max: connections of a pool; pool: more of its keys; base: more of the keys of every client;
--- connection: more keys of a client's connection; tcp: as for url, by client.
---@class WorldSpec
---@field clients table<string, string>
---@field default? string
---@field rules? string
---@field yaml? string
---@field database? string
---@field base? string
---@field max? integer
---@field pool? string
---@field connection? table
---@field tcp? table

---@param spec WorldSpec
---@return World
function M.open(spec)
  local world = setmetatable({ databases = { pg = {}, mysql = {} }, database_of = {}, dog = watchdog.start(HANGS_S) }, World)
  spec.default = spec.default or next(spec.clients)
  local files = { ["shunt.yaml"] = yaml_of(world, spec) }
  if spec.rules then files["rules/models.lua"] = spec.rules end
  for engine, names in pairs(world.databases) do
    local statements = {}
    for i, name in ipairs(names) do statements[i] = create[engine]:format(name) end
    if #names > 0 then M.administer(engine, statements) end
  end
  world.app, world.folder = App.open(files)
  world.session = world.app:session()
  return world
end

--- Ends it, and everything that it made.
function World:close()
  self.app:close()
  App.remove(self.folder)
  for engine, names in pairs(self.databases) do
    local statements = {}
    for i, name in ipairs(names) do statements[i] = drop[engine]:format(name) end
    if #names > 0 then M.administer(engine, statements) end
  end
  self.dog:stop()
end

--- What fn raises, which must be an error value of that code.
M.raises = App.raises

M.null = shunt.null

return M
