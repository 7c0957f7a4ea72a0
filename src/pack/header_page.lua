--- The manual page shunt(3), made from src/shunt.h: its sections, its declarations and their comments.
local host = require "shunt.cli.host"
local macros = require "macros"
local troff = require "shunt.cli.troff"

local header_page = {}

local function lines_of(path)
  local list = {}
  for line in io.lines(path) do list[#list + 1] = line end
  return list
end

--- Takes out what a reader of the page doesn't need: the guards, the part for C++ and the attributes of functions.
local function readable(lines)
  local out, hidden = {}, false
  for _, line in ipairs(lines) do
    if line:find "^#if" then hidden = line:find "^#ifdef __cplusplus" or line:find "__GNUC__" end
    local kept = not hidden and not line:find "^#%s*[iue][fnl]%l*" and line ~= "#define SHUNT_H" -- if, include, undef, …
    if line:find "^#endif" then hidden = false end
    if kept then
      line = line:gsub("SHUNT_API ", ""):gsub("SHUNT_MUST_USE ", ""):gsub("%s*\\$", "")
      out[#out + 1] = line
    end
  end
  return out
end

--- The text of a comment, a line each, without its stars.
local function text_of(lines)
  local out = {}
  for i, line in ipairs(lines) do
    line = line:gsub("^/%*%s?", ""):gsub("%s*%*/$", "")
    if i > 1 then line = line:gsub("^ %*? ?", "") end
    out[#out + 1] = line
  end
  return out
end

--- A function's body is not part of its description.
local function without_body(lines)
  if not lines[1]:find "^static inline" then return lines end
  local out = {}
  for _, line in ipairs(lines) do
    if line:find "%)%s*{" then
      out[#out + 1] = line:gsub("%)%s*{.*$", ");")
      break
    end
    out[#out + 1] = line
  end
  return out
end

--- The header as a list of {kind, lines}: a "comment", a "declaration" or a "gap".
local function parts_of(lines)
  local parts, i = {}, 1
  local function take(kind, ends)
    local first = i
    while i < #lines and not ends(i) do i = i + 1 end
    parts[#parts + 1] = { kind = kind, lines = table.move(lines, first, i, 1, {}) }
  end
  while i <= #lines do
    if lines[i] == "" then
      parts[#parts + 1] = { kind = "gap" }
    elseif lines[i]:find "^/%*" then
      take("comment", function(at) return lines[at]:find "%*/$" end)
    else
      local depth = 0
      take("declaration", function(at)
        local code = lines[at]:gsub("/%*.-%*/", "")
        depth = depth + select(2, code:gsub("[{(]", "")) - select(2, code:gsub("[})]", ""))
        local after = lines[at + 1]
        return after == "" and depth == 0 or after:find "^/%*" or depth == 0 and (code:find ";%s*$" or code:find "^}")
      end)
    end
    i = i + 1
  end
  return parts
end

local function add_code(out, lines)
  out[#out + 1] = ".PP\n.nf"
  for _, line in ipairs(lines) do out[#out + 1] = line == "" and "" or troff.escaped(line) end
  out[#out + 1] = ".fi"
end

--- Paragraphs; indented lines keep their form.
local function add_text(out, lines)
  local i = 1
  while i <= #lines do
    if lines[i]:find "^%s%s" then
      local first = i
      while lines[i + 1] and (lines[i + 1]:find "^%s%s" or lines[i + 1] == "" and (lines[i + 2] or ""):find "^%s%s") do i = i + 1 end
      out[#out + 1] = ".RS 2"
      add_code(out, table.move(lines, first, i, 1, {}))
      out[#out + 1] = ".RE"
    elseif lines[i] ~= "" then
      local before = lines[i - 1] or ""
      if before == "" or before:find "^%s%s" or lines[i]:find "^[%u_]%l*[%u_]*: " then out[#out + 1] = ".PP" end
      out[#out + 1] = troff.escaped(lines[i])
    end
    i = i + 1
  end
end

--- Declarations without a gap between them are described together.
local function add_part(out, part, comment)
  out[#out + 1] = ".PP\n.ft B"
  add_code(out, without_body(part.lines))
  out[#out + 1] = ".ft R"
  if comment then
    out[#out + 1] = ".RS 4"
    add_text(out, text_of(comment.lines))
    out[#out + 1] = ".RE"
  end
end

--- The page, and the names of the functions in it.
---@param path string
---@return string page
---@return string[] functions
function header_page.make(path)
  local lines = lines_of(path)
  local functions = {}
  for name in table.concat(lines, "\n"):gmatch "\nSHUNT_API[^;(]-([%w_]+)%(" do functions[#functions + 1] = name end

  local out = {
    ('.TH SHUNT 3 "" "shunt %s" "Library Functions"'):format(host.version),
    ".SH NAME", "shunt \\- routing rules for datasources, as a C library",
    ".SH SYNOPSIS", ".nf", ".B #include <shunt.h>", ".PP", ".BI cc\\~ file.c\\~ $(pkg\\-config\\~\\-\\-cflags\\~\\-\\-libs\\~shunt)", ".fi",
    ".SH DESCRIPTION",
  }
  local comment
  for _, part in ipairs(parts_of(readable(macros.expand(lines)))) do
    local title = part.kind == "comment" and part.lines[1]:match "^/%* %-%-%-%- (.-) %-%-%-%- %*/$"
    if comment and (part.kind ~= "declaration") then
      out[#out + 1] = ".PP"
      add_text(out, text_of(comment.lines))
      comment = nil
    end
    if title then
      out[#out + 1] = ".SH " .. troff.escaped(title:upper())
    elseif part.kind == "comment" then
      comment = part
    elseif part.kind == "declaration" then
      add_part(out, part, comment)
      comment = nil
    end
  end
  out[#out + 1] = ".SH SEE ALSO\n.BR shunt (1),\n.BR shunt.yaml (5),\n.BR shunt\\-rules (7)"
  return troff.page(out), functions
end

return header_page
