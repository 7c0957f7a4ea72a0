-- app:metrics(): counted against the counts of a random program; and the format, by a strict reader of it.

local App = require "tests.spec.support.app"
local OpenMetrics = require "tests.spec.support.openmetrics"
local Random = require "tests.spec.support.random"

local ODD = 'says "hi" \\ to\nall, æ' -- each of what must be escaped
local CLIENTS = { "a", "b" }

local RULES = ([[
model "note" { table = "notes", client = "a" }
model "mark" { table = "marks", client = "b" }
rule (%q) { stage = "override", when = function(req) return req.attrs.odd end, client = "b" }
rule "fails" { stage = "override", model = "note", when = function(req) return req.attrs.broken end, client = function() error "no" end }
rule "readers only read" { stage = "guard", op = "write", check = function(req)
  if req.attrs.reader then return deny "reader" end
end }
]]):format(ODD):gsub("\\\n", "\\n")

local JOBS = [[
job "good" { handler = function() return 1 end }
job "bad" { retry = 0, queue = "mail", handler = function() error "no" end }
job "second" { retry = 1, backoff = "1ms", handler = function(_, _, job) if job.attempt == 1 then error "not yet" end end }
]]

local function config(max, extra)
  return App.database_yaml(CLIENTS, "a"):gsub("(a%.db})}", "%1, pool: {max: " .. max .. "}}") ..
    "rules: {path: [rules]}\njobs: {path: [jobs], keep: 1h}\n" .. (extra or "")
end

describe("metrics", function()
  local app, folder

  local function open()
    app, folder = App.open({ ["shunt.yaml"] = config(8), ["rules/a.lua"] = RULES, ["jobs/all.lua"] = JOBS }, CLIENTS)
    local s <close> = app:session()
    s:execute("a", "CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT)")
    s:execute("b", "CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT)")
    s:execute("b", "CREATE TABLE marks (id INTEGER PRIMARY KEY, body TEXT)")
  end

  after_each(function()
    app:close()
    App.remove(folder)
  end)

  local function read() return OpenMetrics.read(app:metrics()) end

  local function run_jobs()
    local worker <close> = app:worker { drain = true, concurrency = 2 }
    while worker:status().threads > 0 do os.execute "sleep 0.01" end
    assert.is_nil(worker:status().problem)
  end

  it("have the counts of a random program, whatever is reloaded meanwhile", function()
    local seed = Random.seed()
    print("SHUNT_SEED=" .. seed)
    local random, counts = Random.new(seed), setmetatable({}, { __index = function() return 0 end })
    local function count(name) counts[name] = counts[name] + 1 end
    local sessions, max, refused, loaded = {}, 8, 0, 0
    open()
    counts["a write done"], counts["b write done"], counts["guard passed"] = 1, 2, 3 -- the tables

    local kinds = { {}, { odd = true }, { reader = true }, { broken = true } }
    local function session()
      local s = { attrs = random:of(kinds) }
      s.session = app:session { attrs = s.attrs, follow = random:chance(50) }
      return s
    end
    for i = 1, 4 do sessions[i] = session() end

    --- The rules of an access, in their stages. Returns its client; nil: it is denied, or a rule fails.
    local function decide(s, model, op)
      if s.attrs.odd then
        count "odd selected"
      else
        count "odd passed"
        if model == "note" then count(s.attrs.broken and "fails failed" or "fails passed") end
        if model == "note" and s.attrs.broken then return end
        count "model selected"
      end
      if op == "write" then count(s.attrs.reader and "guard denied" or "guard passed") end
      if op == "write" and s.attrs.reader then return end
      return s.attrs.odd and "b" or model == "note" and "a" or "b"
    end

    local actions = {
      function(s)
        local model, op = random:of { "note", "mark" }, random:of { "read", "write" }
        local ok, decision = pcall(s.session.resolve, s.session, model, { op = op })
        assert.equal(decide(s, model, op), ok and decision.client or nil)
      end,
      function(s)
        local model = s.attrs.odd and "note" or random:of { "note", "mark" }
        local client = decide(s, model, "read")
        if client then count(client .. " read done") end
        assert.equal(client ~= nil, (pcall(function() return s.session:model(model):select() end)))
      end,
      function(s)
        if s.attrs.odd or s.attrs.broken then return end
        local ends = random:chance(60)
        local client = decide(s, "note", "write")
        pcall(s.session.transaction, s.session, function()
          s.session:model("note"):insert { body = "x" }
          if not ends then error "roll it back" end
        end)
        if not client then return end -- denied before it began anywhere
        count(client .. " write done")
        count(client .. (ends and " committed" or " rolled_back"))
      end,
      function(s)
        local client = random:of(CLIENTS)
        -- the guards are asked whether the client may be written to
        if s.attrs.reader or s.attrs.broken then return end
        count "guard passed"
        count(client .. " write failed")
        App.raises("SHUNT_E_CONSTRAINT", s.session.execute, s.session, client, "INSERT INTO notes (id) VALUES ('none')")
      end,
      function() sessions[random:int(1, #sessions)] = session() end,
      function(s) s.session:close() end,
    }
    for _ = 1, 600 do
      local i = random:int(1, #sessions)
      random:of(actions)(sessions[i])
      if not pcall(sessions[i].session.level, sessions[i].session) then sessions[i] = session() end
      if random:chance(3) then
        max = random:chance(50) and max or max % 8 + 1 -- another max is another pool
        local broken = random:chance(30)
        App.write(folder .. "/shunt.yaml", config(max, broken and "nonsense: 1\n" or ""))
        assert.equal(not broken, (pcall(app.reload, app)))
        if broken then refused = refused + 1 else loaded = loaded + 1 end
      end
      if random:chance(2) then collectgarbage() end
    end
    local pushed = {}
    for _ = 1, 12 do
      local job = random:of { "good", "bad", "second" }
      pushed[job] = (pushed[job] or 0) + 1
      sessions[1].session:push(job)
    end
    run_jobs()
    local waiting = random:int(1, 3)
    for _ = 1, waiting do sessions[1].session:push("good", nil, { delay = "1h" }) end

    local m = read()
    for _, client in ipairs(CLIENTS) do
      for _, outcome in ipairs { "committed", "rolled_back" } do
        assert.equal(counts[client .. " " .. outcome],
          m:value("shunt_transactions_total", { client = client, level = "0", outcome = outcome }), client .. outcome)
      end
      for _, op in ipairs { "read", "write" } do
        local all = 0
        for _, outcome in ipairs { "done", "failed" } do
          local n = m:value("shunt_statements_total", { client = client, level = "0", operation = op, outcome = outcome })
          local name = ("%s %s %s"):format(client, op, outcome)
          assert.equal(counts[name], n, name)
          all = all + n
        end
        assert.equal(all, m:value("shunt_statement_seconds_count", { client = client, level = "0", operation = op }))
      end
    end
    local function rule(name, stage, outcome)
      return m:value("shunt_decisions_total", { rule = name, stage = stage, outcome = outcome })
    end
    for name, stage in pairs { [ODD] = "override", fails = "override", ["model's client"] = "model", ["readers only read"] = "guard" } do
      local short = ({ [ODD] = "odd", ["model's client"] = "model", ["readers only read"] = "guard" })[name] or name
      for _, outcome in ipairs { "selected", "passed", "denied", "failed" } do
        assert.equal(counts[short .. " " .. outcome], rule(name, stage, outcome), short .. " " .. outcome)
      end
    end
    assert.equal(loaded, m:value("shunt_reloads_total", { outcome = "done" }))
    assert.equal(refused, m:value("shunt_reloads_total", { outcome = "refused" }))
    assert.equal(loaded + 1, m:value "shunt_generation")
    local good, bad, second = pushed.good or 0, pushed.bad or 0, pushed.second or 0
    assert.equal(good + second, m:sum("shunt_job_runs_total", { queue = "default", outcome = "done" }))
    assert.equal(second, m:sum("shunt_job_runs_total", { queue = "default", outcome = "failed" }))
    assert.equal(bad, m:sum("shunt_job_runs_total", { queue = "mail", outcome = "dead" }))
    assert.equal(good + second, m:sum("shunt_jobs", { queue = "default", state = "done" }))
    assert.equal(bad, m:sum("shunt_jobs", { queue = "mail", state = "dead" }))
    assert.equal(waiting, m:sum("shunt_jobs", { queue = "default", state = "ready" }))
  end)

  it("count a stream once, however it ends", function()
    open()
    local s <close> = app:session()
    local notes = s:model "note"
    for i = 1, 3 do notes:insert { id = i, body = "x" } end
    local function reads()
      return read():value("shunt_statements_total", { client = "a", level = "0", operation = "read", outcome = "done" })
    end
    for _ in notes:each() do end
    assert.equal(1, reads())
    for row in notes:each() do
      if row.id == 2 then break end -- which closes the stream
    end
    assert.equal(2, reads())
    s:transaction(function() -- its end is the stream's
      local next_row, stream = notes:each()
      next_row(stream)
    end)
    assert.equal(3, reads())
  end)

  it("are read by a reader that refuses what the format does not allow", function()
    open()
    local head = "# TYPE a counter\n# HELP a What.\n"
    local buckets = '# TYPE h histogram\n# HELP h What.\nh_bucket{le="1.0"} 2\n'
    assert(OpenMetrics.read(head .. 'a_total{b="\\\\\\n\\""} 1\n# EOF\n'))
    for _, text in ipairs {
      head, head .. "a 1\n# EOF\n", head .. "a_total 1\na_total 2\n# EOF\n", head .. "a_total -1\n# EOF\n",
      head .. 'a_total{b="\n"} 1\n# EOF\n', head .. 'a_total{b="\\t"} 1\n# EOF\n', head .. 'a_total{b="""} 1\n# EOF\n',
      head .. 'a_total{b="1",b="2"} 1\n# EOF\n', head .. "a_total{} 1\n# EOF\n", head .. "a_total  1\n# EOF\n", "a_total 1\n# EOF\n",
      head .. "# UNIT a seconds\n# EOF\n", head .. "a_total 1\n" .. head .. "# EOF\n", head .. "a_total \xff1\n# EOF\n",
      buckets .. "# EOF\n", buckets .. 'h_bucket{le="0.5"} 3\n# EOF\n', buckets .. 'h_bucket{le="+Inf"} 1\n# EOF\n',
      buckets .. 'h_bucket{le="+Inf"} 3\nh_count 2\nh_sum 1\n# EOF\n', buckets .. 'h_bucket{le="+Inf"} 3\nh_count 3\n# EOF\n',
    } do
      assert.is_false((pcall(OpenMetrics.read, text)), text)
    end
  end)
end)
