--- Random schemas over three datasources and their data, both divided over the datasources and in one piece.
--- The datasources are SQLite's, or of the engines that M.new is given: then columns have types of those engines.
---
--- A model's placement says where its rows are:
---   plain        on its own client
---   clientless   on one client that the model does not name: a relation's client (or the call's) leads there
---   tables       on its own client, partitioned over tables by the value of one column
---   datasources  partitioned over datasources by the value of one column
---   both         partitioned over datasources and tables
---   follower     beside the parent row that it belongs to, whose model is partitioned over datasources; names no client
--- The base table of a partitioned model holds all rows, and is declared as its only part: for accesses that don't say which
--- part they mean. Or the model is divided: its base has only the rows that are in no other part, and all parts are declared.

local show = require "tests.spec.support.show"

local M = {}

local clients = { "a", "b", "c" }
local servers = { "b", "c" } -- those of several engines that add decimals exactly
local letters = { "a", "b", "c", "d", "e" }

-- ---- columns and models ----

local function add_column(model, name, type, nullable, collate)
  local column = { name = name, type = type, nullable = nullable, collate = collate }
  table.insert(model.columns, column)
  model.by_name[name] = column
  return column
end

-- Whether the schema is one over several engines.
local function is_mixed(schema) return next(schema.engines) ~= nil end

local function id_type(schema, random)
  if is_mixed(schema) and random:chance(10) then return "uuid" end
  return random:chance(80) and "integer" or "text"
end

local function new_model(schema, random, name)
  local model = {
    name = name, table = "w_" .. name, base = name .. "s", primary_key = "id", columns = {}, by_name = {}, relations = {},
    client = random:of(clients), placement = "plain",
  }
  add_column(model, "id", id_type(schema, random), false)
  for i = 1, random:int(1, 4) do add_column(model, "c" .. i, random:of { "integer", "text", "real", "decimal", "date" }, random:chance(70)) end
  if random:chance(35) then
    add_column(model, "iid", "integer", true)
    model.instance_column = "iid"
  end
  schema.models[name] = model
  table.insert(schema.names, name)
  return model
end

-- ---- edges: a foreign key and what it refers to ----

-- How many in a hundred, the key's type, the foreign key's, a collation of both. "" is a column without a type, which keeps
-- integers and texts as they are.
local key_types = {
  { 50, "integer", "integer" }, { 10, "text", "text" }, { 8, "integer", "text" }, { 8, "text", "integer" }, { 4, "integer", "real" },
  { 4, "real", "integer" }, { 3, "real", "text" }, { 3, "text", "real" }, { 5, "integer", "" }, { 5, "text", "text", "NOCASE" },
}
local mixed_key_types = {
  { 45, "integer", "integer" }, { 12, "text", "text" }, { 8, "integer", "text" }, { 8, "text", "integer" },
  { 5, "integer", "real" }, { 5, "real", "integer" }, { 5, "text", "text", "NOCASE" }, { 8, "uuid", "uuid" }, { 4, "uuid", "text" },
}

local function pick_types(schema, random)
  local at = random:int(1, 100)
  for _, t in ipairs(is_mixed(schema) and mixed_key_types or key_types) do
    at = at - t[1]
    if at <= 0 then return t end
  end
end

-- A foreign key in holder that refers to owner's primary key, or to a key column that need not be unique.
local function new_edge(schema, random, holder, owner)
  local types = pick_types(schema, random)
  local edge = { holder = holder, owner = owner, key = "id" }
  local key_type, fk_type, collate = types[2], types[3], types[4]
  if owner.by_name.id.type == key_type and not collate and random:chance(75) then
    edge.key = "id"
  else
    edge.key = "k" .. #owner.columns
    add_column(owner, edge.key, key_type, true, collate)
  end
  edge.foreign_key = "f" .. #holder.columns
  add_column(holder, edge.foreign_key, fk_type, true, collate)
  edge.plain_integers = key_type == "integer" and fk_type == "integer"
  table.insert(schema.edges, edge)
  return edge
end

-- ---- placements ----

-- Whether an edge leads to the column from keys that need not be integers.
local function has_odd_edge(schema, model, column)
  for _, edge in ipairs(schema.edges) do
    local touches = edge.holder == model and edge.foreign_key == column or edge.owner == model and edge.key == column
    if touches and not edge.plain_integers then return true end
  end
  return false
end

local function partition(schema, random, model, column)
  model.placement = random:of { "tables", "datasources", "both" }
  model.part_column, model.parts, model.odd_keys = column, random:int(2, 4), has_odd_edge(schema, model, column) or random:chance(50)
  model.divided = random:chance(50)
  model.part_clients = {}
  local places = is_mixed(schema) and random:chance(50) and servers or clients
  if places == servers then
    model.client = random:of(servers)
    add_column(model, "d" .. #model.columns, "decimal", false)
  end
  for i = 1, model.parts do model.part_clients[i] = model.placement == "tables" and model.client or random:of(places) end
end

-- A part's client and table for a value of the part column, of whatever type; the base where the value names none.
function M.part(model, value)
  local number = model.parts and math.tointeger(tonumber(value))
  if not number then return model.client, model.base end
  local b = number % model.parts
  local name = model.placement == "datasources" and model.base or ("%s_%02d"):format(model.base, b)
  return model.part_clients[b + 1], name
end

-- A column that partitions. The other end of an edge over it may be of any type, and have values that no part holds.
local function can_partition(model, column) return model.by_name[column].type == "integer" end

local function place(schema, random)
  for _, name in ipairs(schema.names) do
    local model = schema.models[name]
    local columns, odd = {}, {}
    for _, column in ipairs(model.columns) do
      if (column.name == "id" or column.name:match "^f") and can_partition(model, column.name) then
        columns[#columns + 1] = column.name
        if has_odd_edge(schema, model, column.name) then odd[#odd + 1] = column.name end
      end
    end
    if #odd > 0 and random:chance(60) then columns = odd end
    local roll = random:int(1, 100)
    if roll <= (columns == odd and 70 or 35) and #columns > 0 then
      partition(schema, random, model, random:of(columns))
    elseif roll <= 55 then
      model.placement = "clientless"
    end
  end
end

-- Lets a model follow another, which is then partitioned over datasources by its primary key.
local function follow(schema, random)
  for _, edge in ipairs(schema.edges) do
    local owner, holder = edge.owner, edge.holder
    local may = edge.key == "id" and edge.plain_integers and owner ~= holder and can_partition(owner, "id")
    if may and not (holder.leads or holder.follows or owner.follows) and random:chance(20) then
      if not (owner.placement == "datasources" and owner.part_column == "id") then
        owner.part_column, owner.parts, owner.part_clients = "id", random:int(2, 4), {}
        owner.odd_keys = has_odd_edge(schema, owner, "id") or random:chance(50)
        for i = 1, owner.parts do owner.part_clients[i] = random:of(clients) end
      end
      owner.placement, owner.leads, owner.divided = "datasources", true, false
      holder.placement, holder.follows, holder.client = "follower", edge, owner.client
      holder.part_column, holder.parts, holder.part_clients = nil, nil, nil
    end
  end
end

-- ---- relations ----

-- Whether all of a model's rows are on one datasource.
local function static(model)
  return model.placement == "plain" or model.placement == "tables" or model.placement == "clientless"
end

-- A client for a relation that leads from source to target's rows, or nil where the target's own does.
local function relation_client(schema, random, source, target, edge, inherits)
  if target.placement == "follower" then
    if edge and target.follows == edge and inherits then return random:of { "_inherit_", "_auto_", false } or nil, true end
    return target.client
  end
  local choices = {}
  if target.placement ~= "clientless" then choices = { false, false, "_auto_", "_initial_" } end
  if target.placement == "clientless" and target.client == schema.default then choices = { "_initial_", "default" } end
  if static(target) then choices[#choices + 1] = target.client end
  if inherits and static(source) and static(target) and source.client == target.client then
    choices[#choices + 1] = "_inherit_"
    if target.placement == "clientless" then choices[#choices + 1] = "_auto_" end
  end
  return random:of(choices) or nil
end

local function relation_options(random, relation, target, through, null)
  local options = relation.options
  local one = relation.kind == "has_one" or relation.kind == "belongs_to"
  if random:chance(15) then options.where = M.where(random, target, 1, true, null) end
  if one or random:chance(25) then options.order = M.order(random, target, through) end
  if not one and options.order and random:chance(30) then options.limit = random:int(1, 4) end
  if random:chance(10) then options.columns = M.some_columns(random, target) end
  if random:chance(10) and static(target) and not target.parts then options.table = target.base end
end

local function new_relation(schema, random, kind, edge, far)
  local relation = { kind = kind, options = {} }
  schema.count = schema.count + 1
  relation.name = "r" .. schema.count
  local source, target
  if kind == "belongs_to" then
    source, target = edge.holder, edge.owner
  elseif kind == "belongs_to_many" then
    source, target = edge.owner, far.owner
    relation.through, relation.through_key = edge.holder.name, far.foreign_key
    relation.options.through_client = relation_client(schema, random, source, edge.holder, nil, true)
  else
    source, target = edge.owner, edge.holder
  end
  relation.source, relation.target, relation.foreign_key, relation.edge = source.name, target.name, edge.foreign_key, edge
  if edge.key ~= "id" then relation.key = edge.key end
  local inherits
  relation.options.client, inherits = relation_client(schema, random, source, target, kind ~= "belongs_to" and edge, kind ~= "belongs_to_many")
  relation.inherits = inherits
  relation_options(random, relation, target, schema.models[relation.through or ""], schema.null)
  return relation
end

local function one_way(schema, random, kind, edge, far)
  if random:chance(85) then
    local relation = new_relation(schema, random, kind, edge, far)
    table.insert(schema.models[relation.source].relations, relation)
  end
end

-- ---- conditions, orders and columns, of options and of trees ----

-- A UUID for each number.
local function uuid_of(i) return ("%08x-0000-4000-8000-%012x"):format(i * 2654435761 % 4294967296, i) end

local function literal(random, column)
  if column.type == "uuid" then return uuid_of(random:int(1, 12)) end
  if column.type == "integer" or column.type == "" then return random:int(0, 9) end
  if column.type == "real" then return random:int(0, 18) / 2 end
  if column.type == "decimal" then return random:int(0, 36) / 4 end -- exact as a float, too
  if column.type == "date" then return ("2024-0%d-1%d"):format(random:int(1, 9), random:int(0, 9)) end
  return random:chance(50) and tostring(random:int(0, 9)) or random:of(letters)
end

M.literal = literal

--- A primary key of the model for a number that no other row has.
function M.id_of(model, i)
  local type = model.by_name.id.type
  return type == "uuid" and uuid_of(i) or type == "integer" and i or "n" .. i
end

local function literals(random, column, n)
  local list = {}
  for i = 1, n do list[i] = literal(random, column) end
  return list
end

local function column_where(random, column, constant, null)
  local roll = random:int(1, 12)
  if roll <= 3 then return literal(random, column) end
  if roll == 4 then return literals(random, column, random:int(constant and 1 or 0, 4)) end
  if roll == 5 then return { ["in"] = literals(random, column, random:int(1, 3)) } end
  if roll == 6 then return { not_in = literals(random, column, random:int(1, 3)) } end
  if roll == 7 then
    local low, high = literal(random, column), literal(random, column)
    if low > high then low, high = high, low end
    return { between = { low, high } }
  end
  -- PostgreSQL has no LIKE for a text that is compared in any case.
  if roll == 8 and column.type == "text" and not column.collate then return { like = random:of { "a%", "%b%", "_", "1%", "%" } } end
  if roll == 9 and null then return random:of { null, { ne = null }, { eq = null } } end
  if roll == 10 then return { gte = literal(random, column), lt = literal(random, column) } end
  return { [random:of { "eq", "ne", "gt", "gte", "lt", "lte" }] = literal(random, column) }
end

--- A random where. constant: one that can stand in a rule file (without null).
function M.where(random, model, depth, constant, null)
  local where = {}
  for _, column in ipairs(random:some(model.columns, random:int(1, 2))) do
    where[column.name] = column_where(random, column, constant, null)
  end
  if depth > 0 and random:chance(25) then
    local kind = random:of { "_or", "_and", "_not" }
    if kind == "_not" then
      where._not = M.where(random, model, depth - 1, constant, null)
    else
      local list = {}
      for i = 1, random:int(constant and 1 or 0, 3) do list[i] = M.where(random, model, depth - 1, constant, null) end
      where[kind] = list
    end
  end
  return where
end

local function add_terms(random, model, most, prefix, order)
  for _, column in ipairs(random:some(model.columns, random:int(0, most))) do
    if column.name ~= "id" then order[#order + 1] = (random:chance(40) and "-" or "") .. prefix .. column.name end
  end
end

--- A random order that ends in the primary key, so that it is total. through: the model of the links, if there are any.
function M.order(random, model, through)
  local order = {}
  if through and random:chance(50) then add_terms(random, through, 2, "link.", order) end
  add_terms(random, model, 2, "", order)
  if through and random:chance(25) then add_terms(random, through, 1, "link.", order) end
  if through and random:chance(10) then order[#order + 1] = random:of { "link.id", "-link.id" } end
  order[#order + 1] = random:chance(30) and "-id" or "id"
  return order
end

--- How a tree asks for links: true, or columns and conditions. counted: only conditions, or nil.
function M.link(random, through, counted, null)
  local link = {}
  if random:chance(50) then link.where = M.where(random, through, 1, false, null) end
  if not counted and random:chance(50) then link.columns = M.some_columns(random, through) end
  if counted then return link.where and link or nil end
  return next(link) and link or true
end

function M.some_columns(random, model)
  local names = {}
  for _, column in ipairs(random:some(model.columns, random:int(1, 3))) do names[#names + 1] = column.name end
  return names
end

-- ---- rows ----

local function key_value(random, type, i)
  if type == "uuid" then return uuid_of(i) end
  if type == "integer" or type == "" then return i end
  if type == "real" then return i + (random:chance(20) and 0.5 or 0.0) end
  return random:chance(75) and tostring(i) or "k" .. i
end

-- A key's value as a foreign key of another type holds it, or nil.
local function converted(random, value, column)
  if column.type == "uuid" then return value end
  if column.type == "text" then
    local text = math.type(value) == "float" and tostring(math.tointeger(value) or value) or tostring(value)
    if column.collate and random:chance(50) then text = text:upper() end
    return text
  end
  local number = tonumber(value)
  if not number then return nil end
  if column.type == "" then return random:chance(50) and number or tostring(number) end
  if column.type == "real" then return number + 0.0 end
  return math.tointeger(number)
end

local function primary_keys(random, model, n)
  local seen, list = {}, {}
  while #list < n do
    local i = random:int(1, 3 * n)
    if not seen[i] then
      seen[i] = true
      list[#list + 1] = key_value(random, model.by_name.id.type, i)
    end
  end
  return list
end

local function fill_keys(schema, random, null)
  for _, name in ipairs(schema.names) do
    local model = schema.models[name]
    local n = random:chance(8) and 0 or random:chance(8) and random:int(40, 70) or random:int(1, 22)
    if name:match "^t" then n = n * 2 end
    model.rows = {}
    for i, id in ipairs(primary_keys(random, model, n)) do
      local row = { id = id }
      for _, column in ipairs(model.columns) do
        if column.name:match "^k" then row[column.name] = random:chance(10) and null or key_value(random, column.type, random:int(1, 12)) end
        if column.name == "iid" then row.iid = random:chance(75) and 7 or random:chance(80) and 8 or null end
      end
      model.rows[i] = row
    end
  end
end

local function foreign_value(random, edge, column, null)
  if random:chance(12) then return null end
  local owner = edge.owner.rows
  local value
  if #owner > 0 and random:chance(85) then value = random:of(owner)[edge.key] end
  if value == null or value == nil then value = key_value(random, column.type, random:int(60, 99)) end
  return converted(random, value, column) or null
end

local function fill_rest(schema, random, null)
  for _, edge in ipairs(schema.edges) do
    local column = edge.holder.by_name[edge.foreign_key]
    for _, row in ipairs(edge.holder.rows) do row[edge.foreign_key] = foreign_value(random, edge, column, null) end
  end
  for _, name in ipairs(schema.names) do
    local model = schema.models[name]
    for _, row in ipairs(model.rows) do
      for _, column in ipairs(model.columns) do
        if row[column.name] == nil then
          row[column.name] = column.nullable and random:chance(20) and null or literal(random, column)
        end
      end
    end
  end
end

-- ---- the schema as a whole ----

--- A schema with its data. engines: those of the clients a, b and c, where they are not all SQLite.
---@param random Random
---@param null any
---@param engines? table<string, string>
---@return table
function M.new(random, null, engines)
  local schema = { models = {}, names = {}, edges = {}, throughs = {}, count = 0, default = random:of(clients), null = null,
    engines = engines or {} }
  local plain = {}
  for i = 1, random:int(3, 5) do plain[i] = new_model(schema, random, "m" .. i) end
  local edges = {}
  for _ = 1, random:int(4, 7) do
    local holder = random:of(plain)
    edges[#edges + 1] = new_edge(schema, random, holder, random:chance(20) and holder or random:of(plain))
  end
  for i = 1, random:int(1, 2) do
    local through = new_model(schema, random, "t" .. i)
    local near, far
    near = new_edge(schema, random, through, random:of(plain))
    repeat -- the far key refers to the target's primary key
      far = new_edge(schema, random, through, random:of(plain))
    until far.key == "id"
    schema.throughs[i] = { near = near, far = far }
  end
  place(schema, random)
  follow(schema, random)
  for _, edge in ipairs(edges) do
    one_way(schema, random, "belongs_to", edge)
    one_way(schema, random, random:chance(75) and "has_many" or "has_one", edge)
    if random:chance(25) then one_way(schema, random, random:of { "has_many", "has_one" }, edge) end
  end
  for _, through in ipairs(schema.throughs) do
    one_way(schema, random, "belongs_to_many", through.near, through.far)
    if through.near.key == "id" then one_way(schema, random, "belongs_to_many", through.far, through.near) end
  end
  schema.extra = function() -- a relation that no model declares
    if random:chance(25) then
      local through = random:of(schema.throughs)
      return new_relation(schema, random, "belongs_to_many", through.near, through.far)
    end
    return new_relation(schema, random, random:of { "has_many", "has_one", "belongs_to" }, random:of(edges))
  end
  fill_keys(schema, random, null)
  fill_rest(schema, random, null)
  return schema
end

local function options_text(relation, null)
  local options = {}
  for k, v in pairs(relation.options) do options[k] = v end
  options.key = relation.key
  return show.source(options, null)
end

local function relation_text(relation, null)
  if relation.kind == "belongs_to_many" then
    return ("belongs_to_many(%q, %q, %q, %q, %s)"):format(relation.through, relation.target, relation.foreign_key, relation.through_key,
      options_text(relation, null))
  end
  return ("%s(%q, %q, %s)"):format(relation.kind, relation.target, relation.foreign_key, options_text(relation, null))
end

-- The number of the part, nil for the base. mod keeps one decision for each part, but refuses values that are not integers.
local function part_text(model)
  if not model.odd_keys then return ('req:mod("where.%s", %d)'):format(model.part_column, model.parts) end
  return ('math.type(req.where.%s) == "integer" and req.where.%s %% %d or nil'):format(model.part_column, model.part_column, model.parts)
end

local function client_text(model)
  if model.placement == "plain" or model.placement == "tables" then return ("%q"):format(model.client) end
  local lines = { ("function(req)\n    local b = %s"):format(part_text(model)) }
  for i, name in ipairs(model.part_clients) do lines[#lines + 1] = ("    if b == %d then return %q end"):format(i - 1, name) end
  lines[#lines + 1] = ("    return %q\n  end"):format(model.client)
  return table.concat(lines, "\n")
end

local function table_text(model)
  if model.placement ~= "tables" and model.placement ~= "both" then return ("%q"):format(model.base) end
  return ("function(req)\n    local b = %s\n    return b and (\"%s_%%02d\"):format(b) or %q\n  end"):format(part_text(model),
    model.base, model.base)
end

local function places_text(model)
  local list = { ("{ client = %q, table = %q }"):format(model.client, model.base) }
  for b = 0, model.divided and model.parts - 1 or -1 do list[#list + 1] = ("{ client = %q, table = %q }"):format(M.part(model, b)) end
  return table.concat(list, ", ")
end

--- The schema as a rule file.
---@param schema table
---@return string
function M.rules(schema)
  local out = {}
  for _, name in ipairs(schema.names) do
    local model = schema.models[name]
    out[#out + 1] = ("model %q {\n  table = %s,"):format(name, table_text(model))
    if model.placement ~= "clientless" and model.placement ~= "follower" then out[#out + 1] = ("  client = %s,"):format(client_text(model)) end
    if model.parts then out[#out + 1] = ("  parts = { %s },"):format(places_text(model)) end
    if model.instance_column then out[#out + 1] = ("  instance_column = %q,"):format(model.instance_column) end
    out[#out + 1] = "  relations = {"
    for _, relation in ipairs(model.relations) do out[#out + 1] = ("    %s = %s,"):format(relation.name, relation_text(relation, schema.null)) end
    out[#out + 1] = "  },\n}"
  end
  return table.concat(out, "\n") .. "\n"
end

M.relation_text = relation_text
M.static = static

return M
