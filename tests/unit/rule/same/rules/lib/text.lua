-- string, without numbers.
local fold = require "lib.fold"
local M = {}

function M.cases(x)
  return x:upper() .. string.lower(x) .. ("ÄÖ\xE4\xFFß"):lower() .. ("zoë\xC4"):upper()
end

function M.reversed(x, n)
  return x:reverse() .. string.reverse(("ab\0é"):rep(n % 5)) .. string.len(x) .. #x
end

function M.repeated(x, n)
  return fold.all(#x:rep(n, "-"), string.rep(x, n % 4, "\0"), x:rep(-n), pcall(string.rep, "x", 1, {}))
end

function M.parts(x, n)
  return fold.all(x:sub(n, -n), x:sub(-n), string.sub(x, -3, 2), x:sub(math.mininteger, math.maxinteger), x:sub(n % 7, 9))
end

function M.bytes(x, n)
  return string.char(x:byte(1, n)) .. fold.all(x:byte(-n, -1)) .. fold.all(pcall(string.char, n, 256)) .. fold.all(("é"):byte(1, 5))
end

function M.found(x, n)
  return fold.all(x:find("e", n % 5, true), string.find(x, "%a+", -n), x:find("", n), ("a.b"):find(".", 2, true), x:find "()%w()")
end

function M.matched(x, n)
  return fold.all(x:match "^(%w*)(.-)(%d*)$", x:match("%S+", n), string.match(x, "(.)%1"), ("k = v"):match "^(%w+)%s*=%s*(%w+)$")
end

function M.walked(x, n)
  local seen = {}
  for word, at in x:gmatch "(%w+)()" do seen[#seen + 1] = word .. at end
  for a, b in string.gmatch("x=1,y=" .. n, "(%w)=(%w*)") do seen[#seen + 1] = b .. a end
  for all in x:gmatch ".-" do seen[#seen + 1] = all end
  return table.concat(seen, ",")
end

function M.replaced(x, n)
  return fold.all(x:gsub("%w", "<%0%%>", n), string.gsub(x, "(.)(.)", "%2%1"), x:gsub("", "-"), pcall(string.gsub, x .. "a", "a", "%2"))
end

function M.replaced_by_table(x, n)
  local map = { a = "1", e = n, o = false, ["é"] = "E" }
  return fold.all(x:gsub("%a", map), x:gsub(utf8.charpattern, map))
end

function M.replaced_by_function(x, n)
  local calls = 0
  local out = x:gsub("(%w)(%W?)", function(a, b)
    calls = calls + 1
    if calls % 3 == n % 3 then return b .. a end
  end)
  return out .. calls .. fold.try(string.gsub, x .. "a", ".", function() return {} end)
end

-- Classes of bytes above 127, in which C's own classes follow the locale.
function M.classes(x, n)
  local all, said = "aZ5 .\t\n\xA0\xC4\xE4\xDF\xFF\x80é" .. x, {}
  for class in ("acdglpsuwxACDGLPSUWX"):gmatch "." do
    local _, count = all:gsub("%" .. class, "")
    said[#said + 1] = class .. count
  end
  return table.concat(said) .. fold.all(all:find("[%a-%d\x80-\xE4]", n % 9), all:match "[^%w%s]+", all:gsub("[é-ö]", "?"))
end

function M.frontiers(x)
  return fold.all(x:gsub("%f[%w]%w+", "<%0>"), ("(a(b)c)" .. x):match "%b()", x:find "%f[\0]", x:gsub("^%s*(.-)%s*$", "%1"))
end

function M.wrong_patterns(x, n)
  local wrong = { "(", "%", "[a", "%b", "%f", ")", "%1", "(()", "[%", ("(a"):rep(40) }
  return fold.try(string.find, x .. "a", wrong[n % #wrong + 1]) .. fold.try(string.gmatch, x) .. fold.try(string.rep)
end

function M.formatted(x, n)
  return ("%s|%8s|%-8.3s|%c|%%|%5s|%.0s"):format(x:gsub("%z", ""), "é", "abcdef", n % 95 + 32, true, "gone")
end

function M.quoted(x, n)
  return ("%q %q %q %q %q"):format(x, "a\n\0" .. n .. "\"\\\r", n, math.mininteger, true)
end

function M.formatted_integers(_, n)
  local f = "%d|%5d|%-5i|%05u|%x|%#X|%o|%+d|% d|%.3d"
  return f:format(n, -n, n, n, n, n * 255, n, n, n, n)
end

function M.wrong_formats(x, n)
  local wrong = { "%y", "%", "%10.123d", "%d", "%s", "%p", "%c%c", "%q", "%.3q", "%#d", "%123s", "%0-5x" }
  local f = wrong[n % #wrong + 1]
  return fold.try(string.format, f, x .. "q") .. fold.try(string.format, f, {}) .. fold.try(string.format, f) .. fold.try(f.format, f, pairs)
end

function M.joined(x, n)
  return x .. n .. -n .. "" .. fold.try(function() return x .. {} end) .. fold.try(function() return x .. nil end)
end

function M.equal(x, n)
  return fold.all(x == "a", x:sub(1, n) == x, rawequal(x .. n, x .. n), x ~= x:lower(), rawlen(x), #x == rawlen(x))
end

function M.long(x, n)
  local long = (x .. "é"):rep(15 * (n % 9 + 1), ",")
  return fold.all(#long, fold.hash(long:sub(-n)), long:find("é,é", -20, true), #long:upper():reverse():gsub(",", ""))
end

function M.compared(x, n)
  local words = { "a", "B", "Z", "ä", "Ä", "b", "\xE4", "", "a\0b", "a-b", "ab", "A" }
  local y = words[n % #words + 1]
  return fold.all(x < y, x <= y, x > y, x >= y, "a" < "B", x:upper() < x:lower(), fold.try(function() return x < n end))
end

return M
