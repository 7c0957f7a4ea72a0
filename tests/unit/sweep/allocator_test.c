/* Every allocation of the library failing in turn, in every operation. */
#define _DEFAULT_SOURCE
#include "unit/sweep/sweep.h"

#include "unit/faults.h"

static faults f;

static void arm(size_t at, bool stays) {
  f.failed = false;
  f.all_after = stays;
  f.seen = 0;
  f.fail_at = at;
}

static size_t disarm(void) {
  const size_t seen = f.seen;
  f.fail_at = 0;
  return seen;
}

static bool fired(void) { return f.failed; }

/* A failing hook's error is the commit's, which was made. */
static bool is_expected(const shunt_error *err) {
  const bool of_a_hook = err->status == SHUNT_E_TRANSACTION && strstr(err->message, "memory");
  return (err->status == SHUNT_E_MEMORY && strstr(err->message, "memory")) || of_a_hook;
}

static const sweep_kind kind = {"failing allocations", arm, disarm, fired, is_expected, false, false, 20};

static void without_memory_an_operation_says_so_and_is_not_half_done(void **state) {
  const world_kind engine = *(const world_kind *)*state;
  if (!world_is_there(engine)) skip();
  rng r = rng_start(kind.name);
  faults_on(&f);
  sweep_engine(engine, &kind, &r);
  assert_int_equal(f.live, 0);
  faults_off();
}

int main(void) {
  return sweep_on_each("without memory, an operation says so and is not half done",
                       without_memory_an_operation_says_so_and_is_not_half_done);
}
