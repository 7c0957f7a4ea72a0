/* Parameters are numbered where PostgreSQL sees them, and literals keep their values: on the server of SHUNT_TEST_PG.
 */
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
    char sql[512], why[512] = "";
    buf numbered = {0};
    soup_statement(&r, CAT_PG, sql, sizeof sql);
    const pg_text text = pg_number_params(sql, strlen(sql), &numbered);
    assert_false(numbered.failed);
    size_t count = soup_params(CAT_PG, sql);
    assert_int_equal(text.nparams, count);
    int found = strchr(sql, ';') || text.numbered ? -1 : ask(pg_of(s->conn)->pg, numbered.data, why, sizeof why);
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

/* ---- literals of every form, and their values ---- */

enum { MOST_ITEMS = 6, MOST_VALUE = 64 };

typedef struct literals {
  rng r;
  buf sql;
  shunt_value params[3 * MOST_ITEMS];
  size_t nparams, nitems;
  char want[MOST_ITEMS][MOST_VALUE];
} literals;

static const char *any_of(rng *r, const char *const *list, size_t n) { return list[rng_below(r, n)]; }
#define ANY_OF(r, list) any_of(r, list, sizeof(list) / sizeof *(list))

/* What may stand between two tokens: perhaps nothing. */
static void put_gap(literals *l) {
  static const char *const gaps[] = {
      "",     "",   " ",       "\n",      "/*?'*/", "/*/*'?*/$1*/", "--?'\r", "--\n", " -- $$?\r\n\t",
      "/**/", "\f", "/*\"*/ ", "--'--?\n"};
  buf_puts(&l->sql, ANY_OF(&l->r, gaps));
}

/* Ends a string and goes on with it on the next line, now and then. */
static void put_break(literals *l) {
  static const char *const breaks[] = {"'\n'", "' \r\t'", "'--?\n'", "'\n--'\r'", "' -- a\r\n\n--?''\n '", "'\f\n\f'"};
  if (rng_below(&l->r, 6) == 0) buf_puts(&l->sql, ANY_OF(&l->r, breaks));
}

/* In quotes, with the escapes of the prefix: "", E or U&. */
static void put_quoted(literals *l, const char *prefix, const char *value) {
  const bool escapes = strchr("eE", *prefix) && *prefix, unicode = strchr("uU", *prefix) && *prefix;
  buf_printf(&l->sql, "%s'", prefix);
  for (; *value; value++) {
    put_break(l);
    if (escapes && *value == '\'' && rng_below(&l->r, 2))
      buf_puts(&l->sql, "\\'");
    else if (escapes && *value == '?' && rng_below(&l->r, 2))
      buf_puts(&l->sql, "\\?");
    else if (unicode && *value == '?' && rng_below(&l->r, 2))
      buf_puts(&l->sql, "\\003f");
    else if (*value == '\'' || (*value == '\\' && (escapes || unicode)))
      buf_printf(&l->sql, "%c%c", *value, *value);
    else
      buf_putc(&l->sql, *value);
    while (((unsigned char)value[1] & 0xC0) == 0x80) buf_putc(&l->sql, *++value);
  }
  put_break(l);
  buf_putc(&l->sql, '\'');
}

/* False: the tag is in the value. */
static bool put_dollars(literals *l, const char *value) {
  static const char *const tags[] = {"$$", "$a$", "$\xC3\xA4_1$", "$E$"};
  const char *tag = ANY_OF(&l->r, tags);
  char text[MOST_VALUE + 16];
  snprintf(text, sizeof text, "%s%s", value, tag);
  if (strstr(text, tag) != text + strlen(value)) return false;
  if (l->sql.size && lex_in_word(l->sql.data[l->sql.size - 1])) buf_putc(&l->sql, ' ');
  buf_printf(&l->sql, "%s%s", tag, text);
  return true;
}

static void put_literal(literals *l) {
  static const char *const parts[] = {"?",  "'",  "\\", "a",        "$",  "\n",  "--",
                                      "/*", "*/", "\"", "\xC3\xA4", "E'", "$a$", "$1"};
  static const char *const prefixes[] = {"", "E", "e", "U&", "u&"};
  char *value = l->want[l->nitems++];
  size_t size = 0;
  value[0] = 0;
  for (size_t n = rng_below(&l->r, 8); n; n--) size = soup_add(value, size, MOST_VALUE, ANY_OF(&l->r, parts));
  if (rng_below(&l->r, 4) || !put_dollars(l, value)) {
    const char *prefix = ANY_OF(&l->r, prefixes);
    if (*prefix && lex_in_word(l->sql.data[l->sql.size - 1])) buf_putc(&l->sql, ' ');
    put_quoted(l, prefix, value);
  }
  put_gap(l);
  buf_puts(&l->sql, "::text");
}

static void put_param(literals *l, const char *type, shunt_value value) {
  buf_putc(&l->sql, '?');
  put_gap(l);
  buf_printf(&l->sql, "::%s", type);
  l->params[l->nparams++] = value;
}

/* Words touch parameters on both sides. */
static void put_choice(literals *l) {
  const bool first = rng_below(&l->r, 2);
  buf_puts(&l->sql, lex_in_word(l->sql.data[l->sql.size - 1]) ? " CASE WHEN" : "CASE WHEN");
  put_param(l, "bool", shunt_boolean(first));
  buf_puts(&l->sql, " THEN");
  put_param(l, "text", shunt_text("?'", 2));
  buf_puts(&l->sql, " ELSE");
  put_param(l, "text", shunt_text("\\", 1));
  buf_puts(&l->sql, " END");
  snprintf(l->want[l->nitems++], MOST_VALUE, "%s", first ? "?'" : "\\");
}

static void put_operator(literals *l) {
  buf_puts(&l->sql, "('{\"?\":1}'::jsonb");
  put_gap(l);
  buf_puts(&l->sql, rng_below(&l->r, 2) ? "?\?'?')::text" : "??|array['?'])::text");
  snprintf(l->want[l->nitems++], MOST_VALUE, "true");
}

static void put_items(literals *l) {
  buf_puts(&l->sql, "SELECT");
  for (size_t n = 1 + rng_below(&l->r, MOST_ITEMS); n; n--) {
    put_gap(l);
    switch (rng_below(&l->r, 5)) {
    case 0:
      put_choice(l);
      break;
    case 1:
      put_operator(l);
      break;
    default:
      put_literal(l);
    }
    if (rng_below(&l->r, 4) == 0) buf_puts(&l->sql, " AS\"?\"\"'\"");
    put_gap(l);
    if (n > 1) buf_putc(&l->sql, ',');
  }
}

static void literals_keep_their_values_beside_parameters(void **state) {
  server *s = server_of(state);
  rng r = rng_start("literals pg");
  for (int n = 0; n < STATEMENTS / 2; n++) {
    literals l = {.r = r};
    put_items(&l);
    r = l.r;
    assert_false(l.sql.failed);
    if (try_with(s, l.sql.data, l.params, l.nparams)) fail_msg("%s: %s", l.sql.data, s->err.message);
    for (size_t i = 0; i < l.nitems; i++) {
      const shunt_value *got = &shunt_rows_at(s->rows, 0)[i];
      if (got->type != SHUNT_TEXT || got->size != strlen(l.want[i]) || memcmp(got->as.bytes, l.want[i], got->size) != 0)
        fail_msg("column %zu is not %s: %s", i + 1, l.want[i], l.sql.data);
    }
    buf_free(&l.sql);
  }
}

static void parameters_are_either_numbered_or_not(void **state) {
  server *s = server_of(state);
  const shunt_value params[] = {shunt_integer(1), shunt_integer(2)};
  if (try_with(s, "SELECT $2::int4 - $1::int4", params, 2)) fail_msg("%s", s->err.message);
  assert_int_equal(shunt_rows_at(s->rows, 0)[0].as.integer, 1);
  assert_fails(s, try_with(s, "SELECT ?::int4, $1::int4", params, 1), SHUNT_E_USAGE, "both ? and $1");
  assert_fails(s, try_with(s, "SELECT 1$2,?::int4", params, 2), SHUNT_E_USAGE, "both ? and $1");
  if (try_with(s, "SELECT '$1', a$1 FROM (SELECT ?::int4 AS a$1) AS x", params, 1)) fail_msg("%s", s->err.message);
}

/* The lexer reads '…' as it is with the setting on; so are the statements of the cache. */
static void a_backslash_that_might_escape_is_refused(void **state) {
  server *s = server_of(state);
  static const char *const doubtful[] = {"SELECT 'a\\', ?::text, ''", "SELECT '\\' AS a", "SELECT N'\\\\'"},
                           *const plain[] = {"SELECT 'a''?' -- \\", "SELECT E'\\''", "SELECT $$\\$$"};
  const shunt_value param = shunt_text("x", 1);
  if (try_with(s, doubtful[0], &param, 1)) fail_msg("%s", s->err.message);
  run(s, "SET standard_conforming_strings = off");
  for (size_t i = 0; i < 3; i++)
    assert_fails(s, try_with(s, doubtful[i], &param, i == 0), SHUNT_E_USAGE, "standard_conforming_strings");
  for (size_t i = 0; i < 3; i++) run(s, plain[i]);
  run(s, "RESET standard_conforming_strings");
  for (size_t i = 0; i < 3; i++)
    if (try_with(s, doubtful[i], &param, i == 0)) fail_msg("%s", s->err.message);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(the_server_finds_as_many_parameters),          TEST(parameters_may_touch_words),
      TEST(literals_keep_their_values_beside_parameters), TEST(parameters_are_either_numbered_or_not),
      TEST(a_backslash_that_might_escape_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
