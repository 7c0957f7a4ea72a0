/* A difference that an audit finds: the host is informed, its text is kept, and the generation caches no more
 * decisions. The test forges a cache entry, because no rule that loads causes a difference. */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "app/difference.h"
#include "route/route_inner.h"
#include "session/session.h" /* to come to the route */
#include "unit/faults.h"
#include "unit/files.h"

typedef struct heard {
  int times;
  shunt_status status;
  char remembered[16], asked[16];
} heard;

typedef struct world {
  char folder[64], config[96], rules[96];
  heard heard;
  shunt_app *app;
  shunt_session *session;
} world;

static void hear(void *ud, const shunt_difference *difference) {
  heard *h = ud;
  h->times++;
  h->status = difference->status;
  snprintf(h->remembered, sizeof h->remembered, "%s", difference->remembered->client);
  snprintf(h->asked, sizeof h->asked, "%s", difference->asked->client ? difference->asked->client : "");
  assert_true(difference->remembered->ntrace > 0);
}

static void begin(world *w) {
  memset(w, 0, sizeof *w);
  snprintf(w->folder, sizeof w->folder, "/tmp/shunt-difference-XXXXXX");
  assert_non_null(mkdtemp(w->folder));
  snprintf(w->config, sizeof w->config, "%s/shunt.yaml", w->folder);
  snprintf(w->rules, sizeof w->rules, "%s/rules.lua", w->folder);
  write_file(w->config, "database:\n  defaultClient: main\n  clients:\n"
                        "    main: {engine: sqlite3, connection: {filename: main.db}}\n"
                        "    other: {engine: sqlite3, connection: {filename: other.db}}\n"
                        "rules: {path: rules.lua, audit: 1}\n");
  write_file(w->rules, "model 'order' {}\n"
                       "rule 'secret' { stage = 'refine', client = function(req) local t = req.attrs.token end }\n");
  shunt_error err;
  const shunt_options options = {.difference = hear, .difference_ud = &w->heard};
  if (shunt_open(w->config, &options, &w->app, &err)) fail_msg("%s", err.message);
}

static void open_session(world *w, const char *token) {
  shunt_error err;
  const shunt_field attr = {"token", shunt_text(token, strlen(token))};
  shunt_session_close(w->session);
  if (shunt_session_open(w->app, &(shunt_session_options){.attrs = &attr, .nattrs = 1}, &w->session, &err))
    fail_msg("%s", err.message);
}

static void end(world *w) {
  shunt_session_close(w->session);
  shunt_close(w->app);
  remove(w->config);
  remove(w->rules);
  remove(w->folder);
}

static shunt_status resolve(const world *w, const shunt_decision **d) {
  shunt_error err;
  return shunt_resolve(w->session, &(shunt_request){.model = "order"}, d, &err);
}

static void forge(void *ud, const trie_leaf *leaf) {
  trie_leaf *forged;
  memcpy(&forged, &leaf, sizeof forged);
  memcpy(&forged->client, ud, sizeof forged->client);
  forged->as.client = forged->client->name;
}

static void forge_all(const world *w) {
  route *r = w->session->generation.route;
  const cat_client *other = catalog_client(w->session->generation.catalog, "other");
  trie_each_leaf(&r->trie, forge, &other);
}

static shunt_stats stats_of(const world *w) {
  shunt_stats stats;
  assert_int_equal(shunt_statistics(w->app, &stats, NULL, NULL, NULL), SHUNT_OK);
  return stats;
}

static char *last_of(const world *w) {
  char *text;
  assert_int_equal(shunt_last_difference(w->app, &text, NULL), SHUNT_OK);
  return text;
}

static void a_difference_is_told_kept_and_counted_and_ends_remembering(void **state) {
  (void)state;
  world w;
  const shunt_decision *d;
  begin(&w);
  open_session(&w, "swordfish");
  for (int i = 0; i < 3; i++) assert_int_equal(resolve(&w, &d), SHUNT_OK);
  assert_true(d->remembered);
  assert_null(last_of(&w));
  assert_int_equal(stats_of(&w).audits, 2);
  forge_all(&w);
  assert_int_equal(resolve(&w, &d), SHUNT_OK);
  assert_string_equal(d->client, "main");
  assert_false(d->remembered);
  assert_string_equal(d->not_remembered, "an audit found a difference");
  assert_int_equal(w.heard.times, 1);
  assert_string_equal(w.heard.remembered, "other");
  assert_string_equal(w.heard.asked, "main");
  assert_int_equal(stats_of(&w).differences, 1);
  assert_false(stats_of(&w).remembers);
  char *text = last_of(&w);
  assert_non_null(text);
  assert_non_null(strstr(text, "generation 1, read of model 'order'\n"));
  assert_non_null(strstr(text, "\nremembered: other, table order, level 0, by the rule 'default client' ("));
  assert_non_null(strstr(text, "\nnow: main, table order, level 0, by the rule 'default client' ("));
  assert_non_null(strstr(text, "\n  refine: secret (rules.lua:2): no opinion\n"));
  assert_non_null(strstr(text, "attrs.token"));
  assert_null(strstr(text, "swordfish")); /* what the request says stays with the host */
  shunt_free(text);
  assert_int_equal(resolve(&w, &d), SHUNT_OK);
  assert_int_equal(w.heard.times, 1);
  end(&w);
}

static void what_comes_after_a_reload_is_told_too(void **state) {
  (void)state;
  world w;
  const shunt_decision *d;
  begin(&w);
  for (int i = 1; i <= 3; i++) {
    open_session(&w, "a");
    assert_int_equal(resolve(&w, &d), SHUNT_OK);
    forge_all(&w);
    assert_int_equal(resolve(&w, &d), SHUNT_OK);
    assert_int_equal(w.heard.times, i);
    assert_int_equal(shunt_reload(w.app, NULL, NULL), SHUNT_OK);
    assert_true(stats_of(&w).remembers);
    char *text = last_of(&w), generation[32];
    snprintf(generation, sizeof generation, "generation %d,", i);
    assert_memory_equal(text, generation, strlen(generation));
    shunt_free(text);
  }
  end(&w);
}

static void a_rule_that_fails_now_and_one_that_denied_before_are_told(void **state) {
  (void)state;
  differences d;
  const shunt_trace refusal = {"guard", "shut", "rules/a.lua:2", SHUNT_VERDICT_REFUSED, "no"};
  const shunt_decision before = {.model = "user",
                                 .relation = "team.users",
                                 .op = SHUNT_WRITE,
                                 .denied = "no",
                                 .rule = "shut",
                                 .source = "rules/a.lua:2",
                                 .ntrace = 1,
                                 .trace = &refusal};
  const shunt_decision now = {.model = "user", .relation = "team.users", .op = SHUNT_WRITE, .generation = 7};
  const shunt_error err = {.status = SHUNT_E_RULE, .message = "attempt to index a nil value"};
  char *text;
  differences_init(&d, NULL, NULL);
  differences_note(&d, &(shunt_difference){&before, &now, SHUNT_E_RULE, &err});
  assert_int_equal(differences_last(&d, &text, NULL), SHUNT_OK);
  assert_string_equal(text, "generation 7, write of model 'user' by the relation team.users\n"
                            "remembered: denied: no, by the rule 'shut' (rules/a.lua:2)\n"
                            "  guard: shut (rules/a.lua:2): denied: no\n"
                            "  depends on nothing\n"
                            "now: SHUNT_E_RULE: attempt to index a nil value\n"
                            "  depends on nothing");
  shunt_free(text);
  differences_end(&d);
}

static void the_text_survives_every_allocation_that_fails(void **state) {
  (void)state;
  faults f;
  faults_on(&f);
  bool done = false;
  for (size_t at = 1; !done; at++) {
    world w;
    const shunt_decision *d;
    begin(&w);
    open_session(&w, "a");
    assert_int_equal(resolve(&w, &d), SHUNT_OK);
    assert_int_equal(resolve(&w, &d), SHUNT_OK);
    forge_all(&w);
    f.seen = 0;
    f.failed = false;
    f.fail_at = at;
    assert_int_equal(resolve(&w, &d), SHUNT_OK);
    char *text = NULL;
    shunt_status status = shunt_last_difference(w.app, &text, NULL);
    done = !f.failed;
    f.fail_at = 0;
    assert_true(status == SHUNT_OK || status == SHUNT_E_MEMORY);
    if (done) { /* otherwise the rules may have failed before an answer that could differ */
      assert_int_equal(w.heard.times, 1);
      assert_non_null(text);
    }
    shunt_free(text);
    end(&w);
  }
  assert_int_equal(f.live, 0);
  faults_off();
}

/* ---- rules, as hosts in C read them ---- */

typedef struct counted {
  size_t rules;
  uint64_t asked;
  char last[64];
} counted;

static void count_rule(void *ud, const shunt_rule_stats *rule) {
  counted *c = ud;
  c->rules++;
  c->asked += rule->asked;
  assert_true(rule->stage[0] && rule->source[0]);
  assert_int_equal(rule->asked, rule->selected + rule->passed + rule->denied + rule->failed);
  snprintf(c->last, sizeof c->last, "%s", rule->name);
}

static void hosts_are_told_of_each_rule(void **state) {
  (void)state;
  world w;
  const shunt_decision *d;
  counted c = {0};
  begin(&w);
  open_session(&w, "a");
  for (int i = 0; i < 10; i++) assert_int_equal(resolve(&w, &d), SHUNT_OK);
  assert_int_equal(shunt_statistics(w.app, NULL, count_rule, &c, NULL), SHUNT_OK);
  assert_in_range(c.rules, 5, 20);
  assert_int_equal(c.asked, 10 * d->ntrace);
  assert_string_equal(c.last, "secret");
  shunt_stats stats = stats_of(&w);
  assert_int_equal(stats.hits, 9);
  assert_int_equal(stats.nodes[SHUNT_NODE_FIELDS], 1);
  assert_string_equal(shunt_node_text(SHUNT_NODE_FIELDS), "fields");
  end(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_difference_is_told_kept_and_counted_and_ends_remembering),
      cmocka_unit_test(what_comes_after_a_reload_is_told_too),
      cmocka_unit_test(a_rule_that_fails_now_and_one_that_denied_before_are_told),
      cmocka_unit_test(the_text_survives_every_allocation_that_fails),
      cmocka_unit_test(hosts_are_told_of_each_rule),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
