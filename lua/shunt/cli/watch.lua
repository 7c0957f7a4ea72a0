--- shunt test --watch: runs the specs anew after each change of the app config, the rules or the specs.
local application = require "shunt.cli.application"
local failure = require "shunt.cli.failure"
local host = require "shunt.cli.host"
local terminal = require "shunt.cli.terminal"
local values = require "shunt.cli.values"

local watch = {}

local PAUSE_MS = 300
local DEEPEST = 16 -- folders below one another, if a link leads back

local WATCHED = { lua = true, yaml = true, yml = true } -- not what a run may write, such as databases

-- Adds each file below the path, with its time of change.
local function add(out, path, depth)
  local names = depth < DEEPEST and host.list(path)
  if not names then
    if WATCHED[path:match "%.(%w+)$"] then out[path] = host.changed_ns(path) end
    return
  end
  for _, name in ipairs(names) do
    if name:sub(1, 1) ~= "." then add(out, (path:sub(-1) == "/" and path or path .. "/") .. name, depth + 1) end
  end
end

--- The files that are watched: Lua and YAML in the folder of the app config and below, and in the paths on the command line.
local function files_of(args)
  local out = {}
  local config = application.path(args)
  add(out, config:match "^(.*/)" or ".", 0)
  for _, path in ipairs(args.paths) do add(out, path, 0) end
  return out
end

local function same(a, b)
  for path, time in pairs(a) do
    if b[path] ~= time then return false end
  end
  for path in pairs(b) do
    if not a[path] then return false end
  end
  return true
end

--- Waits until a file changes; nil if a signal ends the program.
local function changed(args, before)
  host.hold_signals(true)
  local now, signal
  repeat
    signal = host.next_signal(PAUSE_MS)
    now = files_of(args)
  until signal or not same(before, now)
  host.hold_signals(false)
  return not signal and now or nil
end

--- The command line again, without --watch: busted runs once in a process.
local function command_of(arguments)
  local words = { values.quoted(host.program) }
  local ours = true
  for _, word in ipairs(arguments) do
    ours = ours and word ~= "--"
    if not (ours and word == "--watch") then words[#words + 1] = values.quoted(word) end
  end
  return table.concat(words, " ")
end

---@param args table
---@param arguments string[] the whole command line
---@return integer status of the last run
function watch.run(args, arguments)
  local command = command_of(arguments)
  while true do
    local before = files_of(args)
    local _, how, code = os.execute(command)
    if how == "signal" then return failure.SHORT end
    if code == failure.USAGE then return code end
    io.write(terminal.paint("dim", ("-- %s; waiting for a change, Ctrl-C ends"):format(os.date "%T")), "\n")
    if not io.stdout:flush() then return failure.SHORT end
    if not changed(args, before) then return code end
    print()
  end
end

return watch
