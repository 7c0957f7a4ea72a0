/* The value of each field of a request. */
#include <string.h>

#include "rule/request.h"

static const shunt_value *text(const char *text, shunt_value *room) {
  if (!text) return NULL;
  *room = shunt_text(text, strlen(text));
  return room;
}

static const shunt_value *integer(int64_t i, shunt_value *room) {
  *room = shunt_integer(i);
  return room;
}

static const shunt_value *boolean(bool yes, shunt_value *room) {
  *room = shunt_boolean(yes);
  return room;
}

/* ---- columns and attributes ---- */

static bool same_name(const char *a, const char *b) { return *a == *b && strcmp(a, b) == 0; }

/* The first of that name, or NULL. */
static const shunt_value *find_where(const shunt_field *where, size_t n, const char *column) {
  for (size_t i = 0; i < n; i++)
    if (same_name(where[i].name, column) || cat_same_column(where[i].name, column)) return &where[i].value;
  return NULL;
}

static const shunt_value *find_attr(const shunt_field *attrs, size_t n, const char *name) {
  for (size_t i = 0; i < n; i++)
    if (same_name(attrs[i].name, name)) return &attrs[i].value;
  return NULL;
}

/* A rule sees NULL as an absent value. */
static const shunt_value *unless_null(const shunt_value *value) {
  return value && value->type != SHUNT_NULL ? value : NULL;
}

/* ---- the transaction ---- */

static const shunt_value *of_transaction(const rule_transaction *t, const char *name, shunt_value *room) {
  if (!t) return NULL;
  if (!name || strcmp(name, "read_only") == 0) return boolean(!name || t->read_only, room);
  if (strcmp(name, "isolation") == 0) return text(t->isolation, room);
  return text(t->nheld ? t->held[0]->name : NULL, room);
}

static bool has_written(const rule_request *q, const char *client) {
  for (size_t i = 0; i < q->nwrote; i++)
    if (same_name(q->wrote[i], client)) return true;
  return false;
}

/* ---- fields ---- */

static const shunt_value *of_instance(const cat_instance *i, rule_field field, shunt_value *room) {
  switch (field) {
  case RULE_INSTANCE_NAME:
    return text(i->name, room);
  case RULE_INSTANCE_ID:
    return i->has_number ? integer(i->number, room) : NULL;
  case RULE_INSTANCE_ISOLATE:
    return boolean(i->isolate, room);
  case RULE_INSTANCE_ISOLATE_CLIENT:
    return text(i->isolate_client ? i->isolate_client->name : NULL, room);
  case RULE_INSTANCE_TITLE:
    return text(i->title, room);
  default:
    return NULL;
  }
}

/* One way to the value for each kind of field in SHUNT_REQUEST_MAP. */
#define OF_MODEL(member) text(q->member ? q->member->name : NULL, room)
#define OF_RELATION(member) text(q->member ? q->member->full_name : NULL, room)
#define OF_CLIENT(member) text(q->member, room)
#define OF_MODE(member) text(rule_##member(q), room)
#define OF_OP(member) text(q->member == SHUNT_WRITE ? "write" : "read", room)
#define OF_LEVEL(member) integer(q->level, room)
#define OF_VALUES(member) unless_null(find_where(q->member, q->n##member, name))

const shunt_value *rule_request_value(const rule_request *q, rule_field field, const char *name, shunt_value *room) {
  switch (field) {
#define REQUEST_VALUE(kind, id, member, field_name, option)                                                            \
  case RULE_FIELD_##id:                                                                                                \
    return OF_##kind(member);
    SHUNT_REQUEST_MAP(REQUEST_VALUE)
#undef REQUEST_VALUE
  case RULE_FIELD_IN_TRANSACTION:
    return boolean(q->in_transaction, room);
  case RULE_FIELD_TRANSACTION:
    return of_transaction(q->transaction, name, room);
  case RULE_FIELD_WROTE:
    return boolean(has_written(q, name), room);
  case RULE_FIELD_ATTRS:
    return unless_null(find_attr(q->attrs, q->nattrs, name));
  case RULE_FIELD_PART:
    return q->part ? integer((int64_t)q->part, room) : NULL;
  default:
    return of_instance(q->instance, field, room);
  }
}

const shunt_value *rule_view_value(const rule_view *v, rule_field field, const char *name, shunt_value *room) {
  switch (field) {
  case RULE_FIELD_DEFAULT:
    return text(v->catalog->default_client, room);
  case RULE_FIELD_ENV:
    return text(v->catalog->env, room);
  case RULE_FIELD_CLIENT:
    return text(v->client, room);
  case RULE_FIELD_TABLE:
    return text(v->table, room);
  case RULE_FIELD_LEVEL:
    return integer(v->level, room);
  default:
    return rule_request_value(v->request, field, name, room);
  }
}
