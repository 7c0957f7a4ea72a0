--- Spellings of a statement that mean the same: letters of any case, comments, quotes, escapes, and statements that run it.
--- In a template, words in capitals are keywords, {name} is a name that may be quoted, and {'text'} is a text.

local M = {}

local blanks = {
  sqlite3 = { " ", "\n", "\t ", "/* SELECT */", " -- it's\n", "/**/" },
  pg = { " ", "\n", "\t ", "/* SELECT */", " -- it's\n", "/* a /* ' */ b */", "/**/ " },
  mysql = { " ", "\n", "\t ", "/* SELECT */", " -- it's\n", " # \"\n", "/**/ ", "/*! */ ", "/*!99999 none */ ", "--\1\n" },
}

--- Comments that servers of different versions end at different places.
local doubtful = { "/*!999999 -- */ ", "/*M!999999 ' /* SELECT */ \" */ ", " /*!40000 /* it's */*/ " }

local function escaped(text, format, random)
  local at = random:int(1, #text)
  return text:sub(1, at - 1) .. format:format(text:byte(at)) .. text:sub(at + 1)
end

local names = {
  sqlite3 = { "%s", '"%s"', "[%s]", "`%s`" },
  pg = { "%s", '"%s"', function(name, random) return 'U&"' .. escaped(name, "\\%04x", random) .. '"' end },
  mysql = { "%s", "`%s`" },
}

local texts = {
  sqlite3 = { "'%s'" },
  pg = {
    "'%s'", "$$%s$$", "$q$%s$q$",
    function(text, random) return "E'" .. escaped(text, "\\x%02x", random) .. "'" end,
    function(text, random) return "U&'" .. escaped(text, "\\%04x", random) .. "'" end,
  },
  mysql = { "'%s'", '"%s"', "_utf8mb4'%s'" },
}

local function spelt(forms, text, random)
  local form = random:of(forms)
  return type(form) == "string" and form:format(text) or form(text, random)
end

local function any_case(word, random)
  return (word:gsub("%u", function(letter) return random:chance(50) and letter:lower() or letter end))
end

local function quoted(sql) return "'" .. sql:gsub("'", "''") .. "'" end

--- Statements that run another one. `dynamic`: the effect may be reached through one.
local inside = {
  sqlite3 = {},
  pg = { function(sql) return "DO $outer$ BEGIN EXECUTE " .. quoted(sql):gsub("\\", "\\") .. "; END $outer$" end },
  mariadb = {
    function(sql) return "EXECUTE IMMEDIATE " .. quoted((sql:gsub("\\", "\\\\"))) end,
    function(sql) return "/*!50000 " .. sql .. "*/" end,
    function(sql) return "/*M! " .. sql .. "*/" end,
    function(sql) return "/*! " .. sql:gsub("^%S+", "%0 */", 1) end,
  },
  mysql = {
    function(sql) return "/*!50000 " .. sql .. "*/" end,
    function(sql) return "/*! " .. sql:gsub("^%S+", "%0 */", 1) end,
  },
}

--- Some of its words as the code of a comment that the server runs, with or without the least version that runs it.
local function as_code(sql, kind, random)
  local versions = { "", " ", ("%05d "):format(random:int(30000, 50600)) }
  if kind == "mariadb" then versions[#versions + 1] = ("%06d "):format(random:int(100000, 101100)) end
  local opening = (kind == "mariadb" and random:chance(30) and "/*M!" or "/*!") .. random:of(versions)
  local gaps = { 0, #sql + 1 }
  for at in sql:gmatch("() ") do gaps[#gaps + 1] = at end
  table.sort(gaps)
  local first = random:int(1, #gaps - 1)
  local from, to = gaps[first], gaps[random:int(first + 1, #gaps)]
  return sql:sub(1, from) .. opening .. sql:sub(from + 1, to - 1) .. " */ " .. sql:sub(to)
end

--- A spelling of the template. kind: the server, "mariadb" or "mysql", where the engine is mysql. plainly: so that shunt
--- can see what it does: not through another statement, and not as the code of a comment.
---@return string
function M.of(template, engine, kind, plainly, random)
  local kept = {}
  local function keep(text)
    kept[#kept + 1] = text
    return "\1" .. #kept .. "\2"
  end
  local sql = template:gsub("{'(.-)'}", function(text) return keep(spelt(texts[engine], text, random)) end)
    :gsub("{([%w_]+)}", function(name) return keep(spelt(names[engine], name, random)) end)
    :gsub("'.-'", keep)
  sql = sql:gsub("%f[%w_]%u[%u_]+%f[^%w_]", function(word) return any_case(word, random) end)
  local hides = engine == "mysql" and not plainly
  if hides and random:chance(30) then sql = as_code(sql, kind, random) end
  local function blank() return random:of(hides and random:chance(20) and doubtful or blanks[engine]) end
  sql = sql:gsub(" ", function() return random:chance(40) and blank() or " " end)
    :gsub("\1(%d+)\2", function(n) return kept[tonumber(n)] end)
  local forms = inside[engine == "mysql" and kind or engine]
  local comments = sql:find("/*", 1, true) or sql:find("--", 1, true) or sql:find("#", 1, true)
  if plainly or #forms == 0 or random:chance(60) or (engine == "mysql" and comments) then return sql end
  return random:of(forms)(sql)
end

return M
