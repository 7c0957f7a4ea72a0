--- A generator of random numbers whose seed is known, so that what it led to can be had again.
--- Its own (xorshift64*), since other code in the same process may reseed math.random.

---@class Random
---@field state integer
local Random = {}
Random.__index = Random

local M = {}

---@param seed integer
---@return Random
function M.new(seed)
  local self = setmetatable({ state = seed * 0x9E3779B97F4A7C15 + 0x1234567 }, Random)
  if self.state == 0 then self.state = 1 end
  for _ = 1, 8 do self:next() end
  return self
end

--- The seed of this run: SHUNT_SEED, or the clock if that is not set.
---@return integer
function M.seed()
  local given = os.getenv "SHUNT_SEED"
  if given and given ~= "" then return assert(math.tointeger(tonumber(given)), "SHUNT_SEED is no integer: " .. given) end
  return os.time()
end

---@return integer
function Random:next()
  local x = self.state
  x = x ~ (x >> 12)
  x = x ~ (x << 25)
  x = x ~ (x >> 27)
  self.state = x
  return x * 0x2545F4914F6CDD1D
end

--- From low to high, both included.
---@param low integer
---@param high integer
---@return integer
function Random:int(low, high)
  return low + (self:next() >> 11) % (high - low + 1)
end

--- Whether it happens, at so many percent.
---@param percent integer
---@return boolean
function Random:chance(percent)
  return self:int(1, 100) <= percent
end

---@generic T
---@param list T[]
---@return T
function Random:of(list)
  return list[self:int(1, #list)]
end

--- Some of the list's items, in its order; n of them at most.
---@generic T
---@param list T[]
---@param n integer
---@return T[]
function Random:some(list, n)
  local left, out = #list, {}
  for _, item in ipairs(list) do
    if #out < n and self:int(1, left) <= n - #out then out[#out + 1] = item end
    left = left - 1
  end
  return out
end

return M
