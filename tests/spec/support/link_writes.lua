--- Random writes of links: through the library on the datasources, and by SQL on the undivided database.
--- Use: local root, problem = LinkWrites.try(schema, random, run, session); root is a tree that reads what was written.

local Schema = require "tests.spec.support.schema"
local oracle = require "tests.spec.support.oracle"

local M = {}

local quote = oracle.quote

-- Whether one row of the model is found by its primary key, or by the part that it is in.
local function found_alone(model) return model.placement ~= "follower" and (not model.parts or model.part_column == "id") end

-- Whether each row lies in one place only. Otherwise the base table has copies, which a write to a part does not reach.
local function has_no_copies(model) return model.placement ~= "follower" and (not model.parts or model.divided) end

local function relations(schema)
  local out = {}
  for _, name in ipairs(schema.names) do
    for _, relation in ipairs(schema.models[name].relations) do
      local through = schema.models[relation.through or ""]
      local both = found_alone(schema.models[relation.source]) and found_alone(schema.models[relation.target])
      if through and both and has_no_copies(through) then out[#out + 1] = relation end
    end
  end
  return out
end

-- What the session sees of the tables, with a condition for each that has an instance column.
local function visible(run, tables, params)
  local parts = {}
  for alias, model in pairs(tables) do
    if model.instance_column then
      parts[#parts + 1] = (" AND %s.iid = ?"):format(alias)
      params[#params + 1] = run.instance_id
    end
  end
  return table.concat(parts)
end

-- The two rows and the links between them: mostly rows that are linked already.
local function pair(schema, random, run, relation)
  local source, target, through = schema.models[relation.source], schema.models[relation.target], schema.models[relation.through]
  local out, params = { relation = relation, source = source, target = target, through = through }, {}
  local key = "p." .. quote(relation.key or "id")
  local ends = ("%s AS p, %s AS t WHERE %s IS NOT NULL"):format(quote(source.table), quote(target.table), key)
  local links = ("%s AS h, %s AND %s = h.%s AND h.%s = t.id"):format(quote(through.table), ends, key, quote(relation.foreign_key),
    quote(relation.through_key))
  local linked = random:chance(70)
  local tables = { p = source, t = target, h = linked and through or nil }
  local rows = run.query(("SELECT DISTINCT p.id AS a, t.id AS b FROM %s%s ORDER BY p.id, t.id"):format(linked and links or ends,
    visible(run, tables, params)), params)
  if #rows == 0 then return end
  local row = random:of(rows)
  out.from, out.to = row.a, row.b
  out.ends = ("%s AS p, %s AS t WHERE p.id = ? AND t.id = ?"):format(quote(source.table), quote(target.table))
  params = { row.a, row.b }
  out.links = run.query(("SELECT h.id FROM %s AND p.id = ? AND t.id = ?%s ORDER BY h.id"):format(links,
    visible(run, { h = through }, params)), params)
  return out
end

-- Whether a new link can hold both keys, whatever its engine.
local function can_link(p)
  local names = p.through.by_name
  return names[p.relation.foreign_key].type == "integer" and names[p.relation.through_key].type == "integer"
    and p.source.by_name[p.relation.key or "id"].type == "integer" and p.target.by_name.id.type == "integer"
end

-- New values. all: of every column that must have one, as an insert needs them: one of them may choose the part.
local function values(random, p, all, null)
  local out, part = {}, p.through.part_column
  local keys = { id = true, [p.relation.foreign_key] = true, [p.relation.through_key] = true }
  if all and part and not keys[part] then out[part] = random:int(0, 20) end
  for _, column in ipairs(p.through.columns) do
    if column.name:match "^[cd]" and (all and not column.nullable or random:chance(60)) then
      out[column.name] = column.nullable and random:chance(20) and null or Schema.literal(random, column)
    end
  end
  return out
end

-- SQL on the undivided database: the columns of the values in a fixed order, and the values.
local function names_of(link)
  local names, params = {}, {}
  for name in pairs(link) do names[#names + 1] = name end
  table.sort(names)
  for i, name in ipairs(names) do params[i] = link[name] end
  return names, params
end

local function insert(run, p, link)
  local names, params = names_of(link)
  local marks = (", ?"):rep(#names)
  for i, name in ipairs(names) do names[i] = ", " .. quote(name) end
  local instance = p.through.instance_column and { ", iid", ", " .. run.instance_id } or { "", "" }
  local sql = ("INSERT INTO %s (%s, %s%s%s) SELECT p.%s, t.id%s%s FROM %s"):format(quote(p.through.table), quote(p.relation.foreign_key),
    quote(p.relation.through_key), instance[1], table.concat(names), quote(p.relation.key or "id"), instance[2], marks, p.ends)
  params[#params + 1], params[#params + 2] = p.from, p.to
  run.execute(sql, params)
end

local function each_link(run, p, id, sql, params)
  for _, link in ipairs(p.links) do
    if id == nil or link.id == id then
      local with_id = table.move(params, 1, #params, 1, {})
      with_id[#with_id + 1] = link.id
      run.execute(sql .. " WHERE id = ?", with_id)
    end
  end
end

local function update(run, p, id, link)
  local names, params = names_of(link)
  if #names == 0 then return end
  for i, name in ipairs(names) do names[i] = quote(name) .. " = ?" end
  each_link(run, p, id, ("UPDATE %s SET %s"):format(quote(p.through.table), table.concat(names, ", ")), params)
end

-- What is to be done: the row to write, after the same was done to the undivided database; nil: nothing fits.
local function act(schema, random, run, p)
  local roll, id = random:int(1, 100), nil
  local row = { id = p.to }
  if #p.links == 0 or roll <= 20 then
    if not can_link(p) then return end
    schema.new_links = (schema.new_links or 0) + 1
    row.link = values(random, p, true, run.null)
    row.link.id = Schema.id_of(p.through, 1000 + schema.new_links)
    insert(run, p, row.link)
    return row
  end
  if random:chance(50) then id = random:of(p.links).id end
  row.deleted = roll > 80 or nil
  row.link = values(random, p, false, run.null)
  if row.deleted then
    each_link(run, p, id, ("DELETE FROM %s"):format(quote(p.through.table)), {})
  else
    update(run, p, id, row.link)
  end
  row.link.id = id
  return row
end

--- Writes a link, or several. Returns nothing if the schema has no link that can be written, else a tree that reads them,
--- what was written, and the error of the write if it failed.
---@param schema table
---@param random Random
---@param run table as oracle.rows takes it, and execute(sql, params) on the undivided database
---@param session table
---@return table?
---@return table?
---@return string?
function M.try(schema, random, run, session)
  local able = relations(schema)
  if #able == 0 then return end
  local relation = random:of(able)
  local p = pair(schema, random, run, relation)
  local row = p and act(schema, random, run, p)
  if not row then return end
  local source = p.source
  local client = source.placement == "clientless" and source.client ~= schema.default and source.client or nil
  local ok, problem = pcall(function()
    session:model(source.name):update({ id = p.from, [relation.name] = { row } }, { include = relation.name, client = client })
  end)
  local read = { relation = relation, opts = { link = true }, include = {} }
  return { model = source.name, method = "select", opts = { where = { id = p.from } }, client = client, include = { read } }, row,
    not ok and tostring(problem) or nil
end

return M
