/* For: the shunt command: a Lua state with the module built in, and the program in lua/shunt/cli run in it.
 * Owner: main owns the state. The Lua program owns everything else, and turns every failure into an exit status.
 * Use: shunt COMMAND …; the Lua side returns the exit status from require("shunt.cli.main")(arguments). */
#define _POSIX_C_SOURCE 200809L
#include <dirent.h>
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "bind/bind.h"
#include "cli/console.h"
#include "cli/output.h"
#include "cli/serve.h"
#include "shunt.h"

#ifndef SHUNT_LUADIR
#define SHUNT_LUADIR "/usr/local/share/lua/5.4"
#endif

#define PROGRAM "/shunt/cli/main.lua"
#define FOLDERS_UP 4 /* build/asan/shunt lies two below the checkout */

static int host_isatty(lua_State *L) {
  lua_pushboolean(L, isatty((int)luaL_checkinteger(L, 1)));
  return 1;
}

static int host_mkdir(lua_State *L) {
  return luaL_fileresult(L, mkdir(luaL_checkstring(L, 1), 0777) == 0, luaL_checkstring(L, 1));
}

/* Does not open it: opening a pipe waits for a writer. */
static int host_exists(lua_State *L) {
  lua_pushboolean(L, access(luaL_checkstring(L, 1), F_OK) == 0);
  return 1;
}

/* The names in a folder, unordered; nil and a message if it can't be read as a folder. */
static int host_list(lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  lua_newtable(L); /* before the folder is open: it may throw */
  DIR *folder = opendir(path);
  if (!folder) return luaL_fileresult(L, 0, path);
  lua_Integer n = 0;
  for (struct dirent *entry; (entry = readdir(folder));) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    lua_pushstring(L, entry->d_name);
    lua_rawseti(L, -2, ++n);
  }
  closedir(folder);
  return 1;
}

/* changed_ns(path): when the file changed last; nil if it is not there. */
static int host_changed_ns(lua_State *L) {
  struct stat at;
  if (stat(luaL_checkstring(L, 1), &at) == 0)
    lua_pushinteger(L, (lua_Integer)at.st_mtim.tv_sec * NS_PER_S + at.st_mtim.tv_nsec);
  else
    lua_pushnil(L);
  return 1;
}

static int host_now_ns(lua_State *L) {
  lua_pushinteger(L, clock_monotonic_ns());
  return 1;
}

static int host_time_ms(lua_State *L) {
  lua_pushinteger(L, clock_real_ms());
  return 1;
}

static sigset_t ending_signals(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

/* hold_signals(yes): SIGINT and SIGTERM wait for next_signal. hold_signals(no): they end the program. */
static int host_hold_signals(lua_State *L) {
  sigset_t set = ending_signals();
  sigprocmask(lua_toboolean(L, 1) ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
  return 0;
}

/* next_signal(ms): the name of a signal that came within this time, or nil. */
static int host_next_signal(lua_State *L) {
  lua_Integer ms = luaL_checkinteger(L, 1);
  sigset_t set = ending_signals();
  int number = sigtimedwait(&set, NULL, &(struct timespec){(time_t)(ms / 1000), (long)(ms % 1000 * NS_PER_MS)});
  if (number < 0)
    lua_pushnil(L);
  else
    lua_pushstring(L, number == SIGINT ? "SIGINT" : "SIGTERM");
  return 1;
}

/* ---- metrics ---- */

#define SERVER "shunt.cli.server"

static int server_close(lua_State *L) {
  serve **s = luaL_checkudata(L, 1, SERVER);
  serve_close(*s);
  *s = NULL;
  return 0;
}

/* serve(app, address): a server of the app's metrics, to be closed before the app, and where it listens; or nil and the
 * reason. */
static int host_serve(lua_State *L) {
  char why[256];
  bind_app *app = bind_check_app(L);
  const char *address = luaL_checkstring(L, 2);
  serve **s = lua_newuserdatauv(L, sizeof *s, 0);
  *s = NULL;
  if (luaL_newmetatable(L, SERVER)) {
    lua_pushcfunction(L, server_close);
    lua_setfield(L, -2, "__close");
    lua_pushcfunction(L, server_close);
    lua_setfield(L, -2, "__gc");
  }
  lua_setmetatable(L, -2);
  if (serve_open(app->app, address, s, why, sizeof why)) {
    lua_pushstring(L, serve_address(*s));
    return 2;
  }
  lua_pushnil(L);
  lua_pushstring(L, why);
  return 2;
}

static const luaL_Reg host[] = {{"isatty", host_isatty},
                                {"mkdir", host_mkdir},
                                {"exists", host_exists},
                                {"list", host_list},
                                {"changed_ns", host_changed_ns},
                                {"now_ns", host_now_ns},
                                {"time_ms", host_time_ms},
                                {"hold_signals", host_hold_signals},
                                {"next_signal", host_next_signal},
                                {"serve", host_serve},
                                {NULL, NULL}};

/* Cuts the last part off a path; false if no part is left. */
static bool step_up(char *path) {
  char *slash = strrchr(path, '/');
  if (!slash) return false;
  *slash = '\0';
  return true;
}

static bool holds_program(const char *folder) {
  char path[4096];
  int n = snprintf(path, sizeof path, "%s%s", folder, PROGRAM);
  return n > 0 && (size_t)n < sizeof path && access(path, R_OK) == 0;
}

/* Finds the Lua files: beside the build folder of a checkout, under the prefix that the program was moved to, or where
 * it was installed. */
static void find_lua(char *out, size_t size) {
  static const char *const places[] = {"lua", "share/lua/5.4"};
  char up[4096];
  ssize_t n = readlink("/proc/self/exe", up, sizeof up - 1);
  up[n > 0 ? n : 0] = '\0';
  for (int i = 0; i < FOLDERS_UP && step_up(up); i++) {
    for (size_t p = 0; p < sizeof places / sizeof *places; p++) {
      int length = snprintf(out, size, "%s/%s", up, places[p]);
      if (length > 0 && (size_t)length < size && holds_program(out)) return;
    }
  }
  snprintf(out, size, "%s", SHUNT_LUADIR);
}

/* Adds a traceback to a message; leaves an error value with its own __tostring alone. */
static int traceback(lua_State *L) {
  if (lua_type(L, 1) == LUA_TSTRING) luaL_traceback(L, L, lua_tostring(L, 1), 1);
  return 1;
}

/* (argc, argv) -> status. Runs protected: it may throw. */
static int program(lua_State *L) {
  int argc = (int)lua_tointeger(L, 1);
  char **argv = lua_touserdata(L, 2);
  char folder[4096 + 16];
  luaL_openlibs(L);
  lua_warning(L, "@on", 0); /* a callback of app:on that fails must not go unnoticed */
  find_lua(folder, sizeof folder);

  lua_getglobal(L, "package");
  lua_getfield(L, -1, "path");
  lua_pushfstring(L, "%s/?.lua;%s/?/init.lua;%s", folder, folder, lua_tostring(L, -1));
  lua_setfield(L, -3, "path");
  lua_getfield(L, -2, "preload");
  lua_pushcfunction(L, luaopen_shunt_core);
  lua_setfield(L, -2, "shunt.core");
  lua_getfield(L, -3, "loaded");
  luaL_newlib(L, host);
  luaL_setfuncs(L, console_functions, 0);
  lua_pushstring(L, folder);
  lua_setfield(L, -2, "folder");
  lua_pushliteral(L, SHUNT_VERSION);
  lua_setfield(L, -2, "version");
  lua_pushstring(L, argc ? argv[0] : "shunt");
  lua_setfield(L, -2, "program");
  lua_setfield(L, -2, "shunt.cli.host");

  lua_getglobal(L, "require");
  lua_pushliteral(L, "shunt.cli.main");
  lua_call(L, 1, 1);
  lua_createtable(L, argc, 0);
  for (int i = 1; i < argc; i++) {
    lua_pushstring(L, argv[i]);
    lua_rawseti(L, -2, i);
  }
  lua_call(L, 1, 1);
  return 1;
}

int main(int argc, char **argv) {
  output_begin();
  signal(SIGPIPE, SIG_DFL); /* `shunt query … | head` ends as quietly as any other program */
  lua_State *L = luaL_newstate();
  if (!L) {
    fputs("shunt: out of memory\n", stderr);
    return EXIT_FAILURE;
  }
  lua_pushcfunction(L, traceback);
  lua_pushcfunction(L, program);
  lua_pushinteger(L, argc);
  lua_pushlightuserdata(L, argv);
  int status = EXIT_FAILURE;
  if (lua_pcall(L, 2, 1, 1) == LUA_OK) {
    status = (int)lua_tointeger(L, -1);
  } else {
    fprintf(stderr, "shunt: %s\n", luaL_tolstring(L, -1, NULL));
  }
  lua_close(L);
  return status;
}
