--- Rows with their related rows, in the formats of --format.
local shunt = require "shunt"
local failure = require "shunt.cli.failure"
local output = require "shunt.cli.output"
local terminal = require "shunt.cli.terminal"

local rows = {}

local SINGLE = { has_one = true, belongs_to = true }

--- A row as one JSON object: its columns in their order, then its relations by name.
---@param row table
---@param meta table the second result of m:select
---@return string
function rows.json(row, meta)
  local members = {}
  local function add(name, text)
    members[#members + 1] = name
    members[#members + 1] = text
  end
  for _, column in ipairs(meta.columns) do
    if meta.relations[column] == nil then add(column, output.scalar(row[column])) end
  end
  for _, name in ipairs(output.keys(meta.relations)) do
    local relation, related = meta.relations[name], row[name]
    if relation.count then
      add(name, output.scalar(related))
    elseif SINGLE[relation.kind] then
      add(name, related and related ~= shunt.null and rows.json(related, relation) or "null")
    else
      local items = {}
      for i, item in ipairs(related or {}) do items[i] = rows.json(item, relation) end
      add(name, output.array(items))
    end
  end
  return output.object(table.unpack(members))
end

local function cell(value)
  if value == nil or value == shunt.null then return "null" end
  if type(value) == "userdata" then return ("<%s>"):format(terminal.counted(#value, "byte")) end
  if type(value) == "string" then return terminal.clean(value) end
  return tostring(value)
end

--- Which columns hold only numbers: they are aligned to the right.
local function numeric(list, columns)
  local right = {}
  for i, column in ipairs(columns) do
    local all, some = true, false
    for _, row in ipairs(list) do
      local value = row[column]
      if type(value) == "number" then
        some = true
      elseif value ~= nil and value ~= shunt.null then
        all = false
      end
    end
    right[i] = all and some
  end
  return right
end

local print_level, print_expanded

-- A relation under its row: its number if it was counted, else its rows.
local function print_related(name, related, relation, indent, print_rows)
  local list = {}
  if not relation.count then
    list = not SINGLE[relation.kind] and related or related and related ~= shunt.null and { related } or {}
  end
  local count = relation.count and tostring(related) or #list == 0 and "none" or SINGLE[relation.kind] and "" or tostring(#list)
  local label = terminal.paint("cyan", terminal.clean(name)) .. (count ~= "" and ": " .. count or "")
  print(("%s    %s"):format(indent, label))
  if #list > 0 then print_rows(list, relation, indent .. "      ") end
end

function print_level(list, meta, indent)
  local columns, lines = meta.columns, {}
  lines[1] = {}
  for i, column in ipairs(columns) do lines[1][i] = terminal.clean(column) end
  for _, row in ipairs(list) do
    local line = {}
    for i, column in ipairs(columns) do line[i] = cell(row[column]) end
    lines[#lines + 1] = line
  end
  local laid = terminal.columns(lines, numeric(list, columns))
  print(indent .. terminal.paint("bold", terminal.trimmed(table.concat(laid[1], "  "))))
  local names = output.keys(meta.relations)
  for r, row in ipairs(list) do
    print(indent .. terminal.trimmed(table.concat(laid[r + 1], "  ")))
    for _, name in ipairs(names) do
      print_related(name, row[name], meta.relations[name], indent, print_level)
    end
  end
end

function print_expanded(list, meta, indent)
  local names = output.keys(meta.relations)
  for r, row in ipairs(list) do
    local lines = {}
    for i, column in ipairs(meta.columns) do lines[i] = { terminal.clean(column), cell(row[column]) } end
    print(indent .. terminal.paint("bold", ("[%d]"):format(r)))
    terminal.print_table(lines, indent)
    for _, name in ipairs(names) do print_related(name, row[name], meta.relations[name], indent, print_expanded) end
  end
end

local function count(list) print(("(%s)"):format(terminal.counted(#list, "row"))) end

-- A field of CSV (RFC 4180). NULL is empty, and an empty text is "".
local function csv_field(value)
  if value == nil or value == shunt.null then return "" end
  local text = value
  if shunt.is_blob(value) then
    text = shunt.json(value):sub(2, -2) -- base64
  elseif type(value) ~= "string" then
    return output.scalar(value)
  end
  return (text == "" or text:find '[,"\r\n]') and '"' .. text:gsub('"', '""') .. '"' or text
end

local FORMATS = {}

--- An aligned table, related rows indented under the row that they belong to.
function FORMATS.table(list, meta)
  if #list > 0 then print_level(list, meta, "") end
  count(list)
end

--- A line for each column, related rows below them.
function FORMATS.expanded(list, meta)
  print_expanded(list, meta, "")
  count(list)
end

function FORMATS.json(list, meta)
  for _, row in ipairs(list) do print(rows.json(row, meta)) end
end

--- The names of the columns, then the rows. The number of a relation's rows is a column.
function FORMATS.csv(list, meta)
  local columns = table.move(meta.columns, 1, #meta.columns, 1, {})
  for _, name in ipairs(output.keys(meta.relations)) do
    if not meta.relations[name].count then
      failure.usage("CSV has no place for the rows of '%s': count them with %s:count, or use --format json", name, name)
    end
    columns[#columns + 1] = name
  end
  local function line(value_of)
    local fields = {}
    for i, column in ipairs(columns) do fields[i] = csv_field(value_of(column)) end
    print(table.concat(fields, ","))
  end
  line(function(column) return column end)
  for _, row in ipairs(list) do line(function(column) return row[column] end) end
end

--- The format that the flags name: table unless --format or --json says another.
---@param args table
---@return string
function rows.format(args)
  local format = args.format or args.json and "json" or "table"
  if args.json and format ~= "json" then failure.usage("--json and --format %s name two formats", format) end
  return format
end

--- Prints rows in a format.
---@param list table[]
---@param meta shunt.meta
---@param format string
function rows.print(list, meta, format) FORMATS[format](list, meta) end

return rows
