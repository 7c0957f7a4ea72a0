--- Conditions evaluated in plain Lua, for comparing with what engines find: true, false, or nil for SQL's unknown.
--- Use: Evaluate.rows(rows, { n = { gt = 3 } }, { null = shunt.null, folded = { name = true } })

local M = {}

local function negate(value)
  if value == nil then return nil end
  return not value
end

local function all_of(values, n, neutral)
  local unknown = false
  for i = 1, n do
    if values[i] == not neutral then return not neutral end
    unknown = unknown or values[i] == nil
  end
  if unknown then return nil end
  return neutral
end

-- Byte by byte: a letter of several bytes is matched by its bytes, and _ by a whole letter.
local function matches(subject, parts, i, k)
  local part = parts[k]
  if not part then return i > #subject end
  if part == "%" then
    for from = i, #subject + 1 do
      if matches(subject, parts, from, k + 1) then return true end
    end
    return false
  end
  if i > #subject then return false end
  return (part == "_" or part == "=" .. subject[i]) and matches(subject, parts, i + 1, k + 1)
end

local function letters_of(text)
  local out = {}
  for letter in text:gmatch "[\0-\x7f\xc2-\xf4][\x80-\xbf]*" do out[#out + 1] = letter end
  return out
end

local function like(text, pattern)
  local escape = type(pattern) == "table" and pattern.escape
  local parts, literal = {}, false
  for _, letter in ipairs(letters_of(escape and pattern[1] or pattern)) do
    if literal then
      parts[#parts + 1], literal = "=" .. letter:lower(), false
    elseif letter == escape then
      literal = true
    else
      parts[#parts + 1] = (letter == "%" or letter == "_") and letter or "=" .. letter:lower()
    end
  end
  return matches(letters_of(text:lower()), parts, 1, 1)
end

local compare = {
  eq = function(a, b) return a == b end,
  ne = function(a, b) return a ~= b end,
  lt = function(a, b) return a < b end,
  lte = function(a, b) return a <= b end,
  gt = function(a, b) return a > b end,
  gte = function(a, b) return a >= b end,
  contains = function(a, b) return a:find(b, 1, true) ~= nil end,
  starts_with = function(a, b) return a:sub(1, #b) == b end,
  ends_with = function(a, b) return b == "" or a:sub(-#b) == b end,
  between = function(a, pair) return a >= pair[1] and a <= pair[2] end,
  not_between = function(a, pair) return a < pair[1] or a > pair[2] end,
}

local function fold(value)
  if type(value) == "string" then return value:upper() end
  if type(value) ~= "table" then return value end
  local out = {}
  for k, v in pairs(value) do out[k] = fold(v) end
  return out
end

local function in_list(value, list, how)
  local nulls, found = false, false
  for _, item in ipairs(list) do
    nulls = nulls or item == how.null
    found = found or (value ~= how.null and item == value)
  end
  return found, nulls
end

local function apply(op, value, operand, row, how)
  if op == "column" then op, operand = "eq", { column = operand } end
  if op == "in" or op == "not_in" then
    local found, nulls = in_list(value, operand, how)
    if op == "in" then
      if #operand == 0 then return false end
      if value == how.null then
        if nulls then return true end
        return nil
      end
      return found
    end
    if #operand == 0 then return true end
    if value == how.null then
      if nulls then return false end
      return nil
    end
    return not found
  end
  if operand == how.null then
    if op == "eq" then return value == how.null end
    return value ~= how.null
  end
  if type(operand) == "table" and operand.column then operand = row[operand.column] end
  if value == how.null or operand == how.null then return nil end
  if op == "like" or op == "ilike" then return like(value, operand) end
  return compare[op](value, operand)
end

local holds

local function each(list, row, how, neutral)
  local values = {}
  for i, where in ipairs(list) do values[i] = holds(where, row, how) end
  return all_of(values, #list, neutral)
end

local function column_holds(column, operators, row, how)
  local values, n = {}, 0
  for op, operand in pairs(operators) do
    local value = row[column]
    local pattern = op == "like" or op == "ilike"
    if how.folded[column] and not pattern then
      value, operand = fold(value), type(operand) == "table" and operand.column and operand or fold(operand)
    end
    n = n + 1
    values[n] = apply(op, value, operand, row, how)
  end
  return all_of(values, n, true)
end

function holds(where, row, how)
  local values, n = {}, 0
  for key, value in pairs(where) do
    n = n + 1
    if key == "_or" then
      values[n] = each(value, row, how, false)
    elseif key == "_and" then
      values[n] = each(value, row, how, true)
    elseif key == "_not" then
      values[n] = negate(holds(value, row, how))
    else
      values[n] = how.related and how.related(key, value, row)
      if values[n] == nil then values[n] = column_holds(key, value, row, how) end
    end
  end
  return all_of(values, n, true)
end

--- true, false, or nil for unknown.
function M.holds(where, row, how) return holds(where, row, how) end

---@param rows table[]
---@param where table columns with operators, _or, _and, _not
---@param how { null: any, folded: table<string, boolean>, related: (fun(name: string, condition: table, row: table): boolean?)? }
---folded: columns that ignore the case of ASCII; related: whether a condition over a relation holds, nil for a column
---@return table[]
function M.rows(rows, where, how)
  local out = {}
  for _, row in ipairs(rows) do
    if holds(where, row, how) then out[#out + 1] = row end
  end
  return out
end

return M
