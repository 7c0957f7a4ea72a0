-- The HTTP service of tests/hosts/http with its tenants on three engines: what it answers, and that under load, with reloads
-- all the time and a server that goes and comes back, no tenant gets another one's row.
-- The servers are killed and paused for this, so they must be of its own: sh tests/engines/with-servers.sh --private busted …
-- SHUNT_HTTP_SECONDS: how long the load lasts, 6 s if it is not set.

local App = require "tests.spec.support.app"
local Faults = require "tests.engines.support.faults"
local Http = require "tests.hosts.http.service"
local OpenMetrics = require "tests.spec.support.openmetrics"
local files = require "tests.files"

local SECONDS = tonumber(os.getenv "SHUNT_HTTP_SECONDS") or 6
local RELOADS = 0.1 -- seconds between two of them
local RETRY_S = 3   -- a client that is considered down is tried again within this time
local sanitized = (files.try_read((os.getenv "SHUNT_BUILD" or "build") .. "/flags") or ""):find "-fsanitize"

describe("the HTTP service", function()
  local why = Faults.none_for "pg" or Faults.none_for "mysql"
  if why then
    pending(why)
    return
  end

  local world, service

  setup(function() world = Http.world("pg", "mysql") end)
  teardown(function() world:close() end)
  before_each(function() service = Http.start(world.folder) end)
  after_each(function() service:stop() end)

  it("answers for the tenant of the header", function()
    local status, body = service:get("/users/7?include=orders", "acme")
    assert.equal(200, status)
    assert.equal('{"id":7,"iid":1,"name":"acme-7","orders":[{"id":71,"iid":1,"user_id":7,"item":"acme-7-1"},'
      .. '{"id":72,"iid":1,"user_id":7,"item":"acme-7-2"},{"id":73,"iid":1,"user_id":7,"item":"acme-7-3"}]}', body)
    status, body = service:get("/users/7", "hooli")
    assert.equal(200, status)
    assert.equal('{"id":7,"iid":5,"name":"hooli-7"}', body)
    assert.equal(404, (service:get("/users/7", "globex")))
  end)

  it("refuses requests that it can't answer", function()
    assert.equal(400, (service:get "/users/7"))
    assert.equal(404, (service:get("/users/7", "nobody")))
    assert.equal(404, (service:get("/users/7?include=friends", "acme")))
    assert.equal(404, (service:get("/users/seven", "acme")))
    assert.equal(404, (service:get("/", "acme")))
    assert.equal(405, (service:get("/users/7", "acme", "-X POST -d x=1")))
  end)

  it("counts in its metrics the statements of requests", function()
    for _ = 1, 5 do service:get("/users/7?include=orders", "acme") end
    service:get("/users/7", "hooli")
    service:get("/users/7", "globex")
    local status, text = service:get "/metrics"
    assert.equal(200, status)
    local metrics = OpenMetrics.read(text)
    for client, n in pairs { people = 6, shop = 5, hooli = 1 } do
      assert.equal(n, metrics:value("shunt_statements_total", { client = client, level = "0", operation = "read", outcome = "done" }), client)
    end
  end)

  it("reloads on SIGHUP, and keeps what it has if the new rules don't load", function()
    local path = world.folder .. "/rules/models.lua"
    local text = files.read(path)
    local function reload(rules, done)
      App.write(path, rules)
      service:signal "HUP"
      assert(Http.await(done), service:log())
    end
    reload(text .. 'rule "closed" { stage = "guard", model = "user", deny = "closed" }\n', function() return service:generation() == 2 end)
    assert.equal(403, (service:get("/users/7", "acme")))
    reload(text .. "rule {", function() return service:log():find "nothing was reloaded" end)
    assert.equal(2, service:generation())
    assert.equal(403, (service:get("/users/7", "acme")))
    reload(text, function() return service:generation() == 3 end)
    assert.equal(200, (service:get("/users/7", "acme")))
  end)

  it("answers on SIGTERM what it was asked, and takes no more", function()
    local result = world.folder .. "/late"
    Faults.control("pg", "pause")
    finally(function() Faults.control("pg", "resume") end)
    assert(os.execute(("curl -sS -m 60 -o '%s' -H 'X-Tenant: acme' '%s/users/7' >/dev/null 2>&1 &"):format(result, service.url)))
    os.execute "sleep 0.5"
    service:signal "TERM"
    assert(Http.await(function() return service:get "/healthz" == 0 end), "it takes connections")
    assert.equal(nil, service:status())
    Faults.control("pg", "resume")
    assert.equal(0, service:stop())
    assert(Http.await(function() return files.try_read(result) end))
    assert.equal('{"id":7,"iid":1,"name":"acme-7"}', files.read(result))
  end)

  -- Memory in KiB and the open descriptors, about twice a second, while the file `running` is there.
  local function watch(folder)
    assert(os.execute(([[cd '%s' && touch running && { while [ -e running ]; do
      echo "$(sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' /proc/%s/status) $(ls /proc/%s/fd | wc -l)"; sleep 0.5; done >samples 2>&1 & }]])
      :format(folder, service.pid, service.pid)))
  end

  -- The most memory and the most descriptors in a part of the samples.
  local function most(samples, from, to)
    local memory, descriptors = 0, 0
    for i = math.max(1, from), to do
      memory, descriptors = math.max(memory, samples[i][1]), math.max(descriptors, samples[i][2])
    end
    return memory, descriptors
  end

  it("gives each tenant its own rows under load, through reloads and while a server is away", function()
    local folder = world.folder
    local away = { from = 0, to = 0 }
    watch(folder)
    assert(os.execute(("(while [ -e '%s/running' ]; do kill -HUP %s; sleep %g; done) >/dev/null 2>&1 &"):format(folder, service.pid, RELOADS)))
    assert(os.execute(("(wrk -t8 -c8 -d%ds -s tests/hosts/http/load.lua '%s' >'%s/load' 2>&1; echo >>'%s/load' ended) &"):format(SECONDS,
      service.url, folder, folder)))
    os.execute(("sleep %g"):format(SECONDS * 0.4))
    away.from = os.time()
    Faults.control("pg", "kill")
    os.execute "sleep 0.5"
    Faults.control("pg", "start")
    away.to = os.time()
    os.execute(("sleep %g"):format(SECONDS * 0.4))
    local text = Http.await(function()
      local printed = files.try_read(folder .. "/load") or ""
      return printed:find "ended" and printed
    end)
    assert(text, "wrk did not end")
    local generation = service:generation()
    os.remove(folder .. "/running")

    local found = {}
    for name, value in text:gmatch "%f[^\n](%l[%l_]*) (%d+)\n" do found[name] = math.tointeger(value) end
    assert.equal(0, found.wrong, text)
    assert.equal(0, found.socket, text)
    assert(found.right > 100 and found.absent > 100, text)
    assert(generation > 10, "generation " .. generation)
    assert(found.first_at >= away.from, "an error came before the server was killed: " .. text)
    assert(found.last_at <= away.to + RETRY_S, ("the server was back at %d: %s"):format(away.to, text))
    assert.equal(found.threads, found.after, "a thread got nothing from the server after it was back: " .. text)

    assert.equal(200, (service:get("/users/7", "acme")))
    local _, metrics = service:get "/metrics"
    local reloads = OpenMetrics.read(metrics):value("shunt_reloads_total", { outcome = "done" })
    assert(generation <= reloads + 1 and reloads + 1 <= service:generation(), reloads .. " reloads")
    local samples = {}
    for memory, descriptors in files.read(folder .. "/samples"):gmatch "(%d+) (%d+)\n" do
      samples[#samples + 1] = { math.tointeger(memory), math.tointeger(descriptors) }
    end
    assert(#samples >= 4, "too few samples")
    local quarter = #samples // 4
    local early_memory, early_descriptors = most(samples, quarter, 2 * quarter)
    local late_memory, late_descriptors = most(samples, #samples - quarter, #samples)
    if not sanitized then
      assert(late_memory <= 1.1 * early_memory + 8192, ("memory grows from %d to %d KiB"):format(early_memory, late_memory))
    end
    -- The pools of four clients may still open some of their 8 connections. One descriptor for each reload would be more.
    assert(late_descriptors <= early_descriptors + 16, ("descriptors grow from %d to %d"):format(early_descriptors, late_descriptors))
    assert.equal(0, service:stop())
  end)
end)
