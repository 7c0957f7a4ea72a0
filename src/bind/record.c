#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bind/bind.h"

/* Uses raw access and copies only: no Lua code runs that could change the table during the walk. */

typedef struct writer {
  lua_State *L;
  arena *a;
  shunt_error *err;
} writer;

static shunt_status record(writer *w, int index, const shunt_include *include, size_t ninclude, bool related,
                           shunt_record *out);

static int by_name(const void *a, const void *b) {
  return strcmp(((const shunt_field *)a)->name, ((const shunt_field *)b)->name);
}

static const shunt_include *included(const char *name, const shunt_include *include, size_t ninclude) {
  for (size_t i = 0; i < ninclude; i++)
    if (!include[i].off && strcmp(include[i].relation, name) == 0) return &include[i];
  return NULL;
}

/* The rows under a relation's name: a list of rows, or one row. */
static shunt_status related_rows(writer *w, int index, const shunt_include *in, shunt_related *out) {
  lua_State *L = w->L;
  if (!lua_istable(L, index))
    return error_set(w->err, SHUNT_E_USAGE, "'%s' is included, so it must hold a row or a list of rows, not a %s",
                     in->relation, luaL_typename(L, index));
  size_t count;
  lua_shape shape = lua_node_shape(L, index, &count);
  out->relation = in->relation;
  if (shape == LUA_SHAPE_EMPTY) return SHUNT_OK;
  if (shape == LUA_SHAPE_MIXED) {
    lua_pop(L, 1);
    return error_set(w->err, SHUNT_E_USAGE, "'%s' must be a row, or a list of rows without holes", in->relation);
  }
  size_t n = shape == LUA_SHAPE_LIST ? count : 1;
  shunt_record *records = arena_array(w->a, shunt_record, n);
  if (!records) return error_memory(w->err);
  out->records = records;
  out->nrecords = n;
  if (shape == LUA_SHAPE_MAP) return record(w, index, in->query->include, in->query->ninclude, true, records);
  for (size_t i = 0; i < n; i++) {
    lua_rawgeti(L, index, (lua_Integer)i + 1);
    shunt_status st = record(w, lua_gettop(L), in->query->include, in->query->ninclude, true, &records[i]);
    lua_pop(L, 1);
    if (st) return st;
  }
  return SHUNT_OK;
}

/* The value on top of the stack, under the key. */
static shunt_status cell(writer *w, const char *key, shunt_field *out) {
  lua_State *L = w->L;
  char what[128];
  out->name = key;
  if (lua_istable(L, -1))
    return error_set(w->err, SHUNT_E_USAGE,
                     "'%.64s' is a table, which a column can't hold; if it is a relation, add include = {%.64s = true}",
                     key, key);
  snprintf(what, sizeof what, "the value of '%.64s'", key);
  return bind_to_value(L, -1, w->a, what, &out->value, w->err);
}

/* A record that is being filled. */
typedef struct draft {
  shunt_record *out;
  shunt_field *fields;
  shunt_related *relations;
} draft;

/* The columns of a link are a row of their own. */
static shunt_status link_row(writer *w, shunt_record *out) {
  shunt_record link = {.nfields = 0};
  shunt_status st = record(w, lua_gettop(w->L), NULL, 0, false, &link);
  out->link = link.fields;
  out->nlink = link.nfields;
  return st;
}

/* The value on top of the stack, under the key: related rows if the relation in is included under it. */
static shunt_status entry(writer *w, draft *d, const char *key, const shunt_include *in, bool related) {
  if (in) {
    shunt_status st = related_rows(w, lua_gettop(w->L), in, &d->relations[d->out->nrelated]);
    d->out->nrelated++;
    return st;
  }
  bool flag = related && lua_isboolean(w->L, -1);
  if (flag && strcmp(key, "deleted") == 0) {
    d->out->deleted = lua_toboolean(w->L, -1);
    return SHUNT_OK;
  }
  if (flag && strcmp(key, "new") == 0) {
    d->out->is_new = lua_toboolean(w->L, -1);
    return SHUNT_OK;
  }
  if (related && lua_istable(w->L, -1) && strcmp(key, "link") == 0) return link_row(w, d->out);
  return cell(w, key, &d->fields[d->out->nfields++]);
}

static int by_relation(const void *a, const void *b) {
  return strcmp(((const shunt_related *)a)->relation, ((const shunt_related *)b)->relation);
}

static shunt_status record(writer *w, int index, const shunt_include *include, size_t ninclude, bool related,
                           shunt_record *out) {
  lua_State *L = w->L;
  size_t count;
  if (!lua_istable(L, index))
    return error_set(w->err, SHUNT_E_USAGE, "a row must be a table, not a %s", luaL_typename(L, index));
  if (!lua_checkstack(L, 8)) return error_memory(w->err);
  lua_shape shape = lua_node_shape(L, index, &count);
  if (shape == LUA_SHAPE_MIXED) lua_pop(L, 1);
  if (shape == LUA_SHAPE_LIST || shape == LUA_SHAPE_MIXED)
    return error_set(w->err, SHUNT_E_USAGE,
                     "a row must be a table of columns, as in {name = \"Ada\"}, without numbers as keys");
  draft d = {out, arena_array(w->a, shunt_field, count), arena_array(w->a, shunt_related, ninclude)};
  if (!d.fields || !d.relations) return error_memory(w->err);
  lua_pushnil(L);
  while (lua_next(L, index)) {
    size_t size;
    const char *text = lua_tolstring(L, -2, &size);
    const char *key = arena_strndup(w->a, text, size);
    shunt_status st = !key ? error_memory(w->err) : SHUNT_OK;
    if (key && strlen(key) != size)
      st = error_set(w->err, SHUNT_E_USAGE, "the column's name that begins with '%.60s' holds a NUL byte: remove it",
                     key);
    if (!st) st = entry(w, &d, key, included(key, include, ninclude), related);
    if (st) {
      lua_pop(L, 2);
      return st;
    }
    lua_pop(L, 1);
  }
  /* The order of a table's keys varies between runs; statements must not. */
  qsort(d.fields, out->nfields, sizeof *d.fields, by_name);
  qsort(d.relations, out->nrelated, sizeof *d.relations, by_relation);
  out->fields = d.fields;
  out->related = d.relations;
  return SHUNT_OK;
}

shunt_status bind_record(lua_State *L, int index, arena *a, const shunt_write *w, shunt_record *out, shunt_error *err) {
  writer into = {L, a, err};
  return record(&into, index, w->include, w->ninclude, false, out);
}

shunt_status bind_records(lua_State *L, int index, arena *a, const shunt_write *w, bind_record_list *out,
                          shunt_error *err) {
  size_t n = 0;
  lua_shape shape = lua_istable(L, index) ? lua_node_shape(L, index, &n) : LUA_SHAPE_MAP;
  if (shape == LUA_SHAPE_MIXED) lua_pop(L, 1);
  if (shape == LUA_SHAPE_EMPTY) return SHUNT_OK;
  if (shape != LUA_SHAPE_LIST) return error_set(err, SHUNT_E_USAGE, "rows must be a list of tables without holes");
  shunt_record *list = arena_array(a, shunt_record, n);
  if (!list) return error_memory(err);
  for (size_t i = 0; i < n; i++) {
    lua_rawgeti(L, index, (lua_Integer)i + 1);
    shunt_status st = bind_record(L, lua_gettop(L), a, w, &list[i], err);
    lua_pop(L, 1);
    if (st) return st;
  }
  *out = (bind_record_list){list, n};
  return SHUNT_OK;
}
