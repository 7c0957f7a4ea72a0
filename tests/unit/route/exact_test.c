/* A decision is exact: names are whole, a config is one table for a whole evaluation, and names that rules compute have
 * no end. */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above it */
#include <cmocka.h>

#include "unit/route/bench.h"

static shunt_status ask(const bench *b, const char *instance, const shunt_field *attrs, size_t n, route_decision *d,
                        shunt_error *err) {
  const route_request q = {.model = catalog_model(b->catalog, "user"),
                           .instance = catalog_instance(b->catalog, instance),
                           .attrs = attrs,
                           .nattrs = n};
  return route_decide(b->route, &q, d, err);
}

/* ---- names ---- */

typedef struct cut_name {
  const char *answer; /* an expression in a rule's function */
  const char *says;
} cut_name;

static const cut_name names[] = {
    {"'c1\\0x'", "the client's name, 'c1', contains a NUL character"},
    {"''", "the client's name is empty"},
    {"{ client = 'c1', table = 'users\\0x' }", "the table in the answer, 'users', contains a NUL character"},
    {"{ client = 'c1', table = '' }", "the table in the answer is empty"},
    {"{ client = 'c1', table = { schema = 's\\0', name = 'users' } }", "the schema, 's', contains a NUL character"},
    {"{ client = 'c1', table = { schema = 's', name = 'users\\0x' } }", "the table's name, 'users', contains a NUL"},
    {"pick { 'c1', 'c2\\0' }", "a client of the list, 'c2', contains a NUL character"},
    {"pick { 'c1', '' }", "a client of the list is empty"},
    {"req.attrs['plan\\0x']", "the name of a field, 'plan', contains a NUL character"},
    {"req.where['id\\0x']", "the name of a field, 'id', contains a NUL character"},
    {"req.instance['name\\0']", "the name of a field, 'name', contains a NUL character"},
    {"req:mod('where.id\\0x', 2)", "the field, 'where.id', contains a NUL character"},
    {"req:one_of('attrs.plan\\0', { 'c1' }) and 'c1'", "the field, 'attrs.plan', contains a NUL character"},
    {"req:prefix('attrs.plan\\0', 'p') and 'c1'", "the field, 'attrs.plan', contains a NUL character"},
    {"deny 'no\\0t'", "the reason, 'no', contains a NUL character"},
    {"uncacheable 'no\\0t'", "the reason, 'no', contains a NUL character"},
    {"(require 'lib')", "require modules at the top of a rule file"},
    {"req.attrs[('x'):rep(300)]", "is 300 bytes long"},
};

static void no_name_is_cut(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    bench b;
    shunt_error err;
    route_decision d = {0};
    char rules[400];
    snprintf(rules, sizeof rules, "rule 'x' { stage = 'override', client = function(req) return %s end }\n",
             names[i].answer);
    open_bench(&b, rules);
    const shunt_field plan = {"plan", shunt_text("pro", 3)};
    const shunt_status status = ask(&b, "", &plan, 1, &d, &err);
    if (status != SHUNT_E_RULE || !strstr(err.message, names[i].says))
      fail_msg("%s: %s: %s", names[i].answer, shunt_status_name(status), status ? err.message : d.as.client);
    assert_string_equal(err.rule, "x");
    route_decision_clear(&d);
    close_bench(&b);
  }
}

static void a_table_function_gives_a_whole_name(void **state) {
  (void)state;
  static const char *const wrong[] = {"'users\\0x'", "''"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    bench b;
    shunt_error err;
    route_decision d = {0};
    char rules[200];
    snprintf(rules, sizeof rules, "model 'cut' { table = function(req) return %s end }\n", wrong[i]);
    open_bench(&b, rules);
    const route_request q = {.model = catalog_model(b.catalog, "cut"), .instance = catalog_instance(b.catalog, "")};
    assert_int_equal(route_decide(b.route, &q, &d, &err), SHUNT_E_RULE);
    assert_non_null(strstr(err.message, "the table's name"));
    route_decision_clear(&d);
    close_bench(&b);
  }
}

/* ---- the config of an instance ---- */

static void a_config_stays_the_same_while_garbage_is_collected(void **state) {
  (void)state;
  bench b;
  shunt_error err;
  route_decision d = {0};
  open_bench(&b,
             "rule 'x' { stage = 'override', client = function(req)\n"
             "  local quota = req.instance.config.quota\n"
             "  local kept = { [quota] = 'yes' }\n"
             "  for i = 1, 2000 do\n"
             "    local waste = ('x'):rep(1000) .. i\n"
             "    if req.instance.config.quota ~= quota or not kept[req.instance.config.quota] then return 'c2' end\n"
             "  end\n"
             "  return 'c1'\n"
             "end }\n");
  for (int i = 0; i < 20; i++) {
    const shunt_field n = {"n", shunt_integer(i)};
    assert_int_equal(ask(&b, "acme-eu", &n, 1, &d, &err), SHUNT_OK);
    assert_string_equal(d.as.client, "c1");
  }
  route_decision_clear(&d);
  close_bench(&b);
}

/* ---- computed names ---- */

static bool depends_on(const route_decision *d, const char *attribute) {
  bool found = false;
  for (size_t i = 0; i < d->as.ndepends_on && !found; i++)
    found = strncmp(d->as.depends_on[i], "attrs.", 6) == 0 && strcmp(d->as.depends_on[i] + 6, attribute) == 0;
  return found;
}

static void computed_names_have_no_end(void **state) {
  (void)state;
  enum { USERS = 12000, KEPT = 10000 };
  bench b;
  shunt_error err;
  route_decision d = {0};
  open_bench(&b, "rule 'flag' { stage = 'override', client = function(req)\n"
                 "  return req.attrs['flag_' .. req.attrs.user] and 'c1' or 'c2' end }\n");
  for (int round = 0; round < 2; round++)
    for (int user = 0; user < USERS; user++) {
      char flag[40];
      snprintf(flag, sizeof flag, "flag_%d", user);
      const shunt_field attrs[] = {{"user", shunt_integer(user)}, {flag, shunt_boolean((user + round) % 3 == 0)}};
      if (ask(&b, "", attrs, user % 5 ? 2 : 1, &d, &err)) fail_msg("user %d: %s", user, err.message);
      const bool set = user % 5 && (user + round) % 3 == 0;
      if (strcmp(d.as.client, set ? "c1" : "c2") != 0) fail_msg("user %d: %s", user, d.as.client);
      if (!depends_on(&d, flag)) fail_msg("user %d does not depend on the flag", user);
      if (user > KEPT) assert_non_null(strstr(d.as.not_remembered, "too many names"));
    }
  route_decision_clear(&d);
  close_bench(&b);
}

static void one_decision_reads_so_many_computed_names_and_no_more(void **state) {
  (void)state;
  bench b;
  shunt_error err;
  route_decision d = {0};
  open_bench(&b, "rule 'flags' { stage = 'override', client = function(req)\n"
                 "  for i = 1, req.attrs.n do local _ = req.attrs['flag_' .. req.attrs.n .. '_' .. i] end\n"
                 "  return 'c1' end }\n");
  const shunt_field few = {"n", shunt_integer(900)}, many = {"n", shunt_integer(20000)};
  assert_int_equal(ask(&b, "", &many, 1, &d, &err), SHUNT_E_LIMIT);
  assert_non_null(strstr(err.message, "by computed names"));
  for (int i = 0; i < 3; i++) {
    assert_int_equal(ask(&b, "", &few, 1, &d, &err), SHUNT_OK);
    assert_string_equal(d.as.client, "c1");
  }
  route_decision_clear(&d);
  close_bench(&b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(no_name_is_cut),
      cmocka_unit_test(a_table_function_gives_a_whole_name),
      cmocka_unit_test(a_config_stays_the_same_while_garbage_is_collected),
      cmocka_unit_test(computed_names_have_no_end),
      cmocka_unit_test(one_decision_reads_so_many_computed_names_and_no_more),
  };
  return cmocka_run_group_tests_name("route/exact", tests, NULL, NULL);
}
