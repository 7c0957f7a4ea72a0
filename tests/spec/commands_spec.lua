-- The commands and their flags are declared once, in lua/shunt/cli/commands.lua: --help, the manual page, the completions and
-- what documents say agree with that.
local commands = require "shunt.cli.commands"

local function capture(command)
  local pipe = assert(io.popen(command .. " 2>&1", "r"))
  local text = pipe:read "a"
  return text, (pipe:close()) == true
end

local binary = os.getenv "SHUNT_BIN" or "build/shunt"
local function shunt(arguments) return capture(binary .. " " .. arguments) end

local function names_of(flag)
  local list = {}
  for name in flag[1]:gmatch "%S+" do list[#list + 1] = name end
  return list
end

local function long_name(flag) return flag[1]:match "%-%-%S+" end

local visible = {}
for _, command in ipairs(commands.list) do
  if not command.hidden then visible[#visible + 1] = command end
end

local function holds(text, word, where)
  assert(text:find(word, 1, true), ("'%s' is missing in %s:\n%s"):format(word, where, text))
end

describe("each command", function()
  local page = shunt "help --man":gsub("\\%-", "-"):gsub("\\f.", "")

  for _, command in ipairs(visible) do
    it("has help for " .. command.name, function()
      local help, ok = shunt(command.name .. " --help")
      assert(ok, help)
      holds(help, "Usage: shunt " .. command.name, "its help")
      for _, flag in ipairs(commands.flags(command)) do
        for _, name in ipairs(names_of(flag)) do holds(help, name, "its help") end
      end
      for _, argument in ipairs(command.arguments) do holds(help, argument[1], "its help") end
    end)

    it("has a section in the manual page for " .. command.name, function()
      local section = page:match("\n%.SS " .. command.name .. "[ \n](.-)\n%.S[SH]")
      assert(section, "no section")
      for _, flag in ipairs(command.flags) do
        holds(section, "\n" .. table.concat(names_of(flag), ", "), "the section")
      end
    end)

    it("has its flags completed for " .. command.name, function()
      local words = "\n" .. shunt("complete " .. command.name .. " --")
      for _, flag in ipairs(commands.flags(command)) do
        holds(words, "\n" .. long_name(flag) .. "\t", "the completion")
      end
    end)

    it("is run by a file of its own: " .. command.name, function()
      assert(package.searchpath("shunt.cli." .. command.name, package.path))
    end)
  end

  it("stands in the help of the program and in its completion", function()
    local help, words = shunt "--help", "\n" .. shunt "complete ''"
    for _, command in ipairs(visible) do
      holds(help, "\n   " .. command.name .. (command.alias and ", " .. command.alias or "") .. " ", "the help")
      holds(words, "\n" .. command.name .. "\t", "the completion")
    end
  end)
end)

describe("completion", function()
  local CASES = {
    { "resolve --client ''", { "main" } }, { "resolve --client m", { "main" } }, { "resolve --client=m", { "--client=main" } },
    { "resolve --client = m", { "main" } }, { "resolve --op ''", { "read", "write" } }, { "query --op ''", { "read" } },
    { "resolve u", { "user" } }, { "resolve --relation user.", { "user.orders" } }, { "resolve --instance a", { "acme" } },
    { "--env ''", { "dev", "prod", "stage", "test" } }, { "jobs ''", { "list", "purge", "push", "retry", "show" } }, { "jobs list ''", {} },
    { "run ''", { ":files" } }, { "run x.lua --", { ":files" } }, { "init ''", { ":folders" } }, { "nope ''", {} },
    { "completion ''", { "bash", "fish", "zsh" } }, { "resolve --level ''", {} }, { "resolve -c nope.yaml --client ''", {} },
    { "jobs push ''", { "mail", "report" } }, { "jobs push --queue q r", { "report" } }, { "jobs retry ''", {} },
    { "jobs push mail ''", {} }, { "jobs list --", { "--config", "--env", "--help", "--instance", "--json", "--limit", "--log",
      "--queue", "--state" } }, { "jobs purge --o", { "--older" } }, { "jobs --o", { "--older" } }, { "jobs push --st", {} },
    { "jobs push -c nope.yaml ''", {} }, { "resolve --json --js", {} }, { "resolve --where a=1 --whe", { "--where" } },
  }
  local folder, program

  setup(function()
    folder = capture "mktemp -d":gsub("\n", "")
    program = capture(("readlink -f %s"):format(binary)):gsub("\n", "")
    local function write(name, text)
      local file = assert(io.open(folder .. "/" .. name, "w"))
      file:write(text)
      file:close()
    end
    write("shunt.yaml", [[
database: {defaultClient: main, clients: {main: {engine: sqlite3, connection: {filename: a.db}}}}
jobs: {path: [jobs]}
instance: {instances: {"": {id: 1}, acme: {id: 2}}}
]])
    write("shunt.stage.yaml", "{}\n")
    os.execute(("mkdir %s/rules %s/jobs"):format(folder, folder))
    write("jobs/a.lua", 'for _, name in ipairs { "mail", "report" } do job(name) { handler = function() end } end\n')
    write("rules/a.lua", 'model "user" { relations = { orders = has_many("order", "user_id") } }\nmodel "order" {}\n')
  end)
  teardown(function() os.execute("rm -rf " .. folder) end)

  for _, case in ipairs(CASES) do
    it("of: shunt " .. case[1], function()
      local words = {}
      for word in capture(("cd %s && %s complete %s"):format(folder, program, case[1])):gmatch "([^\t\n]+)[^\n]*\n" do
        words[#words + 1] = word
      end
      table.sort(words)
      assert.same(case[2], words)
    end)
  end

  for _, shell in ipairs { "bash", "zsh", "fish" } do
    it("has a script that " .. shell .. " can read", function()
      local script, ok = shunt("completion " .. shell)
      assert(ok and script:find "_shunt", script)
      if not select(2, capture("command -v " .. shell)) then return end
      local complaint, fine = capture(("%s completion %s >%s/script && %s -n %s/script"):format(program, shell, folder, shell, folder))
      assert(fine, complaint)
    end)
  end

  it("works in bash", function()
    local script = ("source <(%s completion bash); COMP_WORDS=(%s resolve --instance ''); COMP_CWORD=3; _shunt; echo ${COMPREPLY[@]}")
      :format(program, program)
    assert.equal("acme\n", (capture(("cd %s && bash -c \"%s\""):format(folder, script:gsub("%$", "\\$")))))
  end)

  -- What the shell offers for a command line: its last word, in a file of the shell's own language.
  local function offered(shell, script)
    if not select(2, capture("command -v " .. shell)) then return pending("there is no " .. shell) end
    local file = assert(io.open(folder .. "/offer", "w"))
    file:write(script)
    file:close()
    return (capture(("cd %s && PATH=%s:$PATH HOME=%s %s offer"):format(folder, program:match "^(.*)/", folder, shell)))
  end

  it("works in zsh", function()
    local text = offered("zsh", [[
compdef() { }
_describe() { print -l -- "$@[2]" "${(P@)2}" }
_files() { print files "$@" }
source <(shunt completion zsh)
offer() { words=("$@"); CURRENT=$#words; _shunt }
offer shunt resolve --instance ''
offer shunt resol
offer shunt completion z
offer shunt run ''
offer shunt init ''
]])
    if text then assert.equal("found\nacme\nfound\nresolve:Show where an access goes, and by which rule.\nfound\nzsh\nfiles\nfiles -/\n", text) end
  end)

  it("works in fish", function()
    local text = offered("fish", [[
shunt completion fish | source
for line in "shunt resolve --instance " "shunt resol" "shunt query --env=tes" "shunt sql m" "shunt init r"
    complete -C $line
end
]])
    if text then
      assert.equal("acme\nresolve\tShow where an access goes, and by which rule.\n--env=test\nmain\nrules/\tDirectory\n", text)
    end
  end)
end)

describe("documents", function()
  local files = {}
  for path in capture "ls -d *.md; find src rules -name '*.md'":gmatch "[^\n]+" do
    files[#files + 1] = path
  end

  local function read(path)
    local file = assert(io.open(path))
    local text = file:read "a"
    file:close()
    return text
  end

  it("show only commands and flags that exist", function()
    for _, path in ipairs(files) do
      for name, rest in read(path):gmatch "shunt ([a-z]+) ([^`\n#|]*)" do
        local command = commands.by_name[name]
        if command and not command.rest then
          local known = {}
          for _, flag in ipairs(commands.flags(command)) do
            for _, one in ipairs(names_of(flag)) do known[one] = true end
          end
          if command.hands_on then rest = (" " .. rest):gsub(" %-%- .*", "") end
          for flag in (" " .. rest):gmatch "[%s%[](%-%-?[%a][%w-]*)" do
            assert(known[flag], ("%s: shunt %s has no flag %s"):format(path, name, flag))
          end
        end
      end
    end
  end)

  --- The table between the markers, made from the declarations.
  local function expected()
    local out = { "| command | what it does | flags |", "| --- | --- | --- |" }
    for _, command in ipairs(visible) do
      local call, flags = { command.name }, {}
      for _, argument in ipairs(command.arguments) do
        call[#call + 1] = argument.args and "[" .. argument[1] .. "]" or argument[1]
      end
      for _, flag in ipairs(command.flags) do flags[#flags + 1] = "`" .. long_name(flag) .. "`" end
      out[#out + 1] = ("| `%s` | %s | %s |"):format(table.concat(call, " "), command.summary, table.concat(flags, " "))
    end
    return table.concat(out, "\n")
  end

  it("hold the table of commands as it is declared, between <!-- commands --> and <!-- /commands -->", function()
    local tables = 0
    for _, path in ipairs(files) do
      local found = read(path):match "<!%-%- commands %-%->\n(.-)\n<!%-%- /commands %-%->"
      if found then
        tables = tables + 1
        assert.equal(expected(), found, path .. ": write\n" .. expected())
      end
    end
    assert(tables > 0, "no document has the table")
  end)
end)
