-- app:statistics(): what the rules did and what is remembered of them; and the settings that bound it.

local App = require "tests.spec.support.app"

local rules = [[
  model "note" { table = "notes" }
  rule "by plan" { stage = "override", client = function(req)
    local plan = req.attrs.plan
    if plan == "pro" then return "b" end
    if plan == "none" then return deny "no plan" end
    if plan == "broken" then error "broken" end
    if plan == "anew" then uncacheable "it says so" end
  end }
]]

describe("statistics", function()
  local app, folder

  local function open(settings)
    app, folder = App.open { ["shunt.yaml"] = App.database_yaml({ "a", "b" }, "a") .. "rules: {path: [rules]" .. settings .. "}\n",
      ["rules/a.lua"] = rules }
  end

  after_each(function()
    if not folder then return end
    app:close()
    App.remove(folder)
    folder = nil
  end)

  local function ask(plan, options)
    local s <close> = app:session { attrs = { plan = plan } }
    local ok, answer = pcall(s.resolve, s, "note", options)
    return ok and answer or nil
  end

  local function of_rule(name)
    for _, rule in ipairs(app:statistics().rules) do
      if rule.name == name then return rule end
    end
  end

  it("tell what was remembered and what each rule came to", function()
    open ""
    for _ = 1, 5 do
      for _, plan in ipairs { "pro", "free", "none", "broken" } do ask(plan) end
    end
    local s = app:statistics()
    assert.same({ 1, true, 12, 8, 3, 3 }, { s.generation, s.remembers, s.hits, s.misses, s.entries, s.decisions })
    assert.same({ 0, 0, 0, 0, 1 }, { s.refused_entries, s.refused_children, s.audits, s.differences, s.states })
    assert(s.bytes > 0 and s.nodes.fields > 0)
    assert.equal(1, s.nodes.attrs)
    assert.is_nil(s.difference)
    local rule = of_rule "by plan"
    assert.same({ "override", "rules/a.lua:2" }, { rule.stage, rule.source })
    assert.same({ 20, 5, 5, 5, 5 }, { rule.asked, rule.selected, rule.passed, rule.denied, rule.failed })
    assert(rule.timed > 0 and rule.timed_ns > 0)
  end)

  it("agree with the catalog's counts", function()
    open ""
    for _ = 1, 3 do ask "pro" end
    local by_name = {}
    for _, rule in ipairs(app:statistics().rules) do by_name[rule.name] = rule end
    for _, rule in ipairs(app:describe().rules) do
      local counts = by_name[rule.name]
      assert.same({ rule.asked, rule.decided }, { counts.asked, counts.selected + counts.denied }, rule.name)
    end
  end)

  it("begin anew with each generation", function()
    open ""
    ask "pro"
    app:reload()
    local s = app:statistics()
    assert.same({ 2, 0, 0, 0 }, { s.generation, s.hits, s.misses, s.entries })
    assert.equal(0, of_rule("by plan").asked)
  end)

  it("of a decision say whether it was remembered, and why it will not be", function()
    open ""
    assert.same({ false, nil }, { ask("pro").remembered, ask("pro").not_remembered })
    assert.is_true(ask("pro").remembered)
    assert.is_true(ask("none").remembered == false and ask("none").remembered)
    local WHY = { [{ "anew" }] = "a rule said uncacheable", [{ "pro", { table = "other" } }] = "it was asked for a table",
      [{ "pro", { every_rule = true } }] = "every rule was to be asked",
      [{ ("x"):rep(1025) }] = "it depends on a text of more than 1024 bytes" }
    for asked, why in pairs(WHY) do
      for _ = 1, 2 do
        local decision = ask(table.unpack(asked))
        assert.same({ false, why }, { decision.remembered, decision.not_remembered })
      end
    end
    assert.is_true(ask(("x"):rep(1024)).not_remembered == nil and ask(("x"):rep(1024)).remembered)
  end)

  it("stay within rules.remember", function()
    open ", remember: 2"
    for _ = 1, 2 do
      for i = 1, 5 do ask(i) end
    end
    local s = app:statistics()
    assert.same({ 2, 2, 8, 6 }, { s.entries, s.hits, s.misses, s.refused_entries })
    assert.equal("as many as rules.remember says are remembered already", ask(5).not_remembered)
  end)

  it("have nothing to count with rules.remember: 0", function()
    open ", remember: 0"
    for _ = 1, 3 do assert.equal("rules.remember is 0", ask("pro").not_remembered) end
    local s = app:statistics()
    assert.same({ false, 0, 0, 0 }, { s.remembers, s.hits, s.misses, s.entries })
    assert.equal(3, of_rule("by plan").asked)
  end)

  it("count the share of hits that rules.audit has asked again", function()
    open ", audit: 0.25"
    for _ = 1, 41 do ask "pro" end
    local s = app:statistics()
    assert.same({ 40, 10, 0, true }, { s.hits, s.audits, s.differences, s.remembers })
    assert.equal(41, of_rule("by plan").selected)
  end)

  it("are refused of an app that is closed", function()
    open ""
    app:close()
    App.raises("SHUNT_E_USAGE", app.statistics, app)
  end)
end)

describe("the app config", function()
  local function problems(settings)
    local folder = App.folder()
    App.fill(folder, { ["shunt.yaml"] = App.database_yaml({ "a" }, "a") .. "rules: {" .. settings .. "}\n" })
    local ok, opened = pcall(require("shunt").open, folder .. "/shunt.yaml")
    App.remove(folder)
    if ok then opened:close() end
    return ok and {} or opened.problems
  end

  local WRONG = {
    { "remember: -1", "rules.remember takes an integer from 0 to 16777216, not -1" },
    { "remember: 16777217", "rules.remember takes an integer from 0 to 16777216, not 16777217" },
    { "remember: 1.5", "; write a whole number" }, { "remember: many", "not 'many'" },
    { "remember: true", "rules.remember takes an integer from 0 to 16777216, not true" }, { "audit: -0.1", "rules.audit takes a number from 0 to 1, not" },
    { "audit: 1.01", "rules.audit takes a number from 0 to 1, not" }, { "audit: 2", "rules.audit takes a number from 0 to 1, not" },
    { "audit: all", "rules.audit takes a number from 0 to 1, not" }, { "audit: .inf", "rules.audit takes a number from 0 to 1, not" },
    { "remeber: 1", "unknown key 'remeber' in rules; did you mean 'remember'?" },
  }
  for _, case in ipairs(WRONG) do
    it("takes no " .. case[1], function()
      local told = problems(case[1])
      assert.equal(1, #told)
      assert.same({ "SHUNT_E_CONFIG", 5 }, { told[1].code, told[1].line })
      assert(told[1].message:find(case[2], 1, true), told[1].message)
    end)
  end

  for _, settings in ipairs { "remember: 0", "remember: 16777216", "audit: 0", "audit: 1", "audit: 0.001", "audit: 1.0" } do
    it("takes " .. settings, function() assert.same({}, problems(settings)) end)
  end
end)
