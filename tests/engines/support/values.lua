--- Random values for columns of any type: the same pool for every type, so that each column is given what it can't keep, too.
--- Use: local value = Values.draw(random); for _, value in ipairs(Values.extremes) do … end

local shunt = require "shunt"

local M = {}

local blob = shunt.blob
local MIN, MAX = math.mininteger, math.maxinteger
local PRECISION = 1 << 53

--- Values at some type's limits.
M.extremes = {
  0, 1, -1, 7, 127, 128, -128, -129, 255, 256, 32767, 32768, -32768, 65535, 65536, 8388607, 16777215, 16777216, 16777217,
  2147483647, 2147483648, -2147483648, 4294967295, 4294967296, PRECISION, PRECISION + 1, -PRECISION - 1, MAX, MIN, MAX - 1,
  99, 69, 70, 1900, 1901, 2155, 2156, 20261124, 20261124123000, 1200, 1230,
  0.0, -0.0, 0.5, 1.5, -1.25, 0.1, 0.1 + 0.2, 1 / 3, 1e15, 1e16, 2.0 ^ 53, 2.0 ^ 63, -2.0 ^ 63, 2.0 ^ 64, 1e20, 1e22, 1e38, 1e39, 1e300,
  1.7976931348623157e308, 5e-324, 2.2250738585072014e-308, 3.4028234663852886e38, 1.401298464324817e-45, 1e-300, math.huge,
  -math.huge, 0 / 0, 2.675, 123.456,
  true, false,
  "", " ", "a", "a ", " a", "A", "abc", "abcd", "abcde", "abcde ", "abcdef", "ab   ", "abc   ", "abcde   ", ("x"):rep(255), ("x"):rep(255) .. "  ",
  "ä", "äöüß€", "äöüß€ ", "😀", "é", "\0", "a\0b", "\xff", "\\303", "\\x41", "'", "b,a", "a,b", "a,b,c", "a,,b", "a,a", "B", "b",
  "0", "1", "2", "3", "-1", "+1", "00", "007", "00123", "123", " 123", "123 ", "1 ", " 1", "0x1F", "1_000", "1e3", "1E3", "1.0", "1.50", "0.1", ".5",
      "5.", "-0",
  "-0.0", "1e400", "1e-400", "Infinity", "-Infinity", "inf", "NaN", "nan", "9007199254740993", "16777217", "9223372036854775807",
  "9223372036854775808", "18446744073709551615", "18446744073709551616", "12345678901234567890", "1234567890123456789.5", "0.12345678901234567",
  "12345678901234567e3", "0.30000000000000004", "1.239", "99.999", "125e-2", "1e2", "1.5e1",
  "4.367465149841669e+17", "1.2345678901234567e19", ("9"):rep(35), ("9"):rep(36), "9" .. ("0"):rep(37), ("9"):rep(65), "-" .. ("9"):rep(65),
  "1" .. ("0"):rep(65), "1e64", "1e65", ("9"):rep(35) .. "." .. ("9"):rep(30), "1e-30", "1e-31", ("9"):rep(45) .. "." .. ("9"):rep(20),
  "99", "69", "0000", "1901", "2155", "2156", "1900",
  "true", "false", "t", "yes", "on", "null", "high", "low", "High", "high ", "1.5 apples", "5 apples",
  "2026-11-24", "0001-01-01", "1000-01-01", "9999-12-31", "0000-00-00", "2026-00-01", "2026-02-30", "26-11-24", "99-01-08", "20261124", "2026/11/24",
  "2026-11-24 12:30:00", "2026-11-24 00:00:00", "2026-11-24T12:30:00", "2026-11-24T12:30:00Z", "2026-11-24 12:30:00+02", "2026-11-24T12:30:00+02:00",
  "2026-11-24 12:30:00 Europe/Berlin", "2026-11-24 12:30", "2026-11-24 12:30:00.5", "2026-11-24 12:30:00.123456", "2026-11-24 12:30:00.1234567",
  "2026-11-24 24:00:00", "2026-11-24 12:30:60", "20261124123000", "2026-1-2", "2026-1-2 3:4:5", "Wed Dec 24 12:00:00 2026", "Jan 8, 1999", "01/02/2026",
  "12:30:00", "12:30", "1230", "12", "-12:30:00", "838:59:59", "839:00:00", "12:30:00.5", "12:30:00.1234567", "12:30:00+02", "1 12:00:00", "24:00:00",
  "infinity", "-infinity", "now", "today", "epoch", "noon", "allballs", "J2451187", "44-03-15 BC", "2026-11-24 BC",
  "P1Y2M3DT4H5M6S", "PT1.5S", "PT0.0000001S", "1 day", "1 year 2 months", "3 days 04:05:06", "1.5 hours", "P0D",
  "{}", "{1,2}", "{1.239}", "{abc   ,abcde   }", "{12345.678}", "[1,5)", "(0,4]", '{"a": 1}', '{"b":1,"a":1.0}', "[1, 2]", '"x"', "<a/>", "{",
  "0e37df36-f698-11e6-8dd4-cb9ced3df976", "0E37DF36-F698-11E6-8DD4-CB9CED3DF976", "0e37df36f69811e68dd4cb9ced3df976",
      "{0e37df36-f698-11e6-8dd4-cb9ced3df976}",
  "10.0.0.1", "10.0.0.1/32", "10.0.0.0/8", "10.0.0.1/8", "2001:db8::1", "::ffff:10.0.0.1", "08:00:2b:01:02:03", "08002b-010203", "101", "1010", "10",
      "(1,2)", "$1.23",
  "1.23", "1,234.56",
  blob "", blob "a", blob "\0", blob "abc", blob "abcd", blob "abcde", blob "\0\0\0\0", blob "a\0\0\0", blob "\xff\xfe", blob "1", blob "2026-11-24",
}

local alphabet = { "a", "b", "c", "A", "B", "z", "0", "1", "2", "9", " ", " ", ".", "-", "+", ",", ":", "e", "E", "ä", "ß", "€", "é", "\\", "'" }

local function text(random)
  local parts = {}
  for i = 1, random:int(0, 8) do parts[i] = random:of(alphabet) end
  return table.concat(parts) .. (" "):rep(random:chance(20) and random:int(1, 6) or 0)
end

local function digits(random, n)
  local parts = {}
  for i = 1, n do parts[i] = tostring(random:int(0, 9)) end
  return table.concat(parts)
end

local function number_text(random)
  local out = random:of { "", "", "-", "+", " " } .. digits(random, random:int(1, random:chance(30) and 66 or 5))
  if random:chance(50) then out = out .. "." .. digits(random, random:int(0, random:chance(30) and 32 or 4)) end
  if random:chance(15) then out = out .. random:of { "e", "E" } .. random:of { "", "-", "+" } .. digits(random, random:int(1, 2)) end
  return out .. (random:chance(5) and " " or "")
end

local function integer(random)
  local bits = random:int(0, 63)
  local n = random:next() & ((1 << bits) - 1)
  return random:chance(50) and n or -n
end

local function float(random)
  if random:chance(50) then return integer(random) / 10 ^ random:int(0, 6) end
  return string.unpack("d", string.pack("j", random:next()))
end

local function date(random)
  return random:of { "%04d-%02d-%02d", "%04d-%02d-%02d", "%04d-%02d-%02d", "%d-%d-%d", "%04d%02d%02d", "%04d/%02d/%02d" }
    :format(random:of { 2026, 1999, 1970, 1, 99, random:int(0, 9999) }, random:int(0, 13), random:int(0, 32))
end

local function time(random)
  local out = ("%02d:%02d"):format(random:int(0, 25), random:int(0, 60))
  if random:chance(80) then out = out .. (":%02d"):format(random:int(0, 60)) end
  if random:chance(30) then out = out .. "." .. digits(random, random:int(1, 8)) end
  return out
end

local function moment(random)
  return date(random) .. random:of { " ", " ", "T", "  " } .. time(random) .. random:of { "", "", "", "Z", "+02", "-05:30", " UTC", " BC" }
end

local function bytes(random)
  local parts = {}
  for i = 1, random:int(0, 8) do parts[i] = string.char(random:int(0, 255)) end
  return blob(table.concat(parts))
end

local kinds = { text, text, number_text, number_text, integer, float, date, time, moment, bytes,
  function(random) return random:chance(50) end,
  function(random) return random:of(M.extremes) end }

---@param random Random
function M.draw(random) return random:of(kinds)(random) end

return M
