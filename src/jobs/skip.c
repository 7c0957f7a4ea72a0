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
  s->count = 0;
}

static bool has(const skips *s, const char *instance, const char *name) {
  for (size_t i = 0; i < s->count; i++)
    if (strcmp(s->list[i].instance, instance) == 0 && strcmp(s->list[i].name, name) == 0) return true;
  return false;
}

void skips_add(skips *s, const char *instance, const char *name, uint64_t generation) {
  if (s->count == MOST) clear(s);
  if (has(s, instance, name)) return;
  if (!s->list) s->list = arena_array(&s->memory, skip, MOST);
  const skip made = {arena_strdup(&s->memory, instance), arena_strdup(&s->memory, name)};
  if (!s->list || !made.instance || !made.name) return;
  if (!s->count) s->since_ns = clock_monotonic_ns();
  s->generation = generation;
  s->list[s->count++] = made;
}

bool skips_expire(skips *s, uint64_t generation) {
  if (!s->count || (s->generation == generation && clock_monotonic_ns() - s->since_ns < AGAIN_NS)) return false;
  clear(s);
  return true;
}
