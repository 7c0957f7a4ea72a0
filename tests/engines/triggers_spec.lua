-- Tables and views with triggers: an insert returns the row that they leave, and writes count the rows that they were for.

local Engines = require "tests.engines.support.engines"

local after_insert = {
  sqlite3 = { "CREATE TRIGGER touch AFTER INSERT ON things BEGIN UPDATE things SET name = upper(NEW.name), n = 7 WHERE id = NEW.id; END" },
  pg = { "CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN UPDATE things SET name = upper(NEW.name), n = 7 "
    .. "WHERE id = NEW.id; RETURN NULL; END'", "CREATE TRIGGER touch AFTER INSERT ON things FOR EACH ROW EXECUTE FUNCTION touch()" },
}
local forget = {
  sqlite3 = { "CREATE TRIGGER gone AFTER INSERT ON things WHEN NEW.n = 0 BEGIN DELETE FROM things WHERE id = NEW.id; END" },
  pg = { "CREATE FUNCTION gone() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN DELETE FROM things WHERE id = NEW.id AND NEW.n = 0; RETURN NULL; END'",
    "CREATE TRIGGER gone AFTER INSERT ON things FOR EACH ROW EXECUTE FUNCTION gone()" },
}
local instead = {
  sqlite3 = {
    "CREATE TRIGGER i INSTEAD OF INSERT ON seen BEGIN INSERT INTO things (id, name) VALUES (NEW.id, NEW.name); END",
    "CREATE TRIGGER u INSTEAD OF UPDATE ON seen BEGIN UPDATE things SET name = NEW.name, n = n + 1 WHERE id = OLD.id; END",
    "CREATE TRIGGER d INSTEAD OF DELETE ON seen BEGIN DELETE FROM things WHERE id = OLD.id; END",
  },
  pg = {
    "CREATE FUNCTION seen_changes() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN "
      .. "IF TG_OP = ''INSERT'' THEN INSERT INTO things (id, name) VALUES (NEW.id, NEW.name); RETURN NEW; END IF; "
      .. "IF TG_OP = ''UPDATE'' THEN UPDATE things SET name = NEW.name, n = n + 1 WHERE id = OLD.id; RETURN NEW; END IF; "
      .. "DELETE FROM things WHERE id = OLD.id; RETURN OLD; END'",
    "CREATE TRIGGER changes INSTEAD OF INSERT OR UPDATE OR DELETE ON seen FOR EACH ROW EXECUTE FUNCTION seen_changes()",
  },
}

for _, engine in ipairs { "sqlite3", "pg" } do
  describe("triggers on " .. engine, function()
    local why = Engines.missing()
    if why then
      pending(why)
      return
    end

    local world, session, things

    local function execute(statements)
      for _, sql in ipairs(statements) do session:execute("main", sql) end
    end

    before_each(function()
      world = Engines.open { clients = { main = engine }, rules = [[
        model "thing" { table = "things" }
        model "seen" { table = "seen" }]] }
      session = world.session
      things = session:model "thing"
      execute { "CREATE TABLE things (id INTEGER NOT NULL PRIMARY KEY, name TEXT, n INTEGER DEFAULT 0)" }
    end)
    after_each(function() world:close() end)

    it("that run after an insert are in the row that it returns", function()
      execute(after_insert[engine])
      local row = things:insert { id = 1, name = "a" }
      assert.equal("A", row.name)
      assert.equal(7, row.n)
      assert.same(things:get(1), row)
    end)

    it("that delete the row leave what the insert returned", function()
      execute(forget[engine])
      local row = things:insert { id = 1, name = "a", n = 0 }
      assert.equal("a", row.name)
      assert.equal(0, things:count())
    end)

    it("in place of writes on a view count the rows", function()
      execute { "CREATE VIEW seen AS SELECT id, name FROM things" }
      execute(instead[engine])
      local seen = session:model "seen"
      assert.equal("a", seen:insert({ id = 1, name = "a" }).name)
      assert.equal(2, seen:insert_bulk { { id = 2, name = "b" }, { id = 3, name = "c" } })
      assert.equal(2, seen:update({ name = "x" }, { where = { id = { lte = 2 } } }))
      assert.equal(0, seen:update({ name = "x" }, { where = { id = 99 } }))
      assert.equal(1, things:get(1).n)
      assert.equal(2, seen:delete { id = { gt = 1 } })
      assert.equal(1, things:count())
    end)
  end)
end
