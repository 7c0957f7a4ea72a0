/* The links of belongs_to_many: rows of the through model. */
#include "query/select.h"
#include "query/value.h"
#include "relate/nested.h"

/* The columns given for a link, without its two keys, with room for them: first those of the primary key, nkey of the
 * n, which say which link is meant. */
typedef struct link_columns {
  shunt_field *fields;
  size_t nkey, n;
} link_columns;

/* ---- the columns given ---- */

static size_t place_of(const key_names *names, const char *column) {
  size_t i = 0;
  while (i < names->n && !cat_same_column(column, names->list[i])) i++;
  return i;
}

/* Digits as text may be a number's; two texts are one key only if their bytes are the same: "7" is not "007". */
static bool is_same_key(const shunt_value *a, const shunt_value *b) {
  bool texts = a->type == SHUNT_TEXT && b->type == SHUNT_TEXT;
  shunt_value x = value_canonical(a, !texts), y = value_canonical(b, !texts);
  return value_equal(&x, &y, DRIVER_BINARY);
}

/* A link may name its two keys, with the values that they have. */
static shunt_status check_own(const writing *w, const link_row *l, const shunt_field *f, bool *own) {
  const sole_key *keys[] = {&l->to_parent, &l->to_target};
  *own = false;
  for (size_t i = 0; i < 2 && !*own; i++) {
    size_t at = place_of(&keys[i]->names, f->name);
    if (at == keys[i]->names.n) continue;
    *own = true;
    if (f->value.type != SHUNT_NULL && !is_same_key(&f->value, &keys[i]->values[at]))
      return error_set(w->c->err, SHUNT_E_USAGE,
                       "relation '%s': '%s' of a link is the key of its %s, and can't be another; leave it out",
                       l->p->relation->full_name, f->name, i ? "target" : "parent");
  }
  return SHUNT_OK;
}

static void swap(shunt_field *a, shunt_field *b) {
  shunt_field saved = *a;
  *a = *b;
  *b = saved;
}

/* A null in the primary key is a key that is not given. */
static shunt_status take_columns(const writing *w, const link_row *l, const shunt_record *target, link_columns *out) {
  key_names key = key_names_of(l->p->relation->through->primary_key);
  shunt_status status = SHUNT_OK;
  out->fields = arena_array(w->c->arena, shunt_field, target->nlink + (size_t)2 * KEY_MOST);
  if (!out->fields) return error_memory(w->c->err);
  for (size_t i = 0; i < target->nlink && !status; i++) {
    const shunt_field *f = &target->link[i];
    bool own = false;
    if (f->name) status = check_own(w, l, f, &own);
    bool of_key = f->name && place_of(&key, f->name) < key.n;
    if (own || (of_key && f->value.type == SHUNT_NULL)) continue;
    out->fields[out->n++] = *f;
    if (of_key) swap(&out->fields[out->nkey++], &out->fields[out->n - 1]);
  }
  return status;
}

/* ---- the links that exist ---- */

static route_request link_request(const writing *w, const link_row *l) {
  route_request request = nested_request(w, l->p, l->parent);
  request.model = l->p->relation->through;
  request.relation_client = l->p->relation->as.through_client;
  request.explicit_table = NULL;
  return request;
}

/* All places where the link may be. With set: once it is known to exist, and is to be changed. */
static shunt_status find_link(writing *w, const link_row *l, const link_columns *of, bool set, access *out) {
  route_request request = link_request(w, l);
  equalities where = {.a = w->c->arena};
  bool ok = nested_equalities(&where, &l->to_parent) && nested_equalities(&where, &l->to_target);
  for (size_t i = 0; i < of->nkey && ok; i++) ok = equalities_add(&where, of->fields[i].name, &of->fields[i].value);
  if (!ok) return error_memory(w->c->err);
  equalities_into(&where, &request);
  shunt_status status = nested_find_all(w, &request, NULL, of->fields + of->nkey, set ? of->n - of->nkey : 0, out);
  access_end_decision(w->c, out);
  for (size_t i = 0; i < out->nsites && !status; i++)
    status = unit_join(w->c, &w->u, out->sites[i].client, out->sites[i].level);
  return status;
}

typedef enum link_change { LINK_LOOK_FOR, LINK_UPDATE, LINK_DELETE } link_change;

static shunt_status look_for(writing *w, const access *a, const filter *f, int64_t *found) {
  const char *column = f->keys.columns.list[0]->name;
  select_spec q = {.filter = *f, .columns = &column, .ncolumns = 1, .limited = true, .limit = 1};
  shunt_rows *rows = rows_new();
  shunt_status status = rows ? select_run(w->c, a, &q, rows) : error_memory(w->c->err);
  if (!status) *found += (int64_t)rows->count;
  shunt_rows_free(rows);
  return status;
}

/* The condition "the columns of the primary key that are given have these values". */
static shunt_status key_is(const writing *w, const link_columns *of, shunt_where *out) {
  shunt_where *items = arena_array(w->c->arena, shunt_where, of->nkey + 1);
  *out = (shunt_where){.op = SHUNT_AND, .items = items, .nitems = of->nkey};
  if (!items) return error_memory(w->c->err);
  for (size_t i = 0; i < of->nkey; i++)
    items[i] =
        (shunt_where){.op = SHUNT_EQ, .column = of->fields[i].name, .values = &of->fields[i].value, .nvalues = 1};
  return SHUNT_OK;
}

/* Of all such links; adds their number to *found. */
static shunt_status change_links(writing *w, const link_row *l, const link_columns *of, link_change what,
                                 int64_t *found) {
  access all = {.decision = NULL};
  shunt_where key;
  filter f;
  shunt_status status = find_link(w, l, of, what == LINK_UPDATE, &all);
  if (!status) status = key_is(w, of, &key);
  for (size_t i = 0; i < all.nsites && !status; i++) {
    access one = {.sites = &all.sites[i], .nsites = 1, .room = 1};
    status = nested_filter(w, &one, &l->to_parent, &l->to_target, &f);
    f.where[0] = &key;
    if (status) return status;
    if (what == LINK_LOOK_FOR) status = look_for(w, &one, &f, found);
    if (what == LINK_DELETE) status = write_delete(w->c, &one, &f, found);
    if (what == LINK_UPDATE) status = write_update(w->c, &one, of->fields + of->nkey, of->n - of->nkey, &f, found);
  }
  return status;
}

/* ---- a link as a whole ---- */

static bool all_equalities(equalities *where, const link_columns *of) {
  bool ok = true;
  for (size_t i = 0; i < of->n && ok; i++)
    ok = !of->fields[i].name || equalities_add(where, of->fields[i].name, &of->fields[i].value);
  return ok;
}

static shunt_status insert_link(writing *w, const link_row *l, link_columns *of) {
  route_request request = link_request(w, l);
  const sole_key *keys[] = {&l->to_parent, &l->to_target};
  equalities where = {.a = w->c->arena};
  access a = {.decision = NULL};
  for (size_t k = 0; k < 2; k++)
    for (size_t i = 0; i < keys[k]->names.n; i++)
      of->fields[of->n++] = (shunt_field){keys[k]->names.list[i], keys[k]->values[i]};
  if (!all_equalities(&where, of)) return error_memory(w->c->err);
  equalities_into(&where, &request);
  shunt_status status = nested_place(w, &request, &a);
  access_end_decision(w->c, &a);
  return status ? status : write_insert(w->c, access_only_site(&a), of->fields, of->n, NULL);
}

static shunt_status lacks_link(const writing *w, const link_row *l) {
  return error_set(w->c->err, SHUNT_E_NOT_FOUND,
                   "relation '%s': no link with the primary key that is given leads from this row to that one",
                   l->p->relation->full_name);
}

shunt_status nested_write_link(writing *w, const link_row *l, const shunt_record *target) {
  link_columns of = {.n = 0};
  int64_t found = 0;
  shunt_status status = take_columns(w, l, target, &of);
  if (status) return status;
  if (target->deleted) {
    status = change_links(w, l, &of, LINK_DELETE, &found);
    return status || found || !of.nkey ? status : lacks_link(w, l);
  }
  status = change_links(w, l, &of, LINK_LOOK_FOR, &found);
  if (!status && !found) return insert_link(w, l, &of);
  return status || of.n == of.nkey ? status : change_links(w, l, &of, LINK_UPDATE, &found);
}
