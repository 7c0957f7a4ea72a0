#define _XOPEN_SOURCE 700
#include "jobs/envelope.h"

#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "catalog/node_json.h"
#include "pool/wait.h"
#include "session/transaction.h"

enum { NUMBER_DIGITS = 17 /* enough for every double */, NAME_ROOM = 256, HASH_DIGITS = 16 };

static const char hex_digits[] = "0123456789abcdef";

/* ---- writing ---- */

/* jansson fails if a part is NULL: so a lack of memory anywhere shows at the end. */

/* Text that is not UTF-8. */
static json_t *hex(const shunt_value *v) {
  char *text = base_alloc(2 * (size_t)v->size + 1);
  if (!text) return NULL;
  for (size_t i = 0; i < v->size; i++) {
    text[2 * i] = hex_digits[(unsigned char)v->as.bytes[i] >> 4];
    text[2 * i + 1] = hex_digits[(unsigned char)v->as.bytes[i] & 15];
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
static void write_names(const catalog *c, char text[HASH_DIGITS + 1]) {
  snprintf(text, HASH_DIGITS + 1, "%016llx", (unsigned long long)c->names);
}

static shunt_status check_size(const char *text, shunt_error *err) {
  const size_t size = strlen(text);
  if (size <= ENVELOPE_MOST_BYTES) return SHUNT_OK;
  return error_set(
      err, SHUNT_E_USAGE,
      "a job takes the attributes of its session along, and these take %zu bytes; at most %d: give the job "
      "its input as data",
      size, ENVELOPE_MOST_BYTES);
}

shunt_status envelope_write(const shunt_session *s, const cat_instance *instance, bool waits, char **text,
                            shunt_error *err) {
  const bool own = instance == s->instance;
  const catalog *c = s->generation.catalog;
  char names[HASH_DIGITS + 1];
  write_names(c, names);
  json_t *all = json_pack("{s: o, s: o, s: o, s: o, s: i, s: s}", "instance", name(instance->name), "env", name(c->env),
                          "attrs", own ? attrs_of(s) : json_array(), "current", name(own ? session_current(s) : NULL),
                          "level", next_level(s), "names", names);
  if (all && waits && !add_waiter(all, s)) {
    json_decref(all);
    all = NULL;
  }
  char *dumped = all ? json_dumps(all, JSON_COMPACT | JSON_REAL_PRECISION(NUMBER_DIGITS)) : NULL;
  json_decref(all);
  *text = dumped ? base_strdup(dumped) : NULL;
  free(dumped);
  return *text ? check_size(*text, err) : error_memory(err);
}

/* ---- reading ---- */

/* The row may hold any text: each part is checked before it is used. */
typedef struct reader {
  arena *a;
  const char *wrong; /* a part that can't be read; NULL after a failure: out of memory */
} reader;

static bool is_map(const node *n) { return n && n->kind == NODE_MAP; }
static bool is_list(const node *n) { return n && n->kind == NODE_LIST; }
static bool is_integer(const node *n) { return n && n->kind == NODE_VALUE && n->value.type == SHUNT_INTEGER; }

static bool is_wrong(reader *r, const char *part) {
  r->wrong = part;
  return false;
}

/* -1: it is no digit of a hexadecimal number. */
static int nibble(char c) {
  const char *at = c ? strchr(hex_digits, c) : NULL;
  return at ? (int)(at - hex_digits) : -1;
}

static bool unhex(reader *r, const node *from, shunt_value *v) {
  if (!node_is_text(from) || from->value.size % 2) return is_wrong(r, "hex");
  const char *digits = from->value.as.bytes;
  const size_t size = from->value.size / 2;
  char *bytes = arena_alloc(r->a, size + 1);
  if (!bytes) return false;
  for (size_t i = 0; i < size; i++) {
    const int high = nibble(digits[2 * i]), low = nibble(digits[2 * i + 1]);
    if (high < 0 || low < 0) return is_wrong(r, "hex");
    bytes[i] = (char)(unsigned char)(high * 16 + low);
  }
  bytes[size] = 0;
  *v = shunt_text(bytes, size);
  return true;
}

/* {"hex": digits} or {"infinite": 1 or -1} */
static bool read_marked(reader *r, const node *from, shunt_value *v) {
  const node *digits = node_get(from, "hex"), *sign = node_get(from, "infinite");
  const int64_t way = is_integer(sign) ? sign->value.as.integer : 0;
  if (from->count != 1) return is_wrong(r, "value");
  if (digits) return unhex(r, digits, v);
  if (way != 1 && way != -1) return is_wrong(r, "value");
  *v = shunt_float(way > 0 ? (double)INFINITY : -(double)INFINITY);
  return true;
}

static bool read_value(reader *r, const node *from, shunt_value *v) {
  if (is_map(from)) return read_marked(r, from, v);
  if (!from || from->kind != NODE_VALUE || node_is_null(from)) return is_wrong(r, "value");
  *v = from->value;
  return true;
}

/* A name is a C string: it holds no NUL, which would cut it short. */
static bool read_name(reader *r, const node *from, const char *part, const char **name) {
  shunt_value v = shunt_null();
  if (!node_is_text(from) && !is_map(from)) return is_wrong(r, part);
  if (!read_value(r, from, &v)) return r->wrong ? is_wrong(r, part) : false;
  if (v.type != SHUNT_TEXT || memchr(v.as.bytes, 0, v.size)) return is_wrong(r, part);
  *name = v.as.bytes;
  return true;
}

/* An absent part, or null, is NULL. */
static bool read_optional(reader *r, const node *from, const char *part, const char **name) {
  *name = NULL;
  return node_is_null(from) || read_name(r, from, part, name);
}

static bool read_attr(reader *r, const node *pair, shunt_field *attr) {
  if (!is_list(pair) || pair->count != 2) return is_wrong(r, "attrs");
  if (!read_name(r, pair->items[0], "attrs", &attr->name)) return false;
  if (!attr->name[0]) return is_wrong(r, "attrs");
  return read_value(r, pair->items[1], &attr->value);
}

static bool read_attrs(reader *r, const node *list, envelope *e) {
  if (!is_list(list)) return is_wrong(r, "attrs");
  shunt_field *attrs = arena_array(r->a, shunt_field, list->count + 1);
  if (!attrs) return false;
  for (; e->nattrs < list->count; e->nattrs++)
    if (!read_attr(r, list->items[e->nattrs], &attrs[e->nattrs])) return false;
  e->attrs = attrs;
  return true;
}

static bool read_locked(reader *r, const node *list, envelope *e) {
  if (!list) return true;
  if (!is_list(list)) return is_wrong(r, "locked");
  const char **files = arena_array(r->a, const char *, list->count + 1);
  if (!files) return false;
  for (; e->nlocked < list->count; e->nlocked++)
    if (!read_name(r, list->items[e->nlocked], "locked", &files[e->nlocked])) return false;
  e->locked = files;
  return true;
}

static bool read_level(reader *r, const node *from, envelope *e) {
  const int64_t level = is_integer(from) ? from->value.as.integer : -1;
  if (level < 0 || level > CATALOG_MOST_LEVELS) return is_wrong(r, "level");
  e->level = (int)level;
  return true;
}

static bool read_names(reader *r, const node *from, envelope *e) {
  if (!read_optional(r, from, "names", &e->names)) return false;
  const bool fine = !e->names || (strlen(e->names) == HASH_DIGITS && strspn(e->names, hex_digits) == HASH_DIGITS);
  return fine || is_wrong(r, "names");
}

static bool read_all(reader *r, const node *all, envelope *e) {
  if (!is_map(all)) return is_wrong(r, "form");
  if (!node_get(all, "current")) return is_wrong(r, "current");
  return read_name(r, node_get(all, "instance"), "instance", &e->instance) &&
         read_optional(r, node_get(all, "current"), "current", &e->current) &&
         read_attrs(r, node_get(all, "attrs"), e) && read_level(r, node_get(all, "level"), e) &&
         read_names(r, node_get(all, "names"), e) && read_locked(r, node_get(all, "locked"), e) &&
         read_optional(r, node_get(all, "waiter"), "waiter", &e->waiter);
}

shunt_status envelope_read(const char *text, arena *a, envelope *e, shunt_error *err) {
  reader r = {.a = a};
  shunt_error bad;
  node *all;
  *e = (envelope){.level = 0};
  const shunt_status status = node_from_json(a, text, strlen(text), &all, &bad);
  if (!status && read_all(&r, all, e)) return SHUNT_OK;
  if (status == SHUNT_E_USAGE)
    return error_set(err, SHUNT_E_INTERNAL, "the job's envelope can't be read: it is not JSON: %.200s", bad.message);
  if (!status && r.wrong)
    return error_set(err, SHUNT_E_INTERNAL, "the job's envelope can't be read: '%s' is wrong", r.wrong);
  return error_memory(err);
}

/* ---- opening ---- */

/* The job must not wait for files that the waiting session has locked: that would be a deadlock. */
static shunt_status lock_out(shunt_session *s, arena *a, const envelope *e, shunt_error *err) {
  if (!e->nlocked) return SHUNT_OK;
  const char *locker = arena_printf(a, "%s, which waits for this job", e->waiter ? e->waiter : "another session");
  return locker ? session_lock_out(s, e->locked, e->nlocked, locker, err) : error_memory(err);
}

/* The host that pushed the job may have more levels. */
static void go_to_level(shunt_session *s, int level) {
  const int most = s->generation.catalog->settings.max_level;
  s->level.opened = level < most ? level : most;
  session_raise(s, 0);
}

shunt_status envelope_open(envelope_opener open, shunt_app *app, const envelope *e, shunt_session **session,
                           shunt_error *err) {
  const shunt_session_options o = {.instance = e->instance, .attrs = e->attrs, .nattrs = e->nattrs};
  shunt_session *s = NULL;
  arena a = {0};
  shunt_status status = open(app, &o, &s, err);
  if (!status) go_to_level(s, e->level);
  if (!status && e->current) status = shunt_switch_push(s, e->current, err);
  if (!status) status = lock_out(s, &a, e, err);
  arena_free(&a);
  if (status) {
    shunt_session_close(s);
    return status;
  }
  *session = s;
  return SHUNT_OK;
}

bool envelope_is_foreign(const envelope *e, const catalog *c) {
  char own[HASH_DIGITS + 1];
  write_names(c, own);
  return e->names && strcmp(e->names, own) != 0;
}
