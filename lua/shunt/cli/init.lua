--- shunt init: a small application that works at once.
local core = require "shunt.core"
local failure = require "shunt.cli.failure"
local host = require "shunt.cli.host"
local run = require "shunt.cli.run"
local template = require "shunt.cli.template"
local values = require "shunt.cli.values"

local init = {}

local TYPES = ".shunt/types"

local function cannot(message) failure.raise(failure.SHORT, message) end

--- Makes a folder and its parents.
local function make_folder(path)
  local at = path:sub(1, 1) == "/" and "/" or ""
  for part in path:gmatch "[^/]+" do
    at = at .. part
    if not host.list(at) then
      local ok, message = host.mkdir(at)
      if not ok then cannot(message) end
    end
    at = at .. "/"
  end
end

local function read(path)
  local file, message = io.open(path, "rb")
  if not file then cannot(message) end
  local text = file:read "a"
  file:close()
  return text
end

local function write(path, text)
  local file, message = io.open(path, "wb")
  if not file then cannot(message) end
  local ok, why = file:write(text)
  local closed, late = file:close()
  if not ok or not closed then cannot(path .. ": " .. (why or late)) end
end

--- Copies the stubs for the Lua language server into the application: it finds them there, wherever shunt is installed.
local function copy_types(folder)
  local from = host.folder .. "/shunt/types"
  local files = host.list(from) or {}
  table.sort(files)
  make_folder(folder .. TYPES)
  for _, name in ipairs(files) do
    if name:find "%.lua$" then write(folder .. TYPES .. "/" .. name, read(from .. "/" .. name)) end
  end
end

local DATABASES = {
  pg = 'Make a database, such as with `createdb shop`, and name it: export DATABASE_URL="postgresql://USER:PASSWORD@HOST/shop"',
  mysql = 'Make a database named shop, and name it: export DATABASE_URL="mysql://USER:PASSWORD@HOST/shop"\n'
    .. "The user must be allowed to create the databases shop_orders and shop_acme.",
}

local function next_steps(folder, engine)
  local shunt = values.quoted(host.program)
  local config = "-c " .. values.quoted(folder .. "shunt.yaml")
  print "\nNext:"
  if DATABASES[engine] then
    print("  " .. DATABASES[engine]:gsub("\n", "\n  "))
    print(("  %s run %s\n      creates the tables there, and a few rows"):format(shunt, values.quoted(folder .. "seed.lua")))
  end
  local steps = {
    { "query user --include orders --sql", "prints rows from two datasources, with their SQL" },
    { "explain order --instance acme", "prints where an access goes, and why" },
    { "test", "runs the specs in " .. folder .. "spec" },
    { "check", "checks the configuration and the rules" },
    { "worker --once", "runs the job that was pushed" },
  }
  for _, step in ipairs(steps) do print(("  %s %s %s\n      %s"):format(shunt, step[1], config, step[2])) end
  print(("Rules are in %srules, the datasources in %sshunt.yaml."):format(folder, folder))
end

function init.run(args)
  local engine = args.engine or "sqlite3"
  local files = template.files(engine)
  local folder = args.dir:gsub("/+$", "") .. "/"
  local there = host.list(folder)
  if there and #there > 0 then failure.usage("%s is not empty: nothing was written", args.dir) end
  if not there and host.exists(args.dir) then failure.usage("%s is a file: name a folder", args.dir) end
  for _, name in ipairs { "rules", "jobs", "spec", engine == "sqlite3" and "data" or nil } do make_folder(folder .. name) end
  for _, entry in ipairs(files) do write(folder .. entry[1], entry[2]) end
  write(folder .. ".luarc.json", template.luarc)
  write(folder .. "shunt.schema.json", core.settings "schema")
  copy_types(folder)
  if engine == "sqlite3" then
    local status = run.run { script = folder .. "seed.lua", rest = {}, env = "dev" }
    if status ~= failure.DONE then return status end
  end
  print(("Made an application in %s:"):format(args.dir))
  for _, entry in ipairs(files) do print("  " .. folder .. entry[1]) end
  print(("  %s.luarc.json, %s%s and %sshunt.schema.json for editors"):format(folder, folder, TYPES, folder))
  next_steps(folder, engine)
  return failure.DONE
end

return init
