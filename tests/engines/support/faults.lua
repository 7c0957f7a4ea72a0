--- What goes wrong between an application and its servers, made on purpose: servers of a test's own, ended and set otherwise,
--- and a network that is slow or loses connections. For what sh tests/engines/with-servers.sh --private COMMAND gives.
--- Use: if Faults.none_for(engine) then pending … end; Faults.control(engine, "kill"); local relay = Faults.relay(engine); …

local Engines = require "tests.engines.support.engines"

local M = {}

local servers = os.getenv "SHUNT_TEST_SERVERS"
local build = os.getenv "SHUNT_BUILD" or "build"

--- Why nothing can be tried with the engine's server, or nil where it may be killed.
---@param engine string
---@return string?
function M.none_for(engine)
  local url = Engines.url(engine)
  if servers and url and url:find(servers, 1, true) then return nil end
  return "is not tried: there is no server of its own (sh tests/engines/with-servers.sh --private COMMAND starts one)"
end

--- The path of a file that belongs to the engine's server.
---@param engine string
---@param name string
---@return string
function M.file(engine, name) return ("%s/%s/%s"):format(servers, engine, name) end

---@param engine string
---@param action string one of server.sh
function M.control(engine, action)
  assert(os.execute(("sh tests/engines/server.sh %s %s '%s' >/dev/null"):format(action, engine, servers)), action)
end

--- Kills the servers after a while and starts them again, while this program goes on.
---@param engines string[]
---@param seconds number
---@return fun(): boolean done whether they are back
function M.restart_soon(engines, seconds)
  local mark = os.tmpname()
  local jobs = {}
  for i, engine in ipairs(engines) do
    local server = ("sh tests/engines/server.sh %%s %s '%s'"):format(engine, servers)
    jobs[i] = ("(%s && %s) &"):format(server:format "kill", server:format "start")
  end
  os.execute(("(sleep %g; %s wait; rm '%s') >/dev/null 2>&1 </dev/null &"):format(seconds, table.concat(jobs, " "), mark))
  return function()
    local file = io.open(mark)
    if file then file:close() end
    return not file
  end
end

--- Kills the server and starts it with more options of its own; none: as it was made.
---@param engine string
---@param options string
function M.restart_with(engine, options)
  local file = assert(io.open(M.file(engine, "options"), "w"))
  assert(file:write(options, "\n"))
  assert(file:close())
  M.control(engine, "kill")
  M.control(engine, "start")
end

--- Runs statements as the one who may do anything.
---@param engine string
---@param statements string[]
function M.as_root(engine, statements)
  local root = { pg = "//postgres@", mysql = "//root@" }
  Engines.administer(engine, statements, (Engines.url(engine):gsub("//shunt@", root[engine])))
end

-- ---- networks ----

---@class Relay
---@field address string where to connect to
local Relay = {}
Relay.__index = Relay

--- A network in front of the engine's server, which passes everything on at once.
---@param engine string
---@param address? string of this machine
---@return Relay
function M.relay(engine, address)
  address = address or "127.0.0.1"
  local port = Engines.url(engine, nil, true):match ":(%d+)/"
  local answers = os.tmpname()
  assert(os.execute(("rm '%s' && mkfifo '%s'"):format(answers, answers)))
  local relay = setmetatable({}, Relay)
  relay.commands = assert(io.popen(("exec '%s/tests/relay' %s %s >'%s'"):format(build, address, port, answers), "w"))
  relay.answers = assert(io.open(answers, "r"))
  os.remove(answers)
  relay.address = ("%s:%s"):format(address, assert(relay.answers:read "l", "there is no relay: 'make unit' builds it"))
  return relay
end

---@param command string
function Relay:tell(command)
  assert(self.commands:write(command, "\n"))
  assert(self.commands:flush())
  assert(self.answers:read "l" == "done", command)
end

--- All connections are silent from now on, and no new one is taken.
function Relay:silence() self:tell "silence" end

--- Takes new connections; those that were silent stay so.
function Relay:pass() self:tell "pass" end

--- Everything comes so much later, either way.
---@param ms integer
function Relay:delay(ms) self:tell(("delay %d"):format(ms)) end

--- Passes on at most so many bytes per second, each way of a connection.
---@param bytes integer
function Relay:rate(bytes) self:tell(("rate %d"):format(bytes)) end

function Relay:close()
  self.commands:write "end\n" -- a server that was started since then may hold its input
  self.commands:close()
  self.answers:close()
end

-- ---- pools ----

--- Takes a connection for each of so many transactions in each other, and runs fn in the innermost.
---@param app table
---@param client string
---@param depth integer
---@param fn? function
function M.hold(app, client, depth, fn)
  if depth == 0 then
    if fn then fn() end
    return
  end
  local session <close> = app:session()
  session:transaction(function()
    session:query(client, "SELECT 1")
    M.hold(app, client, depth - 1, fn)
  end, { client = client })
end

--- The statistics of the client's pool.
---@param app table
---@param client string
---@return table
function M.pool(app, client)
  for _, each in ipairs(app:pools()) do
    if each.client == client and each.level == 0 then return each end
  end
  error("no pool of " .. client)
end

--- Until the next attempt to connect may be made.
function M.wait_for_circuit(app, client)
  while M.pool(app, client).retry_ms > 0 do os.execute "sleep 0.02" end
end

--- Fails if a pool has lost a place: no connection is in use, no call waits for one, and all can be acquired at the same time.
---@param app table
---@param client string
function M.assert_whole(app, client)
  M.wait_for_circuit(app, client)
  M.hold(app, client, M.pool(app, client).max)
  for _, each in ipairs(app:pools()) do
    assert(each.busy == 0, ("%d connections of %s are lost"):format(each.busy, each.client))
    assert(each.waiting == 0, ("%d wait for %s"):format(each.waiting, each.client))
  end
  assert(not M.pool(app, client).circuit_open)
end

return M
