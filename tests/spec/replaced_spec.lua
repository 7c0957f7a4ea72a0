-- Database files that are deleted, moved away or replaced under an application that has them open. Random programs of
-- several sessions, with a replacement now and then, against a list of the rows that the file must have.
-- SHUNT_SEED repeats a run; SHUNT_PROGRAMS: how many.

local shunt = require "shunt"
local App = require "tests.spec.support.app"
local Random = require "tests.spec.support.random"
local files = require "tests.files"

local PROGRAMS, STEPS, SESSIONS = tonumber(os.getenv "SHUNT_PROGRAMS") or 6, 40, 3

local yaml = [[
database:
  defaultClient: main
  clients:
    main: {engine: sqlite3, connection: {filename: data/main.db}}
rules: {path: [rules]}
]]
local rules = [[ model "thing" { table = "things" } ]]

-- A read may take this long to see that its file was replaced.
local function let_reads_look()
  local until_s = os.clock() + 0.002
  while os.clock() < until_s do
  end
end

-- A database with one row, which names the version.
local function make_version(folder, n)
  local app, own = App.open({ ["shunt.yaml"] = yaml, ["rules/m.lua"] = rules, ["data/main.db"] = "" })
  local s = app:session()
  s:execute("main", "CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT)")
  s:model("thing"):insert { id = 1, name = "version " .. n }
  s:close()
  app:close()
  App.write(folder .. "/new.db", files.read(own .. "/data/main.db"))
  App.remove(own)
end

local data = { "main.db", "main.db-wal", "main.db-shm" }

local replace = {}

function replace.deleted(folder)
  for _, name in ipairs(data) do os.remove(folder .. "/data/" .. name) end
  assert(os.rename(folder .. "/new.db", folder .. "/data/main.db"))
end

function replace.renamed_over(folder)
  os.remove(folder .. "/data/main.db-wal")
  os.remove(folder .. "/data/main.db-shm")
  assert(os.rename(folder .. "/new.db", folder .. "/data/main.db"))
end

function replace.moved_away(folder, n)
  for _, name in ipairs(data) do os.rename(folder .. "/data/" .. name, ("%s/old-%d-%s"):format(folder, n, name)) end
  assert(os.rename(folder .. "/new.db", folder .. "/data/main.db"))
end

function replace.with_its_folder(folder, n)
  assert(os.rename(folder .. "/data", ("%s/data-%d"):format(folder, n)))
  assert(os.execute(("mkdir '%s/data'"):format(folder)))
  assert(os.rename(folder .. "/new.db", folder .. "/data/main.db"))
end

local ways = { "deleted", "renamed_over", "moved_away", "with_its_folder" }

-- The names of all rows, seen by an application of its own.
local function names_in_file(folder)
  local app <close> = shunt.open(folder .. "/shunt.yaml")
  local names = {}
  for i, row in ipairs(app:session():model("thing"):select { order = "id" }) do names[i] = row.name end
  return names
end

-- Each returns the rows that it has written, or raises an error.
local acts = {}

function acts.insert(s, name)
  s:model("thing"):insert { name = name }
  return { name }
end

function acts.execute(s, name)
  s:execute("main", "INSERT INTO things (name) VALUES (?)", { name })
  return { name }
end

function acts.transaction(s, name, between)
  s:transaction(function()
    s:model("thing"):insert { name = name .. "a" }
    between()
    s:model("thing"):insert { name = name .. "b" }
  end)
  return { name .. "a", name .. "b" }
end

function acts.nested(s, name, between)
  s:transaction(function()
    s:model("thing"):insert { name = name .. "a" }
    s:transaction(function()
      between()
      s:model("thing"):insert { name = name .. "b" }
    end, { propagation = "NESTED" })
  end)
  return { name .. "a", name .. "b" }
end

function acts.last_write(s, name, between)
  s:transaction(function()
    s:model("thing"):insert { name = name }
    between()
  end)
  return { name }
end

function acts.bulk(s, name)
  s:model("thing"):insert_bulk { { name = name .. "a" }, { name = name .. "b" } }
  return { name .. "a", name .. "b" }
end

local writes = { "insert", "execute", "transaction", "nested", "last_write", "bulk" }

local function run_program(random, folder)
  local version, names = 0, {}
  local function next_version()
    version = version + 1
    make_version(folder, version)
    replace[random:of(ways)](folder, version)
    names = { "version " .. version }
  end
  assert(os.execute(("mkdir '%s/data'"):format(folder)))
  make_version(folder, 0)
  assert(os.rename(folder .. "/new.db", folder .. "/data/main.db"))
  names[1] = "version 0"
  local app <close> = shunt.open(folder .. "/shunt.yaml")
  local sessions = {}
  for i = 1, SESSIONS do sessions[i] = app:session() end

  local function write(s, kind, step)
    local stale, again = false, random:chance(30)
    if random:chance(20) then
      next_version()
      stale = true
    end
    local replaced_inside = false
    local ok, got = pcall(acts[kind], s, ("%s %d"):format(kind, step), function()
      if again then
        next_version()
        replaced_inside = true
      end
    end)
    if ok then
      assert.is_false(replaced_inside, kind .. " says done, and its file was replaced before it ended")
      for _, name in ipairs(got) do names[#names + 1] = name end
    else
      assert(stale or replaced_inside, tostring(got))
      assert.equal("SHUNT_E_DATASOURCE", got.code, tostring(got))
      assert.matches("deleted, moved or replaced", got.message)
    end
    assert.same(names, names_in_file(folder))
    return ok
  end

  local function read(s)
    local seen = {}
    for i, row in ipairs(s:model("thing"):select { order = "id" }) do seen[i] = row.name end
    assert.same(names, seen)
  end

  read(sessions[1]) -- a pool without a connection would open the new file
  local function leave_connections(at)
    if not sessions[at] then return end
    local done
    for _ in sessions[at]:model("thing"):each {} do
      if not done then leave_connections(at + 1) end
      done = true
    end
  end
  for step = 1, STEPS do
    local s = random:of(sessions)
    leave_connections(1)
    if random:chance(70) then
      local ok = write(s, random:of(writes), step)
      if not ok then read(random:of(sessions)) end -- one error, and then all sessions have the new file
    else
      if random:chance(20) then
        next_version()
        let_reads_look()
        local err = App.raises("SHUNT_E_DATASOURCE", read, s)
        assert.matches("client 'main': its file was deleted, moved or replaced", err.message)
      end
      read(s)
    end
  end
end

describe("a database file that is replaced under its connections", function()
  it("fails one access, and takes no write that would be lost", function()
    local seed = Random.seed()
    print("SHUNT_SEED=" .. seed)
    for i = 1, PROGRAMS do
      local folder = App.folder()
      App.fill(folder, { ["shunt.yaml"] = yaml, ["rules/m.lua"] = rules })
      local ok, err = pcall(run_program, Random.new(seed + i), folder)
      App.remove(folder)
      assert(ok, ("SHUNT_SEED=%d, program %d: %s"):format(seed, i, tostring(err)))
    end
  end)
end)
