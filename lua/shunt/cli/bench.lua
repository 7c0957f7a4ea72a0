--- shunt bench: measures on this machine what decisions and reads of an application cost.
local application = require "shunt.cli.application"
local failure = require "shunt.cli.failure"
local host = require "shunt.cli.host"
local names = require "shunt.cli.names"
local output = require "shunt.cli.output"
local progress = require "shunt.cli.progress"
local terminal = require "shunt.cli.terminal"
local values = require "shunt.cli.values"

local bench = {}

local MOST_INSTANCES = 50
local MOST_REQUESTS = 2000 -- of each kind
local MOST_ROUNDS = 100
local PARTS = 4            -- values tried for a column that decisions depend on
local PAGE = 10            -- rows of a select
local PATIENCE = "2s"      -- timeout of each call to a datasource
local MOST_RULES = 10      -- printed

-- Requests ---------------------------------------------------------------------------------------------------------------

---@class shunt.cli.bench.kind requests of one kind
---@field name string
---@field list { session: any, model: string, options: table }[]

--- The decision, or nil if the rules give no decision.
local function ask(request)
  local ok, decision = pcall(request.session.resolve, request.session, request.model, request.options)
  if ok then return decision end
  if not failure.code(decision) then error(decision, 0) end
end

--- Adds the request, and further ones with values in the columns that its decision depends on.
local function add(kind, session, model, options)
  local decision = ask { session = session, model = model, options = options }
  if not decision or #kind.list >= MOST_REQUESTS then return end
  kind.list[#kind.list + 1] = { session = session, model = model, options = options }
  for _, field in ipairs(decision.depends_on) do
    local column = field:match "^where%.(.+)$"
    for value = 1, column and PARTS or 0 do
      local with = { where = { [column] = value } }
      for name, option in pairs(options) do with[name] = option end
      local request = { session = session, model = model, options = with }
      if ask(request) then kind.list[#kind.list + 1] = request end
    end
  end
end

--- Requests as sessions make them: read and write each model, follow each relation, in each instance.
---@return shunt.cli.bench.kind[]
local function requests(app, wanted)
  local read, write, follow = { name = "models, read", list = {} }, { name = "models, write", list = {} },
    { name = "relations, read", list = {} }
  local instances = output.keys(app.instances)
  for i = 1, math.min(#instances, MOST_INSTANCES) do
    local session = app.app:session { instance = instances[i], follow = true }
    for _, model in ipairs(app.catalog.models) do
      if not wanted or model.name == wanted then
        add(read, session, model.name, { op = "read" })
        add(write, session, model.name, { op = "write" })
        local parent = ask { session = session, model = model.name, options = { op = "read" } }
        for _, relation in ipairs(parent and parent.client and model.relations or {}) do
          add(follow, session, nil, { op = "read", relation = relation.full_name, parent = parent.client })
        end
      end
    end
  end
  return { read, write, follow }
end

-- Deciding ---------------------------------------------------------------------------------------------------------------

--- Moves the sessions to the newest generation with a request that is not cached.
local function move(kind)
  local moved = {}
  for _, request in ipairs(kind.list) do
    if not moved[request.session] then
      moved[request.session] = true
      ask { session = request.session, model = request.model, options = { relation = request.options.relation, every_rule = true } }
    end
  end
end

local function time_first(kind)
  for _, request in ipairs(kind.list) do
    local session, model, options = request.session, request.model, request.options
    local began = host.now_ns()
    local decision = session:resolve(model, options)
    local took = host.now_ns() - began
    if not decision.remembered then kind.asked, kind.asked_ns = kind.asked + 1, kind.asked_ns + took end
  end
end

--- Measures decisions by the rules: each kind of request is asked in a new generation, whose cache is empty.
local function time_asked(app, kinds, seconds)
  local until_ns, rounds = host.now_ns() + seconds * 1e9, 0
  for _, kind in ipairs(kinds) do kind.asked, kind.asked_ns = 0, 0 end
  repeat
    rounds = rounds + 1
    for _, kind in ipairs(kinds) do
      progress.show("decisions by the rules: round %d", rounds)
      app.app:reload()
      move(kind)
      time_first(kind)
    end
  until host.now_ns() >= until_ns or rounds >= MOST_ROUNDS
end

--- Measures cached decisions: asks the cached requests again and again.
local function time_remembered(kind, seconds)
  local list, rounds = {}, 0
  for _, request in ipairs(kind.list) do
    request.session:resolve(request.model, request.options) -- other kinds have begun newer generations
    if request.session:resolve(request.model, request.options).remembered then list[#list + 1] = request end
  end
  if #list == 0 then return end
  local began = host.now_ns()
  local now
  repeat
    for i = 1, #list do
      local request = list[i]
      request.session:resolve(request.model, request.options)
    end
    rounds, now = rounds + 1, host.now_ns()
  until now >= began + seconds * 1e9
  kind.remembered_ns = (now - began) / (rounds * #list)
end

-- Reading ----------------------------------------------------------------------------------------------------------------

--- The mean time of a call of fn.
local function time(fn, seconds)
  local rounds, began = 0, host.now_ns()
  local now
  repeat
    fn()
    rounds, now = rounds + 1, host.now_ns()
  until now >= began + seconds * 1e9
  return (now - began) / rounds
end

-- A value, or a table of several columns.
local function key_of(model, row)
  if type(model.primary_key) ~= "table" then return row[model.primary_key] end
  local key = {}
  for _, column in ipairs(model.primary_key) do key[column] = row[column] end
  return key
end

local function read(session, model, seconds)
  local bound = session:model(model.name)
  local rows = bound:select { limit = PAGE }
  local key = rows[1] and key_of(model, rows[1])
  return {
    rows = #rows, select_ns = time(function() bound:select { limit = PAGE } end, seconds),
    get_ns = key ~= nil and time(function() bound:get(key) end, seconds) or nil,
  }
end

--- Models grouped by the client that the default instance reads them from, sorted by client.
local function models_by_client(app, session, wanted)
  local by, list = {}, {}
  for _, model in ipairs(app.catalog.models) do
    local decision = (not wanted or model.name == wanted) and ask { session = session, model = model.name, options = {} }
    if decision and decision.client then
      by[decision.client] = by[decision.client] or {}
      table.insert(by[decision.client], model)
    end
  end
  for _, client in ipairs(output.keys(by)) do list[#list + 1] = { client = client, models = by[client] } end
  return list
end

local NO_ANSWER = { DATASOURCE = true, TIMEOUT = true, CONFIG = true }

--- Measures a get and a select on each client that answers, for its first model that can be read.
local function time_reading(app, wanted, seconds)
  local session <close> = app.app:session { timeout = PATIENCE }
  local list = models_by_client(app, session, wanted)
  for _, at in ipairs(list) do
    for _, model in ipairs(at.models) do
      progress.waits("reads of %s on %s", model.name, at.client)
      local ok, figures = pcall(read, session, model, seconds / #list / 2)
      at.model, at.problem = model.name, nil
      if ok then
        at.rows, at.get_ns, at.select_ns = figures.rows, figures.get_ns, figures.select_ns
        break
      end
      local code = failure.code(figures)
      if not code then error(figures, 0) end
      at.problem = failure.full_line(figures)
      if NO_ANSWER[code] then break end
    end
  end
  return list
end

-- Output -----------------------------------------------------------------------------------------------------------------

local function duration(ns)
  if not ns then return "-" end
  if ns < 1e3 then return ("%.0f ns"):format(ns) end
  if ns < 1e6 then return ("%.2f µs"):format(ns / 1e3) end
  return ("%.2f ms"):format(ns / 1e6)
end

local function mean(sum, count) return count > 0 and sum / count or nil end

local function print_table(rows)
  for _, line in ipairs((terminal.columns(rows, { [2] = true, [3] = true, [4] = true }))) do
    print(terminal.trimmed(table.concat(line, "  ")))
  end
end

local function show_deciding(kinds)
  local rows = { { "deciding", "requests", "remembered", "asked" } }
  for _, kind in ipairs(kinds) do
    rows[#rows + 1] = { kind.name, tostring(#kind.list), duration(kind.remembered_ns), duration(mean(kind.asked_ns, kind.asked)) }
  end
  print_table(rows)
end

local function show_reading(list)
  local rows = { { "reading", "get", "select", "rows", "model" } }
  for _, at in ipairs(list) do
    if not at.problem then
      rows[#rows + 1] = { at.client, duration(at.get_ns), duration(at.select_ns), tostring(at.rows), at.model }
    end
  end
  if #rows > 1 then print_table(rows) end
  for _, at in ipairs(list) do
    if at.problem then print(at.problem) end
  end
end

local function show_statistics(s)
  print(("remembered: %s, %s, %.1f KiB%s"):format(terminal.counted(s.entries, "entry", "entries"),
    terminal.counted(s.decisions, "decision"), s.bytes / 1024, s.remembers and "" or "; it is off"))
  local looks = {}
  for _, name in ipairs(output.keys(s.nodes)) do looks[#looks + 1] = ("%s %d"):format(name, s.nodes[name]) end
  if #looks > 0 then print("nodes: " .. table.concat(looks, ", ")) end
  print(("hits %d, misses %d, refused %d, audits %d, differences %d"):format(s.hits, s.misses,
    s.refused_entries + s.refused_children, s.audits, s.differences))
  for line in (s.difference or ""):gmatch "[^\n]+" do print(terminal.clean(line)) end
end

local function show_rules(rules)
  local timed, rows = {}, { { "rule", "asked", "decided", "time", "source" } }
  for _, rule in ipairs(rules) do
    if rule.timed > 0 then timed[#timed + 1] = rule end
  end
  table.sort(timed, function(a, b) return a.timed_ns / a.timed > b.timed_ns / b.timed end)
  for i = 1, math.min(#timed, MOST_RULES) do
    local rule = timed[i]
    rows[#rows + 1] = { rule.name, tostring(rule.asked), tostring(rule.selected + rule.denied),
      duration(rule.timed_ns / rule.timed), rule.source }
  end
  print_table(rows)
end

local TOTALS = { "generation", "remembers", "hits", "misses", "entries", "decisions", "bytes", "refused_entries",
  "refused_children", "audits", "differences", "states", "difference" }
local RULE = { "name", "stage", "source", "asked", "selected", "passed", "denied", "failed", "timed", "timed_ns" }

local function whole(ns) return ns and math.floor(ns + 0.5) end

local function json(kinds, list, s)
  local deciding, reading, rules = {}, {}, {}
  for i, kind in ipairs(kinds) do
    deciding[i] = output.fields({ kind = kind.name, requests = #kind.list, remembered_ns = whole(kind.remembered_ns),
      asked_ns = whole(mean(kind.asked_ns, kind.asked)) }, { "kind", "requests", "remembered_ns", "asked_ns" })
  end
  for i, at in ipairs(list) do
    reading[i] = output.fields({ client = at.client, model = at.model, rows = at.rows, get_ns = whole(at.get_ns),
      select_ns = whole(at.select_ns), problem = at.problem }, { "client", "model", "rows", "get_ns", "select_ns", "problem" })
  end
  for i, rule in ipairs(s.rules) do rules[i] = output.fields(rule, RULE) end
  return output.object("deciding", output.array(deciding), "reading", output.array(reading), "statistics",
    output.fields(s, TOTALS), "nodes", output.fields(s.nodes, output.keys(s.nodes)), "rules", output.array(rules))
end

function bench.run(args)
  local app = application.open(args)
  local seconds = values.count(args.seconds, "--seconds") or 2
  if seconds < 1 then failure.usage("--seconds takes a whole number from 1 on, not '%s'", args.seconds) end
  if args.model and not app.models[args.model] then
    failure.usage("--model: there is no model '%s'%s", args.model, names.hint(args.model, app.models))
  end
  local kinds = requests(app, args.model)
  time_asked(app, kinds, seconds * 0.4)
  for _, kind in ipairs(kinds) do
    progress.show("decisions from the cache: %s", kind.name)
    time_remembered(kind, seconds * 0.1)
  end
  local list = time_reading(app, args.model, seconds * 0.3)
  local statistics = app.app:statistics()
  progress.done()
  if args.json then
    print(json(kinds, list, statistics))
  else
    print "Through the Lua module: each time has in it the object that a decision, and the table that a row comes in."
    show_deciding(kinds)
    show_reading(list)
    show_statistics(statistics)
    show_rules(statistics.rules)
  end
  return failure.DONE
end

return bench
