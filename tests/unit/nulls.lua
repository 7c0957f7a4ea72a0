-- Writes a call of every function of a header, once for each pointer that may be NULL: nulls_test.c includes them.
-- Use: lua5.4 tests/unit/nulls.lua src/shunt.h >nulls_calls.h
local file <close> = assert(io.open(arg[1]))
local text = file:read("a"):gsub("/%*.-%*/", ""):gsub("\\\n", ""):gsub("\n#[^\n]*", "")

-- What each parameter gets when it is not NULL: by its type and name, by its type, or by its name.
local things = { app = true, session = true, tx = true, stream = true, rows = true, worker = true, job = true, event = true }
local texts = { path = "d->path", model = '"user"', sql = '"SELECT 1"', data_json = '"{}"', result_json = '"{}"', client = '"main"',
  table = '"users"', job = '"mail"', name = '"user"', id = "NULL", instance = "NULL", text = "d->text",
  json = "NULL", column = '"id"', relation = '"orders"', feature = '"mysql-timeouts"' }

-- "const char *" and "name" of a parameter; a function's name stands inside of its type.
local function parse(parameter)
  local before, name, after = parameter:match("^(.-%(%*)([%w_]+)(%)%(.*)$")
  if name then return before .. after, name end
  before, name = parameter:match("^(.-)([%w_]+)$")
  return before:gsub("%s+$", ""), name
end

local function value_of(kind, name)
  local thing = kind:match("^shunt_(%w+) %*$") or kind:match("^const shunt_(%w+) %*$")
  if kind:find("%*%*$") then return ("(%s)(void *)&d->out"):format(kind) end
  if kind:find("(*)", 1, true) then return ("(%s)ignore"):format(kind) end
  if kind == "shunt_hook" then return "succeed" end
  if kind == "shunt_error *" or kind == "const shunt_error *" then return "&d->err" end
  if thing and things[thing] then return "d->" .. thing end
  if thing then return ("&(shunt_%s){0}"):format(thing) end
  if kind == "const char *" or kind == "char *" then return assert(texts[name], name) end
  if kind == "void *" then return "d" end
  if kind:find("%*$") then return ("(%s)&d->room"):format(kind) end
  if kind == "shunt_value" then return "(shunt_value){.type = SHUNT_NULL}" end
  return name == "room" and "sizeof d->text" or "0"
end

-- These accept NULL there, or are not called for that.
local optional = { ["shunt_sql rows"] = true, ["shunt_close app"] = true, ["shunt_rollback tx"] = true }
-- Without it, the call can't do what it is for.
local function is_needed(fn, kind, name)
  if optional[fn .. " " .. name] then return false end
  return kind:find("%*%*$") or kind:find("^shunt_%w+ %*$") and things[kind:match("^shunt_(%w+)")]
end

local function split(list)
  local parameters, depth, from = {}, 0, 1
  if list == "void" then return parameters end
  for at = 1, #list + 1 do
    local c = at > #list and "," or list:sub(at, at)
    depth = depth + (c == "(" and 1 or c == ")" and -1 or 0)
    if c == "," and depth == 0 then
      parameters[#parameters + 1] = list:sub(from, at - 1):match("^%s*(.-)%s*$")
      from = at + 1
    end
  end
  return parameters
end

local cases = {}
local function write_case(fn, returns, parameters, without)
  local values, label, needed = {}, {}, false
  for i, parameter in ipairs(parameters) do
    local kind, name = parse(parameter)
    local gone = kind:find("[%*]") and (without == 0 or without == i)
    values[i] = gone and "NULL" or value_of(kind, name)
    if gone then
      label[#label + 1] = name
      needed = needed or is_needed(fn, kind, name)
    end
  end
  local call = ("%s(%s)"):format(fn, table.concat(values, ", "))
  local status = returns == "shunt_status"
  print(("static void case_%d(desk *d) {"):format(#cases + 1))
  print("  (void)d;")
  print(status and ("  d->status = %s;"):format(call) or ("  (void)%s;"):format(call))
  print("}")
  cases[#cases + 1] = ('  {"%s without %s", case_%d, %s, %s},'):format(fn, #label > 0 and table.concat(label, ", ") or "nothing",
    #cases + 1, status and needed and "true" or "false", call:find("d%->worker") and "true" or call:find("d%->job") and "true" or "false")
end

local seen = 0
for returns, fn, list in text:gmatch("SHUNT_API ([^;]-)(shunt_[%w_]+)(%b());") do
  returns = returns:gsub("SHUNT_MUST_USE", ""):gsub("%s+", " "):match("^%s*(.-)%s*$")
  local parameters = split(list:sub(2, -2):gsub("%s+", " "))
  seen = seen + 1
  if fn ~= "shunt_set_allocator" then -- its NULL restores malloc
    for without = 0, #parameters do
      local kind = without > 0 and parse(parameters[without])
      if without == 0 or (kind and kind:find("[%*]")) then write_case(fn, returns, parameters, without) end
    end
  end
end
assert(seen == select(2, text:gsub("\nSHUNT_API ", "")), "a declaration was not understood")
print("static const struct {\n  const char *name;\n  void (*call)(desk *d);\n  bool refused, works;\n} cases[] = {")
print(table.concat(cases, "\n"))
print("};")
