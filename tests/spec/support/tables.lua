--- The tables of a random schema (see schema.lua): what they are made with on each engine, and with their rows in them.

local Schema = require "tests.spec.support.schema"

local M = {}

local clients = { "a", "b", "c" }

-- What can be known of a column only where its datasource is: the types that it may have there. Each is as good as another.
local sql_types = {
  sqlite3 = {
    [""] = { "" }, integer = { "INTEGER" }, text = { "TEXT" }, real = { "REAL" }, uuid = { "TEXT" }, nocase = { "TEXT COLLATE NOCASE" },
    decimal = { "DECIMAL(10,2)" }, date = { "DATE" },
  },
  pg = {
    integer = { "integer", "bigint", "smallint" }, text = { "text", "varchar(100)" }, real = { "double precision" }, uuid = { "uuid" },
    nocase = { "text COLLATE shunt_nocase" }, decimal = { "numeric(10,2)", "numeric(12,2)" }, date = { "date" },
  },
  mysql = {
    integer = { "INT", "BIGINT", "BIGINT UNSIGNED" }, text = { "VARCHAR(100)", "VARCHAR(90)" }, real = { "DOUBLE" }, uuid = { "CHAR(36)" },
    nocase = { "VARCHAR(100) COLLATE utf8mb4_general_ci" }, decimal = { "DECIMAL(10,2)", "DECIMAL(12,2)" }, date = { "DATE" },
  },
}

-- What a datasource needs before its tables are made.
local preparations = {
  pg = { "CREATE COLLATION shunt_nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false)" },
}

-- Every column of a type and engine takes the next of the types there are for it.
local function sql_type(engine, column, number)
  local types = sql_types[engine][column.collate and "nocase" or column.type]
  return types[number % #types + 1]
end

local function create_table(schema, client, table_name, model)
  local definitions, engine = {}, schema.engines[client] or "sqlite3"
  for i, column in ipairs(model.columns) do
    definitions[i] = column.name .. " " .. sql_type(engine, column, i) .. (column.name == "id" and " PRIMARY KEY" or "")
      .. (column.nullable and "" or " NOT NULL")
  end
  return ("CREATE TABLE %s (%s)"):format(table_name, table.concat(definitions, ", "))
end

local function insert_rows(schema, execute, client, table_name, model, rows)
  local names = {}
  for i, column in ipairs(model.columns) do names[i] = column.name end
  execute(client, create_table(schema, client, table_name, model))
  if #rows == 0 then return end
  local mark, params = "(" .. ("?, "):rep(#names - 1) .. "?)", {}
  for _, row in ipairs(rows) do
    for _, name in ipairs(names) do params[#params + 1] = row[name] end
  end
  execute(client, ("INSERT INTO %s (%s) VALUES %s"):format(table_name, table.concat(names, ", "), (mark .. ", "):rep(#rows - 1) .. mark), params)
end

local function part_rows(model, wanted)
  local rows = {}
  for _, row in ipairs(model.rows) do
    local client, name = Schema.part(model, row[model.part_column])
    if client .. "." .. name == wanted then rows[#rows + 1] = row end
  end
  return rows
end

local function store_parts(schema, execute, model)
  local done = { [model.client .. "." .. model.base] = true }
  for b = 0, model.parts - 1 do
    local client, name = Schema.part(model, b)
    local place_name = client .. "." .. name
    if not done[place_name] then insert_rows(schema, execute, client, name, model, part_rows(model, place_name)) end
    done[place_name] = true
  end
end

local function store_follower(schema, execute, model)
  local owner, fk = model.follows.owner, model.follows.foreign_key
  for _, client in ipairs(clients) do
    local rows = {}
    for _, row in ipairs(model.rows) do
      if Schema.part(owner, row[fk]) == client then rows[#rows + 1] = row end
    end
    if client ~= model.client then insert_rows(schema, execute, client, model.base, model, rows) end
  end
end

--- Creates the tables on every client and in "whole".
---@param schema table
---@param execute fun(client: string, sql: string, params?: table)
function M.store(schema, execute)
  for _, name in ipairs(schema.names) do
    local model = schema.models[name]
    insert_rows(schema, execute, "whole", model.table, model, model.rows)
    insert_rows(schema, execute, model.client, model.base, model,
      model.divided and part_rows(model, model.client .. "." .. model.base) or model.rows)
    if model.parts then store_parts(schema, execute, model) end
    if model.placement == "follower" then store_follower(schema, execute, model) end
  end
end

--- What must be run on a client before the schema is stored, by client.
---@param schema table
---@return table<string, string[]>
function M.preparations(schema)
  local by_client = {}
  for client, engine in pairs(schema.engines) do by_client[client] = preparations[engine] end
  return by_client
end

--- The base tables, for a message.
---@param schema table
---@return string
function M.text(schema)
  local out = {}
  for i, name in ipairs(schema.names) do
    local model = schema.models[name]
    out[i] = ("  [%s] %s"):format(model.client, create_table(schema, model.client, model.base, model))
  end
  return table.concat(out, "\n")
end

return M
