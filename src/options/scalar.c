#include <limits.h>
#include <string.h>

#include "base/suggest.h"
#include "catalog/catalog.h"
#include "catalog/table_name.h"
#include "options/options.h"

shunt_status options_known(const node_entry *e, const char *of, const char *const *known, shunt_error *err) {
  for (const char *const *k = known; *k; k++)
    if (strcmp(*k, e->key) == 0) return SHUNT_OK;
  suggest s = suggest_for(e->key);
  for (const char *const *k = known; *k; k++) suggest_try(&s, *k);
  return error_usage_at(err, e->at, "%s: unknown option '%s'%s", of, e->key, suggest_text(&s));
}

shunt_status options_all_known(const node *options, const char *of, const char *const *known, shunt_error *err) {
  if (options->kind != NODE_MAP)
    return error_usage_at(err, options->at, "%s: options must be a table of names, not a list", of);
  shunt_status st = SHUNT_OK;
  for (size_t i = 0; i < options->count && !st; i++) st = options_known(&options->entries[i], of, known, err);
  return st;
}

shunt_status options_text(const node *n, const char *what, const char **out, shunt_error *err) {
  if (!n) return SHUNT_OK;
  if (!node_is_text(n)) return error_usage_at(err, n->at, "%s must be text, not %s", what, node_kind_name(n));
  if (strlen(n->value.as.bytes) != n->value.size) return error_usage_at(err, n->at, "%s holds a NUL byte", what);
  *out = n->value.as.bytes;
  return SHUNT_OK;
}

shunt_status options_table(arena *a, const node *n, const char **out, shunt_error *err) {
  return n ? table_name_from(a, n, out, err) : SHUNT_OK;
}

shunt_status options_bool(const node *n, const char *what, bool *out, shunt_error *err) {
  if (!n) return SHUNT_OK;
  if (n->kind != NODE_VALUE || n->value.type != SHUNT_BOOL)
    return error_usage_at(err, n->at, "%s must be true or false, not %s", what, node_kind_name(n));
  *out = n->value.as.boolean;
  return SHUNT_OK;
}

/* A whole number, written 5 or 5.0. */
static bool is_integer(const node *n, int64_t *out) {
  if (n->kind != NODE_VALUE) return false;
  if (n->value.type == SHUNT_INTEGER) {
    *out = n->value.as.integer;
    return true;
  }
  double d = n->value.type == SHUNT_FLOAT ? n->value.as.number : 0.5;
  if (!(d >= -9007199254740992.0 && d <= 9007199254740992.0) || (double)(int64_t)d != d) return false;
  *out = (int64_t)d;
  return true;
}

shunt_status options_integer(const node *n, const char *what, int64_t *out, shunt_error *err) {
  if (!n || is_integer(n, out)) return SHUNT_OK;
  return error_usage_at(err, n->at, "%s must be a whole number, not %s", what, node_kind_name(n));
}

shunt_status options_int(const node *n, const char *what, int least, int *out, shunt_error *err) {
  int64_t number = least;
  shunt_status st = options_integer(n, what, &number, err);
  if (st || !n) return st;
  if (number < least || number > INT_MAX)
    return error_usage_at(err, n->at, "%s must be a whole number from %d to %d", what, least, INT_MAX);
  *out = (int)number;
  return SHUNT_OK;
}

shunt_status options_count(const node *n, const char *what, int64_t *out, shunt_error *err) {
  if (!n) return SHUNT_OK;
  if (!is_integer(n, out) || *out < 0)
    return error_usage_at(err, n->at, "%s must be a whole number from 0 on, not %s", what,
                          n->kind == NODE_VALUE && n->value.type == SHUNT_INTEGER ? "a negative one"
                                                                                  : node_kind_name(n));
  return SHUNT_OK;
}

shunt_status options_duration(const node *n, const char *what, int64_t *out_ms, shunt_error *err) {
  static const char like[] = "such as 500ms, 5s, 2m or 1h";
  const char *text = NULL;
  if (!n) return SHUNT_OK;
  if (n->kind == NODE_VALUE && (n->value.type == SHUNT_INTEGER || n->value.type == SHUNT_FLOAT))
    return error_usage_at(err, n->at, "%s needs a duration with a unit, %s; a number has none", what, like);
  if (!node_is_text(n))
    return error_usage_at(err, n->at, "%s must be a duration, %s, not %s", what, like, node_kind_name(n));
  shunt_status st = options_text(n, what, &text, err);
  if (!st && !cat_parse_duration_ms(text, out_ms))
    st = error_usage_at(err, n->at, "%s: '%.100s' is not a duration %s", what, text, like);
  return st;
}

shunt_status options_session_timeout(const node *options, int64_t *out_ms, shunt_error *err) {
  return options_duration(node_get(options, "timeout"), "timeout", out_ms, err);
}

shunt_status options_call_time(const node *options, const char *what, int64_t *out_ms, shunt_error *err) {
  const node *n = node_get(options, what);
  shunt_status st = options_duration(n, what, out_ms, err);
  if (st || !n || *out_ms > 0) return st;
  return error_usage_at(err, n->at, "%s: '%s' leaves a call no time; only a session's timeout may be 0s: no limit",
                        what, n->value.as.bytes);
}

shunt_status options_call_timeout(const node *options, int64_t *out_ms, shunt_error *err) {
  return options_call_time(options, "timeout", out_ms, err);
}
