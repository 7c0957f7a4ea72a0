#include "jobs/skip.h"

#include <string.h>

#include "base/clock.h"

/* Each of them is two parameters of the claim. */
enum { MOST = 1000 };

/* Without a reload, a retry costs one claim for each instance and name. */
static const int64_t AGAIN_NS = 60 * NS_PER_S;

static void clear(skips *s) {
  arena_reset(&s->memory);
  s->list = NULL;
  s->ids = NULL;
  s->count = s->nids = 0;
}

static bool is_empty(const skips *s) { return !s->count && !s->nids; }

static bool has(const skips *s, const skip *job) {
  for (size_t i = 0; i < s->count; i++)
    if (strcmp(s->list[i].instance, job->instance) == 0 && strcmp(s->list[i].name, job->name) == 0) return true;
  return false;
}

static bool add_all(skips *s, const skip *job) {
  if (has(s, job)) return false;
  if (!s->list) s->list = arena_array(&s->memory, skip, MOST);
  const skip made = {.instance = arena_strdup(&s->memory, job->instance), .name = arena_strdup(&s->memory, job->name)};
  if (!s->list || !made.instance || !made.name) return false;
  s->list[s->count++] = made;
  return true;
}

/* If there are very many, the others of their instance and name are probably like them. */
static bool add_one(skips *s, const skip *job) {
  if (s->nids == MOST) return add_all(s, job);
  if (!s->ids) s->ids = arena_array(&s->memory, int64_t, MOST);
  if (!s->ids) return false;
  s->ids[s->nids++] = job->id;
  return true;
}

void skips_add(skips *s, const skip *job, uint64_t generation) {
  if (s->count == MOST) clear(s);
  const bool first = is_empty(s);
  if (!(job->id ? add_one(s, job) : add_all(s, job))) return;
  if (first) s->since_ns = clock_monotonic_ns();
  s->generation = generation;
}

bool skips_expire(skips *s, uint64_t generation) {
  if (is_empty(s) || (s->generation == generation && clock_monotonic_ns() - s->since_ns < AGAIN_NS)) return false;
  clear(s);
  return true;
}
