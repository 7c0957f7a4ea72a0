--- Rows and random conditions on them: trees of every operator. What draws them has the methods int, chance and of, as
--- tests.spec.support.random has.
--- Use: local rows = Conditions.rows(random); local where = Conditions.tree(random, 1)

local shunt = require "shunt"

local null = shunt.null
local M = {}

-- t compares by its bytes, u ignores the case of ASCII; its order depends on the engine. PostgreSQL has no such type that needs no extension.
M.tables = {
  sqlite3 = "id INTEGER PRIMARY KEY, n INTEGER, m INTEGER, d TEXT, t TEXT, u TEXT COLLATE NOCASE",
  pg = [[id INTEGER PRIMARY KEY, n INTEGER, m BIGINT, d DATE, t TEXT, u TEXT COLLATE "C"]],
  mysql = "id INTEGER PRIMARY KEY, n INTEGER, m BIGINT, d DATE, t VARCHAR(50), u VARCHAR(50) COLLATE utf8mb4_general_ci",
}
--- Engines on which the column u ignores the case.
M.folded = { sqlite3 = true, mysql = true }
local letters = { "a", "A", "b", "B", "%", "_", "!", "\\", "'", '"', "-" }

local function text(random, most, more)
  local out = {}
  for i = 1, random:int(0, most) do out[i] = more and random:chance(10) and more or random:of(letters) end
  return table.concat(out)
end

local function cell(random, make) return random:chance(15) and null or make() end

local function number(random) return random:int(-3, 12) end

local function day(random) return ("2026-01-%02d"):format(random:int(1, 9)) end

local makers = { n = number, m = number, d = day, t = function(random) return text(random, 4, "ß") end, u = function(random) return text(random, 4) end }

--- Their ids are their positions.
function M.rows(random)
  local out = {}
  for id = 1, 60 do
    out[id] = { id = id }
    for _, column in ipairs { "n", "m", "d", "t", "u" } do
      out[id][column] = cell(random, function() return makers[column](random) end)
    end
  end
  return out
end

local same_kind = { n = "m", m = "n", t = "t" } -- texts of different collations can't be compared on every engine

local function pattern(random)
  if random:chance(50) then return random:of { "%", "_" } .. text(random, 2) .. random:of { "", "%" } end
  local escape = random:of { "!", "\\", "ß", "-" }
  local out = {}
  for i = 1, random:int(1, 4) do
    local letter = random:of(letters)
    out[i] = (letter == escape or random:chance(30)) and escape .. letter or letter
  end
  return { table.concat(out) .. random:of { "", "%" }, escape = escape }
end

local function operators_of(column)
  local all = { "eq", "ne", "in", "not_in" }
  if column ~= "u" then all = { "eq", "ne", "gt", "gte", "lt", "lte", "in", "not_in", "between", "not_between" } end
  if same_kind[column] then all[#all + 1] = "column" end
  if column == "t" or column == "u" then
    for _, name in ipairs { "like", "ilike", "contains", "starts_with", "ends_with" } do all[#all + 1] = name end
  end
  return all
end

local function operand(random, column, op)
  local make = makers[column]
  if op == "in" or op == "not_in" then
    local out = {}
    for i = 1, random:int(0, 4) do out[i] = random:chance(15) and null or make(random) end
    return out
  end
  if op == "between" or op == "not_between" then return { make(random), make(random) } end
  if op == "like" or op == "ilike" then return pattern(random) end
  if op == "contains" or op == "starts_with" or op == "ends_with" then return text(random, 2) end
  if op == "column" then return same_kind[column] end
  if same_kind[column] and random:chance(25) then return shunt.column(same_kind[column]) end
  if (op == "eq" or op == "ne") and random:chance(20) then return null end
  return make(random)
end

--- A tree of _and, _or and _not, three levels deep at most; depth is 1.
function M.tree(random, depth)
  local roll = random:int(1, 10)
  if depth < 3 and roll <= 3 then
    local parts = {}
    for i = 1, random:int(0, 3) do parts[i] = M.tree(random, depth + 1) end
    return { [random:of { "_or", "_and" }] = parts }
  end
  if depth < 3 and roll == 4 then return { _not = M.tree(random, depth + 1) } end
  local out = {}
  for _ = 1, random:int(1, 2) do
    local column = random:of { "n", "m", "d", "t", "u" }
    local op = random:of(operators_of(column))
    out[column] = out[column] or {}
    out[column][op] = operand(random, column, op)
  end
  return out
end

return M
