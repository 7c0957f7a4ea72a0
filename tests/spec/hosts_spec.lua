-- The hosts in other languages do what the C and Lua hosts do, with the library of this build.
local App = require "tests.spec.support.app"
local Command = require "tests.spec.support.command"
local read = require("tests.files").read

local build = Command.binary:match "^(.*)/"

-- A library for a sanitizer needs the sanitizer's runtime in the host.
local sanitized = read(build .. "/libshunt.so"):find("__[at]san_init") ~= nil

local HOSTS = {
  { name = "Python", command = "python3 tests/hosts/host.py", prints = [[
Grace ['Compass', 'Map']
SHUNT_E_NOT_FOUND there is no model 'ordr'; did you mean 'order'?
2 orders are left
orders of acme go to acme
]] },
  { name = "LuaJIT", command = "luajit tests/hosts/host_luajit.lua", prints = "Grace\t2\tCompass\n"
    .. "false\tSHUNT_E_NOT_FOUND\tthere is no model 'ordr'; did you mean 'order'?\n2 orders are left\norders of acme go to acme\n" },
}

describe("a host", function()
  local folder
  before_each(function()
    folder = App.folder()
    Command.capture(("%s init %s/shop"):format(Command.binary, folder))
  end)
  after_each(function() App.remove(folder) end)

  local function run(host, path)
    return Command.capture(("LD_LIBRARY_PATH=%s %s %s 2>&1"):format(build, host.command, path))
  end

  for _, host in ipairs(HOSTS) do
    local test = sanitized and pending or it
    test(("in %s reads, writes and rolls back"):format(host.name), function()
      for _ = 1, 2 do
        local text, status = run(host, folder .. "/shop/shunt.yaml")
        assert.equal(host.prints, text)
        assert.equal(0, status)
      end
    end)

    test(("in %s ends with the library's message"):format(host.name), function()
      local text, status = run(host, folder .. "/shop/nothing.yaml")
      assert(text:find("SHUNT_E_CONFIG: can't read", 1, true), text)
      assert.equal(1, status)
    end)
  end
end)

-- ---- the manual ----

local core = require "shunt.core"

--- The calls that the manual lists, each with its value and the names that it takes.
local function listed()
  local calls = {}
  for row in read("rules/manual/calls.md"):gmatch "\n(| `[%l_]+`: [^\n]*)" do
    local name, subject, arguments, options = row:match "^| `([%l_]+)`: ([^|]*) |([^|]*)|([^|]*)|"
    calls[name] = { takes = {}, subject = subject == "true" and "true" or '"user"' }
    for word in (arguments .. options):gmatch "[%l_]+" do calls[name].takes[word] = true end
  end
  return calls
end

local function words_of(calls)
  local words = {}
  for name, call in pairs(calls) do
    words[name] = true
    for word in pairs(call.takes) do words[word] = true end
  end
  for _, options in pairs(core.options) do
    for _, word in ipairs(options) do words[word] = true end
  end
  return words
end

describe("the manual", function()
  it("lists the calls and their names", function()
    local calls, lines, folder = listed(), {}, App.folder()
    for name, call in pairs(calls) do
      for word in pairs(words_of(calls)) do
        -- No value of any name is a table with this one: what a call takes is refused for that, if at all.
        local text = ('{"%s":%s,"%s":{"_such":[]}}'):format(name, call.subject, word)
        if call.takes[word] or not calls[word] then lines[#lines + 1] = { word = word, takes = call.takes[word] or false, text = text } end
      end
    end
    Command.capture(("%s init %s/shop"):format(Command.binary, folder))
    local texts = {}
    for i, line in ipairs(lines) do texts[i] = line.text end
    App.write(folder .. "/calls", table.concat(texts, "\n") .. "\n")
    local replies = Command.capture(([[%s/tests/calls %s/shop/shunt.yaml '{"timeout":"500ms"}' <%s/calls 2>&1]]):format(build, folder, folder))
    App.remove(folder)
    local i, seen = 0, 0
    for reply in replies:gmatch "[^\n]+" do
      i = i + 1
      local line = lines[i]
      local refused = reply:find(("unknown option '%s'"):format(line.word), 1, true)
      assert.equal(not line.takes, refused ~= nil, line.text .. "\n" .. reply)
      seen = seen + (line.takes and 1 or 0)
    end
    assert.equal(#lines, i)
    assert(seen > 150, seen)
  end)
end)
