--- Output for people: colours on a terminal only, and tables.
local host = require "shunt.cli.host"

local terminal = {}

local CODES = { bold = "1", dim = "2", red = "31", green = "32", yellow = "33", cyan = "36" }

local colours = host.isatty(1) and (os.getenv "NO_COLOR" or "") == "" and os.getenv "TERM" ~= "dumb"

--- Whether standard output is a terminal.
terminal.interactive = host.isatty(1)

--- The text in a colour, if colours are on.
---@param name "bold"|"dim"|"red"|"green"|"yellow"|"cyan"
---@param text string
---@return string
function terminal.paint(name, text)
  if not colours or text == "" then return text end
  return ("\27[%sm%s\27[0m"):format(CODES[name], text)
end

local ESCAPES = { ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t", ["\\"] = "\\\\" }

--- Makes text from outside harmless for a terminal: bytes that are not printable UTF-8 become escapes.
---@param text string
---@return string
function terminal.clean(text)
  if not utf8.len(text) then text = text:gsub("[\128-\255]", function(c) return ("\\x%02x"):format(c:byte()) end) end
  text = text:gsub("\194([\128-\159])", function(c) return ("\\x%02x"):format(c:byte()) end)
  return (text:gsub("[%c]", function(c) return ESCAPES[c] or ("\\x%02x"):format(c:byte()) end))
end

--- The width of a clean text in columns.
---@param text string
---@return integer
function terminal.width(text) return utf8.len(text) or #text end

--- Removes spaces at the end. (The pattern "%s+$" would take quadratic time.)
---@param text string
---@return string
function terminal.trimmed(text) return text:match "^.*%S" or "" end

local WIDEST = 200 -- a longer cell overflows, instead of widening its column for all rows

local function pad(text, width, right)
  local fill = (" "):rep(width - terminal.width(text))
  return right and fill .. text or text .. fill
end

--- Pads rows of clean text to columns.
---@param rows string[][]
---@param right? table<integer, boolean> columns that are aligned to the right
---@return string[][] rows, integer[] widths
function terminal.columns(rows, right)
  local widths, out = {}, {}
  for _, row in ipairs(rows) do
    for i, cell in ipairs(row) do widths[i] = math.max(widths[i] or 0, math.min(terminal.width(cell), WIDEST)) end
  end
  for r, row in ipairs(rows) do
    out[r] = {}
    for i, cell in ipairs(row) do
      local last = i == #row and not (right and right[i])
      out[r][i] = last and cell or pad(cell, widths[i], right and right[i])
    end
  end
  return out, widths
end

--- Lines of columns, two spaces apart.
---@param rows string[][]
---@param indent? string
---@return string[]
function terminal.table(rows, indent)
  local lines = {}
  for i, row in ipairs((terminal.columns(rows))) do
    lines[i] = terminal.trimmed((indent or "") .. table.concat(row, "  "))
  end
  return lines
end

--- Prints the lines of a table.
function terminal.print_table(rows, indent)
  for _, line in ipairs(terminal.table(rows, indent)) do print(line) end
end

--- "1 row", "3 rows".
---@param n integer
---@param one string
---@param many? string
---@return string
function terminal.counted(n, one, many) return ("%d %s"):format(n, n == 1 and one or many or one .. "s") end

return terminal
