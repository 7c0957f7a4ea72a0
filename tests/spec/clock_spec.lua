-- Clocks that leap: only one place reads them; whatever waits goes by the time that passes; schedules go by the queue's clock.

local shunt = require "shunt"
local Jobs = require "tests.spec.support.jobs"
local Leap = require "tests.spec.support.leap"
local Workers = require "tests.spec.support.workers"
local files = require "tests.files"

local build = os.getenv "SHUNT_BUILD" or "build"

local function capture(command)
  local pipe = assert(io.popen(command))
  local text = pipe:read "a"
  return text, pipe:close()
end

local function lines_of(command)
  local list = {}
  for line in capture(command):gmatch "[^\n]+" do list[#list + 1] = line end
  return list
end

describe("the time", function()
  -- Where a word that reads a clock may stand.
  local ALLOWED = {
    { words = { "clock_gettime", "gettimeofday", "timespec_get", "ftime", "clock", "time" }, calls = true, of = "src", ending = "[ch]",
      only = { ["src/base/clock.c"] = true } },
    { words = { "pthread_cond_timedwait", "sem_timedwait", "pthread_mutex_timedlock", "pthread_cond_clockwait" }, calls = true, of = "src", ending = "[ch]",
      only = { ["src/base/thread.c"] = true } },
    { words = { "CURRENT_TIMESTAMP", "CURRENT_TIME", "CURRENT_DATE", "statement_timestamp", "clock_timestamp", "julianday", "UTC_TIMESTAMP",
        "unix_timestamp", "unixepoch", "localtimestamp", "sysdate" }, of = "src", ending = "[ch]",
      only = { ["src/driver/pg/engine.c"] = true, ["src/driver/sqlite3/engine.c"] = true } }, -- driver_queue.now_ms
    { words = { "os.time", "os.clock" }, calls = true, of = "lua rules", ending = "lua", only = {} },
  }

  -- Without comments and texts for people; SQL is a text, so texts stay where a word is one of SQL.
  local function code_of(path, calls)
    local text = files.read(path):gsub("/%*.-%*/", "")
    if path:find "%.lua$" then text = text:gsub("%-%-[^\n]*", "") end
    return calls and text:gsub('"[^"\n]*"', '""') or text
  end

  local function reads(path, rule)
    local code = " " .. code_of(path, rule.calls):lower()
    for _, word in ipairs(rule.words) do
      local pattern = "[^%w_.>]" .. word:lower():gsub("%.", "%%.") .. (rule.calls and "%s*%(" or "[^%w_]")
      if code:find(pattern) then return word end
    end
  end

  it("is read in one place, and by the SQL of the queue's clock", function()
    for _, rule in ipairs(ALLOWED) do
      local seen = 0
      for _, path in ipairs(lines_of(("find %s -name '*.%s' | LC_ALL=C sort"):format(rule.of, rule.ending))) do
        local word = reads(path, rule)
        seen = seen + 1
        if word and not rule.only[path] then error(("%s reads the time with %s: base/clock.h, or core.queue_time, does that"):format(path, word)) end
      end
      assert.truthy(seen > 10)
      for path in pairs(rule.only) do assert.truthy(reads(path, rule), path) end
    end
  end)
end)

local LONGEST_S = 300 -- for a unit test; one whose wait never ends fails

-- Their wall clock leaps by hours and days, fifty times a second.
describe("programs whose wall clock leaps all the time", function()
  for _, folder in ipairs { "base", "pool", "session", "driver/sqlite3", "driver/pg", "driver/mysql" } do
    it("wait as long as they have to: the unit tests of " .. folder, function()
      local programs = lines_of(("find %s/tests/%s -maxdepth 1 -name '*_test' | LC_ALL=C sort"):format(build, folder))
      assert.truthy(#programs > 2, "make unit builds them")
      for _, program in ipairs(programs) do
        local output, ok = capture(("%s timeout %d %s 2>&1"):format(Leap.environment "storm", LONGEST_S, program))
        if not ok then error(("%s fails: %s"):format(program, output:sub(-3000))) end
      end
    end)
  end
end)

describe("schedules", function()
  local MINUTE, HOUR, DAY = 60, 3600, 86400
  local LOOK_S = 6 -- a worker looks at the clocks every five seconds
  local clock, at

  before_each(function()
    clock = Leap.new()
    at = Jobs.open([[job "each minute" { schedule = "* * * * *", handler = print }
      job "each hour" { schedule = "0 * * * *", handler = print }]])
  end)
  after_each(function()
    at:close()
    clock:close()
  end)

  local function run(steps)
    local list = {}
    local output, ok = capture(("%s %s run tests/spec/support/ticks.lua '%s' '%s' %s 2>&1"):format(clock.environment, Leap.binary, at.folder, clock.path,
      table.concat(steps, " ")))
    assert(ok, output)
    for line in output:gmatch "[^\n]+" do list[#list + 1] = shunt.json_decode(line) end
    assert.equal(#steps, #list)
    return list
  end

  --- The minutes from the one after `from`, up to `to`, with those of the hour a second time.
  local function expected(from, to)
    local list = {}
    for minute = from + MINUTE, to, MINUTE do
      list[#list + 1] = minute
      if minute % HOUR == 0 then list[#list + 1] = minute end
    end
    return list
  end

  it("go on at once after a leap, by an hour and by a day, forward and back, and push each minute once", function()
    local steps = { 0 }
    for _, leap in ipairs { HOUR, DAY, 0, -HOUR, -DAY, 0, DAY, -DAY, HOUR } do
      for minute = 0, 2 do steps[#steps + 1] = leap + minute * MINUTE end
    end
    local last
    for i, step in ipairs(run(steps)) do
      if not last or step.now < last - 2 * MINUTE then last = step.now - MINUTE end
      local wanted = expected(math.max(last, step.now - 61 * MINUTE), step.now)
      table.sort(step.minutes)
      assert.same(wanted, step.minutes, ("step %d, %d s off"):format(i, step.off))
      last = math.max(last, step.now)
    end
  end)

  it("and workers report it, and go on with their jobs", function()
    local process = Workers.start(at.folder, "--concurrency 1", clock.environment)
    local function seen(seconds)
      for found in process:output():gmatch "Z the clock of client '[^'\n]+', by which the jobs go, has leapt by (%-?%d+) s\n" do
        if math.abs(tonumber(found) - seconds) <= 1 then return true end
      end
    end
    local off = 0
    for _, leap in ipairs { 0, DAY, 0, -HOUR, 0 } do
      clock:set(leap)
      at.session:push_async("each hour", nil, { timeout = "30s" })
      if leap == off then
        os.execute(("sleep %d"):format(LOOK_S)) -- for a look at the clock as it was
      else
        Workers.eventually("the leap is seen", function() return seen(leap - off) end)
      end
      off = leap
    end
    process:signal "TERM"
    assert.equal(0, (process:wait()))
  end)
end)
