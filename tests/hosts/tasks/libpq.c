/* The tasks of shunt.c with libpq. Use: libpq CONNINFO */
#include <inttypes.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

static PGconn *db;

static void die(void) {
  fprintf(stderr, "%s", PQerrorMessage(db));
  exit(1);
}

static void open_it(const char *where) {
  /* open */
  db = PQconnectdb(where);
  if (PQstatus(db) != CONNECTION_OK) die();
  /* end */
}

static void read_one(int64_t id) {
  /* read one row */
  char text[24];
  snprintf(text, sizeof text, "%" PRId64, id);
  const char *params[] = {text};
  PGresult *rows = PQexecParams(db, "SELECT name FROM users WHERE id = $1", 1, NULL, params, NULL, NULL, 0);
  if (PQresultStatus(rows) != PGRES_TUPLES_OK) die();
  if (PQntuples(rows)) puts(PQgetvalue(rows, 0, 0));
  PQclear(rows);
  /* end */
}

static void read_related(int64_t id) {
  /* read with a relation */
  char text[24];
  snprintf(text, sizeof text, "%" PRId64, id);
  const char *params[] = {text};
  const char *sql = "SELECT o.item FROM users u JOIN orders o ON o.user_id = u.id WHERE u.id = $1 ORDER BY o.id";
  PGresult *rows = PQexecParams(db, sql, 1, NULL, params, NULL, NULL, 0);
  if (PQresultStatus(rows) != PGRES_TUPLES_OK) die();
  for (int i = 0; i < PQntuples(rows); i++) puts(PQgetvalue(rows, i, 0));
  PQclear(rows);
  /* end */
}

static void write_one(int64_t user, const char *item) {
  /* write */
  char text[24];
  snprintf(text, sizeof text, "%" PRId64, user);
  const char *params[] = {text, item};
  const char *sql = "INSERT INTO orders (user_id, item) VALUES ($1, $2) RETURNING id";
  PGresult *rows = PQexecParams(db, sql, 2, NULL, params, NULL, NULL, 0);
  if (PQresultStatus(rows) != PGRES_TUPLES_OK) die();
  puts(PQgetvalue(rows, 0, 0));
  PQclear(rows);
  /* end */
}

/* transaction */
static void run(const char *sql, int n, const char *const *params) {
  PGresult *result = PQexecParams(db, sql, n, NULL, params, NULL, NULL, 0);
  if (PQresultStatus(result) != PGRES_COMMAND_OK) die();
  PQclear(result);
}
static void add(int64_t id, int64_t amount) {
  char texts[2][24];
  snprintf(texts[0], sizeof texts[0], "%" PRId64, amount);
  snprintf(texts[1], sizeof texts[1], "%" PRId64, id);
  const char *params[] = {texts[0], texts[1]};
  run("UPDATE accounts SET balance = balance + $1 WHERE id = $2", 2, params);
}
/* end */

static void transfer(int64_t from, int64_t to, int64_t amount) {
  /* transaction */
  run("BEGIN", 0, NULL);
  add(from, -amount);
  add(to, amount);
  run("COMMIT", 0, NULL);
  /* end */
}

static void resolve(const char *model) {
  /* resolve */
  const char *params[] = {model};
  PGresult *rows = PQexecParams(db, "SELECT client FROM routes WHERE model = $1", 1, NULL, params, NULL, NULL, 0);
  if (PQresultStatus(rows) != PGRES_TUPLES_OK) die();
  puts(PQntuples(rows) ? PQgetvalue(rows, 0, 0) : "main");
  PQclear(rows);
  /* end */
}

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  open_it(argv[1]);
  read_one(7);
  read_related(7);
  write_one(7, "tea");
  transfer(1, 2, 30);
  resolve("invoice");
  PQfinish(db);
}
