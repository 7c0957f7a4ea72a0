--- A public database, a film rental shop, on PostgreSQL and on MySQL's engine, and what the engines' own clients print of it.
--- PostgreSQL's scripts have the rows; MySQL's tables are filled from PostgreSQL's through shunt.
--- Use: if Sakila.missing() then pending …; local shop = Sakila.open(); shop:columns(client, table); shop:raw(client, sql);
--- shop:rows(client, table); shop:close()

local shunt = require "shunt"
local Engines = require "tests.engines.support.engines"
local show = require "tests.spec.support.show"

local M = {}

local folder = os.getenv "SHUNT_SAKILA" or "../shared/data/sakila"
local scripts = {
  pg = { "postgres-sakila-schema.sql", "postgres-sakila-insert-data-using-copy.sql" }, mysql = { "mysql-sakila-schema.sql" },
}

--- Parents before children. PostgreSQL's tables of payments inherit from `payment`.
M.tables = {
  "language", "country", "city", "address", "actor", "category", "film", "film_actor", "film_category", "staff", "store",
  "customer", "inventory", "rental", "payment",
}
M.views = {
  "actor_info", "customer_list", "film_list", "nicer_but_slower_film_list", "sales_by_film_category", "sales_by_store", "staff_list",
}

--- Child, its column, parent, and the parent's column, as in the scripts' foreign keys.
M.references = {
  { "city", "country_id", "country" }, { "address", "city_id", "city" }, { "film", "language_id", "language" },
  { "film", "original_language_id", "language", "language_id" }, { "film_actor", "film_id", "film" },
  { "film_actor", "actor_id", "actor" }, { "film_category", "film_id", "film" }, { "film_category", "category_id", "category" },
  { "staff", "address_id", "address" }, { "staff", "store_id", "store" }, { "store", "address_id", "address" },
  { "store", "manager_staff_id", "staff", "staff_id" }, { "customer", "store_id", "store" }, { "customer", "address_id", "address" },
  { "inventory", "film_id", "film" }, { "inventory", "store_id", "store" }, { "rental", "inventory_id", "inventory" },
  { "rental", "customer_id", "customer" }, { "rental", "staff_id", "staff" }, { "payment", "customer_id", "customer" },
  { "payment", "staff_id", "staff" }, { "payment", "rental_id", "rental" },
}

--- Source, target, and the table between them.
M.many = { { "film", "actor", "film_actor" }, { "actor", "film", "film_actor" }, { "film", "category", "film_category" } }

M.engines = { "pg", "mysql" }

local function read_script(name)
  local file = io.open(folder .. "/" .. name, "rb")
  if not file then return nil end
  local text = file:read "a"
  file:close()
  return text
end

--- Why nothing can be tried, or nil.
---@return string?
function M.missing()
  for _, names in pairs(scripts) do
    for _, name in ipairs(names) do
      if not read_script(name) then
        return ("is not tried: there is no %s/%s (SHUNT_SAKILA names another folder)"):format(folder, name)
      end
    end
  end
  return Engines.missing()
end

-- ---- rules ----

local function key_of(name) return name .. "_id" end
local keys_between = { film_actor = { "film_id", "actor_id" }, film_category = { "film_id", "category_id" } }

--- The model of a table or view whose place is a client.
function M.model_name(client, name) return client .. "_" .. name end

local function relations_of(client, other, name)
  local list = {}
  local function add(text, ...) list[#list + 1] = text:format(...) end
  for _, r in ipairs(M.references) do
    local column, key = r[2], r[4] or key_of(r[3])
    for _, place in ipairs { client, other } do
      if r[1] == name then
        add("to_%s_by_%s = belongs_to(%q, %q, { key = %q })", place, column, M.model_name(place, r[3]), column, key)
      end
      if r[3] == name then
        add("of_%s_%s_by_%s = has_many(%q, %q, { key = %q })", place, r[1], column, M.model_name(place, r[1]), column, key)
      end
    end
  end
  for _, m in ipairs(M.many) do
    for _, place in ipairs(m[1] == name and { client, other } or {}) do
      add("many_%s_%s = belongs_to_many(%q, %q, %q, %q)", place, m[2], M.model_name(client, m[3]), M.model_name(place, m[2]),
        key_of(name), key_of(m[2]))
    end
  end
  return table.concat(list, ", ")
end

local function rules()
  local out = {}
  for i, client in ipairs(M.engines) do
    local other = M.engines[3 - i]
    for _, name in ipairs(M.tables) do
      out[#out + 1] = ("model %q { table = %q, client = %q, primary_key = %s, relations = { %s } }"):format(M.model_name(client, name),
        name, client, show.source(keys_between[name] or key_of(name)), relations_of(client, other, name))
    end
    for _, name in ipairs(M.views) do
      out[#out + 1] = ("model %q { table = %q, client = %q }"):format(M.model_name(client, name), name, client)
    end
  end
  return table.concat(out, "\n")
end

-- ---- the engines' own clients ----

local function temporary(text)
  local path = os.tmpname()
  local file = assert(io.open(path, "wb"))
  assert(file:write(text))
  assert(file:close())
  return path
end

local command = {}

-- Fields end in 0x1f and rows in 0x1e; a null is 0x01.
function command.pg(url)
  return ([[psql -X -q -A -t -F "$(printf '\037')" -R "$(printf '\036')" -P "null=$(printf '\001')" '%s']]):format(url)
end

function command.mysql(url)
  local user, database, socket = url:match "^mysql://([^@]*)@[^/]*/([^?]*)%?socket=(.*)$"
  return ("mysql --no-defaults -N --batch --default-character-set=utf8mb4 -u '%s' -S '%s' '%s'"):format(user, socket, database)
end

local function run(engine, url, text)
  local path = temporary(text)
  local pipe = assert(io.popen(("%s <'%s' 2>'%s.err'"):format(command[engine](url), path, path), "r"))
  local out = pipe:read "a"
  local ok = pipe:close()
  local problems = assert(io.open(path .. ".err")):read "a"
  os.remove(path)
  os.remove(path .. ".err")
  return out, ok, problems
end

local split = {}

function split.pg(text)
  local rows = {}
  for line in text:gsub("\n$", ""):gmatch "([^\30]+)" do
    local row = {}
    for field in (line .. "\31"):gmatch "([^\31]*)\31" do row[#row + 1] = field == "\1" and shunt.null or field end
    rows[#rows + 1] = row
  end
  return rows
end

local escapes = { n = "\n", t = "\t", ["0"] = "\0", ["\\"] = "\\" }

function split.mysql(text)
  local rows = {}
  for line in text:gmatch "([^\n]+)" do
    local row = {}
    for field in (line .. "\t"):gmatch "([^\t]*)\t" do row[#row + 1] = field == "NULL" and shunt.null or field:gsub("\\(.)", escapes) end
    rows[#rows + 1] = row
  end
  return rows
end

-- ---- the shop ----

---@class Sakila
local Sakila = {}
Sakila.__index = Sakila

--- The rows that the engine's own client prints, each a list of texts and nulls.
---@param client string
---@param sql string
---@return table[]
function Sakila:raw(client, sql)
  local out, ok, problems = run(client, self.urls[client], sql .. ";\n")
  assert(ok and problems == "", problems)
  return split[client](out)
end

--- The names of the columns of a table or view, in order.
---@return string[]
function Sakila:columns(client, name)
  local where = client == "pg" and "table_schema = 'public'" or "table_schema = database()"
  local names = {}
  for i, row in ipairs(self:raw(client, ("SELECT column_name FROM information_schema.columns WHERE %s AND table_name = '%s' "
    .. "ORDER BY ordinal_position"):format(where, name))) do names[i] = row[1] end
  return names
end

-- The types whose values the clients print as bytes.
local bytes = { picture = true }

--- SELECT expressions that print columns of `from` as shunt gives them.
---@return string
function M.printed(client, names, from)
  local list = {}
  for i, name in ipairs(names) do
    local quoted = ("%s.%s"):format(from, client == "pg" and '"' .. name .. '"' or "`" .. name .. "`")
    if bytes[name] then quoted = client == "pg" and ("encode(%s, 'hex')"):format(quoted) or ("lower(hex(%s))"):format(quoted) end
    list[i] = quoted
  end
  return table.concat(list, ", ")
end

--- A row of shunt's as the engine's client prints it.
---@return any[]
function M.text_of(client, names, row)
  local out = {}
  for i, name in ipairs(names) do
    local value = row[name]
    if bytes[name] and value ~= shunt.null then
      value = value:gsub(".", function(c) return ("%02x"):format(c:byte()) end)
    elseif type(value) == "boolean" then
      value = client == "pg" and (value and "t" or "f") or (value and "1" or "0")
    end
    out[i] = value == shunt.null and value or tostring(value)
  end
  return out
end

local function load_pg(url)
  local schema, rows = read_script(scripts.pg[1]), read_script(scripts.pg[2])
  -- Rows come in no order that foreign keys allow, and only a superuser could turn the keys off meanwhile.
  local keys = assert(schema:find "\nALTER TABLE ONLY [%w_]+\n +ADD CONSTRAINT [%w_]+ FOREIGN KEY")
  local made = schema:sub(1, keys):gsub("\nALTER %u+ [^\n]* OWNER TO postgres;", ""):gsub("SET default_with_oids = false;", "")
    :gsub("\nCREATE TRIGGER last_updated.-;", "")
  local filled = rows:gsub("ALTER TABLE [%w_.]+ %u+ TRIGGER ALL;", "")
  local own = "SET client_min_messages = error;\n"
  for _, text in ipairs { made, own .. filled, own .. schema:sub(keys):gsub("\n[^\n]* OWNER TO postgres;", "") } do
    local _, ok, problems = run("pg", url, text)
    assert(ok, problems)
  end
end

local function load_mysql(url)
  local text = read_script(scripts.mysql[1])
  text = text:gsub("DROP SCHEMA IF EXISTS sakila;", ""):gsub("CREATE SCHEMA sakila;", ""):gsub("USE sakila;", ""):gsub("sakila%.", "")
  local _, ok, problems = run("mysql", url, text)
  assert(ok, problems)
end

-- What MySQL's tables call or hold otherwise.
local function moved(name, row)
  if name == "customer" then
    row.active, row.activebool = row.activebool, nil
  elseif name == "language" then
    row.name = row.name:gsub(" +$", "") -- PostgreSQL fills a char(20) up with blanks
  elseif name == "film" then
    row.fulltext = nil
    if row.special_features ~= shunt.null then row.special_features = row.special_features:gsub('[{}"]', "") end
  end
  return row
end

function Sakila:fill_mysql()
  local session = self.session
  session:execute("mysql", "ALTER TABLE staff DROP FOREIGN KEY fk_staff_store") -- staff and stores refer to each other
  for _, name in ipairs(M.tables) do
    local rows = session:model(M.model_name("pg", name)):select()
    for i, row in ipairs(rows) do rows[i] = moved(name, row) end
    session:model(M.model_name("mysql", name)):insert_bulk(rows)
  end
end

---@return Sakila
function M.open()
  local world = Engines.open {
    clients = { pg = "pg", mysql = "mysql" }, default = "pg", rules = rules(),
    connection = { mysql = "sqlMode: NO_ENGINE_SUBSTITUTION" }, -- two views order by columns that they do not group by
  }
  local self = setmetatable({ world = world, session = world.session, urls = {} }, Sakila)
  for _, engine in ipairs(M.engines) do self.urls[engine] = Engines.url(engine, world.database_of[engine]) end
  local ok, problem = pcall(function()
    load_pg(self.urls.pg)
    load_mysql(self.urls.mysql)
    self:fill_mysql()
  end)
  if not ok then
    world:close()
    error(problem, 0)
  end
  return self
end

function Sakila:close() self.world:close() end

return M
