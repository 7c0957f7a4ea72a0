--- Jobs: the files that declare them, and pushing them.
---
---     -- jobs/mail.lua
---     job "mail" { retry = 5, timeout = "30s", handler = function(session, data) … end }
---     -- anywhere
---     session:push("mail", { to = "ada@example.org" }, { delay = "1m" })
---
--- Job files are the host's own code: they run outside the sandbox of rules. Each Lua state runs them once for each application:
--- the host's state at its first push, each thread of a worker when it starts.
local core = require "shunt.core"
local cron = require "shunt.cron"
local ipairs, pairs, setmetatable, type = ipairs, pairs, setmetatable, type

local jobs = {}

---@class shunt.jobs.declaration
---@field name string
---@field place string "jobs/mail.lua:3"
---@field handler fun(session: shunt.session, data: any, job: shunt.job_info): any
---@field transaction? table options of session:transaction
---@field schedule? shunt.cron.schedule
---@field instances? string[] names, or beginnings of names with a *
---@field queue? string
---@field priority? integer
---@field retry? integer
---@field concurrency? integer
---@field backoff_ms? integer
---@field timeout_ms? integer

-- The keys of a declaration --------------------------------------------------------------------------------------------

local function a(value)
  if value == nil then return "nothing" end
  return (type(value) == "table" and "a table") or (type(value) == "string" and "'" .. value .. "'") or type(value) == "function"
    and "a function" or tostring(value)
end

local function is_text(value) return type(value) == "string" and value ~= "" and not value:find("\0", 1, true) end

local function text(value)
  if not is_text(value) then return nil, "must be text, not " .. a(value) end
  return value
end

local function count(least)
  return function(value)
    local whole = type(value) == "number" and math.tointeger(value)
    if not whole or whole < least or whole > 0x7fffffff then
      return nil, ("must be a whole number from %d on, not %s"):format(least, a(value))
    end
    return whole
  end
end

local function whole(value)
  local number = type(value) == "number" and math.tointeger(value)
  if not number or number < -0x80000000 or number > 0x7fffffff then return nil, "must be a whole number, not " .. a(value) end
  return number
end

local function duration(value)
  local ms = type(value) == "string" and core.duration(value)
  if not ms or ms < 1 then return nil, "must be a duration such as 500ms, 5s, 2m or 1h, not " .. a(value) end
  return ms
end

local function handler(value)
  if type(value) ~= "function" then return nil, "must be a function(session, data), not " .. a(value) end
  return value
end

local TRANSACTION = { "client", "propagation", "isolation", "read_only", "spanning", "retry" }

local function transaction(value)
  if type(value) == "boolean" then return value and {} or nil end
  if is_text(value) then return { client = value } end
  if type(value) ~= "table" then
    return nil, "must be true, a client, or a table with the options of session:transaction, not " .. a(value)
  end
  local known = {}
  for _, key in ipairs(TRANSACTION) do known[key] = true end
  for key in pairs(value) do
    if not known[key] then return nil, (": unknown option '%s'%s"):format(tostring(key), core.hint(tostring(key), TRANSACTION)) end
  end
  return value
end

local function schedule(value)
  if type(value) ~= "string" then return nil, 'must be text such as "0 3 * * *" or "@hourly", not ' .. a(value) end
  local made, problem = cron.parse(value)
  return made, problem and ": " .. problem
end

local function instances(value)
  local list = type(value) == "table" and value or { value }
  for _, pattern in ipairs(list) do
    if type(pattern) ~= "string" or pattern:find("\0", 1, true) then list = {} end
  end
  if #list == 0 then return nil, 'must be a name, a pattern such as "eu-*", "*", or a list of these, not ' .. a(value) end
  return list
end

--- For each key, the function that reads its value, and the field if its name differs.
local KEYS = {
  handler = { handler }, queue = { text }, priority = { whole }, retry = { count(0) }, concurrency = { count(1) },
  backoff = { duration, "backoff_ms" }, timeout = { duration, "timeout_ms" }, transaction = { transaction }, schedule = { schedule },
  instances = { instances },
}
local NAMES = {}
for name in pairs(KEYS) do NAMES[#NAMES + 1] = name end
table.sort(NAMES)

-- Loading --------------------------------------------------------------------------------------------------------------

---@class shunt.jobs.loading
---@field declared table<string, shunt.jobs.declaration>
---@field problems table[]

local function complain(loading, file, line, message)
  loading.problems[#loading.problems + 1] = { code = "SHUNT_E_CONFIG", file = file, line = line, message = message }
end

local function declare(loading, name, file, line, body)
  local function wrong(message) complain(loading, file, line, ("job '%s': %s"):format(name, message)) end
  if type(body) ~= "table" then return wrong("the declaration must be a table, not " .. a(body)) end
  local before = loading.declared[name]
  if before then return wrong("it is already declared at " .. before.place) end
  local made = { name = name, place = ("%s:%d"):format(file, line) }
  loading.declared[name] = made
  for _, key in ipairs(NAMES) do
    local read, field = KEYS[key][1], KEYS[key][2] or key
    if body[key] ~= nil or key == "handler" then
      local value, problem = read(body[key])
      if problem then wrong(key .. (problem:sub(1, 1) == ":" and "" or " ") .. problem) end
      made[field] = value
    end
  end
  if body.instances ~= nil and body.schedule == nil then
    wrong "instances says for whom a schedule pushes it, and it has no schedule; session:push takes an instance"
  end
  local unknown = {}
  for key in pairs(body) do
    if not KEYS[key] then unknown[#unknown + 1] = tostring(key) end
  end
  table.sort(unknown)
  for _, key in ipairs(unknown) do wrong(("unknown key '%s'%s"):format(key, core.hint(key, NAMES))) end
end

--- The word `job` of a file. A name without a declaration is reported after the file has run.
local function word(loading, file, waiting)
  return function(name)
    local line = debug.getinfo(2, "l").currentline
    if loading.done then core.usage("job: jobs can be declared only while their files load") end
    if not is_text(name) then
      complain(loading, file, line, "job: a name must be text, not " .. a(name))
      return function() end
    end
    waiting[name] = line
    return function(body)
      waiting[name] = nil
      declare(loading, name, file, line, body)
    end
  end
end

--- Splits a message of Lua into its place in this file and the rest. A place in another file, which this one requires, stays
--- in the message.
local function placed(file, message, chunk)
  message = tostring(message)
  local at, line, rest = message:match "^([^\n]-):(%d+): (.*)$"
  if chunk and at ~= debug.getinfo(chunk, "S").short_src then return file, nil, message end
  return file, math.tointeger(tonumber(line)), rest or message
end

local function run_file(loading, file)
  local waiting = {}
  local env = setmetatable({ job = word(loading, file, waiting) }, { __index = _G })
  local chunk, problem = loadfile(file, "t", env)
  if not chunk then return complain(loading, placed(file, problem)) end
  local ok, raised = pcall(chunk)
  if not ok then return complain(loading, placed(file, raised, chunk)) end
  for name, line in pairs(waiting) do
    complain(loading, file, line, ("job '%s' has no declaration: write job \"%s\" { handler = … }"):format(name, name))
  end
end

--- Runs the files of a folder in the order of their names, or one file. The default folder may be missing.
local function run_path(loading, path)
  local names, something = core.lua_files(path)
  if names then
    table.sort(names)
    for _, name in ipairs(names) do run_file(loading, path .. "/" .. name) end
  elseif something then
    run_file(loading, path)
  elseif not ("/" .. path):find "/jobs/?$" then
    complain(loading, path, nil, "jobs.path: no such file or folder")
  end
end

local function load_paths(paths)
  local loading = { declared = {}, problems = {} } ---@type shunt.jobs.loading
  for _, path in ipairs(paths) do run_path(loading, path) end
  loading.done = true
  local first = loading.problems[1]
  if first then
    core.raise { code = first.code, file = first.file, line = first.line, message = first.message, problems = loading.problems }
  end
  return loading.declared
end

local loaded = setmetatable({}, { __mode = "k" }) -- by app

--- The jobs that the application declares, by name. Raises one error with all mistakes in the declarations.
---@return table<string, shunt.jobs.declaration>
function jobs.of(app)
  if not loaded[app] then loaded[app] = load_paths(app:describe().jobs.path) end
  return loaded[app]
end

local function matches(name, patterns)
  for _, pattern in ipairs(patterns) do
    local prefix = pattern:match "^(.*)%*$"
    if prefix and name:sub(1, #prefix) == prefix or pattern == name then return true end
  end
  return false
end

--- The instances that a schedule pushes the job for, sorted: the default one, or those of the newest generation that
--- `instances` names.
---@return string[]
function jobs.scheduled_for(app, declaration)
  if not declaration.instances then return { "" } end
  local out = {}
  for _, instance in ipairs(app:describe().instances) do
    if matches(instance.name, declaration.instances) then out[#out + 1] = instance.name end
  end
  table.sort(out)
  return out
end

--- Their names, sorted.
---@return string[]
function jobs.names(app)
  local out = {}
  for name in pairs(jobs.of(app)) do out[#out + 1] = name end
  table.sort(out)
  return out
end

-- Pushing --------------------------------------------------------------------------------------------------------------

local function declared(session, name)
  if type(name) ~= "string" then core.usage("the name of a job must be text, not " .. a(name)) end
  local app = core.app(session)
  local found = jobs.of(app)[name]
  if found then return found end
  local names = jobs.names(app)
  local none = #names == 0 and ": jobs.path in the app config declares no jobs" or ""
  return core.raise { code = "SHUNT_E_NOT_FOUND", message = ("there is no job '%s'%s%s"):format(name, core.hint(name, names), none) }
end

local methods = core.session_methods
methods.jobs, methods.jobs_retry, methods.jobs_purge = core.jobs, core.jobs_retry, core.jobs_purge

function methods.push(session, name, data, opts)
  return core.push(session, declared(session, name), core.json(data), opts)
end

function methods.push_async(session, name, data, opts)
  local result = core.push_wait(session, declared(session, name), core.json(data), opts)
  if result == core.null then return nil end
  return result
end

-- Workers --------------------------------------------------------------------------------------------------------------

function core.app_methods.worker(app, opts)
  local names, scheduled = jobs.names(app), false
  if #names == 0 then core.usage "app:worker: no jobs are declared; jobs.path in the app config names their files" end
  for _, declaration in pairs(jobs.of(app)) do scheduled = scheduled or declaration.schedule ~= nil end
  return core.worker_open(app, opts, names, scheduled, package.path, package.cpath)
end

return jobs
