-- One text of any values, in a form that depends on no locale: so a piece that is switched on shows nothing but its own
-- work.
local M = {}

local LONGEST = 60

local function show_float(v)
  if v ~= v then return "nan" end
  if v - v ~= 0 then return v > 0 and "inf" or "-inf" end
  if v == 0 then return 1 / v < 0 and "-0" or "0." end
  if v > 0x1p50 or v < -0x1p50 then return ("%d*2^64"):format(v / 0x1p64 // 1 % 0x1p31) end
  return ("%d/1024"):format(v * 1024 // 1)
end

function M.show(v)
  local kind = math.type(v) or type(v)
  if kind == "string" then return v end
  if kind == "integer" then return ("%d"):format(v) end
  if kind == "float" then return show_float(v) end
  return kind == "table" and "table" or tostring(v)
end

function M.all(...)
  local shown = table.pack(...)
  for i = 1, shown.n do shown[i] = M.show(shown[i]) end
  return table.concat(shown, "|", 1, shown.n)
end

-- The results of f, or its error.
function M.try(f, ...)
  return M.all(pcall(f, ...))
end

function M.hash(text)
  local h = 2166136261
  for i = 1, #text, 4 do
    local a, b, c, d = text:byte(i, i + 3)
    h = (h ~ a ~ (b or 0) << 8 ~ (c or 0) << 16 ~ (d or 0) << 24) * 16777619 & 0xFFFFFFFFFF
    h = h ~ h >> 17
  end
  return h & 0xFFFFFFFF
end

-- A long text ends in its hash.
function M.short(text)
  if #text <= LONGEST then return text end
  return ("%s#%08x"):format(text:sub(1, LONGEST - 9), M.hash(text))
end

return M
