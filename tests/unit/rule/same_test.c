/* A decision is a function of the request alone. Random rules, which together use every function of the sandbox, decide
 * random requests in eight threads, in another process, in another locale, and with an allocator that moves everything:
 * the answers are the same to the byte, with the cache and without it.
 * SHUNT_RULE_SETS: how many rule sets. SHUNT_REQUESTS: how many of the 500 requests of each are decided.
 * SHUNT_SAME=SET or SET:REQUEST: that one alone. */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <string.h>

#include "rule/host_inner.h"
#include "unit/rule/same/elsewhere.h"
#include "unit/rule/same/pieces.h"
#include "unit/rule/same/rules.h"

enum { THREADS = 8, DEFAULT_SETS = 4, DEFAULT_REQUESTS = 40, RUNS = THREADS + SAME_NPLACES };

/* ---- one rule set ---- */

typedef struct crowd crowd;

typedef struct member {
  crowd *crowd;
  size_t order;
  pthread_t thread;
} member;

struct crowd {
  same_set set;
  int places;
  shunt_app *app;
  same_request requests[SAME_REQUESTS];
  pthread_barrier_t start;
  member members[THREADS];
  same_answers runs[RUNS]; /* of the threads, then of the places */
};

static const char *run_name(size_t run, char *room, size_t size) {
  if (run >= THREADS) return same_place_names[run - THREADS];
  snprintf(room, size, "thread %zu", run);
  return room;
}

static void *decide_all(void *ud) {
  member *m = ud;
  pthread_barrier_wait(&m->crowd->start);
  same_decide(m->crowd->app, &m->crowd->set, m->crowd->requests, m->order, &m->crowd->runs[m->order]);
  return NULL;
}

static void decide_in_threads(crowd *c) {
  c->app = same_open(&c->set);
  assert_int_equal(pthread_barrier_init(&c->start, NULL, THREADS), 0);
  for (size_t i = 0; i < THREADS; i++) {
    c->members[i] = (member){.crowd = c, .order = i};
    assert_int_equal(pthread_create(&c->members[i].thread, NULL, decide_all, &c->members[i]), 0);
  }
  for (size_t i = 0; i < THREADS; i++) pthread_join(c->members[i].thread, NULL);
  pthread_barrier_destroy(&c->start);
  shunt_close(c->app);
}

static void report(const crowd *c, size_t run, size_t at, const char *what, const char *left, const char *right) {
  char names[2][32];
  fprintf(stderr, "the answers (%s) of %s and %s differ\n  the request:", what, run_name(0, names[0], 32),
          run_name(run, names[1], 32));
  same_print_request(stderr, &c->requests[at]);
  fprintf(stderr, "  %s\n  %s\n", left, right);
  fprintf(stderr, "  the rules: %s\n", c->set.folder);
  fprintf(stderr,
          "  again: SHUNT_SEED=%" PRIu64 " SHUNT_SAME=%zu:%zu, or with what went before, SHUNT_SAME=%zu "
          "SHUNT_REQUESTS=%zu\n",
          c->set.seed, c->set.number, at, c->set.number, c->set.end);
}

/* Reports the first difference. */
static bool are_same(const crowd *c) {
  const char *left, *right;
  for (size_t at = c->set.first; at < c->set.end; at++)
    for (size_t run = 0; run < THREADS + (size_t)c->places; run++) {
      const char *what = same_difference(&c->runs[0].of[at], &c->runs[run].of[at], &left, &right);
      if (what) {
        report(c, run, at, what, left, right);
        return false;
      }
    }
  return true;
}

static bool decide_everywhere(crowd *c) {
  pid_t children[SAME_NPLACES];
  bool right = true;
  same_make_requests(&c->set, c->requests);
  for (int i = 0; i < c->places; i++) children[i] = same_start(&c->set, (same_place)i);
  decide_in_threads(c);
  for (int i = 0; i < c->places; i++)
    right = same_wait(children[i], &c->set, (same_place)i, &c->runs[THREADS + i]) && right;
  right = right && are_same(c);
  for (int i = 0; i < THREADS + c->places; i++) same_free_answers(&c->runs[i]);
  return right;
}

/* ---- all of them ---- */

static size_t from_environment(const char *name, size_t usual) {
  const char *given = getenv(name);
  return given ? strtoull(given, NULL, 10) : usual;
}

/* The sets to try, and the requests of each. */
static void choose(same_set *first, size_t *nsets) {
  const char *one = getenv("SHUNT_SAME");
  *nsets = from_environment("SHUNT_RULE_SETS", DEFAULT_SETS);
  first->end = from_environment("SHUNT_REQUESTS", DEFAULT_REQUESTS);
  assert_in_range(first->end, 1, SAME_REQUESTS);
  if (!one) return;
  *nsets = 1;
  first->number = strtoull(one, NULL, 10);
  const char *colon = strchr(one, ':');
  if (!colon) return;
  first->first = strtoull(colon + 1, NULL, 10);
  first->end = first->first + 1;
  assert_in_range(first->end, 1, SAME_REQUESTS);
}

static void make_folder(same_set *set) {
  snprintf(set->folder, sizeof set->folder, "/tmp/shunt-same-%zu-XXXXXX", set->number);
  assert_non_null(mkdtemp(set->folder));
}

static void decisions_are_the_same_everywhere(void **state) {
  (void)state;
  static crowd c;
  same_pieces pieces;
  size_t nsets;
  c.set.seed = rng_start("rule sets").state;
  fflush(stdout); /* a crash keeps the seed */
  choose(&c.set, &nsets);
  same_read_pieces(&pieces);
  c.places = same_begin_elsewhere();
  bool right = true;
  for (size_t i = 0; i < nsets && right; i++, c.set.number++) {
    make_folder(&c.set);
    same_write_rules(&c.set, &pieces);
    right = decide_everywhere(&c);
    if (right) same_remove(c.set.folder);
  }
  same_end_elsewhere();
  same_free_pieces(&pieces);
  if (!right) fail_msg("a decision is not a function of its request");
}

/* ---- what the pieces use ---- */

enum { MOST_SOURCE = 256 << 10 };

/* The generated rule file and the modules of a set, one after the other. */
static void read_sources(const same_set *set, char *text) {
  char command[512];
  snprintf(command, sizeof command, "find %s/rules -type f -exec cat {} +", set->folder);
  FILE *pipe = popen(command, "r");
  assert_non_null(pipe);
  text[fread(text, 1, MOST_SOURCE - 1, pipe)] = 0;
  assert_int_equal(pclose(pipe), 0);
}

/* name is "find" or "string.find". A function of texts may be called as a method. */
static bool is_used(const char *text, const char *name) {
  char method[64];
  size_t size = strlen(name);
  for (const char *at = text; (at = strstr(at, name)); at += size)
    if (!strchr("_.:\"", at[-1]) && (at[size] < 'a' || at[size] > 'z') && at[size] != '_') return true;
  if (strncmp(name, "string.", 7) != 0) return false;
  snprintf(method, sizeof method, ":%s", name + 7);
  return strstr(text, method);
}

/* Checks the names in the table on top, and in the libraries among them. */
static void check_names(lua_State *L, const char *text, const char *library) {
  char name[64];
  sandbox_contents(L, -1);
  for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
    snprintf(name, sizeof name, "%s%s", library, lua_tostring(L, -2));
    if (lua_istable(L, -1)) {
      strcat(name, ".");
      check_names(L, text, name);
    } else if (!is_used(text, name)) {
      fail_msg("%s is not used by any piece: use it in " SAME_LIB, name);
    }
  }
  lua_pop(L, 1);
}

static void the_pieces_use_every_function(void **state) {
  (void)state;
  static char text[MOST_SOURCE];
  char method[64];
  same_set set = {.seed = 1};
  same_pieces pieces;
  rule_host *host;
  shunt_error err;
  make_folder(&set);
  same_read_pieces(&pieces);
  same_write_rules(&set, &pieces);
  read_sources(&set, text);
  assert_int_equal(rule_host_new(&(sandbox_limits){1000000, 64 << 20, 5000000000}, &host, &err), SHUNT_OK);
  lua_pushglobaltable(host->sb->L);
  check_names(host->sb->L, text, "");
  for (const luaL_Reg *predicate = host_predicates; predicate->name; predicate++) {
    snprintf(method, sizeof method, "req:%s(", predicate->name);
    if (!strstr(text, method)) fail_msg("%s is not used by any piece", method);
  }
  rule_host_free(host);
  same_free_pieces(&pieces);
  same_remove(set.folder);
}

int main(int argc, char **argv) {
  if (same_is_elsewhere(argc, argv)) return same_decide_elsewhere(argv);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_pieces_use_every_function),
      cmocka_unit_test(decisions_are_the_same_everywhere),
  };
  return cmocka_run_group_tests_name("rule/same", tests, NULL, NULL);
}
