-- Schedules: the five fields of cron, against a matcher that walks the items of each field as they were drawn, over a
-- calendar of its own. SHUNT_SEED brings a run back.

local Random = require "tests.spec.support.random"
local cron = require "shunt.cron"

local MONTHS = { "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec" }
local DAYS = { [0] = "sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun" }
local FIELDS = { { 0, 59 }, { 0, 23 }, { 1, 31 }, { 1, 12, MONTHS }, { 0, 7, DAYS } }

-- ---- the independent answer ----

-- The date of a day counted from 1970-01-01, by going through years and months.
local function date_of(days)
  local weekday, year = (days + 4) % 7, 1970
  local function leap(y) return y % 4 == 0 and (y % 100 ~= 0 or y % 400 == 0) end
  while days >= (leap(year) and 366 or 365) do
    days = days - (leap(year) and 366 or 365)
    year = year + 1
  end
  local lengths = { 31, leap(year) and 29 or 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 }
  local month = 1
  while days >= lengths[month] do
    days = days - lengths[month]
    month = month + 1
  end
  return days + 1, month, weekday
end

-- An item is { first, last, step }.
local function holds(items, value)
  for _, item in ipairs(items) do
    for v = item[1], item[2], item[3] do
      if v == value then return true end
    end
  end
  return false
end

local function expected(fields, time)
  local minutes = time // 60
  local day, month, weekday = date_of(minutes // 1440)
  if not (holds(fields[1], minutes % 60) and holds(fields[2], minutes // 60 % 24) and holds(fields[4], month)) then return false end
  local by_day = holds(fields[3], day)
  local by_weekday = holds(fields[5], weekday) or weekday == 0 and holds(fields[5], 7)
  if fields[3].star or fields[5].star then return by_day and by_weekday end
  return by_day or by_weekday
end

-- ---- drawing ----

local function written(random, value, names)
  local name = names and names[value]
  if not name or random:chance(50) then return tostring(value) end
  return random:chance(30) and name:upper() or name
end

local function draw_item(random, field)
  local least, most, names = field[1], field[2], field[3]
  local kind = random:int(1, 5)
  local step = random:int(1, 12)
  if kind == 1 then return "*/" .. step, { least, most, step } end
  local a, b = random:int(least, most), random:int(least, most)
  if a > b then a, b = b, a end
  if kind == 2 then return written(random, a, names), { a, a, 1 } end
  -- "sun" at the end of a range is the seventh day, elsewhere, and where the range begins with it, the first
  local from = a == 7 and "7" or written(random, a, names)
  if kind == 3 then return from .. "/" .. step, { a, most, step } end
  local range = from .. "-" .. (a == 0 and b == 7 and "7" or written(random, b, names))
  if kind == 4 then return range, { a, b, 1 } end
  return range .. "/" .. step, { a, b, step }
end

local function draw_field(random, field)
  if random:chance(45) then return "*", { { field[1], field[2], 1 }, star = true } end
  local texts, items = {}, {}
  for i = 1, random:int(1, 3) do texts[i], items[i] = draw_item(random, field) end
  items.star = texts[1]:sub(1, 1) == "*"
  return table.concat(texts, ","), items
end

local function draw(random)
  local texts, fields = {}, {}
  for i, field in ipairs(FIELDS) do texts[i], fields[i] = draw_field(random, field) end
  return table.concat(texts, random:chance(20) and "  " or " "), fields
end

local LAST = 4102444800 -- 2100

describe("schedules", function()
  it("match the minutes that their fields say, and no others", function()
    local seed = Random.seed()
    local random = Random.new(seed)
    local matched, never = 0, 0
    for i = 1, 4000 do
      local text, fields = draw(random)
      local schedule, problem = cron.parse(text)
      if not schedule then
        assert(problem:find("never matches", 1, true), ("seed %d, %q: %s"):format(seed, text, problem))
        never = never + 1
      end
      for _ = 1, 40 do
        -- half of them in months, days and hours that are often named
        local time = random:chance(50) and random:int(0, LAST) or random:int(0, 9000) * 3600 + random:int(0, 3599)
        local should = expected(fields, time)
        local does = schedule and cron.matches(schedule, time) or false
        if should ~= does then
          error(("seed %d, schedule %d, %q at %s: %s, expected %s"):format(seed, i, text, os.date("!%a %F %R", time),
            tostring(does), tostring(should)))
        end
        if does then matched = matched + 1 end
      end
    end
    print(("cron: seed %d, %d matches of 160000 minutes, %d schedules that never come"):format(seed, matched, never))
    assert.truthy(matched > 1000)
  end)

  it("have words for the usual ones", function()
    local function at(text, when) return cron.matches(assert(cron.parse(text)), when) end
    local sunday, monday, first, new_year = 4 * 86400 - 86400, 4 * 86400, 31 * 86400, 365 * 86400
    assert.same({ true, false }, { at("@hourly", 3600), at("@hourly", 3660) })
    assert.same({ true, true, false }, { at("@daily", monday), at("@midnight", monday), at("@daily", monday + 3600) })
    assert.same({ true, false }, { at("@weekly", sunday), at("@weekly", monday) })
    assert.same({ true, false }, { at("@monthly", first), at("@monthly", first + 86400) })
    assert.same({ true, true, false }, { at("@yearly", new_year), at("@annually", new_year), at("@yearly", first) })
  end)

  it("have a Sunday at both ends of a week", function()
    for text, days in pairs {
      ["0-0"] = "0", ["sun-sun"] = "0", ["sun-mon"] = "01", ["sat-sun"] = "06", ["fri-0"] = "056", ["7-7"] = "0", ["0-7"] = "0123456",
    } do
      local schedule, got = assert(cron.parse("0 0 * * " .. text)), ""
      for day = 0, 6 do
        if cron.matches(schedule, (3 + day) * 86400) then got = got .. day end -- 1970-01-04 was a Sunday
      end
      assert.equal(days, got, text)
    end
  end)

  it("say what is wrong with one that can't be read", function()
    for text, part in pairs {
      [""] = "has 0 fields", ["* * * *"] = "has 4 fields", ["* * * * * *"] = "has 6 fields", ["60 * * * *"] = "minute 60 is not from 0 to 59",
      ["* 24 * * *"] = "hour 24", ["* * 0 * *"] = "day of month 0", ["* * 32 * *"] = "day of month 32", ["* * * 13 *"] = "month 13",
      ["* * * * 8"] = "day of week 8", ["x * * * *"] = "'x' is not a valid minute", ["* * * januar *"] = "'januar' is not a valid month",
      ["*/0 * * * *"] = "a step is", ["*/ * * * *"] = "a step is", ["1/2/3 * * * *"] = "is not a valid minute", ["5-1 * * * *"] = "is greater than the last",
      ["1,,2 * * * *"] = "empty item", ["1, * * * *"] = "empty item", ["-1 * * * *"] = "'-1' is not a valid minute",
      ["1-2-3 * * * *"] = "is not a valid minute",
      ["@often"] = "unknown word '@often'", ["0 0 30 2 *"] = "never matches", ["0 0 31 feb,apr,jun,sep,nov *"] = "never matches",
      ["*/99999999999999999999 * * * *"] = "a step is",
    } do
      local schedule, problem = cron.parse(text)
      assert.is_nil(schedule, text)
      assert.truthy(problem:find(part, 1, true), ("%q: %s"):format(text, problem))
    end
    assert.truthy(cron.parse "0 0 30 2 mon") -- any Monday in February
    assert.truthy(cron.parse "0 0 29 2 *")
  end)
end)
