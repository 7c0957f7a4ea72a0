-- Functions, errors and their messages.
local fold = require "lib.fold"
local M = {}

function M.closures(x, n)
  local function counter(by)
    local sum = 0
    return function(more) sum = sum + by + (more or 0) return sum end
  end
  local a, b = counter(n), counter(#x)
  a() b(2)
  return fold.all(a(1), b(), a == b, counter(1) == counter(1), rawequal(a, a), tostring(a))
end

function M.varargs(x, n)
  local function tail(...) return select("#", ...), (select(-1, ...)), ... end
  local function none(...) return ... end
  return fold.all(tail(x, nil, n, nil)) .. fold.all(select("#", none()), (none(1, 2)), select(2, none("a", x))) .. fold.all(none(nil, nil))
end

function M.jumps(x, n)
  local s, i = {}, 0
  ::again::
  i = i + 1
  for j = 1, 3 do
    if (i + j) % 2 == n % 2 then goto continue end
    s[#s + 1] = j
    ::continue::
  end
  repeat local done = #s > 5 s[#s + 1] = i until done
  while i < #x do goto again end
  return table.concat(s)
end

function M.recursive(x, n)
  local function walk(i) if i == 0 then return "" end return walk(i - 1) .. x:sub(i, i) end
  local function sum(i, total) if i == 0 then return total end return sum(i - 1, total + i) end
  return walk(#x) .. sum(n * 10, 0)
end

function M.loops(x, n)
  local function each(text)
    return function(_, at) if at < #text then return at + 1, text:byte(at + 1) end end, nil, 0
  end
  local sum = n
  for at, byte in each(x) do sum = sum * at + byte end
  return fold.all(sum) .. fold.try(function() for _ in n do return 1 end end) .. fold.try(function() for _ in pairs(nil) do return 1 end end)
end

function M.raised(x, n)
  local values = { x, n, {}, false, error, n / 2 }
  return fold.try(error, x) .. fold.try(error, x, 2) .. fold.try(error, x, 0) .. fold.try(error) .. fold.try(error, nil) ..
    fold.all(select(2, pcall(error, values[n % #values + 1])) == values[n % #values + 1]) .. fold.try(function() error(x .. n) end)
end

function M.asserted(x, n)
  return fold.try(assert, false) .. fold.try(assert, nil, x) .. fold.try(assert) .. fold.try(assert, n, x) .. fold.try(assert, false, {}) ..
    fold.try(function() assert(x == n, "not " .. n) end)
end

function M.handled(x, n)
  local function handler(why) return "handled " .. fold.show(why) end
  return fold.all(xpcall(function(a, b) return a, b end, handler, x, n)) .. fold.all(xpcall(error, handler, x)) ..
    fold.all(xpcall(function() return x.y.z end, handler)) .. fold.all(xpcall(error, error, n)) .. fold.try(xpcall, error) ..
    fold.all(pcall(pcall, error, x)) .. fold.try(pcall)
end

-- Messages name the variable.
function M.wrong_operations(x, n)
  local t, list = { f = n }, { 1 }
  local wrong = {
    function() return t.g() end, function() return t.f() end, function() return x:no_such() end, function() return t.a.b end,
    function() return t + 1 end, function() return x + {} end, function() return -t end, function() return #n end,
    function() return t < n end, function() return nil < 1 end, function() return t & 1 end, function() return 2 ^ 53 | 0.5 end,
    function() return list[1].x.y end, function() list[nil] = 1 end, function() list[0 / 0] = 1 end, function() return ("x")() end,
    function() return fold[x][x] end, function() return M.none.x end, function() return n // 0 end, function() x.y = 1 end,
    function() return n.x.y end, function() return math.floor({}) end, function() return ("x"):rep({}) end, function() return #nil end,
    function() return tonumber({}, 10) end, function() return ipairs() end, function() return select(x, 1) end,
  }
  return fold.try(wrong[n % #wrong + 1]) .. fold.try(wrong[(n + #x) % #wrong + 1])
end

function M.absent(_, n)
  local absent = {
    function() return os.time() end, function() return io.open "x" end, function() return print(1) end, function() return math.random() end,
    function() return string.dump end, function() return next({}) end, function() return load "x" end, function() return coroutine end,
    function() string.x = 1 end, function() return table.getn end, function() return collectgarbage() end, function() return _G end,
    function() return setmetatable({}, {}) end, function() return rawget({}, 1) end, function() return debug.traceback() end,
  }
  return fold.try(absent[n % #absent + 1]) .. fold.try(absent[(n + 7) % #absent + 1])
end

function M.declared_late(x, n)
  local words = { model, rule, datasource, instance, has_one, has_many, belongs_to, belongs_to_many }
  return fold.try(words[n % #words + 1], x) .. fold.try(has_many, x) .. fold.try(require, "lib.none" .. n) .. fold.try(require, "../x")
end

function M.nulls(x, n)
  return fold.all(type(null), tostring(null), null == nil, null == null, rawequal(null, n), not null) .. fold.try(function() return null.x end) ..
    fold.try(function() return null < x end)
end

function M.kinds(x, n)
  return fold.all(type(x), type(n), type(nil), type {}, type(type), tostring {}, tostring(type), tostring(nil), tostring(true), type(M.kinds)) ..
    fold.try(type) .. fold.try(tostring) .. fold.try(ipairs) .. fold.try(pairs, n) .. fold.try(rawlen, n) .. fold.try(rawequal, 1)
end

-- Of some texts alone: these take long.
function M.overflowing(x, n)
  if (fold.hash(x) + n) % 1024 > 0 then return x end
  local function down(i) return 1 + down(i + 1) end
  return fold.try(down, 1)
end

-- What pcall does not catch.
function M.without_limit(x, n)
  local choice = (fold.hash(x) + n) % 1024
  if choice == 0 then pcall(function() while true do end end) end
  if choice == 1 then return fold.try(string.rep, x .. "x", 1 << 21) end
  return x
end

function M.deep(x, n)
  if (fold.hash(x) + n) % 16 > 0 then return x end
  local function matched(i) return (("x"):gsub("x", function() return matched(i + 1) end)) end
  local function protected(i) return pcall(protected, i + 1) end
  return fold.short(fold.try(matched, 1)) .. fold.short(fold.all(select(-2, protected(1))))
end

function M.hungry(x, n)
  local keep, sum = {}, 0
  for i = 1, 100 + n * 2 do keep[i] = { x .. i, { i } } end
  for i = 1, #keep, 7 do sum = sum + #keep[i][1] + keep[i][2][1] end
  return fold.all(sum, #table.concat({ x, x }, ("-"):rep(9000)), select("#", table.unpack(keep)), select("#", ("x"):rep(900):byte(1, -1)))
end

-- Two names are as near as each other.
function M.suggested(x, n)
  local near = {
    function() return math.xin end, function() return math.xan end, function() return math.lo end, function() return math.mas end,
    function() return string.xub end, function() return string.ren end, function() return table.xove end, function() return table.pock end,
    function() return utf8.xode end, function() return string.le end, function() return math.aos end, function() return math.xad end,
    function() return xcall end, function() return xairs end, function() return math.mxn end, function() return math.xod end,
  }
  return fold.try(near[n % #near + 1]) .. fold.try(near[(n + #x) % #near + 1])
end

return M
