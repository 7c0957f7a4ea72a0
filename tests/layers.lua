-- The layers of src/ as a table. A file includes from its own folder and the folders that its row names; every file may
-- include "shunt.h", and headers of other libraries stay in the folders that wrap them. No type is defined in two headers.
-- With a build folder, symbols are checked as well: an object refers to its own folder and the layers below it, never to
-- a layer above, and the files of one folder don't refer to each other in cycles.
-- Use, in the project's folder, after make: lua5.4 tests/layers.lua [BUILD_DIR]
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
  joint = "base catalog rows driver",
  session = "base catalog rows route pool driver joint",
  query = "base catalog rows route pool driver session",
  relate = "base catalog rows route session query",
  model = "base catalog rows route session query relate",
  jobs = "base catalog rows pool driver session query",
  call = "base catalog rows options route session query relate model jobs",
  app = "base catalog rows config rule driver route pool joint session jobs",
  ["."] = "base catalog rows config rule driver route pool joint session jobs call app", -- the façade, shunt.c
  options = "base catalog",
  bind = "base catalog rows rule options",
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

-- The row of a file: its folder, or the nearest folder above that has a row (driver/pg lies in driver).
local function layer_of(path)
  local folder = path:match("^src/(.+)/[^/]+$") or "."
  while not allowed[folder] and folder:find("/") do folder = folder:match("^(.+)/[^/]+$") end
  return folder
end

local function lines_of(command)
  local list, pipe = {}, assert(io.popen(command))
  for line in pipe:lines() do list[#list + 1] = line end
  pipe:close()
  return list
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

local sources = lines_of("find src -name '*.[ch]' | LC_ALL=C sort")

-- ---- includes ----

for _, path in ipairs(sources) do
  local folder = layer_of(path)
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

-- ---- types ----

-- Calls fn with the name of every type that a header defines.
local function each_typedef(path, fn)
  local file = assert(io.open(path))
  local text = "\n" .. file:read("a"):gsub("/%*.-%*/", ""):gsub("%b{}", "{}")
  file:close()
  for declaration in text:gmatch("\ntypedef%s([^;]+);") do
    fn(declaration:match("%(%s*%*%s*([%w_]+)%s*%)") or declaration:match("([%w_]+)%s*%b()%s*$")
      or declaration:gsub("%b[]", ""):match("([%w_]+)%s*$"))
  end
end

local headers = {} -- of each type
for _, path in ipairs(sources) do
  if path:find("%.h$") then
    each_typedef(path, function(name)
      local first = headers[name] or path
      headers[name] = first
      checks:check(("%s is defined in one header"):format(name), first == path, ("%s and %s"):format(first, path))
    end)
  end
end

-- ---- symbols ----

-- Where each symbol is defined, and what each source file refers to.
local function symbols_of(build)
  local defined, refers = {}, {}
  local exists = { ["src/rule/standard_rules.c"] = true } -- made by the Makefile
  for _, path in ipairs(sources) do exists[path] = true end
  local objects = build .. "/obj/"
  for _, line in ipairs(lines_of("nm -o $(find '" .. objects .. "' -path '*/tests/*' -prune -o -name '*.o' -print) 2>/dev/null")) do
    local object, kind, name = line:match("^(.-):%x*%s+(%a) (%S+)$")
    local path = object and object:sub(#objects + 1):gsub("%.o$", ".c")
    if path == "standard_rules.c" then path = "src/rule/standard_rules.c" end
    if path and exists[path] then
      if kind == "U" then
        refers[path] = refers[path] or {}
        table.insert(refers[path], name)
      elseif kind:find("^[TDBRC]$") then
        defined[name] = path
      end
    end
  end
  return defined, refers
end

-- The layers below each: the folders of its row, of their rows, and so on.
local below = {}
for folder in pairs(allowed) do
  local function add(from)
    for to in allowed[from]:gmatch("%S+") do
      if not below[folder][to] then
        below[folder][to] = true
        add(to)
      end
    end
  end
  below[folder] = {}
  add(folder)
  checks:check(folder .. " is not below itself", not below[folder][folder])
end

local function may_refer(path, to, name)
  local folder = layer_of(path)
  if folder == to or below[folder][to] then return true end
  if path == "src/driver/driver.c" and engines[name] then return true end -- the list of the engines
  return (folder == "bind" or folder == "cli") and name:find("^shunt_") ~= nil -- users of the public header
end

-- The groups of files in which each reaches all the others (Tarjan's algorithm), those of one file left out.
local function cycles(edges)
  local index, low, stack, on_stack, groups, count = {}, {}, {}, {}, {}, 0
  local function visit(path)
    count = count + 1
    index[path], low[path] = count, count
    stack[#stack + 1], on_stack[path] = path, true
    for to in pairs(edges[path]) do
      if not index[to] then
        visit(to)
        low[path] = math.min(low[path], low[to])
      elseif on_stack[to] then
        low[path] = math.min(low[path], index[to])
      end
    end
    if low[path] ~= index[path] then return end
    local group = {}
    repeat
      local last = table.remove(stack)
      on_stack[last] = nil
      group[#group + 1] = last
    until last == path
    table.sort(group)
    if #group > 1 then groups[#groups + 1] = group end
  end
  local paths = {}
  for path in pairs(edges) do paths[#paths + 1] = path end
  table.sort(paths)
  for _, path in ipairs(paths) do
    if not index[path] then visit(path) end
  end
  return groups
end

local function folder_of(path) return path:match("^(.*)/") end

local function check_references(defined, refers)
  for _, path in ipairs(sources) do
    local folder = layer_of(path)
    for _, name in ipairs(refers[path] or {}) do
      local at = defined[name]
      if at then
        checks:check(("%s may refer to %s"):format(path, name), may_refer(path, layer_of(at), name),
          ("%s defines it, which is not in a layer below %s"):format(at, folder))
      end
    end
  end
end

local function check_cycles(defined, refers)
  local folders = {}
  for path, list in pairs(refers) do
    local folder, edges = folder_of(path), {}
    for _, name in ipairs(list) do
      local at = defined[name]
      if at and at ~= path and refers[at] and folder_of(at) == folder then edges[at] = true end
    end
    folders[folder] = folders[folder] or {}
    folders[folder][path] = edges
  end
  for folder, edges in pairs(folders) do
    local list = {}
    for _, group in ipairs(cycles(edges)) do list[#list + 1] = table.concat(group, " ") end
    checks:check(("no files of %s refer to each other in cycles"):format(folder), #list == 0, table.concat(list, "\n"))
  end
end

if arg[1] then
  local defined, refers = symbols_of(arg[1])
  checks:check("the build folder holds objects", next(refers), "run make first")
  check_references(defined, refers)
  check_cycles(defined, refers)
end

checks:finish()
