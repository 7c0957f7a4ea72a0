#include "query/condition.h"

#include <string.h>

#include "query/comparable.h"
#include "query/list.h"
#include "query/pattern.h"
#include "query/types.h"
#include "query/value.h"

enum { DEEPEST_WHERE = 25 }; /* SQLite's parser has a stack of 100, and each level takes up to 3 of it */

typedef struct writer {
  const comparison *w;
  const condition_names *names;
} writer;

static const char *const words[] = {[SHUNT_EQ] = " = ",   [SHUNT_NE] = " <> ", [SHUNT_GT] = " > ",
                                    [SHUNT_GTE] = " >= ", [SHUNT_LT] = " < ",  [SHUNT_LTE] = " <= "};

static shunt_status bad(const writer *x, const shunt_where *c, const char *what) {
  return error_set(x->w->c->err, SHUNT_E_USAGE, "%s, column '%.128s' of model '%s': %s", x->names->clause, c->column,
                   x->w->at->model->name, what);
}

shunt_status condition_find_column(const condition_names *names, const comparison *w, const char *name, operand *out) {
  (void)names;
  *out = (operand){.column = NULL};
  return site_column(w->c, w->at, name, &out->column);
}

/* ---- one column ---- */

static bool looks_into_texts(shunt_operator op) {
  return op == SHUNT_LIKE || op == SHUNT_ILIKE || op == SHUNT_CONTAINS || op == SHUNT_STARTS_WITH ||
         op == SHUNT_ENDS_WITH;
}

static void is_null(const writer *x, const operand *o, bool is) {
  compare_name(x->w, o);
  sql_puts(x->w->q, is ? " IS NULL" : " IS NOT NULL");
}

static shunt_status write_single(const writer *x, const shunt_where *c, const operand *o) {
  if (c->nvalues != 1) return bad(x, c, "the operator takes one value");
  const shunt_value *v = &c->values[0];
  if (v->type == SHUNT_NULL && (c->op == SHUNT_EQ || c->op == SHUNT_NE)) {
    is_null(x, o, c->op == SHUNT_EQ);
    return SHUNT_OK;
  }
  if (v->type == SHUNT_NULL) return bad(x, c, "null can't be compared by order; use eq or ne");
  compare_name(x->w, o);
  sql_puts(x->w->q, words[c->op]);
  compare_value(x->w, o, v);
  return SHUNT_OK;
}

static shunt_status write_between(const writer *x, const shunt_where *c, const operand *o) {
  if (c->nvalues != 2 || c->values[0].type == SHUNT_NULL || c->values[1].type == SHUNT_NULL)
    return bad(x, c, "between takes two values, the least and the greatest, neither of them null");
  compare_name(x->w, o);
  sql_puts(x->w->q, c->op == SHUNT_BETWEEN ? " BETWEEN " : " NOT BETWEEN ");
  compare_value(x->w, o, &c->values[0]);
  sql_puts(x->w->q, " AND ");
  compare_value(x->w, o, &c->values[1]);
  return SHUNT_OK;
}

static shunt_status write_pattern(const writer *x, const shunt_where *c, const operand *o) {
  const char *why = NULL;
  if (c->nvalues && c->values[0].type == SHUNT_NULL) return bad(x, c, "null has no text; use eq or ne");
  return pattern_write(x->w, o, c, &why) ? SHUNT_OK : bad(x, c, why);
}

/* A null in the list finds the rows that have a null. */
static shunt_status write_list(const writer *x, const shunt_where *c, const operand *o) {
  bool in = c->op == SHUNT_IN;
  sql_text *q = x->w->q;
  shunt_value *values = arena_alloc(x->w->c->arena, c->nvalues * sizeof *values);
  size_t n = 0;
  if (!values) return error_memory(x->w->c->err);
  for (size_t i = 0; i < c->nvalues; i++)
    if (c->values[i].type != SHUNT_NULL) values[n++] = c->values[i];
  bool nulls = n < c->nvalues;
  if (!c->nvalues) sql_puts(q, in ? "1 = 0" : "1 = 1");
  if (n && nulls) sql_puts(q, "(");
  if (n) list_write(x->w, o, in, &(list_values){values, n});
  if (n && nulls) sql_puts(q, in ? " OR " : " AND ");
  if (nulls) is_null(x, o, in);
  if (n && nulls) sql_puts(q, ")");
  return SHUNT_OK;
}

/* ---- a column and another one ---- */

static shunt_status write_other(const writer *x, const shunt_where *c, const operand *o) {
  operand other;
  if (c->op > SHUNT_LTE) return bad(x, c, "only eq, ne, gt, gte, lt and lte compare with another column");
  if (c->nvalues) return bad(x, c, "it is compared with a column or with a value, not with both");
  shunt_status status = x->names->find(x->names, x->w, c->other, &other);
  if (status) return status;
  if (!x->w->at->engine->typed && !compare_are_of_a_kind(o->column, other.column))
    return error_set(x->w->c->err, SHUNT_E_USAGE,
                     "%s, column '%.128s' of model '%s': its type %s can't be compared with the type %s of '%.128s'",
                     x->names->clause, c->column, x->w->at->model->name, o->column->type, other.column->type, c->other);
  compare_name(x->w, o);
  sql_puts(x->w->q, words[c->op]);
  compare_name(x->w, &other);
  return SHUNT_OK;
}

static shunt_status write_column(const writer *x, const shunt_where *asked) {
  operand o;
  shunt_where typed = *asked, *c = &typed;
  bool texts = looks_into_texts(c->op);
  shunt_status status = x->names->find(x->names, x->w, c->column, &o);
  if (!status && !o.wide && !texts) status = types_values(x->w->c, x->w->at, o.column, &c->values, c->nvalues);
  if (!status && !texts) status = comparable_check(x->w, x->names->clause, c, &o);
  if (!status && comparable_by_order(c->op)) status = comparable_bounds(x->w, &o, c);
  if (status) return status;
  if (c->other) return write_other(x, c, &o);
  if (texts) return write_pattern(x, c, &o);
  switch (c->op) {
  case SHUNT_BETWEEN:
  case SHUNT_NOT_BETWEEN:
    return write_between(x, c, &o);
  case SHUNT_IN:
  case SHUNT_NOT_IN:
    return write_list(x, c, &o);
  default:
    return write_single(x, c, &o);
  }
}

/* ---- combinations ---- */

static shunt_status write_where(const writer *x, const shunt_where *c, int depth);

static shunt_status write_items(const writer *x, const shunt_where *c, int depth) {
  sql_text *q = x->w->q;
  shunt_status status = SHUNT_OK;
  if (c->nitems == 0) {
    sql_puts(q, c->op == SHUNT_AND ? "1 = 1" : "1 = 0");
    return SHUNT_OK;
  }
  if (c->nitems > 1) sql_puts(q, "(");
  for (size_t i = 0; i < c->nitems && !status; i++) {
    if (i) sql_puts(q, c->op == SHUNT_AND ? " AND " : " OR ");
    status = write_where(x, &c->items[i], depth + 1);
  }
  if (c->nitems > 1) sql_puts(q, ")");
  return status;
}

static shunt_status write_not(const writer *x, const shunt_where *c, int depth) {
  if (c->nitems != 1)
    return error_set(x->w->c->err, SHUNT_E_USAGE, "%s: NOT takes exactly one condition", x->names->clause);
  sql_puts(x->w->q, "NOT (");
  shunt_status status = write_where(x, &c->items[0], depth + 1);
  sql_puts(x->w->q, ")");
  return status;
}

static shunt_status write_where(const writer *x, const shunt_where *c, int depth) {
  if (depth > DEEPEST_WHERE)
    return error_set(x->w->c->err, SHUNT_E_USAGE, "%s: conditions are nested more than %d deep", x->names->clause,
                     DEEPEST_WHERE);
  switch (c->op) {
  case SHUNT_AND:
  case SHUNT_OR:
    return write_items(x, c, depth);
  case SHUNT_NOT:
    return write_not(x, c, depth);
  case SHUNT_EQ:
  case SHUNT_NE:
  case SHUNT_GT:
  case SHUNT_GTE:
  case SHUNT_LT:
  case SHUNT_LTE:
  case SHUNT_LIKE:
  case SHUNT_ILIKE:
  case SHUNT_CONTAINS:
  case SHUNT_STARTS_WITH:
  case SHUNT_ENDS_WITH:
  case SHUNT_BETWEEN:
  case SHUNT_NOT_BETWEEN:
  case SHUNT_IN:
  case SHUNT_NOT_IN:
    return write_column(x, c);
  case SHUNT_SOME:
  case SHUNT_NONE:
  case SHUNT_EVERY:
    if (x->names->related) return x->names->related(x->names, x->w, c);
    return error_set(x->w->c->err, SHUNT_E_USAGE, "%s: no condition over a relation is possible here",
                     x->names->clause);
  }
  return error_set(x->w->c->err, SHUNT_E_USAGE, "%s: unknown operator %d", x->names->clause, (int)c->op);
}

shunt_status condition_write(const comparison *w, const condition_names *names, const shunt_where *where) {
  writer x = {w, names};
  return write_where(&x, where, 0);
}

/* ---- for every statement ---- */

void condition_join(const comparison *w, const char **word) {
  sql_puts(w->q, *word);
  *word = " AND ";
}

static shunt_status write_instance(const comparison *w, const char **word) {
  operand o = {.column = NULL};
  shunt_value instance;
  shunt_status status = site_instance(w->c, w->at, &o.column, &instance);
  if (status) return status;
  condition_join(w, word);
  compare_name(w, &o);
  sql_puts(w->q, " = ");
  sql_param(w->q, &instance);
  return SHUNT_OK;
}

static shunt_status write_undeleted(const comparison *w, const char **word) {
  operand o = {.column = NULL};
  shunt_status status = site_column(w->c, w->at, w->at->model->soft_delete, &o.column);
  if (status) return status;
  condition_join(w, word);
  compare_name(w, &o);
  sql_puts(w->q, " IS NULL");
  return SHUNT_OK;
}

bool condition_is_always(const shunt_where *where, bool truth) {
  const bool needs_all = truth == (where->op == SHUNT_AND); /* otherwise one item is enough */
  switch (where->op) {
  case SHUNT_AND:
  case SHUNT_OR:
    for (size_t i = 0; i < where->nitems; i++)
      if (condition_is_always(&where->items[i], truth) != needs_all) return !needs_all;
    return needs_all;
  case SHUNT_NOT:
    return where->nitems == 1 && condition_is_always(where->items, !truth);
  case SHUNT_IN:
    return !truth && where->nvalues == 0;
  case SHUNT_NOT_IN:
    return truth && where->nvalues == 0;
  default:
    return false;
  }
}

shunt_status condition_always(const comparison *w, bool deleted, const char **word) {
  const cat_model *model = w->at->model;
  shunt_status status = model->instance_column ? write_instance(w, word) : SHUNT_OK;
  return status || deleted || !model->soft_delete ? status : write_undeleted(w, word);
}
