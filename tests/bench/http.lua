-- Requests a second of the HTTP service of tests/hosts/http, against http_by_hand, which is the same without shunt.
-- Use: lua5.4 tests/bench/http.lua, under tests/engines/with-servers.sh, with the paths that tests/bench/run.sh sets
local Engines = require "tests.engines.support.engines"
local Http = require "tests.hosts.http.service"

local ROUNDS, SECONDS = 15, 1
local LIMIT = 1.10
local USER, TENANT = "/users/7?include=orders", "acme"

local function requests_a_second(service)
  local pipe = assert(io.popen(("wrk -t1 -c8 -d%ds -H 'X-Tenant: %s' '%s%s' 2>&1"):format(SECONDS, TENANT, service.url, USER)))
  local text = pipe:read "a"
  pipe:close()
  local rate = tonumber(text:match "Requests/sec:%s*([%d.]+)")
  if not rate or text:find "Non%-2xx" or text:find "Socket errors" then error("bench: " .. text, 0) end
  return rate
end

local function median(list)
  table.sort(list)
  return list[(#list + 1) // 2]
end

local function measure(name, engine)
  local world <close> = setmetatable({ Http.world(engine, engine) }, { __close = function(self) self[1]:close() end })
  local folder = world[1].folder
  local urls = ""
  if engine ~= "sqlite3" then
    for _, client in ipairs { "people", "shop" } do
      urls = ("%s '%s'"):format(urls, Engines.url(engine, world[1].database_of[client]))
    end
  end
  assert(os.execute(("mkdir '%s/hand'"):format(folder)))
  local shunt = Http.start(folder)
  local hand = Http.start(folder .. "/hand", "bench/http_by_hand" .. urls, "..")
  local _, expected = hand:get(USER, TENANT)
  local _, got = shunt:get(USER, TENANT)
  assert(got == expected and #got > 0, "bench: the two sides give different answers")

  local ratios, by_hand, by_shunt = {}, {}, {}
  for i = 0, ROUNDS do -- the first round does not count
    local a, b = requests_a_second(hand), requests_a_second(shunt)
    if i > 0 then ratios[i], by_hand[i], by_shunt[i] = a / b, a, b end
  end
  shunt:stop()
  hand:stop()
  local ratio = median(ratios)
  print(("%s %.2f %.2f %s"):format(name, ratio, LIMIT, ratio <= LIMIT and "ok" or "short"))
  print(("# by hand: %.0f requests a second, shunt: %.0f (medians of %d rounds of %d s)"):format(median(by_hand), median(by_shunt),
    ROUNDS, SECONDS))
end

measure("http_sqlite_ratio", "sqlite3")
measure("http_pg_ratio", "pg")
