#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/base64.h"
#include "base/json.h"
#include "base/utf8.h"
#include "bind/bind.h"

#define BIND_JSON "shunt.json"

/* A JSON document that is held while Lua is called; collected if Lua raises. */
typedef struct document {
  json_t *root;
  char *text;  /* malloc's */
  buf scratch; /* of texts that are read */
} document;

static document *new_document(lua_State *L) {
  document *d = lua_newuserdatauv(L, sizeof *d, 0);
  memset(d, 0, sizeof *d);
  luaL_setmetatable(L, BIND_JSON);
  return d;
}

static int document_gc(lua_State *L) {
  document *d = luaL_checkudata(L, 1, BIND_JSON);
  json_decref(d->root);
  free(d->text);
  buf_free(&d->scratch);
  d->root = NULL;
  d->text = NULL;
  return 0;
}

/* ---- writing ---- */

/* No function of the writer raises a Lua error: a part of the document would leak. */
typedef struct writer {
  lua_State *L;
  int blob, object, decision; /* stack positions of these metatables */
  const char *const *first;   /* keys that go before the others */
  size_t nfirst;
  size_t digits; /* digits that a number needs to be read back exactly */
  shunt_error *err;
} writer;

/* An entry of a table; the table owns the text. */
typedef struct entry {
  const char *text;
  size_t size;
  size_t rank;
  json_t *value;
} entry;

static json_t *encode(writer *w, int index, int depth);

static json_t *refuse(writer *w, const char *what) {
  error_set(w->err, SHUNT_E_USAGE, "JSON: %s", what);
  return NULL;
}

static json_t *checked(writer *w, json_t *made) {
  if (!made) error_memory(w->err);
  return made;
}

static json_t *encode_text(writer *w, const char *text, size_t size) {
  if (utf8_valid(text, size)) return checked(w, json_stringn_nocheck(text, size));
  char *fixed = utf8_repair(text, size, &size);
  json_t *made = fixed ? json_stringn_nocheck(fixed, size) : NULL;
  base_free(fixed);
  return checked(w, made);
}

static json_t *encode_blob(writer *w, const lua_blob *blob) {
  buf text = {0};
  base64_write(&text, blob->bytes, blob->size);
  json_t *made = text.failed ? NULL : json_stringn_nocheck(text.size ? text.data : "", text.size);
  buf_free(&text);
  return checked(w, made);
}

/* Writes 15 digits if they are enough: 0.1, not 0.10000000000000001. */
static json_t *encode_number(writer *w, double d) {
  char text[40];
  if (!isfinite(d)) return refuse(w, "NaN and the infinities can't be written");
  for (size_t digits = 15; digits < 17; digits++) {
    snprintf(text, sizeof text, "%.*g", (int)digits, d);
    if (strtod(text, NULL) == d) {
      if (w->digits < digits) w->digits = digits;
      return checked(w, json_real(d));
    }
  }
  w->digits = 17;
  return checked(w, json_real(d));
}

static json_t *encode_list(writer *w, int index, size_t count, int depth) {
  json_t *list = json_array();
  for (size_t i = 0; list && i < count; i++) {
    lua_rawgeti(w->L, index, (lua_Integer)i + 1);
    json_t *item = encode(w, lua_gettop(w->L), depth + 1);
    lua_pop(w->L, 1);
    bool done = item && json_array_append_new(list, item) == 0;
    if (done) continue;
    if (item) error_memory(w->err);
    json_decref(list);
    return NULL;
  }
  return checked(w, list);
}

static int by_rank(const void *a, const void *b) {
  const entry *x = a, *y = b;
  if (x->rank != y->rank) return x->rank < y->rank ? -1 : 1;
  int order = memcmp(x->text, y->text, x->size < y->size ? x->size : y->size);
  return order ? order : (x->size > y->size) - (x->size < y->size);
}

static size_t rank_of(const writer *w, const char *text) {
  size_t i = 0;
  while (i < w->nfirst && strcmp(w->first[i], text) != 0) i++;
  return i;
}

/* Fills entries with the count entries of the table. The first *n hold a value that the caller must release. */
static bool encode_entries(writer *w, int index, entry *entries, size_t *n, int depth) {
  lua_State *L = w->L;
  lua_pushnil(L);
  while (lua_next(L, index)) {
    entry *e = &entries[*n];
    e->text = lua_tolstring(L, -2, &e->size);
    e->rank = rank_of(w, e->text);
    e->value = encode(w, lua_gettop(L), depth + 1);
    lua_pop(L, 1);
    if (!e->value) {
      lua_pop(L, 1);
      return false;
    }
    ++*n;
  }
  return true;
}

/* Moves the entry's value into the object. */
static bool put(json_t *object, entry *e) {
  size_t size = e->size;
  char *fixed = utf8_valid(e->text, size) ? NULL : utf8_repair(e->text, size, &size);
  json_t *value = e->value;
  e->value = NULL;
  if (!fixed && !utf8_valid(e->text, size)) {
    json_decref(value);
    return false;
  }
  bool done = json_object_setn_new_nocheck(object, fixed ? fixed : e->text, size, value) == 0;
  base_free(fixed);
  return done;
}

static json_t *encode_map(writer *w, int index, size_t count, int depth) {
  entry *entries = base_zalloc(count * sizeof *entries + 1);
  if (!entries) return checked(w, NULL);
  size_t n = 0;
  json_t *object = NULL;
  if (encode_entries(w, index, entries, &n, depth)) {
    qsort(entries, n, sizeof *entries, by_rank);
    object = json_object();
    for (size_t i = 0; object && i < n; i++) {
      if (put(object, &entries[i])) continue;
      json_decref(object);
      object = NULL;
    }
    if (!object) error_memory(w->err);
  }
  for (size_t i = 0; i < n; i++) json_decref(entries[i].value);
  base_free(entries);
  return object;
}

/* Whether the value has the metatable at that stack position. */
static bool has_metatable(lua_State *L, int index, int metatable) {
  if (!lua_getmetatable(L, index)) return false;
  bool has = lua_rawequal(L, -1, metatable);
  lua_pop(L, 1);
  return has;
}

static json_t *encode_table(writer *w, int index, int depth) {
  if (depth > JSON_DEEPEST) return refuse(w, "tables are nested more than 2000 deep (does one contain itself?)");
  size_t count;
  lua_shape shape = lua_node_shape(w->L, index, &count);
  if (shape == LUA_SHAPE_LIST) return encode_list(w, index, count, depth);
  if (shape == LUA_SHAPE_MAP) return encode_map(w, index, count, depth);
  if (shape == LUA_SHAPE_EMPTY) return checked(w, has_metatable(w->L, index, w->object) ? json_object() : json_array());
  lua_pop(w->L, 1);
  return refuse(w, "a table must be a list without holes or have names as keys");
}

static json_t *encode_decision(writer *w, int index, int depth) {
  lua_State *L = w->L;
  lua_pushcfunction(L, bind_decision_table);
  lua_pushvalue(L, index);
  json_t *made = lua_pcall(L, 1, 1, 0) ? checked(w, NULL) : encode_table(w, lua_gettop(L), depth);
  lua_pop(L, 1);
  return made;
}

static json_t *encode(writer *w, int index, int depth) {
  lua_State *L = w->L;
  if (!lua_checkstack(L, 8)) return checked(w, NULL);
  switch (lua_type(L, index)) {
  case LUA_TNIL:
    return json_null();
  case LUA_TBOOLEAN:
    return json_boolean(lua_toboolean(L, index));
  case LUA_TNUMBER:
    return lua_isinteger(L, index) ? checked(w, json_integer(lua_tointeger(L, index)))
                                   : encode_number(w, lua_tonumber(L, index));
  case LUA_TSTRING: {
    size_t size;
    const char *text = lua_tolstring(L, index, &size);
    return encode_text(w, text, size);
  }
  case LUA_TLIGHTUSERDATA:
    if (!lua_touserdata(L, index)) return json_null();
    break;
  case LUA_TUSERDATA:
    if (has_metatable(L, index, w->blob)) return encode_blob(w, lua_touserdata(L, index));
    if (has_metatable(L, index, w->decision)) return encode_decision(w, index, depth);
    break;
  case LUA_TTABLE:
    return encode_table(w, index, depth);
  default:
    break;
  }
  error_set(w->err, SHUNT_E_USAGE, "JSON: a %s can't be written", lua_typename(L, lua_type(L, index)));
  return NULL;
}

/* The keys that go first: a list of names, or the meta table of m:select. */
static void order_at(lua_State *L, bind_call *c, int index, writer *w) {
  if (lua_isnil(L, index)) return;
  if (lua_istable(L, index) && has_metatable(L, index, w->object + 1)) {
    lua_getfield(L, index, "columns");
    lua_replace(L, index);
  }
  node *order = NULL;
  if (lua_node_from(L, index, &c->arena, &order, &c->err)) bind_fail(L, c);
  if (options_names(&c->arena, order, "order", &w->first, &w->nfirst, &c->err)) bind_fail(L, c);
}

static int json_write(lua_State *L) {
  lua_settop(L, 2);
  bind_call *c = bind_call_new(L);
  document *d = new_document(L);
  luaL_getmetatable(L, LUA_NODE_BLOB);
  luaL_getmetatable(L, BIND_OBJECT);
  luaL_getmetatable(L, BIND_META);
  luaL_getmetatable(L, BIND_DECISION);
  writer w = {.L = L, .blob = 5, .object = 6, .decision = 8, .digits = 15, .err = &c->err};
  order_at(L, c, 2, &w);
  d->root = encode(&w, 1, 1);
  if (!d->root) return bind_fail(L, c);
  d->text = json_dumps(d->root, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(w.digits));
  if (!d->text) return bind_memory(L);
  lua_pushstring(L, d->text);
  bind_leave(L, c);
  lua_pushcfunction(L, document_gc); /* now, without waiting for the collector */
  lua_pushvalue(L, 4);
  lua_call(L, 1, 0);
  return 1;
}

/* ---- reading ---- */

/* Values are made on the stack while the text is read. For each list and object that has begun, the stack holds its
 * table and, above it, the number of its values so far or the name of its next value. */
typedef struct parsing {
  lua_State *L;
  bool nulls; /* in an object a null is shunt.null; otherwise absent */
  bool twice; /* an object has a name twice */
  int depth;
} parsing;

/* Pops the value, and puts it where it belongs. */
static void place_value(parsing *p) {
  lua_State *L = p->L;
  if (p->depth == 0) return;
  if (lua_isinteger(L, -2)) {
    const lua_Integer n = lua_tointeger(L, -2) + 1;
    lua_rawseti(L, -3, n);
    lua_pushinteger(L, n);
    lua_replace(L, -2);
    return;
  }
  lua_pushvalue(L, -2);
  if (lua_rawget(L, -4) != LUA_TNIL) p->twice = true;
  lua_pop(L, 1);
  if (lua_islightuserdata(L, -1) && !p->nulls) {
    lua_pop(L, 1);
    return;
  }
  lua_pushvalue(L, -2);
  lua_insert(L, -2);
  lua_rawset(L, -4);
}

static bool on_value(void *ud, const shunt_value *v) {
  parsing *p = ud;
  luaL_checkstack(p->L, 6, "JSON");
  bind_push_value(p->L, v);
  place_value(p);
  return true;
}

static bool on_key(void *ud, const char *name, size_t size) {
  parsing *p = ud;
  lua_pushlstring(p->L, name, size);
  lua_replace(p->L, -2);
  return true;
}

static bool on_begin(void *ud, bool object) {
  parsing *p = ud;
  luaL_checkstack(p->L, 6, "JSON");
  lua_newtable(p->L);
  if (object)
    lua_pushboolean(p->L, false); /* no name so far */
  else
    lua_pushinteger(p->L, 0);
  p->depth++;
  return true;
}

static bool on_end(void *ud, bool object) {
  parsing *p = ud;
  lua_pop(p->L, 1);
  if (object) luaL_setmetatable(p->L, BIND_OBJECT);
  p->depth--;
  place_value(p);
  return true;
}

static void push_parsed(lua_State *L, const char *text, size_t size, bool nulls) {
  static const json_sink sink = {on_value, on_key, on_begin, on_end, NULL};
  shunt_error err;
  parsing p = {.L = L, .nulls = nulls};
  document *d = new_document(L);
  const shunt_status status = json_read(text, size, &sink, &p, &d->scratch, &err);
  if (status == SHUNT_E_MEMORY) bind_memory(L);
  if (status) bind_usage(L, "JSON, %s", err.message);
  if (p.twice) bind_usage(L, "JSON: an object has a name twice");
  buf_free(&d->scratch);
  lua_remove(L, -2);
}

void bind_push_json(lua_State *L, const char *text, bool nulls) { push_parsed(L, text, strlen(text), nulls); }

static int json_parse(lua_State *L) {
  if (lua_type(L, 1) != LUA_TSTRING)
    return bind_usage(L, "shunt.json_decode takes text, not a %s", luaL_typename(L, 1));
  size_t size;
  const char *text = lua_tolstring(L, 1, &size);
  push_parsed(L, text, size, true);
  return 1;
}

/* shunt.object(t): marks t as an object in JSON even if it is empty. */
static int json_object_mark(lua_State *L) {
  if (lua_isnoneornil(L, 1)) {
    lua_settop(L, 0);
    lua_newtable(L);
  }
  if (!lua_istable(L, 1)) return bind_usage(L, "shunt.object takes a table, not a %s", luaL_typename(L, 1));
  lua_settop(L, 1);
  luaL_setmetatable(L, BIND_OBJECT);
  return 1;
}

void bind_json_register(lua_State *L) {
  static const luaL_Reg metamethods[] = {{"__gc", document_gc}, {NULL, NULL}};
  static const luaL_Reg none[] = {{NULL, NULL}};
  static const luaL_Reg functions[] = {
      {"json", json_write}, {"json_decode", json_parse}, {"object", json_object_mark}, {NULL, NULL}};
  bind_class(L, BIND_JSON, metamethods, NULL, NULL);
  bind_class(L, BIND_OBJECT, none, NULL, NULL);
  luaL_setfuncs(L, functions, 0);
}
