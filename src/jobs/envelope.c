#define _XOPEN_SOURCE 700
#include "jobs/envelope.h"

#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "pool/wait.h"
#include "session/transaction.h"

enum { NUMBER_DIGITS = 17 /* enough for every double */, NAME_ROOM = 256 };

/* ---- writing ---- */

/* jansson fails if a part is NULL: so a lack of memory anywhere shows at the end. */

/* Text that is not UTF-8. */
static json_t *hex(const shunt_value *v) {
  static const char digits[] = "0123456789abcdef";
  char *text = base_alloc(2 * (size_t)v->size + 1);
  if (!text) return NULL;
  for (size_t i = 0; i < v->size; i++) {
    text[2 * i] = digits[(unsigned char)v->as.bytes[i] >> 4];
    text[2 * i + 1] = digits[(unsigned char)v->as.bytes[i] & 15];
  }
  json_t *made = json_pack("{s: o}", "hex", json_stringn_nocheck(text, 2 * (size_t)v->size));
  base_free(text);
  return made;
}

static json_t *value(const shunt_value *v) {
  switch ((shunt_type)v->type) {
  case SHUNT_BOOL:
    return json_boolean(v->as.boolean);
  case SHUNT_INTEGER:
    return json_integer(v->as.integer);
  case SHUNT_FLOAT:
    return isfinite(v->as.number) ? json_real(v->as.number)
                                  : json_pack("{s: i}", "infinite", v->as.number > 0 ? 1 : -1);
  case SHUNT_TEXT: {
    json_t *text = json_stringn(v->as.bytes, v->size);
    return text ? text : hex(v);
  }
  case SHUNT_BLOB:
  case SHUNT_NULL:
    break; /* no attribute of a session has this type */
  }
  return json_null();
}

/* Names may hold any bytes, too. */
static json_t *name(const char *text) {
  shunt_value v = shunt_text(text, text ? strlen(text) : 0);
  return text ? value(&v) : json_null();
}

/* A list keeps their order. */
static json_t *attrs_of(const shunt_session *s) {
  json_t *list = json_array();
  for (size_t i = 0; i < s->nattrs; i++) {
    json_t *pair = json_pack("[o, o]", name(s->attrs[i].name), value(&s->attrs[i].value));
    if (json_array_append_new(list, pair) == 0) continue;
    json_decref(list);
    return NULL;
  }
  return list;
}

/* The file that the transaction has locked; NULL: none. */
static const char *locked_file(const transaction *t) {
  const driver_engine *engine = t->conn->engine;
  return engine->file && !t->read_only ? engine->file(t->conn) : NULL;
}

bool envelope_has_locked(const shunt_session *s, const cat_client *client) {
  char room[PATH_MAX];
  if (!client->filename || !s->transactions || !realpath(client->filename, room)) return false;
  for (const transaction *t = s->transactions; t; t = t->next) {
    const char *file = locked_file(t);
    if (file && strcmp(file, room) == 0) return true;
  }
  return false;
}

static json_t *locked_by(const shunt_session *s) {
  json_t *list = json_array();
  for (const transaction *t = s->transactions; t; t = t->next) {
    const char *file = locked_file(t);
    if (!file || json_array_append_new(list, name(file)) == 0) continue;
    json_decref(list);
    return NULL;
  }
  return list;
}

static int next_level(const shunt_session *s) {
  int most = s->generation.catalog->settings.max_level;
  return s->level.now < most ? s->level.now + 1 : most;
}

static bool add_waiter(json_t *all, const shunt_session *s) {
  char text[NAME_ROOM];
  return json_object_set_new(all, "locked", locked_by(s)) == 0 &&
         json_object_set_new(all, "waiter", name(wait_party_name(&s->party, text, sizeof text))) == 0;
}

/* As text: JSON numbers have a sign. */
static json_t *names_of(const catalog *c) { return json_sprintf("%016llx", (unsigned long long)c->names); }

shunt_status envelope_write(const shunt_session *s, const cat_instance *instance, bool waits, char **text,
                            shunt_error *err) {
  const bool own = instance == s->instance;
  const catalog *c = s->generation.catalog;
  json_t *all = json_pack("{s: o, s: o, s: o, s: o, s: i, s: o}", "instance", name(instance->name), "env", name(c->env),
                          "attrs", own ? attrs_of(s) : json_array(), "current", name(own ? session_current(s) : NULL),
                          "level", next_level(s), "names", names_of(c));
  if (all && waits && !add_waiter(all, s)) {
    json_decref(all);
    all = NULL;
  }
  char *dumped = all ? json_dumps(all, JSON_COMPACT | JSON_REAL_PRECISION(NUMBER_DIGITS)) : NULL;
  json_decref(all);
  *text = dumped ? base_strdup(dumped) : NULL;
  free(dumped);
  return *text ? SHUNT_OK : error_memory(err);
}

/* ---- reading ---- */

static int nibble(char c) { return c <= '9' ? c - '0' : c - 'a' + 10; }

/* Bytes in the arena; NULL when out of memory. */
static char *unhex(arena *a, const char *digits, size_t size) {
  char *bytes = arena_alloc(a, size / 2 + 1);
  if (!bytes) return NULL;
  for (size_t i = 0; i < size / 2; i++) bytes[i] = (char)(nibble(digits[2 * i]) << 4 | nibble(digits[2 * i + 1]));
  bytes[size / 2] = 0;
  return bytes;
}

/* False when out of memory. Text points into the JSON, or into the arena. */
static bool read_value(arena *a, const json_t *from, shunt_value *v) {
  const json_t *digits = json_object_get(from, "hex"), *sign = json_object_get(from, "infinite");
  *v = shunt_null();
  if (json_is_boolean(from)) *v = shunt_boolean(json_is_true(from));
  if (json_is_integer(from)) *v = shunt_integer(json_integer_value(from));
  if (json_is_real(from)) *v = shunt_float(json_real_value(from));
  if (json_is_string(from)) *v = shunt_text(json_string_value(from), json_string_length(from));
  if (sign) *v = shunt_float(json_integer_value(sign) > 0 ? (double)INFINITY : -(double)INFINITY);
  if (!digits) return true;
  *v = shunt_text(unhex(a, json_string_value(digits), json_string_length(digits)), json_string_length(digits) / 2);
  return v->as.bytes != NULL;
}

/* NULL for null, or when out of memory. */
static const char *read_name(arena *a, const json_t *from) {
  shunt_value v;
  return read_value(a, from, &v) && v.type == SHUNT_TEXT ? v.as.bytes : NULL;
}

static bool read_attrs(arena *a, const json_t *list, shunt_session_options *o) {
  o->nattrs = json_array_size(list);
  shunt_field *attrs = arena_array(a, shunt_field, o->nattrs + 1);
  for (size_t i = 0; attrs && i < o->nattrs; i++) {
    const json_t *pair = json_array_get(list, i);
    attrs[i].name = read_name(a, json_array_get(pair, 0));
    if (!attrs[i].name || !read_value(a, json_array_get(pair, 1), &attrs[i].value)) return false;
  }
  o->attrs = attrs;
  return attrs != NULL;
}

/* The job must not wait for files that the waiting session has locked: that would be a deadlock. */
static shunt_status lock_out(shunt_session *s, arena *a, const json_t *all, shunt_error *err) {
  const json_t *list = json_object_get(all, "locked");
  size_t n = json_array_size(list);
  if (!n) return SHUNT_OK;
  const char *waiter = read_name(a, json_object_get(all, "waiter")), **files = arena_array(a, const char *, n);
  const char *locker = arena_printf(a, "%s, which waits for this job", waiter ? waiter : "another session");
  bool ok = files && locker;
  for (size_t i = 0; ok && i < n; i++) ok = (files[i] = read_name(a, json_array_get(list, i))) != NULL;
  return ok ? session_lock_out(s, files, n, locker, err) : error_memory(err);
}

/* The host that pushed the job may have more levels. */
static void go_to_level(shunt_session *s, json_int_t level) {
  int most = s->generation.catalog->settings.max_level;
  s->level.opened = level < most ? (int)level : most;
  session_raise(s, 0);
}

static shunt_status open_as(envelope_opener open, shunt_app *app, const json_t *all, shunt_session **session,
                            shunt_error *err) {
  arena a = {0};
  shunt_session_options o = {.level = 0};
  shunt_session *s = NULL;
  o.instance = read_name(&a, json_object_get(all, "instance"));
  const char *current = read_name(&a, json_object_get(all, "current"));
  bool ok = o.instance && (current || json_is_null(json_object_get(all, "current")));
  ok = ok && read_attrs(&a, json_object_get(all, "attrs"), &o);
  shunt_status status = ok ? open(app, &o, &s, err) : error_memory(err);
  if (!status) go_to_level(s, json_integer_value(json_object_get(all, "level")));
  if (!status && current) status = shunt_switch_push(s, current, err);
  if (!status) status = lock_out(s, &a, all, err);
  arena_free(&a);
  if (status) {
    shunt_session_close(s);
    return status;
  }
  *session = s;
  return SHUNT_OK;
}

/* NULL, with INTERNAL, if it is not an envelope. */
static json_t *parse(const char *text, shunt_error *err) {
  json_t *all = json_loads(text, JSON_ALLOW_NUL, NULL);
  if (json_object_get(all, "instance") && json_object_get(all, "current")) return all;
  json_decref(all);
  error_set(err, SHUNT_E_INTERNAL, "the envelope of a job has no instance or no current datasource: %.200s", text);
  return NULL;
}

shunt_status envelope_open(envelope_opener open, shunt_app *app, const char *text, shunt_session **session,
                           shunt_error *err) {
  json_t *all = parse(text, err);
  if (!all) return SHUNT_E_INTERNAL;
  shunt_status status = open_as(open, app, all, session, err);
  json_decref(all);
  return status;
}

shunt_status envelope_instance(const char *text, arena *a, const char **instance, shunt_error *err) {
  json_t *all = parse(text, err);
  if (!all) return SHUNT_E_INTERNAL;
  const char *found = read_name(a, json_object_get(all, "instance"));
  *instance = found ? arena_strdup(a, found) : NULL;
  json_decref(all);
  return *instance ? SHUNT_OK : error_memory(err);
}

bool envelope_is_foreign(const char *text, const catalog *c) {
  json_t *all = json_loads(text, JSON_ALLOW_NUL, NULL), *own = names_of(c);
  const json_t *names = json_object_get(all, "names");
  const bool foreign = names && own && !json_equal(names, own);
  json_decref(all);
  json_decref(own);
  return foreign;
}
