-- A LuaJIT program that calls libshunt.so, and says where reads of a model go. LuaJIT exports a Lua of its own.
-- Use: luajit resolve_ffi.lua LIBSHUNT SHUNT_YAML MODEL
local ffi = require "ffi"

ffi.cdef [[
typedef struct shunt_app shunt_app;
typedef struct shunt_session shunt_session;
typedef struct shunt_error {
  int status, outcome, line, column, engine_code;
  char sqlstate[6], client[64], file[256], rule[128], message[1024], traceback[1024];
} shunt_error;
typedef struct shunt_request { size_t size; const char *model; char others[1000]; } shunt_request; /* its first members */
typedef struct shunt_decision { const char *model, *relation, *client; } shunt_decision; /* its first members */
int shunt_open(const char *path, const void *options, shunt_app **app, shunt_error *err);
int shunt_session_open(shunt_app *app, const void *options, shunt_session **session, shunt_error *err);
int shunt_resolve(shunt_session *session, const void *request, const shunt_decision **decision, shunt_error *err);
void shunt_session_close(shunt_session *session);
void shunt_close(shunt_app *app);
]]

local shunt = ffi.load(arg[1])
local err = ffi.new "shunt_error"
local function check(status)
  if status ~= 0 then error(ffi.string(err.message), 0) end
end

local app, session, decision = ffi.new "shunt_app *[1]", ffi.new "shunt_session *[1]", ffi.new "const shunt_decision *[1]"
local request = ffi.new "shunt_request" -- zeros; a size of 0 stands for the size in version 0.1
request.model = arg[3]
check(shunt.shunt_open(arg[2], nil, app, err))
check(shunt.shunt_session_open(app[0], nil, session, err))
check(shunt.shunt_resolve(session[0], request, decision, err))
print(("%s: %s, in %s"):format(ffi.string(decision[0].model), ffi.string(decision[0].client), _VERSION))
shunt.shunt_session_close(session[0])
shunt.shunt_close(app[0])
