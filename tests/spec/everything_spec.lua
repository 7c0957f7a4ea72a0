-- A write whose condition holds for every row by its form alone needs `all = true`, as one without a condition does.

local App = require "tests.spec.support.app"
local Random = require "tests.spec.support.random"

local ROWS = 3

-- A condition that is true, or false, for every row.
local function constant(r, truth, depth)
  local roll = depth > 3 and 1 or r:int(1, 4)
  if roll == 1 then
    if truth then return r:chance(50) and {} or { id = { not_in = {} } } end
    return r:chance(50) and { id = {} } or { _or = {} }
  end
  if roll == 2 then return { _not = constant(r, not truth, depth + 1) } end
  local both = { constant(r, truth, depth + 1), constant(r, truth, depth + 1) }
  local either = { { id = 1 }, constant(r, truth, depth + 1) }
  if roll == 3 then return { _and = truth and both or either } end
  return { _or = truth and either or both }
end

describe("a condition that holds for every row", function()
  local app, folder, notes, session

  setup(function()
    app, folder = App.open {
      ["shunt.yaml"] = "database: {defaultClient: a, clients: {a: {engine: sqlite3, connection: {filename: a.db, create: true}}}}\n",
      ["rules/models.lua"] = 'model "note" { table = "notes" }\n',
    }
    session = app:session()
    session:execute("a", "CREATE TABLE notes (id INTEGER PRIMARY KEY, n INTEGER)")
    notes = session:model "note"
    for i = 1, ROWS do notes:insert { id = i, n = 0 } end
  end)
  teardown(function()
    session:close()
    app:close()
    App.remove(folder)
  end)

  it("needs all = true in a write", function()
    local seed = Random.seed()
    local r = Random.new(seed)
    print("\nSHUNT_SEED=" .. seed)
    local writes = {
      function(where, options) return notes:delete(where, options) end,
      function(where, options)
        local o = { where = where, all = options and options.all }
        return notes:update({ n = 5 }, o)
      end,
      function(where, options) return notes:increment(where, { n = 1 }, options) end,
    }
    for _ = 1, 300 do
      local write, truth = r:of(writes), r:chance(60)
      local where = constant(r, truth, 1)
      if truth then
        App.raises("SHUNT_E_USAGE", write, where)
        local written
        pcall(session.transaction, session, function()
          written = write(where, { all = true })
          error "rolled back"
        end)
        assert.equal(ROWS, written)
      else
        assert.equal(0, write(where))
      end
      assert.equal(ROWS, notes:count { where = { n = 0 } })
    end
  end)
end)
