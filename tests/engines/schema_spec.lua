-- Descriptions of tables; and statements that were prepared before a table changed, which work nevertheless.

local shunt = require "shunt"
local Engines = require "tests.engines.support.engines"

local described = {
  sqlite3 = { "CREATE TABLE things (id INTEGER PRIMARY KEY, name VARCHAR(20) NOT NULL, price NUMERIC(10,2), made DATE)",
    { id = "INTEGER", name = "VARCHAR(20)", price = "NUMERIC(10,2)", made = "DATE" } },
  pg = { "CREATE TABLE things (id bigint PRIMARY KEY, name varchar(20) NOT NULL, price numeric(10,2), made date)",
    { id = "bigint", name = "character varying(20)", price = "numeric(10,2)", made = "date" } },
  mysql = { "CREATE TABLE things (id BIGINT UNSIGNED PRIMARY KEY, name VARCHAR(20) NOT NULL, price DECIMAL(10,2), made DATE)",
    { id = Engines.mysql_kind() == "mariadb" and "bigint(20) unsigned" or "bigint unsigned", name = "varchar(20)", price = "decimal(10,2)", made = "date" } },
}

local retype = {
  pg = "ALTER TABLE things ALTER COLUMN v TYPE integer USING v::integer",
  mysql = "ALTER TABLE things MODIFY v INTEGER",
}

for _, engine in ipairs(Engines.all) do
  describe("tables on " .. engine, function()
    local why = Engines.missing()
    if why then
      pending(why)
      return
    end

    local world, session, app, other

    -- Two applications on one database: the other does not learn what one changes.
    before_each(function()
      world = Engines.open { clients = { main = engine }, rules = 'model "thing" { table = "things" }', max = 2 }
      session, app = world.session, shunt.open(world.folder .. "/shunt.yaml")
      other = app:session()
    end)
    after_each(function()
      app:close()
      world:close()
    end)

    it("are described: names, types, what may be null, the key", function()
      other:execute("main", described[engine][1])
      local columns = session:columns("main", "things")
      local names = {}
      for i, column in ipairs(columns) do
        names[i] = column.name
        assert.equal(described[engine][2][column.name], column.type)
      end
      assert.same({ "id", "name", "price", "made" }, names)
      assert.is_false(columns[2].nullable)
      assert.is_true(columns[3].nullable)
      assert.is_truthy(columns[1].key and columns[1].key ~= 0)
      assert.is_true(columns[2].key == false or columns[2].key == 0)
    end)

    it("may be views", function()
      other:execute("main", described[engine][1])
      other:execute("main", "CREATE VIEW seen AS SELECT id, name FROM things")
      local columns = session:columns("main", "seen")
      assert.equal(2, #columns)
      assert.equal("name", columns[2].name)
    end)

    it("may have a key of several columns", function()
      other:execute("main", "CREATE TABLE things (a INTEGER NOT NULL, b INTEGER NOT NULL, c INTEGER, PRIMARY KEY (b, a))")
      local columns = session:columns("main", "things")
      assert.is_truthy(columns[1].key and columns[2].key)
      assert.is_true(columns[3].key == false or columns[3].key == 0)
    end)

    it("that are not there are not found", function()
      Engines.raises("SHUNT_E_NOT_FOUND", session.columns, session, "main", "nowhere")
      Engines.raises("SHUNT_E_NOT_FOUND", session.columns, session, "main", "things'; DROP TABLE things; --")
    end)

    it("may have names that need quotes", function()
      local quoted = engine == "mysql" and "`" or '"'
      local sql = ('CREATE TABLE "things" (id INTEGER PRIMARY KEY, "select" INTEGER, "Mixed Case?" INTEGER, "it\'s" INTEGER)'):gsub('"', quoted)
      other:execute("main", sql)
      local things = session:model "thing"
      local row = { id = 1, select = 2, ["Mixed Case?"] = 3, ["it's"] = 4 }
      assert.same(row, things:insert(row))
      assert.same(row, things:get { ["Mixed Case?"] = 3, select = { ["in"] = { 1, 2 } } })
      assert.equal(1, things:update { id = 1, ["it's"] = 5 })
      assert.equal(5, things:get(1)["it's"])
    end)

    -- Asks often enough that the statement is prepared on every connection and known to be asked for often.
    local function ask(sql, params)
      local rows
      for _ = 1, 8 do rows = session:query("main", sql, params) end
      return rows
    end

    it("get a new column, and SELECT * shows it at once", function()
      other:execute("main", "CREATE TABLE things (id INTEGER PRIMARY KEY, v INTEGER)")
      other:execute("main", "INSERT INTO things VALUES (1, 7)")
      assert.same({ { id = 1, v = 7 } }, ask("SELECT * FROM things WHERE id = ?", { 1 }))
      other:execute("main", "ALTER TABLE things ADD COLUMN w INTEGER")
      assert.same({ { id = 1, v = 7, w = shunt.null } }, ask("SELECT * FROM things WHERE id = ?", { 1 }))
    end)

    if retype[engine] then
      it("get another type for a column, and its values have it at once", function()
        other:execute("main", "CREATE TABLE things (id INTEGER PRIMARY KEY, v VARCHAR(20))")
        other:execute("main", "INSERT INTO things VALUES (1, '7')")
        assert.same({ { id = 1, v = "7" } }, ask("SELECT * FROM things WHERE id = ?", { 1 }))
        assert.same({ id = 1, v = "7" }, session:model("thing"):get(1))
        other:execute("main", retype[engine])
        assert.same({ { id = 1, v = 7 } }, ask("SELECT * FROM things WHERE id = ?", { 1 }))
        assert.same({ id = 1, v = 7 }, session:model("thing"):get(1))
        assert.equal(1, session:model("thing"):update { id = 1, v = 8 })
        assert.same({ id = 1, v = 8 }, session:model("thing"):get(1))
      end)
    end

    it("are made anew with other columns under the same name", function()
      other:execute("main", "CREATE TABLE things (id INTEGER PRIMARY KEY, v INTEGER)")
      other:execute("main", "INSERT INTO things VALUES (1, 7)")
      assert.same({ { id = 1, v = 7 } }, ask "SELECT * FROM things")
      other:execute("main", "DROP TABLE things")
      other:execute("main", "CREATE TABLE things (name VARCHAR(20), id INTEGER PRIMARY KEY)")
      other:execute("main", "INSERT INTO things VALUES ('a', 2)")
      assert.same({ { id = 2, name = "a" } }, ask "SELECT * FROM things")
    end)

    it("lose a column: a query that still asks for it fails, another one does not", function()
      other:execute("main", "CREATE TABLE things (id INTEGER PRIMARY KEY, v INTEGER, w INTEGER)")
      other:execute("main", "INSERT INTO things VALUES (1, 7, 8)")
      local things = session:model "thing"
      for _ = 1, 8 do assert.same({ id = 1, v = 7, w = 8 }, things:get(1)) end
      other:execute("main", "ALTER TABLE things DROP COLUMN w")
      assert.same({ id = 1, v = 7 }, things:get(1))
      Engines.raises("SHUNT_E_NOT_FOUND", things.select, things, { columns = "w" })
      assert.same({ id = 1, v = 7 }, things:get(1))
    end)

    it("that change while a transaction is open are read or refused with a code, and read after it", function()
      other:execute("main", "CREATE TABLE things (id INTEGER PRIMARY KEY, v INTEGER)")
      other:execute("main", "INSERT INTO things VALUES (1, 7)")
      ask "SELECT * FROM things"
      other:execute("main", "ALTER TABLE things ADD COLUMN w INTEGER")
      local ok, problem = pcall(session.transaction, session, function() return session:query("main", "SELECT * FROM things") end)
      if not ok then
        assert.equal("SHUNT_E_CONFLICT", problem.code, tostring(problem))
        assert.is_nil(problem.message:find("cached plan", 1, true))
      end
      assert.same({ { id = 1, v = 7, w = shunt.null } }, session:transaction(function() return session:query("main", "SELECT * FROM things") end))
    end)

    it("are read by more statements than are kept prepared", function()
      other:execute("main", "CREATE TABLE things (id INTEGER PRIMARY KEY, v INTEGER)")
      other:execute("main", "INSERT INTO things VALUES (1, 7)")
      for round = 1, 2 do
        for i = 1, 300 do
          assert.equal(7 + i, session:query("main", ("SELECT v + %d AS sum FROM things WHERE id = ?"):format(i), { 1 })[1].sum, "round " .. round)
        end
      end
    end)
  end)
end
