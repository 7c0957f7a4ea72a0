--- Random include trees over a schema, as the oracle reads them and as the library's options.

local schema_of = require "tests.spec.support.schema"
local show = require "tests.spec.support.show"

local M = {}

local function own_options(random, model, relation, through, null)
  local opts = {}
  local options = relation and relation.options or {}
  local one = relation and (relation.kind == "has_one" or relation.kind == "belongs_to")
  if random:chance(relation and 30 or 50) then opts.where = schema_of.where(random, model, 2, false, null) end
  if random:chance(40) then opts.order = schema_of.order(random, model, through) end
  if random:chance(20) then opts.columns = schema_of.some_columns(random, model) end
  if not one and (opts.order or options.order) and not options.limit and random:chance(40) then
    opts.limit = random:int(0, relation and 4 or 12)
    if random:chance(35) then opts.offset = random:int(0, 3) end
  end
  -- Asked for in the call: where the rows are anyway, so that the answer is the same.
  if relation and schema_of.static(model) and random:chance(10) then opts.client = model.client end
  if relation and not model.parts and random:chance(5) then opts.table = model.base end
  return opts
end

local function relations_of(schema, random, model)
  local list = table.move(model.relations, 1, #model.relations, 1, {})
  if random:chance(40) then
    local extra = schema.extra()
    extra.made_on_the_spot = true
    if extra.source == model.name then list[#list + 1] = extra end
  end
  return list
end

-- Whether the target's rows of one key may lie on several datasources: then nothing may be cut off before it is aggregated.
local function is_scattered(model, relation)
  local key = relation.kind == "belongs_to" and (relation.key or "id") or relation.foreign_key
  return model.divided and key ~= model.part_column
end

local function can_aggregate(model, child)
  local relation = child.relation
  local cut = child.opts.limit or child.opts.offset or relation.options.limit
  if relation.kind == "belongs_to_many" then return not cut end
  return not is_scattered(model, relation) or relation.kind == "has_many" and not cut
end

local summed = { integer = true, real = true, decimal = true }
local ranked = { integer = true, real = true, decimal = true, text = true, date = true }

-- As the options of an include: { count = true, sum = { "c1" }, … }, with a function of a column at least.
local function some_aggregates(random, model)
  local numbers, others, all = {}, {}, {}
  for _, column in ipairs(model.columns) do
    if summed[column.type] then numbers[#numbers + 1] = column.name end
    if ranked[column.type] and not column.collate then others[#others + 1] = column.name end
    all[#all + 1] = column.name
  end
  local asked = { count = random:chance(50) and { "*", random:of(all) } or random:chance(50) or nil }
  for name, columns in pairs { sum = numbers, avg = numbers, min = others, max = others } do asked[name] = columns end
  for _, name in ipairs { "sum", "avg", "min", "max" } do
    local some = random:chance(60) and random:some(asked[name], random:int(1, 3)) or {}
    asked[name] = #some > 0 and some or nil
  end
  if not (asked.sum or asked.avg or asked.min or asked.max) then asked.count = { random:of(all) } end
  return asked
end

local function grow(schema, random, null, node, depth, budget)
  local model = schema.models[node.relation and node.relation.target or node.model]
  node.include = {}
  if depth == 0 then return end
  for _, relation in ipairs(random:some(relations_of(schema, random, model), random:int(depth == 4 and 1 or 0, 3))) do
    if budget.left > 0 then
      budget.left = budget.left - 1
      local through = schema.models[relation.through or ""]
      local child = { relation = relation, opts = own_options(random, schema.models[relation.target], relation, through, null) }
      table.insert(node.include, child)
      child.count = random:chance(25)
      local target = schema.models[relation.target]
      if not child.count and random:chance(target.divided and 60 or 25) and can_aggregate(target, child) then
        child.aggregates = some_aggregates(random, target)
      end
      local results = child.count or child.aggregates ~= nil
      if through and random:chance(60) then child.opts.link = schema_of.link(random, through, results, null) end
      if results then
        child.opts.order, child.opts.columns, child.include = nil, nil, {}
      else
        grow(schema, random, null, child, depth - 1, budget)
      end
    end
  end
end

-- As requests bring them: an integer as text too, and values that the column can't hold.
local function some_ids(random, model)
  local ids, seen = {}, {}
  local whole, odd = model.by_name.id.type == "integer", model.odd_keys or model.part_column ~= "id"
  for _ = 1, random:int(0, 8) do
    local id = #model.rows > 0 and random:chance(85) and random:of(model.rows).id or whole and 999 or "none"
    if not seen[id] then
      seen[id] = true
      if whole and random:chance(15) then id = tostring(id) end
      ids[#ids + 1] = id
    end
  end
  if whole and odd and random:chance(30) then table.insert(ids, random:int(1, #ids + 1), random:of { "x7", "", "1.5", 2.5, "1e400" }) end
  return ids
end

--- A tree of at most four levels of relations under its root.
---@param schema table
---@param random Random
---@param null any
---@return table
function M.new(schema, random, null)
  local model = schema.models[random:of(schema.names)]
  local node = { model = model.name, method = "select", opts = own_options(random, model, nil, nil, null) }
  local roll = random:int(1, 100)
  if roll <= 12 then
    node.method, node.ids = "mget", some_ids(random, model)
    node.opts = { columns = node.opts.columns, order = {}, where = { id = node.ids } }
  elseif roll <= 24 and #model.rows > 0 then
    node.method, node.opts = "get", { columns = node.opts.columns, where = { id = random:of(model.rows).id } }
  elseif model.parts and random:chance(60) then
    node.opts.where = node.opts.where or {}
    node.opts.where[model.part_column] = #model.rows > 0 and random:chance(80) and random:of(model.rows)[model.part_column] or random:int(0, 20)
  end
  local named = model.placement == "clientless" and model.client ~= schema.default or model.placement == "follower"
  if named or schema_of.static(model) and random:chance(25) then node.client = model.client end -- held for what lies with its rows
  grow(schema, random, null, node, 4, { left = 7 })
  return node
end

-- What include and with take for a node's children.
local function children(shunt, node, opts)
  for _, child in ipairs(node.include) do
    local relation = child.relation
    local sub = M.options(shunt, child)
    opts.include = opts.include or {}
    if not relation.made_on_the_spot then
      opts.include[relation.name] = next(sub) and sub or true
    else
      opts.with = opts.with or {}
      local options = { key = relation.key }
      for k, v in pairs(relation.options) do options[k] = v end
      if relation.kind == "belongs_to_many" then
        opts.with[relation.name] =
          shunt.belongs_to_many(relation.through, relation.target, relation.foreign_key, relation.through_key, options)
      else
        opts.with[relation.name] = shunt[relation.kind](relation.target, relation.foreign_key, options)
      end
      if next(sub) then opts.include[relation.name] = sub end
    end
  end
  if opts.include and not next(opts.include) then opts.include = nil end
end

--- A node as the library's options.
---@param shunt table
---@param node table
---@return table
function M.options(shunt, node)
  local opts = {}
  for k, v in pairs(node.opts) do opts[k] = v end
  opts.client = node.client
  opts.count = node.count or nil
  for name, columns in pairs(node.aggregates or {}) do opts[name] = columns end
  children(shunt, node, opts)
  return opts
end

--- Reads the tree through the library.
---@param shunt table
---@param session table
---@param root table
---@return table[]
function M.read(shunt, session, root)
  local model, opts = session:model(root.model), M.options(shunt, root)
  if root.method == "select" then return model:select(opts) end
  local where = opts.where
  opts.where, opts.order = nil, nil
  if root.method == "mget" then return model:mget(root.ids, opts) end
  return { (model:get(where, opts)) }
end

-- ---- how many statements it may take ----

local function keys_of(node, column, null)
  local set = {}
  for _, row in ipairs(node.rows) do
    if row[column] ~= null and row[column] ~= nil then set[row[column]] = true end
  end
  return set
end

local function size(set)
  local n = 0
  for _ in pairs(set) do n = n + 1 end
  return n
end

-- The places that an access to the model may ask, if its keys say nothing of them.
local function places(model) return model.parts and model.parts + 1 or 1 end

-- The decisions that the keys lead to, when the target is reached over this column.
local function decisions(model, column, keys)
  if model.part_column ~= column then return next(keys) == nil and 0 or places(model) end
  local set = {}
  for key in pairs(keys) do
    local client, name = schema_of.part(model, key)
    set[client .. "." .. name] = true
  end
  return size(set)
end

local function clients_of(node, model)
  local by_id = node.by_primary_key
  local set = {}
  for _, row in ipairs(node.rows) do set[by_id and schema_of.part(model, row.id) or model.client] = true end
  return size(set)
end

-- Where keys of a model's rows may lead: to each part, and, where they need not be integers, to the base.
local function most_places(model)
  if model.part_column ~= "id" then return places(model) end
  return model.parts + (model.odd_keys and 1 or 0)
end

local function where_equals(node, column)
  for _, where in pairs { node.opts.where or {}, node.relation and node.relation.options.where or {} } do
    if type(where[column]) == "number" then return true end
  end
  return false
end

local function child_bound(schema, node, model, child, null)
  local relation = child.relation
  local target = schema.models[relation.target]
  if relation.kind == "belongs_to" then
    local key = relation.key or "id"
    child.by_primary_key = key == target.part_column or where_equals(child, target.part_column)
    return decisions(target, key, keys_of(node, relation.foreign_key, null))
  end
  local keys = keys_of(node, relation.key or "id", null)
  if relation.kind == "belongs_to_many" then
    local through = schema.models[relation.through]
    child.by_primary_key = target.part_column == "id"
    local n = decisions(through, relation.foreign_key, keys)
    return n == 0 and 0 or n + most_places(target)
  end
  child.by_primary_key = where_equals(child, target.part_column)
  if relation.inherits then return next(keys) == nil and 0 or clients_of(node, model) end
  return decisions(target, relation.foreign_key, keys)
end

local function under(schema, node, null)
  local model = schema.models[node.relation and node.relation.target or node.model]
  local n = 0
  for _, child in ipairs(node.include) do
    n = n + child_bound(schema, node, model, child, null) + under(schema, child, null)
  end
  return n
end

--- The most statements that the tree may take: one for each relation, level and decision. After oracle.rows.
---@param schema table
---@param root table
---@param null any
---@return integer
function M.statement_bound(schema, root, null)
  local model = schema.models[root.model]
  root.by_primary_key = root.method ~= "mget" and where_equals(root, model.part_column)
  local first = root.method == "mget" and most_places(model) or places(model)
  if root.method == "mget" and model.part_column == "id" then root.by_primary_key = true end
  return first + under(schema, root, null)
end

--- The tree as Lua source, for a message.
---@param root table
---@param null any
---@return string
function M.text(root, null)
  local function describe(node)
    local out = { opts = next(node.opts) and node.opts or nil, client = node.client, count = node.count, aggregates = node.aggregates }
    for _, child in ipairs(node.include) do
      local text = child.relation.made_on_the_spot and schema_of.relation_text(child.relation, null) or nil
      out[child.relation.name] = describe(child)
      out[child.relation.name].with = text
    end
    return out
  end
  return ("%s %s %s"):format(root.model, root.method, show.source(describe(root), null))
end

return M
