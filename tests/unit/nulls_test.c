/* Every function of shunt.h, with NULL for each of its pointers in turn and for all at once: no call crashes, and one
 * that can't do without the pointer is SHUNT_E_USAGE. nulls.lua makes the calls from the header. Each is made in a
 * program of its own, which is this one with --case. */
#define _POSIX_C_SOURCE 200809L
#include "unit/query/store.h"

#include <sys/wait.h>
#include <unistd.h>

typedef struct desk {
  shunt_app *app;
  shunt_session *session;
  shunt_tx *tx;
  shunt_stream *stream;
  shunt_rows *rows;
  shunt_worker *worker;
  shunt_job *job;
  const shunt_event *event;
  const char *path;
  void *out;
  char room[sizeof(shunt_stats)], text[64];
  shunt_status status;
  shunt_error err;
} desk;

static void ignore(void) {}
static shunt_status succeed(void *ud, shunt_error *err) {
  (void)ud;
  (void)err;
  return SHUNT_OK;
}

#include "nulls_calls.h"

/* ---- the calls ---- */

static void must(const desk *d, shunt_status status) {
  if (!status) return;
  fprintf(stderr, "%s\n", d->err.message);
  _exit(3);
}

/* What a call closes is not used again. */
static void lay_out(desk *d, bool works) {
  int64_t id;
  must(d, shunt_session_open(d->app, &(shunt_session_options){.timeout_ms = 200}, &d->session, &d->err));
  if (works) must(d, shunt_push(d->session, "mail", "{}", NULL, &id, &d->err));
  must(d, shunt_select(d->session, "user", NULL, &d->rows, &d->err));
  must(d, shunt_each(d->session, "order", NULL, &d->stream, &d->err));
  must(d, shunt_begin(d->session, NULL, &d->tx, &d->err));
  if (!works) return;
  must(d, shunt_worker_open(d->app, NULL, &d->worker, &d->err));
  must(d, shunt_worker_next(d->worker, 1000, &d->job, &d->err));
}

static void make_call(desk *d, size_t at) {
  lay_out(d, cases[at].works);
  cases[at].call(d);
  if (cases[at].refused && d->status != SHUNT_E_USAGE)
    printf("%s is not refused: %s\n", cases[at].name, shunt_status_name(d->status));
}

/* Makes the calls from this one on, and says before each which it is. */
static int make_calls(size_t from, const char *path) {
  static const shunt_event event = {.kind = SHUNT_EVENT_CIRCUIT_CLOSED};
  desk d = {.path = path, .event = &event};
  setvbuf(stdout, NULL, _IONBF, 0);
  alarm(120);
  must(&d, shunt_open(path, NULL, &d.app, &d.err));
  for (size_t at = from; at < COUNT(cases); at++) {
    desk one = {.app = d.app, .path = path, .event = &event};
    printf("%zu\n", at);
    make_call(&one, at);
  }
  _exit(0);
}

/* ---- a program that makes them ---- */

/* Reads what it says: counts the calls that are not refused, and notes the last one. */
static size_t read_calls(int fd, size_t *last) {
  char line[256];
  size_t wrong = 0;
  FILE *said = fdopen(fd, "r");
  assert_non_null(said);
  while (fgets(line, sizeof line, said)) {
    char *end;
    const unsigned long at = strtoul(line, &end, 10);
    if (end != line && *end == '\n') {
      *last = at;
      continue;
    }
    print_error("%s", line);
    wrong++;
  }
  fclose(said);
  return wrong;
}

static size_t run_from(size_t *from, const char *path) {
  char number[24];
  int pipes[2], status = -1;
  size_t last = *from;
  snprintf(number, sizeof number, "%zu", *from);
  assert_int_equal(pipe(pipes), 0);
  const pid_t child = fork();
  if (child == 0) {
    dup2(pipes[1], STDOUT_FILENO);
    execl("/proc/self/exe", "nulls_test", "--from", number, path, (char *)NULL);
    _exit(127);
  }
  close(pipes[1]);
  size_t wrong = read_calls(pipes[0], &last);
  assert_int_equal(waitpid(child, &status, 0), child);
  *from = status ? last + 1 : COUNT(cases);
  if (status) print_error("%s ends the program: status %d\n", cases[last].name, status);
  return wrong + (status != 0);
}

static void no_null_crashes(void **state) {
  const store *w = *state;
  char path[128];
  size_t wrong = 0;
  snprintf(path, sizeof path, "%s/shunt.yaml", w->folder);
  for (size_t from = 0; from < COUNT(cases);) wrong += run_from(&from, path);
  assert_int_equal(wrong, 0);
}

/* ---- an app that is in use ---- */

static void an_app_with_a_session_is_not_closed(void **state) {
  store *w = *state;
  int64_t n;
  assert_int_equal(shunt_close(w->app), SHUNT_E_USAGE);
  store_fine(w, shunt_count(w->session, "user", NULL, &n, &w->err));
  shunt_session_close(w->session);
  w->session = NULL;
  assert_int_equal(shunt_close(w->app), SHUNT_OK);
  w->app = NULL;
}

static void nor_is_one_with_a_session_of_an_older_generation(void **state) {
  store *w = *state;
  store_fine(w, shunt_reload(w->app, NULL, &w->err));
  assert_int_equal(shunt_close(w->app), SHUNT_E_USAGE);
}

static void nor_is_one_with_a_session_that_has_followed(void **state) {
  store *w = *state;
  int64_t n;
  shunt_session_close(w->session);
  store_fine(w, shunt_session_open(w->app, &(shunt_session_options){.follow = true}, &w->session, &w->err));
  store_fine(w, shunt_reload(w->app, NULL, &w->err));
  store_fine(w, shunt_count(w->session, "user", NULL, &n, &w->err));
  assert_int_equal(shunt_close(w->app), SHUNT_E_USAGE);
  shunt_session_close(w->session);
  w->session = NULL;
  assert_int_equal(shunt_close(w->app), SHUNT_OK);
  w->app = NULL;
}

static void nor_is_one_with_a_worker(void **state) {
  store *w = *state;
  shunt_worker *worker;
  store_fine(w, shunt_worker_open(w->app, NULL, &worker, &w->err));
  shunt_session_close(w->session);
  w->session = NULL;
  assert_int_equal(shunt_close(w->app), SHUNT_E_USAGE);
  shunt_worker_close(worker);
}

static void a_session_that_did_not_open_keeps_no_app_open(void **state) {
  store *w = *state;
  shunt_session *none;
  assert_int_equal(shunt_session_open(w->app, &(shunt_session_options){.instance = "nobody"}, &none, &w->err),
                   SHUNT_E_NOT_FOUND);
  assert_null(none);
  shunt_session_close(w->session);
  w->session = NULL;
  assert_int_equal(shunt_close(w->app), SHUNT_OK);
  w->app = NULL;
}

int main(int argc, char **argv) {
  if (argc == 4 && strcmp(argv[1], "--from") == 0) return make_calls((size_t)atoi(argv[2]), argv[3]);
  const struct CMUnitTest tests[] = {
      store_test(no_null_crashes),
      store_test(an_app_with_a_session_is_not_closed),
      store_test(nor_is_one_with_a_session_of_an_older_generation),
      store_test(nor_is_one_with_a_session_that_has_followed),
      store_test(nor_is_one_with_a_worker),
      store_test(a_session_that_did_not_open_keeps_no_app_open),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
