--- Lua's own memory runs out within a call: the error says what is known, and it holds.

local shunt = require "shunt"
local App = require "tests.spec.support.app"
local Jobs = require "tests.spec.support.jobs"
local failing = require "tests.support.failing"

describe("without memory of Lua", function()
  local app, folder, session

  before_each(function()
    app, folder = App.open({
      ["shunt.yaml"] = App.database_yaml({ "main" }, "main") .. "jobs: {path: [jobs]}\n",
      ["jobs/all.lua"] = "job 'job' { handler = print }",
      ["rules/a.lua"] = "model 'part' {} model 'thing' { relations = { parts = has_many('part', 'thing_id') } }",
    }, { "main" })
    session = app:session()
    session:execute("main", "CREATE TABLE thing (id INTEGER PRIMARY KEY, name TEXT, note TEXT)")
    session:execute("main", "CREATE TABLE part (id INTEGER PRIMARY KEY, thing_id INTEGER, name TEXT)")
    session:push("job", 1)
  end)
  after_each(function()
    app:close()
    App.remove(folder)
  end)

  local function state()
    local text = {}
    for _, sql in ipairs {
      "SELECT * FROM thing ORDER BY id", "SELECT * FROM part ORDER BY id",
    } do
      for _, row in ipairs(session:query("main", sql)) do text[#text + 1] = shunt.json(row) end
    end
    return table.concat(text, "\n") .. #session:jobs()
  end

  local function reset()
    session:execute("main", "DELETE FROM thing")
    session:execute("main", "DELETE FROM part")
    session:execute("main", "INSERT INTO thing (id, name) VALUES (1, 'a'), (2, 'b')")
  end

  --- Tries it with the first request for memory failing, the second, … each with all that follow.
  local function starve(operation)
    reset()
    operation()
    reset()
    local counts, n = { ["not done"] = 0, done = 0, unknown = 0 }, 0
    local fired
    repeat
      n = n + 1
      local before = state()
      local ok, err
      fired, ok, err = failing.try(n, operation)
      local after = state()
      if ok then
        assert.not_equal(before, after)
      else
        if type(err) == "string" then -- Lua's own error, before anything was done
          assert.equal("not enough memory", err)
        else
          assert.equal("SHUNT_E_MEMORY", err.code, tostring(err))
        end
        local outcome = type(err) == "string" and "not done" or err.outcome
        counts[outcome] = counts[outcome] + 1
        if outcome == "not done" then assert.equal(before, after, n) end
        if outcome == "done" then assert.not_equal(before, after, n) end
      end
      reset()
      for _, pool in ipairs(app:pools()) do assert.equal(0, pool.busy) end
    until not fired
    return counts
  end

  local more = {}
  for i = 1, 20 do more[i] = { id = 10 + i, name = ("name %d"):format(i) } end

  it("an inserted row whose values can't be given is done", function()
    local model = session:model "thing"
    assert.is_true(starve(function() return model:insert { name = "x", note = ("y"):rep(99) .. os.clock() } end).done > 0)
    assert.is_true(starve(function() return model:insert_bulk(more, { returning = true }) end).done > 0)
    assert.is_true(starve(function()
      return session:query("main", "INSERT INTO thing (name) VALUES ('x') RETURNING name || hex(randomblob(99))")
    end).done > 0)
  end)

  it("other writes are done or not", function()
    local model = session:model "thing"
    for _, operation in ipairs {
      function() model:insert_bulk(more) end,
      function() model:update({ name = "z" }, { where = { id = 1 } }) end,
      function() model:increment({ id = 1 }, { id = 70 }) end,
      function() model:delete { id = 1 } end,
      function() session:execute("main", "UPDATE thing SET name = name || 'x'") end,
      function() session:push("job", { 1, 2, { a = "a text" } }) end,
      function() model:insert({ name = "n", parts = { { name = "p" } } }, { include = { "parts" } }) end,
    } do
      assert.equal(0, starve(operation).unknown)
    end
  end)

  it("a transaction is committed or not", function()
    local model = session:model "thing"
    starve(function()
      session:transaction(function()
        model:insert { name = "x" }
        session:on_commit(function() model:count() end)
        model:update({ name = "z" }, { where = { id = 1 } })
      end)
    end)
  end)

  it("a row that was inserted in a transaction is not said to be committed", function()
    local model = session:model "thing"
    local seen = 0
    for n = 1, 60 do
      pcall(session.transaction, session, function()
        local _, ok, err = failing.try(n, function() model:insert { name = "x" } end)
        if not ok and type(err) == "table" then
          assert.not_equal("done", err.outcome)
          if err.outcome == "unknown" then seen = seen + 1 end
        end
        error "back"
      end)
    end
    assert.is_true(seen > 0)
    assert.equal(0, #session:query("main", "SELECT * FROM thing"))
  end)

  it("a job has failed without memory, not by its rules", function()
    local at = Jobs.open [[job "hungry" { handler = function() error("not enough memory", 0) end, retry = 0 }]]
    local id = at.session:push "hungry"
    at:drain()
    local job = at.session:jobs { id = id }[1]
    assert.equal("dead", job.state)
    assert.truthy(job.error:find("SHUNT_E_MEMORY: out of memory", 1, true), job.error)
    at:close()
  end)
end)
