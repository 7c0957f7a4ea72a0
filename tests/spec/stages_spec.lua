-- Which datasource an access goes to: every stage, every pair of them, every relation client mode, isolation, refine and guard
-- rules, picks, the order of rules, and environments. Nothing here connects to anything.

local App = require "tests.spec.support.app"

local clients = {
  "default_c", "override_c", "explicit_c", "relation_c", "call_c", "model_c", "current_c", "parent_c", "iso_c", "other_c", "r1", "r2", "r3",
}

local function config(more, instance_options)
  return App.database_yaml(clients, "default_c") .. [[
    pg_c: {engine: pg, connection: {host: localhost, user: u, database: d}}
    replica_c: {engine: sqlite3, role: replica, connection: {filename: r.db}}
instance:
]] .. (instance_options or "") .. [[
  instances:
    "":   {id: 1}
    shared: {id: 2, title: Shares the default}
    iso:    {id: 3, isolate: true, isolateClient: iso_c, config: {region: north}}
]] .. (more or "") .. "rules: {path: [rules]}\n"
end

local models = [[
model "user" { table = "users", client = "parent_c", relations = {
  plain = has_many("plain", "user_id"),
  plain_auto = has_many("plain", "user_id", { client = "_auto_" }),
  plain_initial = has_many("plain", "user_id", { client = "_initial_" }),
  plain_inherit = has_many("plain", "user_id", { client = "_inherit_" }),
  plain_named = has_many("plain", "user_id", { client = "relation_c" }),
  plain_default = has_many("plain", "user_id", { client = "default" }),
  own = has_many("own", "user_id"),
  own_auto = has_many("own", "user_id", { client = "_auto_" }),
  own_initial = has_many("own", "user_id", { client = "_initial_" }),
  own_inherit = has_many("own", "user_id", { client = "_inherit_" }),
  own_named = has_many("own", "user_id", { client = "relation_c" }),
  own_default = has_many("own", "user_id", { client = "default" }),
} }
model "plain" { table = "plains", relations = { again = has_many("plain", "user_id") } }
model "own" { table = "owns", client = "model_c" }
]]

-- Applications are opened once for each text of rules, and closed at the end.
local open_apps = {}

local function app_with(rules, yaml)
  local key = (yaml or "") .. "\0" .. rules
  if not open_apps[key] then
    local app, folder = App.open { ["shunt.yaml"] = yaml or config(), ["rules/a.lua"] = models, ["rules/b.lua"] = rules }
    open_apps[key] = { app = app, folder = folder }
  end
  return open_apps[key].app
end

local function close_apps()
  for _, opened in pairs(open_apps) do
    opened.app:close()
    App.remove(opened.folder)
  end
  open_apps = {}
end

-- A case's decision. The session's own fields (instance, attrs, level) and the request's stand in one table.
local function decide(rules, request, yaml)
  local session = app_with(rules, yaml):session { instance = request.instance, attrs = request.attrs, level = request.level }
  local options = {}
  for k, v in pairs(request) do options[k] = v end
  options.instance, options.attrs, options.level, options.model = nil, nil, nil, nil
  local decision = session:resolve(request.model, options)
  session:close()
  return decision
end

local function shown(request)
  local parts = {}
  for k, v in pairs(request) do parts[#parts + 1] = k .. "=" .. tostring(v) end
  table.sort(parts)
  return table.concat(parts, " ")
end

teardown(close_apps)

describe("the select stages", function()
  local override = [[
    rule "somewhere else" { stage = "override", when = function(req) return req.attrs.override end, client = "override_c" }
  ]]
  local stages = { "override", "explicit", "relation", "model", "current", "default" }

  -- A request in which exactly these stages (and default, which always does) name a client.
  local function request_of(set)
    local request = { attrs = { override = set.override or false } }
    request.relation = "user." .. (set.model and "own_" or "plain_") .. (set.relation and "named" or "initial")
    request.model = set.model and "own" or "plain"
    if set.explicit then request.client = "explicit_c" end
    if set.current then request.current = "current_c" end
    return request
  end

  local function client_of(set)
    for _, stage in ipairs(stages) do
      if set[stage] then return stage .. "_c", stage end
    end
  end

  for i, first in ipairs(stages) do
    it(first .. " decides where it alone has an opinion", function()
      local decision = decide(override, request_of { [first] = true, default = true })
      assert.equal(first .. "_c", decision.client)
    end)
    for k = i + 1, #stages do
      it(first .. " outranks " .. stages[k], function()
        local decision = decide(override, request_of { [first] = true, [stages[k]] = true, default = true })
        assert.equal(first .. "_c", decision.client)
      end)
    end
  end

  it("are asked in their order, whatever set of them has an opinion", function()
    for bits = 0, 31 do
      local set = { default = true }
      for i = 1, 5 do set[stages[i]] = bits >> (i - 1) & 1 == 1 or nil end
      local decision = decide(override, request_of(set))
      local client, stage = client_of(set)
      assert.equal(client, decision.client, shown(request_of(set)))
      local last
      for _, step in ipairs(decision.trace) do
        if step.stage ~= "refine" and step.stage ~= "guard" then last = step end
      end
      assert.equal(stage, last.stage)
    end
  end)

  it("take a model's own access without a relation too", function()
    assert.equal("default_c", decide(override, { model = "plain" }).client)
    assert.equal("current_c", decide(override, { model = "plain", current = "current_c" }).client)
    assert.equal("model_c", decide(override, { model = "own", current = "current_c" }).client)
    assert.equal("explicit_c", decide(override, { model = "own", client = "explicit_c" }).client)
    assert.equal("override_c", decide(override, { model = "own", client = "explicit_c", attrs = { override = true } }).client)
  end)

  it("answer with everything that the manual lists", function()
    local decision = decide(override, { model = "own", where = { id = 7 } })
    assert.equal("own", decision.model)
    assert.is_nil(decision.relation)
    assert.equal("model_c", decision.client)
    assert.equal("sqlite3", decision.engine)
    assert.equal(0, decision.level)
    assert.equal("owns", decision.table)
    assert.equal("read", decision.op)
    assert.equal("primary", decision.role)
    assert.is_string(decision.rule)
    assert.matches("rules/standard/model%.lua:%d+$", decision.source)
    assert.is_true(math.type(decision.generation) == "integer")
    assert.is_nil(decision.denied)
    local of = {}
    for _, field in ipairs(decision.depends_on) do of[field] = true end
    assert.is_true(of.model and of.explicit and of["attrs.override"], "depends_on lacks what was read")
    assert.equal("write", decide(override, { model = "own", op = "write" }).op)
    assert.equal("replica", decide(override, { model = "own", client = "replica_c" }).role)
    assert.equal("user.own", decide(override, { relation = "user.own" }).relation)
  end)
end)

describe("a relation's client", function()
  -- The contract's table once more, as a function: what a relation's mode leads to.
  local function expected(request, own, target)
    local mode = request.relation_client or own or "_auto_"
    local parent = request.parent or "parent_c"
    if mode == "default" then return "default_c" end
    if mode == "_inherit_" then return parent end
    if mode:sub(1, 1) ~= "_" then return mode end
    if target == "own" then return "model_c" end
    if mode == "_auto_" then return parent end
    return request.current or "default_c"
  end

  local own_modes = {
    { "", nil }, { "_auto", "_auto_" }, { "_initial", "_initial_" }, { "_inherit", "_inherit_" }, { "_named", "relation_c" },
    { "_default", "default" },
  }
  local call_modes = { false, "_auto_", "_initial_", "_inherit_", "call_c", "default" }

  for _, own in ipairs(own_modes) do
    for _, call in ipairs(call_modes) do
      it(("%s, with %s given in the call"):format(own[2] or "left out", call or "none"), function()
        for _, target in ipairs { "plain", "own" } do
          for _, parent in ipairs { false, "other_c" } do
            for _, current in ipairs { false, "current_c" } do
              local request = {
                relation = "user." .. target .. own[1], relation_client = call or nil, parent = parent or nil, current = current or nil,
              }
              assert.equal(expected(request, own[2], target), decide("", request).client, shown(request))
            end
          end
        end
      end)
    end
  end

  it("is the one of the call before the relation's own", function()
    assert.equal("call_c", decide("", { relation = "user.plain_named", relation_client = "call_c" }).client)
    assert.equal("default_c", decide("", { relation = "user.plain_named", relation_client = "_initial_" }).client)
  end)

  it("takes the parent's datasource from the parent model's own decision", function()
    assert.equal("parent_c", decide("", { relation = "user.plain_inherit" }).client)
    assert.equal("default_c", decide("", { relation = "plain.again" }).client)
    assert.equal("current_c", decide("", { relation = "plain.again", current = "current_c" }).client)
    assert.equal("iso_c", decide("", { relation = "plain.again", instance = "iso" }).client)
  end)
end)

describe("an instance", function()
  local cases = {
    -- name, request, client
    { "that is shared goes to the default client", { model = "plain", instance = "shared" }, "default_c" },
    { "without a name goes to the default client", { model = "plain", instance = "" }, "default_c" },
    { "that is isolated goes to its isolateClient", { model = "plain", instance = "iso" }, "iso_c" },
    { "that is isolated leaves a model with a client of its own there", { model = "own", instance = "iso" }, "model_c" },
    { "that is isolated leaves a relation with a client of its own there", { relation = "user.plain_named", instance = "iso" }, "relation_c" },
    { "that is isolated leaves a relation beside its parent", { relation = "user.plain", instance = "iso" }, "parent_c" },
    { "that is isolated goes where the call asks", { model = "plain", instance = "iso", client = "explicit_c" }, "explicit_c" },
    { "that is isolated goes where the session was switched to", { model = "plain", instance = "iso", current = "current_c" }, "current_c" },
    { "that is isolated has its own client by the name default", { model = "own", instance = "iso", client = "default" }, "iso_c" },
    { "that is shared has the default client by that name", { model = "own", instance = "shared", client = "default" }, "default_c" },
    { "that is isolated has a relation to default at its own", { relation = "user.own_default", instance = "iso" }, "iso_c" },
    { "that is isolated resolves _initial_ to its own", { relation = "user.plain_initial", instance = "iso" }, "iso_c" },
    { "that is isolated has the name default as the current one", { model = "plain", instance = "iso", current = "default" }, "iso_c" },
    { "that is isolated has the name default as a parent", { relation = "user.plain", instance = "iso", parent = "default" }, "iso_c" },
  }
  for _, case in ipairs(cases) do
    it(case[1], function() assert.equal(case[3], decide("", case[2]).client) end)
  end

  it("is seen by rules with its record", function()
    local rules = [[
      rule "by record" { stage = "override", client = function(req)
        local i = req.instance
        if i.isolate and i.id == 3 and i.name == "iso" and i.isolateClient == "iso_c" and i.config.region == "north" then return "other_c" end
      end }
    ]]
    assert.equal("other_c", decide(rules, { model = "plain", instance = "iso" }).client)
    assert.equal("default_c", decide(rules, { model = "plain", instance = "shared" }).client)
  end)

  it("without a definition can't open a session, and the nearest name is suggested", function()
    local err = App.raises("SHUNT_E_NOT_FOUND", function() app_with(""):session { instance = "sharde" } end)
    assert.matches("sharde", err.message)
    assert.matches("shared", err.message)
  end)

  describe("with strict isolation", function()
    local strict = config("", "  isolation: strict\n")
    local refused = {
      { "a model with a client of its own", { model = "own", instance = "iso" } },
      { "a relation with a client of its own", { relation = "user.plain_named", instance = "iso" } },
      { "a client that the call asks for", { model = "plain", instance = "iso", client = "explicit_c" } },
      { "the session's current client", { model = "plain", instance = "iso", current = "current_c" } },
      { "a parent elsewhere", { relation = "user.plain", instance = "iso", parent = "other_c" } },
      { "a rule's client", { model = "plain", instance = "iso", attrs = { away = true } } },
      { "a refine rule's client", { model = "plain", instance = "iso", attrs = { refine = true } } },
    }
    local rules = [[
      rule "away" { stage = "override", when = function(req) return req.attrs.away end, client = "other_c" }
      rule "near" { stage = "refine", when = function(req) return req.attrs.refine end, client = "r1" }
    ]]
    for _, case in ipairs(refused) do
      it("is refused " .. case[1], function()
        local decision = decide(rules, case[2], strict)
        assert.is_string(decision.denied)
        assert.is_nil(decision.client)
      end)
    end
    it("is let through to its own client", function()
      assert.equal("iso_c", decide(rules, { model = "plain", instance = "iso" }, strict).client)
      assert.equal("iso_c", decide(rules, { model = "own", instance = "iso", client = "default" }, strict).client)
    end)
    it("binds no shared instance", function()
      assert.equal("model_c", decide(rules, { model = "own", instance = "shared" }, strict).client)
      assert.equal("other_c", decide(rules, { model = "plain", attrs = { away = true } }, strict).client)
    end)
    it("raises SHUNT_E_DENIED on an access", function()
      local session = app_with(rules, strict):session { instance = "iso" }
      App.raises("SHUNT_E_DENIED", function() session:model("own"):select() end)
      session:close()
    end)
  end)
end)

describe("user rules", function()
  -- name, rules, request, client, table
  local cases = {
    { "go before the standard ones of their stage",
      [[rule "mine" { stage = "explicit", client = "r1" }]], { model = "plain", client = "explicit_c" }, "r1" },
    { "go before the standard ones whatever their priority",
      [[rule "mine" { stage = "default", priority = 1000, client = "r1" }]], { model = "plain" }, "r1" },
    { "go before the model's own client in the model stage",
      [[rule "mine" { stage = "model", client = "r1" }]], { model = "own" }, "r1" },
    { "go before the parent in the current stage",
      [[rule "mine" { stage = "current", client = "r1" }]], { relation = "user.plain" }, "r1" },
    { "go before the relation's client in the relation stage",
      [[rule "mine" { stage = "relation", client = "r1" }]], { relation = "user.plain_named" }, "r1" },
    { "of an earlier stage win over those of a later one, whatever their priority",
      [[rule "late" { stage = "model", priority = -5, client = "r1" } rule "early" { stage = "override", priority = 5, client = "r2" }]],
      { model = "plain" }, "r2" },
    { "of a lower priority go first",
      [[rule "b" { stage = "override", priority = 1, client = "r1" } rule "a" { stage = "override", priority = -1, client = "r2" }
        rule "c" { stage = "override", client = "r3" }]], { model = "plain" }, "r2" },
    { "of the same priority go in load order",
      [[rule "z" { stage = "override", client = "r1" } rule "a" { stage = "override", client = "r2" }]], { model = "plain" }, "r1" },
    { "may have a priority with decimals",
      [[rule "b" { stage = "override", priority = 0.5, client = "r1" }
        rule "a" { stage = "override", priority = 0.25, client = "r2" }]],
      { model = "plain" }, "r2" },
    { "that return nothing leave it to the next",
      [[rule "a" { stage = "override", client = function(req) end } rule "b" { stage = "override", client = "r2" }]], { model = "plain" }, "r2" },
    { "whose `when` says no are passed over",
      [[rule "a" { stage = "override", when = function(req) return false end, client = "r1" }]], { model = "plain" }, "default_c" },
    { "can return a client, a table and a level at once",
      [[rule "a" { stage = "override", client = function(req) return { client = "r1", table = "elsewhere" } end }]],
      { model = "plain" }, "r1", "elsewhere" },
    { "can name default, which is the instance's own",
      [[rule "a" { stage = "override", client = "default" }]], { model = "own", instance = "iso" }, "iso_c" },
    { "can name default from a function too",
      [[rule "a" { stage = "override", client = function() return "default" end }]], { model = "own", instance = "iso" }, "iso_c" },
  }
  for _, case in ipairs(cases) do
    it(case[1], function()
      local decision = decide(case[2], case[3])
      assert.equal(case[4], decision.client)
      if case[5] then assert.equal(case[5], decision.table) end
    end)
  end

  it("of the same priority go in the order of their files", function()
    local app, folder = App.open {
      ["shunt.yaml"] = config(), ["rules/a.lua"] = models,
      ["rules/y.lua"] = [[rule "second file" { stage = "override", client = "r2" }]],
      ["rules/x.lua"] = [[rule "first file" { stage = "override", client = "r1" }]],
    }
    local session = app:session()
    assert.equal("r1", session:resolve("plain").client)
    session:close()
    app:close()
    App.remove(folder)
  end)

  describe("hold where their conditions match:", function()
    -- a condition, a request that meets it, one that does not
    local conditions = {
      { 'model = "plain"', { model = "plain" }, { model = "own" } },
      { 'model = { "nobody_*", "pl*" }', { model = "plain" }, { model = "own" } },
      { 'model = { "plain", "user" }', { model = "user" }, { model = "own" } },
      { 'relation = "user.plain"', { relation = "user.plain" }, { relation = "user.own" } },
      { 'relation = "user.*"', { relation = "user.own" }, { relation = "plain.again" } },
      { 'relation = "user.plain"', { relation = "user.plain" }, { model = "plain" } },
      { 'instance = "iso"', { model = "plain", instance = "iso" }, { model = "plain", instance = "shared" } },
      { 'instance = "s*"', { model = "plain", instance = "shared" }, { model = "plain", instance = "iso" } },
      { 'instance = ""', { model = "plain" }, { model = "plain", instance = "shared" } },
      { 'op = "write"', { model = "plain", op = "write" }, { model = "plain", op = "read" } },
      { 'op = { "read", "write" }', { model = "plain", op = "write" }, nil },
      { 'model = "plain", op = "write"', { model = "plain", op = "write" }, { model = "plain" } },
      { 'model = "plain", op = "write"', { model = "plain", op = "write" }, { model = "own", op = "write" } },
      { 'env = "dev"', { model = "plain" }, nil },
      { 'env = { "test", "dev" }', { model = "plain" }, nil },
      { 'env = "dev", model = "plain"', { model = "plain" }, { model = "own" } },
    }
    for _, case in ipairs(conditions) do
      it(case[1], function()
        local rules = ('rule "conditional" { stage = "override", client = "r1", %s }'):format(case[1])
        assert.equal("r1", decide(rules, case[2]).client)
        if case[3] then assert.not_equal("r1", decide(rules, case[3]).client) end
      end)
    end
    it("an env that is another one's", function()
      assert.equal("default_c", decide([[rule "x" { stage = "override", env = "prod", client = "r1" }]], { model = "plain" }).client)
    end)
  end)

  it("that name an unknown client are an error with the rule's place and the nearest name", function()
    local rules = [[

      rule "wrong" { stage = "override", client = function(req) return "other_d" end }
    ]]
    local err = App.raises("SHUNT_E_NOT_FOUND", decide, rules, { model = "plain" })
    assert.matches("rules/b%.lua$", err.file)
    assert.equal(2, err.line)
    assert.matches("other_d", err.message)
    assert.matches("other_c", err.message)
  end)

  it("that fail are an error of that one access", function()
    local rules = [[
      rule "fails" {
        stage = "override",
        when = function(req) return req.attrs.bad end,
        client = function(req)
          local t = nil
          return t.client
        end,
      }
    ]]
    local session = app_with(rules):session { attrs = { bad = true } }
    local err = App.raises("SHUNT_E_RULE", function() session:resolve("plain") end)
    assert.matches("rules/b%.lua$", err.file)
    assert.equal(6, err.line)
    assert.equal("fails", err.rule)
    session:close()
    assert.equal("default_c", decide(rules, { model = "plain" }).client)
  end)
end)

describe("a function of a model", function()
  -- Each model stands on one line of rules/b.lua, and its mistake with it.
  local wrong = {
    { "fails", [[client = function(req) return req.attrs.none.more end]], "SHUNT_E_RULE", "attempt to index" },
    { "raises an error without a place", [[client = function() error("no luck", 0) end]], "SHUNT_E_RULE", "no luck" },
    { "does not end", [[client = function() while true do end end]], "SHUNT_E_LIMIT", "instructions" },
    { "returns a number", [[client = function() return 7 end]], "SHUNT_E_RULE", "the function returns 7" },
    { "returns an unknown key", [[client = function() return { client = "r1", tables = "x" } end]], "SHUNT_E_RULE", "tables" },
    { "names an unknown client", [[client = function() return "r9" end]], "SHUNT_E_NOT_FOUND", "'r9'" },
    { "picks an unknown client", [[client = function() return pick { "r1", "r9" } end]], "SHUNT_E_NOT_FOUND", "'r9'" },
    { "gives no client", [[client = function() return { level = 1 } end]], "SHUNT_E_RULE", "add the client" },
    { "gives too high a level", [[client = function() return { client = "r1", level = 99 } end]], "SHUNT_E_RULE", "99" },
    { "fails for the table", [[client = "r1", table = function(req) return req.attrs.none.more end]], "SHUNT_E_RULE", "attempt to index" },
    { "returns a number for the table", [[client = "r1", table = function() return 7 end]], "SHUNT_E_RULE", "the table function returns 7" },
  }
  local lines = {}
  for i, case in ipairs(wrong) do lines[i] = ("model 'wrong%d' { %s }"):format(i, case[2]) end
  lines[#lines + 1] = [[model "right" { client = function() return "r1" end }]]
  lines[#lines + 1] = [[rule "own" { stage = "override", model = "right", client = function(req) return req:model_client() .. "x" end }]]
  local rules = table.concat(lines, "\n")

  for i, case in ipairs(wrong) do
    it("that " .. case[1] .. " is named by its own line", function()
      local session <close> = app_with(rules):session {}
      local err = select(2, pcall(session.resolve, session, "wrong" .. i))
      assert.equal(case[3], err.code)
      assert.truthy(err.message:find(case[4], 1, true), err.message)
      assert.matches("rules/b%.lua$", err.file)
      assert.equal(i, err.line)
    end)
  end

  it("is not to blame for a rule that changes its answer", function()
    local session <close> = app_with(rules):session {}
    local err = select(2, pcall(session.resolve, session, "right"))
    assert.equal("SHUNT_E_NOT_FOUND", err.code)
    assert.equal("own", err.rule)
    assert.equal(#lines, err.line)
  end)
end)

describe("refine rules", function()
  local cases = {
    { "change the client", [[rule "a" { stage = "refine", client = function(req) if req.client == "model_c" then return "r1" end end }]],
      { model = "own" }, "r1", "owns" },
    { "see what the one before made of it",
      [[rule "a" { stage = "refine", client = function(req) return "r1" end }
        rule "b" { stage = "refine", client = function(req) if req.client == "r1" then return "r2" end end }
        rule "c" { stage = "refine", client = function(req) if req.client == "model_c" then return "r3" end end }]],
      { model = "own" }, "r2", "owns" },
    { "run in the order of their priorities",
      [[rule "b" { stage = "refine", priority = 2, client = function(req) if req.client == "r1" then return "r2" end end }
        rule "a" { stage = "refine", priority = 1, client = function(req) return "r1" end }]], { model = "own" }, "r2", "owns" },
    { "change the table alone", [[rule "a" { stage = "refine", client = function(req) return { table = req.table .. "_archive" } end }]],
      { model = "own" }, "model_c", "owns_archive" },
    { "see the changed table",
      [[rule "a" { stage = "refine", client = function(req) return { table = req.table .. "_1" } end }
        rule "b" { stage = "refine", client = function(req) return { table = req.table .. "_2" } end }]], { model = "own" }, "model_c", "owns_1_2" },
    { "leave it as it is where they return nothing", [[rule "a" { stage = "refine", client = function(req) end }]],
      { model = "own" }, "model_c", "owns" },
    { "hold for reads only where they say so", [[rule "a" { stage = "refine", op = "read", client = "r1" }]],
      { model = "own", op = "write" }, "model_c", "owns" },
    { "follow an explicit client too",
      [[rule "a" { stage = "refine", client = function(req) if req.client == "explicit_c" then return "r1" end end }]],
      { model = "own", client = "explicit_c" }, "r1", "owns" },
    { "partition by a value", [[rule "a" { stage = "refine", model = "own", client = function(req)
        local b = req:mod("where.id", 4)
        if b then return { client = b % 2 == 0 and "r1" or "r2", table = ("owns_%02d"):format(b) } end
      end }]], { model = "own", where = { id = 7 } }, "r2", "owns_03" },
  }
  for _, case in ipairs(cases) do
    it(case[1], function()
      local decision = decide(case[2], case[3])
      assert.equal(case[4], decision.client)
      assert.equal(case[5], decision.table)
    end)
  end

  it("change the level where the engine has levels, and never below 0 or on SQLite", function()
    local rules = [[rule "a" { stage = "refine", client = function(req) return { level = req.level + 2 } end }]]
    assert.equal(3, decide(rules, { model = "own", client = "pg_c", level = 1 }).level)
    assert.equal(0, decide(rules, { model = "own", level = 1 }).level)
    assert.equal(1, decide("", { model = "own", client = "pg_c", level = 1 }).level)
  end)
end)

describe("guard rules", function()
  local cases = {
    { "refuse with their reason", [[rule "g" { stage = "guard", deny = "not today" }]], { model = "plain" }, "not today" },
    { "refuse where their conditions hold", [[rule "g" { stage = "guard", op = "write", deny = "read only" }]], { model = "plain", op = "write" },
      "read only" },
    { "let through where their conditions don't hold", [[rule "g" { stage = "guard", op = "write", deny = "read only" }]], { model = "plain" } },
    { "check and refuse", [[rule "g" { stage = "guard", check = function(req)
        if req.client == "model_c" then return deny("not on " .. req.client) end
      end }]], { model = "own" }, "not on model_c" },
    { "check and say nothing", [[rule "g" { stage = "guard", check = function(req)
        if req.client == "model_c" then return deny "no" end
      end }]], { model = "plain" } },
    { "see what refine rules made of it", [[rule "r" { stage = "refine", client = "r1" }
        rule "g" { stage = "guard", check = function(req) if req.client == "r1" then return deny("r1, " .. req.table) end end }]],
      { model = "own" }, "r1, owns" },
    { "bind an override too", [[rule "o" { stage = "override", client = "r1" } rule "g" { stage = "guard", deny = "no" }]], { model = "own" }, "no" },
    { "refuse with the first reason", [[rule "b" { stage = "guard", priority = 2, deny = "second" }
        rule "a" { stage = "guard", priority = 1, deny = "first" }]], { model = "plain" }, "first" },
    { "are not needed to refuse: a select rule may", [[rule "s" { stage = "override", client = function(req) return deny "closed" end }]],
      { model = "plain" }, "closed" },
    { "hold where the candidate matches", [[rule "g" { stage = "guard", client = "model_*", deny = "no" }]], { model = "own" }, "no" },
    { "pass where the candidate does not match", [[rule "g" { stage = "guard", client = "model_*", deny = "no" }]], { model = "plain" } },
  }
  for _, case in ipairs(cases) do
    it(case[1], function()
      local decision = decide(case[2], case[3])
      assert.equal(case[4], decision.denied)
      if case[4] then assert.is_nil(decision.client) else assert.is_string(decision.client) end
    end)
  end

  it("make the access an error with the reason and the rule", function()
    local session = app_with([[rule "the gate" { stage = "guard", deny = "not today" }]]):session()
    local err = App.raises("SHUNT_E_DENIED", function() session:model("plain"):select() end)
    assert.matches("not today", err.message)
    assert.equal("the gate", err.rule)
    assert.matches("rules/b%.lua$", err.file)
    session:close()
  end)
end)

describe("pick", function()
  local function rules(policy, key)
    return ([[rule "p" { stage = "override", client = function(req) return pick { "r1", "r2", "r3", policy = %q%s } end }]])
      :format(policy, key and ", key = " .. key or "")
  end

  local function picks(text, n, request_of)
    local session, list, seen = app_with(text):session(), {}, {}
    for i = 1, n do
      list[i] = session:resolve("plain", request_of and request_of(i)).client
      seen[list[i]] = (seen[list[i]] or 0) + 1
    end
    session:close()
    return list, seen
  end

  it("takes them in turn with round_robin", function()
    local list, seen = picks(rules "round_robin", 30)
    assert.same({ r1 = 10, r2 = 10, r3 = 10 }, seen)
    for i = 4, 30 do assert.equal(list[i - 3], list[i]) end
  end)

  it("takes each at some time with random, and no other", function()
    local _, seen = picks(rules "random", 400)
    assert.equal(400, (seen.r1 or 0) + (seen.r2 or 0) + (seen.r3 or 0))
    assert.is_true(seen.r1 and seen.r2 and seen.r3 and true)
  end)

  it("takes one of them with least_busy", function()
    local _, seen = picks(rules "least_busy", 20)
    assert.equal(20, (seen.r1 or 0) + (seen.r2 or 0) + (seen.r3 or 0))
  end)

  it("takes the same one for the same key with hash, and spreads the keys", function()
    local text = rules("hash", "req.where.id")
    local by_id = function(i) return { where = { id = i } } end
    local first, seen = picks(text, 200, by_id)
    local second = picks(text, 200, by_id)
    assert.same(first, second)
    assert.is_true(seen.r1 and seen.r2 and seen.r3 and true)
  end)

  it("of an unknown client is an error", function()
    App.raises("SHUNT_E_NOT_FOUND|SHUNT_E_CONFIG", decide, [[
      rule "p" { stage = "override", client = function(req) return pick { "r9x", "r8x" } end }
    ]], { model = "plain" })
  end)
end)

describe("rules.standard: false", function()
  local yaml = config():gsub("path: %[rules%]", "path: [rules], standard: false")
  local own = [[rule "everything" { stage = "default", client = "r1" }]]

  it("leaves the policy to the application's rules", function()
    assert.equal("r1", decide(own, { model = "own", client = "explicit_c", current = "current_c" }, yaml).client)
    assert.equal("r1", decide(own, { relation = "user.plain_named" }, yaml).client)
    assert.equal("r1", decide(own, { model = "plain", instance = "iso" }, yaml).client)
  end)

  it("makes an access that no rule decides an error", function()
    App.raises("SHUNT_E_NOT_FOUND|SHUNT_E_RULE|SHUNT_E_USAGE|SHUNT_E_CONFIG", decide,
      [[rule "some" { stage = "default", model = "own", client = "r1" }]], { model = "plain" }, yaml)
  end)
end)

describe("an environment", function()
  local base = [[
database:
  defaultClient: main
  clients:
    main: {engine: sqlite3, connection: {filename: main.db, create: true}}
    second: {engine: sqlite3, connection: {filename: second.db, create: true}}
    only_dev: {clone: default, connection: {filename: only_dev.db}}
instance:
  instances:
    "": {id: 1}
    tenant: {id: 2, isolate: true, isolateClient: only_dev}
models:
  b: {client: second}
rules: {path: [rules]}
]]
  local rules = [[
    model "a" { table = "as" }
    model "b" { table = "bs", client = "main" }
    rule "test only" { env = "test", stage = "override", model = "a", when = function(req) return req.attrs.x end, client = "second" }
    rule "by name" { stage = "override", when = function(req) return req.env == "staging" and req.attrs.x end, client = "second" }
  ]]

  local function with(overlays, env, fn)
    local files = { ["shunt.yaml"] = base, ["rules/a.lua"] = rules }
    for name, text in pairs(overlays) do files["shunt." .. name .. ".yaml"] = text end
    local app, folder = App.open(files, {}, { env = env })
    local ok, err = pcall(fn, app, folder)
    app:close()
    App.remove(folder)
    if not ok then error(err, 0) end
  end

  local function client(app, model, options, session_options)
    local session = app:session(session_options)
    local decision = session:resolve(model, options)
    session:close()
    return decision.client
  end

  it("is dev where none is given, and needs no overlay", function()
    with({}, nil, function(app)
      assert.equal("main", client(app, "a"))
      assert.equal("only_dev", client(app, "a", nil, { instance = "tenant" }))
    end)
  end)

  for _, env in ipairs { "dev", "test", "prod" } do
    it(env .. " needs no overlay", function() with({}, env, function(app) assert.equal("main", client(app, "a")) end) end)
  end

  it("of another name needs its overlay", function()
    App.raises("SHUNT_E_CONFIG", with, {}, "staging", function() end)
    with({ staging = "{}\n" }, "staging", function(app)
      assert.equal("main", client(app, "a"))
      assert.equal("second", client(app, "a", nil, { attrs = { x = true } }))
    end)
  end)

  it("merges maps: what the overlay leaves out stays", function()
    with({ test = "database: {clients: {second: {connection: {filename: other.db}}}}\n" }, "test", function(app, folder)
      local session = app:session()
      session:execute("second", "CREATE TABLE t (x)")
      session:close()
      assert.is_truthy(io.open(folder .. "/other.db"))
      assert.is_nil(io.open(folder .. "/second.db"))
      assert.equal("main", client(app, "a"))
    end)
  end)

  it("replaces anything that is no map", function()
    with({ test = "database: {defaultClient: second}\n" }, "test", function(app)
      assert.equal("second", client(app, "a"))
      assert.equal("second", client(app, "b"))
    end)
  end)

  it("unsets with null", function()
    local overlay = "database: {clients: {only_dev: null}}\ninstance: {instances: {tenant: null}}\nmodels: {b: {client: null}}\n"
    with({ prod = overlay }, "prod", function(app)
      assert.equal("main", client(app, "b"))
      App.raises("SHUNT_E_NOT_FOUND", client, app, "a", { client = "only_dev" })
      App.raises("SHUNT_E_NOT_FOUND", client, app, "a", nil, { instance = "tenant" })
    end)
  end)

  it("that unsets a client which is still named does not load, and says where", function()
    local err = App.raises("SHUNT_E_CONFIG", with, { prod = "database: {clients: {only_dev: null}}\n" }, "prod", function() end)
    assert.matches("only_dev", err.message)
    assert.is_true(err.line > 0)
  end)

  it("is not touched by another one's overlay", function()
    with({ prod = "database: {defaultClient: second}\n" }, "test", function(app) assert.equal("main", client(app, "a")) end)
  end)

  it("selects what rule files declare for it", function()
    with({}, "test", function(app) assert.equal("second", client(app, "a", nil, { attrs = { x = true } })) end)
    with({}, "dev", function(app) assert.equal("main", client(app, "a", nil, { attrs = { x = true } })) end)
  end)

  it("clones the default client, with keys of the clone's own on top", function()
    with({ test = "database: {defaultClient: second}\n" }, "test", function(app, folder)
      local session = app:session()
      session:execute("only_dev", "CREATE TABLE t (x)")
      session:execute("second", "CREATE TABLE u (x)")
      session:close()
      assert.is_truthy(io.open(folder .. "/only_dev.db"))
      assert.is_truthy(io.open(folder .. "/second.db"))
    end)
  end)

  it("has the app config on top of what a rule file declares by the same name", function()
    with({}, "dev", function(app) assert.equal("second", client(app, "b")) end)
  end)
end)
