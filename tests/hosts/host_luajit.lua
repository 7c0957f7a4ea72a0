-- A host in LuaJIT. It reaches the library through ffi: calls and replies are JSON. The library has a Lua of its own.
-- Use: luajit host_luajit.lua SHUNT_YAML, an application as `shunt init` makes it
local ffi = require "ffi"
local json = require "cjson"

ffi.cdef [[
typedef struct {
  int status, outcome, line, column, engine_code;
  char sqlstate[6], client[64], file[256], rule[128], message[1024], traceback[1024];
} shunt_error;
const char *shunt_status_name(int status);
int shunt_open(const char *path, const void *options, void **app, shunt_error *err);
void shunt_close(void *app);
int shunt_call_session(void *app, const char *options, void **session, shunt_error *err);
void shunt_session_close(void *session);
int shunt_call(void *session, const char *call, char **reply, shunt_error *err);
void shunt_free(void *block);
]]
local lib = ffi.load "shunt"

--- Raises {code=, message=}.
local function check(status, err)
  if status ~= 0 then error({ code = ffi.string(lib.shunt_status_name(status)), message = ffi.string(err.message) }, 0) end
end

local function open(path)
  local app, err = ffi.new "void *[1]", ffi.new "shunt_error"
  check(lib.shunt_open(path, nil, app, err), err)
  return app[0]
end

local Session = {}
Session.__index = Session

function Session.open(app, options)
  local handle, err = ffi.new "void *[1]", ffi.new "shunt_error"
  check(lib.shunt_call_session(app, json.encode(options), handle, err), err)
  return setmetatable({ handle = handle[0], err = err, reply = ffi.new "char *[1]" }, Session)
end

function Session:call(call)
  check(lib.shunt_call(self.handle, json.encode(call), self.reply, self.err), self.err)
  local result = json.decode(ffi.string(self.reply[0]))
  lib.shunt_free(self.reply[0])
  return result
end

function Session:transaction(options, fn)
  options.begin = true
  self:call(options)
  local ok, problem = pcall(fn)
  self:call { [ok and "commit" or "rollback"] = true }
  if not ok then error(problem, 0) end
end

local function main(path)
  local app = open(path)
  local session = Session.open(app, { instance = "acme", attrs = { role = "clerk" } })
  local grace
  session:transaction({ client = "acme" }, function()
    local row = { name = "Grace", orders = { { item = "Compass", price = 12.5 }, { item = "Map", price = 3 } } }
    grace = session:call { insert = "user", row = row, include = "orders" }
  end)
  for _, user in ipairs(session:call { select = "user", where = { id = grace.id }, include = { orders = { order = "-price" } } }) do
    print(user.name, #user.orders, user.orders[1].item)
  end
  local ok, problem = pcall(session.transaction, session, { client = "acme" }, function()
    session:call { delete = "order", where = { user_id = grace.id } }
    session:call { delete = "ordr", all = true }
  end)
  print(ok, problem.code, problem.message)
  print(session:call { count = "order", where = { user_id = grace.id } } .. " orders are left")
  print("orders of acme go to " .. session:call({ resolve = "order", op = "write" }).client)
  lib.shunt_session_close(session.handle)
  lib.shunt_close(app)
end

local ok, problem = pcall(main, assert(arg[1], "use: luajit host_luajit.lua SHUNT_YAML"))
if not ok then
  io.stderr:write(type(problem) == "table" and problem.code .. ": " .. problem.message or tostring(problem), "\n")
  os.exit(1)
end
