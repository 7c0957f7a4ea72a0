--- What `shunt check` says about models whose place depends on a value: by which columns, by which rule, and whether rules and
--- `parts` agree. Relations to such a model lead to one part, to all parts, or are errors because no parts are declared.
local application = require "shunt.cli.application"
local output = require "shunt.cli.output"
local terminal = require "shunt.cli.terminal"
local values = require "shunt.cli.values"

local sharding = {}

local MOST_COLUMNS = 8 -- that are given values before a place is decided
local MOST_SAMPLES = 4096 -- of a kind
local MEANING = {
  ["one part"] = "leads to one part", ["all parts"] = "asks all parts",
  ["an error"] = "is an error: its key does not say the place, and no parts are declared",
}

--- Sample keys, by kind. Each kind gives the same keys every time.
local kinds = {
  { name = "integer", key = function(i) return i end },
  { name = "text", key = function(i) return i < 26 and string.char(97 + i) or ("key-%d"):format(i) end },
  { name = "uuid", key = function(i)
    local x = (i + 1) * 0x9E3779B97F4A7C15
    return ("%08x-%04x-4%03x-8%03x-%012x"):format(x >> 32, x >> 16 & 0xffff, x >> 4 & 0xfff, x >> 20 & 0xfff, x >> 8 & 0xffffffffffff)
  end },
}

local function column_of(field) return field:match "^where%.(.*)$" end

--- Decides with the key for every column that the rules ask for. Returns the decision, or nothing where it fails, and the where.
local function decide(app, request, key)
  for _ = 1, MOST_COLUMNS do
    local decision = app:try(request)
    if not decision or not decision.unfixed then return decision, request.where end
    request.where[column_of(decision.unfixed)] = key
  end
end

--- ---- which models, by which columns ----

--- The columns that a decision depends on without a value, each with the rule that reads it.
local function columns_of(app, model)
  local columns, seen = {}, {}
  for _, op in ipairs { "read", "write" } do
    local request = application.plain(model.name, nil, nil, op)
    for _ = 1, MOST_COLUMNS do
      local ok, decision = pcall(app.decide, app, request, true)
      local name = ok and decision.unfixed and column_of(decision.unfixed)
      if not name then break end
      request.where[name] = 0
      if not seen[name] then
        seen[name] = true
        local rule, source = values.some(decision.unfixed_rule), values.some(decision.unfixed_source)
        columns[#columns + 1] = {
          column = name, source = source or model.source,
          rule = source and rule or rule and "its client function" or "its table function",
        }
      end
    end
  end
  return columns
end

--- ---- relations ----

local function list_of(key) return type(key) == "table" and key or { key } end

--- The models that a relation asks, each with the columns that its key gives.
local function ends_of(relation)
  if relation.kind == "belongs_to_many" then
    return { { model = relation.through, columns = list_of(relation.foreign_key) }, { model = relation.target, columns = list_of(relation.key) } }
  end
  local columns = relation.kind == "belongs_to" and relation.key or relation.foreign_key
  return { { model = relation.target, columns = list_of(columns) } }
end

local function leads_to(app, relation, one_end, parts)
  local request = application.plain(one_end.model, relation.full_name)
  for _, column in ipairs(one_end.columns) do request.where[column] = 0 end
  local decision = app:try(request)
  if decision and not decision.unfixed then return "one part" end
  return parts > 0 and "all parts" or "an error"
end

local function relations_of(app, model)
  local out = {}
  for _, name in ipairs(output.keys(app.relations)) do
    for _, one_end in ipairs(ends_of(app.relations[name])) do
      if one_end.model == model.name then
        out[#out + 1] = { relation = name, leads_to = leads_to(app, app.relations[name], one_end, #model.parts) }
      end
    end
  end
  return out
end

---@class shunt.cli.sharded
---@field model string
---@field columns {column: string, rule: string, source: string}[]
---@field parts integer
---@field relations {relation: string, leads_to: "one part"|"all parts"|"an error"}[]

--- Every model whose place depends on a value.
---@param app shunt.cli.application
---@return shunt.cli.sharded[]
function sharding.find(app)
  local out = {}
  for _, name in ipairs(output.keys(app.models)) do
    local model = app.models[name]
    local columns = columns_of(app, model)
    if #columns > 0 then
      out[#out + 1] = { model = name, columns = columns, parts = #model.parts, relations = relations_of(app, model) }
    end
  end
  return out
end

--- ---- rules against parts ----

local function is_at(decision, part)
  local client, name = values.some(part.client), values.some(part.table)
  return (not client or client == decision.client) and (not name or name == decision.table)
end

local function note_parts(model, decision, reached)
  for i, part in ipairs(model.parts) do
    if is_at(decision, part) then reached[i] = true end
  end
end

--- Tries the sample keys of a kind. Returns whether they reach a part, and one sample for each place outside.
local function try_kind(app, model, kind, reached)
  local outside, seen, fits = {}, {}, false
  for i = 0, math.min(4 * #model.parts, MOST_SAMPLES) do
    for _, op in ipairs { "read", "write" } do
      local key = kind.key(i)
      local decision, where = decide(app, application.plain(model.name, nil, nil, op), key)
      local place = decision and not decision.denied and decision.client .. "\0" .. decision.table
      if place and not decision.outside then
        fits = true
        note_parts(model, decision, reached)
      elseif place and next(where) and not seen[place] then
        seen[place] = true
        outside[#outside + 1] = { decision = decision, key = key }
      end
    end
  end
  return fits, outside
end

local function shown(key) return type(key) == "string" and ("'%s'"):format(key) or tostring(key) end

--- Where the column is read. The decision names the rule of its client, but the table may be wrong.
local function source_of(columns, name)
  for _, one in ipairs(columns) do
    if one.column:lower() == name:lower() then return one.source end
  end
end

--- One mistake in a rule may lead to many places: the first one stands for them.
local function add_outside(model, columns, outside, found)
  local one, more = outside[1], #outside - 1
  local d = one.decision
  local source = source_of(columns, column_of(d.outside)) or d.source
  found:add {
    kind = "error", source = source, path = model.name, op = d.op, client = d.client, rule = source == d.source and d.rule or nil,
    message = ("model %s: %s = %s leads to table %s on %s, which is not one of its parts%s; correct the rule, or add the place to parts")
      :format(model.name, column_of(d.outside), shown(one.key), d.table, d.client,
        more > 0 and (", and other keys lead to %s more"):format(terminal.counted(more, "place")) or ""),
  }
end

local function name_of(part)
  local client, name = values.some(part.client), values.some(part.table)
  return client and name and client .. "." .. name or client or name
end

local function add_unreached(model, reached, found)
  local missing = {}
  for i, part in ipairs(model.parts) do
    if not reached[i] then missing[#missing + 1] = name_of(part) end
  end
  if #missing == 0 then return end
  found:add {
    kind = "warning", source = model.source, path = model.name,
    message = ("model %s: no sample key leads to %s of its parts (%s); declare the column's type if the key is no number, text or UUID")
      :format(model.name, #missing == #model.parts and "any" or tostring(#missing), table.concat(missing, ", ", 1, math.min(#missing, 5))
        .. (#missing > 5 and ", …" or "")),
  }
end

--- Whether the declared types of the columns allow keys of this kind.
local function may_be(model, columns, kind)
  for _, one in ipairs(columns) do
    local declared = model.types[one.column]
    if declared and declared ~= kind.name then return false end
  end
  return true
end

--- Compares the places of sample keys with the declared parts.
---@param app shunt.cli.application
---@param list shunt.cli.sharded[]
function sharding.check(app, list, found)
  for _, sharded in ipairs(list) do
    local model, reached, tried = app.models[sharded.model], {}, false
    for _, kind in ipairs(#model.parts > 0 and kinds or {}) do
      if may_be(model, sharded.columns, kind) then
        local fits, outside = try_kind(app, model, kind, reached)
        tried = true
        if fits and outside[1] then add_outside(model, sharded.columns, outside, found) end
      end
    end
    if tried and #model.parts > 1 then add_unreached(model, reached, found) end
  end
end

--- ---- what is printed ----

---@param list shunt.cli.sharded[]
function sharding.print(list)
  for _, sharded in ipairs(list) do
    local by = {}
    for i, one in ipairs(sharded.columns) do by[i] = ("%s (%s, %s)"):format(one.column, one.rule, one.source) end
    print(("%s is sharded by %s: %s"):format(terminal.paint("bold", sharded.model), table.concat(by, ", "),
      sharded.parts > 0 and terminal.counted(sharded.parts, "part") or "no parts declared"))
    for _, one in ipairs(sharded.relations) do print(("  %s %s"):format(one.relation, MEANING[one.leads_to])) end
  end
end

---@param list shunt.cli.sharded[]
function sharding.json(list)
  local out = {}
  for i, sharded in ipairs(list) do
    local columns, relations = {}, {}
    for k, one in ipairs(sharded.columns) do columns[k] = output.fields(one, { "column", "rule", "source" }) end
    for k, one in ipairs(sharded.relations) do relations[k] = output.fields(one, { "relation", "leads_to" }) end
    out[i] = output.object("model", output.scalar(sharded.model), "columns", output.array(columns), "parts",
      output.scalar(sharded.parts), "relations", output.array(relations))
  end
  return output.array(out)
end

return sharding
