--- The words of a line in the console, as a shell would split them.
local failure = require "shunt.cli.failure"

local words = {}

-- A backslash keeps the next character, also in double quotes; single quotes keep all.
local function read_word(text, at)
  local out, quote = {}, nil
  while at <= #text do
    local c = text:sub(at, at)
    if quote and c == quote then
      quote = nil
    elseif c == "\\" and quote ~= "'" and at < #text then
      at = at + 1
      out[#out + 1] = text:sub(at, at)
    elseif not quote and (c == "'" or c == '"') then
      quote = c
    elseif not quote and c:find "%s" then
      break
    else
      out[#out + 1] = c
    end
    at = at + 1
  end
  return table.concat(out), at, quote
end

--- The words, and whether the last one is in quotes that are not closed.
---@param text string
---@return string[], boolean
function words.read(text)
  local list, at, quote = {}, text:match "^%s*()", nil
  while at <= #text do
    list[#list + 1], at, quote = read_word(text, at)
    at = text:match("^%s*()", at)
  end
  return list, quote ~= nil
end

--- The words of a whole line.
---@param text string
---@return string[]
function words.split(text)
  local list, open = words.read(text)
  if open then failure.usage "a quote is not closed" end
  return list
end

--- The words of a text in which quotes mean nothing.
---@param text string
---@return string[]
function words.loose(text)
  local list = {}
  for word in text:gmatch "%S+" do list[#list + 1] = word end
  return list
end

return words
