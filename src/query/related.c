/* Idea: where both tables are in one database, and their keys are of a kind, the engine joins: EXISTS (SELECT …).
 * Otherwise the keys that match are read first, RELATED_MOST at most, and the rows are looked for by them. This is done
 * only for keys that are equal by value on every engine: whole numbers, UUIDs, and texts that compare by their bytes.
 *
 * EXISTS is true or false, never unknown, and so is what stands for it. A relation over a third table takes two steps.
 *
 * The tables inside are called shunt_1, shunt_2, …; names without a table mean the innermost one. */
#include "query/related.h"

#include <string.h>

#include "base/text.h"
#include "query/access.h"
#include "query/key_sql.h"
#include "query/list.h"
#include "query/statement.h"
#include "query/value.h"

/* ---- where the other table is ---- */

static shunt_status no_relation(const comparison *w, const char *name) {
  const cat_model *model = w->at->model;
  suggest near = cat_model_suggest(model, name);
  return error_set(w->c->err, SHUNT_E_NOT_FOUND, "where: model '%s' has no relation '%.128s'%s", model->name, name,
                   suggest_text(&near));
}

static shunt_status find_site(const comparison *w, const route_request *asked, const related_rows *x, site *out) {
  route_request request = *asked;
  equalities where = {.a = w->c->arena};
  access a = {.decision = NULL};
  request.relation = x->r;
  request.parent = w->at->client->name;
  bool target = request.model == x->r->target;
  const shunt_where *holds = x->violated ? NULL : x->where; /* rows that violate it may be anywhere */
  if (target && !(equalities_of_where(&where, x->r->as.where) && equalities_of_where(&where, holds)))
    return error_memory(w->c->err);
  equalities_into(&where, &request);
  shunt_status status = access_find_only(w->c, &request, &a);
  if (status) return status;
  access_end_decision(w->c, &a);
  *out = *access_only_site(&a);
  return SHUNT_OK;
}

/* outer, inner: the columns of their keys, which correspond. */
static shunt_status make_step(const comparison *w, const route_request *request, const key_names *outer,
                              const key_names *inner, const related_rows *x, related_step *out) {
  shunt_status status = site_key_columns(w->c, w->at, outer, &out->outer);
  if (!status) status = find_site(w, request, x, &out->at);
  return status ? status : site_key_columns(w->c, &out->at, inner, &out->inner);
}

/* ---- in one database ---- */

void related_write_column(const comparison *w, const driver_column *column) {
  if (w->alias || w->at->table->parts)
    sql_name(w->q, w->at->engine, w->alias ? w->alias : ACCESS_UNITED);
  else
    site_table(w->q, w->at);
  sql_puts(w->q, ".");
  sql_name(w->q, w->at->engine, column->name);
}

shunt_status related_inside(const comparison *w, const related_step *s, comparison *out) {
  const char *alias = arena_printf(w->c->arena, "shunt_%d", w->depth + 1);
  *out = (comparison){.c = w->c, .at = &s->at, .q = w->q, .alias = alias, .depth = w->depth + 1};
  return alias ? SHUNT_OK : error_memory(w->c->err);
}

shunt_status related_write_from(const comparison *w, const comparison *in, const related_step *s,
                                const related_rows *x) {
  sql_puts(w->q, " FROM ");
  site_table(w->q, &s->at);
  sql_puts(w->q, " AS ");
  sql_name(w->q, s->at.engine, in->alias);
  sql_puts(w->q, " WHERE ");
  for (size_t i = 0; i < s->inner.n; i++) {
    if (i) sql_puts(w->q, " AND ");
    related_write_column(in, s->inner.list[i]);
    sql_puts(w->q, " = ");
    related_write_column(w, s->outer.list[i]);
  }
  return s->rest(in, x);
}

static shunt_status write_exists(const comparison *w, const related_step *s, const related_rows *x) {
  comparison in;
  shunt_status status = related_inside(w, s, &in);
  if (status) return status;
  sql_puts(w->q, "EXISTS (SELECT ");
  sql_puts(w->q, key_sql_hint(&s->inner));
  sql_puts(w->q, "1");
  status = related_write_from(w, &in, s, x);
  sql_puts(w->q, ")");
  return status;
}

/* ---- in two ---- */

static bool is_whole(const driver_column *c) {
  return c->kind == DRIVER_INTEGERS ||
         (c->kind == DRIVER_ANYTHING && compare_is_number(c) && c->form != DRIVER_FORM_REAL);
}

static bool is_bytewise(const driver_column *c) {
  bool text = c->kind == DRIVER_TEXTS || c->kind == DRIVER_STRINGS || (c->kind == DRIVER_ANYTHING && c->text);
  return text && c->collation == DRIVER_BINARY;
}

bool related_equal_by_value(const related_step *s) {
  const driver_column *a = s->outer.list[0], *b = s->inner.list[0];
  if (s->inner.n != 1) return false;
  return (is_whole(a) && is_whole(b)) || (is_bytewise(a) && is_bytewise(b)) ||
         (a->kind == DRIVER_UUIDS && b->kind == DRIVER_UUIDS);
}

/* Names the first pair that is to blame. */
static shunt_status refuse_keys(const comparison *w, const related_step *s, const related_rows *x) {
  size_t i = 0;
  while (i + 1 < s->outer.n && related_is_sharp(s->outer.list[i])) i++;
  const driver_column *outer = s->outer.list[i], *inner = s->inner.list[i];
  return error_set(
      w->c->err, SHUNT_E_USAGE,
      "where, relation '%s': its keys are '%s' (%s) on '%s' and '%s' (%s) on '%s', which no engine compares "
      "by value; give them one type, or a collation that compares bytes",
      x->r->full_name, outer->name, outer->type, w->at->client->name, inner->name, inner->type, s->at.client->name);
}

static shunt_status read_keys(const comparison *w, const related_step *s, const related_rows *x, shunt_rows *rows) {
  sql_text *sql = call_sql(w->c);
  const comparison in = {.c = w->c, .at = &s->at, .q = sql, .depth = w->depth + 1};
  shunt_value most = shunt_integer(RELATED_MOST + 1);
  if (!sql) return error_memory(w->c->err);
  sql_puts(sql, "SELECT DISTINCT ");
  sql_name(sql, s->at.engine, s->inner.list[0]->name);
  sql_puts(sql, " FROM ");
  site_table(sql, &s->at);
  sql_puts(sql, " WHERE ");
  sql_name(sql, s->at.engine, s->inner.list[0]->name);
  sql_puts(sql, " IS NOT NULL");
  shunt_status status = s->rest(&in, x);
  sql_puts(sql, " LIMIT ");
  sql_param(sql, &most);
  if (!status) status = statement_ask(w->c, sql, &s->at, (answer_size){1, 0}, rows);
  call_end_sql(w->c, sql);
  if (status || rows->count <= RELATED_MOST) return status;
  return error_set(w->c->err, SHUNT_E_USAGE,
                   "where, relation '%s': its rows lie on another datasource, '%s', and more than %d keys fulfil the "
                   "condition; narrow it",
                   x->r->full_name, s->at.client->name, RELATED_MOST);
}

/* The keys that the column can hold, with bytes of their own. */
static shunt_status held_keys(const comparison *w, const related_step *s, const related_rows *x, const shunt_rows *rows,
                              list_values *out) {
  shunt_value *keys = arena_alloc(w->c->arena, rows->count * sizeof *keys);
  *out = (list_values){keys, 0};
  if (!keys) return error_memory(w->c->err);
  for (size_t i = 0; i < rows->count; i++) {
    shunt_value key = rows_row(rows, i)[0];
    if (is_whole(s->inner.list[0]) ? key.type != SHUNT_INTEGER : key.type != SHUNT_TEXT) return refuse_keys(w, s, x);
    if (!driver_column_holds(s->outer.list[0], &key)) continue;
    if (!value_own(w->c->arena, &key)) return error_memory(w->c->err);
    keys[out->n++] = key;
  }
  return SHUNT_OK;
}

static shunt_status write_keys(const comparison *w, const related_step *s, const related_rows *x) {
  const operand o = {.column = s->outer.list[0]};
  list_values keys;
  shunt_rows *rows = rows_new();
  shunt_status status = rows ? read_keys(w, s, x, rows) : error_memory(w->c->err);
  if (!status) status = held_keys(w, s, x, rows, &keys);
  shunt_rows_free(rows);
  if (status) return status;
  sql_puts(w->q, "(");
  compare_name(w, &o);
  sql_puts(w->q, " IS NOT NULL AND ");
  if (keys.n)
    list_write(w, &o, true, &keys);
  else
    sql_puts(w->q, "1 = 0");
  sql_puts(w->q, ")");
  return SHUNT_OK;
}

/* ---- by the rows' own keys ---- */

/* A step and its relation, behind the pointer of related_ends. */
typedef struct step_of {
  const related_step *s;
  const related_rows *x;
} step_of;

static shunt_status rest_of_step(const comparison *in, const void *context) {
  const step_of *of = context;
  return of->s->rest(in, of->x);
}

static bool are_sharp(const key_columns *columns) {
  for (size_t i = 0; i < columns->n; i++)
    if (!related_is_sharp(columns->list[i])) return false;
  return true;
}

static shunt_status write_matching(const comparison *w, const related_step *s, const related_rows *x) {
  const step_of of = {s, x};
  const related_ends ends = {x->r->full_name, &s->outer, &s->at, &s->inner, rest_of_step, &of};
  return are_sharp(&s->outer) ? related_match(w, &ends) : refuse_keys(w, s, x);
}

/* ---- which of them ---- */

static bool is_float(const driver_column *c) { return c->kind == DRIVER_NUMBERS && !c->exact; }

static bool is_filled(const driver_column *c) { return c->kind == DRIVER_TEXTS && c->collation == DRIVER_RTRIM; }

/* PostgreSQL's oid has no operators with the other numbers. Those have lists. */
static bool is_oid(const driver_engine *e, const driver_column *c) {
  return e->typed && c->kind == DRIVER_INTEGERS && !c->list;
}

/* SQLite compares by the column on the left, the inner one, as an include does. A server chooses by its own rules. */
static bool collates_alike(const driver_column *a, const driver_column *b) {
  if (a->kind == DRIVER_ANYTHING || !compare_is_text(a)) return true;
  return a->collation == b->collation && text_same(a->weight, b->weight);
}

/* Whether the engine's own = finds what an include finds, which compares by value: a server rounds an integer to
 * compare it with a float, cuts or keeps blanks by its own rules, and compares a label as a number or as a text. */
static bool engine_compares_alike(const driver_engine *e, const driver_column *a, const driver_column *b) {
  bool labels = compare_is_label(a) || compare_is_label(b),
       operators = !a->as_text && !b->as_text && is_oid(e, a) == is_oid(e, b);
  return operators && compare_are_of_a_kind(a, b) && is_float(a) == is_float(b) && is_filled(a) == is_filled(b) &&
         collates_alike(a, b) && (!labels || strcmp(a->type, b->type) == 0);
}

bool related_joins(const comparison *w, const related_step *s) {
  bool joins = s->at.client == w->at->client && s->at.level == w->at->level;
  for (size_t i = 0; i < s->inner.n; i++)
    joins = joins && engine_compares_alike(s->at.engine, s->outer.list[i], s->inner.list[i]);
  return joins;
}

static shunt_status write_step(const comparison *w, const related_step *s, const related_rows *x) {
  if (related_joins(w, s)) return write_exists(w, s, x);
  return related_equal_by_value(s) ? write_keys(w, s, x) : write_matching(w, s, x);
}

/* ---- what must hold ---- */

static shunt_status and_always(const comparison *w) {
  const char *word = " AND ";
  return condition_always(w, false, &word);
}

static shunt_status and_where(const comparison *w, const related_rows *x, const shunt_where *where, bool violated) {
  if (!where) return SHUNT_OK;
  sql_puts(w->q, violated ? " AND (" : " AND ");
  shunt_status status = condition_write(w, x->names, where);
  if (violated) sql_puts(w->q, ") IS NOT TRUE");
  return status;
}

static shunt_status rest_of_target(const comparison *w, const related_rows *x) {
  shunt_status status = and_where(w, x, x->r->as.where, false);
  if (!status) status = and_where(w, x, x->where, x->violated);
  return status ? status : and_always(w);
}

static shunt_status rest_of_through(const comparison *w, const related_rows *x) {
  related_step s = {.rest = rest_of_target};
  route_request request = session_request(w->c->s, x->r->target, SHUNT_READ);
  key_names link = key_names_of(x->r->as.through_key), key = key_names_of(x->r->target->primary_key);
  shunt_status status = make_step(w, &request, &link, &key, x, &s);
  if (!status) status = and_always(w);
  if (status) return status;
  sql_puts(w->q, " AND ");
  return write_step(w, &s, x);
}

/* ---- the condition ---- */

shunt_status related_find(const comparison *w, const related_rows *x, related_step *out) {
  const shunt_relation *as = &x->r->as;
  bool many = as->kind == SHUNT_BELONGS_TO_MANY, belongs = as->kind == SHUNT_BELONGS_TO;
  *out = (related_step){.rest = many ? rest_of_through : rest_of_target};
  route_request request = session_request(w->c->s, many ? x->r->through : x->r->target, SHUNT_READ);
  if (many) request.relation_client = as->through_client;
  key_names referring = key_names_of(as->foreign_key), referred = key_names_of(as->key);
  return make_step(w, &request, belongs ? &referring : &referred, belongs ? &referred : &referring, x, out);
}

static shunt_status write_relation(const comparison *w, const related_rows *x) {
  related_step s;
  shunt_status status = related_find(w, x, &s);
  return status ? status : write_step(w, &s, x);
}

static shunt_status write_related(const condition_names *names, const comparison *w, const shunt_where *c) {
  related_rows x = {.names = names, .r = cat_model_relation(w->at->model, c->column ? c->column : "")};
  if (!x.r) return no_relation(w, c->column ? c->column : "");
  if (c->nitems != 1)
    return error_set(w->c->err, SHUNT_E_USAGE, "where, relation '%s': it takes exactly one condition", x.r->full_name);
  if (x.r->as.limit)
    return error_set(w->c->err, SHUNT_E_USAGE, "where, relation '%s': it has a limit, and takes no condition",
                     x.r->full_name);
  if (w->depth >= RELATED_DEEPEST)
    return error_set(w->c->err, SHUNT_E_USAGE, "where: relations are nested more than %d deep", RELATED_DEEPEST);
  x.where = &c->items[0];
  x.violated = c->op == SHUNT_EVERY;
  if (c->op == SHUNT_SOME) return write_relation(w, &x);
  sql_puts(w->q, "NOT (");
  shunt_status status = write_relation(w, &x);
  sql_puts(w->q, ")");
  return status;
}

const condition_names related_columns = {"where", condition_find_column, write_related};
