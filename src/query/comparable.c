#include "query/comparable.h"

#include <math.h>
#include <strings.h>

#include "query/digits.h"
#include "query/exact.h"
#include "query/form.h"
#include "query/keeps.h"
#include "query/types.h"
#include "query/value.h"

/* ---- by kind ---- */

/* A non-number can never match a numeric column. */
static const char *why_no_number(const driver_column *column, const shunt_value *v) {
  bool word = v->type == SHUNT_TEXT && column->infinite && digits_are_word(v);
  if (word) return NULL;
  bool endless = v->type == SHUNT_FLOAT && !isfinite(v->as.number) && !column->infinite;
  if (endless && column->kind != DRIVER_ANYTHING) return "holds finite numbers and can't be compared with";
  if (v->type == SHUNT_BLOB || (v->type == SHUNT_TEXT && !digits_are_number(v)))
    return "is numeric and can't be compared with";
  bool all_digits = column->exact && column->infinite && !column->rounds; /* PostgreSQL's numeric */
  return digits_underflow(v) && !all_digits ? "is numeric, and the engine would round to 0 the value" : NULL;
}

/* Servers round the integer to compare it; SQLite does not. */
static const char *why_no_float(const shunt_value *v) {
  shunt_value number = value_canonical(v, true);
  bool is = number.type != SHUNT_INTEGER || driver_float_holds(number.as.integer, false);
  return is ? NULL : "holds floating-point numbers, none of which is";
}

static const char *why_no_text(const shunt_value *v) {
  if (v->type == SHUNT_BLOB) return "holds texts and can't be compared with";
  bool odd = v->type == SHUNT_FLOAT && !value_is_plain(v->as.number);
  return odd ? "holds texts; give the number as text, not" : NULL;
}

static const char *why_no_boolean(const shunt_value *v) {
  shunt_value number = value_canonical(v, true);
  bool is = v->type == SHUNT_TEXT || v->type == SHUNT_BOOL ||
            (number.type == SHUNT_INTEGER && (number.as.integer == 0 || number.as.integer == 1));
  return is ? NULL : "holds booleans and can't be compared with";
}

static bool is_uuid(arena *a, const driver_column *column, const shunt_value *v) {
  const key_columns key = {.list = {column}, .n = 1};
  shunt_value out;
  return key_fit(a, &key, 0, NULL, v, &out) == KEY_FITS;
}

static bool is_floating(const driver_column *column) {
  return column->kind == DRIVER_ANYTHING ? column->real : column->kind == DRIVER_NUMBERS && !column->exact;
}

/* To follow "it", with the value behind it; NULL: it can be compared. */
static const char *why_not(const comparison *w, shunt_operator op, const operand *o, const shunt_value *v) {
  const driver_column *column = o->column;
  const char *why = compare_is_number(column) ? why_no_number(column, v) : NULL;
  if (!why && column->exact && !exact_fits(w->at->engine, column, v))
    why = "has as many digits as the engine's decimals can have, and can't be compared exactly with";
  if (!why && is_floating(column) && !o->sql && !comparable_by_order(op)) why = why_no_float(v);
  if (!why && compare_is_text(column)) why = why_no_text(v);
  if (why) return why;
  switch (column->kind) {
  case DRIVER_BOOLEANS:
    return why_no_boolean(v);
  case DRIVER_BLOBS:
    return v->type == SHUNT_BLOB || v->type == SHUNT_TEXT ? NULL : "holds bytes and can't be compared with";
  case DRIVER_UUIDS:
    return is_uuid(w->c->arena, column, v) ? NULL : "holds UUIDs and can't be compared with";
  case DRIVER_OTHERS:
    return column->time == DRIVER_NO_TIME || form_holds(column, v) ? NULL : form_expected(column->form);
  default:
    return NULL;
  }
}

static shunt_status refuse(const comparison *w, const char *clause, const char *column, const char *why,
                           const shunt_value *v) {
  char room[VALUE_SHOWN_BYTES];
  return error_set(w->c->err, SHUNT_E_USAGE, "%s, column '%.128s' of model '%s': it %s %s", clause, column,
                   w->at->model->name, why, value_show(v, room));
}

shunt_status comparable_check(const comparison *w, const char *clause, const shunt_where *c, const operand *o) {
  shunt_status status = SHUNT_OK;
  for (size_t i = 0; i < c->nvalues && !status; i++) {
    const shunt_value *v = &c->values[i];
    const char *why = v->type == SHUNT_NULL ? NULL : why_not(w, c->op, o, v);
    status = why ? refuse(w, clause, c->column, why, v) : keeps_document(w->c, w->at, o->column, v, SHUNT_E_USAGE);
  }
  return status;
}

/* ---- bounds ---- */

/* The floating-point number next to the integer, on one side of it. */
static shunt_value next_to(int64_t integer, bool above) {
  double nearest = (double)integer;
  shunt_value exact = shunt_integer(integer), number = shunt_float(nearest);
  bool is_above = value_compare(&number, &exact, DRIVER_BINARY) > 0;
  if (is_above != above) nearest = nextafter(nearest, above ? HUGE_VAL : -HUGE_VAL);
  return shunt_float(nearest);
}

shunt_status comparable_bounds(const comparison *w, const operand *o, shunt_where *c) {
  bool between = c->op == SHUNT_BETWEEN || c->op == SHUNT_NOT_BETWEEN;
  if (!is_floating(o->column) || o->sql) return SHUNT_OK;
  shunt_value *bounds = arena_array(w->c->arena, shunt_value, c->nvalues);
  if (!bounds) return error_memory(w->c->err);
  for (size_t i = 0; i < c->nvalues; i++) {
    shunt_value number = value_canonical(&c->values[i], true);
    bool above = between ? i == 0 : c->op == SHUNT_LT || c->op == SHUNT_GTE;
    bool held = number.type != SHUNT_INTEGER || driver_float_holds(number.as.integer, false);
    bounds[i] = held ? c->values[i] : next_to(number.as.integer, above);
  }
  c->values = bounds;
  return SHUNT_OK;
}

/* ---- patterns ---- */

static bool names_integers(const char *type) {
  for (; *type; type++)
    if (strncasecmp(type, "int", 3) == 0) return true;
  return false;
}

static bool declares_one_text(const cat_typed *declared) {
  switch (declared->type) {
  case CAT_TYPE_INTEGER:
  case CAT_TYPE_TEXT:
  case CAT_TYPE_DATE:
  case CAT_TYPE_JSON:
  case CAT_TYPE_UUID:
    return true;
  default:
    return false;
  }
}

bool comparable_by_text(const comparison *w, const driver_column *column) {
  const cat_typed *declared = types_of(w->at->model, column->name);
  if (declared && !declares_one_text(declared)) return false;
  switch (column->kind) {
  case DRIVER_ANYTHING:
    return column->form != DRIVER_FORM_REAL && (column->form != DRIVER_FORM_NUMBER || names_integers(column->type));
  case DRIVER_NUMBERS:
    return column->same_integers;
  case DRIVER_BOOLEANS:
  case DRIVER_BLOBS:
    return false;
  case DRIVER_OTHERS:
    return column->time == DRIVER_NO_TIME || column->time == DRIVER_DATE;
  default:
    return true;
  }
}
