/* The fields of a request by name and by path, and the record of reads. */
#include <lauxlib.h>
#include <string.h>

#include "base/alloc.h"
#include "rule/cost.h"
#include "rule/host_inner.h"
#include "rule/sandbox_inner.h"

const char *const host_field_names[RULE_NFIELDS] = {
#define REQUEST_NAME(kind, id, member, name, option) name,
#define FIELD_NAME(id, name) name,
    SHUNT_REQUEST_MAP(REQUEST_NAME) RULE_FIELD_MAP(FIELD_NAME)
#undef FIELD_NAME
#undef REQUEST_NAME
};

const char *const host_instance_names[HOST_INSTANCE_FIELDS] = {
#define INSTANCE_NAME(name, text) text,
    RULE_INSTANCE_MAP(INSTANCE_NAME)
#undef INSTANCE_NAME
};

const char *const host_transaction_names[] = {"client", "isolation", "read_only", NULL};

/* A decision that reads any field of the instance depends on "instance". */
static const char instance[] = "instance";

/* Names and parts lie outside of the sandbox's memory. */
enum { MOST_NAMES = 10000, MOST_PARTS = 10000, MOST_NAMED = 1000 };

const rule_view *host_view(lua_State *L, rule_host *h) {
  if (!h->view) luaL_error(L, "the request is gone: read its fields while the rule's function runs, and don't keep it");
  return h->view;
}

/* ---- what was read ---- */

static bool same_question(const rule_read *a, const rule_read *b) {
  switch (a->predicate) {
  case RULE_VALUE:
    return true;
  case RULE_MOD:
  case RULE_BUCKET:
    return a->of.parts == b->of.parts;
  case RULE_ONE_OF:
  case RULE_PREFIX:
    return host_operand_is(a->of.operand, b->of.operand);
  case RULE_CLASS:
    return a->of.classes == b->of.classes;
  }
  return false;
}

bool rule_same_read(const rule_read *a, const rule_read *b) {
  if (a == b) return true;
  if (a->field != b->field || a->predicate != b->predicate || !same_question(a, b)) return false;
  return a->name == b->name || (a->name && b->name && strcmp(a->name, b->name) == 0);
}

static const rule_read values[] = {
#define VALUE_READ(id, text) [id] = {.field = (id), .predicate = RULE_VALUE, .display = (text)},
#define REQUEST_READ(kind, id, member, name, option) VALUE_READ(RULE_FIELD_##id, name)
#define FIELD_READ(id, name) VALUE_READ(RULE_FIELD_##id, name)
#define INSTANCE_READ(id, name) VALUE_READ(RULE_INSTANCE_##id, instance)
    SHUNT_REQUEST_MAP(REQUEST_READ) RULE_FIELD_MAP(FIELD_READ) RULE_INSTANCE_MAP(INSTANCE_READ)
#undef INSTANCE_READ
#undef FIELD_READ
#undef REQUEST_READ
#undef VALUE_READ
};

/* A failure here must not be caught by Lua code: a read that is missing in the record would make a cache entry match
 * too many requests. */
static void record(lua_State *L, rule_host *h, const rule_read *read) {
  if (h->nreads == h->reads_capacity &&
      !base_grow(&h->reads, &h->reads_capacity, h->nreads + 1, sizeof(const rule_read *)))
    sandbox_raise_memory(L);
  /* however many of the names are known already: the limit must not depend on earlier decisions */
  if (read->name && ++h->nnamed > MOST_NAMED) sandbox_raise_limit(L, SANDBOX_NAMES);
  h->reads[h->nreads++] = read;
}

_Static_assert(RULE_INSTANCE_TITLE < 32, "read_mask has a bit for each field");

void host_read(lua_State *L, rule_host *h, rule_field field) {
  uint32_t bit = 1u << field;
  if (h->read_mask & bit || rule_is_candidate(field)) return;
  h->read_mask |= bit;
  record(L, h, &values[field]);
}

/* Whether an earlier read includes this one. */
static bool is_told(lua_State *L, const rule_host *h, const rule_read *read) {
  if (!read->name && h->read_mask & 1u << read->field) return true;
  sandbox_charge(L, (int64_t)h->nreads / 8);
  for (size_t i = 0; i < h->nreads; i++) {
    const rule_read *r = h->reads[i];
    if (r->field != read->field || r->name != read->name) continue;
    if (r->predicate == RULE_VALUE || (r->predicate == read->predicate && same_question(r, read))) return true;
  }
  return false;
}

static void record_value(lua_State *L, rule_host *h, const rule_read *value) {
  if (value->name)
    record(L, h, value);
  else
    host_read(L, h, value->field);
}

/* The host's own copy; equal reads share one copy. NULL if there are too many. */
static const rule_read *lasting_part(lua_State *L, rule_host *h, const rule_read *read) {
  const rule_read *known = map_get_n(&h->parts, (const char *)read, sizeof *read);
  if (known || h->parts.count >= MOST_PARTS) return known;
  rule_read *made = arena_new(&h->names, rule_read);
  if (!made) sandbox_raise_memory(L);
  *made = *read;
  if (!map_put_n(&h->parts, (const char *)made, sizeof *made, made)) sandbox_raise_memory(L);
  return made;
}

/* Records the part of the value that is asked for or, if there are too many parts, the whole value. */
static void read_part(lua_State *L, rule_host *h, const rule_read *read, const rule_read *value) {
  if (is_told(L, h, read)) return;
  const rule_read *lasting = lasting_part(L, h, read);
  if (lasting)
    record(L, h, lasting);
  else
    record_value(L, h, value);
}

void rule_host_read(rule_host *h, rule_field field) { host_read(h->sb->L, h, field); }

rule_read rule_class(const uint32_t *classes) {
  return (rule_read){
      .field = RULE_FIELD_INSTANCE, .predicate = RULE_CLASS, .display = instance, .of = {.classes = classes}};
}

void rule_host_read_class(rule_host *h, const rule_read *class) {
  if (h->read_mask & 1u << RULE_INSTANCE_NAME) return;
  for (size_t i = 0; i < h->nreads; i++)
    if (h->reads[i] == class) return;
  record(h->sb->L, h, class);
}

const rule_read *const *rule_host_reads(const rule_host *h, size_t *count) {
  *count = h->nreads;
  return h->reads;
}

bool rule_host_missed(rule_host *h) {
  bool missed = h->missed;
  h->missed = false;
  return missed;
}

/* ---- fields with names ---- */

static void note_missing(rule_host *h, rule_field field, const char *name) {
  shunt_value room;
  if (field != RULE_FIELD_WHERE || !h->view || !h->view->request->part) return;
  if (!rule_view_value(h->view, field, name, &room)) h->missed = true;
}

static map *names_of(rule_host *h, rule_field field) {
  switch (field) {
  case RULE_FIELD_WHERE:
    return &h->columns;
  case RULE_FIELD_TRANSACTION:
    return &h->transaction;
  case RULE_FIELD_WROTE:
    return &h->wrote;
  default:
    return &h->attrs;
  }
}

void host_check_attribute(lua_State *L, rule_host *h, const char *name, const shunt_value *value) {
  shunt_error err;
  if (catalog_check_attribute(host_view(L, h)->catalog, name, value, &err))
    luaL_error(L, "a rule reads req.attrs.%s: %s", name, err.message);
}

static rule_read *make_read(lua_State *L, arena *a, rule_field field, const char *name) {
  rule_read *made = arena_new(a, rule_read);
  char *display = arena_printf(a, "%s.%s", host_field_names[field], name);
  if (!made || !display) sandbox_raise_memory(L);
  *made = (rule_read){.field = field,
                      .predicate = RULE_VALUE,
                      .name = display + strlen(host_field_names[field]) + 1,
                      .display = display};
  return made;
}

/* Names that rules compute have no end, and what is kept of them must: beyond that a read lives as long as its
 * decision, which is then not remembered. */
static const rule_read *passing_read(lua_State *L, rule_host *h, rule_field field, const char *name) {
  sandbox_charge(L, cost_slots(h->nreads));
  for (size_t i = 0; h->npassing > 0 && i < h->nreads; i++) {
    const rule_read *r = h->reads[i];
    if (r->field == field && r->name && strcmp(r->name, name) == 0) return r;
  }
  arena *texts = host_view(L, h)->texts;
  if (!texts) sandbox_raise_limit(L, SANDBOX_NAMES);
  const rule_read *made = make_read(L, texts, field, name);
  h->npassing++;
  return made;
}

/* The read of a column, an attribute and their like, made once. */
static const rule_read *named_read(lua_State *L, rule_host *h, rule_field field, const char *name) {
  const size_t size = strlen(name);
  if (size > RULE_NAME_BYTES)
    luaL_error(
        L, "the name %s… after '%s.' is %d bytes long, and the longest is %d: read a column or attribute that exists",
        lua_pushlstring(L, name, 32), host_field_names[field], (int)size, RULE_NAME_BYTES);
  note_missing(h, field, name);
  map *names = names_of(h, field);
  const rule_read *known = map_get(names, name);
  if (known) return known;
  if (field == RULE_FIELD_ATTRS) host_check_attribute(L, h, name, NULL);
  if (names->count >= MOST_NAMES) return passing_read(L, h, field, name);
  rule_read *made = make_read(L, &h->names, field, name);
  if (!map_put(names, made->name, made)) sandbox_raise_memory(L);
  return made;
}

static bool is_passing(rule_host *h, const rule_read *read) {
  return h->npassing > 0 && read->name && map_get(names_of(h, read->field), read->name) != read;
}

void host_read_named(lua_State *L, rule_host *h, rule_field field, const char *name) {
  const rule_read *read = named_read(L, h, field, name);
  if (!is_told(L, h, read)) record(L, h, read);
}

/* ---- fields by path ---- */

/* The read of the value at the path. */
static const rule_read *read_at(lua_State *L, rule_host *h, const char *path) {
  if (strncmp(path, "where.", 6) == 0) return named_read(L, h, RULE_FIELD_WHERE, path + 6);
  if (strncmp(path, "attrs.", 6) == 0) return named_read(L, h, RULE_FIELD_ATTRS, path + 6);
  for (size_t i = 0; host_transaction_names[i]; i++)
    if (strncmp(path, "transaction.", 12) == 0 && strcmp(path + 12, host_transaction_names[i]) == 0)
      return named_read(L, h, RULE_FIELD_TRANSACTION, path + 12);
  if (strcmp(path, "instance.id") == 0) return &values[RULE_INSTANCE_ID];
  if (strcmp(path, "instance.name") == 0) return &values[RULE_INSTANCE_NAME];
  for (rule_field f = 0; f < RULE_NFIELDS; f++)
    if (f != RULE_FIELD_INSTANCE && f != RULE_FIELD_WHERE && f != RULE_FIELD_ATTRS && f != RULE_FIELD_TRANSACTION &&
        f != RULE_FIELD_WROTE && strcmp(path, host_field_names[f]) == 0)
      return &values[f];
  luaL_error(L,
             "the request has no field '%s': write one of its fields, where.COLUMN, attrs.NAME, instance.id or "
             "instance.name",
             path);
  return NULL;
}

const shunt_value *host_subject(lua_State *L, rule_host *h, const char *path, rule_read *read, shunt_value *room) {
  const rule_view *view = host_view(L, h);
  const rule_read *value = read_at(L, h, path);
  read->field = value->field;
  read->name = value->name;
  read->display = value->display;
  if (!rule_is_candidate(read->field)) {
    if (read->predicate != RULE_VALUE && !is_passing(h, value))
      read_part(L, h, read, value);
    else if (!is_told(L, h, value))
      record_value(L, h, value);
  }
  return rule_view_value(view, read->field, read->name, room);
}
