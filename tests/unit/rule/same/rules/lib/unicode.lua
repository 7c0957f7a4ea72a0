-- utf8.
local fold = require "lib.fold"
local M = {}

function M.made(x, n)
  return utf8.char(n, 233, 0x20AC, 0x10FFFF, 0x7FFFFFFF) .. utf8.char() .. fold.try(utf8.char, -n) .. fold.try(utf8.char, x .. "a") .. utf8.charpattern
end

function M.walked(x)
  local s = {}
  local said = fold.try(function() for at, code in utf8.codes(x) do s[#s + 1] = at .. ":" .. code end end)
  return said .. table.concat(s, " ") .. fold.try(function() for at, code in utf8.codes("\u{7FFFFFFF}é" .. x, true) do s[#s + 1] = at + code end end) ..
    fold.all(table.unpack(s, 1, 9))
end

function M.measured(x, n)
  return fold.try(utf8.len, x) .. fold.try(utf8.len, x, n) .. fold.try(utf8.len, "é\xFF" .. x) .. fold.try(utf8.len, x, 1, -1, true)
end

function M.read(x, n)
  return fold.try(utf8.codepoint, x, 1, -1) .. fold.try(utf8.codepoint, "aé€", n % 6) .. fold.try(utf8.codepoint, "\xFF") ..
    fold.try(utf8.codepoint, "\u{7FFFFFFF}", 1, 1, true)
end

function M.placed(x, n)
  return fold.try(utf8.offset, "aé€z" .. x, n % 7) .. fold.try(utf8.offset, x, -1) .. fold.try(utf8.offset, "é", 1, 2) .. fold.try(utf8.offset, x, 1, 99)
end

return M
