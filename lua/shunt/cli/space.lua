--- What `shunt check` finds by walking over the space of requests: accesses without a decision, and accesses that lead an
--- isolated instance elsewhere.
local application = require "shunt.cli.application"
local failure = require "shunt.cli.failure"
local output = require "shunt.cli.output"
local terminal = require "shunt.cli.terminal"
local values = require "shunt.cli.values"
local walk = require "shunt.cli.walk"

local space = {}

local OPS = { "read", "write" }
local MOST_NAMES = 8 -- fields named in the line for people

--- All accesses: each model and each relation, for reading and for writing.
local function accesses(app)
  local out = {}
  for _, op in ipairs(OPS) do
    for _, name in ipairs(output.keys(app.models)) do out[#out + 1] = { path = name, model = name, op = op } end
    for _, name in ipairs(output.keys(app.relations)) do
      out[#out + 1] = { path = name, model = app.relations[name].target, relation = name, op = op }
    end
  end
  return out
end

--- ---- commands ----

local function add_pairs(parts, flag, pairs_of)
  for _, name in ipairs(output.keys(pairs_of)) do
    parts[#parts + 1] = ("%s %s"):format(flag, values.quoted(("%s=%s"):format(name, values.argument(pairs_of[name]))))
  end
end

--- The command that shows the request.
local function explain(app, request, path)
  local parts = { "shunt explain", request.relation and "--relation " .. values.quoted(path) or values.quoted(path) }
  if request.instance then parts[#parts + 1] = "--instance " .. values.quoted(request.instance) end
  if request.op ~= "read" then parts[#parts + 1] = "--op " .. request.op end
  add_pairs(parts, "--attr", request.attrs)
  add_pairs(parts, "--where", request.where)
  if app.catalog.env ~= "dev" then parts[#parts + 1] = "--env " .. values.quoted(app.catalog.env) end
  parts[#parts + 1] = "-c " .. values.quoted(app.path)
  return table.concat(parts, " ")
end

--- ---- accesses without a decision ----

--- A failure with a value that no rule knows may be the value's fault.
local function check_default(app, walker, list, found)
  local seen = {}
  for _, access in ipairs(list) do
    walker:over(application.plain(access.model, access.relation, nil, access.op), function(request, decision, err, made_up)
      local line = not decision and not made_up and failure.line(err)
      if not line or seen[line] then return end
      seen[line] = true
      found:add { kind = "error", message = ("%s (%s): %s"):format(access.path, access.op, line), path = access.path, op = access.op,
        explain = explain(app, request, access.path) }
    end)
  end
end

--- ---- leaks ----

local function leak_of(app, access, instance, request, decision)
  return {
    kind = "leak", source = decision.source, path = access.path, instance = instance.name, op = access.op, client = decision.client,
    expected = instance.isolate_client, rule = decision.rule, explain = explain(app, request, access.path),
    message = ("%s of the isolated instance '%s' goes to %s, not to %s (rule '%s')"):format(access.path, instance.name,
      decision.client, instance.isolate_client, decision.rule),
  }
end

--- The same leak by reading and by writing, or with several values, is one finding.
local function check_instance(app, walker, list, instance, found)
  local reported = {}
  for _, access in ipairs(list) do
    walker:over(application.plain(access.model, access.relation, instance.name, access.op), function(request, decision)
      if not decision or decision.denied or decision.client == instance.isolate_client then return end
      local key = access.path .. "\0" .. decision.client
      if not reported[key] then
        reported[key] = leak_of(app, access, instance, request, decision)
        found:add(reported[key])
      elseif reported[key].op ~= access.op then
        reported[key].op = "read, write"
      end
    end)
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
  local list, instances = accesses(app), isolated(app)
  local walker = walk.new(app, #list * (#instances + 1))
  check_default(app, walker, list, found)
  for _, instance in ipairs(instances) do check_instance(app, walker, list, instance, found) end
  return walker
end

--- For people: what was walked.
function space.line(walker)
  local names = walker:names()
  local shown = table.concat(names, ", ", 1, math.min(#names, MOST_NAMES))
  if #names > MOST_NAMES then shown = ("%s and %d more"):format(shown, #names - MOST_NAMES) end
  return ("checked %s%s%s"):format(terminal.counted(walker.combinations, "request"), #names > 0 and ", with values of " .. shown or "",
    walker.sampled and "; there are more combinations than were tried" or "")
end

--- For programs.
function space.json(walker)
  return output.object("requests", output.scalar(walker.combinations), "fields", output.list(walker:names()), "sampled",
    output.scalar(walker.sampled))
end

return space
