/* A host with several addresses, of which the server of SHUNT_TEST_MYSQL has one; skipped without a server. */
#define _GNU_SOURCE /* for RTLD_NEXT */
#include <dlfcn.h>
#include <netdb.h>

#include "base/clock.h"
#include "unit/driver/mysql/server.h"

static const char host[] = "two.test";
static const char *addresses[2];

/* In place of the C library's, also for the client library. */
__attribute__((visibility("default"))) int getaddrinfo(const char *name, const char *service,
                                                       const struct addrinfo *hints, struct addrinfo **found) {
  int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
  void *symbol = dlsym(RTLD_NEXT, "getaddrinfo");
  memcpy(&real, &symbol, sizeof real);
  if (!name || strcmp(name, host) != 0) return real(name, service, hints, found);
  struct addrinfo **next = found;
  for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
    int failed = real(addresses[i], service, hints, next);
    if (failed) return failed;
    while (*next) next = &(*next)->ai_next;
  }
  return 0;
}

static shunt_status connect_by(server *d, const char *first, const char *second, int64_t deadline_ns) {
  init(d);
  d->options[0].value = getenv("SHUNT_TEST_MYSQL_TCP");
  if (!d->options[0].value) skip();
  d->options[1] = (cat_option){"host", host, false};
  d->client.noptions = 2;
  addresses[0] = first;
  addresses[1] = second;
  return e->open(&d->client, deadline_ns, &d->conn, &d->err);
}

static void each_address_of_a_host_is_tried(void **state) {
  the_server(state);
  server d;
  for (int i = 0; i < 3; i++) {
    int64_t deadline_ns = i == 2 ? clock_monotonic_ns() + 30 * NS_PER_S : 0;
    if (connect_by(&d, i ? "127.0.0.2" : "127.0.0.1", i ? "127.0.0.1" : "127.0.0.2", deadline_ns))
      fail_msg("%s", d.err.message);
    run(&d, "SELECT 1");
    disconnect(&d);
  }
}

static void a_host_of_which_no_address_answers_is_an_error(void **state) {
  the_server(state);
  server d;
  assert_int_equal(connect_by(&d, "127.0.0.2", "127.0.0.3", 0), SHUNT_E_DATASOURCE);
  assert_true(d.err.engine_code == 2002 || d.err.engine_code == 2003);
  assert_string_equal(d.err.client, "main");
}

/* Its answers come before the connection is made, and look like messages of an authentication. */
static void an_option_file_may_ask_the_server_something_first(void **state) {
  the_server(state);
  static const char *const commands[] = {"SELECT 1", "SET @a = 1", "SELECT REPEAT('x', 100000)"};
  for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
    char path[] = "/tmp/shunt_options_XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    dprintf(fd, "[client]\ninit-command=%s\n", commands[i]);
    close(fd);
    server d;
    init(&d);
    d.options[1] = (cat_option){"option_file", path, false};
    d.options[2] = (cat_option){"compress", i % 2 ? "true" : "false", false};
    d.client.noptions = 3;
    connect_to(&d);
    unlink(path);
    run(&d, "SELECT 1");
    disconnect(&d);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(each_address_of_a_host_is_tried),
      TEST(an_option_file_may_ask_the_server_something_first),
      TEST(a_host_of_which_no_address_answers_is_an_error),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
