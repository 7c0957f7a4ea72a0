--- Numbers that engines give in forms of their own, in one form: exact decimals, and averages, whose last digits differ.

local Oracle = require "tests.spec.support.oracle"

local M = {}

local function may_be_on_sqlite(schema, model)
  local places = { model.client, table.unpack(model.part_clients or {}) }
  if model.placement == "follower" then places = { "a", "b", "c" } end
  for _, client in ipairs(places) do
    if (schema.engines[client] or "sqlite3") == "sqlite3" then return true end
  end
  return false
end

-- SQLite's decimals are numbers. A server's are text with all their digits, which an addition of floating-point numbers would lose.
local function decimal(value, exact)
  if type(value) == "string" then return value:match "^%-?%d+%.%d%d$" or "not a sum of decimals: " .. value end
  return exact and "not exact: " .. value or ("%.2f"):format(value)
end

local function average(value, of, exact)
  local number = of == "decimal" and tonumber(value) or value
  if math.type(number) ~= "float" and of ~= "decimal" then return "not a floating-point number: " .. tostring(value) end
  if exact and type(value) ~= "string" then return "not exact: " .. value end
  return ("%.4f"):format(number)
end

-- A column of a row: what of, and of which type.
local function settle(value, what, type, null, exact)
  if value == nil or value == null or what == "count" then return value end
  if what == "avg" then return average(value, type, exact) end
  return type == "decimal" and decimal(value, exact) or value
end

-- Whether decimals must be text, because no place of the model is on SQLite.
local function is_exact(case, model)
  return case.engine and next(case.schema.engines) ~= nil and not may_be_on_sqlite(case.schema, model)
end

-- A copy of the row with its columns settled.
local function settle_columns(case, model, row, exact)
  local out = {}
  for name, value in pairs(row) do out[name] = value end
  for name, column in pairs(model.by_name) do out[name] = settle(out[name], nil, column.type, case.null, exact) end
  return out
end

local function settle_row(case, node, model, row, exact)
  local out = node.aggregates and {} or settle_columns(case, model, row, exact)
  if node.aggregates then
    for name, value in pairs(row) do out[name] = value end
    for _, result in ipairs(Oracle.results(node.aggregates)) do
      local of = result.column and model.by_name[result.column].type
      out[result.name] = settle(out[result.name], result["function"], of, case.null, exact and of == "decimal")
    end
  end
  if type(out.link) == "table" then
    local through = case.schema.models[node.relation.through]
    out.link = settle_columns(case, through, out.link, is_exact(case, through))
  end
  for _, child in ipairs(node.include) do
    local name = child.relation.name
    if type(out[name]) == "table" then out[name] = M.rows(case, child, out[name]) end
  end
  return out
end

--- Copies of the rows (or of the one row) of a node. case.engine: they come from the engines of the schema, not from the oracle.
---@param case { schema: table, null: any, engine: boolean }
---@param node table
---@param rows table
---@return table
function M.rows(case, node, rows)
  local model = case.schema.models[node.relation and node.relation.target or node.model]
  local exact = is_exact(case, model)
  local one = node.aggregates or node.relation and Oracle.effective(node).one
  if one then return settle_row(case, node, model, rows, exact) end
  local out = {}
  for i, row in ipairs(rows) do out[i] = settle_row(case, node, model, row, exact) end
  return out
end

return M
