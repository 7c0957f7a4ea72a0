/* Parameters are numbered where PostgreSQL sees them: on the server of SHUNT_TEST_PG. */
#include "unit/driver/pg/server.h"
#include "unit/driver/soup.h"

enum { STATEMENTS = 4000 };

/* How many parameters the server finds; -1: it does not take the statement. */
static int ask(PGconn *pg, const char *sql, char *why, size_t room) {
  PGresult *prepared = PQprepare(pg, "", sql, 0, NULL), *described = NULL;
  int count = -1;
  snprintf(why, room, "%s", PQresultErrorMessage(prepared));
  if (PQresultStatus(prepared) == PGRES_COMMAND_OK) {
    described = PQdescribePrepared(pg, "");
    count = PQnparams(described);
  }
  PQclear(described);
  PQclear(prepared);
  return count;
}

static void the_server_finds_as_many_parameters(void **state) {
  server *s = server_of(state);
  rng r = rng_start("lex pg");
  size_t taken = 0, with_params = 0;
  for (int n = 0; n < STATEMENTS; n++) {
    char sql[512], why[512];
    buf numbered = {0};
    soup_statement(&r, CAT_PG, sql, sizeof sql);
    pg_number_params(sql, strlen(sql), &numbered);
    assert_false(numbered.failed);
    size_t count = soup_params(CAT_PG, sql);
    int found = strchr(sql, ';') ? -1 : ask(pg_of(s->conn)->pg, numbered.data, why, sizeof why);
    if (found >= 0 && (size_t)found != count) fail_msg("%zu parameters, and not %d in: %s", count, found, sql);
    /* no ? reaches the server as code, other than in operators */
    if (found < 0 && !strstr(sql, "??") && !strchr(sql, ';') && strstr(why, "at or near \"?"))
      fail_msg("%s: %s", sql, why);
    taken += found >= 0;
    with_params += found > 0;
    buf_free(&numbered);
  }
  assert_true(taken > STATEMENTS / 20 && with_params > STATEMENTS / 40);
}

static void parameters_may_touch_words(void **state) {
  server *s = server_of(state);
  const shunt_value params[] = {shunt_integer(1), shunt_integer(3), shunt_integer(1)};
  if (try_with(s, "SELECT 2::int4 BETWEEN?::int4 AND?::int4 LIMIT?", params, 3)) fail_msg("%s", s->err.message);
  assert_true(shunt_rows_at(s->rows, 0)[0].as.boolean);
  if (try_with(s, "SELECT E'a'\n'b\\'?', 2 -- ?\r + ?::int4", params, 1)) fail_msg("%s", s->err.message);
  assert_string_equal(shunt_rows_at(s->rows, 0)[0].as.bytes, "ab'?");
  assert_int_equal(shunt_rows_at(s->rows, 0)[1].as.integer, 3);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(the_server_finds_as_many_parameters),
      TEST(parameters_may_touch_words),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
