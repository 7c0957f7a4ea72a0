-- Tables, made from a text and a number.
local fold = require "lib.fold"
local M = {}

-- Numbers that look random, and follow from the text alone.
local function numbers(x, n)
  local state = fold.hash(x) + n
  return function(most)
    state = (state * 6364136223846793005 + 1442695040888963407) & math.maxinteger
    return (state >> 33) % most + 1
  end
end

function M.list(x, n)
  local draw, t = numbers(x, n), {}
  for i = 1, draw(30) do t[i] = draw(12) end
  return t
end

function M.texts(x, n)
  local draw, t = numbers(x, n), {}
  for i = 1, draw(12) do t[i] = ("%s%d"):format(string.char(draw(255), draw(255)), draw(9)) end
  return t
end

-- Keys of all kinds. The integers among them are those of a list.
function M.mixed(x, n)
  local draw, t = numbers(x, n), { x, n, true }
  for _ = 1, draw(20) do
    t["k" .. draw(40)] = draw(9)
    t[draw(40) + 0.5] = "f" .. draw(9)
  end
  t[true], t[false], t[x], t[x:upper()], t["é"] = n, x, false, 1, {}
  t[-0.0], t[2 ^ 53 + 0.5] = "zero", nil
  return t
end

function M.nested(x, n)
  local draw = numbers(x, n)
  local function make(depth)
    local t = {}
    for i = 1, draw(3) do t[i] = depth > 0 and make(depth - 1) or draw(9) end
    t["d" .. depth] = draw(9)
    return t
  end
  return make(3)
end

function M.large(x, n)
  local draw, t = numbers(x, n), {}
  for i = 1, 80 + draw(60) do t[i] = draw(1000) end
  return t
end

function M.packed(x, n)
  return table.pack(x:byte(1, n))
end

-- ---- with holes ----

-- Holes that a constructor makes: the last values decide how long it is.
function M.holed(x, n)
  local draw = numbers(x, n)
  local function some() if draw(3) > 1 then return draw(9) end end
  return { some(), some(), some(), some(), nil, some(), some(), nil, some(), [draw(20)] = 1, some() }
end

-- Values that are taken out again, and others far behind.
function M.punched(x, n)
  local draw, t = numbers(x, n), {}
  for i = 1, 10 + draw(40) do t[i] = draw(9) end
  for _ = 1, draw(20) do t[draw(50)] = nil end
  return t
end

-- Texts come and go between the integers: how they collide decides when the table is rehashed, and so where # ends.
function M.sparse(x, n)
  local draw, t = numbers(x, n), {}
  for i = 1, 16 do t["k" .. i] = i end
  for i = 1, 16 do
    t["k" .. i] = nil
    t[draw(20)] = i
    t["j" .. draw(90)] = i
  end
  return t
end

return M
