-- Standard output that can't be written: every command says why, in every format, and does not end as if all were well. Also what
-- is closed when the command starts, and a reader that goes away.

local App = require "tests.spec.support.app"
local Command = require "tests.spec.support.command"
local commands = require "shunt.cli.commands"
local read = require("tests.files").read

local binary, capture, quoted = Command.binary, Command.capture, Command.quoted

-- What each command is given, to print something. A flag without a value is tried with each of these, and so is every choice.
local arguments = {
  init = { "new%d" },
  resolve = { "user" },
  explain = { "user" },
  query = { "user" },
  sql = { "main 'SELECT 1 AS one'", "main 'DELETE FROM users WHERE id = 0'" },
  check = { "" },
  topology = { "" },
  config = { "" },
  test = { "" },
  run = { "talk.lua", "exit.lua" },
  console = { "<lines" },
  worker = { "--once" },
  jobs = { "list", "push thanks", "show 1", "retry", "purge" },
  transactions = { "list" },
  bench = { "--seconds 1 --model user" },
  completion = { "bash", "zsh", "fish" },
  help = { "", "query" },
  complete = { "que" },
}

local USAGE = 2 -- the status where a flag is not for these arguments

-- They print nothing.
local left_out = { ["transactions list --json"] = true }

local function invocations()
  local list = { "--version", "--help" }
  for _, command in ipairs(commands.list) do
    for _, given in ipairs(assert(arguments[command.name], "what is `shunt " .. command.name .. "` to print?")) do
      local line = command.name .. (given == "" and "" or " " .. given)
      list[#list + 1] = line
      for _, flag in ipairs(command.flags) do
        local taken = not command.takes or flag[1] == "--json"
        if not flag[2] and taken then list[#list + 1] = line .. " " .. flag[1] end
        for _, choice in ipairs(taken and flag.choices or {}) do list[#list + 1] = ("%s %s %s"):format(line, flag[1], choice) end
      end
    end
  end
  return list
end

describe("The command's output", function()
  local folder, made = nil, 0

  setup(function()
    folder = App.folder()
    App.write(folder .. "/talk.lua", 'print("spoken") io.write("written\\n") io.stderr:write("aside\\n")')
    App.write(folder .. "/exit.lua", 'print("spoken") os.exit(0)')
    App.write(folder .. "/file.lua", 'local f <close> = io.open("kept.txt", "w") print("spoken") io.stdout:flush() f:write("kept")')
    App.write(folder .. "/lines", "'spoken'\n")
    assert(os.execute(("cd %s && %s init app >init.log && mv app/* app/.luarc.json . && %s jobs push thanks >>init.log")
      :format(quoted(folder), quoted(binary), quoted(binary))), read(folder .. "/init.log"))
  end)
  teardown(function() App.remove(folder) end)

  -- The status and what standard error says.
  local function run(line, to)
    made = made + 1
    local command = ("cd %s && env -u SHUNT_ENV -u SHUNT_APP %s </dev/null %s 2>.stderr %s"):format(quoted(folder), quoted(binary),
      line:find "%%d" and line:format(made) or line, to)
    local _, status = capture(command)
    return status, read(folder .. "/.stderr")
  end

  it("that can't be written is reported with the reason, by every command in every format", function()
    local tried = {}
    for _, line in ipairs(invocations()) do
      for to, reason in pairs { [">/dev/full"] = "No space left on device", [">&-"] = "Bad file descriptor" } do
        local status, said = run(line, to)
        if status ~= USAGE and not left_out[line] then
          tried[line:match "^%S+"] = true
          assert.is_truthy(said:find("shunt: the output can't be written: " .. reason .. "\n", 1, true), ("%s %s: %s"):format(line, to, said))
          assert.is_true(status > 0 and status < 5, line .. " ends with " .. status)
        end
      end
    end
    for name in pairs(arguments) do assert.is_true(tried[name], name) end
  end)

  it("never goes into a file that the command opens", function()
    for _, closed in ipairs { ">&-", "<&- >&-", "<&- >&- 2>&-" } do
      run("run file.lua", closed)
      assert.equal("kept", read(folder .. "/kept.txt"))
    end
  end)

  it("has no hole where a part of it could not be written", function()
    local script = 'for i = 1, 2000 do print(("%05d"):format(i)) end'
    App.write(folder .. "/many.lua", script)
    local _, status = capture(("trap '' XFSZ; ulimit -f 1; cd %s && %s run many.lua >.stdout 2>.stderr"):format(quoted(folder), quoted(binary)))
    local text = read(folder .. "/.stdout")
    assert.equal(1, status)
    for line in text:gmatch "[^\n]+\n" do assert.equal(6, #line) end
    local last = text:match "(%d%d%d%d%d)\n[^\n]*$"
    assert.equal(tonumber(last), select(2, text:gsub("\n", "")))
    assert.equal("shunt: the output can't be written: File too large\n", read(folder .. "/.stderr"))
  end)

  it("arrives whole, where its reader makes it wait", function()
    App.write(folder .. "/slow.lua", 'for i = 1, 30000 do print(("%07d"):format(i)) end')
    local text = capture(("cd %s && %s run slow.lua | { sleep 0.3; cat; }"):format(quoted(folder), quoted(binary)))
    assert.equal(30000 * 8, #text)
  end)
end)
