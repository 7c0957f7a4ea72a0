/* SQL written by hand is read as a second reading of the engines' rules reads it; PostgreSQL gets the same tokens with
 * its own parameters; and no version of MySQL runs more than the driver has seen. */
#include "driver/mysql/conn.h"
#include "driver/pg/conn.h"
#include "driver/plain.h"
#include "fuzz/fuzz.h"
#include "unit/driver/reading.h"

enum { VERSIONS = 4 };

/* ---- every engine ---- */

static void read_tokens(const lex_dialect *dialect, const char *sql, size_t size, char *out) {
  static const char class[] = {
      [LEX_WORD] = 'w', [LEX_NUMBER] = 'w', [LEX_STRING] = 's', [LEX_NAME] = 'n', [LEX_PARAM] = '?', [LEX_OTHER] = 'o'};
  lex l = lex_of(dialect, sql, size);
  memset(out, '.', size);
  for (lex_token t = lex_next(&l); t.kind; t = lex_next(&l)) memset(out + (t.at - sql), class[t.kind], t.size);
}

static void check_engine(cat_engine engine, const char *sql, size_t size) {
  char *got = fuzz_copy(sql, size), *want = fuzz_copy(sql, size);
  read_tokens(driver_for(engine)->lex, sql, size, got);
  reading_of(engine, sql, size, want);
  FUZZ_HOLDS(memcmp(got, want, size) == 0, "%s reads\n%.*s\nas\n%s\nand not as\n%s", cat_engine_name(engine), (int)size,
             sql, got, want);
  free(got);
  free(want);
}

/* ---- PostgreSQL's parameters ---- */

/* ? is one character of an operator there. */
static lex_dialect dialect_of_server(void) {
  lex_dialect dialect = pg_dialect;
  dialect.question_operators = false;
  return dialect;
}

static bool is_number(lex_token t, size_t number) {
  char text[24];
  snprintf(text, sizeof text, "%zu", number);
  return t.kind == LEX_NUMBER && t.size == strlen(text) && memcmp(t.at, text, t.size) == 0;
}

/* `own` is behind t's counterpart on the server, `there`. */
static bool is_same(lex_token t, lex_token there, lex *own, size_t *params) {
  if (t.kind == LEX_PARAM) return lex_is_char(there, '$') && is_number(lex_next(own), ++*params);
  if (*t.at == '?') return there.kind == LEX_PARAM;
  return t.kind == there.kind && t.size == there.size && memcmp(t.at, there.at, t.size) == 0;
}

static void check_params(const char *sql, size_t size) {
  const lex_dialect dialect = dialect_of_server();
  buf numbered = {0};
  const pg_text text = pg_number_params(sql, size, &numbered);
  lex l = lex_of(&pg_dialect, sql, size), own = lex_of(&dialect, numbered.data, numbered.size);
  size_t params = 0;
  lex_token t, there;
  do {
    t = lex_next(&l);
    there = lex_next(&own);
    FUZZ_HOLDS(t.kind ? is_same(t, there, &own, &params) : !there.kind, "%.*s\nbecomes\n%.*s", (int)size, sql,
               (int)numbered.size, numbered.size ? numbered.data : "");
  } while (t.kind);
  FUZZ_HOLDS(params == text.nparams, "%zu parameters, and not %zu", text.nparams, params);
  buf_free(&numbered);
  (void)pg_first_words(sql, size);
  (void)pg_leaves(sql, size);
}

/* ---- what versions of MySQL run ---- */

static void check_run(const char *sql, size_t size, const char *run) {
  const statement_kind kind = mysqldb_kind(sql, size), real = mysqldb_kind(run, size);
  const bool known = real < STATEMENT_CHANGES || kind >= (real == STATEMENT_CHANGES ? real : STATEMENT_ANYTHING);
  FUZZ_HOLDS(known, "kind %d, and %d is run:\n%.*s\n%s", (int)kind, (int)real, (int)size, sql, run);
  FUZZ_HOLDS(!plain_is(&mysql_dialect, sql, size) || plain_is(&mysql_dialect, run, size),
             "what is run is not plain:\n%s", run);
  FUZZ_HOLDS(!plain_reads(&mysql_dialect, sql, size) || plain_reads(&mysql_dialect, run, size),
             "what is run does not read:\n%s", run);
}

/* Other ones for each input. */
static uint64_t versions_of(const char *sql, size_t size) {
  uint64_t hash = 14695981039346656037u; /* FNV-1a */
  for (size_t i = 0; i < size; i++) hash = (hash ^ (unsigned char)sql[i]) * 1099511628211u;
  return hash;
}

static void check_versions(const char *sql, size_t size) {
  uint64_t skipped = versions_of(sql, size);
  char *run = fuzz_copy(sql, size);
  for (int i = 0; i < VERSIONS; i++, skipped = skipped >> 16 | skipped << 48)
    if (reading_as_run(sql, size, skipped, run)) check_run(sql, size, run);
  free(run);
}

int shunt_fuzz_sql(const uint8_t *data, size_t size) {
  const char *sql = (const char *)data;
  for (cat_engine e = 0; e < CAT_NENGINES; e++) check_engine(e, sql, size);
  check_params(sql, size);
  check_versions(sql, size);
  return 0;
}
