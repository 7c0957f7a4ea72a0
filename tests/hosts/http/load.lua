-- A script for wrk: tenants ask for users, and each response is compared with the one that its request must get.
-- Use: wrk -t8 -c8 -s tests/hosts/http/load.lua URL, with as many threads as connections: then a response belongs to the last
-- request of its thread. tests/engines/http_spec.lua reads the lines that it prints at the end.
-- luacheck: globals setup init request response done wrk
-- luacheck: globals right absent first_at last_at after wrong example ask_of

local TENANTS = { "acme", "globex", "initech", "umbrella", "hooli" }
local SHARED = 3   -- the first of them are on servers, the others on files of their own
local USERS = 60   -- users 1 to 60: of the shared tenants in turn, and each isolated tenant has all of them
local MISSING = 10 -- users beyond these: no tenant has them

local seed = tonumber(os.getenv "SHUNT_SEED") or os.time()
local threads = {}

function setup(thread)
  threads[#threads + 1] = thread
  thread:set("number", #threads)
end

function init()
  math.randomseed(seed + 1000 * wrk.thread:get "number")
  right, absent, wrong, example = 0, 0, 0, ""
  first_at, last_at, after = 0, 0, 0 -- responses 503 or 504 of a shared tenant, and the good ones after the last of these
end

local function row(tenant, number, id)
  local orders = {}
  for i = 1, id % 4 do
    orders[i] = ('{"id":%d,"iid":%d,"user_id":%d,"item":"%s-%d-%d"}'):format(10 * id + i, number, id, tenant, id, i)
  end
  return ('{"id":%d,"iid":%d,"name":"%s-%d","orders":[%s]}'):format(id, number, tenant, id, table.concat(orders, ","))
end

function request()
  local number, id = math.random(#TENANTS), math.random(USERS + MISSING)
  local shared = number <= SHARED
  local has = id <= USERS and (not shared or (id - 1) % SHARED + 1 == number)
  ask_of = { tenant = TENANTS[number], shared = shared, id = id, body = has and row(TENANTS[number], number, id) }
  return wrk.format("GET", ("/users/%d?include=orders"):format(id), { ["X-Tenant"] = TENANTS[number] })
end

function response(status, _, body)
  if ask_of.body and status == 200 and body == ask_of.body then
    right = right + 1
    if ask_of.shared then after = after + 1 end
  elseif not ask_of.body and status == 404 then
    absent = absent + 1
  elseif ask_of.shared and (status == 503 or status == 504) then
    last_at, after = os.time(), 0
    if first_at == 0 then first_at = last_at end
  else
    wrong = wrong + 1
    example = ("%s asked for user %d: %d %s"):format(ask_of.tenant, ask_of.id, status, body)
  end
end

function done(summary)
  local sum = { right = 0, absent = 0, wrong = 0, first_at = 0, last_at = 0, after = 0 }
  for _, thread in ipairs(threads) do
    for _, name in ipairs { "right", "absent", "wrong" } do sum[name] = sum[name] + thread:get(name) end
    local first, last = thread:get "first_at", thread:get "last_at"
    if first > 0 and (sum.first_at == 0 or first < sum.first_at) then sum.first_at = first end
    if last > sum.last_at then sum.last_at = last end
    if thread:get "after" > 0 then sum.after = sum.after + 1 end
    if thread:get "example" ~= "" then print("example " .. thread:get "example") end
  end
  sum.socket = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
  sum.threads = #threads
  print("SHUNT_SEED=" .. seed)
  for name, value in pairs(sum) do print(("%s %d"):format(name, value)) end
end
