/* app:statistics(): figures of the rules and of the decision cache. app:metrics(): all figures, as text. */
#include <string.h>

#include "bind/bind.h"

/* The rules stay in the call's arena until the library has returned: Lua may be called only then. */
typedef struct rule_entry {
  shunt_rule_stats stats;
  struct rule_entry *next;
} rule_entry;

typedef struct rule_list {
  arena *a;
  rule_entry *first, **last;
  bool no_memory;
} rule_list;

static void note_rule(void *ud, const shunt_rule_stats *stats) {
  rule_list *l = ud;
  rule_entry *e = arena_new(l->a, rule_entry);
  if (e) {
    e->stats = *stats;
    e->stats.name = arena_strdup(l->a, stats->name);
    e->stats.stage = arena_strdup(l->a, stats->stage);
    e->stats.source = arena_strdup(l->a, stats->source);
  }
  if (!e || !e->stats.name || !e->stats.stage || !e->stats.source) {
    l->no_memory = true;
    return;
  }
  *l->last = e;
  l->last = &e->next;
}

typedef struct number {
  const char *name;
  uint64_t value;
} number;

static void set_numbers(lua_State *L, const number *numbers, size_t count) {
  for (size_t i = 0; i < count; i++) {
    lua_pushinteger(L, (lua_Integer)numbers[i].value);
    lua_setfield(L, -2, numbers[i].name);
  }
}

static void set_text(lua_State *L, const char *name, const char *text) {
  lua_pushstring(L, text);
  lua_setfield(L, -2, name);
}

static void push_rule(lua_State *L, const shunt_rule_stats *s) {
  const number numbers[] = {{"asked", s->asked},      {"selected", s->selected}, {"passed", s->passed},
                            {"denied", s->denied},    {"failed", s->failed},     {"timed", s->timed},
                            {"timed_ns", s->timed_ns}};
  const size_t count = sizeof numbers / sizeof *numbers;
  lua_createtable(L, 0, (int)count + 3);
  set_numbers(L, numbers, count);
  set_text(L, "name", s->name);
  set_text(L, "stage", s->stage);
  set_text(L, "source", s->source);
}

static void push_nodes(lua_State *L, const shunt_stats *s) {
  lua_createtable(L, 0, SHUNT_NNODES);
  for (shunt_node i = 0; i < SHUNT_NNODES; i++) {
    if (s->nodes[i] == 0) continue;
    lua_pushinteger(L, (lua_Integer)s->nodes[i]);
    lua_setfield(L, -2, shunt_node_text(i));
  }
}

static void push_totals(lua_State *L, const shunt_stats *s) {
  const number numbers[] = {{"generation", s->generation},
                            {"hits", s->hits},
                            {"misses", s->misses},
                            {"entries", s->entries},
                            {"decisions", s->decisions},
                            {"bytes", s->bytes},
                            {"refused_entries", s->refused_entries},
                            {"refused_children", s->refused_children},
                            {"audits", s->audits},
                            {"differences", s->differences},
                            {"states", s->states}};
  const size_t count = sizeof numbers / sizeof *numbers;
  lua_createtable(L, 0, (int)count + 4);
  set_numbers(L, numbers, count);
  lua_pushboolean(L, s->remembers);
  lua_setfield(L, -2, "remembers");
  push_nodes(L, s);
  lua_setfield(L, -2, "nodes");
}

static int statistics(lua_State *L) {
  shunt_app *app = bind_check_app(L)->app;
  bind_call *c = bind_call_new(L);
  rule_list l = {.a = &c->arena, .last = &l.first};
  shunt_stats stats;
  if (shunt_statistics(app, &stats, note_rule, &l, &c->err)) return bind_fail(L, c);
  if (l.no_memory) return bind_memory(L);
  if (shunt_last_difference(app, &c->text, &c->err)) return bind_fail(L, c);
  push_totals(L, &stats);
  if (c->text) set_text(L, "difference", c->text);
  lua_newtable(L);
  lua_Integer n = 0;
  for (const rule_entry *e = l.first; e; e = e->next) {
    push_rule(L, &e->stats);
    lua_rawseti(L, -2, ++n);
  }
  lua_setfield(L, -2, "rules");
  bind_leave(L, c);
  return 1;
}

static int metrics(lua_State *L) {
  shunt_app *app = bind_check_app(L)->app;
  bind_call *c = bind_call_new(L);
  if (shunt_metrics(app, &c->text, &c->err)) return bind_fail(L, c);
  lua_pushstring(L, c->text);
  bind_leave(L, c);
  return 1;
}

void bind_statistics_register(lua_State *L) {
  static const luaL_Reg methods[] = {{"statistics", statistics}, {"metrics", metrics}, {NULL, NULL}};
  bind_methods(L, "app_methods", methods);
}
