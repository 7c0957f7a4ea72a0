-- For test programs in plain Lua: named checks, and the last line from which tests/run.lua reads the counts.
local Checks = {}
Checks.__index = Checks

local function new()
  return setmetatable({ passed = 0, failed = 0 }, Checks)
end

---@param name string a sentence
---@param ok any whether it holds
---@param why? string shown if it does not
function Checks:check(name, ok, why)
  if ok then
    self.passed = self.passed + 1
    return
  end
  self.failed = self.failed + 1
  print(("not so: %s"):format(name))
  if why and why ~= "" then print((why:gsub("%s+$", ""):gsub("^", "    "):gsub("\n", "\n    "))) end
end

-- Ends the program.
function Checks:finish()
  print(("%d passed, %d failed"):format(self.passed, self.failed))
  os.exit(self.failed == 0 and self.passed > 0)
end

return { new = new }
