--- The HTTP service of this folder, with tenants and their rows, for specs and measurements.
--- Use: local world = Http.world("pg", "mysql"); local service = Http.start(world.folder); service:get("/users/7", "acme"); …;
--- service:stop(); world:close()

local Engines = require "tests.engines.support.engines"
local files = require "tests.files"
local tables = require "tests.hosts.http.tables"

local M = {}

local STEP_S, STEPS = 0.05, 1200

local build = os.getenv "SHUNT_BUILD" or "build"

local yaml = [[
instance:
  instances:
    acme:     {id: 1}
    globex:   {id: 2}
    initech:  {id: 3}
    umbrella: {id: 4, isolate: true, isolateClient: umbrella}
    hooli:    {id: 5, isolate: true, isolateClient: hooli}
]]

local function capture(command)
  local pipe = assert(io.popen("{ " .. command .. "\n} 2>&1 </dev/null"))
  local text = pipe:read "a"
  pipe:close()
  return text
end

--- Waits until fn returns a true value, and returns that; nil after a minute.
function M.await(fn)
  for _ = 1, STEPS do
    local value = fn()
    if value then return value end
    os.execute(("sleep %g"):format(STEP_S))
  end
end

--- An application with the rules of the service and all rows; users and orders of the shared tenants are on these engines.
---@param people string
---@param shop string
---@return World
function M.world(people, shop)
  local world = Engines.open { clients = { people = people, shop = shop, umbrella = "sqlite3", hooli = "sqlite3" },
    default = "people", rules = files.read "tests/hosts/http/rules/models.lua", yaml = yaml, max = 8 }
  tables.fill(world.app)
  return world
end

-- ---- the service ----

---@class Service
---@field pid string
---@field url string
---@field folder string where its log is
local Service = {}
Service.__index = Service

--- Starts a program that prints its port. A shell beside it keeps its exit status.
---@param folder string where its log and its exit status are written
---@param command? string in place of the service itself
---@param works_in? string a folder below or above that one
---@return Service
function M.start(folder, command, works_in)
  local here = capture(("cd '%s' && pwd"):format(build)):gsub("\n", "")
  command = here .. "/" .. (command or "hosts/http shunt.yaml 0 8")
  assert(os.execute(("cd '%s' && rm -f status port pid && { ((%sexec %s) >port 2>log & echo $! >pid; wait $!; echo $? >status) "
    .. ">/dev/null 2>&1 & }")
    :format(folder, works_in and ("cd '%s'; "):format(works_in) or "", command)))
  local port = M.await(function()
    return (files.try_read(folder .. "/port") or ""):match "%d+\n" or files.try_read(folder .. "/status") and ""
  end)
  assert(port and port ~= "", files.try_read(folder .. "/log"))
  return setmetatable({ folder = folder, pid = files.read(folder .. "/pid"):match "%d+",
    url = "http://127.0.0.1:" .. port:match "%d+" }, Service)
end

function Service:signal(name) assert(os.execute(("kill -%s %s"):format(name, self.pid))) end

function Service:log() return files.read(self.folder .. "/log") end

--- The status of HTTP, 0 if the service takes no connection, and the body.
function Service:get(path, tenant, options)
  local header = tenant and ("-H 'X-Tenant: %s'"):format(tenant) or ""
  local text = capture(("curl -sS -m 60 -w '\\n%%{http_code}' %s %s '%s%s'"):format(options or "", header, self.url, path))
  local body, status = text:match "^(.*)\n(%d+)$"
  return tonumber(status), body
end

function Service:generation()
  local _, body = self:get "/healthz"
  return tonumber(body:match '"generation":(%d+)')
end

--- Its exit status, or nil while it runs.
function Service:status() return tonumber(files.try_read(self.folder .. "/status") or "") end

--- Ends it, unless it has ended, and returns its exit status.
function Service:stop()
  if not self:status() then self:signal "TERM" end
  return M.await(function() return self:status() end)
end

return M
