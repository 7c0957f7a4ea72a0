-- shunt worker --metrics: served by HTTP. tests/unit/cli/serve_test.c has the slow and hostile clients.

local Command = require "tests.spec.support.command"
local Jobs = require "tests.spec.support.jobs"
local OpenMetrics = require "tests.spec.support.openmetrics"
local Workers = require "tests.spec.support.workers"

describe("a worker with --metrics", function()
  local at, process, port

  before_each(function()
    at = Jobs.open()
    process = Workers.start(at.folder, "--metrics 127.0.0.1:0")
    port = assert(process:output():match "metrics: http://127%.0%.0%.1:(%d+)/metrics")
  end)
  after_each(function()
    process:signal "TERM"
    process:wait()
    at:close()
  end)

  --- What the server answers to the bytes, which printf understands. Lua has no sockets, bash has.
  local function talk(bytes)
    local script = ("exec 3<>/dev/tcp/127.0.0.1/%s; printf %s >&3; cat <&3"):format(port, Command.quoted(bytes))
    return (Command.capture("timeout 20 bash -c " .. Command.quoted(script)))
  end

  it("serves what the format allows, with the counts of its jobs", function()
    for i = 1, 3 do at.session:push_async("add", { a = i, b = 1 }) end
    local head, body = talk "GET /metrics HTTP/1.1\\r\\n\\r\\n":match "^(.-\r\n)\r\n(.*)$"
    assert.equal("HTTP/1.1 200 OK", head:match "^[^\r]*")
    assert.truthy(head:find("Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n", 1, true))
    assert.equal(#body, tonumber(head:match "Content%-Length: (%d+)"))
    local m = OpenMetrics.read(body)
    assert.equal(3, m:sum("shunt_job_runs_total", { queue = "default", outcome = "done" }))
  end)

  it("answers other requests with an error, and closes the connection", function()
    for request, status in pairs {
      ["GET / HTTP/1.1"] = 404, ["GET /metric HTTP/1.1"] = 404, ["GET /metricsx HTTP/1.1"] = 404, ["POST /metrics HTTP/1.1"] = 405,
      ["GET /metrics"] = 400, ["GET  HTTP/1.1"] = 400, [""] = 400, ["GET /metrics HTTP/2"] = 400, ["\\1\\2\\3"] = 400, ["GET /\\0"] = 400,
      ["HEAD /metrics HTTP/1.1"] = 200, ["GET /metrics?a=b HTTP/1.0"] = 200,
    } do
      local text = talk(request .. "\\r\\nHost: a\\r\\n\\r\\n")
      assert.equal(tostring(status), text:match "^HTTP/1%.1 (%d+) ", request .. "\n" .. text)
      if request:find "^HEAD" then assert.truthy(text:find "\r\n\r\n$") end
    end
    assert.equal("431", talk("GET /metrics HTTP/1.1\\r\\nA: " .. ("a"):rep(5000)):match "^HTTP/1%.1 (%d+) ")
  end)

  it("that can't listen there says so", function()
    local binary, folder = Command.binary, at.folder
    for address, why in pairs { ["127.0.0.1:" .. port] = "Address already in use", ["127.0.0.1"] = "is not HOST:PORT",
      ["::1:80"] = "is not HOST:PORT", ["127.0.0.1:99999"] = "is not HOST:PORT", ["127.0.0.1:x"] = "is not HOST:PORT" } do
      local text, status = Command.capture(("%s worker --once -c %s/shunt.yaml --metrics %s 2>&1"):format(binary, folder, address))
      assert.equal(2, status)
      assert.truthy(text:find(why, 1, true), text)
    end
  end)
end)
