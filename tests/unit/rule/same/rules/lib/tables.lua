-- table, and all that walks over a table. t may be frozen.
local fold = require "lib.fold"
local M = {}

local function copy(t)
  local new = {}
  for k, v in pairs(t) do new[k] = v end
  return new
end

function M.length(t)
  return fold.all(#t, rawlen(t), fold.try(function() return #t + #copy(t) end))
end

-- The keys come in an order that leaves holes, and texts between them.
function M.lengths_on_the_way(t, n)
  local keys, new, s = {}, {}, {}
  for k in pairs(t) do keys[#keys + 1] = k end
  table.sort(keys, function(a, b) return fold.hash(fold.show(a)) * n % 257 < fold.hash(fold.show(b)) * n % 257 end)
  for i, k in ipairs(keys) do
    new[k] = i
    new["x" .. i] = true
    s[i] = #new
  end
  return fold.all(table.unpack(s))
end

function M.every_pair(t)
  local s = {}
  for k, v in pairs(t) do s[#s + 1] = fold.show(k) .. "=" .. fold.show(v) end
  return table.concat(s, " ")
end

function M.every_item(t)
  local s = {}
  for i, v in ipairs(t) do s[i] = fold.show(v) end
  return #s .. table.concat(s, " ")
end

function M.deep(t)
  local function walk(v, depth)
    if type(v) ~= "table" or depth > 5 then return fold.show(v) end
    local s = {}
    for k, item in pairs(v) do s[#s + 1] = fold.show(k) .. walk(item, depth + 1) end
    return "{" .. table.concat(s, ",") .. "}"
  end
  return walk(t, 0)
end

function M.joined(t, n)
  local new = {}
  for i, v in ipairs(t) do new[i] = type(v) == "boolean" and v or fold.show(v) end
  return fold.try(table.concat, new, ",") .. fold.try(table.concat, new, n % 9, 2)
end

function M.joined_with_floats(t, n)
  local new = {}
  for _, v in pairs(t) do new[#new + 1] = (type(v) == "string" or math.type(v)) and v or nil end
  return table.concat(new, ",") .. fold.try(table.concat, t, ",") .. fold.try(table.concat, t, "", 1, n % 4) .. fold.try(table.concat, t, "-", -1, 2) ..
    fold.try(table.concat, { 1, {}, 3 })
end

function M.spread(t, n)
  return fold.try(table.unpack, t) .. fold.try(table.unpack, t, -1, n % 6) .. fold.try(table.unpack, t, 1, 1 << 40) .. select("#", table.unpack(t))
end

function M.inserted(t, n)
  local new = copy(t)
  table.insert(new, n)
  return fold.try(table.insert, new, 1, "first") .. fold.try(table.insert, new, 3, "third") .. fold.try(table.insert, new, 999, 0) ..
    fold.try(table.insert, new) .. fold.try(table.insert, nil, 1) .. M.every_pair(new)
end

function M.removed(t, n)
  local new = copy(t)
  return fold.try(table.remove, new) .. fold.try(table.remove, new, 1) .. fold.try(table.remove, new, n) .. fold.try(table.remove, {}) ..
    M.every_pair(new)
end

function M.moved(t, n)
  local new = table.move(t, 1, #t, n % 5 + 1, { "a" })
  return fold.try(table.move, new, 1, 4, 2) .. fold.try(table.move, t, 1, -1, 1) .. fold.try(table.move, t, 1, math.maxinteger, 2, {}) ..
    M.every_pair(new)
end

function M.appended(t, n)
  local new = copy(t)
  for i = 1, n % 7 do new[#new + 1] = i end
  return M.every_pair(new)
end

function M.packed(t, n)
  local p = table.pack(table.unpack(t))
  return fold.all(p.n, select(-1, n, table.unpack(t)), fold.try(select, 0), fold.try(select, -99))
end

-- The order of equal values shows the algorithm.
function M.sorted_with_ties(t, n)
  local new, s = {}, {}
  for _, v in pairs(t) do new[#new + 1] = { of = #fold.show(v) % 3, id = fold.show(v) } end
  table.sort(new, function(a, b) return a.of < b.of end)
  for i, item in ipairs(new) do s[i] = item.id end
  table.sort(s, function(a, b) return fold.hash(a) * n % 101 < fold.hash(b) * n % 101 end)
  return table.concat(s, " ")
end

function M.sorted_numbers(t)
  local new = {}
  for k, v in pairs(t) do
    if math.type(v) then new[#new + 1] = v end
    if math.type(k) then new[#new + 1] = -k end
  end
  table.sort(new)
  local s = fold.all(table.unpack(new))
  table.sort(new, function(a, b) return a > b end)
  return s .. fold.all(table.unpack(new))
end

-- An order that is not an order.
function M.sorted_wrongly(t, n)
  local new, calls = {}, 0
  for _, v in pairs(t) do new[#new + 1] = fold.show(v) end
  local said = fold.try(table.sort, new, function()
    calls = calls + 1
    return calls % (n % 3 + 2) == 0
  end)
  return said .. calls .. table.concat(new, " ") .. fold.try(table.sort, new, 1) .. fold.try(table.sort, { 1, "a", {} })
end

function M.sorted_texts(t)
  local new = { "a", "B", "ä", "Z", "Ä", "z", "é" }
  for k, v in pairs(t) do
    new[#new + 1] = fold.show(v)
    new[#new + 1] = fold.show(k)
  end
  table.sort(new)
  local s = table.concat(new, " ")
  table.sort(new, function(a, b) return a:lower() > b:lower() end)
  return s .. table.concat(new, " ")
end

-- What is removed and changed while pairs walks.
function M.changed_meanwhile(t, n)
  local new, seen = copy(t), {}
  for k, v in pairs(new) do
    seen[#seen + 1] = fold.show(k)
    if #seen % 3 == n % 3 then new[k] = nil else new[k] = fold.show(v) end
  end
  return table.concat(seen, ",") .. M.every_pair(new)
end

-- Old keys go, new ones come: the table is rehashed on the way.
function M.grown(t, n)
  local new = copy(t)
  for i = 1, 60 do new["g" .. i * n % 64] = i end
  for i = 1, 60, 2 do new["g" .. i] = nil end
  return M.every_pair(new)
end

function M.written(t, n)
  return fold.try(function() t[n] = t[n] end) .. fold.try(rawequal, t, t) .. fold.try(function() return t.x.y end) ..
    fold.try(function() return t < t end) .. fold.all(type(t), tostring(t), fold.try(function() return t .. "" end))
end

local function counted(t, n)
  local keys, count = { {}, {}, t, fold.show, true }, {}
  for i = 1, 20 do
    local key = keys[i * n % #keys + 1]
    count[key] = (count[key] or 0) + 1
  end
  return count, keys
end

function M.keys_by_identity(t, n)
  local count, keys = counted(t, n)
  return fold.all(count[t], count[keys[1]], count[fold.show], count[{}], count[true])
end

-- The message of pairs names the kind of a key.
function M.keys_without_order(t, n)
  return fold.try(pairs, (counted(t, n)))
end

return M
