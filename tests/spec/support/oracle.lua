--- What an include tree has to give, computed by joins on one undivided database.
--- Every node of the tree is one SQL statement that joins all the way from the root to it, with row_number() for limits;
--- nothing here looks a row up by its key. What is left for Lua is to hang each row of a join on the row it came from.
---
--- A model here is { table=, primary_key=, instance_column=, columns={{name=}, …} }. A node is { model=, relation=, opts=, include={node, …} };
--- the root has no relation. A relation is { name=, kind=, target=, foreign_key=, through=, through_key=, key=, options={} }.

local show = require "tests.spec.support.show"

local M = {}

local operators = { eq = "=", ne = "<>", gt = ">", gte = ">=", lt = "<", lte = "<=", like = "LIKE" }

local function quote(name)
  return '"' .. name:gsub('"', '""') .. '"'
end

local function marks(n)
  return (("?, "):rep(n):gsub(", $", ""))
end

local condition

local function list_of(maps, joiner, empty, params, null, alias)
  local parts = {}
  for _, map in ipairs(maps) do parts[#parts + 1] = "(" .. condition(map, params, null, alias) .. ")" end
  return #parts == 0 and empty or "(" .. table.concat(parts, joiner) .. ")"
end

local function membership(column, values, negated, params)
  if #values == 0 then return negated and "1" or "0" end
  for _, v in ipairs(values) do params[#params + 1] = v end
  return ("%s %s (%s)"):format(column, negated and "NOT IN" or "IN", marks(#values))
end

local function comparison(column, op, value, params, null)
  if op == "in" or op == "not_in" then return membership(column, value, op == "not_in", params) end
  if op == "between" then
    params[#params + 1], params[#params + 2] = value[1], value[2]
    return column .. " BETWEEN ? AND ?"
  end
  if value == null then return column .. (op == "eq" and " IS NULL" or " IS NOT NULL") end
  params[#params + 1] = value
  return ("%s %s ?"):format(column, operators[op])
end

local function column_condition(column, value, params, null)
  if type(value) ~= "table" or value == null then return comparison(column, "eq", value, params, null) end
  if #value > 0 or next(value) == nil then return membership(column, value, false, params) end
  local parts, ops = {}, {}
  for op in pairs(value) do ops[#ops + 1] = op end
  table.sort(ops)
  for _, op in ipairs(ops) do parts[#parts + 1] = comparison(column, op, value[op], params, null) end
  return table.concat(parts, " AND ")
end

function condition(where, params, null, alias)
  local keys, parts = {}, {}
  for key in pairs(where) do keys[#keys + 1] = key end
  table.sort(keys)
  for _, key in ipairs(keys) do
    local value = where[key]
    if key == "_or" then
      parts[#parts + 1] = list_of(value, " OR ", "0", params, null, alias)
    elseif key == "_and" then
      parts[#parts + 1] = list_of(value, " AND ", "1", params, null, alias)
    elseif key == "_not" then
      parts[#parts + 1] = "NOT (" .. condition(value, params, null, alias) .. ")"
    else
      parts[#parts + 1] = "(" .. column_condition(alias .. "." .. quote(key), value, params, null) .. ")"
    end
  end
  return #parts == 0 and "1" or table.concat(parts, " AND ")
end

-- t is the target, h its link if there is one.
local function order_sql(order, primary_key, through)
  local terms = {}
  for _, name in ipairs(order or {}) do
    local descending, column = name:match "^(%-?)(.*)$"
    local of_link = column:match "^link%.(.*)$"
    terms[#terms + 1] = (of_link and "h." or "t.") .. quote(of_link or column) .. (descending == "-" and " DESC" or "")
  end
  terms[#terms + 1] = "t." .. quote(primary_key)
  if through then terms[#terms + 1] = "h." .. quote(through.primary_key) end
  return table.concat(terms, ", ")
end

local function as_list(order)
  return type(order) == "string" and { order } or order
end

--- What a node asks for, its own options and its relation's together.
---@param node table
---@return table
function M.effective(node)
  local own, relation = node.opts or {}, node.relation and node.relation.options or {}
  local one = node.relation and (node.relation.kind == "has_one" or node.relation.kind == "belongs_to")
  return {
    wheres = { relation.where, own.where }, -- both hold; a missing one is a hole
    order = as_list(own.order or relation.order),
    limit = one and 1 or own.limit or relation.limit,
    offset = not one and own.offset or 0,
    columns = own.columns or relation.columns,
    link = own.link == true and {} or own.link, -- a table: links are shown
    one = one,
  }
end

local function filters(run, model, ask, params)
  local parts = {}
  for i = 1, 2 do
    if ask.wheres[i] then parts[#parts + 1] = "(" .. condition(ask.wheres[i], params, run.null, "t") .. ")" end
  end
  if ask.link and ask.link.where then parts[#parts + 1] = "(" .. condition(ask.link.where, params, run.null, "h") .. ")" end
  if model.instance_column then
    parts[#parts + 1] = "t." .. quote(model.instance_column) .. " = ?"
    params[#params + 1] = run.instance_id
  end
  return #parts == 0 and "1" or table.concat(parts, " AND ")
end

local function cut(ask)
  local parts = {}
  if ask.offset and ask.offset > 0 then parts[#parts + 1] = "_n > " .. ask.offset end
  if ask.limit then parts[#parts + 1] = "_n <= " .. (ask.offset or 0) + ask.limit end
  return #parts == 0 and "1" or table.concat(parts, " AND ")
end

local function root_ctes(run, node, params)
  local model, ask = run.models[node.model], M.effective(node)
  local where = filters(run, model, ask, params)
  return {
    ("all0 AS (SELECT 0 AS _parent, t.*, row_number() OVER (ORDER BY %s) AS _n FROM %s AS t WHERE %s)")
      :format(order_sql(ask.order, model.primary_key), quote(model.table), where),
    ("cut0 AS (SELECT *, _n AS _row FROM all0 WHERE %s)"):format(cut(ask)),
  }
end

local function joins(run, relation, params)
  local target, source = run.models[relation.target], run.models[relation.source]
  local table_name = quote(target.table)
  if relation.kind == "belongs_to" then
    return ("JOIN %s AS t ON p.%s = t.%s"):format(table_name, quote(relation.foreign_key), quote(relation.key or target.primary_key))
  end
  local key = quote(relation.key or source.primary_key)
  if relation.kind ~= "belongs_to_many" then
    return ("JOIN %s AS t ON p.%s = t.%s"):format(table_name, key, quote(relation.foreign_key))
  end
  local through, visible = run.models[relation.through], ""
  if through.instance_column then
    visible = " AND h." .. quote(through.instance_column) .. " = ?"
    params[#params + 1] = run.instance_id
  end
  return ("JOIN %s AS h ON p.%s = h.%s%s JOIN %s AS t ON h.%s = t.%s"):format(quote(through.table), key, quote(relation.foreign_key),
    visible, table_name, quote(relation.through_key), quote(target.primary_key))
end

-- The columns of the links beside those of the targets.
local function link_columns(through)
  local out = {}
  for i, column in ipairs(through and through.columns or {}) do
    out[i] = (", h.%s AS %s"):format(quote(column.name), quote("link." .. column.name))
  end
  return table.concat(out)
end

local function child_ctes(run, node, depth, params)
  local model, ask = run.models[node.relation.target], M.effective(node)
  local through = run.models[node.relation.through or ""]
  local join = joins(run, node.relation, params)
  local where = filters(run, model, ask, params)
  return {
    ("all%d AS (SELECT p._row AS _parent, t.*%s, row_number() OVER (PARTITION BY p._row ORDER BY %s) AS _n FROM cut%d AS p %s WHERE %s)")
      :format(depth, link_columns(through), order_sql(ask.order, model.primary_key, through), depth - 1, join, where),
    ("cut%d AS (SELECT *, row_number() OVER (ORDER BY _parent, _n) AS _row FROM all%d WHERE %s)"):format(depth, depth, cut(ask)),
  }
end

local function visible_columns(model, columns, row, prefix)
  local out = {}
  if columns then
    for _, name in ipairs(columns) do out[name] = row[prefix .. name] end
  else
    for _, column in ipairs(model.columns) do out[column.name] = row[prefix .. column.name] end
  end
  return out
end

local function visible_row(run, node, ask, row)
  local out = visible_columns(run.models[node.relation and node.relation.target or node.model], ask.columns, row, "")
  if ask.link then out.link = visible_columns(run.models[node.relation.through], ask.link.columns, row, "link.") end
  return out
end

--- What aggregates give: { { name = "sum_c1", ["function"] = "sum", column = "c1" }, … }; column is nil for COUNT(*).
---@param asked table<string, true|string[]>
---@return table[]
function M.results(asked)
  local list = {}
  for _, name in ipairs { "count", "sum", "avg", "min", "max" } do
    for _, column in ipairs(asked[name] == true and { "*" } or asked[name] or {}) do
      local all = column == "*"
      list[#list + 1] = { name = all and name or name .. "_" .. column, ["function"] = name, column = not all and column or nil }
    end
  end
  return list
end

-- The engine's own results of each parent's rows: by the parent's number, and those of no rows.
local function aggregate(run, node, ctes, params, depth)
  local columns, nothing, by_parent = { "_parent" }, {}, {}
  for _, result in ipairs(M.results(node.aggregates)) do
    local of = result.column and quote(result.column) or "*"
    columns[#columns + 1] = ("%s(%s) AS %s"):format(result["function"]:upper(), of, quote(result.name))
    nothing[result.name] = result["function"] == "count" and 0 or run.null
  end
  local sql = ("WITH %s SELECT %s FROM cut%d GROUP BY _parent"):format(table.concat(ctes, ", "), table.concat(columns, ", "), depth)
  for _, row in ipairs(run.query(sql, params)) do
    by_parent[row._parent] = row
    row._parent = nil
  end
  return by_parent, nothing
end

local function copy(list)
  return table.move(list, 1, #list, 1, {})
end

-- Loads node and what is under it. Gives the visible rows by their parent's number, and notes the full rows in node.rows.
local function load(run, node, ctes, params, depth)
  for _, cte in ipairs(depth == 0 and root_ctes(run, node, params) or child_ctes(run, node, depth, params)) do ctes[#ctes + 1] = cte end
  local sql = ("WITH %s SELECT * FROM cut%d ORDER BY _row"):format(table.concat(ctes, ", "), depth)
  local ask = M.effective(node)
  node.rows = run.query(sql, params)
  if node.aggregates then return aggregate(run, node, ctes, params, depth) end
  local by_parent, by_row = {}, {}
  for _, row in ipairs(node.rows) do
    local out = visible_row(run, node, ask, row)
    by_row[row._row] = out
    by_parent[row._parent] = by_parent[row._parent] or {}
    table.insert(by_parent[row._parent], out)
  end
  for _, child in ipairs(node.include or {}) do
    local children, nothing = load(run, child, copy(ctes), copy(params), depth + 1)
    local one = M.effective(child).one
    for number, out in pairs(by_row) do
      local found = children[number] or {}
      if child.aggregates then
        out[child.relation.name] = children[number] or nothing
      elseif child.count then
        out[child.relation.name] = #found
      elseif one then
        out[child.relation.name] = found[1]
      else
        out[child.relation.name] = found
      end
    end
  end
  return by_parent
end

--- The rows that the tree has to give.
---@param run { query: fun(sql: string, params: table): table[], models: table<string, table>, instance_id: integer?, null: any }
---@param root table
---@return table[]
function M.rows(run, root)
  return load(run, root, {}, {}, 0)[0] or {}
end

--- Sorts what no order was asked for, in place, so that results can be compared.
---@param rows table[]
---@param node table
---@param null any
---@return table[]
function M.normalise(rows, node, null)
  for _, row in ipairs(rows) do
    for _, child in ipairs(node.include or {}) do
      local found = row[child.relation.name]
      if type(found) == "table" and found ~= null then
        M.normalise((M.effective(child).one or child.aggregates) and { found } or found, child, null)
      end
    end
  end
  if not M.effective(node).order and #rows > 1 then
    local text = {}
    for _, row in ipairs(rows) do text[row] = show.source(row, null) end
    table.sort(rows, function(a, b) return text[a] < text[b] end)
  end
  return rows
end

M.quote = quote

return M
