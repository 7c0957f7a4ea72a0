#include "unit/rule/same/requests.h"

#include <math.h>
#include <string.h>

#define COUNT(list) (sizeof(list) / sizeof *(list))
#define ONE_OF(r, list) (list)[rng_below(r, COUNT(list))]

/* ---- values ---- */

static shunt_value any_text(rng *r) {
  static const char *const texts[] = {"",       "a",    "B",       "b",         "Ärger", "zoë",      "z",
                                      "zo\xEB", "1.5",  "1,5",     "7",         "0x10",  "\xFF\x80", "two words",
                                      "k=v",    "€uro", "A-b_c.d", "äöü ÄÖÜ ß", "nan",   " 12 "};
  static const char long_text[] = "A long text of more than forty bytes, which Lua doesn't share between its users, é.";
  if (rng_below(r, 12) == 0) return shunt_text(long_text, sizeof long_text - 1);
  const char *text = ONE_OF(r, texts);
  return shunt_text(text, strlen(text));
}

static shunt_value any_number(rng *r) {
  static const double floats[] = {1.5, -0.25, 7.0, 0.1, 1e100, -1e15, 9007199254740992.0, -0.0};
  switch (rng_below(r, 8)) {
  case 0:
    return shunt_integer(rng_below(r, 2) ? INT64_MAX : INT64_MIN);
  case 1:
    return shunt_float(ONE_OF(r, floats));
  case 2:
    return shunt_float(rng_below(r, 2) ? (double)INFINITY : (double)NAN);
  default:
    return shunt_integer((int64_t)rng_below(r, 300) - 20);
  }
}

static shunt_value any_value(rng *r) {
  switch (rng_below(r, 5)) {
  case 0:
  case 1:
    return any_text(r);
  case 2:
    return shunt_boolean(rng_below(r, 2));
  default:
    return any_number(r);
  }
}

/* ---- requests ---- */

static void fill_session(same_request *q, rng *r) {
  static const char *const instances[] = {"", "acme-eu", "acme-us", "iso", "late"};
  shunt_field *attrs = q->attrs;
  size_t n = 0;
  if (rng_below(r, 6)) attrs[n++] = (shunt_field){"name", any_text(r)};
  if (rng_below(r, 4)) attrs[n++] = (shunt_field){"n", any_value(r)};
  if (rng_below(r, 2)) attrs[n++] = (shunt_field){"flag", shunt_boolean(rng_below(r, 2))};
  q->session = (shunt_session_options){.instance = ONE_OF(r, instances), .attrs = attrs, .nattrs = n};
}

static void fill_request(same_request *q, rng *r) {
  static const char *const models[] = {"user", "order", "role", "link"};
  static const char *const relations[] = {"user.orders", "user.first", "user.roles", "order.user"};
  static const char *const modes[] = {"_inherit_", "_initial_", "_auto_", "c1"};
  static const char *const clients[] = {"c0", "c1", "default"};
  size_t n = 0;
  if (rng_below(r, 3)) q->where[n++] = (shunt_field){"user_id", any_number(r)};
  if (rng_below(r, 3) == 0) q->where[n++] = (shunt_field){"region", any_value(r)};
  q->request = (shunt_request){.op = rng_below(r, 3) ? SHUNT_READ : SHUNT_WRITE,
                               .where = q->where,
                               .nwhere = n,
                               .level_up = (int)rng_below(r, 2)};
  if (rng_below(r, 3) == 0) {
    q->request.relation = ONE_OF(r, relations);
    if (rng_below(r, 3) == 0) q->request.relation_client = ONE_OF(r, modes);
    if (rng_below(r, 3) == 0) q->request.parent = ONE_OF(r, clients);
  } else {
    q->request.model = ONE_OF(r, models);
  }
  if (rng_below(r, 8) == 0) q->request.explicit_client = ONE_OF(r, clients);
  if (rng_below(r, 8) == 0) q->request.current = ONE_OF(r, clients);
}

/* Every fourth request is an earlier one again, which finds its decision remembered. */
void same_make_requests(const same_set *set, same_request *out) {
  rng r = same_rng(set, SAME_VALUES);
  rng before = r;
  for (size_t i = 0; i < SAME_REQUESTS; i++) {
    rng mine = r;
    rng_next(&r);
    if (rng_below(&r, 4) == 0) mine = before;
    before = mine;
    fill_session(&out[i], &mine);
    fill_request(&out[i], &mine);
  }
}

/* ---- printing ---- */

static void print_value(FILE *out, const char *option, const shunt_field *f) {
  const shunt_value *v = &f->value;
  fprintf(out, " --%s %s=", option, f->name);
  switch ((shunt_type)v->type) {
  case SHUNT_BOOL:
    fputs(v->as.boolean ? "true" : "false", out);
    break;
  case SHUNT_INTEGER:
    fprintf(out, "%lld", (long long)v->as.integer);
    break;
  case SHUNT_FLOAT:
    fprintf(out, "%.17g", v->as.number);
    break;
  default:
    fprintf(out, "'%s'", v->as.bytes);
  }
}

static void print_option(FILE *out, const char *option, const char *value) {
  if (value) fprintf(out, " --%s %s", option, value);
}

void same_print_request(FILE *out, const same_request *q) {
  const shunt_request *request = &q->request;
  print_option(out, "model", request->model);
  print_option(out, "relation", request->relation);
  print_option(out, "relation-client", request->relation_client);
  print_option(out, "parent", request->parent);
  print_option(out, "client", request->explicit_client);
  print_option(out, "current", request->current);
  fprintf(out, " --op %s --level %d --instance '%s'", request->op == SHUNT_READ ? "read" : "write", request->level_up,
          q->session.instance);
  for (size_t i = 0; i < q->session.nattrs; i++) print_value(out, "attr", &q->attrs[i]);
  for (size_t i = 0; i < request->nwhere; i++) print_value(out, "where", &q->where[i]);
  fputs("\n", out);
}
