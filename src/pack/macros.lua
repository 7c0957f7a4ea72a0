--- The lists in shunt.h that macros repeat, as readers of the manual page want them: X(MODEL, model) in a list becomes the
--- member or the enumerator that the struct or the enum makes of it.
local macros = {}

---@class macro
---@field parameters string[]
---@field body string
---@field first integer its first line
---@field last integer

local function words(text)
  local list = {}
  for word in text:gmatch "[%w_]+" do list[#list + 1] = word end
  return list
end

--- The arguments in a pair of parentheses: separated by commas that stand in no text.
local function arguments(text)
  local list, quoted = { "" }, false
  for c in text:sub(2, -2):gmatch "." do
    if c == '"' then quoted = not quoted end
    if c == "," and not quoted then
      list[#list + 1] = ""
    else
      list[#list] = list[#list] .. c
    end
  end
  for i, argument in ipairs(list) do list[i] = argument:match "^%s*(.-)%s*$" end
  return list
end

---@param lines string[]
---@return table<string, macro>
local function definitions(lines)
  local found, i = {}, 1
  while i <= #lines do
    local name, parameters, body = lines[i]:match "^#define ([%w_]+)%(([^)]*)%)(.*)$"
    local first = i
    if name then
      while body:find "\\$" do
        i = i + 1
        body = body:gsub("%s*\\$", "") .. "\n" .. lines[i]
      end
      found[name] = { parameters = words(parameters), body = body, first = first, last = i }
    end
    i = i + 1
  end
  return found
end

--- What a macro makes of these arguments.
---@param found table<string, macro>
---@param used table<string, boolean> gets the macros that it used
local function expanded(found, used, name, given)
  local macro = found[name]
  used[name] = true
  local values = {}
  for i, parameter in ipairs(macro.parameters) do values[parameter] = given[i] end
  local text = macro.body:gsub("[%a_][%w_]*", values):gsub("%s*##%s*", "")
  return (text:gsub("([%a_][%w_]*)(%b())", function(inner, list)
    return found[inner] and expanded(found, used, inner, arguments(list)) or nil
  end))
end

--- The entries of a list: {arguments, comment}.
local function entries(body)
  local list, at = {}, 1
  while true do
    local from = body:find("X%(", at)
    if not from then return list end
    local depth, quoted, stop = 0, false, from + 1
    for i = from + 1, #body do
      local c = body:sub(i, i)
      if c == '"' then quoted = not quoted end
      depth = depth + (quoted and 0 or c == "(" and 1 or c == ")" and -1 or 0)
      stop = i
      if depth == 0 then break end
    end
    local comment = body:match("^%s*(/%*.-%*/)", stop + 1)
    list[#list + 1] = { arguments(body:sub(from + 1, stop)), comment and comment:gsub("%s*\n[%s*]*", " ") }
    at = stop + 1 + (comment and #body:match("^%s*/%*.-%*/", stop + 1) or 0)
  end
end

--- The lines with lists in place of their uses. The macros that say how are left out.
---@param lines string[]
---@return string[]
function macros.expand(lines)
  local found, used, out = definitions(lines), {}, {}
  local inside = {} -- lines of definitions
  for name, macro in pairs(found) do
    for i = macro.first, macro.last do inside[i] = name end
  end
  for i, line in ipairs(lines) do
    local list, with, rest = line:match "^%s+([%u_]+)%(([%u_]+)%)%s*(.*)$"
    if inside[i] or not (list and found[list] and found[with]) then
      out[#out + 1] = { line, inside[i] }
    else
      if rest ~= "" then out[#out + 1] = { "  " .. rest } end
      for _, entry in ipairs(entries(found[list].body)) do
        local text = expanded(found, used, with, entry[1])
        local empty = #out
        for part in text:gmatch "%f[^\n\0]%s*([^\n]+)" do out[#out + 1] = { "  " .. part:gsub("%s+$", "") } end
        if entry[2] and #out > empty then out[#out][1] = out[#out][1] .. " " .. entry[2] end
      end
    end
  end
  local kept = {}
  for _, line in ipairs(out) do
    if not used[line[2]] then kept[#kept + 1] = line[1] end
  end
  return kept
end

return macros
