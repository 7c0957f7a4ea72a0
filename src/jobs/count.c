#include "jobs/count.h"

#include <string.h>

#include "jobs/store.h"
#include "jobs/tally.h"

/* Far more than there are queues; without a limit the answer could be as large as the table. */
enum { MOST_ROWS = 10000 };

/* The row's state; JOB_NSTATES: another version's. */
static int state_of(const char *name) {
#define NAME(name) name,
  static const char *const names[] = {JOB_STATE_MAP(NAME)};
#undef NAME
  int i = 0;
  while (i < JOB_NSTATES && strcmp(names[i], name) != 0) i++;
  return i;
}

typedef struct queue_counts {
  const char *queue;
  int64_t states[JOB_NSTATES];
} queue_counts;

/* The rows of a queue follow one another. */
static void tell(const shunt_rows *rows, void (*fn)(void *ud, const char *queue, const int64_t *states), void *ud) {
  queue_counts now = {.queue = NULL};
  size_t queues = 0;
  for (size_t i = 0; i < rows->count && rows->ncolumns == 3; i++) {
    const shunt_value *v = rows_row(rows, i);
    const char *queue = store_text_of(&v[0]), *state = store_text_of(&v[1]);
    const int at = state ? state_of(state) : JOB_NSTATES;
    if (!queue || at == JOB_NSTATES || v[2].type != SHUNT_INTEGER) continue;
    const bool same = now.queue && strcmp(queue, now.queue) == 0;
    if (!same && queues < JOB_TALLY_QUEUES + 1) {
      if (now.queue) fn(ud, now.queue, now.states);
      now = (queue_counts){.queue = ++queues > JOB_TALLY_QUEUES ? JOB_TALLY_OTHERS : queue};
    }
    now.states[at] += v[2].as.integer;
  }
  if (now.queue) fn(ud, now.queue, now.states);
}

shunt_status jobs_count(shunt_session *s, void (*fn)(void *ud, const char *queue, const int64_t *states), void *ud,
                        shunt_error *err) {
  job_store store;
  shunt_status status = store_enter(&store, s, 0, err);
  shunt_rows *rows = status ? NULL : rows_new();
  if (status) return status;
  if (!rows) return error_memory(err);
  store.level = session_level_of(store.client, store_own_level(s->generation.catalog));
  status = store_run_bare(&store,
                          STORE_SQL("SELECT queue, state, count(*) FROM shunt_jobs WHERE env = ? GROUP BY queue, state "
                                    "ORDER BY queue, state LIMIT ?",
                                    store_text(store.env), shunt_integer(MOST_ROWS)),
                          rows, NULL);
  if (!status) tell(rows, fn, ud);
  shunt_rows_free(rows);
  return status;
}
