--- Text of manual pages, as troff reads it.
local troff = {}

--- A minus that can be copied, and no line that is taken for a request.
function troff.escaped(text)
  return (text:gsub("\\", "\\e"):gsub("%-", "\\-"):gsub("^([.'])", "\\&%1"))
end

function troff.bold(text) return "\\fB" .. troff.escaped(text) .. "\\fR" end
function troff.italic(text) return "\\fI" .. troff.escaped(text) .. "\\fR" end

--- Adds a paragraph with a label. Both are troff's own text.
---@param out string[]
---@param label string
---@param text string
function troff.tagged(out, label, text)
  out[#out + 1] = ".TP"
  out[#out + 1] = label
  out[#out + 1] = text
end

--- The text of a page. The mark of a paragraph is left out where a heading or another mark makes it superfluous.
---@param out string[]
---@return string
function troff.page(out)
  local lines, after_heading = {}, false
  for line in (table.concat(out, "\n") .. "\n"):gmatch "(.-)\n" do
    if not (after_heading and line == ".PP") then lines[#lines + 1] = line end
    after_heading = line:find "^%.S[HS] " ~= nil or line == ".PP"
  end
  return table.concat(lines, "\n") .. "\n"
end

return troff
