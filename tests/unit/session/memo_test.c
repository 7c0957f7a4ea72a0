/* The memo of a session: whatever happens to the session between two calls, shunt_resolve gives what the rules give
 * when they are asked anew. */
#define _POSIX_C_SOURCE 200809L
#include "unit/query/store.h"

#include <math.h>

#include "unit/random.h"

/* ---- the rules ---- */

/* One model for each thing that a decision may depend on. %s are clients, which differ from reload to reload. */
static const char rules[] =
    "model 'plain' { relations = {\n"
    "  inherits = has_many('fixed', 'plain_id', { client = '_inherit_' }),\n"
    "  follows = has_many('plain', 'plain_id'), named = has_many('plain', 'plain_id', { client = '%s' }),\n"
    "  through = belongs_to_many('link', 'fixed', 'plain_id', 'fixed_id', { through_client = '%s' }),\n"
    "  spreads = has_many('spread', 'plain_id') } }\n"
    "model 'fixed' { client = '%s' }\n"
    "model 'link' {}\n"
    "model 'spread' { client = function(req) return req.where.id == 1 and 'stock' or '%s' end, relations = {\n"
    "  back = belongs_to('plain', 'plain_id', { client = '_inherit_' }) } }\n"
    "model 'deep' { client = function(req) return req.level > 0 and 'stock' or '%s' end }\n"
    "model 'paid' { client = function(req) return req.attrs.plan == 'big' and 'orders' or '%s' end }\n"
    "model 'steady' { client = function(req) return req.in_transaction and 'stock' or '%s' end }\n"
    "model 'sealed' { client = function(req) local t = req.transaction return t and t.read_only and 'stock' or '%s' "
    "end }\n"
    "model 'fresh' { client = 'orders' }\n"
    "model 'shut' { client = function(req) return req.instance.name == 'acme' and 'orders' or '%s' end }\n"
    "model 'never' { client = function(req) uncacheable 'because' return '%s' end }\n"
    "rule 'written' { stage = 'refine', model = 'fresh', client = function(req) return req.wrote and '%s' or nil end "
    "}\n"
    "rule 'no writes' { stage = 'guard', model = 'shut', op = 'write', deny = 'shut' }\n";

enum { BLANKS = 11 };

static const char *const models[] = {"plain",  "fixed",  "link",  "spread", "deep", "paid",
                                     "steady", "sealed", "fresh", "shut",   "never"};
static const char *const relations[] = {"plain.inherits", "plain.follows", "plain.named",
                                        "plain.through",  "plain.spreads", "spread.back"};
static const char *const modes[] = {"main", "orders", "stock", "default", "_inherit_", "_initial_", "_auto_"};

static const char *any_client(rng *r) { return store_clients[rng_below(r, STORE_FILES)]; }

static void write_rules(store *w, rng *r) {
  char text[sizeof rules + BLANKS * 16];
  const char *c[BLANKS];
  for (int i = 0; i < BLANKS; i++) c[i] = any_client(r);
  snprintf(text, sizeof text, rules, c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7], c[8], c[9], c[10]);
  store_write(w, "rules/store.lua", text);
}

/* ---- a decision as text, without what says where it came from ---- */

typedef struct text {
  char bytes[4096];
  size_t size;
} text;

static void add(text *t, const char *name, const char *value) {
  int n = snprintf(t->bytes + t->size, sizeof t->bytes - t->size, "%s=%s\n", name, value ? value : "-");
  assert_true(n > 0 && t->size + (size_t)n < sizeof t->bytes);
  t->size += (size_t)n;
}

static void add_number(text *t, const char *name, uint64_t value) {
  char digits[24];
  snprintf(digits, sizeof digits, "%ju", (uintmax_t)value);
  add(t, name, digits);
}

#define SHOW_TEXT(member) add(&t, #member, d->member);
#define SHOW_INTEGER(member) add_number(&t, #member, (uint64_t)d->member);
#define SHOW_COUNT(member) add_number(&t, #member, d->member);
#define SHOW_OP(member) add_number(&t, #member, (uint64_t)d->member);
#define SHOW_FLAG(member)
#define SHOW_FIELDS(member)                                                                                            \
  for (size_t i = 0; i < d->n##member; i++) add(&t, #member, d->member[i]);
#define SHOW_STEPS(member)                                                                                             \
  for (size_t i = 0; i < d->n##member; i++) {                                                                          \
    add(&t, d->member[i].stage, d->member[i].rule);                                                                    \
    add(&t, shunt_verdict_text(d->member[i].verdict), d->member[i].detail);                                            \
  }
#define SHOW(kind, member)                                                                                             \
  if (strcmp(#member, "not_remembered") != 0) {                                                                        \
    SHOW_##kind(member)                                                                                                \
  }

static text show(shunt_status status, const shunt_decision *d, const shunt_error *err) {
  text t = {.size = 0};
  add(&t, "status", shunt_status_name(status));
  if (status) add(&t, "error", err->message);
  if (d) {
    SHUNT_DECISION_MAP(SHOW)
  }
  return t;
}

/* ---- random programs ---- */

enum { SESSIONS = 3, STEPS = 40000, MOST_OPEN = 3, ASKED = 24 };

typedef struct program {
  store *w;
  rng r;
  shunt_session *sessions[SESSIONS];
  shunt_tx *open[SESSIONS][MOST_OPEN];
  int nopen[SESSIONS];
  char given[4][16]; /* names, always in the same memory */
  rng asked[ASKED];  /* what the requests are made of that are asked at the moment */
  size_t repeated;   /* answers from a memo */
} program;

static const char *give(program *p, int which, const char *name) { return strcpy(p->given[which], name); }

static shunt_request request_of(program *p, rng *r, shunt_field *where) {
  shunt_request q = {.op = rng_below(r, 2) ? SHUNT_WRITE : SHUNT_READ};
  if (rng_below(r, 3))
    q.model = models[rng_below(r, COUNT(models))];
  else
    q.relation = relations[rng_below(r, COUNT(relations))];
  if (q.relation && !rng_below(r, 4)) q.parent = give(p, 0, modes[rng_below(r, 4)]);
  if (q.relation && strcmp(q.relation, "plain.through") == 0 && rng_below(r, 2)) q.model = "link";
  if (!rng_below(r, 4)) q.explicit_client = give(p, 1, modes[rng_below(r, 4)]);
  if (!rng_below(r, 4)) q.current = give(p, 2, modes[rng_below(r, 4)]);
  if (q.relation && !rng_below(r, 4)) q.relation_client = give(p, 3, modes[rng_below(r, COUNT(modes))]);
  if (!rng_below(r, 8)) q.level_up = (int)rng_below(r, 3);
  if (!rng_below(r, 8)) q.every_rule = true;
  if (!rng_below(r, 16)) q.explicit_table = "elsewhere";
  *where = (shunt_field){"id", rng_below(r, 8) ? shunt_integer((int64_t)rng_below(r, 2)) : shunt_float(NAN)};
  q.where = where;
  q.nwhere = rng_below(r, 2);
  return q;
}

/* Changes one field. */
static void vary(program *p, shunt_request *q) {
  rng *r = &p->r;
  switch (rng_below(r, 7)) {
  case 0:
    q->op = q->op == SHUNT_READ ? SHUNT_WRITE : SHUNT_READ;
    break;
  case 1:
    if (!q->relation) q->model = models[rng_below(r, COUNT(models))];
    break;
  case 2:
    q->explicit_client = rng_below(r, 4) ? give(p, 1, modes[rng_below(r, 4)]) : NULL;
    break;
  case 3:
    q->current = rng_below(r, 4) ? give(p, 2, modes[rng_below(r, 4)]) : NULL;
    break;
  case 4:
    if (q->relation) q->relation_client = give(p, 3, modes[rng_below(r, COUNT(modes))]);
    break;
  case 5:
    if (q->relation) q->parent = rng_below(r, 4) ? give(p, 0, modes[rng_below(r, 4)]) : NULL;
    break;
  case 6:
    q->level_up = (int)rng_below(r, 3);
    break;
  }
}

static text ask(program *p, int i, const shunt_request *q, bool remembers) {
  shunt_session *s = p->sessions[i];
  const shunt_decision *d = NULL;
  route_remember(s->generation.route, remembers);
  shunt_status status = shunt_resolve(s, q, &d, &p->w->err);
  if (remembers && !status && d != &s->resolved.as) p->repeated++;
  text t = show(status, d, &p->w->err);
  route_remember(s->generation.route, true);
  return t;
}

static void compare_request(program *p, int i, const shunt_request *q) {
  const text got = ask(p, i, q, true), anew = ask(p, i, q, false);
  if (strcmp(got.bytes, anew.bytes) != 0) fail_msg("with the memo:\n%s\nasked anew:\n%s", got.bytes, anew.bytes);
}

static void compare(program *p, int i) {
  shunt_field where;
  rng *asked = &p->asked[rng_below(&p->r, ASKED)];
  if (!rng_below(&p->r, 100)) asked->state = rng_next(&p->r);
  rng from = *asked;
  shunt_request q = request_of(p, &from, &where);
  compare_request(p, i, &q);
  vary(p, &q);
  compare_request(p, i, &q);
}

static void end(program *p, int i, bool commits) {
  shunt_tx *tx = p->open[i][--p->nopen[i]];
  if (!commits)
    shunt_rollback(tx, NULL);
  else if (shunt_commit(tx, &p->w->err) && p->w->err.status != SHUNT_E_TRANSACTION)
    fail_msg("%s", p->w->err.message);
}

static void open_session(program *p, int i) {
  static const shunt_field plans[] = {{"plan", {{.bytes = "big"}, 3, SHUNT_TEXT}},
                                      {"plan", {{.bytes = "small"}, 5, SHUNT_TEXT}}};
  const shunt_session_options o = {.instance = rng_below(&p->r, 2) ? "acme" : "",
                                   .attrs = &plans[rng_below(&p->r, 2)],
                                   .nattrs = rng_below(&p->r, 2),
                                   .follow = rng_below(&p->r, 3) > 0};
  store_fine(p->w, shunt_session_open(p->w->app, &o, &p->sessions[i], &p->w->err));
}

static void close_session(program *p, int i) {
  while (p->nopen[i]) end(p, i, false);
  shunt_session_close(p->sessions[i]);
}

/* Files have one writer, and the others would wait. */
static bool is_alone(const program *p, int i) {
  for (int k = 0; k < SESSIONS; k++)
    if (k != i && p->nopen[k]) return false;
  return true;
}

static void begin(program *p, int i) {
  static const char *const propagations[] = {"REQUIRED", "REQUIRES_NEW", "NOT_SUPPORTED", "NESTED", "SUPPORTS"};
  const shunt_tx_options o = {.client = rng_below(&p->r, 2) ? any_client(&p->r) : NULL,
                              .propagation = propagations[rng_below(&p->r, COUNT(propagations))],
                              .read_only = rng_below(&p->r, 2)};
  if (is_alone(p, i) && p->nopen[i] < MOST_OPEN &&
      !shunt_begin(p->sessions[i], &o, &p->open[i][p->nopen[i]], &p->w->err))
    p->nopen[i]++;
}

static void switch_to_any(program *p, int i) {
  const char *name = give(p, 0, modes[rng_below(&p->r, 4)]);
  store_fine(p->w, shunt_switch_push(p->sessions[i], rng_below(&p->r, 5) ? name : NULL, &p->w->err));
}

static void write_somewhere(program *p, int i) {
  const shunt_sql_options o = {.client = any_client(&p->r), .op = "write"};
  int64_t affected;
  if (is_alone(p, i)) (void)!shunt_sql(p->sessions[i], "DELETE FROM memo", &o, NULL, &affected, &p->w->err);
}

static void reload(program *p) {
  write_rules(p->w, &p->r);
  store_fine(p->w, shunt_reload(p->w->app, NULL, &p->w->err));
}

static void step(program *p) {
  const int i = (int)rng_below(&p->r, SESSIONS);
  switch (rng_below(&p->r, 64)) {
  case 0:
    switch_to_any(p, i);
    break;
  case 1:
    shunt_switch_pop(p->sessions[i]);
    break;
  case 2:
    if (shunt_session_level(p->sessions[i]) < 3) store_fine(p->w, shunt_level_push(p->sessions[i], &p->w->err));
    break;
  case 3:
    shunt_level_pop(p->sessions[i]);
    break;
  case 4:
    begin(p, i);
    break;
  case 5:
  case 6:
    if (p->nopen[i]) end(p, i, rng_below(&p->r, 2));
    break;
  case 7:
    write_somewhere(p, i);
    break;
  case 8:
    if (!rng_below(&p->r, 8)) reload(p);
    break;
  case 9:
    if (rng_below(&p->r, 8)) break;
    close_session(p, i);
    open_session(p, i);
    break;
  default:
    compare(p, i);
  }
}

static void gives_what_the_rules_give_whatever_happens_between_two_calls(void **state) {
  store *w = *state;
  program p = {.w = w, .r = rng_start("memo")};
  for (int i = 0; i < STORE_FILES; i++) store_exec(w, i, "CREATE TABLE memo (id INTEGER PRIMARY KEY)");
  reload(&p);
  for (int i = 0; i < SESSIONS; i++) open_session(&p, i);
  for (int n = 0; n < STEPS; n++) step(&p);
  assert_true(p.repeated > STEPS / 8);
  for (int i = 0; i < SESSIONS; i++) close_session(&p, i);
}

static uint64_t hits(const store *w) {
  route_stats stats;
  route_count(w->session->generation.route, &stats);
  return stats.hits;
}

static void counts_as_found_in_the_cache(void **state) {
  store *w = *state;
  const shunt_request alone = {.model = "user"}, related = {.relation = "user.profile"};
  const shunt_decision *d;
  for (int i = 0; i < 3; i++) {
    store_fine(w, shunt_resolve(w->session, &alone, &d, &w->err));
    store_fine(w, shunt_resolve(w->session, &related, &d, &w->err));
  }
  assert_ptr_not_equal(d, &w->session->resolved.as);
  uint64_t before = hits(w);
  store_fine(w, shunt_resolve(w->session, &alone, &d, &w->err));
  assert_int_equal(hits(w), before + 1);
  store_fine(w, shunt_resolve(w->session, &related, &d, &w->err));
  assert_int_equal(hits(w), before + 3); /* the parent's datasource is a decision of its own */
}

static void a_choice_is_drawn_each_time(void **state) {
  store *w = *state;
  const shunt_request q = {.model = "drawn"};
  const shunt_decision *d;
  char last[16] = "";
  store_write(w, "rules/store.lua", "model 'drawn' { client = function() return pick { 'main', 'orders' } end }\n");
  store_fine(w, shunt_reload(w->app, NULL, &w->err));
  shunt_session_close(w->session);
  store_open_session(w, NULL);
  for (int i = 0; i < 6; i++) {
    store_fine(w, shunt_resolve(w->session, &q, &d, &w->err));
    assert_string_not_equal(d->client, last);
    snprintf(last, sizeof last, "%s", d->client);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {store_test(gives_what_the_rules_give_whatever_happens_between_two_calls),
                                     store_test(counts_as_found_in_the_cache), store_test(a_choice_is_drawn_each_time)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
