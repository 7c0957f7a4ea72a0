/* shunt.waits() and app:waits(): who waits for whom at the moment, in the whole process. */
#include <string.h>

#include "base/clock.h"
#include "bind/bind.h"

/* Stays in the call's arena until the library has returned: Lua may be called only then. */
typedef struct wait_entry {
  shunt_wait wait;
  struct wait_entry *next;
} wait_entry;

typedef struct wait_list {
  arena *a;
  wait_entry *first, **last;
  bool no_memory;
} wait_list;

static const char *copy(wait_list *l, const char *text) {
  const char *made = text ? arena_strdup(l->a, text) : NULL;
  l->no_memory |= text && !made;
  return made;
}

static void note_wait(void *ud, const shunt_wait *wait) {
  wait_list *l = ud;
  wait_entry *e = arena_new(l->a, wait_entry);
  const char **holders = arena_array(l->a, const char *, wait->nholders + 1);
  if (!e || !holders) {
    l->no_memory = true;
    return;
  }
  for (size_t i = 0; i < wait->nholders; i++) holders[i] = copy(l, wait->holders[i]);
  e->wait = *wait;
  e->wait.waiter = copy(l, wait->waiter);
  e->wait.client = copy(l, wait->client);
  e->wait.file = copy(l, wait->file);
  e->wait.job = copy(l, wait->job);
  e->wait.holders = holders;
  *l->last = e;
  l->last = &e->next;
}

static void set_text(lua_State *L, const char *name, const char *text) {
  if (!text) return;
  lua_pushstring(L, text);
  lua_setfield(L, -2, name);
}

static void set_integer(lua_State *L, const char *name, lua_Integer value) {
  lua_pushinteger(L, value);
  lua_setfield(L, -2, name);
}

static void push_wait(lua_State *L, const shunt_wait *w) {
  lua_createtable(L, 0, 7);
  set_text(L, "waiter", w->waiter);
  set_text(L, "client", w->client);
  set_text(L, "file", w->file);
  set_text(L, "job", w->job);
  if (w->client) set_integer(L, "level", w->level);
  set_integer(L, "waited_ms", w->waited_ns / NS_PER_MS);
  lua_createtable(L, (int)w->nholders, 0);
  for (size_t i = 0; i < w->nholders; i++) {
    lua_pushstring(L, w->holders[i]);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  lua_setfield(L, -2, "holders");
}

static int waits(lua_State *L) {
  bind_call *c = bind_call_new(L);
  wait_list l = {.a = &c->arena, .last = &l.first};
  if (shunt_waits(note_wait, &l, &c->err)) return bind_fail(L, c);
  if (l.no_memory) return bind_memory(L);
  lua_newtable(L);
  lua_Integer n = 0;
  for (const wait_entry *e = l.first; e; e = e->next) {
    push_wait(L, &e->wait);
    lua_rawseti(L, -2, ++n);
  }
  bind_leave(L, c);
  return 1;
}

static int app_waits(lua_State *L) {
  bind_check_app(L);
  return waits(L);
}

void bind_waits_register(lua_State *L) {
  static const luaL_Reg methods[] = {{"waits", app_waits}, {NULL, NULL}};
  static const luaL_Reg functions[] = {{"waits", waits}, {NULL, NULL}};
  bind_methods(L, "app_methods", methods);
  luaL_setfuncs(L, functions, 0);
}
