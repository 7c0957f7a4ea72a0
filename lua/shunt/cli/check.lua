--- shunt check: finds mistakes in configuration, rules and jobs without running the host program.
local application = require "shunt.cli.application"
local failure = require "shunt.cli.failure"
local findings = require "shunt.cli.findings"
local jobs = require "shunt.jobs"
local names = require "shunt.cli.names"
local online = require "shunt.cli.online"
local output = require "shunt.cli.output"
local sharding = require "shunt.cli.sharding"
local space = require "shunt.cli.space"
local terminal = require "shunt.cli.terminal"

local check = {}

local function matches_any(pattern, set)
  local prefix = pattern:match "^(.*)%*$"
  if not prefix then return set[pattern] ~= nil end
  for name in pairs(set) do
    if name:sub(1, #prefix) == prefix then return true end
  end
  return false
end

--- Reports conditions that match no name of this application, and rules whose conditions can't hold because of that.
local function check_conditions(app, found)
  local instances = { [""] = true }
  for name in pairs(app.instances) do instances[name] = true end
  local clients = { default = true }
  for name in pairs(app.clients) do clients[name] = true end
  local sets = {
    model = app.models, relation = app.relations, instance = instances, client = clients,
    op = { read = true, write = true },
  }
  for _, rule in ipairs(app.catalog.rules) do
    local conditions = rule.standard and {} or rule.conditions
    for _, dimension in ipairs { "model", "relation", "instance", "op", "client" } do
      local patterns, missing = conditions[dimension] or {}, {}
      for _, pattern in ipairs(patterns) do
        if not matches_any(pattern, sets[dimension]) then missing[#missing + 1] = pattern end
      end
      local never = #missing > 0 and #missing == #patterns
      for _, pattern in ipairs(missing) do
        found:add {
          kind = "warning", source = rule.source, rule = rule.name,
          message = ("the rule '%s' %s: there is no %s '%s' in the environment %s%s"):format(rule.name,
            never and "can never hold" or "has a condition without a match", dimension, pattern, app.catalog.env,
            names.hint(pattern, sets[dimension])),
        }
      end
    end
  end
end

--- Reports rules that name both relations and models, if no relation leads to one of the models.
local function check_targets(app, found)
  for _, rule in ipairs(app.catalog.rules) do
    local conditions = rule.conditions
    local models, relations = conditions.model or {}, conditions.relation or {}
    local possible, known = #models == 0 or #relations == 0, false
    for name, relation in pairs(app.relations) do
      for _, pattern in ipairs(relations) do
        if matches_any(pattern, { [name] = true }) then
          known = true
          for _, model in ipairs(models) do possible = possible or matches_any(model, { [relation.target] = true }) end
        end
      end
    end
    if known and not possible then
      found:add {
        kind = "warning", source = rule.source, rule = rule.name,
        message = ("the rule '%s' can never hold: its relations lead to other models than it names"):format(rule.name),
      }
    end
  end
end

--- Runs the files that declare jobs, but no job.
local function check_jobs(app, found)
  local ok, problem = pcall(jobs.of, app.app)
  if ok then return end
  for _, one in ipairs(failure.code(problem) and problem.problems or error(problem, 0)) do
    found:add { kind = "error", source = one.line and ("%s:%d"):format(one.file, one.line) or one.file, message = one.message }
  end
end

local function size(set)
  local n = 0
  for _ in pairs(set) do n = n + 1 end
  return n
end

local function report(app, found, sharded, walker, json)
  local c = app.catalog
  if json then
    print(output.object("env", output.scalar(c.env), "errors", output.scalar(found.counts.error), "leaks",
      output.scalar(found.counts.leak), "warnings", output.scalar(found.counts.warning), "findings", found:json(),
      "sharded", sharding.json(sharded), "walked", space.json(walker)))
    return
  end
  sharding.print(sharded)
  found:print()
  print(space.line(walker))
  print(("%s (environment %s): %s, %s, %s, %s, %s: %s"):format(app.path, c.env, terminal.counted(#c.clients, "client"),
    terminal.counted(#c.instances, "instance"), terminal.counted(#c.models, "model"),
    terminal.counted(size(app.relations), "relation"), terminal.counted(#c.rules, "rule"), found:summary()))
end

local function status(found, strict)
  if found.datasource_failed then return failure.DATASOURCE end
  if found.counts.error > 0 then return failure.SHORT end
  if strict and #found > 0 then return failure.SHORT end
  return failure.DONE
end

function check.run(args)
  local app = application.open(args)
  local found = findings.new()
  local walker = space.check(app, found)
  check_conditions(app, found)
  check_targets(app, found)
  check_jobs(app, found)
  local sharded = sharding.find(app)
  sharding.check(app, sharded, found)
  if args.online then online.check(app, sharded, found) end
  report(app, found, sharded, walker, args.json)
  return status(found, args.strict)
end

return check
