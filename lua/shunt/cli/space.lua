--- What `shunt check` finds by walking over the space of requests: accesses without a decision, and accesses that lead an
--- isolated instance elsewhere.
local application = require "shunt.cli.application"
local failure = require "shunt.cli.failure"
local output = require "shunt.cli.output"
local progress = require "shunt.cli.progress"
local terminal = require "shunt.cli.terminal"
local values = require "shunt.cli.values"
local walk = require "shunt.cli.walk"

local space = {}

local MOST_NAMES = 8 -- fields named in the line for people
local NO_MODEL = "SQL without a model"

--- Each model, each relation and SQL that names neither.
local function paths(app)
  local out = {}
  for _, name in ipairs(output.keys(app.models)) do out[#out + 1] = { path = name, model = name } end
  for _, name in ipairs(output.keys(app.relations)) do
    out[#out + 1] = { path = name, model = app.relations[name].target, relation = name }
  end
  out[#out + 1] = { path = NO_MODEL }
  return out
end

--- ---- commands ----

local function add_pairs(parts, flag, pairs_of)
  for _, name in ipairs(output.keys(pairs_of)) do
    parts[#parts + 1] = ("%s %s"):format(flag, values.quoted(("%s=%s"):format(name, values.argument(pairs_of[name]))))
  end
end

local function named(request)
  if request.relation then return "--relation " .. values.quoted(request.relation) end
  return request.model and values.quoted(request.model) or "--no-model"
end

--- The command that shows the request.
local function explain(app, request)
  local parts = { "shunt explain", named(request) }
  if request.instance then parts[#parts + 1] = "--instance " .. values.quoted(request.instance) end
  if request.op ~= "read" then parts[#parts + 1] = "--op " .. request.op end
  add_pairs(parts, "--attr", request.attrs)
  add_pairs(parts, "--where", request.where)
  if app.catalog.env ~= "dev" then parts[#parts + 1] = "--env " .. values.quoted(app.catalog.env) end
  parts[#parts + 1] = "-c " .. values.quoted(app.path)
  return table.concat(parts, " ")
end

--- ---- accesses without a decision ----

local function is_value(request, name)
  for _, group in ipairs { request.attrs, request.where } do
    for _, value in pairs(group) do
      if value == name then return true end
    end
  end
  return false
end

--- A failure with a value that stands beside its field nowhere may be the value's fault: no host may ever give it. But a
--- client that is missing is the rule's mistake if a rule holds its name.
local function is_mistake(walker, request, err, odd)
  if not odd then return true end
  local name = failure.code(err) == "NOT_FOUND" and err.message:match "names the client '([^']*)'"
  return name and walker.constants.text[name] and not is_value(request, name)
end

--- Reports each mistake once.
local function check_failure(app, walker, access, found, request, err, odd)
  local line = is_mistake(walker, request, err, odd) and failure.line(err)
  if not line or found.seen[line] then return end
  found.seen[line] = true
  found:add { kind = "error", message = ("%s (%s): %s"):format(access.path, request.op, line), path = access.path, op = request.op,
    explain = explain(app, request) }
end

--- ---- leaks ----

local function leak_of(app, access, instance, request, decision)
  return {
    kind = "leak", source = decision.source, path = access.path, instance = instance.name, op = request.op, client = decision.client,
    expected = instance.isolate_client, rule = decision.rule, explain = explain(app, request),
    message = ("%s of the isolated instance '%s' goes to %s, not to %s (rule '%s')"):format(access.path, instance.name,
      decision.client, instance.isolate_client, decision.rule),
  }
end

--- The same leak by reading and by writing, or with several values, is one finding.
local function check_leak(app, access, instance, found, request, decision)
  if decision.denied or decision.client == instance.isolate_client then return end
  local key = table.concat({ instance.name, access.path, decision.client }, "\0")
  local known = found.leaks[key]
  if not known then
    found.leaks[key] = leak_of(app, access, instance, request, decision)
    found:add(found.leaks[key])
  elseif known.op ~= request.op then
    known.op = "read, write"
  end
end

local function check_access(app, walker, access, op, instance, found)
  local request = application.plain(access.model, access.relation, instance and instance.name, op)
  walker:over(request, function(changed, decision, err, odd)
    progress.show("%s: request %d", access.path, walker.combinations)
    if not decision then
      check_failure(app, walker, access, found, changed, err, odd)
    elseif instance then
      check_leak(app, access, instance, found, changed, decision)
    end
  end)
end

--- Where no decision depends on op, writing is decided as reading is.
local function check_path(app, walker, access, instance, found)
  local before = #found
  check_access(app, walker, access, "read", instance, found)
  if not walker:depends_on "op" then
    for i = before + 1, #found do found[i].op = found[i].kind == "leak" and "read, write" or found[i].op end
  else
    check_access(app, walker, access, "write", instance, found)
  end
end

local function isolated(app)
  local out = {}
  for _, name in ipairs(output.keys(app.instances)) do
    if app.instances[name].isolate == true then out[#out + 1] = app.instances[name] end
  end
  return out
end

--- Walks over all accesses of the default instance and of every isolated one.
---@param app shunt.cli.application
---@param found shunt.cli.findings
---@return shunt.cli.walker
function space.check(app, found)
  local list, instances = paths(app), isolated(app)
  local walker = walk.new(app, #list * (#instances + 1) * 2)
  found.seen, found.leaks = {}, {}
  for _, access in ipairs(list) do check_path(app, walker, access, nil, found) end
  for _, instance in ipairs(instances) do
    for _, access in ipairs(list) do check_path(app, walker, access, instance, found) end
  end
  progress.done()
  return walker
end

local function listed(names)
  local shown = table.concat(names, ", ", 1, math.min(#names, MOST_NAMES))
  return #names > MOST_NAMES and ("%s and %d more"):format(shown, #names - MOST_NAMES) or shown
end

--- For people: what was walked.
function space.line(walker)
  local names, cut = walker:names(), walker:cut_names()
  return ("checked %s%s%s"):format(terminal.counted(walker.combinations, "request"),
    #names > 0 and ", with values of " .. listed(names) or "",
    #cut > 0 and ("; there are more values or combinations of %s than were tried"):format(listed(cut)) or "")
end

--- For programs.
function space.json(walker)
  local cut = walker:cut_names()
  return output.object("requests", output.scalar(walker.combinations), "fields", output.list(walker:names()), "sampled",
    output.scalar(#cut > 0), "cut", output.list(cut))
end

return space
