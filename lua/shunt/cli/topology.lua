--- shunt topology: clients, instances, models and where they lie, relations that cross datasources.
local application = require "shunt.cli.application"
local failure = require "shunt.cli.failure"
local output = require "shunt.cli.output"
local terminal = require "shunt.cli.terminal"
local values = require "shunt.cli.values"

local topology = {}


--- The place of a model or a relation without further options: client and table, or the problem.
local function place(app, model, relation)
  local decision, err = app:try(application.plain(model, relation))
  if not decision then return { problem = failure.line(err) } end
  if decision.denied then return { problem = "denied: " .. decision.denied } end
  return { client = decision.client, table = decision.table, rule = decision.rule, source = decision.source }
end

local function by_name(list)
  local out = table.move(list, 1, #list, 1, {})
  table.sort(out, function(a, b) return a.name < b.name end)
  return out
end

--- The whole topology, sorted by name.
local function survey(app)
  local out = { clients = by_name(app.catalog.clients), instances = by_name(app.catalog.instances), models = {} }
  for _, model in ipairs(by_name(app.catalog.models)) do
    local entry = { name = model.name, at = place(app, model.name), model = model, relations = {} }
    for _, relation in ipairs(by_name(model.relations or {})) do
      local at = place(app, relation.target, relation.full_name)
      entry.relations[#entry.relations + 1] = {
        name = relation.name, kind = relation.kind, target = relation.target, foreign_key = relation.foreign_key,
        through = values.some(relation.through), at = at,
        crosses = at.client ~= nil and entry.at.client ~= nil and at.client ~= entry.at.client,
      }
    end
    out.models[#out.models + 1] = entry
  end
  return out
end

local function shown(at) return at.problem and terminal.paint("red", at.problem) or at.client end

local function text_instances(picture)
  local lines = {}
  for _, i in ipairs(picture.instances) do
    local name = i.name == "" and "(default)" or i.name
    local where = i.isolate == true and "isolated on " .. i.isolate_client or "shared"
    lines[#lines + 1] = { name, values.some(i.id) and "id " .. tostring(i.id) or "", where, values.some(i.title) or "" }
  end
  return lines
end

local function text(app, picture)
  local catalog = app.catalog
  print(("%s, environment %s, isolation %s"):format(app.path, catalog.env, catalog.isolation))
  local lines = {}
  for _, c in ipairs(picture.clients) do
    local default = c.name == catalog.default_client and "default" or ""
    lines[#lines + 1] = { c.name, c.engine, c.role, c.target or "", default }
  end
  print("\n" .. terminal.paint("bold", "clients"))
  terminal.print_table(lines, "  ")
  print("\n" .. terminal.paint("bold", "instances"))
  terminal.print_table(text_instances(picture), "  ")
  print("\n" .. terminal.paint("bold", "models"))
  lines = {}
  for _, model in ipairs(picture.models) do
    lines[#lines + 1] = { model.name, "", model.at.table or "", shown(model.at) }
    for _, r in ipairs(model.relations) do
      local mark = r.crosses and "  crosses datasources" or ""
      lines[#lines + 1] = { "  " .. r.name, r.kind .. " " .. r.target, r.at.table or "", shown(r.at) .. mark }
    end
  end
  terminal.print_table(lines, "  ")
end

local function object_of(at)
  return "client", output.scalar(at.client), "table", output.scalar(at.table), "problem", output.scalar(at.problem)
end

local CLIENT = { "name", "engine", "role", "target" }
local INSTANCE = { "name", "id", "title", "isolate", "isolate_client" }

local function json(app, picture)
  local s = output.scalar
  local function key(columns) return type(columns) == "table" and output.list(columns) or s(columns) end
  local function each(list, fn)
    local out = {}
    for i, item in ipairs(list) do out[i] = fn(item) end
    return output.array(out)
  end
  local crossing = {}
  local models = each(picture.models, function(model)
    local relations = each(model.relations, function(r)
      if r.crosses then crossing[#crossing + 1] = model.name .. "." .. r.name end
      local members = table.pack("name", s(r.name), "kind", s(r.kind), "target", s(r.target), "foreign_key",
        key(r.foreign_key), "through", s(r.through), "crosses", s(r.crosses), object_of(r.at))
      return output.object(table.unpack(members, 1, members.n))
    end)
    local members = table.pack("name", s(model.name), "relations", relations, object_of(model.at))
    return output.object(table.unpack(members, 1, members.n))
  end)
  print(output.object("env", s(app.catalog.env), "generation", s(app.catalog.generation), "default_client",
    s(app.catalog.default_client), "isolation", s(app.catalog.isolation), "clients",
    each(picture.clients, function(c) return output.fields(c, CLIENT) end), "instances",
    each(picture.instances, function(i) return output.fields(i, INSTANCE) end), "models", models, "crossing",
    output.list(crossing)))
end

--- Models grouped by client; those without a client under "".
local function by_client(picture)
  local groups = {}
  for _, model in ipairs(picture.models) do
    local client = model.at.client or ""
    groups[client] = groups[client] or {}
    table.insert(groups[client], model)
  end
  return groups
end

local function quote(name) return '"' .. name:gsub('[\\"]', "\\%0") .. '"' end

local function dot(_, picture)
  print 'digraph shunt {\n  rankdir=LR;\n  node [shape=box];'
  local groups = by_client(picture)
  for n, client in ipairs(output.keys(groups)) do
    if client ~= "" then print(("  subgraph cluster_%d {\n    label=%s;"):format(n, quote(client))) end
    for _, model in ipairs(groups[client]) do print(("    %s;"):format(quote(model.name))) end
    if client ~= "" then print "  }" end
  end
  for _, model in ipairs(picture.models) do
    for _, r in ipairs(model.relations) do
      local style = r.crosses and ", style=dashed" or ""
      print(("  %s -> %s [label=%s%s];"):format(quote(model.name), quote(r.target), quote(r.name), style))
    end
  end
  print "}"
end

local function mermaid(_, picture)
  local ids = {}
  for n, model in ipairs(picture.models) do ids[model.name] = "m" .. n end
  local function label(name) return '"' .. name:gsub('"', "#quot;") .. '"' end
  print "flowchart LR"
  local groups = by_client(picture)
  for n, client in ipairs(output.keys(groups)) do
    if client ~= "" then print(("  subgraph c%d [%s]"):format(n, label(client))) end
    for _, model in ipairs(groups[client]) do print(("    %s[%s]"):format(ids[model.name], label(model.name))) end
    if client ~= "" then print "  end" end
  end
  for _, model in ipairs(picture.models) do
    for _, r in ipairs(model.relations) do
      local arrow = r.crosses and "-.->" or "-->"
      print(("  %s %s|%s| %s"):format(ids[model.name], arrow, label(r.name), ids[r.target]))
    end
  end
end

local PRINTERS = { text = text, json = json, dot = dot, mermaid = mermaid }

function topology.run(args)
  local app = application.open(args)
  PRINTERS[args.format or args.json and "json" or "text"](app, survey(app))
  return failure.DONE
end

return topology
