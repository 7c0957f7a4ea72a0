-- Commits one unit over several datasources, in a process of its own that may end at any step of it (tests/support/interrupt.c).
-- Use: lua5.4 joint_child.lua FOLDER MARK N commit|resolve CLIENTS
--   prints "ok", or "error " and the message; between the removals of MARK and MARK.count the steps count

local folder, mark, n, what, clients = arg[1], arg[2], tonumber(arg[3]), arg[4], tonumber(arg[5])
package.path = "./lua/?.lua;./lua/?/init.lua;" .. package.path

local shunt = require "shunt"
local app <close> = shunt.open(folder .. "/shunt.yaml")
local session <close> = app:session()
local root = session:model "m1"

local function insert(number)
  local row, include = { n = number }, {}
  for i = 2, clients do
    row["r" .. i] = { { n = number } }
    include[i - 1] = "r" .. i
  end
  root:insert(row, { include = include })
end

if what == "commit" then insert(-n) end -- connections are open, and tables are known
os.remove(mark)
local ok, problem = pcall(function()
  if what == "commit" then return insert(n) end
  app:transactions { resolve = true }
end)
os.remove(mark .. ".count")
print(ok and "ok" or "error " .. tostring(problem))
