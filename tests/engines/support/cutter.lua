--- A network that loses a connection at a chosen byte of a chosen message (tests/engines/cutter.c), and what the messages say.
--- Use: local cutter = Cutter.open "pg"; connect to cutter.address; cutter:watch(); …; local log = cutter:log(); cutter:cut(3, "all"); …

local Engines = require "tests.engines.support.engines"

local M = {}

local build = os.getenv "SHUNT_BUILD" or "build"

---@class Cutter
---@field address string where to connect to
---@field engine string
local Cutter = {}
Cutter.__index = Cutter

---@param engine string
---@return Cutter
function M.open(engine)
  local port = Engines.url(engine, nil, true):match ":(%d+)/"
  local answers = os.tmpname()
  assert(os.execute(("rm '%s' && mkfifo '%s'"):format(answers, answers)))
  local cutter = setmetatable({ engine = engine }, Cutter)
  cutter.commands = assert(io.popen(("exec '%s/tests/cutter' %s %s >'%s'"):format(build, engine, port, answers), "w"))
  cutter.answers = assert(io.open(answers, "r"))
  os.remove(answers)
  cutter.address = "127.0.0.1:" .. assert(cutter.answers:read "l", "there is no cutter: 'make unit' builds it")
  return cutter
end

---@param command string
---@return string[] lines before the answer
function Cutter:tell(command)
  local lines = {}
  assert(self.commands:write(command, "\n"))
  assert(self.commands:flush())
  for line in self.answers:lines() do
    if line == "done" then return lines end
    lines[#lines + 1] = line
  end
  error "the cutter has ended"
end

function Cutter:watch() self:tell "watch" end
function Cutter:drop() self:tell "drop" end
function Cutter:pass() self:tell "pass" end

--- The next connection with so many messages ends behind these bytes of the last one.
---@param number integer
---@param bytes integer | "all"
---@param refuse? boolean afterwards no connection is taken
function Cutter:cut(number, bytes, refuse) self:tell(("cut %d %s%s"):format(number, bytes, refuse and " refuse" or "")) end

---@class Message
---@field number integer
---@field client boolean from the client
---@field size integer
---@field bytes string the first of them

---@return Message[]
function Cutter:log()
  local list = {}
  for _, line in ipairs(self:tell "log") do
    local number, side, size, hex = line:match "^(%d+) (%a+) (%d+) (%x*)$"
    list[#list + 1] = { number = math.tointeger(number), client = side == "client", size = math.tointeger(size),
      bytes = hex:gsub("%x%x", function(two) return string.char(tonumber(two, 16)) end) }
  end
  table.sort(list, function(a, b) return a.number < b.number end)
  return list
end

function Cutter:close()
  self.commands:write "end\n"
  self.commands:close()
  self.answers:close()
end

-- ---- places ----

--- Before, within and after each message.
---@param log Message[]
---@return table[] places of message and bytes, as Cutter:cut takes them
function M.places(log)
  local places = {}
  for _, m in ipairs(log) do
    local seen = {}
    for _, bytes in ipairs { 0, 1, m.size // 2, m.size - 1 } do
      if bytes < m.size and not seen[bytes] then places[#places + 1] = { m.number, bytes } end
      seen[bytes] = true
    end
    places[#places + 1] = { m.number, "all" }
  end
  return places
end

--- Some of them.
---@param random Random
---@param places table[]
---@param count string how many, or all
---@return table[]
function M.sample(random, places, count)
  local most = count == "all" and #places or math.min(#places, math.tointeger(count))
  for i = 1, most do
    local other = random:int(i, #places)
    places[i], places[other] = places[other], places[i]
  end
  return table.move(places, 1, most, 1, {})
end

-- ---- requests ----

--- A request and its answer: what the client asked the server to run, from its first message to the last of its answer.
---@class Request
---@field first integer
---@field last integer
---@field sql? string what it runs; nil where it only prepares, or says something else

-- What a message of PostgreSQL's client adds to its request. prepared: the SQL of statements by their names.
local pg = {
  Q = function(r, body) r.sql = body:match "^%Z*" end,
  P = function(_, body, prepared)
    local name, sql = body:match "^(%Z*)%z(%Z*)"
    prepared[name] = sql
  end,
  B = function(r, body, prepared) r.sql = prepared[body:match "^%Z*%z(%Z*)"] or r.sql or "?" end,
}

local function requests_of_pg(log)
  local list, prepared, open = {}, {}, nil
  for _, m in ipairs(log) do
    local kind, body = m.bytes:sub(1, 1), m.bytes:sub(6)
    if m.client then
      if not open then
        open = { first = m.number, last = m.number }
        list[#list + 1] = open
      end
      if pg[kind] then pg[kind](open, body, prepared) end
    elseif open then
      open.last = m.number
      if kind == "Z" then open = nil end
    end
  end
  return list
end

local QUIT, QUERY, PREPARE, EXECUTE, CLOSE = 0x01, 0x03, 0x16, 0x17, 0x19

-- The answer to a PREPARE gives the statement a number, by which it is executed.
local function requests_of_mysql(log)
  local list, prepared, open, preparing = {}, {}, nil, nil
  for _, m in ipairs(log) do
    local command, body = m.bytes:byte(5), m.bytes:sub(6)
    if m.client and command ~= CLOSE and command ~= QUIT then
      open = { first = m.number, last = m.number }
      list[#list + 1] = open
      preparing = command == PREPARE and body or nil
      if command == QUERY then open.sql = body end
      if command == EXECUTE then open.sql = prepared[string.unpack("<I4", body)] or "?" end
    elseif not m.client and open then
      open.last = m.number
      if preparing and command == 0 then prepared[string.unpack("<I4", body)] = preparing end
      preparing = nil
    end
  end
  return list
end

--- The requests in the log, in their order.
---@param log Message[]
---@return Request[]
function Cutter:requests(log) return (self.engine == "pg" and requests_of_pg or requests_of_mysql)(log) end

local WRITES = { INSERT = true, UPDATE = true, DELETE = true, COPY = true, REPLACE = true, CALL = true, DO = true, WITH = true }
local BEGINS = { BEGIN = true, START = true }
local ENDS = { COMMIT = true, ROLLBACK = true, PREPARE = true }

--- Whether the request may take effect although its answer is lost: a write outside of a transaction, or a commit. `inside`:
--- whether it is in a transaction. Returns that and what is true after it.
local function decides(sql, inside)
  local word, second = sql:upper():match "^%s*(%a+)%s*(%a*)"
  if word == "XA" then
    if second == "START" then return false, true end
    return second == "COMMIT", inside and second == "END"
  end
  if BEGINS[word] then return false, true end
  if word == "ROLLBACK" and second == "TO" then return false, inside end
  if ENDS[word] then return word == "COMMIT", false end
  return not inside and WRITES[word] or false, inside
end

--- Which requests decide: see above.
---@param requests Request[]
---@return Request[]
function M.deciding(requests)
  local list, inside = {}, false
  for _, r in ipairs(requests) do
    if r.sql then
      local decided, after = decides(r.sql, inside)
      if decided then list[#list + 1] = r end
      inside = after
    end
  end
  return list
end

--- Whether a cut there leaves a request in doubt: the client has sent a part of it, or sends it into a connection that has ended,
--- and its answer is not whole.
---@param deciding Request[]
---@param number integer
---@param whole boolean the message was forwarded as a whole
---@return boolean
function M.leaves_doubt(deciding, number, whole)
  for _, r in ipairs(deciding) do
    if number >= r.first and number <= r.last and not (whole and number == r.last) then return true end
    if whole and number == r.first - 1 then return true end
  end
  return false
end

return M
