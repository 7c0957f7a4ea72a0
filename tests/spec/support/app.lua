--- Applications made on the spot for one test: a folder of files, opened with shunt, and gone afterwards.
--- Use: local app, folder = App.open { ["shunt.yaml"] = …, ["rules/a.lua"] = … }; …; App.remove(folder)

local shunt = require "shunt"

local M = {}

local function run(command)
  assert(os.execute(command), "failed: " .. command)
end

local function quoted(path)
  return "'" .. path:gsub("'", "'\\''") .. "'"
end

--- A new, empty folder.
---@return string
function M.folder()
  local pipe = assert(io.popen("mktemp -d", "r"))
  local path = pipe:read "l"
  pipe:close()
  assert(path and path ~= "", "mktemp -d gave no folder")
  return path
end

---@param folder string
function M.remove(folder)
  run("rm -rf " .. quoted(folder))
end

---@param path string
---@param text string
function M.write(path, text)
  local file = assert(io.open(path, "wb"))
  assert(file:write(text))
  assert(file:close())
end

--- Writes files (their paths relative to folder) and empty database files.
---@param folder string
---@param files table<string, string>
---@param databases? string[]
function M.fill(folder, files, databases)
  local made = {}
  for path, text in pairs(files) do
    local sub = path:match "^(.*)/[^/]*$"
    if sub and not made[sub] then
      run("mkdir -p " .. quoted(folder .. "/" .. sub))
      made[sub] = true
    end
    M.write(folder .. "/" .. path, text)
  end
  for _, name in ipairs(databases or {}) do M.write(folder .. "/" .. name .. ".db", "") end -- empty is a valid database
end

--- The part of an app config that declares SQLite clients, each on a file of its name.
---@param clients string[]
---@param default string
---@return string
function M.database_yaml(clients, default)
  local lines = { "database:", "  defaultClient: " .. default, "  clients:" }
  for _, name in ipairs(clients) do
    lines[#lines + 1] = ("    %s: {engine: sqlite3, connection: {filename: %s.db}}"):format(name, name)
  end
  return table.concat(lines, "\n") .. "\n"
end

--- Makes a folder with these files and databases and opens shunt.yaml in it. The folder is gone again where that fails.
---@param files table<string, string>
---@param databases? string[]
---@param options? table
---@return table app
---@return string folder
function M.open(files, databases, options)
  local folder = M.folder()
  M.fill(folder, files, databases)
  local ok, app = pcall(shunt.open, folder .. "/shunt.yaml", options)
  if not ok then
    M.remove(folder)
    error(app, 0)
  end
  return app, folder
end

--- Calls fn and gives back the error it raised; fails where it raised none, or one of another code.
---@param code string "SHUNT_E_USAGE" and so on; or several, "SHUNT_E_USAGE|SHUNT_E_NOT_FOUND"
---@param fn function
---@return table
function M.raises(code, fn, ...)
  local ok, err = pcall(fn, ...)
  if ok then error("expected " .. code .. ", and nothing was raised", 2) end
  local got = (type(err) == "table" or type(err) == "userdata") and err.code or nil
  if not got then error(("expected %s, got: %s"):format(code, tostring(err)), 2) end
  if not ("|" .. code .. "|"):find("|" .. got .. "|", 1, true) then
    error(("expected %s, got %s: %s"):format(code, got, tostring(err)), 2)
  end
  return err
end

--- What a session's statements were, from now on.
---@param session table
---@return table[] statements each with client and sql
function M.watch(session)
  local list = {}
  session:observe(function(statement)
    if not statement.sql:match "^%s*[Pp][Rr][Aa][Gg][Mm][Aa]" then
      list[#list + 1] = { client = statement.client, sql = statement.sql, params = statement.params, rows = statement.rows }
    end
  end)
  return list
end

return M
