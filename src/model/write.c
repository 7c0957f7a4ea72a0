/* The public writes of rows that exist: shunt_update, shunt_delete. */
#include "model/write.h"

#include "base/sized.h"
#include "query/condition.h"
#include "relate/load.h"
#include "session/outcome.h"
#include "session/visit.h"

static const shunt_record nothing;

route_request write_request(const call *c, const cat_model *model, const shunt_write *o) {
  route_request request = session_request(c->s, model, SHUNT_WRITE);
  request.explicit_client = o->client;
  request.explicit_table = o->table;
  return request;
}

shunt_status write_options(write_call *r, const shunt_write *given, shunt_error *err) {
  r->conflict = NULL;
  r->options = SIZED(shunt_write, given, &r->own, err);
  if (!r->options) return SHUNT_E_USAGE;
  if (!r->options->on_conflict) return SHUNT_OK;
  r->conflict = SIZED(shunt_conflict, r->options->on_conflict, &r->own_conflict, err);
  return r->conflict ? SHUNT_OK : SHUNT_E_USAGE;
}

shunt_status write_begin(call *c, const char *model, write_call *r) {
  const shunt_write *o = r->options;
  shunt_status status = read_model(c, model, o->client, &r->model);
  return status ? status : plan_make(c, r->model, o->include, o->ninclude, false, &r->plan);
}

/* ---- update ---- */

/* Which rows, and the new values. Without a where the record's own key selects the row, and is not among the values. */
typedef struct change {
  write_call r;
  const shunt_record *record;
  const shunt_where *where;
  shunt_where by_key, key_items[KEY_MOST];
  shunt_field *fields;
  size_t nfields;
} change;

static bool is_empty(const shunt_where *where) { return !where || (where->op == SHUNT_AND && where->nitems == 0); }

/* A condition that holds for every row needs the same word as none. */
static shunt_status check_selects(writing *w, const write_call *r) {
  if (r->options->all || !condition_is_always(r->options->where, true)) return SHUNT_OK;
  return error_set(w->c->err, SHUNT_E_USAGE,
                   "model '%s': this where holds for every row; give one that does not, or say all = true if that is "
                   "meant",
                   r->model->name);
}

static shunt_status find_which(writing *w, change *c, record_key *key) {
  const shunt_write *o = c->r.options;
  const key_names names = key_names_of(c->r.model->primary_key);
  key->n = 0;
  if (!is_empty(o->where)) {
    c->where = o->where;
    return check_selects(w, &c->r);
  }
  if (o->all) return SHUNT_OK;
  *key = nested_key(c->record, &names);
  if (!key->n)
    return error_set(
        w->c->err, SHUNT_E_USAGE,
        "model '%s': an update without where changes every row; give a where or the row's '%s', or say all "
        "= true if that is meant",
        c->r.model->name, key_names_text(w->c->arena, &names));
  c->by_key = (shunt_where){.op = SHUNT_AND, .items = c->key_items, .nitems = nested_key_is(key, c->key_items)};
  c->where = &c->by_key;
  return SHUNT_OK;
}

static shunt_status make_change(writing *w, change *c) {
  record_key key;
  c->fields = arena_array(w->c->arena, shunt_field, c->record->nfields);
  shunt_status status = c->fields ? find_which(w, c, &key) : error_memory(w->c->err);
  if (status) return status;
  for (size_t i = 0; i < c->record->nfields; i++)
    if (!nested_is_key(&key, &c->record->fields[i])) c->fields[c->nfields++] = c->record->fields[i];
  if ((c->r.options->nincrements || c->r.options->deleted) && c->record->nrelated)
    return error_set(w->c->err, SHUNT_E_USAGE,
                     "model '%s': %s can't be combined with related rows; write them in a call of their own",
                     c->r.model->name, c->r.options->nincrements ? "increment" : "deleted = true");
  if (c->nfields || c->record->nrelated || c->r.options->nincrements) return SHUNT_OK;
  return error_set(w->c->err, SHUNT_E_USAGE, "model '%s': there is nothing to set", c->r.model->name);
}

/* Where a row belongs after an increment is unknown before it. */
static shunt_status check_increments(const writing *w, const change *c, const access *a) {
  const shunt_write *o = c->r.options;
  for (size_t i = 0; i < o->nincrements; i++)
    if (o->increments[i].name && route_depends_on_where(a->decision, o->increments[i].name))
      return error_set(
          w->c->err, SHUNT_E_USAGE,
          "model '%s': '%s' decides where the row is, and can't be incremented; set it, with the old value "
          "in where",
          c->r.model->name, o->increments[i].name);
  return SHUNT_OK;
}

/* Rows in several places are written in one unit of work. */
static shunt_status join_all(writing *w, const access *a) {
  shunt_status status = SHUNT_OK;
  if (a->nsites == 1) return SHUNT_OK;
  unit_begin(w->c, &w->u);
  for (size_t i = 0; i < a->nsites && !status; i++)
    status = unit_join(w->c, &w->u, a->sites[i].client, a->sites[i].level);
  return status;
}

static shunt_status end_all(writing *w, shunt_status status) {
  return w->u.begun ? unit_end(w->c, &w->u, status) : status;
}

/* The rows of c->where, in one place or, with `all`, in as many as they are. */
static shunt_status find_change(writing *w, const change *c, bool all, access *a) {
  route_request request = write_request(w->c, c->r.model, c->r.options);
  equalities where = {.a = w->c->arena};
  if (!equalities_of_where(&where, c->where)) return error_memory(w->c->err);
  equalities_into(&where, &request);
  shunt_status status = all ? nested_find_all(w, &request, c->where, c->fields, c->nfields, a)
                            : nested_find(w, &request, c->fields, c->nfields, a);
  return status ? status : check_increments(w, c, a);
}

/* Finds the one row that related rows are written along with, and reads its key. */
static shunt_status find_parent(writing *w, const change *c, access *a, shunt_rows *before) {
  static const plan none = {NULL, 0};
  filter f = {.where = {c->where}};
  shunt_status status = find_change(w, c, false, a);
  if (!status) status = nested_read(w, a, &none, &f, 2, before);
  if (!status && before->count == 0)
    status =
        error_set(w->c->err, SHUNT_E_NOT_FOUND,
                  "model '%s': no such row exists, so related rows can't be written along with it", c->r.model->name);
  if (!status && before->count > 1)
    status = error_set(w->c->err, SHUNT_E_USAGE,
                       "model '%s': related rows are written along with one row, and the where matches several",
                       c->r.model->name);
  return status;
}

/* The row's key after its change. */
static void change_key(const change *c, sole_key *key) {
  for (size_t i = 0; i < c->nfields; i++)
    for (size_t k = 0; k < key->names.n; k++)
      if (cat_same_column(c->fields[i].name, key->names.list[k])) {
        key->values[k] = c->fields[i].value;
        key->from.n = 0;
      }
}

/* The parent of related rows is read again after its change, for the values that they refer to. */
static shunt_status change_parent(writing *w, const change *c, shunt_rows *before, shunt_rows *after,
                                  int64_t *affected) {
  access a = {.decision = NULL};
  key_names names = key_names_of(c->r.model->primary_key);
  sole_key key;
  filter f;
  shunt_status status = find_parent(w, c, &a, before);
  if (!status) status = nested_key_of_row(w, access_only_site(&a), &names, before, 0, &key);
  if (!status) status = nested_filter(w, &a, &key, NULL, &f);
  if (status) return status;
  *affected = 1;
  if (c->nfields) {
    *affected = 0;
    status = write_update(w->c, &a, c->fields, c->nfields, &f, affected);
  }
  change_key(c, &key);
  if (!status) status = nested_filter(w, &a, &key, NULL, &f);
  if (!status) status = nested_read(w, &a, &c->r.plan, &f, 1, after);
  if (!status && after->count == 0)
    status = error_set(w->c->err, SHUNT_E_CONFLICT, "model '%s': the row was deleted while it was changed",
                       c->r.model->name);
  return status ? status : nested_children(w, access_only_site(&a), after, 0, c->record, &c->r.plan);
}

static shunt_status change_along(writing *w, const change *c, int64_t *affected) {
  unit_begin(w->c, &w->u);
  shunt_rows *before = rows_new(), *after = rows_new();
  shunt_status status = before && after ? change_parent(w, c, before, after, affected) : error_memory(w->c->err);
  shunt_rows_free(before);
  shunt_rows_free(after);
  return unit_end(w->c, &w->u, status);
}

static shunt_status change_rows(writing *w, const change *c, int64_t *affected) {
  access a = {.decision = NULL};
  filter f = {.where = {c->where}};
  f.deleted = c->r.options->deleted;
  write_set set = {c->fields, c->nfields, c->r.options->increments, c->r.options->nincrements};
  shunt_status status = find_change(w, c, true, &a);
  if (status) return status;
  status = join_all(w, &a);
  if (!status) status = write_change(w->c, &a, &set, &f, affected);
  return end_all(w, status);
}

shunt_status shunt_update(shunt_session *s, const char *model, const shunt_record *record, const shunt_write *options,
                          int64_t *affected, shunt_error *err) {
  VISIT(v);
  call c;
  writing w = {.c = &c};
  change of = {.record = record ? record : &nothing};
  int64_t count = 0;
  if (affected) *affected = 0;
  shunt_status status = write_options(&of.r, options, err);
  if (!status) status = call_enter(&v, &c, s, of.r.options->timeout_ms, err);
  if (!status) status = write_begin(&c, model, &of.r);
  if (!status) status = nested_check(&w, of.r.model, of.record, &of.r.plan);
  if (!status) status = make_change(&w, &of);
  if (status) return status;
  status = of.record->nrelated ? change_along(&w, &of, &count) : change_rows(&w, &of, &count);
  if (!status && affected) *affected = count;
  return outcome_end(&c, status);
}

/* ---- delete ---- */

static shunt_status find_deleted(writing *w, const write_call *r, bool all, access *a) {
  route_request request = write_request(w->c, r->model, r->options);
  equalities where = {.a = w->c->arena};
  if (!equalities_of_where(&where, r->options->where)) return error_memory(w->c->err);
  equalities_into(&where, &request);
  if (all) return nested_find_all(w, &request, r->options->where, NULL, 0, a);
  return nested_find(w, &request, NULL, 0, a);
}

/* Rows that refer to the deleted ones go first. */
static shunt_status delete_parents(writing *w, const write_call *r, shunt_rows *rows, int64_t *affected) {
  access a = {.decision = NULL};
  filter f = {.where = {r->options->where}};
  shunt_status status = find_deleted(w, r, false, &a);
  if (!status) status = nested_read(w, &a, &r->plan, &f, -1, rows);
  if (status) return status;
  status = cascade_delete(w, &(parents){rows, access_only_site(&a)->table->shape}, &r->plan);
  return status ? status : write_delete(w->c, &a, &f, affected);
}

static shunt_status delete_along(writing *w, const write_call *r, int64_t *affected) {
  unit_begin(w->c, &w->u);
  shunt_rows *rows = rows_new();
  shunt_status status = rows ? delete_parents(w, r, rows, affected) : error_memory(w->c->err);
  shunt_rows_free(rows);
  return unit_end(w->c, &w->u, status);
}

static shunt_status delete_rows(writing *w, const write_call *r, int64_t *affected) {
  access a = {.decision = NULL};
  filter f = {.where = {r->options->where}, .deleted = r->options->purge};
  shunt_status status = find_deleted(w, r, true, &a);
  if (status) return status;
  status = join_all(w, &a);
  if (!status) status = write_delete(w->c, &a, &f, affected);
  return end_all(w, status);
}

shunt_status shunt_delete(shunt_session *s, const char *model, const shunt_write *options, int64_t *affected,
                          shunt_error *err) {
  VISIT(v);
  call c;
  writing w = {.c = &c};
  write_call r;
  int64_t count = 0;
  if (affected) *affected = 0;
  shunt_status status = write_options(&r, options, err);
  if (!status) status = call_enter(&v, &c, s, r.options->timeout_ms, err);
  if (!status) status = write_begin(&c, model, &r);
  if (!status) status = cascade_check(&w, &r.plan);
  if (!status && r.options->purge && r.plan.count)
    status = error_set(err, SHUNT_E_USAGE, "model '%s': purge can't be combined with include", r.model->name);
  if (!status && is_empty(r.options->where) && !r.options->all)
    status = error_set(err, SHUNT_E_USAGE,
                       "model '%s': a delete without where deletes every row; give a where, or say all = true if "
                       "that is meant",
                       r.model->name);
  if (!status && !is_empty(r.options->where)) status = check_selects(&w, &r);
  if (status) return status;
  status = r.plan.count ? delete_along(&w, &r, &count) : delete_rows(&w, &r, &count);
  if (!status && affected) *affected = count;
  return outcome_end(&c, status);
}
