--- The findings of `shunt check`, a list with counts of each kind.
local output = require "shunt.cli.output"
local terminal = require "shunt.cli.terminal"

---@class shunt.cli.findings
local Findings = {}
Findings.__index = Findings

local COLOURS = { error = "red", leak = "yellow", warning = "yellow" }
local FIELDS = { "kind", "message", "source", "path", "instance", "op", "client", "expected", "rule", "explain" }

local findings = {}

---@return shunt.cli.findings
function findings.new() return setmetatable({ counts = { error = 0, leak = 0, warning = 0 }, datasource_failed = false }, Findings) end

--- Adds a finding: kind ("error", "leak", "warning"), message, source, and further fields of FIELDS.
function Findings:add(finding)
  self[#self + 1] = finding
  self.counts[finding.kind] = self.counts[finding.kind] + 1
end

function Findings:print()
  for _, f in ipairs(self) do
    local source = type(f.source) == "string" and f.source .. ": " or ""
    print(("%s%s: %s"):format(source, terminal.paint(COLOURS[f.kind], f.kind), f.message))
    if f.explain then print("  " .. terminal.clean(f.explain)) end
  end
end

function Findings:summary()
  local c = self.counts
  return ("%s, %s, %s"):format(terminal.counted(c.error, "error"), terminal.counted(c.leak, "isolation leak"),
    terminal.counted(c.warning, "warning"))
end

--- As JSON arrays of objects.
function Findings:json()
  local out = {}
  for i, f in ipairs(self) do
    local names = {}
    for _, name in ipairs(FIELDS) do
      if f[name] ~= nil then names[#names + 1] = name end
    end
    out[i] = output.fields(f, names)
  end
  return output.array(out)
end

return findings
