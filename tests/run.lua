-- Runs the tests, two at a time, and adds up their counts.
-- Use, in the project's folder: lua5.4 tests/run.lua --build DIR [--cc CC] [--only KIND] [--hosted] PROGRAM...
--   PROGRAM           a unit test, or a fuzzer, which runs for SHUNT_FUZZ_SECONDS (3)
--   --only KIND       unit: only the C unit tests; fuzz: only the fuzzers; lua: only the others
--   --hosted          busted runs inside DIR/shunt in place of lua5.4, as sanitizers need the whole process instrumented
-- The failed tests are named once more at the end. The last line is "N passed, N failed[, N skipped]", the status 0 if at
-- least one test ran and none failed. A program that crashes, hangs or prints no count counts as a failure.
local AT_ONCE = 2
local SECONDS_EACH = 1500
local FUZZ_SECONDS = os.getenv "SHUNT_FUZZ_SECONDS" or "3"

local function quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

local function lines_of(command)
  local list = {}
  local pipe = assert(io.popen(command))
  for line in pipe:lines() do list[#list + 1] = line end
  pipe:close()
  return list
end

-- Each reads the counts in a runner's output: {passed, failed, skipped}, or nil if it has none.

local function sum(text, pattern)
  local total, found = 0, false
  for n in text:gmatch(pattern) do
    total, found = total + math.tointeger(n), true
  end
  return total, found
end

local function count_cmocka(text)
  local passed, found = sum(text, "%[  PASSED  %] (%d+) test")
  return found and { passed = passed, failed = sum(text, "%[  FAILED  %] (%d+) test"), skipped = sum(text, "%[  SKIPPED %] (%d+) test") }
end

local function count_busted(text)
  local passed, failed, errors, pending = text:match("(%d+) success%a* / (%d+) failure%a* / (%d+) error%a* / (%d+) pending")
  return passed and { passed = math.tointeger(passed), failed = math.tointeger(failed) + math.tointeger(errors),
    skipped = math.tointeger(pending) }
end

local function count_plain(text)
  local passed, failed = ("\n" .. text):match("\n(%d+) passed, (%d+) failed")
  return passed and { passed = math.tointeger(passed), failed = math.tointeger(failed), skipped = 0 }
end

local function parse_arguments(arguments)
  local options, programs = { build = "build", cc = "cc" }, {}
  local i = 1
  while i <= #arguments do
    local name = arguments[i]:match("^%-%-(.+)$")
    if name == "hosted" then
      options.hosted = true
    elseif name then
      i = i + 1
      options[name] = arguments[i]
    else
      programs[#programs + 1] = arguments[i]
    end
    i = i + 1
  end
  return options, programs
end

-- For tests that stop, kill or reconfigure a server.
local with_own_servers = "sh tests/engines/with-servers.sh --private "
local with_pooler = "sh tests/engines/with-servers.sh --pooled "
local need_own_servers = { ["engines connecting"] = true, ["engines faults"] = true, ["engines full"] = true, ["engines http"] = true,
  ["engines network"] = true, ["engines restart"] = true, ["engines timeouts"] = true, ["engines tls"] = true,
  ["engines tracing"] = true }

local function all_jobs(options, programs)
  local jobs = {}
  local function add(name, count, command)
    jobs[#jobs + 1] = { name = name, count = count, command = command }
  end
  for _, program in ipairs(programs) do
    local fuzzer = program:match "/fuzz/(%w+)$"
    if fuzzer and (options.only or "fuzz") == "fuzz" then
      add("fuzz " .. fuzzer, count_plain, program .. " --seconds " .. FUZZ_SECONDS)
    elseif not fuzzer and (options.only or "unit") == "unit" then
      local name = program:gsub("^" .. options.build:gsub("%p", "%%%0") .. "/tests/", "unit ")
      local private = name == "unit driver/mysql/timeout_test" and options.only ~= "unit"
      add(name, count_cmocka, private and with_own_servers .. "--only mysql " .. program or program)
    end
  end
  if options.only and options.only ~= "lua" then return jobs end

  local lua = os.getenv("LUA") or "lua5.4"
  local shunt = options.build .. "/shunt"
  add("layers", count_plain, ("%s tests/layers.lua %s"):format(lua, options.build))
  if not options.hosted then
    add("artefacts", count_plain, ("%s tests/artefacts.lua %s %s"):format(lua, options.build, quote(options.cc)))
    add("hosts", count_plain, ("%s tests/hosts.lua %s %s"):format(lua, options.build, quote(options.cc)))
    add("documents", count_plain, ("%s%s tests/documents.lua %s"):format(with_own_servers, lua, options.build))
  end
  local busted = lines_of("command -v busted")[1] or "busted"
  local interpreter = options.hosted and shunt .. " run" or lua
  for _, folder in ipairs { "spec", "engines" } do
    for _, spec in ipairs(lines_of(("find tests/%s -name '*_spec.lua' | LC_ALL=C sort"):format(folder))) do
      local run = ("%s %s --output=plainTerminal %s"):format(interpreter, busted, spec)
      local name = folder .. " " .. spec:match("^tests/%a+/(.*)_spec%.lua$")
      if need_own_servers[name] then run = with_own_servers .. run end
      if name == "engines pooler" then run = with_pooler .. run end
      add(name, count_busted, run)
    end
  end
  for _, folder in ipairs(lines_of("ls -d rules/store rules/cookbook/*")) do
    add(folder, count_busted, ("%s test -c %s/shunt.yaml --output=plainTerminal"):format(shunt, folder))
  end
  return jobs
end

-- The environment of the test programs. SHUNT_BUILD and SHUNT_BIN name the build folder and the command.
local function environment(options)
  return table.concat({
    "SHUNT_BUILD=" .. quote(options.build),
    "SHUNT_BIN=" .. quote(options.build .. "/shunt"),
    "CMOCKA_MESSAGE_OUTPUT=STDOUT",
    ("LUA_PATH='./lua/?.lua;./lua/?/init.lua;./tests/?.lua;%s'"):format(os.getenv("LUA_PATH") or ";"),
    ("LUA_CPATH='%s/lua/?.so;%s'"):format(options.build, os.getenv("LUA_CPATH") or ";"),
    "UBSAN_OPTIONS=print_stacktrace=1",
    "TSAN_OPTIONS=halt_on_error=1",
  }, " ")
end

-- The lines of a runner's output that name its failed tests and where they failed.
local function failures_of(text)
  local list = {}
  for line in text:gmatch("[^\n]+") do
    if line:find("^%[  FAILED  %] [%w_]") and not line:find("test%(s%)") or line:find("^%[   LINE   %]")
      or line:find("^Failure ") or line:find("^Error ") or line:find("^%S+_spec%.lua:%d+:") or line:find("^not so:") then
      list[#list + 1] = "    " .. line
    end
  end
  return list
end

local function start(job, number, options)
  job.log = ("%s/%03d"):format(options.logs, number)
  job.pipe = assert(io.popen(("exec env %s timeout -k 5 %d %s >%s 2>&1 </dev/null"):format(environment(options),
    SECONDS_EACH, job.command, quote(job.log))))
end

local function finish(job)
  local _, how, code = job.pipe:close()
  local log = assert(io.open(job.log, "rb"))
  local text = log:read("a")
  log:close()

  local counts = job.count(text)
  local trouble
  if how == "exit" and code == 124 then
    trouble = ("did not end within %d seconds"):format(SECONDS_EACH)
  elseif not counts then
    trouble = ("printed no count (%s %d)"):format(how, code)
  elseif (how ~= "exit" or code ~= 0) and counts.failed == 0 then
    trouble = ("ended with %s %d"):format(how, code)
  end
  counts = counts or { passed = 0, failed = 0, skipped = 0 }
  if trouble then counts.failed = counts.failed + 1 end

  print(("%-40s %5d passed%s%s"):format(job.name, counts.passed,
    counts.failed > 0 and (", %d failed"):format(counts.failed) or "",
    counts.skipped > 0 and (", %d skipped"):format(counts.skipped) or ""))
  if counts.failed > 0 then
    print(("---- %s"):format(job.command))
    io.write(text, text:sub(-1) == "\n" and "" or "\n")
    print(("---- %s: %s"):format(job.name, trouble or "failed"))
    job.failures = failures_of(text)
    table.insert(job.failures, 1, ("%s: %s"):format(job.name, trouble or "failed"))
  elseif counts.skipped > 0 then
    for line in text:gmatch("[^\n]+") do
      if line:lower():find("skip", 1, true) or line:find("^Pending") then print("    " .. line) end
    end
  end
  io.stdout:flush()
  return counts
end

local function main()
  local options, programs = parse_arguments(arg)
  options.logs = assert(lines_of("mktemp -d " .. quote(options.build .. "/test-logs.XXXXXX"))[1])
  local jobs = all_jobs(options, programs)
  local total = { passed = 0, failed = 0, skipped = 0 }
  local started = 0
  for done = 1, #jobs do
    while started < #jobs and started < done - 1 + AT_ONCE do
      started = started + 1
      start(jobs[started], started, options)
    end
    local counts = finish(jobs[done])
    for key, n in pairs(counts) do total[key] = total[key] + n end
  end
  os.execute("rm -rf " .. quote(options.logs))
  for _, job in ipairs(jobs) do
    if job.failures then print(table.concat(job.failures, "\n")) end
  end
  print(("%d passed, %d failed%s"):format(total.passed, total.failed,
    total.skipped > 0 and (", %d skipped"):format(total.skipped) or ""))
  os.exit(total.failed == 0 and total.passed > 0)
end

main()
