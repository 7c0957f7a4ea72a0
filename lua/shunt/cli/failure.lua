--- Errors of the command, and the exit status of each: see exit_status in commands.lua.
local shunt = require "shunt"
local terminal = require "shunt.cli.terminal"

local failure = {}

failure.DONE, failure.SHORT, failure.USAGE, failure.CONFIG, failure.DATASOURCE = 0, 1, 2, 3, 4

local STATUS_OF_CODE = {
  DENIED = failure.SHORT,
  NOT_FOUND = failure.USAGE,
  USAGE = failure.USAGE,
  CONFIG = failure.CONFIG,
  RULE = failure.CONFIG,
  LIMIT = failure.CONFIG,
  DATASOURCE = failure.DATASOURCE,
  TIMEOUT = failure.DATASOURCE,
  CONSTRAINT = failure.DATASOURCE,
  TRANSACTION = failure.DATASOURCE,
  CONFLICT = failure.DATASOURCE,
}

--- An error that the command itself raises, with its status.
---@class shunt.cli.failure
---@field status integer
---@field message string
local Failure = {}
Failure.__index = Failure
Failure.__tostring = function(self) return self.message end

---@param status integer
---@param message string
function failure.raise(status, message) error(setmetatable({ status = status, message = message }, Failure), 0) end

--- A mistake on the command line.
---@param format string
function failure.usage(format, ...) failure.raise(failure.USAGE, format:format(...)) end

local function field(value, name)
  local ok, found = pcall(function() return value[name] end)
  return ok and found or nil
end

--- The code of an error value of the library, "CONFIG" for SHUNT_E_CONFIG; nil for other values.
---@return string?
function failure.code(err)
  return shunt.is_error(err) and err.code:gsub("^SHUNT_E_", "") or nil
end

--- `FILE:LINE:COLUMN: message` with the known parts of the place, on one line, without control characters.
---@return string
function failure.line(err)
  local parts = {}
  local file = field(err, "file")
  if file and file ~= "" then
    parts[1] = file
    for _, name in ipairs { "line", "column" } do
      local n = field(err, name)
      if not n or n == 0 then break end
      parts[#parts + 1] = tostring(n)
    end
  end
  local message = tostring(field(err, "message") or err)
  if #parts == 0 then return terminal.clean(message) end
  return terminal.clean(table.concat(parts, ":") .. ": " .. message)
end

--- The same, with the client and the rule if the message does not name them.
---@return string
function failure.full_line(err)
  local line, more = failure.line(err), {}
  for _, name in ipairs { "client", "rule" } do
    local value = field(err, name) or ""
    if value ~= "" and not line:find(value, 1, true) then more[#more + 1] = ("%s '%s'"):format(name, value) end
  end
  return #more > 0 and ("%s (%s)"):format(line, table.concat(more, ", ")) or line
end

--- Wraps an error that kept the application from loading: its status is 3, whatever its code is.
function failure.loading(err)
  return setmetatable({ status = failure.CONFIG, message = failure.line(err), problems = field(err, "problems") or { err } },
    Failure)
end

--- The exit status of an error.
---@return integer
function failure.status(err)
  if getmetatable(err) == Failure then return err.status end
  local code = failure.code(err)
  if code == "NOT_FOUND" and (field(err, "rule") or "") ~= "" then return failure.CONFIG end
  return STATUS_OF_CODE[code] or failure.SHORT
end

local function write(text) io.stderr:write(text, "\n") end

-- The line of the user's program that called shunt, unless the error's own place is that line.
local function caller(err)
  local at = field(err, "caller")
  local own = ("%s:%s"):format(field(err, "file"), field(err, "line"))
  return at and at ~= own and terminal.clean(at) .. ": " or ""
end

--- Prints the error to standard error, and returns the exit status. An error of the library that a program has raised begins with
--- the program's line, as an error of Lua does.
---@param traceback? string of the program
---@return integer
function failure.report(err, traceback)
  if getmetatable(err) == Failure then
    if err.problems then
      for _, problem in ipairs(err.problems) do write(failure.line(problem)) end
    else
      write("shunt: " .. err.message)
    end
  elseif failure.code(err) then
    local inner = field(err, "traceback")
    write(("shunt: %s%s [SHUNT_E_%s]"):format(caller(err), failure.full_line(err), failure.code(err)))
    if type(inner) == "string" and inner ~= "" then write(inner) end
  else
    write("shunt: " .. tostring(err))
  end
  if traceback then write(traceback) end
  return failure.status(err)
end

return failure
