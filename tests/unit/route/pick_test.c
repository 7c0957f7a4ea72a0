/* Which clients a pick draws while some of them are down. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "route/pick.h"
#include "unit/random.h"

enum { MOST = 8, ROUNDS = 3000, DRAWS = 64, KEYS = 40 };

typedef struct fleet {
  cat_client clients[MOST];
  const cat_client *list[MOST];
  char names[MOST][8];
  bool down[MOST];
  size_t n;
} fleet;

static bool is_down(void *ud, const cat_client *client) { return ((const fleet *)ud)->down[client->id]; }
static int load_of(void *ud, const cat_client *client) { return is_down(ud, client) ? INT32_MAX : (int)client->id; }

static void build(fleet *f, rng *r, size_t replicas_of) {
  f->n = 1 + rng_below(r, MOST);
  for (size_t i = 0; i < f->n; i++) {
    snprintf(f->names[i], sizeof f->names[i], "c%u", (unsigned)rng_below(r, 100000));
    f->clients[i] = (cat_client){.name = f->names[i], .id = (uint32_t)i, .replica = rng_below(r, replicas_of) > 0};
    f->list[i] = &f->clients[i];
    f->down[i] = rng_below(r, 3) == 0;
  }
}

static size_t count_up(const fleet *f) {
  size_t up = 0;
  for (size_t i = 0; i < f->n; i++) up += !f->down[i];
  return up;
}

static pick_choice choice_of(const fleet *f, rule_policy policy, uint64_t key) {
  return (pick_choice){.policy = policy, .key_hash = key, .clients = f->list, .n = f->n};
}

static const cat_client *draw(fleet *f, picker *p, rule_policy policy, uint64_t key) {
  const pick_choice from = choice_of(f, policy, key);
  const cat_client *client = pick_draw(p, &from, NULL);
  assert_non_null(client);
  return client;
}

/* The answer that the manual promises, found without the code of pick.c: a key's client is the one that would be drawn
 * if the clients that are down were not in the choice. */
static const cat_client *without_the_down(fleet *f, picker *p, uint64_t key) {
  fleet rest = {.n = 0};
  for (size_t i = 0; i < f->n; i++)
    if (!f->down[i]) rest.list[rest.n++] = f->list[i];
  return draw(&rest, p, RULE_HASH, key);
}

static bool one_primary(const fleet *f) {
  size_t primaries = 0;
  for (size_t i = 0; i < f->n; i++) primaries += !f->clients[i].replica;
  return primaries <= 1;
}

static void no_policy_draws_a_client_that_is_down(void **state) {
  (void)state;
  static const rule_policy policies[] = {RULE_ROUND_ROBIN, RULE_RANDOM, RULE_LEAST_BUSY, RULE_HASH};
  rng r = rng_start("picks with clients that are down");
  for (int round = 0; round < ROUNDS; round++) {
    fleet f = {.n = 0};
    picker p;
    build(&f, &r, 8);
    const pick_load load = {load_of, is_down, &f};
    assert_true(picker_init(&p, 1, (unsigned)rng_below(&r, 100), false, &load));
    for (size_t k = 0; k < sizeof policies / sizeof *policies; k++) {
      if (policies[k] == RULE_HASH && !one_primary(&f)) continue;
      for (int i = 0; i < DRAWS / 4; i++)
        assert_true(!f.down[draw(&f, &p, policies[k], rng_next(&r))->id] || count_up(&f) == 0);
    }
    picker_free(&p);
  }
}

static void round_robin_gives_each_that_is_up_the_same_share(void **state) {
  (void)state;
  rng r = rng_start("shares of round_robin");
  for (int round = 0; round < ROUNDS; round++) {
    fleet f = {.n = 0};
    picker p;
    size_t drawn[MOST] = {0};
    build(&f, &r, 2);
    const pick_load load = {load_of, is_down, &f};
    assert_true(picker_init(&p, 1, 0, false, &load));
    const size_t up = count_up(&f), shares = up ? up : f.n;
    for (size_t i = 0; i < shares * 5; i++) drawn[draw(&f, &p, RULE_ROUND_ROBIN, 0)->id]++;
    for (size_t i = 0; i < f.n; i++) assert_int_equal(drawn[i], f.down[i] && up ? 0 : 5);
    picker_free(&p);
  }
}

static void by_hash_only_the_keys_of_a_client_that_is_down_move(void **state) {
  (void)state;
  rng r = rng_start("keys of clients that are down");
  for (int round = 0; round < ROUNDS; round++) {
    fleet f = {.n = 0};
    picker p, calm;
    build(&f, &r, 8);
    const pick_load load = {load_of, is_down, &f}, none = {.fn = NULL};
    assert_true(picker_init(&p, 1, 0, false, &load) && picker_init(&calm, 1, 0, false, &none));
    for (int i = 0; i < KEYS; i++) {
      const uint64_t key = rng_next(&r);
      const cat_client *home = draw(&f, &calm, RULE_HASH, key), *now = draw(&f, &p, RULE_HASH, key);
      const bool moves = one_primary(&f) && count_up(&f) > 0 && f.down[home->id];
      assert_ptr_equal(now, moves ? without_the_down(&f, &calm, key) : home);
    }
    picker_free(&p);
    picker_free(&calm);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(no_policy_draws_a_client_that_is_down),
      cmocka_unit_test(round_robin_gives_each_that_is_up_the_same_share),
      cmocka_unit_test(by_hash_only_the_keys_of_a_client_that_is_down_move),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
