-- Runs what the README and the manual show, so that they stay true.
-- Use, in the project's folder, after make: lua5.4 tests/documents.lua BUILD_DIR [--update]
--   --update  writes what the commands print now into the documents, in place of output that differs
--
-- The commands run in a copy of the project, twice, document by document. What counts:
--   * A ```sh block whose lines begin with "$ " shows commands, and below each what it prints. A line "…" stands for any
--     lines, "…" inside a line for any text. Times and durations are not compared. A block without "$ " holds commands alone:
--     each must end with status 0.
--   * <!-- not run: WHY --> above a block: it is only shown. <!-- needs servers -->: it runs only
--     under `tests/engines/with-servers.sh --private`, as the demo drops tables on the servers.
--   * "Save this as `PATH`" above a block: the block is written to PATH before the next command runs.
--   * "`PATH`:" or "In `PATH`:" above a block: the file contains the block. A file of the cookbook is shown whole.
--   * The commands of README.md run once more in random order, each twice: none may fail because of another.
--   * A block of Lua compiles. README names every package that is needed. A link to a file or to a heading leads somewhere.
package.path = "tests/?.lua;" .. package.path
local checks = require("checks").new()
local read = require("files").try_read
local Random = require "spec.support.random"
local build, update = arg[1], arg[2] == "--update"

local COOKBOOK = "rules/cookbook/"

local function quote(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

local function output_of(command)
  local pipe = assert(io.popen(command))
  local text = pipe:read "a"
  pipe:close()
  return text
end

local function write(path, text)
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
end

local function lines_of(text)
  local list = {}
  for line in (text:sub(-1) == "\n" and text or text .. "\n"):gmatch "(.-)\n" do list[#list + 1] = line end
  return list
end

local function has_servers() return (os.getenv "SHUNT_TEST_SERVERS" or "") ~= "" end

-- ---- reading a document ----

---@class document
---@field path string
---@field lines string[]
---@field blocks table[]   language, first and last line of the inside, above: the text before it

-- The last line of text above a fence, and the comment that stands between them.
local function above(lines, fence)
  local comment
  for i = fence - 1, 1, -1 do
    local line = lines[i]
    if line:find "^<!%-%-" then
      comment = line
    elseif line ~= "" then
      return line, comment
    end
  end
  return "", comment
end

local function parse(path)
  local document = { path = path, lines = lines_of(read(path)), blocks = {} }
  local open
  for i, line in ipairs(document.lines) do
    local language = line:match "^```(.*)$"
    if open and language then
      open.last, open = i - 1, nil
    elseif language then
      local text, comment = above(document.lines, i)
      open = { language = language, first = i + 1, above = text, comment = comment or "" }
      document.blocks[#document.blocks + 1] = open
    end
  end
  return document
end

local function inside(document, block) return table.concat(document.lines, "\n", block.first, block.last) .. "\n" end

-- ---- commands ----

local function is_run(block)
  if block.language ~= "sh" or block.comment:find "not run" then return false end
  return has_servers() or not block.comment:find "needs servers"
end

-- The commands of a block: text, and the first and last line of its output. Without output, last is less than first.
local function commands_of(document, block)
  local list, shows = {}, document.lines[block.first]:find "^%$ " ~= nil
  local continues = false
  for i = block.first, block.last do
    local line = document.lines[i]
    local text = line:match "^%$ (.*)$" or (not shows and line)
    if continues then
      list[#list].text = list[#list].text .. "\n" .. line
      list[#list].first = i + 1
    elseif text and text ~= "" then
      list[#list + 1] = { text = text, first = i + 1, shows = shows }
    end
    if text or continues then continues = line:find "\\$" ~= nil end
    if #list > 0 then list[#list].last = i end
  end
  return list
end

-- What happens in a document, in order: files that are saved, commands that are run.
local function steps_of(document)
  local steps = {}
  for _, block in ipairs(document.blocks) do
    local save = block.above:match "^Save this as `([^`]+)`"
    if save then
      steps[#steps + 1] = { save = save, text = inside(document, block) }
    elseif is_run(block) then
      table.move(commands_of(document, block), 1, 1000, #steps + 1, steps)
    end
  end
  return steps
end

-- One shell runs all steps, so that `cd` and `export` last. Each command's output and status go to files of their own.
local function script_of(steps, results)
  local script = {}
  for i, step in ipairs(steps) do
    if step.save then
      write(("%s/%d.saved"):format(results, i), step.text)
      script[#script + 1] = ("cp %s/%d.saved %s"):format(results, i, quote(step.save))
    else
      script[#script + 1] = ("{ %s\n} >%s/%d 2>&1 </dev/null; echo $? >%s/%d.status"):format(step.text, results, i, results, i)
    end
  end
  return table.concat(script, "\n") .. "\n"
end

-- ---- comparing ----

-- Takes out of a line what differs from run to run.
local function lasting(line)
  line = line:gsub("%s+$", ""):gsub("%d+%.%d+ seconds", "N seconds"):gsub("%d+%.%d+ ms", "N ms")
  local day = "%d%d%d%d%-%d%d%-%d%d %d%d:%d%d:%d%d"
  return line:find(day) and line:gsub(day, "TIME"):gsub("[%d ]+", " ") or line
end

local function line_matches(expected, got)
  expected, got = lasting(expected), lasting(got)
  if not expected:find("…", 1, true) then return expected == got end
  return got:find("^" .. expected:gsub("%p", "%%%0"):gsub("…", ".*") .. "$") ~= nil
end

local function matches(expected, got, i, k)
  i, k = i or 1, k or 1
  if i > #expected then return k > #got end
  if expected[i]:find "^%s*…$" then
    for rest = k, #got + 1 do
      if matches(expected, got, i + 1, rest) then return true end
    end
    return false
  end
  return k <= #got and line_matches(expected[i], got[k]) and matches(expected, got, i + 1, k + 1)
end

local function expected_of(document, step)
  local list = table.move(document.lines, step.first, step.last, 1, {})
  while list[#list] == "" do list[#list] = nil end
  return list
end

-- ---- a document at work ----

local function check_step(document, step, pass, got, status)
  local name = ("%s:%d: `%s` (run %d)"):format(document.path, step.first - 1, step.text, pass)
  if step.text:find "shunt init " and pass == 2 then
    checks:check(name .. " leaves what is there alone", got:find("is not empty: nothing was written", 1, true), got)
  elseif not step.shows or step.last < step.first then
    checks:check(name .. " ends with status 0", status == "0", got)
  else
    local expected, lines = expected_of(document, step), got == "" and {} or lines_of(got)
    local ok = matches(expected, lines)
    if not ok and update then
      step.now = lines
    else
      checks:check(name .. " prints what the document shows", ok, got)
    end
  end
end

-- Replaces output that differs, from the end to the beginning, so that line numbers hold.
local function update_document(document, steps)
  local changed = false
  for i = #steps, 1, -1 do
    local step = steps[i]
    if step.now then
      changed = true
      local rest = table.move(document.lines, step.last + 1, #document.lines, 1, {})
      local lines = table.move(document.lines, 1, step.first - 1, 1, {})
      table.move(step.now, 1, #step.now, #lines + 1, lines)
      table.move(rest, 1, #rest, #lines + 1, lines)
      document.lines = lines
    end
  end
  if changed then write(document.path, table.concat(document.lines, "\n") .. "\n") end
end

-- Runs the steps in one shell; the results are files in root/results.
local function run_steps(steps, root)
  local results = root .. "/results"
  os.execute(("rm -rf %s && mkdir %s"):format(results, results))
  write(root .. "/script", script_of(steps, results))
  os.execute(("cd %s/project && env -u LUA_PATH -u LUA_CPATH -u SHUNT_ENV STORE_PG=\"$SHUNT_TEST_PG\" "
    .. "STORE_MYSQL=\"$SHUNT_TEST_MYSQL\" timeout 120 sh ../script >%s/all 2>&1 </dev/null"):format(root, results))
end

-- What the step printed, and its status.
local function result_of(i, root)
  return read(("%s/results/%d"):format(root, i)) or "it was not run",
    (read(("%s/results/%d.status"):format(root, i)) or "none"):match "%S+"
end

local function run_document(document, root)
  local steps = steps_of(document)
  for pass = 1, 2 do
    run_steps(steps, root)
    for i, step in ipairs(steps) do
      if step.text and not step.save then check_step(document, step, pass, result_of(i, root)) end
    end
  end
  if update then update_document(document, steps) end
end

-- ---- a document's commands in any order ----

local function shuffled(steps, random)
  local out = {}
  for _ = 1, 2 do table.move(steps, 1, #steps, #out + 1, out) end
  for i = #out, 2, -1 do
    local k = random:int(1, i)
    out[i], out[k] = out[k], out[i]
  end
  return out
end

local function went_well(step, got, status)
  if step.text:find "shunt init " then return got:find("is not empty: nothing was written", 1, true) end
  return status == "0" and not got:find "%f[%d][1-9]%d* failed" and not got:find "^shunt: " and not got:find "\nshunt: "
end

-- After the document was run: no command fails because another one ran before it or did not.
local function run_shuffled(document, root)
  local seed = Random.seed()
  local steps = shuffled(steps_of(document), Random.new(seed))
  run_steps(steps, root)
  for i, step in ipairs(steps) do
    if not step.save then
      local got, status = result_of(i, root)
      checks:check(("%s in random order (SHUNT_SEED=%d), command %d: `%s`"):format(document.path, seed, i, step.text),
        went_well(step, got, status), got)
    end
  end
end

-- ---- files that are shown ----

local shown = {} -- files of the cookbook

local function check_file(document, block)
  local path = block.above:match "^`([^`]+)`:$" or block.above:match "^In `([^`]+)`:$"
  if not path then return end
  local where = ("%s:%d: "):format(document.path, block.first)
  local text, file = inside(document, block), read(path)
  if path:sub(1, #COOKBOOK) == COOKBOOK or path:find "^tests/" then
    shown[path] = true
    checks:check(where .. path .. " is shown as it is", text == file, file or "there is no such file")
  else
    checks:check(where .. path .. " contains what is shown", file and file:find(text, 1, true), "it differs")
  end
end

local function check_lua(document, block)
  if block.language ~= "lua" then return end
  local chunk, why = load(inside(document, block), "=" .. document.path)
  checks:check(("%s:%d: the Lua compiles"):format(document.path, block.first), chunk, why)
end

-- ---- links ----

-- A heading's anchor, as GitHub makes it.
local function anchors_of(path)
  local set = {}
  for line in (read(path) or ""):gmatch "[^\n]+" do
    local title = line:match "^#+ (.*)$"
    if title then
      set[title:lower():gsub("[^%w%-_ \128-\255]", ""):gsub(" ", "-")] = true
    end
  end
  return set
end

local function check_links(document)
  local folder = document.path:match "^(.*/)" or ""
  local text = read(document.path):gsub("```.-\n```", "")
  for target in text:gmatch "%]%(([^)]+)%)" do
    local path, anchor = target:match "^([^#]*)#?(.*)$"
    if not target:find "^%a+://" then
      local file = path == "" and document.path or folder .. path
      local there = read(file) or os.execute(("test -e %s"):format(quote(file)))
      checks:check(("%s: the link to %s leads somewhere"):format(document.path, target),
        there and (anchor == "" or anchors_of(file)[anchor]))
    end
  end
end

-- ---- the program ----

-- A copy of the project that commands may write to, without databases. `make demo` there uses what is built already.
local function make_project(root)
  local project, built = root .. "/project", output_of("cd " .. quote(build) .. " && pwd"):match "[^\n]+"
  local commands = { "set -e", "mkdir -p " .. project .. "/build",
    "tar -cf - --exclude='*.db*' rules src lua tests/hosts | tar -xf - -C " .. project }
  for _, name in ipairs { "shunt", "libshunt.a", "libshunt.so", "libshunt.so.0", "lua" } do
    commands[#commands + 1] = ("ln -s %s/%s %s/build/%s"):format(quote(built), name, project, name)
  end
  assert(os.execute(table.concat(commands, "\n")), "the project can't be copied")
  write(project .. "/Makefile", "demo:\n\t@sh rules/store/demo.sh build/shunt $(if $(ENGINES),engines)\n")
end

-- The packages that building and testing need are those of tests/packages.sh, up to those for lint.
local function check_packages()
  local needs = read("README.md"):match "\n## What it needs\n(.-)\n## "
  for name in read("tests/packages.sh"):match "^.-\n  lint%)":gmatch "need (%l%S+)" do
    checks:check("README.md names the package " .. name, needs:find(name, 1, true))
  end
end

-- The table of events names each event of shunt.h with its severity.
local function check_events()
  local page = read "rules/manual/events.md"
  for severity, name in read("src/shunt.h"):gmatch "X%([%u_]+, (%u+),%s+\"(%l+%.%l+)\"" do
    checks:check(("rules/manual/events.md has a row for the event %s"):format(name),
      page:find(("| `%s` | %s |"):format(name, severity:lower()), 1, true))
  end
end

local function main()
  local root = output_of("mktemp -d"):match "%S+"
  make_project(root)
  local documents = lines_of("README.md\nrules/README.md\n" .. output_of "ls rules/manual/*.md")
  for _, path in ipairs(documents) do
    local document = parse(path)
    for _, block in ipairs(document.blocks) do
      check_file(document, block)
      check_lua(document, block)
    end
    check_links(document)
    run_document(document, root)
    if path == "README.md" then run_shuffled(document, root) end
  end
  for _, path in ipairs(lines_of(output_of "ls rules/cookbook/*/rules/*.lua")) do
    checks:check(path .. " is shown in the manual", shown[path])
  end
  check_packages()
  check_events()
  os.execute("rm -rf " .. root)
  checks:finish()
end

main()
