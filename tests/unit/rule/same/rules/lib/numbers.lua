-- math, arithmetic, and numbers as texts.
local fold = require "lib.fold"
local M = {}

function M.integers(x, n)
  local a, big = #x - 20, math.maxinteger
  return fold.all(n // 7, -n // 7, n % -7, -n % 7, a * n, big + n, big * big, math.mininteger // -1, n & 13, n | a, n ~ a, ~n, n << 62, n >> 1,
    -n >> 60, math.mininteger, math.ult(n, -n), math.ult(1, n))
end

function M.divided(_, n)
  return fold.all(n / 4, n // 4.0, -n % 4.5, n % math.huge, -n % math.huge, n ^ 2, 2 ^ -n, n / 0, -n / 0, 0.0 / -1) ..
    fold.try(function() return n // 0 end) .. fold.try(function() return n % 0 end)
end

function M.rounded(x, n)
  local f = (#x - 9) * n / 8
  return fold.all(math.floor(f), math.ceil(f), math.fmod(f, 3), math.fmod(-n, 7), math.modf(f)) ..
    fold.all(math.abs(f), math.abs(math.mininteger), math.tointeger(f), math.tointeger "8", math.floor(2 ^ 70)) .. fold.try(math.fmod, n, 0)
end

function M.curves(x, n)
  local f = n / (#x + 1)
  return fold.all(math.sin(f), math.cos(f), math.tan(f / 9), math.asin(1 / (f + 1)), math.acos(1 / (f + 1)), math.atan(f), math.atan(-f, 2)) ..
    fold.all(math.exp(f % 9), math.log(f + 1), math.log(n + 1, 2), math.log(n + 1, 10), math.log(n + 1, 7), math.sqrt(n), math.deg(f),
      math.rad(f * 90), math.pi)
end

function M.kinds(x, n)
  return fold.all(math.type(n), math.type(n / 1), math.type(x), 1 == 1.0, math.type(n // 1.0), type(n), math.huge, -math.huge, math.maxinteger,
    math.mininteger // 1.0, 2 ^ 53 == 2 ^ 53 + 1, n == n + 0.0, 0.0 == -0.0, 0 / 0 == 0 / 0)
end

function M.extremes(x, n)
  return fold.all(math.max(n, #x, 3.5), math.min(-n, #x, 0.5), math.max(n), math.min(0.0, -0.0)) .. fold.try(math.max) .. fold.try(math.min, x .. "a")
end

function M.bases(x, n)
  return fold.all(tonumber(x:sub(1, 3), 36), tonumber("7fFf", 16), tonumber("-101", 2), tonumber("8", 8), tonumber("0x" .. n), tonumber(n .. ""),
    tonumber "", tonumber " 10 ", tonumber "1 0", tonumber "0x", tonumber(x), tonumber "9223372036854775808" == 2 ^ 63) .. fold.try(tonumber, x, 99) ..
    fold.try(tonumber) .. fold.try(tonumber, {}, 10)
end

function M.texts_as_integers(x, n)
  return fold.all("10" + n, "0x10" * n, -"2", "7" // "2", "10" % 4, #tostring(n)) .. fold.try(function() return x + n end) ..
    fold.try(function() return "1" < n end) .. fold.try(function() return "3" | n end) .. fold.try(function() return n & 1.5 end)
end

function M.integer_bounds(_, n)
  local sum = 0
  for i = math.maxinteger - 3, math.maxinteger do sum = sum ~ i end
  for i = n, -n, -3 do sum = sum + i end
  for f = 1, 3, 0.5 do sum = sum + f end
  return fold.all(sum) .. fold.try(function() for _ = 1, 10, 0 do return 1 end end) .. fold.try(function() for _ = 1, "x" do return 1 end end)
end

-- Where C's printf and strtod follow the locale.

function M.printed(x, n)
  local f = #x + n / 8
  return f .. "|" .. tostring(f) .. tostring(n / 1) .. 1e100 .. -0.0 .. 0 / 0 .. 1 / 0 .. 2 ^ 63 .. 0.1 .. "|" .. tostring(-1e15) .. 1e16
end

function M.printed_by_format(x, n)
  local f = #x + n / 8
  return ("%g|%.1f|%10.3e|%a|%G|%.14g|%#.0f|%+.2f|%5.1f|%E|%A|%s|%s"):format(f, f, f, f, f, 0.1, n, f, -f, f, 0.5, f, n + 0.0)
end

function M.quoted_floats(x, n)
  return ("%q %q %q %q %q"):format(#x + 0.5, n / 3, 1 / 0, 0 / 0, -0.0)
end

function M.joined_floats(x, n)
  local ok, why = pcall(error, n / 4, 0)
  return table.concat({ 1.5, n / 8, #x, 1e300, 7.0 }, ";") .. tostring(why) .. tostring(ok) .. #tostring(n / 7)
end

function M.read_floats(x, n)
  local t = { "1.5", "1,5", "0x1.8p1", "0x1,8p1", ".5", ",5", "1.", "1e2", "1.5e3", "1.5.5", " 1.5 ", "1,5,5", "1.5x", "inf", "nan", "5e-324" }
  local read = {}
  for i, text in ipairs(t) do read[i] = fold.show(tonumber(text)) end
  return table.concat(read, " ") .. fold.all(tonumber(n .. ".25"), tonumber(n .. ",25"), tonumber(x))
end

function M.texts_as_floats(_, n)
  return fold.all("1.5" + n, "0.5" * 3, -"2.25", ("%d"):format "3.0", math.floor "2.5", math.max("1.5" + 0, 1)) ..
    fold.try(function() return "1,5" + n end) .. fold.try(string.rep, "ab", "2.0") .. fold.try(string.rep, "ab", "2,0")
end

return M
