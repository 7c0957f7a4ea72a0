-- The servers that tests start for themselves: there for one command, and gone after it however it ended.

local function read(command)
  local pipe = assert(io.popen(command))
  local text = pipe:read "a"
  local _, how, code = pipe:close()
  return text, how, code
end

local function exists(path) return os.execute(("test -e '%s'"):format(path)) == true end

-- Whether something that runs has this word in its command line; the brackets keep the search from finding itself.
local function runs(word)
  local pattern = "[" .. word:sub(1, 1) .. "]" .. word:sub(2)
  return os.execute(("cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' | grep -q '%s'"):format(pattern)) == true
end

-- What is stopped takes its time: it is waited for, and the test hangs on nothing but it.
local function gone(folder)
  for _ = 1, 200 do
    if not exists(folder) and not runs(folder .. "/") then return true end
    os.execute "sleep 0.1"
  end
  return false
end

local start = "exec sh tests/engines/with-servers.sh --private --only pg "

describe("servers for tests", function()
  it("are there for a command, whose output and exit status are as ever", function()
    local text, how, code = read(start .. [[sh -c 'echo "$SHUNT_TEST_SERVERS $SHUNT_TEST_PG"; exit 7']])
    local folder, url = text:match "^(%S+) (%S+)\n$"
    assert.is_truthy(folder, text)
    assert.is_truthy(url:find("host=" .. folder .. "/pg", 1, true))
    assert.equal("exit", how)
    assert.equal(7, code)
    assert.is_true(gone(folder))
  end)

  it("are gone after a command that was killed", function()
    local folder, how = read(start .. [[sh -c 'echo "$SHUNT_TEST_SERVERS"; kill -KILL $$']])
    folder = folder:match "^%S+"
    assert.is_truthy(folder)
    assert.equal("signal", how)
    assert.is_true(gone(folder))
  end)

  it("are gone after a command that left them killed themselves", function()
    local folder = read(start .. [[sh -c 'echo "$SHUNT_TEST_SERVERS"; sh tests/engines/server.sh kill pg "$SHUNT_TEST_SERVERS"']]):match "^%S+"
    assert.is_truthy(folder)
    assert.is_true(gone(folder))
  end)

  it("keep what they had committed when they are killed and started again", function()
    local text = read(start .. [[sh -c '
      psql -qAt "$SHUNT_TEST_PG" -c "CREATE TABLE t (v integer)" -c "INSERT INTO t VALUES (7)"
      sh tests/engines/server.sh kill pg "$SHUNT_TEST_SERVERS" && sh tests/engines/server.sh start pg "$SHUNT_TEST_SERVERS"
      psql -qAt "$SHUNT_TEST_PG_TCP" -c "SELECT v FROM t"']])
    assert.equal("7\n", text)
  end)

  it("are not started where others are named", function()
    local text = read "SHUNT_TEST_PG=a SHUNT_TEST_MYSQL=b sh tests/engines/with-servers.sh sh -c 'echo $SHUNT_TEST_PG $SHUNT_TEST_MYSQL'"
    assert.equal("a b\n", text)
  end)
end)
