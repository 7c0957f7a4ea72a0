/* For: finding rule files and modules, running them within their limits, and sealing what they leave behind.
 * Owner: file texts live while they are compiled; file names in the catalog_source's arena. */
#define _POSIX_C_SOURCE 200809L
#include <dirent.h>
#include <errno.h>
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/read.h"
#include "rule/host_inner.h"
#include "rule/standard.h"

enum { LOAD_FACTOR = 16, LARGEST_FILE_BYTES = 16 << 20 };

#define MODULES "shunt.modules"

/* Where a rules path lies for this process: it is relative to the app config's folder. */
static char *path_on_disk(rule_host *h, const char *path) {
  return arena_printf(&h->source->arena, "%s%s", path[0] == '/' ? "" : h->source->folder, path);
}

static void report(rule_host *h, shunt_error *err, place at) {
  if (!err->file[0]) error_place(err, at.file, at.line, at.column);
  problems_add_error(h->problems, err);
}

/* False where a limit was hit: what comes after is not run, so that many such files take no longer than one. */
static bool run_text(rule_host *h, const char *name, const char *text, size_t size) {
  shunt_error err;
  place at = {name, 1, 0};
  char *chunk = arena_printf(&h->source->arena, "@%s", name);
  if (!chunk) {
    h->problems->out_of_memory = true;
    return false;
  }
  sandbox_start(h->sb, LOAD_FACTOR);
  int loaded = sandbox_load(h->sb, chunk, text, size);
  if (loaded != LUA_OK) {
    sandbox_error(h->sb, loaded, &err);
    report(h, &err, at);
    return err.status != SHUNT_E_LIMIT;
  }
  shunt_status status = sandbox_call(h->sb, 0, 0, &err);
  if (status) report(h, &err, at);
  host_check_pending(h);
  return status != SHUNT_E_LIMIT;
}

/* The name is what the user sees: the path as it was named, the file in it. */
static bool run_file(rule_host *h, const char *path, const char *name, place named) {
  char *text = NULL;
  size_t size = 0;
  const char *why;
  bool on = true;
  read_result result = read_whole(path, LARGEST_FILE_BYTES, &text, &size, &why);
  if (result == READ_DONE)
    on = run_text(h, name, text, size);
  else if (result == READ_NO_MEMORY)
    h->problems->out_of_memory = true;
  else
    problems_add(h->problems, SHUNT_E_CONFIG, named, "the rule file %s can't be read: %s", path, why);
  base_free(text);
  return on;
}

static int is_rule_file(const struct dirent *e) {
  size_t size = strlen(e->d_name);
  return e->d_name[0] != '.' && size > 4 && strcmp(e->d_name + size - 4, ".lua") == 0;
}

/* Not alphasort, which follows the locale: the order of loading is a part of what rules mean. */
static int by_name(const struct dirent **a, const struct dirent **b) { return strcmp((*a)->d_name, (*b)->d_name); }

static bool run_folder(rule_host *h, const char *folder, const char *name, place named) {
  struct dirent **list;
  int n = scandir(folder, &list, is_rule_file, by_name);
  if (n < 0) {
    problems_add(h->problems, SHUNT_E_CONFIG, named, "the rules folder %s can't be read: %s", folder, strerror(errno));
    return true;
  }
  size_t size = strlen(name);
  const char *slash = size && name[size - 1] == '/' ? "" : "/";
  bool on = true;
  for (int i = 0; i < n; i++) {
    char *path = arena_printf(&h->source->arena, "%s/%s", folder, list[i]->d_name);
    char *shown = arena_printf(&h->source->arena, "%s%s%s", name, slash, list[i]->d_name);
    if (!path || !shown) h->problems->out_of_memory = true;
    on = on && path && shown && run_file(h, path, shown, named);
    free(list[i]);
  }
  free(list);
  return on;
}

static bool run_path(rule_host *h, const char *name, place named) {
  struct stat st;
  char *path = path_on_disk(h, name);
  if (!path) {
    h->problems->out_of_memory = true;
    return false;
  }
  if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) return run_folder(h, path, name, named);
  return run_file(h, path, name, named);
}

static bool run_standard(rule_host *h, const rule_load *what) {
  bool on = true;
  h->standard_file = true;
  for (size_t i = 0; i < rule_standard_count && on; i++) {
    const rule_standard_file *f = &rule_standard_files[i];
    if (strcmp(f->path, RULE_STRICT_ISOLATION) == 0 ? what->strict : what->standard)
      on = run_text(h, f->path, f->text, f->size);
  }
  h->standard_file = false;
  return on;
}

static int freeze(lua_State *L) {
  rule_host *h = lua_touserdata(L, 1);
  lua_rawgeti(L, LUA_REGISTRYINDEX, h->functions[h->freezing].ref);
  sandbox_freeze(L, -1);
  return 0;
}

/* What a rule's function can reach is read-only from here on: it keeps no state between calls. */
static void freeze_all(rule_host *h) {
  shunt_error err;
  shunt_status status = SHUNT_OK;
  for (h->freezing = 0; h->freezing < h->nfunctions && status != SHUNT_E_LIMIT; h->freezing++) {
    sandbox_start(h->sb, LOAD_FACTOR);
    sandbox_push_work(h->sb->L, freeze, h);
    status = sandbox_call(h->sb, 1, 0, &err);
    if (status) report(h, &err, h->functions[h->freezing].at);
  }
}

void rule_host_load(rule_host *h, const rule_load *what, catalog_source *source, problems *found) {
  h->loading = true;
  h->source = source;
  h->problems = found;
  h->what = what;
  h->bytes_before = source->arena.total_bytes;
  bool on = run_standard(h, what);
  for (size_t i = 0; i < what->npaths && on; i++) on = run_path(h, what->paths[i], what->places[i]);
  if (on) freeze_all(h);
  h->loading = false;
  h->source = NULL;
  h->problems = NULL;
  h->what = NULL;
}

/* ---- require ---- */

static bool module_name(const char *name) {
  bool letter = false;
  for (const char *c = name; *c; c++) {
    bool plain =
        (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') || *c == '_' || *c == '-';
    if (!plain && !(*c == '.' && letter)) return false;
    letter = plain;
  }
  return letter;
}

/* Loads the module's chunk from the first rules folder that has it, and leaves it on the stack. */
static void push_module(lua_State *L, rule_host *h, const char *name) {
  for (size_t i = 0; i < h->what->npaths; i++) {
    arena *a = &h->source->arena;
    char *shown = arena_printf(a, "@%s/%s.lua", h->what->paths[i], name);
    if (!shown) luaL_error(L, "not enough memory");
    for (char *c = shown + strlen(shown) - strlen(name) - 4; *c && strcmp(c, ".lua") != 0; c++)
      if (*c == '.') *c = '/';
    char *path = path_on_disk(h, shown + 1);
    char *text = NULL;
    size_t size = 0;
    const char *why;
    if (!path) luaL_error(L, "not enough memory");
    read_result result = read_whole(path, LARGEST_FILE_BYTES, &text, &size, &why);
    if (result == READ_ABSENT) continue;
    if (result != READ_DONE) luaL_error(L, "the module file %s can't be read: %s", path, why);
    int loaded = sandbox_load(h->sb, shown, text, size);
    base_free(text);
    if (loaded != LUA_OK) lua_error(L);
    return;
  }
  luaL_error(L, "there is no module '%s' in the rules folders: a module is a .lua file under one of them", name);
}

/* Modules under the rules path alone, run once. */
static int require(lua_State *L) {
  rule_host *h = host_of(L);
  const char *name = luaL_checkstring(L, 1);
  lua_settop(L, 1);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, MODULES);
  if (lua_getfield(L, 2, name) != LUA_TNIL) {
    if (lua_touserdata(L, -1) == h)
      return luaL_error(L, "module '%s' requires itself, or could not be loaded before", name);
    return 1;
  }
  if (!h->loading)
    return luaL_error(L, "require '%s' belongs at the top of a rule file: nothing is loaded when a rule is asked",
                      name);
  if (!module_name(name))
    return luaL_error(L, "'%s' is no module's name: letters, digits, _ and -, in parts joined by dots", name);
  lua_pushlightuserdata(L, h); /* stands there while the module runs */
  lua_setfield(L, 2, name);
  push_module(L, h, name);
  lua_call(L, 0, 1);
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    lua_pushboolean(L, true);
  }
  lua_pushvalue(L, -1);
  lua_setfield(L, 2, name);
  return 1;
}

void host_open_require(lua_State *L, rule_host *h) {
  lua_pushcfunction(L, require);
  sandbox_define(h->sb, "require");
}
