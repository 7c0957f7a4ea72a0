--- Output for programs: JSON with its keys in a fixed order.
local shunt = require "shunt"
local core = require "shunt.core"

local output = {}

--- Any scalar; nil is null.
---@return string
function output.scalar(value)
  if value == nil or value == shunt.null then return "null" end
  if type(value) == "boolean" or math.type(value) == "integer" then return tostring(value) end
  return shunt.json(value)
end

--- An array of texts that are JSON already.
---@param items string[]
---@return string
function output.array(items) return "[" .. table.concat(items, ",") .. "]" end

--- An array of scalars.
---@return string
function output.list(items)
  local out = {}
  for i, item in ipairs(items or {}) do out[i] = output.scalar(item) end
  return output.array(out)
end

--- An object of name, JSON text, name, JSON text …
---@vararg string
---@return string
function output.object(...)
  local out = {}
  for i = 1, select("#", ...), 2 do
    local name, text = select(i, ...)
    out[#out + 1] = output.scalar(name) .. ":" .. text
  end
  return "{" .. table.concat(out, ",") .. "}"
end

--- The table as an object of the named fields, scalars all.
---@param record table
---@param names string[]
---@return string
function output.fields(record, names)
  local out = {}
  for i, name in ipairs(names) do out[i] = output.scalar(name) .. ":" .. output.scalar(record[name]) end
  return "{" .. table.concat(out, ",") .. "}"
end

--- The keys of a table, sorted.
---@return string[]
function output.keys(of)
  local out = {}
  for key in pairs(of) do out[#out + 1] = key end
  table.sort(out, function(a, b) return tostring(a) < tostring(b) end)
  return out
end

local STEP = { "stage", "rule", "source", "result" }
local ONLY_EXPLAINED = { not_remembered = true, uncacheable = true, unfixed = true,
  unfixed_rule = true, unfixed_source = true, outside = true } -- fields that are no part of the decision itself

local function steps(trace)
  local out = {}
  for i, step in ipairs(trace) do out[i] = output.fields(step, STEP) end
  return output.array(out)
end

--- The members of a decision: name, JSON, name, JSON … A denied decision has the reason in place of the client.
---@return string ...
function output.decision(d)
  local members, unused = {}, d.denied and "client" or "denied"
  for _, name in ipairs(core.decision_fields) do
    if name ~= unused and not ONLY_EXPLAINED[name] then
      local value = d[name]
      members[#members + 1] = name
      members[#members + 1] = name == "trace" and steps(value) or type(value) == "table" and output.list(value) or output.scalar(value)
    end
  end
  return table.unpack(members)
end

return output
