--- Schedules of jobs: the five fields of cron, in UTC.
---
---     local schedule, problem = cron.parse "*/15 6-22 * * mon-fri"
---     if schedule and cron.matches(schedule, 1767225600) then … end
---
--- Fields: minute, hour, day of month, month, day of week (0 and 7 are Sunday); `*`, numbers, ranges `a-b`, steps `*/n`,
--- `a-b/n` and `a/n` (from a on), lists of these, and the first three letters of months and days. If neither of the two
--- day fields begins with a `*`, a day that matches one of them is enough, as in cron itself.
local cron = {}

local WORDS = {
  ["@hourly"] = "0 * * * *", ["@daily"] = "0 0 * * *", ["@midnight"] = "0 0 * * *", ["@weekly"] = "0 0 * * 0",
  ["@monthly"] = "0 0 1 * *", ["@yearly"] = "0 0 1 1 *", ["@annually"] = "0 0 1 1 *",
}

local function numbered(names, from)
  local out = {}
  for name in names:gmatch "%a+" do
    out[name], from = from, from + 1
  end
  return out
end

---@class shunt.cron.field
---@field name string
---@field least integer
---@field most integer
---@field names? table<string, integer>

---@type shunt.cron.field[]
local FIELDS = {
  { name = "minute", least = 0, most = 59 },
  { name = "hour", least = 0, most = 23 },
  { name = "day of month", least = 1, most = 31 },
  { name = "month", least = 1, most = 12, names = numbered("jan feb mar apr may jun jul aug sep oct nov dec", 1) },
  { name = "day of week", least = 0, most = 7, names = numbered("sun mon tue wed thu fri sat", 0) },
}
local DAY, MONTH, WEEKDAY = 3, 4, 5
local LONGEST = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 }

---@param field shunt.cron.field
---@return integer? value, string? problem
local function number_of(field, text)
  local value = field.names and field.names[text:lower()] or text:find "^%d%d?$" and math.tointeger(tonumber(text))
  if not value then return nil, ("'%s' is not a valid %s"):format(text, field.name) end
  if value < field.least or value > field.most then
    return nil, ("%s %d is not from %d to %d"):format(field.name, value, field.least, field.most)
  end
  return value
end

--- The first and last value of `*`, `a` or `a-b`. A Sunday at the end of a range is day 7.
---@return integer? first, integer|string|nil last
local function range_of(field, text, stepped)
  if text == "*" then return field.least, field.most end
  local left, right = text:match "^([^-]+)%-([^-]+)$"
  local first, problem = number_of(field, left or text)
  if not first then return nil, problem end
  if not right then return first, stepped and field.most or first end
  local last
  last, problem = number_of(field, right)
  if not last then return nil, problem end
  if last == 0 and first > 0 and field == FIELDS[WEEKDAY] then last = 7 end
  if last < first then return nil, ("%s %s: the first value is greater than the last"):format(field.name, text) end
  return first, last
end

local function add_item(field, item, set)
  local text, step = item:match "^([^/]+)/(%d+)$"
  local by = math.tointeger(tonumber(step or 1))
  if item:find("/", 1, true) and (not text or not by or by < 1) then
    return ("'%s' is not a valid %s: a step is a whole number from 1 on, as in */5"):format(item, field.name)
  end
  local first, last = range_of(field, text or item, text ~= nil)
  if not first then return last end
  for value = first, last --[[@as integer]], by do set[value] = true end
  return nil
end

---@return table<integer, boolean>? set, string? problem
local function field_of(field, text)
  local set = {}
  for item in (text .. ","):gmatch "([^,]*)," do
    local problem = item == "" and ("%s '%s' has an empty item"):format(field.name, text) or add_item(field, item, set)
    if problem then return nil, problem end
  end
  if field == FIELDS[WEEKDAY] and set[7] then set[0] = true end
  return set
end

local function ever(schedule)
  if schedule.either then return true end
  for month in pairs(schedule[MONTH]) do
    for day = 1, LONGEST[month] do
      if schedule[DAY][day] then return true end
    end
  end
  return false
end

---@class shunt.cron.schedule a set of values for each field
---@field either boolean a match of one day field is enough

--- Reads the five fields, or a word such as @daily.
---@param text string
---@return shunt.cron.schedule? schedule
---@return string? problem why there is no schedule
function cron.parse(text)
  local trimmed = text:match "^%s*(.-)%s*$"
  if trimmed:find "^@" and not WORDS[trimmed] then
    return nil, ("unknown word '%s'; use @hourly, @daily, @weekly, @monthly or @yearly"):format(trimmed)
  end
  local schedule, n = {}, 0
  for word in (WORDS[trimmed] or trimmed):gmatch "%S+" do
    n = n + 1
    if FIELDS[n] then
      local set, problem = field_of(FIELDS[n], word)
      if not set then return nil, problem end
      schedule[n] = set
      if n == DAY or n == WEEKDAY then schedule.either = schedule.either ~= false and word:sub(1, 1) ~= "*" end
    end
  end
  if n ~= #FIELDS then
    return nil, ("'%s' has %d field%s, but needs five: minute, hour, day of month, month, day of week"):format(trimmed, n,
      n == 1 and "" or "s")
  end
  if not ever(schedule) then return nil, ("'%s' never matches: its months don't have such a day"):format(trimmed) end
  return schedule
end

--- Whether the schedule matches the minute of this time.
---@param schedule shunt.cron.schedule
---@param time integer in seconds since 1970
---@return boolean
function cron.matches(schedule, time)
  local at = os.date("!*t", time) --[[@as osdate]]
  if not (schedule[1][at.min] and schedule[2][at.hour] and schedule[MONTH][at.month]) then return false end
  local day, weekday = schedule[DAY][at.day] or false, schedule[WEEKDAY][at.wday - 1] or false
  if schedule.either then return day or weekday end
  return day and weekday
end

return cron
