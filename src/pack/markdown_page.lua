--- Manual pages made from chapters of the manual in Markdown.
local host = require "shunt.cli.host"
local troff = require "shunt.cli.troff"

local markdown_page = {}

--- Code and emphasis become bold and italic, links their text.
local function formatted(text)
  text = troff.escaped(text:gsub("%[([^%]]*)%]%(([^)]*)%)", "%1"))
  return (text:gsub("`([^`]*)`", "\\fB%1\\fR"):gsub("%*%*(.-)%*%*", "\\fB%1\\fR"):gsub("%*(%a[%a ]-)%*", "\\fI%1\\fR"))
end

local function cells_of(line)
  local cells = {}
  for cell in line:gsub("^|", ""):gmatch "%s*(.-)%s*|" do cells[#cells + 1] = cell end
  return cells
end

--- A table becomes a list of its first cells. Each other cell follows with the title of its column, if there are several.
local function add_table(out, lines)
  local titles = cells_of(lines[1])
  for i = 3, #lines do
    local cells, text = cells_of(lines[i]), {}
    for k = 2, #cells do
      if cells[k] ~= "" then text[#text + 1] = (#titles == 2 or titles[k] == "meaning") and cells[k] or ("%s: %s"):format(titles[k], cells[k]) end
    end
    troff.tagged(out, formatted(cells[1]), formatted(table.concat(text, ". ")))
  end
end

--- The lines from here to the last one before `ends` holds; the number of that last line.
local function until_end(lines, i, ends)
  local first = i
  while lines[i + 1] and not ends(lines[i + 1]) do i = i + 1 end
  return table.move(lines, first, i, 1, {}), i
end

local function begins_block(line) return line == "" or line:find "^[#|]" or line:find "^```" or line:find "^%- " end

local function add_block(out, lines, i)
  local line = lines[i]
  local block
  local marks, title = line:match "^(##+) (.*)$"
  if marks then
    out[#out + 1] = (marks == "##" and ".SH " or ".SS ") .. formatted(marks == "##" and title:upper() or title)
  elseif line:find "^```" then
    block, i = until_end(lines, i, function(next) return next:find "^```" end)
    out[#out + 1] = ".PP\n.RS 4\n.nf"
    for k = 2, #block do out[#out + 1] = troff.escaped(block[k]) end
    out[#out + 1] = ".fi\n.RE"
    i = i + 1
  elseif line:find "^|" then
    block, i = until_end(lines, i, function(next) return not next:find "^|" end)
    add_table(out, block)
  else
    block, i = until_end(lines, i, begins_block)
    local text, item = table.concat(block, " "):gsub("%s+", " "):gsub("^%- ", "")
    out[#out + 1] = item > 0 and ".IP • 2" or ".PP"
    out[#out + 1] = formatted(text)
  end
  return i
end

--- The chapter without its title and its links to other chapters.
local function lines_of(path)
  local list = {}
  for line in io.lines(path) do
    if not line:find "^# " and not line:find "^%[[^%]]*%]%([^)]*%)%s*·" then list[#list + 1] = line end
  end
  return list
end

---@param page {title: string, manual: string, name: string, summary: string, description: string, files: string[], see: string}
---@return string
function markdown_page.make(page)
  local out = {
    ('.TH %s "" "shunt %s" "%s"'):format(page.title, host.version, page.manual),
    ".SH NAME", ("%s \\- %s"):format(troff.escaped(page.name), troff.escaped(page.summary)),
    ".SH DESCRIPTION", formatted(page.description),
  }
  for _, path in ipairs(page.files) do
    local lines, i = lines_of(path), 1
    while i <= #lines do
      if lines[i] ~= "" then i = add_block(out, lines, i) end
      i = i + 1
    end
  end
  out[#out + 1] = ".SH SEE ALSO\n" .. page.see
  return troff.page(out)
end

return markdown_page
