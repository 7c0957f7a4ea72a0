/* What the library leaves alone in its host's process: the disposition and the mask of every signal, and what the
 * programs inherit that the host starts. With the servers of SHUNT_TEST_PG and SHUNT_TEST_MYSQL, if they are there. The
 * first test is the first use of the client libraries in the process. */
#define _DEFAULT_SOURCE /* for NSIG, usleep */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "shunt.h"
#include "unit/files.h"
#include "unit/random.h"

enum { MOST_FILES = 256, CLIENTS = 7 };

typedef struct world {
  char folder[64], path[96];
  const char *names[CLIENTS];
  const char *sleeps[CLIENTS]; /* SQL that takes long; NULL: a file */
  const char *own_id[CLIENTS], *kills[CLIENTS];
  size_t n;
  shunt_app *app;
  shunt_session *session;
  shunt_error err;
  struct sigaction actions[NSIG];
  sigset_t mask;
  bool files[MOST_FILES];
} world;

/* ---- signals ---- */

static void receive(int number) { (void)number; }

/* Not those that end a test that crashes or hangs, nor the one of the children whose status is asked for. */
static bool may_change(int number) {
  static const int others[] = {SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGFPE,  SIGILL, SIGABRT,
                               SIGTRAP, SIGSYS,  SIGTERM, SIGINT, SIGALRM, SIGCHLD};
  for (size_t i = 0; i < sizeof others / sizeof *others; i++)
    if (number == others[i]) return false;
  return sigaction(number, NULL, &(struct sigaction){0}) == 0;
}

static void set_signals_at_random(rng *r) {
  sigset_t mask;
  sigemptyset(&mask);
  for (int i = 1; i < NSIG; i++) {
    if (!may_change(i)) continue;
    struct sigaction a = {.sa_handler = rng_below(r, 3) ? receive : rng_below(r, 2) ? SIG_IGN : SIG_DFL};
    if (i == SIGPIPE && a.sa_handler == SIG_IGN) a.sa_handler = SIG_DFL; /* as a library would set it */
    a.sa_flags = rng_below(r, 2) ? SA_RESTART : 0;
    if (rng_below(r, 2)) sigaddset(&a.sa_mask, (int)rng_below(r, NSIG - 1) + 1);
    if (rng_below(r, 2)) sigaddset(&mask, i);
    sigaction(i, &a, NULL);
  }
  pthread_sigmask(SIG_SETMASK, &mask, NULL);
}

static void note_signals(world *w) {
  for (int i = 1; i < NSIG; i++) sigaction(i, NULL, &w->actions[i]);
  pthread_sigmask(SIG_SETMASK, NULL, &w->mask);
}

static void restore_signals(const world *w) {
  for (int i = 1; i < NSIG; i++)
    if (may_change(i)) sigaction(i, &w->actions[i], NULL);
  pthread_sigmask(SIG_SETMASK, &w->mask, NULL);
}

static void assert_same_signals(const world *w, const char *when) {
  sigset_t mask;
  pthread_sigmask(SIG_SETMASK, NULL, &mask);
  for (int i = 1; i < NSIG; i++) {
    struct sigaction now = {0};
    sigaction(i, NULL, &now);
    const struct sigaction *a = &w->actions[i];
    bool same = now.sa_handler == a->sa_handler && now.sa_flags == a->sa_flags;
    for (int k = 1; k < NSIG; k++) same = same && sigismember(&now.sa_mask, k) == sigismember(&a->sa_mask, k);
    if (!same) fail_msg("%s: signal %d (%s) is handled in another way than before", when, i, strsignal(i));
    if (sigismember(&mask, i) != sigismember(&w->mask, i))
      fail_msg("%s: signal %d (%s) is blocked where it was not, or not where it was", when, i, strsignal(i));
  }
}

/* ---- files ---- */

static void list_files(bool *open) {
  DIR *folder = opendir("/proc/self/fd");
  assert_non_null(folder);
  for (struct dirent *entry; (entry = readdir(folder));) {
    const int fd = atoi(entry->d_name);
    if (fd != dirfd(folder) && fd < MOST_FILES) open[fd] = true;
  }
  closedir(folder);
}

/* The program itself, started with the files that it may have, says which it has besides. */
static int say_what_is_inherited(char **allowed) {
  bool open[MOST_FILES] = {false}, may[MOST_FILES] = {true, true, true};
  int more = 0;
  for (; *allowed; allowed++) may[atoi(*allowed)] = true;
  DIR *folder = opendir("/proc/self/fd");
  if (!folder) return 1;
  for (struct dirent *entry; (entry = readdir(folder));) {
    const int fd = atoi(entry->d_name);
    if (entry->d_name[0] != '.' && fd != dirfd(folder) && fd < MOST_FILES) open[fd] = true;
  }
  closedir(folder);
  for (int fd = 0; fd < MOST_FILES; fd++) {
    char path[32], to[256] = "";
    if (!open[fd] || may[fd]) continue;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (readlink(path, to, sizeof to - 1) > 0) fprintf(stderr, "inherited: %d, %s\n", fd, to);
    more++;
  }
  return more ? 1 : 0;
}

static void assert_inherits_nothing(const world *w, const char *when) {
  char numbers[MOST_FILES][8], *arguments[MOST_FILES + 3] = {"process_test", "--inherited"};
  size_t n = 2;
  for (int fd = 0; fd < MOST_FILES; fd++) {
    if (!w->files[fd]) continue;
    snprintf(numbers[fd], sizeof numbers[fd], "%d", fd);
    arguments[n++] = numbers[fd];
  }
  int status;
  const pid_t child = fork();
  if (child == 0) {
    execv("/proc/self/exe", arguments);
    _exit(127);
  }
  assert_int_equal(waitpid(child, &status, 0), child);
  if (status) fail_msg("%s: a program that is started now inherits files (status %d)", when, status);
}

static void is_as_before(const world *w, const char *when) {
  assert_same_signals(w, when);
  assert_inherits_nothing(w, when);
}

/* ---- the application ---- */

static void add_server(world *w, char *config, size_t room, const char *name, const char *engine, const char *options) {
  const bool pg = strcmp(engine, "pg") == 0;
  const char *url = getenv(pg ? (*options ? "SHUNT_TEST_PG_TCP" : "SHUNT_TEST_PG") : "SHUNT_TEST_MYSQL");
  if (!url) return;
  const size_t used = strlen(config);
  snprintf(config + used, room - used, "    %s: {engine: %s, connection: {url: \"%s\"%s}}\n", name, engine, url,
           options);
  w->sleeps[w->n] = pg ? "SELECT pg_sleep(30)" : "SELECT 1 FROM information_schema.tables WHERE SLEEP(30)";
  w->own_id[w->n] = pg ? "SELECT pg_backend_pid()" : "SELECT CONNECTION_ID()";
  w->kills[w->n] = pg ? "SELECT pg_terminate_backend(%lld)" : "KILL CONNECTION %lld";
  w->names[w->n++] = name;
}

static void write_application(world *w) {
  char config[4096] = "watch: true\njobs: {client: file}\ndatabase:\n  defaultClient: file\n"
                      "  base: {pool: {max: 3}}\n  clients:\n"
                      "    nowhere: {engine: pg, connection: {host: 127.0.0.1, port: 1}}\n"
                      "    nowhere_else: {engine: mysql, connection: {host: 127.0.0.1, port: 1}}\n"
                      "    file: {engine: sqlite3, connection: {filename: file.db, create: true}}\n";
  strcpy(w->folder, "/tmp/shunt-process-XXXXXX");
  assert_non_null(mkdtemp(w->folder));
  w->names[w->n++] = "file";
  add_server(w, config, sizeof config, "pg", "pg", "");
  add_server(w, config, sizeof config, "pg_tls", "pg", ", sslmode: require");
  add_server(w, config, sizeof config, "mysql", "mysql", "");
  add_server(w, config, sizeof config, "mysql_tls", "mysql", ", ssl_mode: required");
  snprintf(w->path, sizeof w->path, "%s/shunt.yaml", w->folder);
  write_file(w->path, config);
}

static void fine(world *w, shunt_status status) {
  if (status) fail_msg("%s: %s", shunt_status_name(status), w->err.message);
}

static shunt_status run(world *w, const char *client, const char *sql) {
  return shunt_sql(w->session, sql, &(shunt_sql_options){.client = client}, NULL, NULL, &w->err);
}

static long long number(world *w, const char *client, const char *sql) {
  shunt_rows *rows = NULL;
  fine(w, shunt_sql(w->session, sql, &(shunt_sql_options){.client = client}, &rows, NULL, &w->err));
  const long long n = shunt_rows_at(rows, 0)[0].as.integer;
  shunt_rows_free(rows);
  return n;
}

static shunt_tx *begin(world *w, const char *client) {
  shunt_tx *tx = NULL;
  fine(w, shunt_begin(w->session, &(shunt_tx_options){.client = client}, &tx, &w->err));
  return tx;
}

static void open_application(world *w) {
  fine(w, shunt_open(w->path, NULL, &w->app, &w->err));
  fine(w, shunt_session_open(w->app, NULL, &w->session, &w->err));
}

static void close_application(world *w) {
  char command[128];
  shunt_session_close(w->session);
  shunt_close(w->app);
  is_as_before(w, "with the application closed");
  snprintf(command, sizeof command, "rm -rf %s", w->folder);
  assert_int_equal(system(command), 0);
}

/* ---- the tests ---- */

static void use_all(world *w) {
  open_application(w);
  is_as_before(w, "with an open application");
  assert_int_not_equal(run(w, "nowhere", "SELECT 1"), SHUNT_OK);
  assert_int_not_equal(run(w, "nowhere_else", "SELECT 1"), SHUNT_OK);
  is_as_before(w, "after connections that failed");
  for (size_t i = 0; i < w->n; i++) {
    const char *client = w->names[i];
    fine(w, run(w, client, "SELECT 1"));
    is_as_before(w, client);
    shunt_tx *tx = begin(w, client);
    fine(w, run(w, client, "SELECT 2"));
    is_as_before(w, client);
    fine(w, shunt_rollback(tx, &w->err));
    if (!w->sleeps[i]) continue;
    fine(w, shunt_session_timeout(w->session, 50, &w->err));
    assert_int_equal(run(w, client, w->sleeps[i]), SHUNT_E_TIMEOUT);
    fine(w, shunt_session_timeout(w->session, 0, &w->err));
    is_as_before(w, "after a timeout");
  }
  shunt_worker *worker = NULL;
  shunt_job *job = NULL;
  fine(w, shunt_worker_open(w->app, NULL, &worker, &w->err));
  fine(w, shunt_worker_next(worker, 10, &job, &w->err));
  is_as_before(w, "with a worker");
  shunt_worker_close(worker);
  fine(w, shunt_reload(w->app, NULL, &w->err));
  is_as_before(w, "after a reload");
  close_application(w);
}

static void in_all_uses_signals_and_programs_are_the_hosts(void **state) {
  (void)state;
  rng r = rng_start("signals");
  world before, w = {0};
  note_signals(&before);
  list_files(w.files);
  write_application(&w);
  set_signals_at_random(&r);
  note_signals(&w);
  use_all(&w);
  restore_signals(&before);
}

/* The first write to such a socket may succeed: statements and the end of the connection write again. */
static void a_server_that_hangs_up_does_not_end_a_host_with_the_default_of_sigpipe(void **state) {
  (void)state;
  rng r = rng_start("hanging up");
  world w = {0};
  signal(SIGPIPE, SIG_DFL);
  list_files(w.files);
  note_signals(&w);
  write_application(&w);
  open_application(&w);
  for (size_t i = 0; i < w.n; i++) {
    for (int round = 0; round < 4 && w.kills[i]; round++) {
      char kill[64];
      for (size_t k = rng_below(&r, 3); k--;) fine(&w, run(&w, w.names[i], k ? "SELECT 1" : "SELECT 'x', 2"));
      shunt_tx *tx = begin(&w, w.names[i]);
      const long long id = number(&w, w.names[i], w.own_id[i]);
      shunt_session *mine = w.session;
      fine(&w, shunt_session_open(w.app, NULL, &w.session, &w.err));
      snprintf(kill, sizeof kill, w.kills[i], id);
      fine(&w, run(&w, w.names[i], kill));
      shunt_session_close(w.session);
      w.session = mine;
      usleep(20000); /* until the server has closed it */
      if (rng_below(&r, 4)) assert_int_not_equal(run(&w, w.names[i], "SELECT 3"), SHUNT_OK);
      shunt_rollback(tx, NULL);
      assert_same_signals(&w, w.names[i]);
    }
  }
  close_application(&w);
}

int main(int argc, char **argv) {
  if (argc > 1 && strcmp(argv[1], "--inherited") == 0) return say_what_is_inherited(argv + 2);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(in_all_uses_signals_and_programs_are_the_hosts),
      cmocka_unit_test(a_server_that_hangs_up_does_not_end_a_host_with_the_default_of_sigpipe),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
