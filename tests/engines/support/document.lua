--- JSON documents: random ones, with everything that some engine loses of them, and one spelling for those that mean the same.
--- Use: local text = Document.draw(random); Document.canonical(text) == Document.canonical(other)

local M = {}

-- ---- one spelling ----

local escapes = { ['"'] = '"', ["\\"] = "\\", ["/"] = "/", b = "\b", f = "\f", n = "\n", r = "\r", t = "\t" }

-- Half a pair of surrogates stays an escape.
local function code_of(text, at)
  local code = tonumber(text:match("^\\u(%x%x%x%x)", at) or error "invalid", 16)
  local low = code >= 0xd800 and code < 0xdc00 and text:match("^\\u([dD][c-fC-F]%x%x)", at + 6)
  if low then return utf8.char(0x10000 + ((code - 0xd800) << 10) + tonumber(low, 16) - 0xdc00), at + 12 end
  if code >= 0xd800 and code < 0xe000 then return ("\\u%04x"):format(code), at + 6 end
  return utf8.char(code), at + 6
end

local function text_at(text, at)
  local parts = {}
  at = at + 1
  while true do
    local plain, to = text:match('^([^"\\\0-\31]+)()', at)
    local letter = text:match("^\\([^u])", at)
    if plain then
      parts[#parts + 1], at = plain, to
    elseif letter then
      parts[#parts + 1], at = escapes[letter] or error "invalid", at + 2
    elseif text:find("^\\u", at) then
      parts[#parts + 1], at = code_of(text, at)
    else
      return table.concat(parts), text:match('^"()', at) or error "invalid"
    end
  end
end

-- Its digits without zeros at the ends, and the power of ten behind them.
local function number_at(text, at)
  local sign, whole, to = text:match("^(%-?)(%d+)()", at)
  if not whole or whole:find "^0%d" then error "invalid" end
  local fraction, behind_fraction = text:match("^%.(%d+)()", to)
  to = behind_fraction or to
  local exponent, behind_exponent = text:match("^[eE]([+-]?%d+)()", to)
  to = behind_exponent or to
  local digits = (whole .. (fraction or "")):gsub("^0+", "")
  local bare = digits:gsub("0+$", "")
  if bare == "" then return "0", to end
  return ("%s%se%d"):format(sign, bare, tonumber(exponent or 0) - #(fraction or "") + #digits - #bare), to
end

local value_at

local function list_at(text, at, close, item_at)
  local items = {}
  at = text:match("^%s*()", at + 1)
  if text:sub(at, at) == close then return items, at + 1 end
  while true do
    items[#items + 1], at = item_at(text, at)
    local mark, to = text:match("^%s*(.)%s*()", at)
    if mark == close then return items, text:match("^%s*.()", at) end
    if mark ~= "," then error "invalid" end
    at = to
  end
end

local function member_at(text, at)
  if text:sub(at, at) ~= '"' then error "invalid" end
  local name, value
  name, at = text_at(text, at)
  value, at = value_at(text, text:match("^%s*:%s*()", at) or error "invalid")
  return ("%q:%s"):format(name, value), at
end

function value_at(text, at)
  local first = text:sub(at, at)
  if first == "{" or first == "[" then
    local items, to = list_at(text, at, first == "{" and "}" or "]", first == "{" and member_at or value_at)
    if first == "{" then table.sort(items) end
    return first .. table.concat(items, ",") .. first, to
  end
  if first == '"' then
    local meant, to = text_at(text, at)
    return ("%q"):format(meant), to
  end
  for _, word in ipairs { "true", "false", "null" } do
    if text:sub(at, at + #word - 1) == word then return word, at + #word end
  end
  return number_at(text, at)
end

--- Documents that mean the same have the same: members in any order, but all of them, numbers by value, texts without
--- escapes. Nil: it is no document.
---@param text string
---@return string?
function M.canonical(text)
  if not utf8.len(text) or text:find "[\v\f]" then return nil end
  local ok, canonical = pcall(function()
    local canonical, at = value_at(text, text:match "^%s*()")
    return text:find("^%s*$", at) and canonical or error "invalid"
  end)
  return ok and canonical or nil
end

-- ---- random ones ----

--- Documents of which some engine keeps less, and texts that are not valid.
M.extremes = {
  '{"a":1,"a":2}', '{"a":1,"a":1}', '{"\\u0061":1,"a":2}', '[{"x":{"b":1,"b":[]}}]', '{"a":{"b":1},"b":2}', '{"":1,"":2}', '{"":1}',
  '"\\u0000"', '{"\\u0000":1}', '"\\ud800"', '"\\udc00\\ud800"', '["\\ud83d\\ude00"]', '"\xff"', '"\xed\xa0\x80"', '{"a":"\xc0\x80"}', '"\0"',
  "[1e400]", "[-1e400]", "[1e-400]", "[1e-20000]", "[1e200000]", "[1e99999999999]", "[0e99999]", "[18446744073709551616]",
  "[18446744073709551615]", "[9223372036854775808]", "[-9223372036854775808]", "[-9223372036854775809]", "[0.1234567890123456789]", "[0.1]",
  "[-0]", "[-0.0]", "[1.0]", "[1e20]", "[100000000000000000000]", "[100000000000000000001]", "[9007199254740993]", "[9007199254740993.0]",
  "[5e-324]", "[4.9e-324]", "[1.7976931348623157e308]", "[1.7976931348623158e308]", "[2.2250738585072011e-308]", "[0.30000000000000004]",
  "[123456789012345678.5]", "[6631345.1E-20]", "[1.5e300]", "[8.41e21]", "[9.5367431640625e-7]", "[2.98023223876953125e-8]",
  ("["):rep(31) .. ("]"):rep(31), ("["):rep(33) .. ("]"):rep(33), ("["):rep(100) .. ("]"):rep(100), ("["):rep(101) .. ("]"):rep(101),
  ('{"a":'):rep(120) .. "1" .. ("}"):rep(120), ("["):rep(50000) .. ("]"):rep(50000), ("["):rep(60),
  "[01]", "[1.]", "[.5]", "[+1]", "[NaN]", "[-Infinity]", '{"a":1,}', "{'a':1}", " {} ", "\n[1,\r\t2 ]", '"\t"', '"\x7f"', '"\\x"', '"\\/\\b\\f\\n\\r\\t\\""',
  "nul", "nulL", "[1 2]", "[1,,2]", "[,1]", "{1:2}", '{"a"}', '{"a":}', "\u{feff}{}", "[1] x", "[]]", "]", '"', '"\\', '"\\u12', "[1]\v", "true", "tru",
}

local names = { "a", "b", "A", "\\u0061", "ä", "", "a b", "\\u00e4" }
local texts = { "", "a", "1", "ä", "😀", "\\ud83d\\ude00", "\\n", "\\\\", "\\/", "'", "\\u0000", "\\ud800", "\\ud800\\u0061", "\xff", "\xed\xa0\x80" }

local function digits(random, n)
  local parts = {}
  for i = 1, n do parts[i] = tostring(random:int(0, 9)) end
  return table.concat(parts)
end

local function number(random)
  if random:chance(25) then
    local float = string.unpack("d", string.pack("j", random:next()))
    if float == float and math.abs(float) < math.huge then return ("%." .. random:of { 15, 16, 17, 17 } .. "g"):format(float) end
  end
  if random:chance(25) then return tostring(random:next() >> random:int(0, 60)) end
  local out = random:of { "", "", "-" } .. (random:chance(30) and "0" or random:int(1, 9) .. digits(random, random:int(0, random:chance(20) and 25 or 5)))
  if random:chance(40) then out = out .. "." .. digits(random, random:int(1, random:chance(20) and 25 or 5)) end
  if random:chance(25) then out = out .. random:of { "e", "E" } .. random:of { "", "-", "+" } .. digits(random, random:of { 1, 1, 2, 2, 3, 4 }) end
  return out
end

local function value(random, depth)
  local roll = random:int(1, 10)
  if depth > 4 or roll <= 3 then return number(random) end
  if roll <= 5 then return '"' .. random:of(texts) .. (random:chance(30) and random:of(texts) or "") .. '"' end
  if roll == 6 then return random:of { "true", "false", "null" } end
  local parts, blank = {}, random:of { "", "", " " }
  for i = 1, random:int(0, 4) do
    parts[i] = (roll <= 8 and "" or '"' .. random:of(names) .. '":' .. blank) .. value(random, depth + 1)
  end
  return (roll <= 8 and "[%s]" or "{%s}"):format(table.concat(parts, "," .. blank))
end

--- A document; now and then broken at some place.
---@param random Random
---@return string
function M.draw(random)
  if random:chance(15) then return random:of(M.extremes) end
  local text = value(random, 1)
  if random:chance(90) then return text end
  local at = random:int(1, #text)
  return text:sub(1, at - 1) .. random:of { "", ",", '"', "\\", "}", "0", "\1" } .. text:sub(at + random:int(0, 1))
end

return M
