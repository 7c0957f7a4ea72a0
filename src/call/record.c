#include <stdlib.h>
#include <string.h>

#include "call/calling.h"

/* The relations that are written with a row. */
typedef struct included {
  const shunt_include *list;
  size_t n;
} included;

static shunt_status read_record(calling *c, const node *n, included in, bool related, shunt_record *out);

static const shunt_include *included_as(included in, const char *name) {
  for (const shunt_include *one = in.list; one < in.list + in.n; one++)
    if (!one->off && strcmp(one->relation, name) == 0) return one;
  return NULL;
}

static shunt_status read_records(calling *c, const node *list, included in, bool related, shunt_records *out) {
  shunt_record *records = arena_array(&c->a, shunt_record, list->count + 1);
  shunt_status status = records ? SHUNT_OK : error_memory(c->err);
  for (size_t i = 0; i < list->count && !status; i++) status = read_record(c, list->items[i], in, related, &records[i]);
  *out = (shunt_records){records, list->count};
  return status;
}

/* The rows under a relation's name: a list of rows, or one row. */
static shunt_status read_related(calling *c, const node *n, const shunt_include *by, shunt_related *out) {
  const included in = {by->query->include, by->query->ninclude};
  const node one = {.kind = NODE_LIST, .at = n->at, .items = (node *[]){(node *)n}, .count = 1};
  shunt_records records = {NULL, 0};
  if (n->kind != NODE_MAP && n->kind != NODE_LIST)
    return error_usage_at(c->err, n->at, "'%s' is included, so it must hold a row or a list of rows, not %s",
                          by->relation, node_kind_name(n));
  shunt_status status = read_records(c, n->kind == NODE_LIST ? n : &one, in, true, &records);
  *out = (shunt_related){by->relation, records.list, records.n};
  return status;
}

static bool is_flag(const node_entry *e, const char *name) {
  return e->value->kind == NODE_VALUE && e->value->value.type == SHUNT_BOOL && strcmp(e->key, name) == 0;
}

/* The columns of a link are a row of their own. */
static shunt_status read_link(calling *c, const node *n, shunt_record *out) {
  shunt_record link = {.nfields = 0};
  shunt_status status = read_record(c, n, (included){NULL, 0}, false, &link);
  out->link = link.fields;
  out->nlink = link.nfields;
  return status;
}

static shunt_status read_cell(calling *c, const node_entry *e, shunt_field *out) {
  if (e->value->kind != NODE_VALUE)
    return error_usage_at(c->err, e->value->at,
                          "'%.64s' is %s, which a column can't hold; if it is a relation, add \"include\":\"%.64s\"",
                          e->key, node_kind_name(e->value), e->key);
  *out = (shunt_field){e->key, e->value->value};
  return SHUNT_OK;
}

static int by_name(const void *a, const void *b) {
  return strcmp(((const shunt_field *)a)->name, ((const shunt_field *)b)->name);
}

static int by_relation(const void *a, const void *b) {
  return strcmp(((const shunt_related *)a)->relation, ((const shunt_related *)b)->relation);
}

static shunt_status read_record(calling *c, const node *n, included in, bool related, shunt_record *out) {
  if (n->kind != NODE_MAP)
    return error_usage_at(c->err, n->at, "a row must be an object of columns, not %s", node_kind_name(n));
  shunt_field *fields = arena_array(&c->a, shunt_field, n->count + 1);
  shunt_related *relations = arena_array(&c->a, shunt_related, in.n + 1);
  shunt_status status = fields && relations ? SHUNT_OK : error_memory(c->err);
  for (size_t i = 0; i < n->count && !status; i++) {
    const node_entry *e = &n->entries[i];
    const shunt_include *by = included_as(in, e->key);
    if (by)
      status = read_related(c, e->value, by, &relations[out->nrelated++]);
    else if (related && is_flag(e, "deleted"))
      out->deleted = e->value->value.as.boolean;
    else if (related && is_flag(e, "new"))
      out->is_new = e->value->value.as.boolean;
    else if (related && e->value->kind == NODE_MAP && strcmp(e->key, "link") == 0)
      status = read_link(c, e->value, out);
    else
      status = read_cell(c, e, &fields[out->nfields++]);
  }
  if (status) return status;
  /* The order of an object's names means nothing, and the same row gives the same statement. */
  qsort(fields, out->nfields, sizeof *fields, by_name);
  qsort(relations, out->nrelated, sizeof *relations, by_relation);
  out->fields = fields;
  out->related = relations;
  return SHUNT_OK;
}

static included of_write(const calling *c) { return (included){c->write.include, c->write.ninclude}; }

shunt_status call_read_row(calling *c) {
  const node *n = node_get(c->options, "row");
  const node list = {.kind = NODE_LIST, .items = (node *[]){(node *)n}, .count = 1};
  if (!n) return error_set(c->err, SHUNT_E_USAGE, "%s needs a row: an object of columns", c->verb->name);
  return read_records(c, &list, of_write(c), false, &c->records);
}

shunt_status call_read_rows(calling *c) {
  const node *n = node_get(c->options, "rows");
  if (!n || n->kind != NODE_LIST)
    return error_usage_at(c->err, n ? n->at : (place){NULL, 0, 0}, "%s needs rows: a list of objects of columns",
                          c->verb->name);
  return read_records(c, n, of_write(c), false, &c->records);
}
