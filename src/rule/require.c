/* require: finds modules in the rules folders, and nowhere beyond, and runs each once. */
#include <lauxlib.h>
#include <string.h>

#include "base/read.h"
#include "rule/cost.h"
#include "rule/host_inner.h"
#include "rule/sandbox_inner.h"

#define MODULES "shunt.modules"
enum { LONGEST_MODULE = 200, COST_FILE = 1000 };

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

/* Reads the module's text from the first rules folder that has it. */
static const host_text *read_module(lua_State *L, rule_host *h, const char *name) {
  for (size_t i = 0; !h->cloning && i < h->what->npaths; i++) {
    host_check_memory(L, h);
    sandbox_charge(L, COST_FILE);
    arena *a = &h->source->arena;
    char *shown = arena_printf(a, "%s/%s.lua", h->what->paths[i], name);
    if (!shown) sandbox_raise_memory(L);
    for (char *c = shown + strlen(shown) - strlen(name) - 4; *c && strcmp(c, ".lua") != 0; c++)
      if (*c == '.') *c = '/';
    char *path = host_path(h, shown);
    char *text = NULL;
    size_t size = 0;
    const char *why;
    if (!path) sandbox_raise_memory(L);
    read_result result = read_whole(path, HOST_FILE_BYTES, &text, &size, &why);
    if (result == READ_ABSENT) continue;
    const char *wrong =
        result == READ_DONE ? NULL : lua_pushfstring(L, "the module file %s can't be read: %s", path, why);
    const bool kept = wrong ? host_keep_failure(h, name, wrong) : host_keep_text(h, shown, name, text, size);
    if (!kept || result == READ_NO_MEMORY) sandbox_raise_memory(L);
    host_check_memory(L, h);
    return &h->program->texts[h->program->count - 1];
  }
  luaL_error(L, "unknown module '%s': a module is a .lua file in a folder of rules.path", name);
  return NULL;
}

/* Pushes the module's chunk. */
static void push_module(lua_State *L, rule_host *h, const char *name) {
  const host_text *t = host_module(h, name);
  if (!t) t = read_module(L, h, name);
  if (t->wrong) luaL_error(L, "%s", t->wrong);
  const char *chunk = lua_pushfstring(L, "@%s", t->name);
  if (sandbox_load(h->sb, chunk, t->text, t->size) != LUA_OK) lua_error(L);
  lua_remove(L, -2);
}

/* require(name) */
static int require(lua_State *L) {
  rule_host *h = host_of(L);
  if (lua_type(L, 1) != LUA_TSTRING)
    return luaL_error(L, "require is given %s: write a module's name", host_shown(L, 1));
  const char *name = lua_tostring(L, 1);
  if (!h->loading)
    return luaL_error(L,
                      "require of %s: require modules at the top of a rule file; nothing is loaded when a rule is "
                      "asked",
                      host_shown(L, 1));
  if (lua_rawlen(L, 1) > LONGEST_MODULE || strlen(name) != lua_rawlen(L, 1) || !module_name(name))
    return luaL_error(L,
                      "invalid module name, %s: use letters, digits, _ and -, in parts joined by dots, at most %d "
                      "bytes",
                      host_shown(L, 1), LONGEST_MODULE);
  lua_settop(L, 1);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, MODULES);
  if (lua_getfield(L, 2, name) != LUA_TNIL) {
    if (lua_touserdata(L, -1) == h)
      return luaL_error(
          L, "module '%s' requires itself, or could not be loaded before: remove the circle or mend its first error",
          name);
    return 1;
  }
  lua_pushlightuserdata(L, h); /* marks the module as running */
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

void host_drop_modules(lua_State *L) {
  lua_pushnil(L);
  lua_setfield(L, LUA_REGISTRYINDEX, MODULES);
}
