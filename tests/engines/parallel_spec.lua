-- Relations that don't wait for each other are asked at the same time. Time proves nothing on a busy machine, so two of them
-- meet on the server: each waits there until it sees that the other one runs.

local shunt = require "shunt"
local Engines = require "tests.engines.support.engines"

local has_many = shunt.has_many
local LONGEST_S = 30 -- less than one of them takes

local rules = [[
model "user" {
  table = "users",
  relations = {
    left = has_many("left", "user_id"), right = has_many("right", "user_id"),
    notes = has_many("note", "user_id", { order = { "id" } }),
    friends = belongs_to_many("friendship", "user", "user_id", "friend_id", { order = { "id" } }),
    local_notes = has_many("local_note", "user_id"), broken = has_many("broken", "user_id"), naps = has_many("nap", "user_id"),
  },
}
model "left" { table = "left_things" }
model "right" { table = "right_things" }
model "note" { table = "notes", relations = { user = belongs_to("user", "user_id") } }
model "friendship" { table = "friendships" }
model "local_note" { table = "local_notes", client = "file" }
model "broken" { table = "broken_things" }
model "nap" { table = "naps" }
]]

-- meet(mine, other) shows that mine has come, and waits for other.
local meet = {
  pg = [[CREATE FUNCTION meet(mine integer, other integer) RETURNS integer LANGUAGE plpgsql AS $$
    BEGIN
      PERFORM pg_advisory_lock(mine);
      FOR i IN 1..1000 LOOP
        IF EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = other AND granted
                   AND database = (SELECT oid FROM pg_database WHERE datname = current_database())) THEN RETURN i; END IF;
        PERFORM pg_sleep(0.01);
      END LOOP;
      RAISE EXCEPTION 'the other did not come';
    END $$]],
  mysql = [[CREATE FUNCTION meet(mine integer, other integer) RETURNS integer READS SQL DATA
    BEGIN
      DECLARE i integer DEFAULT 0;
      DO GET_LOCK(CONCAT(DATABASE(), mine), 0);
      WHILE IS_USED_LOCK(CONCAT(DATABASE(), other)) IS NULL DO
        DO SLEEP(0.01);
        SET i = i + 1;
        IF i > 1000 THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'the other did not come'; END IF;
      END WHILE;
      RETURN i;
    END]],
}
local naps = {
  pg = "CREATE VIEW naps AS SELECT id, user_id FROM notes, (SELECT pg_sleep(60)) AS nap",
  mysql = "CREATE VIEW naps AS SELECT id, user_id FROM notes, (SELECT SLEEP(60)) AS nap",
}
local fail = {
  pg = "CREATE VIEW broken_things AS SELECT id, user_id, 1 / (id - id) AS v FROM notes",
  mysql = "CREATE VIEW broken_things AS SELECT id, user_id, (SELECT n.id FROM notes AS n WHERE n.user_id = notes.user_id) AS v FROM notes",
}

for _, engine in ipairs(Engines.servers) do
  describe("relations on " .. engine, function()
    local why = Engines.missing()
    if why then
      pending(why)
      return
    end

    local world

    local function open(max)
      world = Engines.open { clients = { main = engine, file = "sqlite3" }, default = "main", rules = rules, max = max }
      local s = world.session
      for _, sql in ipairs {
        "CREATE TABLE users (id integer PRIMARY KEY, name varchar(20))",
        "CREATE TABLE notes (id integer PRIMARY KEY, user_id integer, v integer)",
        "CREATE TABLE friendships (id integer PRIMARY KEY, user_id integer, friend_id integer)",
        "INSERT INTO users VALUES (1, 'Ada'), (2, 'Bob')",
        "INSERT INTO notes VALUES (1, 1, 10), (2, 2, 20), (3, 1, 30)",
        "INSERT INTO friendships VALUES (1, 1, 2), (2, 2, 1)",
        meet[engine],
        "CREATE VIEW left_things AS SELECT id, user_id, meet(1, 2) AS met FROM notes WHERE id = 1",
        "CREATE VIEW right_things AS SELECT id, user_id, meet(2, 1) AS met FROM notes WHERE id = 1",
        fail[engine],
        naps[engine],
      } do s:execute("main", sql) end
      s:execute("file", "CREATE TABLE local_notes (id INTEGER PRIMARY KEY, user_id INTEGER)")
      s:execute("file", "INSERT INTO local_notes VALUES (1, 1), (2, 2)")
      return s:model "user"
    end

    after_each(function() world:close() end)

    local function assert_tree(users)
      assert.equal(2, #users)
      assert.same({ 10, 30 }, { users[1].notes[1].v, users[1].notes[2].v })
      assert.equal("Ada", users[1].notes[1].user.name)
      assert.equal("Bob", users[1].friends[1].name)
      assert.equal("Ada", users[2].friends[1].name)
      assert.equal(20, users[1].friends[1].notes[1].v)
      assert.equal(1, users[1].local_notes[1].id)
    end

    local tree = { notes = { include = { user = true } }, friends = { include = { notes = true } }, local_notes = true }

    it("beside each other are asked at the same time", function()
      local users = open(4)
      local row = users:get(1, { include = { left = true, right = true } })
      assert.equal(1, #row.left)
      assert.equal(1, #row.right)
    end)

    it("give the same rows whatever number of connections there is", function()
      for _, max in ipairs { 1, 2, 3, 8 } do
        if world and max > 1 then world:close() end
        assert_tree(open(max):select { order = { "id" }, include = tree })
      end
    end)

    it("in a transaction are read over its one connection, and see what it wrote", function()
      local users = open(1)
      world.session:transaction(function()
        users:update { id = 1, name = "Eve" }
        local rows = users:select { order = { "id" }, include = tree }
        assert.equal("Eve", rows[1].notes[1].user.name)
        assert.equal("Eve", rows[2].friends[1].name)
      end, { spanning = "run" })
    end)

    it("of which one fails fail together, and no connection is lost by it", function()
      local users = open(2)
      for _ = 1, 5 do
        local ok, problem = pcall(users.select, users, { include = { notes = true, broken = true, friends = true, local_notes = true } })
        assert.is_false(ok)
        assert.equal("main", problem.client)
      end
      assert_tree(users:select { order = { "id" }, include = tree })
      world.session:transaction(function() -- all places are there
        local other <close> = world.app:session()
        other:transaction(function() assert.equal(2, other:model("user"):count()) end)
      end)
    end)

    it("of which one fails don't wait for those that would take long", function()
      local users = open(8)
      local started = os.time()
      for _ = 1, 3 do
        assert.is_false(pcall(users.select, users, { include = { broken = true, naps = true } }))
      end
      assert.is_true(os.time() - started < LONGEST_S)
      assert_tree(users:select { order = { "id" }, include = tree })
    end)

    it("that are all late are given up together", function()
      local users = open(16)
      local started = os.time()
      local with = {}
      for i = 1, 8 do with["nap" .. i] = has_many("nap", "user_id") end
      local include = {}
      for name in pairs(with) do include[name] = true end
      local problem = Engines.raises("SHUNT_E_TIMEOUT", users.select, users, { include = include, with = with, timeout = "200ms" })
      assert.equal("main", problem.client)
      assert.is_true(os.time() - started < LONGEST_S)
      assert_tree(users:select { order = { "id" }, include = tree })
    end)

    it("are attached in the order of their names in the call, whichever comes first", function()
      local users = open(4)
      local names = {}
      world.session:observe(function(statement) names[#names + 1] = statement.sql:match('FROM ["`](%w+)') end)
      for _ = 1, 5 do
        local row = users:get(1, { include = { notes = true, local_notes = true, friends = true } })
        local text = require("shunt").json(row)
        assert.is_true(text:find('"friends"', 1, true) < text:find('"local_notes"', 1, true))
        assert.is_true(text:find('"local_notes"', 1, true) < text:find('"notes"', 1, true))
      end
      world.session:observe(nil)
      assert.equal(5 * 5, #names)
    end)
  end)
end

describe("relations in a transaction on PostgreSQL", function()
  local why = Engines.missing()
  if why then
    pending(why)
    return
  end

  local more = [[
    model "user" { table = "users", relations = { broken = has_many("broken", "user_id"), locals = has_many("local_note", "user_id") } }
    model "broken" { table = "broken_things" }
    model "local_note" { table = "locals", client = "file", relations = { notes = has_many("note", "user_id", { client = "main" }) } }
    model "note" { table = "notes" }
  ]]

  -- The failure is received when another relation needs the connection, which takes no statement after that.
  it("of which one fails give its error, not what that led to", function()
    local world = Engines.open { clients = { main = "pg", file = "sqlite3" }, default = "main", rules = more }
    local s = world.session
    for _, sql in ipairs {
      "CREATE TABLE users (id integer PRIMARY KEY)", "INSERT INTO users VALUES (1), (2)",
      "CREATE TABLE notes (id integer PRIMARY KEY, user_id integer)", "INSERT INTO notes VALUES (1, 1), (2, 1)",
      "CREATE VIEW broken_things AS SELECT id, user_id, 1 / (id - id) AS v FROM notes, (SELECT pg_sleep(0.2)) AS nap",
    } do s:execute("main", sql) end
    s:execute("file", "CREATE TABLE locals (id INTEGER PRIMARY KEY, user_id INTEGER)")
    s:execute("file", "INSERT INTO locals VALUES (1, 1), (2, 2)")
    local problem = Engines.raises("SHUNT_E_USAGE", s.transaction, s, function()
      s:model("user"):select { include = { broken = true, locals = { include = { notes = true } } } }
    end, { spanning = "run" })
    assert.truthy(problem.message:find("division by zero", 1, true), problem.message)
    world:close()
  end)
end)
