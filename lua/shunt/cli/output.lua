--- Output for programs: JSON with its keys in a fixed order.
local shunt = require "shunt"

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

local TRACE = { "stage", "rule", "source", "result" }

--- The members of a decision, in the contract's order: name, JSON, name, JSON …
---@return string ...
function output.decision(d)
  local trace = {}
  for i, step in ipairs(d.trace) do trace[i] = output.fields(step, TRACE) end
  local s = output.scalar
  local who = d.denied and "denied" or "client"
  return "model", s(d.model), "relation", s(d.relation), who, s(d[who]), "engine", s(d.engine), "level", s(d.level),
    "table", s(d.table), "op", s(d.op), "role", s(d.role), "rule", s(d.rule), "source", s(d.source),
    "generation", s(d.generation), "pinned_by", s(d.pinned_by), "remembered", s(d.remembered), "depends_on", output.list(d.depends_on),
    "trace", output.array(trace)
end

return output
