/* For: the fields of a request, by name and path, and the record of which were read. */
#include <lauxlib.h>
#include <string.h>

#include "base/alloc.h"
#include "rule/host_inner.h"
#include "rule/sandbox_inner.h"

const char *const host_field_names[RULE_NFIELDS] = {
#define FIELD_NAME(name, text) text,
    RULE_FIELD_MAP(FIELD_NAME)
#undef FIELD_NAME
};

const char *const host_instance_names[HOST_INSTANCE_FIELDS] = {
#define INSTANCE_NAME(name, text) text,
    RULE_INSTANCE_MAP(INSTANCE_NAME)
#undef INSTANCE_NAME
};

/* They are kept outside of the sandbox's memory. */
enum { MOST_NAMES = 10000, LONGEST_NAME = 256 };

void host_no_memory(lua_State *L) {
  sandbox_inner_of(L)->out_of_memory = true;
  sandbox_raise(L);
  __builtin_unreachable();
}

void host_stop(lua_State *L, sandbox_limit limit) {
  sandbox_stop(sandbox_inner_of(L), limit);
  sandbox_raise(L);
  __builtin_unreachable();
}

rule_request *host_request(lua_State *L, rule_host *h) {
  if (!h->request) luaL_error(L, "the request is gone: a rule's function reads it while it runs, and keeps nothing");
  return h->request;
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
  if (a->field != b->field || a->predicate != b->predicate || !same_question(a, b)) return false;
  return a->name == b->name || (a->name && b->name && strcmp(a->name, b->name) == 0);
}

/* What fails here must not be caught: a decision on what is not in the record would be remembered for too many. */
static void record(lua_State *L, rule_host *h, const rule_read *read) {
  if (h->nreads == h->reads_capacity && !base_grow(&h->reads, &h->reads_capacity, h->nreads + 1, sizeof *h->reads))
    host_no_memory(L);
  h->reads[h->nreads++] = *read;
}

static const char *display_of(rule_field field) {
  return host_field_names[field < RULE_NFIELDS ? field : RULE_FIELD_INSTANCE];
}

void host_read(lua_State *L, rule_host *h, rule_field field) {
  uint32_t bit = 1u << field;
  if (h->read_mask & bit) return;
  h->read_mask |= bit;
  rule_read read = {.field = field, .predicate = RULE_VALUE, .display = display_of(field)};
  record(L, h, &read);
}

/* Records what is asked of the value, where nothing read before tells it. */
static void read_about(lua_State *L, rule_host *h, const rule_read *read) {
  if (!read->name && read->predicate == RULE_VALUE) {
    host_read(L, h, read->field);
    return;
  }
  if (!read->name && h->read_mask & 1u << read->field) return;
  for (size_t i = 0; i < h->nreads; i++) {
    const rule_read *r = &h->reads[i];
    if (r->field != read->field || r->name != read->name) continue;
    if (r->predicate == RULE_VALUE || (r->predicate == read->predicate && same_question(r, read))) return;
  }
  sandbox_charge(L, (int64_t)h->nreads / 8);
  record(L, h, read);
}

void rule_host_read(rule_host *h, rule_field field) { host_read(h->sb->L, h, field); }

void rule_host_read_class(rule_host *h, const uint32_t *classes) {
  if (h->read_mask & 1u << RULE_INSTANCE_NAME) return;
  rule_read read = {.field = RULE_FIELD_INSTANCE,
                    .predicate = RULE_CLASS,
                    .display = display_of(RULE_FIELD_INSTANCE),
                    .of = {.classes = classes}};
  read_about(h->sb->L, h, &read);
}

const rule_read *rule_host_reads(const rule_host *h, size_t *count) {
  *count = h->nreads;
  return h->reads;
}

/* ---- columns and attributes ---- */

static bool same_name(const char *a, const char *b) { return *a == *b && strcmp(a, b) == 0; }

const shunt_value *rule_where(const shunt_field *where, size_t n, const char *column) {
  for (size_t i = 0; i < n; i++)
    if (same_name(where[i].name, column) || cat_same_column(where[i].name, column)) return &where[i].value;
  return NULL;
}

const shunt_value *rule_attr(const shunt_field *attrs, size_t n, const char *name) {
  for (size_t i = 0; i < n; i++)
    if (same_name(attrs[i].name, name)) return &attrs[i].value;
  return NULL;
}

/* The host's own lasting copy of prefix and name, made once. */
static const char *display_name(lua_State *L, rule_host *h, map *names, const char *prefix, const char *name) {
  const char *display = map_get(names, name);
  if (display) return display;
  if (names->count >= MOST_NAMES) host_stop(L, SANDBOX_NAMES);
  size_t before = strlen(prefix), size = strlen(name);
  if (size > LONGEST_NAME) luaL_error(L, "no column or attribute has a name of %d bytes", (int)size);
  char *made = arena_printf(&h->names, "%s%s", prefix, name);
  if (!made || !map_put(names, made + before, made)) host_no_memory(L);
  return made;
}

static void name_read(lua_State *L, rule_host *h, rule_field field, const char *name, rule_read *read) {
  read->field = field;
  read->display = field == RULE_FIELD_WHERE ? display_name(L, h, &h->where_names, "where.", name)
                                            : display_name(L, h, &h->attr_names, "attrs.", name);
  read->name = read->display + 6;
}

static const shunt_value *named_value(const rule_request *r, rule_field field, const char *name) {
  const shunt_value *value =
      field == RULE_FIELD_WHERE ? rule_where(r->where, r->nwhere, name) : rule_attr(r->attrs, r->nattrs, name);
  return value && value->type != SHUNT_NULL ? value : NULL;
}

const shunt_value *host_read_named(lua_State *L, rule_host *h, rule_field field, const char *name) {
  const rule_request *r = host_request(L, h);
  rule_read read = {.predicate = RULE_VALUE};
  name_read(L, h, field, name, &read);
  read_about(L, h, &read);
  return named_value(r, field, name);
}

/* ---- fields by path ---- */

const char *host_text_of(const rule_request *r, rule_field field) {
  switch (field) {
  case RULE_FIELD_MODEL:
    return r->model;
  case RULE_FIELD_RELATION:
    return r->relation;
  case RULE_FIELD_EXPLICIT:
    return r->explicit_client;
  case RULE_FIELD_RELATION_CLIENT:
    return r->relation_client;
  case RULE_FIELD_PARENT:
    return r->parent;
  case RULE_FIELD_CURRENT:
    return r->current;
  case RULE_FIELD_DEFAULT:
    return r->default_client;
  case RULE_FIELD_ENV:
    return r->env;
  case RULE_FIELD_OP:
    return r->op;
  case RULE_FIELD_CLIENT:
    return r->client;
  case RULE_FIELD_TABLE:
    return r->table;
  case RULE_INSTANCE_NAME:
    return r->instance ? r->instance->name : NULL;
  default:
    return NULL;
  }
}

static const shunt_value *value_of(const rule_request *r, const rule_read *read, shunt_value *room) {
  switch (read->field) {
  case RULE_FIELD_WHERE:
  case RULE_FIELD_ATTRS:
    return named_value(r, read->field, read->name);
  case RULE_FIELD_LEVEL:
    *room = shunt_integer(r->level);
    return room;
  case RULE_FIELD_IN_TRANSACTION:
    *room = shunt_boolean(r->in_transaction);
    return room;
  case RULE_INSTANCE_ID:
    if (!r->instance || !r->instance->has_number) return NULL;
    *room = shunt_integer(r->instance->number);
    return room;
  default: {
    const char *text = host_text_of(r, read->field);
    if (!text) return NULL;
    *room = shunt_text(text, strlen(text));
    return room;
  }
  }
}

static void parse_path(lua_State *L, rule_host *h, const char *path, rule_read *read) {
  if (strncmp(path, "where.", 6) == 0) {
    name_read(L, h, RULE_FIELD_WHERE, path + 6, read);
    return;
  }
  if (strncmp(path, "attrs.", 6) == 0) {
    name_read(L, h, RULE_FIELD_ATTRS, path + 6, read);
    return;
  }
  read->name = NULL;
  read->field = RULE_NFIELDS;
  if (strcmp(path, "instance.id") == 0) read->field = RULE_INSTANCE_ID;
  if (strcmp(path, "instance.name") == 0) read->field = RULE_INSTANCE_NAME;
  for (rule_field f = 0; f < RULE_NFIELDS; f++)
    if (f != RULE_FIELD_INSTANCE && f != RULE_FIELD_WHERE && f != RULE_FIELD_ATTRS &&
        strcmp(path, host_field_names[f]) == 0)
      read->field = f;
  if (read->field == RULE_NFIELDS)
    luaL_error(L,
               "there is no field '%s' to ask of: it is a field of the request, where.COLUMN, attrs.NAME, instance.id "
               "or instance.name",
               path);
  read->display = display_of(read->field);
}

const shunt_value *host_subject(lua_State *L, rule_host *h, const char *path, rule_read *read, shunt_value *room) {
  const rule_request *r = host_request(L, h);
  parse_path(L, h, path, read);
  /* the candidate is what the rules before made of the request: not a part of it */
  if (read->field != RULE_FIELD_CLIENT && read->field != RULE_FIELD_TABLE) read_about(L, h, read);
  return value_of(r, read, room);
}
