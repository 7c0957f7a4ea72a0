-- Keys of several columns: reads and writes by them, and relations over them from every engine to every other.

local shunt = require "shunt"
local Engines = require "tests.engines.support.engines"

local function rules()
  local out = {}
  for _, from in ipairs(Engines.all) do
    out[#out + 1] = ([[
model "salary_%s" { table = "salaries", client = %q, primary_key = { "emp_no", "from_date" } }
model "wrong_%s" { table = "salaries", client = %q, primary_key = "emp_no" }
model "unique_%s" { table = "salaries", client = %q, primary_key = { "code" } }
model "named_%s" { table = "salaries", client = %q, primary_key = { "emp_no", "from_date" },
  relations = { amount = has_many("salary_%s", { "emp_no", "dept_no" }) } }]]):gsub("%%s", from):gsub("%%q", ("%q"):format(from))
    for _, to in ipairs(Engines.all) do
      local pair = from .. "_" .. to
      out[#out + 1] = ([[
model "employee_PAIR" { table = "employees", client = "FROM", primary_key = { "emp_no", "dept_no" }, relations = {
  salaries = has_many("paid_PAIR", { "emp_no", "dept_no" }, { order = { "from_date" } }),
  last = has_one("paid_PAIR", { "emp_no", "dept_no" }, { order = { "-from_date" } }),
  projects = belongs_to_many("works_PAIR", "project_PAIR", { "emp_no", "dept_no" }, { "area", "number" }) } }
model "paid_PAIR" { table = "salaries", client = "TO", primary_key = { "emp_no", "from_date" }, relations = {
  employee = belongs_to("employee_PAIR", { "emp_no", "dept_no" }) } }
model "works_PAIR" { table = "works", client = "FROM", primary_key = { "emp_no", "dept_no", "area", "number" } }
model "project_PAIR" { table = "projects", client = "TO", primary_key = { "area", "number" } }]])
        :gsub("PAIR", pair):gsub("FROM", from):gsub("TO", to)
    end
  end
  return table.concat(out, "\n")
end

local tables = {
  "CREATE TABLE employees (emp_no INTEGER, dept_no VARCHAR(10), name VARCHAR(20), PRIMARY KEY (emp_no, dept_no))",
  "CREATE TABLE salaries (emp_no BIGINT NOT NULL, from_date DATE NOT NULL, dept_no VARCHAR(20), amount INTEGER, code INTEGER UNIQUE, "
    .. "PRIMARY KEY (emp_no, from_date))",
  "CREATE TABLE works (emp_no INTEGER, dept_no VARCHAR(10), area VARCHAR(10), number INTEGER, PRIMARY KEY (emp_no, dept_no, area, number))",
  "CREATE TABLE projects (area VARCHAR(10), number INTEGER, title VARCHAR(20), PRIMARY KEY (area, number))",
}

local function fill(session, engine)
  local function insert(name, rows)
    for _, row in ipairs(rows) do session:execute(engine, ("INSERT INTO %s VALUES (%s)"):format(name, row)) end
  end
  for _, name in ipairs { "employees", "salaries", "works", "projects" } do session:execute(engine, "DELETE FROM " .. name) end
  insert("employees", { "1, 'd1', 'Ada'", "1, 'd2', 'Bo'", "2, 'd1', 'Cy'", "3, 'd9', 'Di'" })
  insert("salaries", { "1, '2020-01-01', 'd1', 10, 1", "1, '2021-01-01', 'd1', 11, 2", "1, '2022-01-01', 'd2', 12, 3",
    "2, '2020-01-01', 'd1', 20, 4", "2, '2021-01-01', 'd2', 21, 5", "4, '2020-01-01', NULL, 40, 6" })
  insert("works", { "1, 'd1', 'x', 2", "1, 'd1', 'x', 1", "2, 'd1', 'y', 1", "1, 'd2', 'z', 9" })
  insert("projects", { "'x', 1, 'X1'", "'x', 2, 'X2'", "'y', 1, 'Y1'" })
end

local function amounts(rows)
  local out = {}
  for i, row in ipairs(rows) do out[i] = row.amount end
  return out
end

local function titles(rows)
  local out = {}
  for i, row in ipairs(rows) do out[i] = row.title end
  return out
end

local function fails_with(text, fn)
  local ok, err = pcall(fn)
  assert.is_false(ok)
  assert.matches(text, tostring(err), 1, true)
end

describe("keys of several columns", function()
  local why = Engines.missing()
  if why then
    pending(why)
    return
  end

  local world, session
  setup(function()
    world = Engines.open { clients = { sqlite3 = "sqlite3", pg = "pg", mysql = "mysql" }, default = "sqlite3", rules = rules() }
    session = world.session
    for _, engine in ipairs(Engines.all) do
      for _, sql in ipairs(tables) do session:execute(engine, sql) end
    end
  end)
  teardown(function() world:close() end)
  before_each(function()
    for _, engine in ipairs(Engines.all) do fill(session, engine) end
  end)

  for _, engine in ipairs(Engines.all) do
    describe("on " .. engine, function()
      local salary
      before_each(function() salary = session:model("salary_" .. engine) end)

      it("get and mget rows", function()
        assert.equal(11, salary:get({ emp_no = 1, from_date = "2021-01-01" }).amount)
        assert.is_nil(salary:get { emp_no = 2, from_date = "2022-01-01" })
        local rows = salary:mget { { emp_no = 2, from_date = "2020-01-01" }, { from_date = "2021-01-01", emp_no = 1 },
          { emp_no = "2", from_date = "2020-01-01" }, { emp_no = 9, from_date = "2020-01-01" }, { emp_no = 1, from_date = "no date" },
          { emp_no = 1, from_date = shunt.null } }
        assert.same({ 20, 11, 20 }, amounts(rows))
        assert.same({ 11 }, amounts(salary:mget { { emp_no = 1, from_date = "2021-01-01" } }))
        assert.same({}, amounts(salary:mget { { emp_no = 1, from_date = shunt.null } }))
      end)

      it("refuse a key that lacks a column", function()
        fails_with("a primary key has the columns 'emp_no, from_date'", function() salary:get(1) end)
        fails_with("a primary key has the columns 'emp_no, from_date'", function() salary:mget { 1, 2 } end)
        fails_with("a primary key has the columns 'emp_no, from_date'", function() salary:mget { { emp_no = 1, amount = 10 } } end)
        fails_with("each with the same columns", function() salary:mget { { emp_no = 1, from_date = "2020-01-01" }, { emp_no = 1 } } end)
        fails_with("each with the same columns", function() salary:mget { { emp_no = 1, from_date = "2020-01-01" }, 7 } end)
        fails_with("each with the same columns", function() salary:mget { { 1, 2 } } end)
      end)

      it("update and delete one row, and order pages", function()
        assert.equal(1, salary:update { emp_no = 1, from_date = "2021-01-01", amount = 99 })
        assert.same({ 10, 99, 12 }, amounts(salary:select { where = { emp_no = 1 }, order = "from_date" }))
        fails_with("emp_no, from_date", function() salary:update { emp_no = 1, amount = 0 } end)
        assert.equal(1, salary:delete { emp_no = 1, from_date = "2020-01-01" })
        assert.same({ 99, 12 }, amounts(salary:select { limit = 2 }))
        assert.same({ 20, 21 }, amounts(salary:select { limit = 2, offset = 2 }))
      end)

      it("refuse a write through a model whose key is not unique", function()
        local wrong, unique = session:model("wrong_" .. engine), session:model("unique_" .. engine)
        fails_with("its primary key 'emp_no' is not unique in table salaries", function() wrong:delete { emp_no = 1 } end)
        fails_with("whose key is emp_no, from_date", function() wrong:update { emp_no = 1, amount = 0 } end)
        assert.equal(1, unique:update { code = 2, amount = 5 })
        assert.equal(5, unique:get(2).amount)
      end)

      it("refuse a relation named like a column", function()
        fails_with("has the name of a column", function() session:model("named_" .. engine):select { include = { amount = true } } end)
      end)
    end)
  end

  for _, from in ipairs(Engines.all) do
    for _, to in ipairs(Engines.all) do
      describe(("from %s to %s"):format(from, to), function()
        local pair = from .. "_" .. to
        local employee, paid, project
        before_each(function()
          employee, paid, project = session:model("employee_" .. pair), session:model("paid_" .. pair), session:model("project_" .. pair)
        end)
        local function read(key)
          return employee:mget({ key }, { include = { salaries = true, last = true, projects = { order = { "area", "number" } } } })[1]
        end

        it("relate rows", function()
          local rows = employee:select { order = { "emp_no", "dept_no" }, include = { salaries = true, last = true, projects = { limit = 1 } } }
          assert.same({ { 10, 11 }, { 12 }, { 20 }, {} }, { amounts(rows[1].salaries), amounts(rows[2].salaries),
            amounts(rows[3].salaries), amounts(rows[4].salaries) })
          assert.same({ 11, 12, 20 }, { rows[1].last.amount, rows[2].last.amount, rows[3].last.amount })
          assert.is_true(rows[4].last == nil or rows[4].last == shunt.null)
          assert.same({ { "X1" }, {}, { "Y1" }, {} }, { titles(rows[1].projects), titles(rows[2].projects), titles(rows[3].projects),
            titles(rows[4].projects) }) -- a limit without an order cuts by the primary key
          local names = {}
          for i, row in ipairs(paid:select { order = { "emp_no", "from_date" }, include = { employee = true } }) do
            names[i] = row.employee and row.employee ~= shunt.null and row.employee.name or "-"
          end
          assert.same({ "Ada", "Ada", "Bo", "Cy", "-", "-" }, names)
        end)

        it("write related rows", function()
          local include = { include = { salaries = true, projects = true } }
          local row = employee:insert({ emp_no = 5, dept_no = "d5", name = "Eve",
            salaries = { { from_date = "2024-01-01", amount = 50 } }, projects = { { area = "x", number = 1 } } }, include)
          assert.same({ { 50 }, { "X1" } }, { amounts(row.salaries), titles(row.projects) })
          employee:update({ emp_no = 1, dept_no = "d1",
            salaries = { { emp_no = 1, from_date = "2020-01-01", amount = 100 }, { emp_no = 1, from_date = "2021-01-01", deleted = true } },
            projects = { { area = "x", number = 2, deleted = true }, { area = "y", number = 1, title = "Why" } } }, include)
          row = read { emp_no = 1, dept_no = "d1" }
          assert.same({ { 100 }, { "X1", "Why" } }, { amounts(row.salaries), titles(row.projects) })
          -- the row of another parent is not taken over
          fails_with("has no row with emp_no = 1 and from_date = 2022-01-01 here", function()
            employee:update({ emp_no = 1, dept_no = "d1", salaries = { { emp_no = 1, from_date = "2022-01-01", amount = 0 } } }, include)
          end)
        end)

        it("delete along relations", function()
          employee:delete({ emp_no = 1, dept_no = "d1" }, { include = { salaries = true, projects = { where = { title = "X2" } } } })
          assert.same({ 12, 20, 21, 40 }, amounts(paid:select { order = { "emp_no", "from_date" } }))
          assert.equal(3, session:model("works_" .. pair):count())
          assert.equal(3, project:count())
        end)
      end)
    end
  end
end)
