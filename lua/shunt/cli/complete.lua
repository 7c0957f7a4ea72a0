--- shunt complete: what may stand at the end of a command line, one candidate a line, with a tab and its description if it
--- has one; ":files" and ":folders" stand for names that the shell finds itself.
local actions = require "shunt.cli.action"
local application = require "shunt.cli.application"
local commands = require "shunt.cli.commands"
local failure = require "shunt.cli.failure"
local jobs = require "shunt.jobs"
local output = require "shunt.cli.output"

local complete = {}

local FROM_SHELL = { files = true, folders = true }
local FROM_CATALOG = { clients = true, instances = true, models = true, relations = true }

local function first_sentence(text) return text:match "^(.-[.:]) " or text end

--- bash takes "--env=test" for three words.
local function joined(words)
  local out = {}
  for i, word in ipairs(words) do
    local assigns = word == "=" and i > 1 and words[i - 1]:find "^%-%-"
    if not assigns or i == #words then out[#out + 1] = assigns and "" or word end
  end
  return out
end

--- The flags of a command, or those that may stand before it.
local function flags_of(command)
  if command then return commands.flags(command) end
  local list = table.move(commands.config, 1, #commands.config, 1, {})
  list[#list + 1], list[#list + 2] = commands.help, commands.version
  return list
end

local function find_flag(command, name)
  for _, flag in ipairs(flags_of(command)) do
    for one in flag[1]:gmatch "%S+" do
      if one == name then return flag end
    end
  end
end

--- Reads the words before the last one.
---@return table state command, the number of its arguments so far, its action, the flag whose value comes next, and what was given
local function read(words)
  local state = { arguments = 0, given = {} }
  for i = 1, #words - 1 do
    local word = words[i]
    if state.flag then
      state.given[state.flag], state.flag = word, nil
    elseif word:sub(1, 1) == "-" and not state.rest then
      local name, value = word:match "^(%-%-[^=]+)=(.*)$"
      local flag = find_flag(state.command, name or word)
      if flag then
        state.given[flag] = value or true
        if flag[2] and not value then state.flag = flag end
      end
    elseif not state.command then
      state.command = commands.by_name[word]
      if not state.command then return nil end
    else
      state.arguments = state.arguments + 1
      if state.command.takes and not state.action then state.action = word end
      state.rest = state.command.rest
    end
  end
  return state
end

--- The application on this command line; nil if it does not load.
local function open(state)
  local config, env = state.given[commands.config[1]], state.given[commands.config[2]]
  local ok, app = pcall(application.open, { config = config, env = env })
  return ok and app or nil
end

local function add_names(out, state, kind)
  if kind == "commands" then
    for _, command in ipairs(commands.list) do
      if not command.hidden then out[#out + 1] = { command.name, command.summary } end
    end
  elseif kind == "environments" then
    for _, env in ipairs(application.environments(state.given[commands.config[1]] or "shunt.yaml")) do out[#out + 1] = { env } end
  elseif FROM_CATALOG[kind] then
    local app = open(state)
    for _, name in ipairs(app and output.keys(app[kind]) or {}) do
      if name ~= "" then out[#out + 1] = { name } end
    end
  elseif kind == "jobs" then
    local app = open(state)
    local known, list = pcall(jobs.names, app and app.app)
    for _, name in ipairs(known and list or {}) do out[#out + 1] = { name } end
  else
    out[#out + 1] = { FROM_SHELL[kind] and ":" .. kind or kind }
  end
end

--- The values of a flag or an argument.
local function values(state, declared)
  local out = {}
  local kinds = declared and (declared.choices or declared.complete or declared.complete_of and declared.complete_of[state.action])
    or {}
  for _, kind in ipairs(type(kinds) == "table" and kinds or { kinds }) do add_names(out, state, kind) end
  return out
end

local function flags(state)
  local out = {}
  for _, flag in ipairs(flags_of(state.command)) do
    local takes = not state.action or actions.takes(state.command, state.action, flag[1])
    if takes and (flag.many or not state.given[flag]) then
      for name in flag[1]:gmatch "%-%-%S+" do out[#out + 1] = { name, first_sentence(flag[3]) } end
    end
  end
  return out
end

local function argument_at(command, number)
  local last = command.arguments[#command.arguments]
  return command.arguments[number] or last and last.args == "*" and last or nil
end

--- The candidates for the last of the words.
---@param words string[] those after `shunt`
---@return string[][] candidates { word, description? }
function complete.candidates(words)
  words = joined(words)
  local state = read(words)
  if not state then return {} end
  local last = words[#words] or ""
  local name, value = last:match "^(%-%-[^=]+)=(.*)$"
  local found, before
  if state.flag then
    found = values(state, state.flag)
  elseif name and not state.rest then
    found, last, before = values(state, find_flag(state.command, name)), value, name .. "="
  elseif last:sub(1, 1) == "-" and not state.rest then
    found = flags(state)
  elseif not state.command then
    found = values(state, { complete = "commands" })
  else
    found = values(state, argument_at(state.command, state.arguments + 1))
  end
  local out = {}
  for _, candidate in ipairs(found) do
    if candidate[1]:sub(1, 1) == ":" then
      out[#out + 1] = candidate
    elseif candidate[1]:sub(1, #last) == last then
      out[#out + 1] = { (before or "") .. candidate[1], candidate[2] }
    end
  end
  return out
end

function complete.run(args)
  for _, candidate in ipairs(complete.candidates(args.rest)) do print(table.concat(candidate, "\t")) end
  return failure.DONE
end

return complete
