/* A host program with a Lua of another version, which has the names of Lua 5.4's functions, too.
 * Use: beside_lua51 SHUNT_YAML MODEL */
#include <lauxlib.h>
#include <lualib.h>
#include <shunt.h>
#include <stdio.h>

static int fail(const shunt_error *err) {
  fprintf(stderr, "%s: %s\n", shunt_status_name(err->status), err->message);
  return 1;
}

/* Prints where reads of the model go, and the Lua version that the host's own state says. */
static int say(lua_State *L, const char *path, const char *model) {
  shunt_app *app = NULL;
  shunt_session *session = NULL;
  const shunt_decision *decision;
  shunt_error err;
  int exit_status = 0;
  if (shunt_open(path, NULL, &app, &err) || shunt_session_open(app, NULL, &session, &err) ||
      shunt_resolve(session, &(shunt_request){.model = model}, &decision, &err)) {
    exit_status = fail(&err);
  } else if (luaL_dostring(L, "return _VERSION")) {
    exit_status = 1;
  } else {
    printf("%s: %s, in %s\n", decision->model, decision->client, lua_tostring(L, -1));
  }
  shunt_session_close(session);
  shunt_close(app);
  return exit_status;
}

int main(int argc, char **argv) {
  if (argc != 3) {
    fputs("use: beside_lua51 SHUNT_YAML MODEL\n", stderr);
    return 2;
  }
  lua_State *L = luaL_newstate();
  if (!L) return 1;
  luaL_openlibs(L);
  const int exit_status = say(L, argv[1], argv[2]);
  lua_close(L);
  return exit_status;
}
