--- Which rules of an application decided while its specs ran: for people, as JSON and as a page of HTML.
local failure = require "shunt.cli.failure"
local output = require "shunt.cli.output"
local terminal = require "shunt.cli.terminal"

---@class shunt.cli.coverage
---@field rules table[] of the application, without the standard ones
---@field decided integer how many of them decided at least once
local Coverage = {}
Coverage.__index = Coverage

local coverage = {}

---@param app shunt.cli.application
---@return shunt.cli.coverage
function coverage.of(app)
  app:refresh()
  local self = setmetatable({ rules = {}, decided = 0 }, Coverage)
  for _, rule in ipairs(app.catalog.rules) do
    if not rule.standard then
      self.rules[#self.rules + 1] = rule
      self.decided = self.decided + (rule.decided > 0 and 1 or 0)
    end
  end
  return self
end

local function state(rule) return rule.decided > 0 and "decided" or rule.asked > 0 and "never decided" or "never asked" end

--- In percent; 100 if there are no rules.
---@return number
function Coverage:percent() return #self.rules == 0 and 100 or self.decided * 100 / #self.rules end

---@param out file*
function Coverage:print(out)
  out:write(("rule coverage: %d of %s decided at least once\n"):format(self.decided, terminal.counted(#self.rules, "rule")))
  local lines = {}
  for _, rule in ipairs(self.rules) do
    if rule.decided == 0 then lines[#lines + 1] = { state(rule), rule.source, rule.name } end
  end
  for _, line in ipairs(terminal.table(lines, "  ")) do out:write(line, "\n") end
end

local FIELDS = { "name", "stage", "source", "asked", "decided" }

---@return string
function Coverage:json()
  local rules = {}
  for i, rule in ipairs(self.rules) do rules[i] = output.fields(rule, FIELDS) end
  return output.object("total", output.scalar(#self.rules), "decided", output.scalar(self.decided), "percent",
    output.scalar(self:percent()), "rules", output.array(rules)) .. "\n"
end

local ENTITIES = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;" }

local function escaped(value) return (terminal.clean(tostring(value)):gsub('[&<>"]', ENTITIES)) end

local PAGE = [[
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Rule coverage</title>
<style>
body { font-family: sans-serif; margin: 2em; }
table { border-collapse: collapse; }
th, td { text-align: left; padding: 0.3em 1em; border-bottom: 1px solid #ddd; }
td.number { text-align: right; }
tr.missed { background: #fdd; }
</style>
</head>
<body>
<h1>Rule coverage: %.1f %%</h1>
<p>%d of %s decided at least once.</p>
<table>
<tr><th>rule</th><th>stage</th><th>place</th><th>asked</th><th>decided</th><th></th></tr>
%s</table>
</body>
</html>
]]

local ROW = '<tr%s><td>%s</td><td>%s</td><td>%s</td><td class="number">%d</td><td class="number">%d</td><td>%s</td></tr>\n'

---@return string
function Coverage:html()
  local rows = {}
  for i, rule in ipairs(self.rules) do
    rows[i] = ROW:format(rule.decided > 0 and "" or ' class="missed"', escaped(rule.name), escaped(rule.stage), escaped(rule.source),
      rule.asked, rule.decided, state(rule))
  end
  return PAGE:format(self:percent(), self.decided, terminal.counted(#self.rules, "rule"), table.concat(rows))
end

---@class shunt.cli.coverage_file
---@field path string
---@field format "json"|"html"
---@field file file*

local function cannot(path, why) failure.raise(failure.SHORT, why:find(path, 1, true) and why or ("%s: %s"):format(path, why)) end

--- Opens the files that --coverage names, before the specs run: they take long, and may change the working folder.
---@param paths string[]?
---@return shunt.cli.coverage_file[]
function coverage.open(paths)
  local out = {}
  for i, path in ipairs(paths or {}) do
    local format = path:match "%.(%w+)$"
    if format ~= "json" and format ~= "html" then failure.usage("--coverage takes a file .json or .html, not '%s'", path) end
    local file, why = io.open(path, "wb")
    if not file then cannot(path, why) end
    out[i] = { path = path, format = format, file = file }
  end
  return out
end

--- Writes the coverage to files, and closes them.
---@param files shunt.cli.coverage_file[]
function Coverage:write(files)
  for _, to in ipairs(files) do
    local ok, why = to.file:write(self[to.format](self))
    local closed, late = to.file:close()
    if not ok or not closed then cannot(to.path, why or late) end
  end
end

return coverage
