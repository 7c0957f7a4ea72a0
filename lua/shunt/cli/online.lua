--- The part of `shunt check` that connects: checks that datasources answer and that tables have the columns of their models.
local application = require "shunt.cli.application"
local failure = require "shunt.cli.failure"
local names = require "shunt.cli.names"
local output = require "shunt.cli.output"
local progress = require "shunt.cli.progress"
local types = require "shunt.cli.types"
local values = require "shunt.cli.values"

local online = {}

--- All places of all models, over all instances, for reading and writing: { client, table, model }, each once.
local function places(app)
  local seen, out = {}, {}
  local function add(instance, model, relation, op)
    local decision = app:try(application.plain(model, relation, instance, op))
    if not decision or decision.denied then return end
    local key = table.concat({ model, decision.client, decision.table }, "\0")
    if seen[key] then return end
    seen[key] = true
    out[#out + 1] = { model = model, client = decision.client, table = decision.table }
  end
  local instances = { [""] = true }
  for name, instance in pairs(app.instances) do
    if instance.isolate == true then instances[name] = true end
  end
  for _, instance in ipairs(output.keys(instances)) do
    for _, op in ipairs { "read", "write" } do
      for _, model in ipairs(output.keys(app.models)) do add(instance, model, nil, op) end
      for _, name in ipairs(output.keys(app.relations)) do add(instance, app.relations[name].target, name, op) end
    end
  end
  return out
end

--- The columns that models and relations name: model -> column -> what names it, and its place. A model between two others may
--- lack a primary key.
local function needed(app)
  local out, between = {}, {}
  for _, r in pairs(app.relations) do
    if r.kind == "belongs_to_many" then between[r.through] = true end
  end
  -- A column, or the columns of a key.
  local function need(model, columns, what, source)
    columns = values.some(columns)
    if not columns or not app.models[model] then return end
    out[model] = out[model] or {}
    for _, column in ipairs(type(columns) == "table" and columns or { columns }) do
      out[model][column] = out[model][column] or { what = what, source = source }
    end
  end
  for _, name in ipairs(output.keys(app.models)) do
    local model = app.models[name]
    if not between[name] then need(name, model.primary_key, "the primary key", model.source) end
    need(name, model.instance_column, "the instance column", model.source)
    need(name, model.soft_delete, "soft_delete", model.source)
    need(name, model.timestamps.created, "timestamps.created", model.source)
    need(name, model.timestamps.updated, "timestamps.updated", model.source)
    for _, column in ipairs(output.keys(model.types)) do need(name, column, "types", model.source) end
  end
  for _, name in ipairs(output.keys(app.relations)) do
    local r = app.relations[name]
    local holder = r.kind == "belongs_to" and r.model.name or r.kind == "belongs_to_many" and r.through or r.target
    local other = r.kind == "belongs_to" and r.target or r.model.name
    local what = "the relation " .. name
    need(holder, r.foreign_key, what, r.source)
    need(other, r.key, what, r.source)
    if r.kind == "belongs_to_many" then need(r.through, r.through_key, what, r.source) end
  end
  return out
end

local function datasource_error(findings, client, err)
  findings.datasource_failed = true
  findings:add { kind = "error", message = failure.full_line(err), client = client }
end

local function is_datasource(err) return failure.status(err) == failure.DATASOURCE end

--- Connects to every client. Clients that don't answer are not used again.
local function connect(app, session, findings)
  local answers = {}
  for _, client in ipairs(output.keys(app.clients)) do
    progress.waits("connecting to %s", client)
    local ok, err = pcall(session.query, session, client, "select 1")
    if ok then
      answers[client] = true
    elseif failure.code(err) then
      datasource_error(findings, client, err)
    else
      error(err, 0)
    end
  end
  return answers
end

local function compare(place, columns, wanted, findings)
  local have = {}
  for _, column in ipairs(columns) do have[column.name] = column end
  for _, name in ipairs(output.keys(wanted)) do
    if not have[name] then
      findings:add {
        kind = "error", source = wanted[name].source, path = place.model, client = place.client,
        message = ("the table %s on %s has no column '%s', named by %s of model %s%s"):format(place.table, place.client, name,
          wanted[name].what, place.model, names.hint(name, have)),
      }
    end
  end
end

-- The unique keys of a table: lists of columns.
local function unique_keys(columns)
  local by_name, out = {}, {}
  local function add(name, column)
    if not by_name[name] then
      by_name[name] = {}
      out[#out + 1] = by_name[name]
    end
    table.insert(by_name[name], column)
  end
  for _, column in ipairs(columns) do
    if column.key > 0 then add("", column.name) end
    for name in (values.some(column.unique) or ""):gmatch "%S+" do add(name, column.name) end
  end
  return out
end

local function contains(set, list)
  for _, name in ipairs(list) do
    if not set[name:lower()] then return false end
  end
  return true
end

-- Rows are found, updated and deleted by the model's key.
local function check_key(app, place, columns, findings)
  local model, have, key, unique = app.models[place.model], {}, {}, unique_keys(columns)
  local names_of_key = type(model.primary_key) == "table" and model.primary_key or { model.primary_key }
  for _, column in ipairs(columns) do have[column.name:lower()] = true end
  for _, name in ipairs(names_of_key) do key[name:lower()] = true end
  if #unique == 0 or not contains(have, names_of_key) then return end
  for _, list in ipairs(unique) do
    if contains(key, list) then return end
  end
  findings:add {
    kind = "error", source = model.source, path = place.model, client = place.client,
    message = ("model %s: its primary key (%s) is not unique in the table %s on %s; a unique key there is (%s)"):format(place.model,
      table.concat(names_of_key, ", "), place.table, place.client, table.concat(unique[1], ", ")),
  }
end

-- A row has its columns and its relations by name.
local function check_relations(app, place, columns, findings)
  for _, relation in ipairs(app.models[place.model].relations or {}) do
    for _, column in ipairs(columns) do
      if column.name:lower() == relation.name:lower() then
        findings:add {
          kind = "error", source = relation.source, path = place.model, client = place.client,
          message = ("relation %s has the name of a column of the table %s on %s; give it another name"):format(relation.full_name,
            place.table, place.client),
        }
      end
    end
  end
end

--- Whether the declared types of the model are those of the table.
local function compare_types(app, place, columns, findings)
  local model, engine = app.models[place.model], app.clients[place.client].engine
  for _, column in ipairs(columns) do
    local declared = model.types[column.name]
    if declared and not types.agree(engine, declared, column.type) then
      findings:add {
        kind = "error", source = model.source, path = place.model, client = place.client,
        message = ("model %s declares that '%s' is of the type %s, and in the table %s on %s it is %s"):format(place.model,
          column.name, declared, place.table, place.client, column.type == "" and "of no type" or column.type),
      }
    end
  end
end

--- Texts that the database takes for one value may lead to different places.
local function check_equality(app, place, columns, sharded, findings)
  local model = app.models[place.model]
  for _, column in ipairs(columns) do
    local collation, declared = values.some(column.equates), model.types[column.name]
    for _, one in ipairs(collation and (not declared or declared == "text") and sharded[place.model] or {}) do
      if one.column:lower() == column.name:lower() then
        findings:add {
          kind = "warning", source = one.source, path = place.model, client = place.client,
          message = ("model %s: '%s' chooses the place, and in the table %s on %s its collation %s takes texts with different letters "
            .. "for equal; %s. Give it a collation that compares bytes"):format(place.model, column.name, place.table, place.client,
            collation, #model.parts > 0 and "an access by a text asks all parts"
              or "an access by one spelling misses the rows of another, as no parts are declared"),
        }
      end
    end
  end
end

---@param app shunt.cli.application
---@param sharded shunt.cli.sharded[]
---@param findings shunt.cli.findings
function online.check(app, sharded, findings)
  local columns_of = {}
  for _, one in ipairs(sharded) do columns_of[one.model] = one.columns end
  local session <close> = app.app:session {}
  local answers = connect(app, session, findings)
  local wanted = needed(app)
  for _, place in ipairs(places(app)) do
    if answers[place.client] then
      progress.waits("comparing %s with the table %s on %s", place.model, place.table, place.client)
      local ok, columns = pcall(session.columns, session, place.client, place.table)
      if ok then
        compare(place, columns, wanted[place.model] or {}, findings)
        check_key(app, place, columns, findings)
        check_relations(app, place, columns, findings)
        compare_types(app, place, columns, findings)
        check_equality(app, place, columns, columns_of, findings)
      elseif not failure.code(columns) then
        error(columns, 0)
      elseif is_datasource(columns) then
        datasource_error(findings, place.client, columns)
      else
        findings:add {
          kind = "error", source = app.models[place.model].source, path = place.model, client = place.client,
          message = ("model %s: there is no table '%s' on %s"):format(place.model, place.table, place.client),
        }
      end
    end
  end
  progress.done()
end

return online
