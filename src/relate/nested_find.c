#include "relate/nested.h"

/* ---- keys of records ---- */

static const shunt_field *field_named(const shunt_record *record, const char *name) {
  for (size_t i = 0; i < record->nfields; i++)
    if (record->fields[i].name && cat_same_column(record->fields[i].name, name))
      return record->fields[i].value.type == SHUNT_NULL ? NULL : &record->fields[i];
  return NULL;
}

record_key nested_key(const shunt_record *record, const key_names *names) {
  record_key key = {.n = names->n};
  for (size_t i = 0; i < names->n; i++)
    if (!(key.list[i] = field_named(record, names->list[i]))) key.n = 0;
  if (record->is_new) key.n = 0;
  return key;
}

bool nested_is_key(const record_key *key, const shunt_field *field) {
  for (size_t i = 0; i < key->n; i++)
    if (key->list[i] == field) return true;
  return false;
}

size_t nested_key_is(const record_key *key, shunt_where items[KEY_MOST]) {
  for (size_t i = 0; i < key->n; i++)
    items[i] =
        (shunt_where){.op = SHUNT_EQ, .column = key->list[i]->name, .values = &key->list[i]->value, .nvalues = 1};
  return key->n;
}

sole_key nested_sole_key(const record_key *key) {
  sole_key out = {.names = {.n = key->n}};
  for (size_t i = 0; i < key->n; i++) {
    out.names.list[i] = key->list[i]->name;
    out.values[i] = key->list[i]->value;
  }
  return out;
}

shunt_status nested_key_of_row(writing *w, const site *at, const key_names *names, const shunt_rows *rows, size_t row,
                               sole_key *out) {
  *out = (sole_key){.names = *names};
  shunt_status status = site_key_columns(w->c, at, names, &out->from);
  for (size_t i = 0; i < out->from.n && !status; i++)
    out->values[i] = rows_row(rows, row)[rows_column_index(rows, out->from.list[i]->name)];
  return status;
}

shunt_status nested_filter(writing *w, const access *a, const sole_key *key, const sole_key *also, filter *out) {
  const site *at = access_only_site(a);
  *out = (filter){.keys = {.count = 0}};
  shunt_status status = key_one(w->c, at, &key->names, &key->from, key->values, &out->keys);
  if (status || !also) return status;
  key_list *second = arena_new(w->c->arena, key_list);
  out->also = second;
  return second ? key_one(w->c, at, &also->names, &also->from, also->values, second) : error_memory(w->c->err);
}

bool nested_equalities(equalities *where, const sole_key *key) {
  bool ok = true;
  for (size_t i = 0; i < key->names.n && ok; i++) ok = equalities_add(where, key->names.list[i], &key->values[i]);
  return ok;
}

/* ---- where rows go ---- */

route_request nested_request(const writing *w, const plan_relation *p, const site *parent) {
  route_request request = session_request(w->c->s, p->relation->target, SHUNT_WRITE);
  request.relation = p->relation;
  request.relation_client = p->query->client;
  request.explicit_table = p->query->table;
  request.parent = parent->client->name;
  return request;
}

static bool sets(const shunt_field *set, size_t nset, const char *name) {
  for (size_t i = 0; i < nset; i++)
    if (set[i].name && cat_same_column(set[i].name, name)) return true;
  return false;
}

static shunt_status refuse_move(writing *w, const char *column, const access *from, const access *to) {
  const site *here = &from->sites[0], *there = access_only_site(to);
  if (from->nsites > 1)
    return error_set(w->c->err, SHUNT_E_USAGE,
                     "model '%s': with another '%s' rows belong to table %s on %s, and those to be changed may lie in "
                     "other parts; an update moves no rows: name the old '%s' in where",
                     here->model->name, column, there->table->name, there->client->name, column);
  return error_set(
      w->c->err, SHUNT_E_USAGE,
      "model '%s': with another '%s' the row belongs to table %s on %s, not to %s on %s, and an update moves "
      "no rows; name the old '%s' in where if it is the same, else delete the row and insert it anew",
      here->model->name, column, there->table->name, there->client->name, here->table->name, here->client->name,
      column);
}

/* Of rows in all parts no decision depends on the column that chooses the part. A decision with its new value does. */
static shunt_status find_chooser(writing *w, const route_request *request, const shunt_field *set, size_t nset,
                                 const char **column) {
  for (size_t i = 0; i < nset && !*column; i++) {
    if (!set[i].name) continue;
    equalities one = {.a = w->c->arena};
    route_request after = *request;
    access there = {.decision = NULL};
    if (!equalities_add(&one, set[i].name, &set[i].value)) return error_memory(w->c->err);
    equalities_into(&one, &after);
    shunt_status status = access_find_all(w->c, &after, NULL, &there);
    if (status) return status;
    if ((there.nsites == 1 || there.loose) && there.decision && route_depends_on_where(there.decision, set[i].name))
      *column = set[i].name;
    access_end_decision(w->c, &there);
  }
  return SHUNT_OK;
}

/* With its new values the row must not belong elsewhere: an update moves no rows. */
static shunt_status check_move(writing *w, const route_request *request, const shunt_field *set, size_t nset,
                               const access *here) {
  const char *column = NULL;
  for (size_t i = 0; i < nset && !column; i++)
    if (set[i].name && route_depends_on_where(here->decision, set[i].name)) column = set[i].name;
  shunt_status status = !column && here->nsites > 1 ? find_chooser(w, request, set, nset, &column) : SHUNT_OK;
  if (status || !column) return status;
  equalities where = {.a = w->c->arena};
  bool ok = true;
  for (size_t i = 0; i < request->nwhere && ok; i++)
    if (!sets(set, nset, request->where[i].name))
      ok = equalities_add(&where, request->where[i].name, &request->where[i].value);
  for (size_t i = 0; i < nset && ok; i++)
    if (set[i].name) ok = equalities_add(&where, set[i].name, &set[i].value);
  if (!ok) return error_memory(w->c->err);
  route_request after = *request;
  equalities_into(&where, &after);
  access there = {.decision = NULL};
  status = access_find(w->c, &after, &there);
  access_end_decision(w->c, &there);
  return status || access_same(here, &there) ? status : refuse_move(w, column, here, &there);
}

static shunt_status check_keys(const writing *w, const access *a) {
  shunt_status status = SHUNT_OK;
  for (size_t i = 0; i < a->nsites && !status; i++) status = site_check_key(w->c, &a->sites[i]);
  return status;
}

static shunt_status join(writing *w, const access *a) {
  const site *at = access_only_site(a);
  return w->u.begun ? unit_join(w->c, &w->u, at->client, at->level) : SHUNT_OK;
}

shunt_status nested_place(writing *w, const route_request *request, access *out) {
  shunt_status status = access_find(w->c, request, out);
  if (!status) status = check_keys(w, out);
  return status ? status : join(w, out);
}

shunt_status nested_find(writing *w, const route_request *request, const shunt_field *set, size_t nset, access *out) {
  shunt_status status = access_find_only(w->c, request, out);
  if (!status) status = check_keys(w, out);
  if (!status && nset) status = check_move(w, request, set, nset, out);
  return status ? status : join(w, out);
}

shunt_status nested_find_all(writing *w, const route_request *request, const shunt_where *where, const shunt_field *set,
                             size_t nset, access *out) {
  shunt_status status = access_find_all(w->c, request, where, out);
  if (!status) status = check_keys(w, out);
  return status || !nset ? status : check_move(w, request, set, nset, out);
}
