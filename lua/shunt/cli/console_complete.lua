--- Completion in the console: commands behind a dot with their flags, names of the application, columns of the models that the
--- line names, and fields of Lua values. Nothing is called that could have an effect, but reading the columns of a table.
local commands = require "shunt.cli.commands"
local complete = require "shunt.cli.complete"
local core = require "shunt.core"
local output = require "shunt.cli.output"
local words = require "shunt.cli.words"

local completer = {}

local KEYWORDS = { "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "if", "in", "local", "nil", "not", "or",
  "repeat", "return", "then", "true", "until", "while" }

-- What methods take: the keys of their tables of options.
local OPTIONS = { "columns", "where", "order", "limit", "offset", "client", "table", "include", "with", "deleted", "timeout", "distinct",
  "op", "relation", "instance", "attrs", "level", "all" }

---@class shunt.cli.completer
---@field console shunt.cli.console
---@field dot table<string, table>
---@field environment table
---@field columns table<string, string[]> of each model, once they were asked for
---@field generation integer of which they are
local Completer = {}
Completer.__index = Completer

--- The columns of a model's table; none if its place can't be read.
function Completer:columns_of(model)
  local catalog = self.console.app.catalog
  if self.generation ~= catalog.generation then self.columns, self.generation = {}, catalog.generation end
  if not self.columns[model] then
    local list = {}
    pcall(function()
      local session <close> = self.console.app.app:session { instance = self.console.args.instance, timeout = "2s" }
      local place = session:resolve(model)
      for i, column in ipairs(session:columns(place.client, place.table)) do list[i] = column.name end
    end)
    self.columns[model] = list
  end
  return self.columns[model]
end

local function add(out, list)
  for _, name in ipairs(list) do out[#out + 1] = name end
end

--- Columns of the models that the line names, by themselves or by one of their relations.
function Completer:add_columns(out, line)
  local app, seen = self.console.app, {}
  for name in line:gmatch "[%w_%.]+" do
    local relation = app.relations[name]
    local model = app.models[name] and name or relation and relation.target
    if model and not seen[model] then
      seen[model] = true
      add(out, self:columns_of(model))
    end
  end
end

--- Relations by their short names, of the models that the line names.
function Completer:add_relations(out, line)
  local app = self.console.app
  for name in line:gmatch "[%w_]+" do
    for _, relation in ipairs((app.models[name] or {}).relations or {}) do out[#out + 1] = relation.name end
  end
end

function Completer:add_names(out)
  local app = self.console.app
  for _, set in ipairs { app.models, app.clients, app.instances, app.relations } do add(out, output.keys(set)) end
end

-- ---- commands behind a dot ----

local OF_COLUMNS = { ["--where"] = true, ["--or"] = true, ["--columns"] = true, ["--order"] = true }

--- The words of a command such as .query, with the name of the command in place of the dot's.
function Completer:of_command(name, list)
  local command = commands.by_name[name == "session" and "console" or name]
  if not command then return {} end
  local before = list[#list - 1]
  local out = {}
  if OF_COLUMNS[before] then
    self:add_columns(out, table.concat(list, " "))
  elseif before == "--include" then
    self:add_relations(out, table.concat(list, " "))
  else
    for _, candidate in ipairs(complete.candidates(table.move(list, 1, #list, 2, { command.name }))) do out[#out + 1] = candidate[1] end
  end
  return out
end

function Completer:of_dot(line)
  local name, text = line:match "^%.(%S*)%s+(.*)$"
  if not name then
    local out = {}
    for command in pairs(self.dot) do out[#out + 1] = "." .. command end
    return out
  end
  if name == "sql" then
    if not text:find "%s" then return output.keys(self.console.app.clients) end
    local out = {}
    self:add_columns(out, text)
    return out
  end
  local list = words.read(text)
  if text == "" or text:find "%s$" then list[#list + 1] = "" end
  return self:of_command(name, list)
end

-- ---- Lua ----

--- The value of a path such as "app" or "shunt.null", without calling anything.
function Completer:value_of(path)
  local value = self.environment
  for name in path:gmatch "[%w_]+" do
    if type(value) ~= "table" then return nil end
    local found = rawget(value, name)
    if found == nil and value == self.environment then found = rawget(_G, name) end
    value = found
  end
  return value
end

--- The fields or methods of a value.
local function members(value)
  local meta = getmetatable(value)
  local of = type(value) == "table" and value or type(meta) == "table" and rawget(meta, "__index")
  if type(of) ~= "table" then of = type(value) == "string" and string or {} end
  local out = {}
  for name in pairs(of) do
    if type(name) == "string" and name:find "^[%a_][%w_]*$" then out[#out + 1] = name end
  end
  return out
end

--- Whether the position is inside a string that is not closed.
local function in_string(before)
  local quote
  local at = 1
  while at <= #before do
    local c = before:sub(at, at)
    if c == "\\" then
      at = at + 1
    elseif quote and c == quote then
      quote = nil
    elseif not quote and (c == '"' or c == "'") then
      quote = c
    end
    at = at + 1
  end
  return quote ~= nil
end

--- The class that a method call belongs to, by what stands before the colon.
local function methods_before(before)
  if before:find "model%s*%(?%s*[\"'][^\"']*[\"']%s*%)?%s*:$" or before:find "new_instance%s*%b()%s*:$" then return core.model_methods end
end

function Completer:of_lua(line, first, word)
  local before = line:sub(1, first - 1)
  local out = {}
  if in_string(before) then
    self:add_names(out)
    self:add_relations(out, line)
    self:add_columns(out, line)
    return out
  end
  if before:find ":%s*$" then
    local class = methods_before(before)
    local path = before:match "([%w_%.]+)%s*:%s*$"
    return output.keys(class or {})[1] and output.keys(class) or path and members(self:value_of(path)) or {}
  end
  local path = word:match "^(.*)%.[%w_]*$"
  if path then
    for _, name in ipairs(members(self:value_of(path))) do out[#out + 1] = path .. "." .. name end
    return out
  end
  add(out, KEYWORDS)
  for _, of in ipairs { self.environment, _G } do add(out, output.keys(of)) end
  add(out, OPTIONS)
  if word ~= "" then
    self:add_columns(out, line)
    self:add_relations(out, line)
  end
  return out
end

--- The candidates for the word that begins at `first`.
---@param line string
---@param first integer in characters
---@param word string
---@return string[]
function Completer:candidates(line, first, word)
  first = utf8.len(line) and utf8.offset(line, first) or first
  line = line:sub(1, first - 1) .. word
  local list = line:find "^%." and self:of_dot(line) or self:of_lua(line, first, word)
  local out, seen = {}, {}
  for _, name in ipairs(list) do
    if name:sub(1, #word) == word and name ~= "" and name:sub(1, 1) ~= ":" and not seen[name] then
      seen[name] = true
      out[#out + 1] = name
    end
  end
  table.sort(out)
  return out
end

--- The completer of a console, as host.read_line calls it.
---@param console shunt.cli.console
---@param dot table<string, table> the commands behind a dot
---@param environment table the globals of its lines
---@return fun(line: string, first: integer, word: string): string[]
function completer.of(console, dot, environment)
  local self = setmetatable({ console = console, dot = dot, environment = environment, columns = {} }, Completer)
  return function(line, first, word) return self:candidates(line, first, word) end
end

return completer
