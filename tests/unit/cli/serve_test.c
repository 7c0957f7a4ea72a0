/* The server of metrics among clients that are slow, silent, greedy or many. */
#define _POSIX_C_SOURCE 200809L
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/serve.h"
#include "unit/files.h"

enum { HOLDERS = 40, SCRAPERS = 3, SCRAPES = 30, PATIENCE_MS = 20000 };

typedef struct world {
  char folder[64];
  shunt_app *app;
  serve *server;
  int port;
  atomic_bool wrong;
} world;

static void begin(world *w) {
  char path[96], why[256];
  shunt_error err;
  snprintf(w->folder, sizeof w->folder, "/tmp/shunt-serve-XXXXXX");
  assert_non_null(mkdtemp(w->folder));
  snprintf(path, sizeof path, "%s/rules.lua", w->folder);
  write_file(path, "model \"note\" {}\n");
  snprintf(path, sizeof path, "%s/shunt.yaml", w->folder);
  write_file(path, "database:\n  defaultClient: main\n  clients:\n"
                   "    main: {engine: sqlite3, connection: {filename: main.db}}\nrules: {path: rules.lua}\n");
  if (shunt_open(path, NULL, &w->app, &err)) fail_msg("%s", err.message);
  if (!serve_open(w->app, "127.0.0.1:0", &w->server, why, sizeof why)) fail_msg("%s", why);
  w->port = atoi(strrchr(serve_address(w->server), ':') + 1);
  atomic_init(&w->wrong, false);
}

static void end(world *w) {
  char command[96];
  serve_close(w->server);
  shunt_close(w->app);
  snprintf(command, sizeof command, "rm -rf %s", w->folder);
  assert_int_equal(system(command), 0);
}

static int connect_to(const world *w) {
  const struct sockaddr_in at = {
      .sin_family = AF_INET, .sin_port = htons((uint16_t)w->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0) return -1;
  if (connect(fd, (const struct sockaddr *)&at, sizeof at) == 0) return fd;
  close(fd);
  return -1;
}

/* With a small buffer: a server that sends much has to wait until it reads. */
static int hold(const world *w) {
  const int small = 2048;
  int fd = connect_to(w);
  if (fd >= 0) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  return fd;
}

static bool send_all(int fd, const char *text) {
  const size_t size = strlen(text);
  return send(fd, text, size, MSG_NOSIGNAL) == (ssize_t)size;
}

/* All that comes until the server closes; NULL: it does not, or resets the connection. */
static char *receive_all(int fd) {
  size_t size = 0, room = 65536;
  char *text = malloc(room);
  ssize_t n;
  struct pollfd at = {.fd = fd, .events = POLLIN};
  assert_non_null(text);
  while (poll(&at, 1, PATIENCE_MS) == 1 && (n = recv(fd, text + size, room - 1 - size, 0)) > 0) size += (size_t)n;
  if (!at.revents || n) {
    free(text);
    return NULL;
  }
  text[size] = 0;
  return text;
}

static bool scrape(const world *w) {
  int fd = connect_to(w);
  char *text = NULL;
  bool ok = fd >= 0 && send_all(fd, "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n") && (text = receive_all(fd));
  ok = ok && strncmp(text, "HTTP/1.1 200 OK\r\n", 17) == 0 && strlen(text) > 6 &&
       strcmp(text + strlen(text) - 6, "# EOF\n") == 0;
  free(text);
  if (fd >= 0) close(fd);
  return ok;
}

/* ---- the tests ---- */

static void answers_while_others_hold_connections(void **state) {
  world w;
  int held[HOLDERS];
  (void)state;
  begin(&w);
  for (int i = 0; i < HOLDERS; i++) {
    held[i] = hold(&w);
    assert_true(held[i] >= 0);
    if (i % 3 == 1) assert_true(send_all(held[i], "GET /metr"));                     /* not the whole of it */
    if (i % 3 == 2) assert_true(send_all(held[i], "GET /metrics HTTP/1.1\r\n\r\n")); /* and it does not read */
    if (i % 10 == 0) assert_true(scrape(&w));
  }
  for (int i = 0; i < SCRAPES; i++) assert_true(scrape(&w));
  for (int i = 0; i < HOLDERS; i++) close(held[i]);
  assert_true(scrape(&w));
  end(&w);
}

/* One byte after the other: the deadline is of the whole request. */
static void ends_a_client_that_never_comes_to_its_end(void **state) {
  world w;
  (void)state;
  begin(&w);
  int fd = connect_to(&w), sent = 0;
  struct pollfd at = {.fd = fd, .events = POLLIN};
  while (poll(&at, 1, 100) == 0 && sent < PATIENCE_MS / 100) sent += send(fd, "a", 1, MSG_NOSIGNAL) == 1;
  assert_true(sent < PATIENCE_MS / 100);
  close(fd);
  assert_true(scrape(&w));
  end(&w);
}

static void *scrape_on(void *ud) {
  world *w = ud;
  for (int i = 0; i < SCRAPES; i++)
    if (!scrape(w)) atomic_store(&w->wrong, true);
  return NULL;
}

static void answers_many_at_once(void **state) {
  world w;
  pthread_t threads[SCRAPERS];
  (void)state;
  begin(&w);
  for (int i = 0; i < SCRAPERS; i++) assert_int_equal(pthread_create(&threads[i], NULL, scrape_on, &w), 0);
  for (int i = 0; i < SCRAPERS; i++) pthread_join(threads[i], NULL);
  assert_false(atomic_load(&w.wrong));
  end(&w);
}

static void closes_while_clients_are_there(void **state) {
  world w;
  (void)state;
  begin(&w);
  int fd = connect_to(&w);
  assert_true(send_all(fd, "GET /metrics HTTP/1.1\r\n"));
  end(&w);
  close(fd);
}

static void survives_any_bytes(void **state) {
  world w;
  (void)state;
  begin(&w);
  for (unsigned i = 0; i < 300; i++) {
    char bytes[64];
    int fd = connect_to(&w);
    assert_true(fd >= 0);
    for (size_t k = 0; k < sizeof bytes; k++)
      bytes[k] = "GET /metricsHP1.\r\n\0\xff"[(i * 31 + k * (i % 7 + 1) * 13) % 21];
    ssize_t sent = send(fd, bytes, sizeof bytes, MSG_NOSIGNAL);
    (void)sent;
    close(fd);
  }
  assert_true(scrape(&w));
  end(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(answers_while_others_hold_connections),
      cmocka_unit_test(ends_a_client_that_never_comes_to_its_end), cmocka_unit_test(answers_many_at_once),
      cmocka_unit_test(closes_while_clients_are_there), cmocka_unit_test(survives_any_bytes)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
