--- shunt console: a Lua prompt on the application, with the commands of shunt behind a dot. No error ends it.
local application = require "shunt.cli.application"
local commands = require "shunt.cli.commands"
local completer = require "shunt.cli.console_complete"
local failure = require "shunt.cli.failure"
local host = require "shunt.cli.host"
local parser = require "shunt.cli.parser"
local progress = require "shunt.cli.progress"
local query = require "shunt.cli.query"
local rows = require "shunt.cli.rows"
local shunt = require "shunt"
local show = require "shunt.cli.show"
local terminal = require "shunt.cli.terminal"
local words = require "shunt.cli.words"

local HISTORY = 1000 -- lines that are kept

---@class shunt.cli.console
---@field app shunt.cli.application
---@field args table what describes the session: instance, attr, level
---@field session any
---@field shows_sql boolean
---@field timing boolean
---@field ended boolean
local Console = {}
Console.__index = Console

-- Global functions and variables of the user's lines.
local environment = setmetatable({}, { __index = _G })

local function report(err)
  progress.done()
  io.stdout:flush()
  if not parser.left(err) then failure.report(err) end
end

--- Opens the session that the flags describe, in place of the one before.
function Console:open(args)
  local options = self.app:session_of(args)
  options.follow = true
  local session = self.app.app:session(options)
  if self.session then self.session:close() end
  self.args, self.session = args, session
  environment.shunt, environment.app, environment.session, environment.s = shunt, self.app.app, session, session
  self:observe()
end

function Console:observe()
  self.session:observe(self.shows_sql and query.observer(io.stdout) or nil)
end

-- ---- commands behind a dot ----

local OF_SHUNT = { "resolve", "explain", "query", "check", "topology", "jobs" }
local OF_SESSION = { resolve = true, explain = true, query = true }

--- The values of a command line in the console. The session's instance, attributes and level hold unless the line names others.
function Console:parse(name, list)
  local args = parser.build():parse(parser.join(table.move(list, 1, #list, 2, { name })))
  if OF_SESSION[name] then
    for _, of in ipairs { "instance", "attr", "level" } do
      local given = args[of]
      if given == nil or type(given) == "table" and #given == 0 then args[of] = self.args[of] end
    end
    if name == "query" and self.shows_sql then args.sql = true end
  end
  return args
end

---@type table<string, {[1]: string, [2]: string, run: fun(self: shunt.cli.console, list: string[], text: string)}>
local DOT = {}

for _, name in ipairs(OF_SHUNT) do
  DOT[name] = { "…", commands.by_name[name].summary, run = function(self, list)
    require("shunt.cli." .. name).run(self:parse(name, list))
  end }
end

local function on_or_off(name, list, now)
  local word = list[1]
  if not word then return not now end
  if word ~= "on" and word ~= "off" or list[2] then failure.usage(".%s takes on or off", name) end
  return word == "on"
end

DOT.timing = { "[on|off]", "Print how long each line takes.", run = function(self, list)
  self.timing = on_or_off("timing", list, self.timing)
  print("timing is " .. (self.timing and "on" or "off"))
end }

DOT.sql = { "CLIENT STATEMENT", "Run an SQL statement, which needs no quotes. .sql on and .sql off: show each statement.",
  run = function(self, list, text)
    if #list == 0 or #list == 1 and (list[1] == "on" or list[1] == "off") then
      self.shows_sql = on_or_off("sql", list, self.shows_sql)
      self:observe()
      return print("statements are " .. (self.shows_sql and "shown" or "not shown"))
    end
    local client, statement = text:match "^(%S+)%s+(.*)$"
    if not client then failure.usage(".sql takes a client and a statement, or on or off") end
    self.app:check_client(client)
    require("shunt.cli.sql").print(self.session, client, statement, {}, {}, "table")
    self:observe()
  end }

DOT.session = { "[--instance I] [--attr k=v] [--level N]", "Open another session, also for the lines that follow.",
  run = function(self, list) self:open(self:parse("console", list)) end }

DOT.reload = { "", "Load the configuration and the rules again; the former stay if they don't load.", run = function(self)
  self.app.app:reload()
  self.app:refresh()
  self.session:resolve(nil, { no_model = true }) -- the session moves to the new generation
  print(("generation %d"):format(self.app.catalog.generation))
end }

DOT.exit = { "", "End, as Ctrl-D does.", run = function(self) self.ended = true end }

DOT.help = { "", "Show this.", run = function()
  local names, lines = {}, {}
  for name in pairs(DOT) do names[#names + 1] = name end
  table.sort(names)
  for i, name in ipairs(names) do lines[i] = { (".%s %s"):format(name, DOT[name][1]), DOT[name][2] } end
  terminal.print_table(lines)
  print "Any other line is Lua: session, app and shunt are there, and = in front is not needed to see a value.\n"
  print 'session:model("user"):select { where = { id = 1 }, include = "orders" }'
end }

function Console:dot(line)
  local name, text = line:match "^%.(%S*)%s*(.-)%s*$"
  if name == "quit" then name = "exit" end
  local command = DOT[name]
  if not command then failure.usage("there is no command .%s; .help lists them", name) end
  command.run(self, name == "sql" and words.loose(text) or words.split(text), text)
end

-- ---- lines of Lua ----

--- The function of a line; nil and true if more lines belong to it.
local function compile(text)
  local chunk = load("return " .. text, "=console", "t", environment)
  if chunk then return chunk end
  local message
  chunk, message = load(text, "=console", "t", environment)
  if chunk then return chunk end
  if message:find "<eof>'?$" then return nil, true end
  failure.raise(failure.SHORT, message)
end

--- Rows and their description, as select and query return them.
local function are_rows(list, meta)
  return type(list) == "table" and type(meta) == "table" and type(meta.columns) == "table" and type(meta.relations) == "table"
end

local function print_results(...)
  local n = select("#", ...)
  local first, second = ...
  if n == 2 and are_rows(first, second) then return rows.print(first, second, "table") end
  for i = 1, n do print(show.value((select(i, ...)))) end
end

-- The lines of one piece of Lua: asks for more until it is complete.
function Console:read_chunk(first)
  local text = first:gsub("^%s*=", "")
  while true do
    local chunk, more = compile(text)
    if not more then return chunk end
    local line = self:read(">> ")
    if line == nil then failure.raise(failure.SHORT, "the Lua ends too early") end
    if not line then return nil end
    text = text .. "\n" .. line
  end
end

function Console:run_line(line)
  if line:find "^%s*$" then return end
  if line:find "^%s*%.%a" then return self:dot(line:match "^%s*(.*)$") end
  local chunk = self:read_chunk(line)
  if chunk then print_results(chunk()) end
end

-- ---- reading ----

local function history_path()
  local path = os.getenv "SHUNT_HISTORY"
  if path then return path ~= "" and path or nil end
  local home = os.getenv "HOME"
  return home and home ~= "" and home .. "/.shunt_history" or nil
end

--- Reads the history of earlier consoles, and cuts it if it is long.
local function load_history(path)
  local lines = {}
  local file = path and io.open(path)
  if not file then return end
  for line in file:lines() do lines[#lines + 1] = line end
  file:close()
  local first = math.max(1, #lines - HISTORY + 1)
  for i = first, #lines do host.add_history(lines[i]) end
  if #lines < 2 * HISTORY then return end
  file = io.open(path, "w")
  if not file then return end
  file:write(table.concat(lines, "\n", first), "\n")
  file:close()
end

--- Adds a line to the history, in a file that only its owner can read. Without the file there is still the history of this console.
function Console:remember(line)
  if line == "" or line == self.last_line then return end
  self.last_line = line
  host.add_history(line)
  local file = self.history and host.private_file(self.history) and io.open(self.history, "a")
  if not file then return end
  file:write(line, "\n")
  file:close()
end

--- A line; nil at the end of the input, false after Ctrl-C.
function Console:read(prompt)
  if not self.interactive then return io.read() end
  local line = host.read_line(prompt, self.completer)
  if line then
    self:remember(line)
  else
    print()
  end
  return line
end

function Console:prompt()
  local instance = self.args.instance
  return instance and instance ~= "" and ("shunt %s> "):format(instance) or "shunt> "
end

--- One line from the user: whatever fails is reported, and the console goes on.
function Console:step()
  local line = self:read(self:prompt())
  if line == nil then self.ended = true end
  if not line then return end
  local began = host.now_ns()
  local got = table.pack(host.interruptible(xpcall, self.run_line, show.traced, self, line))
  if not got[1] then
    report(got[2])
  elseif not got[2] then
    report(got[3])
  end
  if self.timing and not self.ended then print(("(%.2f ms)"):format((host.now_ns() - began) / 1e6)) end
end

local function banner(app)
  local catalog = app.catalog
  print(("shunt %s on %s (environment %s): %s, %s, %s. .help lists the commands."):format(host.version, app.path, catalog.env,
    terminal.counted(#catalog.clients, "client"), terminal.counted(#catalog.instances, "instance"), terminal.counted(#catalog.models, "model")))
end

function Console.run(args)
  local app = application.open(args)
  application.share(app)
  local self = setmetatable({ app = app, shows_sql = false, timing = false, ended = false }, Console)
  self:open(args)
  self.interactive = host.isatty(0) and host.isatty(1)
  if self.interactive then
    self.history = history_path()
    self.completer = completer.of(self, DOT, environment)
    load_history(self.history)
    banner(app)
  end
  while not self.ended do self:step() end
  self.session:close()
  return failure.DONE
end

return Console
