-- The request: its fields, predicates, and the config of its instance.
local fold = require "lib.fold"
local M = {}

function M.fields(x, n, req)
  return fold.all(x, n, req.model, req.relation, req.explicit, req.relation_client, req.parent, req.current, req.default, req.env, req.op, req.level,
    req.in_transaction, req.transaction, req.wrote, req.client, req.table, req.instance.name, req.instance.id, req.instance.title,
    req.instance.isolate, req.instance.isolateClient)
end

function M.values(x, _, req)
  return fold.all(x, req.attrs.name, req.attrs.n, req.attrs.flag, req.attrs.none, req.where.user_id, req.where.region, req.where.none)
end

function M.mod(x, n, req)
  local whole = math.type(req.where.user_id) == "integer"
  return x .. fold.all(whole and req:mod("where.user_id", n), req:mod("instance.id", n)) .. fold.try(req.mod, req, "attrs.name", 3) ..
    fold.try(req.mod, req, "instance.id", 0)
end

-- The message shows the number.
function M.mod_of_floats(x, n, req)
  return x .. fold.try(req.mod, req, "where.user_id", n) .. fold.try(req.mod, req, "attrs.n", n)
end

function M.bucket(x, n, req)
  return x .. fold.all(req:bucket("where.user_id", n), req:bucket("attrs.name", 97), req:bucket("attrs.n", 7), req:bucket("instance.name", n)) ..
    fold.try(req.bucket, req, "none", 2)
end

function M.one_of(x, n, req)
  return x .. fold.all(req:one_of("attrs.name", { "a", "B", "zoë", n }), req:one_of("attrs.n", { 7, n, -0.0, 2 ^ 53, "7" }),
    req:one_of("model", { "user", x }), req:one_of("where.region", {})) .. fold.try(req.one_of, req, "attrs.name", x)
end

function M.prefix(x, n, req)
  return x .. fold.all(req:prefix("attrs.name", "z"), req:prefix("instance.name", "acme-"), req:prefix("where.region", x:sub(1, n % 3))) ..
    fold.try(req.prefix, req, "attrs.name")
end

function M.bound(x, _, req)
  return x .. fold.show(req:model_client())
end

function M.mistaken(x, n, req)
  local wrong = {
    function() return req.modle end, function() return req.instance.names end, function() req.model = 1 end, function() return req[n] end,
    function() return pairs(req) end, function() return req.where[n] end, function() return #req end, function() return req .. "" end,
    function() return req:mode("x", 2) end, function() return req.instance.name.x.y end, function() return req.attrs[{}] end,
    function() return req:bucket("where", 2) end, function() return ipairs(req.attrs) end, function() return req() end,
  }
  return x .. fold.try(wrong[n % #wrong + 1]) .. fold.try(wrong[(n + #x) % #wrong + 1]) .. tostring(req) .. type(req.where)
end

local function walk(v)
  if type(v) ~= "table" then return fold.show(v) end
  local s = {}
  for k, item in pairs(v) do s[#s + 1] = fold.show(k) .. "=" .. walk(item) end
  return "{" .. table.concat(s, ",") .. "}"
end

function M.config(x, _, req)
  local config = req.instance.config or {}
  return x .. walk(config) .. fold.try(function() config.sub.x = 1 end) .. fold.all(config.list and config.list[1], config.sub and config.sub.deep)
end

function M.config_list(x, n, req)
  local list = (req.instance.config or {}).list or {}
  return x .. fold.all(#list, table.unpack(list)) .. fold.try(table.unpack, list, 0, n)
end

function M.given_up(x, n)
  if n % 3 == 0 then uncacheable(x) end
  return x .. fold.try(uncacheable) .. fold.try(deny) .. fold.try(pick, {}) .. fold.try(pick, { x, n }) .. fold.try(pick, { "c0", policy = x }) ..
    fold.try(pick, { "c0", policy = "hash" }) .. fold.all(type(deny(x)), tostring(pick { "c0" }))
end

-- Whether two readings of one table of the config are one table, before and after a collection.
function M.config_identity(x, n, req)
  if not req.instance.config then return x end
  local first, same, keep = req.instance.config.sub, {}, {}
  for i = 1, 12 do
    for k = 1, n do keep[k % 5] = { x .. i .. k } end
    same[i] = rawequal(first, req.instance.config.sub) and first == req.instance.config.sub
  end
  return x .. fold.all(table.unpack(same))
end

-- Holes in a list of the config are nulls.
function M.config_holes(x, n, req)
  local list = (req.instance.config or {}).holes or {}
  return x .. fold.all(#list, select("#", table.unpack(list))) .. fold.try(table.concat, list, ",", 1, n % 3)
end

-- Many attributes, whose names are computed.
function M.computed_names(x, n, req)
  local found, h = 0, fold.hash(x) + n
  for i = 1, 300 do
    if req.attrs["flag_" .. h * i % 99991] then found = found + 1 end
  end
  return x .. found
end

return M
