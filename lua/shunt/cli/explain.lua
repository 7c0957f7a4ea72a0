--- shunt explain: how a decision comes about, and which changes lead elsewhere.
local application = require "shunt.cli.application"
local changes = require "shunt.cli.changes"
local failure = require "shunt.cli.failure"
local output = require "shunt.cli.output"
local terminal = require "shunt.cli.terminal"

local explain = {}

local MOST_SKIPPED = 20 -- most rules of a stage listed one by one although their conditions did not hold
local SKIPPED = "conditions not met" -- a verdict
local COLOURS = { denied = "red", chose = "green", changed = "green", [SKIPPED] = "dim" }

local function count_skipped(trace)
  local counts = {}
  for _, step in ipairs(trace) do
    if step.verdict == SKIPPED then counts[step.stage] = (counts[step.stage] or 0) + 1 end
  end
  return counts
end

local function show_trace(trace, all)
  local counts, told = count_skipped(trace), {}
  local rows, colours = {}, {}
  for _, step in ipairs(trace) do
    if step.verdict == SKIPPED and not all and counts[step.stage] > MOST_SKIPPED then
      if not told[step.stage] then
        told[step.stage] = true
        rows[#rows + 1] = { step.stage, "", terminal.counted(counts[step.stage], "rule"), SKIPPED .. " (--all names them)" }
        colours[#rows] = "dim"
      end
    else
      rows[#rows + 1] = { step.stage, step.source or "", step.rule or "", step.result }
      colours[#rows] = COLOURS[step.verdict]
    end
  end
  for i, line in ipairs(terminal.table(rows, "  ")) do print(colours[i] and terminal.paint(colours[i], line) or line) end
end

local function headline(request)
  local parts = { request.model or "SQL without a model", "(" .. request.op .. ")" }
  if request.relation then parts[#parts + 1] = "by the relation " .. request.relation end
  if (request.instance or "") ~= "" then parts[#parts + 1] = "for the instance " .. request.instance end
  return table.concat(parts, " ")
end

local function place(d)
  local of_table = d.table and ", table " .. d.table or ""
  return ("%s (%s, %s)%s, level %d"):format(d.client, d.engine, d.role, of_table, d.level)
end

local function rule_of(d) return ("'%s' (%s)"):format(d.rule, d.source) end

--- The difference, and the rule that made it.
local function outcome(change, base)
  local d = change.decision
  if d.denied then return ("denied by '%s': %s"):format(d.rule, d.denied) end
  local parts = { d.client }
  if d.table and d.table ~= base.table then parts[#parts + 1] = "table " .. d.table end
  if d.level ~= base.level then parts[#parts + 1] = "level " .. d.level end
  return ("%s by '%s'"):format(table.concat(parts, ", "), d.rule)
end

local function show_changes(list, base)
  if #list == 0 then
    print "no single change that was tried would lead elsewhere"
    return
  end
  print "would lead elsewhere:"
  local rows = {}
  for i, change in ipairs(list) do
    local also = change.also > 0 and (" (and %d more)"):format(change.also) or ""
    rows[i] = { change.flag .. also .. ":", outcome(change, base) }
  end
  terminal.print_table(rows, "  ")
end

--- Decides twice more: the last decision comes from the cache, or says why it does not.
local function try_again(app, request, decision)
  app:decide(request)
  local again = app:decide(request)
  decision.remembered, decision.not_remembered = again.remembered, again.not_remembered
end

local function show_remembering(d)
  if d.remembered then
    print "remembered: asked again, it is answered without a rule"
  elseif d.uncacheable then
    print("taken anew each time: " .. d.uncacheable)
  else
    print("not remembered: " .. (d.not_remembered or "the rules do not read the same again"))
  end
end

local function show_unfixed(app, d)
  if not d.unfixed then return end
  local parts = app.models[d.model].parts
  print(("without a value of %s an access "):format(d.unfixed)
    .. (#parts > 0 and "asks all parts:" or "is refused: give one, or declare the model's parts"))
  for _, part in ipairs(parts) do print("  " .. (part.client or d.client) .. ", table " .. (part.table or d.table)) end
end

local function show_outside(d)
  if not d.outside then return end
  print(("by %s this is not one of the model's parts, so an access is refused: correct the rule, or add the place to parts")
    :format(d.outside))
end

local function json(decision, list)
  local members, items = table.pack(output.decision(decision)), {}
  for i, change in ipairs(list) do
    local d = change.decision
    local who = d.denied and "denied" or "client"
    items[i] = output.object("field", output.scalar(change.field), "change", output.scalar(change.flag), who,
      output.scalar(d[who]), "table", output.scalar(d.table), "level", output.scalar(d.level), "rule", output.scalar(d.rule),
      "source", output.scalar(d.source), "also", output.scalar(change.also))
  end
  for _, member in ipairs { "not_remembered", output.scalar(decision.not_remembered), "unfixed", output.scalar(decision.unfixed),
    "outside", output.scalar(decision.outside), "changes", output.array(items) } do
    members[#members + 1] = member
  end
  return output.object(table.unpack(members))
end

function explain.run(args)
  local app = application.open(args)
  local request = app:request(args)
  local decision = {}
  for name, value in pairs(app:decide(request, true)) do decision[name] = value end
  try_again(app, request, decision)
  local list = changes.find(app, request, decision)
  if args.json then
    print(json(decision, list))
  else
    print(terminal.paint("bold", headline(request)))
    show_trace(decision.trace, args.all)
    print(decision.denied and "is denied: " .. decision.denied or "goes to " .. place(decision))
    if decision.rule then print("because of " .. rule_of(decision)) end
    show_unfixed(app, decision)
    show_outside(decision)
    print("depends on " .. table.concat(decision.depends_on, ", "))
    show_remembering(decision)
    show_changes(list, decision)
  end
  return decision.denied and failure.SHORT or failure.DONE
end

return explain
