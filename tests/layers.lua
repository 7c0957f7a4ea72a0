-- The layers of src/ as a table, checked against every #include there. A file includes from its own folder and from the
-- folders its row names, and "shunt.h" from anywhere; headers of other libraries stay in the folders that wrap them.
-- Use, in the project's folder: lua5.4 tests/layers.lua
package.path = "tests/?.lua;" .. package.path
local checks = require("checks").new()

local allowed = {
  base = "",
  catalog = "base",
  rows = "base",
  config = "base catalog",
  rule = "base catalog",
  driver = "base catalog rows",
  ["driver/sqlite3"] = "base catalog rows driver",
  ["driver/pg"] = "base catalog rows driver",
  ["driver/mysql"] = "base catalog rows driver",
  route = "base catalog rule",
  pool = "base catalog rows driver",
  query = "base catalog rows route pool driver",
  relate = "base catalog rows route query",
  jobs = "base catalog rows route pool query relate",
  app = "base catalog rows config rule driver route pool query relate jobs",
  ["."] = "base catalog rows config rule driver route pool query relate jobs app", -- the façade, shunt.c
  bind = "base catalog rows rule",
  cli = "base bind",
}

-- Which folders may see the headers of which library.
local wrapped = {
  ["^lua"] = "rule bind cli",
  ["^lauxlib%.h"] = "rule bind cli",
  ["^sqlite3"] = "driver/sqlite3",
  ["^libpq"] = "driver/pg",
  ["^mysql"] = "driver/mysql",
  ["^mariadb"] = "driver/mysql",
  ["^errmsg"] = "driver/mysql",
  ["^yaml%.h"] = "config",
}

local function words(text)
  local set = {}
  for word in text:gmatch("%S+") do set[word] = true end
  return set
end

local function each_include(path)
  local number, lines = 0, io.lines(path)
  return function()
    for line in lines do
      number = number + 1
      local open, name = line:match('^%s*#%s*include%s*([<"])([^>"]+)[>"]')
      if open then return number, open, name end
    end
  end
end

local function check_project_include(place, folder, name)
  if name == "shunt.h" then return end
  local from = name:match("^(.-)/[^/]+$")
  if not from then
    checks:check(place .. ' names the folder in #include "' .. name .. '"', false, 'write #include "folder/file.h"')
  else
    checks:check(("%s: %s may include from %s"):format(place, folder, from),
      from == folder or words(allowed[folder])[from], "the table stands in tests/layers.lua: " .. folder .. " may include from "
        .. (allowed[folder] == "" and "itself alone" or "itself, " .. allowed[folder]:gsub(" ", ", ")))
  end
end

local function check_library_include(place, folder, name)
  for pattern, folders in pairs(wrapped) do
    if name:find(pattern) then
      checks:check(("%s: %s may include <%s>"):format(place, folder, name), words(folders)[folder],
        "only these may: " .. folders)
    end
  end
end

-- What an engine is like stands in its row (cat_engine_traits, driver_engine): other folders ask for that, not which
-- engine it is.
local engines = {}
for engine in pairs(allowed) do
  local name = engine:match("^driver/(.+)$")
  if name then engines["CAT_" .. name:upper()], engines["driver_" .. name] = true, true end
end

local function check_engines(path, folder)
  if folder == "catalog" or folder:find("^driver") then return end
  local number = 0
  for line in io.lines(path) do
    number = number + 1
    for word in line:gmatch("[%a_][%w_]*") do
      if engines[word] then
        checks:check(("%s:%d names %s"):format(path, number, word), false, "only catalog and driver know one engine from another")
      end
    end
  end
  checks:check(path .. " names no engine", true)
end

local list = assert(io.popen("find src -name '*.[ch]' | LC_ALL=C sort"))
for path in list:lines() do
  local folder = path:match("^src/(.-)/[^/]+$") or "."
  if not allowed[folder] then
    checks:check(path .. " lies in a folder that has a layer", false, "add " .. folder .. " to the table in tests/layers.lua")
  else
    check_engines(path, folder)
    for number, open, name in each_include(path) do
      local place = path .. ":" .. number
      local check = open == '"' and check_project_include or check_library_include
      check(place, folder, name)
    end
  end
end
list:close()

checks:finish()
