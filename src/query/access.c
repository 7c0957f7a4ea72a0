#include "query/access.h"

#include <stdio.h>
#include <string.h>

#include "query/sql.h"
#include "query/stored.h"
#include "query/table.h"
#include "query/value.h"
#include "query/where_values.h"
#include "route/pick.h"
#include "session/transaction.h"

/* ---- one site ---- */

shunt_status access_refuse_replica(const cat_client *client, shunt_error *err) {
  if (!client->replica) return SHUNT_OK;
  error_set(err, SHUNT_E_DENIED, "client '%s' is a replica (role: replica), which takes no writes", client->name);
  error_client(err, client->name);
  return SHUNT_E_DENIED;
}

/* The rows of a relation are selected from the datasource that the call asked for explicitly, because their parents
 * lie there: then it is asked for them, too. Refine rules see it, and a replica does not take them. */
static bool inherits_explicit(const call *c, const route_request *q, const route_decision *d) {
  return q->relation && !q->explicit_client && !q->model->nparts && d->selected && q->parent &&
         strcmp(q->parent, c->explicit_client) == 0 && strcmp(d->selected->name, c->explicit_client) == 0;
}

static shunt_status ask_rules(call *c, const route_request *request, access *a) {
  route_decision *d = a->decision;
  shunt_status status = route_decide(c->s->generation.route, request, d, c->err);
  a->held = c->explicit_client && !status && inherits_explicit(c, request, d);
  if (!a->held) return status;
  route_request q = *request;
  q.explicit_client = c->explicit_client;
  return route_decide(c->s->generation.route, &q, d, c->err);
}

static inline shunt_status decide(call *c, const route_request *request, access *a) {
  if (!a->decision) a->decision = call_decision(c);
  if (!a->decision) return error_memory(c->err);
  shunt_status status = ask_rules(c, request, a);
  if (status || request->op == SHUNT_READ) return status;
  return access_refuse_replica(a->decision->client, c->err);
}

static inline shunt_status site_of(call *c, const route_request *request, const route_decision *d, site *out) {
  const cat_client *client = d->client;
  *out = (site){request->model, client, driver_for(client->engine), d->as.level, NULL, d->as.rule, d->as.source};
  shunt_status status = table_find(c, client, out->level, d->as.table, false, &out->table);
  return status == SHUNT_E_NOT_FOUND ? site_without_table(c, out) : status;
}

/* ---- sharding keys ---- */

/* The error names the rule that reads the column. */
static shunt_status refuse(call *c, const route_request *q, access *a, const char *column) {
  const cat_rule *rule = NULL;
  const bool writes = q->op == SHUNT_WRITE;
  char name[65]; /* column may lie in the decision, which is made again */
  snprintf(name, sizeof name, "%.64s", column);
  shunt_status status = route_find_reader(c->s->generation.route, q, column, a->decision, &rule, c->err);
  if (status) return status;
  error_set(c->err, SHUNT_E_USAGE,
            "model '%s': %s%s chooses the place by where.%s, and this %s gives no value for it; %s", q->model->name,
            rule ? "the rule " : "its table function", rule ? rule->name : "", name, writes ? "write" : "read",
            q->model->nparts ? "give one" : "give one, or declare the model's parts, so that all can be asked");
  if (c->err && rule) route_blame(c->err, rule);
  if (c->err && !rule) error_place(c->err, q->model->at.file, q->model->at.line, 0);
  return SHUNT_E_USAGE;
}

/* The place is not one of the model's parts. The standard rules only ask the model. */
static shunt_status refuse_outside(call *c, const route_request *q, const access *a) {
  const route_decision *d = a->decision;
  const cat_rule *rule = d->outside_rule && !d->outside_rule->standard ? d->outside_rule : NULL;
  const char *column = d->as.outside + strlen("where."), *table = d->as.table;
  const char *own = d->outside_rule ? "its client function" : "its table function";
  const shunt_value *value = route_value_of(q, column);
  char room[VALUE_SHOWN_BYTES];
  error_set(c->err, SHUNT_E_RULE,
            "model '%s': by where.%.64s = %s, %s%s%s sends this %s to table %s on %s, which is not one of the model's "
            "parts: accesses of all parts would miss its rows; correct the rule, or add the place to parts",
            q->model->name, column, value ? value_show(value, room) : "", rule ? "the rule '" : own,
            rule ? rule->name : "", rule ? "'" : "", q->op == SHUNT_WRITE ? "write" : "read", table ? table : "",
            d->client->name);
  if (c->err && rule) route_blame(c->err, rule);
  if (c->err && !rule) error_place(c->err, q->model->at.file, q->model->at.line, 0);
  error_client(c->err, d->client->name);
  return SHUNT_E_RULE;
}

static shunt_status refuse_loose(call *c, const cat_model *model, const char *what, const driver_column *column) {
  return error_set(
      c->err, SHUNT_E_USAGE,
      "model '%s': the rules choose the part by where.%s, whose column compares texts otherwise than byte by byte, so "
      "rows that equal the value may lie in several parts, and %s needs them in one; give the column a collation that "
      "compares bytes",
      model->name, column->name, what);
}

/* ---- finding sites ---- */

/* A site with the columns of the model, if the rules have not chosen one of its parts. */
static shunt_status site_beside(call *c, const route_request *request, site *out) {
  access first = {.decision = NULL};
  route_request q = *request;
  q.where = NULL;
  q.nwhere = 0;
  q.part = 1;
  shunt_status status = decide(c, &q, &first);
  if (!status) status = site_of(c, &q, first.decision, out);
  access_end_decision(c, &first);
  return status;
}

/* The site of a->decision, taken again if a sharding key is stored in another spelling. */
static shunt_status settle(call *c, route_request *q, access *a, site *out) {
  bool changed = false, outside = a->decision->as.outside != NULL;
  shunt_status status = outside ? site_beside(c, q, out) : site_of(c, q, a->decision, out);
  if (outside && status == SHUNT_E_NOT_FOUND) return refuse_outside(c, q, a);
  if (!status) status = stored_request(c, out, a->decision, q, &changed);
  if (!status && changed) status = decide(c, q, a);
  const rule_read *open = status || !changed ? NULL : route_unfixed(q, a->decision);
  if (status) return status;
  if (open) return refuse(c, q, a, open->name);
  if (a->decision->as.outside) return refuse_outside(c, q, a);
  return changed ? site_of(c, q, a->decision, out) : SHUNT_OK;
}

static inline shunt_status add_site(call *c, access *a, const site *at) {
  for (size_t i = 0; i < a->nsites; i++)
    if (site_same(&a->sites[i], at)) return SHUNT_OK;
  if (!arena_grow(c->arena, &a->sites, &a->room, a->nsites + 1, sizeof *a->sites)) return error_memory(c->err);
  a->sites[a->nsites++] = *at;
  return SHUNT_OK;
}

static shunt_status begin(call *c, const route_request *request, access *a) {
  shunt_status status = decide(c, request, a);
  const rule_read *open = status ? NULL : route_unfixed(request, a->decision);
  a->nsites = 0;
  a->loose = false;
  return open ? refuse(c, request, a, open->name) : status;
}

shunt_status access_find(call *c, const route_request *request, access *a) {
  route_request q = *request;
  site at;
  shunt_status status = begin(c, &q, a);
  if (!status) status = settle(c, &q, a, &at);
  return status ? status : add_site(c, a, &at);
}

shunt_status access_find_only(call *c, const route_request *request, access *a) {
  route_request q = *request;
  site at;
  const driver_column *loose = NULL;
  shunt_status status = begin(c, &q, a);
  if (!status) status = settle(c, &q, a, &at);
  if (!status) status = stored_loosen(c, &at, a->decision, &q, &loose);
  if (loose) return refuse_loose(c, q.model, q.op == SHUNT_WRITE ? "this write" : "this read", loose);
  return status ? status : add_site(c, a, &at);
}

static bool is_key_of(const shunt_conflict *conflict, const char *column) {
  for (size_t i = 0; i < conflict->ncolumns; i++)
    if (conflict->columns[i] && cat_same_column(conflict->columns[i], column)) return true;
  return false;
}

/* The row with the same key must be in the same part. */
static shunt_status check_same_part(call *c, const access *a, const cat_model *model, const shunt_conflict *conflict) {
  const route_decision *d = a->decision;
  for (size_t i = 0; model->nparts && i < d->nplacing; i++) {
    if (is_key_of(conflict, d->placing[i]->name)) continue;
    return error_set(c->err, SHUNT_E_USAGE,
                     "model '%s': the rules choose the part by where.%s, which on_conflict lacks, so the row with the "
                     "same key may lie in another part; name '%s' in on_conflict, as a column of the unique key",
                     model->name, d->placing[i]->name, d->placing[i]->name);
  }
  return SHUNT_OK;
}

shunt_status access_check_conflict(call *c, const access *a, const shunt_conflict *conflict) {
  const site *at = access_only_site(a);
  shunt_status status = check_same_part(c, a, at->model, conflict);
  if (status) return status;
  for (size_t i = 0; i < conflict->ncolumns; i++) {
    const driver_column *column = driver_table_column(at->table->shape, conflict->columns[i]);
    if (!column || !route_chose_by(a->decision, column->name) || !stored_is_loose(at, column)) continue;
    return refuse_loose(c, at->model, "on_conflict", column);
  }
  return SHUNT_OK;
}

/* What is asked, beside the request. */
typedef struct search {
  call *c;
  const shunt_where *where;
  access *a;
  const rule_read **reads; /* of all decisions, if there are several */
  size_t nreads, room;
  bool all; /* all parts were found: there are no more sites */
  pick_memo *picks;
} search;

static bool is_noted(const search *w, const rule_read *read) {
  for (size_t i = 0; i < w->nreads; i++)
    if (w->reads[i]->field == read->field && strcmp(w->reads[i]->display, read->display) == 0) return true;
  return false;
}

static shunt_status note_reads(search *w) {
  const route_decision *d = w->a->decision;
  for (size_t i = 0; i < d->as.ndepends_on; i++) {
    if (is_noted(w, d->reads[i])) continue;
    const rule_read *kept = route_keep(w->c->arena, d, d->reads[i]);
    if (!kept || !arena_grow(w->c->arena, &w->reads, &w->room, w->nreads + 1, sizeof *w->reads))
      return error_memory(w->c->err);
    w->reads[w->nreads++] = kept;
  }
  return SHUNT_OK;
}

/* The last decision stands for all of them: it depends on what any of them depends on. */
static shunt_status join_reads(search *w) {
  route_decision *d = w->a->decision;
  const char **names = arena_alloc(w->c->arena, w->nreads * sizeof *names);
  const rule_read **placing = arena_alloc(w->c->arena, w->nreads * sizeof(const rule_read *));
  if (!names || !placing) return error_memory(w->c->err);
  d->nplacing = 0;
  for (size_t i = 0; i < w->nreads; i++) {
    names[i] = w->reads[i]->display;
    if (w->reads[i]->field == RULE_FIELD_WHERE) placing[d->nplacing++] = w->reads[i];
  }
  d->reads = w->reads;
  d->placing = placing;
  d->as.depends_on = names;
  d->as.ndepends_on = w->nreads;
  return SHUNT_OK;
}

/* The site of the rows that equal the values of q. *loose: a sharding key that rows of other parts may equal, too; q
 * has no value for it any more. */
static shunt_status settle_rows(search *w, route_request *q, site *out, const driver_column **loose) {
  *loose = NULL;
  shunt_status status = settle(w->c, q, w->a, out);
  if (!status) status = stored_loosen(w->c, out, w->a->decision, q, loose);
  w->a->loose = w->a->loose || *loose;
  return status;
}

static shunt_status search_part(search *w, route_request *q) {
  const driver_column *loose = NULL;
  site at;
  shunt_status status;
  do {
    status = decide(w->c, q, w->a);
    if (!status) status = settle_rows(w, q, &at, &loose);
    if (!status) status = note_reads(w);
  } while (!status && loose);
  return status ? status : add_site(w->c, w->a, &at);
}

static shunt_status search_parts(search *w, const route_request *request) {
  route_request q = *request;
  shunt_status status = SHUNT_OK;
  q.picks = w->picks;
  for (q.part = 1; q.part <= q.model->nparts && !status; q.part++) status = search_part(w, &q);
  w->all = w->all || !request->nwhere;
  return status;
}

/* No column chose the place, so all rows are there. */
static shunt_status add_whole(call *c, const route_request *request, access *a) {
  site at;
  shunt_status status = site_of(c, request, a->decision, &at);
  return status ? status : add_site(c, a, &at);
}

/* Rows with the values of the request, for which the rules have chosen one place. */
static shunt_status search_place(search *w, const route_request *request) {
  route_request q = *request;
  const driver_column *loose = NULL;
  site at;
  shunt_status status = settle_rows(w, &q, &at, &loose);
  if (status || !loose) return status ? status : add_site(w->c, w->a, &at);
  status = note_reads(w);
  return status ? status : search_parts(w, &q);
}

static shunt_status search_sites(search *w, const route_request *request);

static shunt_status search_values(search *w, const route_request *request, const char *column,
                                  const where_values *values) {
  route_request q = *request;
  shunt_field *where = arena_alloc(w->c->arena, (q.nwhere + 1) * sizeof *where);
  shunt_status status = where ? SHUNT_OK : error_memory(w->c->err);
  if (where && q.nwhere) memcpy(where, q.where, q.nwhere * sizeof *where);
  q.where = where;
  q.nwhere++;
  q.picks = w->picks;
  for (size_t i = 0; i < values->count && !status && !w->all; i++) {
    where[q.nwhere - 1] = (shunt_field){column, *values->list[i]};
    status = search_sites(w, &q);
    if (!status) status = note_reads(w);
  }
  return status;
}

/* The decision was made by columns. */
static shunt_status search_placed(search *w, const route_request *request) {
  where_values values = {.a = w->c->arena};
  const rule_read *open = route_unfixed(request, w->a->decision);
  if (!open) return search_place(w, request);
  open = route_keep(w->c->arena, w->a->decision, open);
  if (!open) return error_memory(w->c->err);
  shunt_status status = note_reads(w);
  if (status) return status;
  switch (where_values_of(w->where, open->name, &values)) {
  case WHERE_LISTED:
    return search_values(w, request, open->name, &values);
  case WHERE_OPEN:
    return request->model->nparts ? search_parts(w, request) : refuse(w->c, request, w->a, open->name);
  case WHERE_NO_MEMORY:
    break;
  }
  return error_memory(w->c->err);
}

static shunt_status search_sites(search *w, const route_request *request) {
  shunt_status status = decide(w->c, request, w->a);
  if (status) return status;
  return w->a->decision->nplacing ? search_placed(w, request) : add_whole(w->c, request, w->a);
}

/* A table with all rows beside one with some of them would give rows twice: then the one with all is enough. */
static shunt_status keep_apart(search *w, const route_request *request) {
  if (w->a->nsites < 2 || !request->model->whole) return SHUNT_OK;
  w->a->nsites = 0;
  return search_parts(w, request);
}

static shunt_status search_rows(call *c, const route_request *request, const shunt_where *where, access *a) {
  pick_memo own = {.arena = c->arena};
  search w = {.c = c, .where = where, .a = a, .picks = request->picks ? request->picks : &own};
  shunt_status status = search_placed(&w, request);
  if (!status) status = keep_apart(&w, request);
  if (!status && !a->nsites) { /* no value at all: no row, but the columns of one table */
    route_request q = *request;
    site at;
    status = decide(c, &q, a);
    if (!status) status = settle(c, &q, a, &at);
    if (!status) status = add_site(c, a, &at);
  }
  return status || !w.nreads ? status : join_reads(&w);
}

shunt_status access_find_all(call *c, const route_request *request, const shunt_where *where, access *a) {
  a->nsites = 0;
  a->loose = false;
  shunt_status status = decide(c, request, a);
  if (status) return status;
  return a->decision->nplacing ? search_rows(c, request, where, a) : add_whole(c, request, a);
}

/* ---- several tables as one ---- */

static shunt_status lacks(call *c, const site *first, const site *other, const char *column) {
  error_set(c->err, SHUNT_E_NOT_FOUND,
            "model '%s': table %s on %s has no column '%s', which table %s, another part, has", first->model->name,
            other->table->name, other->client->name, column, first->table->name);
  error_client(c->err, other->client->name);
  return SHUNT_E_NOT_FOUND;
}

static shunt_status write_union(call *c, sql_text *sql, const site *const *sites, size_t n) {
  const rows_names *columns = &sites[0]->table->columns;
  for (size_t i = 0; i < n; i++) {
    for (size_t k = 0; k < columns->count; k++)
      if (!driver_table_column(sites[i]->table->shape, columns->list[k]))
        return lacks(c, sites[0], sites[i], columns->list[k]);
    sql_puts(sql, i ? " UNION ALL SELECT " : "(SELECT ");
    sql_names(sql, sites[i]->engine, columns->list, columns->count);
    sql_puts(sql, " FROM ");
    site_table(sql, sites[i]);
  }
  sql_puts(sql, ") AS " ACCESS_UNITED);
  return sql_status(sql, c->err);
}

static shunt_status unite(call *c, const site *const *sites, size_t n, site *out) {
  sql_text *sql = call_sql(c);
  table_info *t = arena_new(c->arena, table_info);
  if (!sql || !t) return error_memory(c->err);
  shunt_status status = write_union(c, sql, sites, n);
  *t = *sites[0]->table;
  t->parts = status ? NULL : arena_strndup(c->arena, sql->text.data, sql->text.size);
  t->select = NULL;
  call_end_sql(c, sql);
  *out = *sites[0];
  out->table = t;
  return status || t->parts ? status : error_memory(c->err);
}

enum { UNITED_MOST = 400 /* SQLite takes 500 terms in one UNION ALL */ };

shunt_status access_unite(call *c, access *a) {
  if (a->nsites == 1) return SHUNT_OK;
  size_t count = 0;
  const site **same = arena_array(c->arena, const site *, a->nsites);
  site *units = arena_alloc(c->arena, a->nsites * sizeof *units);
  if (!same || !units) return error_memory(c->err);
  for (size_t i = 0; i < a->nsites; i++) {
    size_t n = 0, k = 0;
    while (k < count && !(units[k].client == a->sites[i].client && units[k].level == a->sites[i].level)) k++;
    if (k < count) continue;
    for (size_t j = i; j < a->nsites; j++)
      if (a->sites[j].client == a->sites[i].client && a->sites[j].level == a->sites[i].level) same[n++] = &a->sites[j];
    for (size_t from = 0; from < n; from += UNITED_MOST) {
      size_t some = n - from < UNITED_MOST ? n - from : UNITED_MOST;
      units[count++] = *same[from];
      shunt_status status = some > 1 ? unite(c, same + from, some, &units[count - 1]) : SHUNT_OK;
      if (status) return status;
    }
  }
  a->sites = units;
  a->nsites = count;
  a->room = count;
  return SHUNT_OK;
}

bool access_same(const access *a, const access *b) {
  bool same = a->nsites == b->nsites;
  for (size_t i = 0; i < a->nsites && same; i++) same = site_same(&a->sites[i], &b->sites[i]);
  return same;
}
