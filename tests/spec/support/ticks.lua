-- Keeps the schedules of an application, as a worker does, while its clock is set: for each step, how far the clock is off
-- then in seconds, and the minutes that are pushed.
-- Use: build/shunt run tests/spec/support/ticks.lua FOLDER FILE STEP…; the FILE is the one of SHUNT_LEAP
local shunt = require "shunt"
local core = require "shunt.core"
local Leap = require "tests.spec.support.leap"

local app <close> = shunt.open(arg[1] .. "/shunt.yaml")
local _, tick = require "shunt.worker"(app)
local session <close> = app:session {}
local newest = 0

for i = 3, #arg do
  local off = math.tointeger(tonumber(arg[i]))
  Leap.set(arg[2], off)
  local before = core.queue_time(session) // 60000 * 60
  local pause_ms = tick()
  assert(pause_ms > 0 and pause_ms <= 60000, pause_ms)
  local minutes = {}
  for _, row in ipairs((session:jobs { state = "ready" })) do
    if row.id > newest then table.insert(minutes, 1, shunt.json_decode(row.data).minute) end
  end
  newest = math.max(newest, ((session:jobs { limit = 1 })[1] or { id = 0 }).id)
  print(shunt.json { off = off, now = before, time = os.time(), minutes = minutes })
end
