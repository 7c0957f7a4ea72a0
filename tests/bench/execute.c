/* A write by hand: shunt_sql, which finds out its op and whether the connection has to be reset, against the same
 * statement by itself, prepared once. And a call that makes the connection be reset. One connection each, on the same
 * file or Unix socket. */
#include "bench/servers.h"

typedef struct world {
  int writes; /* of a round */
  sqlite3_stmt *sqlite;
  PGconn *pg;
  MYSQL_STMT *mysql;
  shunt_session *session;
} world;

static const char update[] = "UPDATE t SET n = 1 WHERE id = 1", plain[] = "SELECT 1";

static void sqlite_round(void *ud) {
  const world *w = ud;
  for (int i = 0; i < w->writes; i++) {
    if (sqlite3_step(w->sqlite) != SQLITE_DONE) bench_die("%s", sqlite3_errmsg(sqlite3_db_handle(w->sqlite)));
    sqlite3_reset(w->sqlite);
  }
}

static void pg_round(void *ud) {
  const world *w = ud;
  for (int i = 0; i < w->writes; i++) {
    PGresult *result = PQexecPrepared(w->pg, "u", 0, NULL, NULL, NULL, 0);
    if (PQresultStatus(result) != PGRES_COMMAND_OK) bench_die("%s", PQerrorMessage(w->pg));
    PQclear(result);
  }
}

static void mysql_round(void *ud) {
  const world *w = ud;
  for (int i = 0; i < w->writes; i++)
    if (mysql_stmt_execute(w->mysql)) bench_die("%s", mysql_stmt_error(w->mysql));
}

static void run(const world *w, const char *sql) {
  shunt_error err;
  int64_t affected;
  if (shunt_sql(w->session, sql, &(shunt_sql_options){.client = "main"}, NULL, &affected, &err))
    bench_die("%s", err.message);
}

static void shunt_round(void *ud) {
  const world *w = ud;
  for (int i = 0; i < w->writes; i++) run(w, update);
}

static double call_us(const world *w, const char *sql) {
  enum { CALLS = 500 };
  run(w, sql);
  const int64_t begin_ns = bench_now_ns();
  for (int i = 0; i < CALLS; i++) run(w, sql);
  return (double)(bench_now_ns() - begin_ns) / CALLS / 1000;
}

/* leaves: SQL that makes the connection be reset. */
static void measure(const char *name, const char *leaves, world *w, const bench_db *db, void (*raw)(void *)) {
  bench_pairs pairs;
  shunt_error err;
  bench_config((const bench_db *[]){db}, 1);
  shunt_app *app = bench_open();
  if (shunt_session_open(app, NULL, &w->session, &err)) bench_die("%s", err.message);
  bench_measure(raw, shunt_round, w, &pairs);
  bench_report_pairs(name, &pairs, 1.15, w->writes, "a prepared UPDATE", "shunt_sql");
  const double without = call_us(w, plain), with = call_us(w, leaves);
  printf("# a call without a reset %.1f us, with one (%s) %.1f us\n", without, leaves, with);
  shunt_session_close(w->session);
  shunt_close(app);
}

static void on_sqlite(void) {
  world w = {.writes = 2000};
  bench_db db = bench_db_make(BENCH_SQLITE, "main");
  sqlite3 *raw = bench_database("main.db");
  bench_sql(raw, "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER)");
  bench_sql(raw, "INSERT INTO t VALUES (1, 0)");
  w.sqlite = bench_prepare(raw, update);
  measure("execute_ratio", "PRAGMA cache_size = -3000", &w, &db, sqlite_round);
  sqlite3_finalize(w.sqlite);
  sqlite3_close(raw);
}

static void make_table(const bench_db *db) {
  bench_db_run(db, "CREATE TABLE t (id integer PRIMARY KEY, n integer)");
  bench_db_run(db, "INSERT INTO t VALUES (1, 0)");
}

static void on_pg(void) {
  world w = {.writes = 2000};
  bench_db db = bench_db_make(BENCH_PG, "main");
  make_table(&db);
  w.pg = bench_pg_open(&db);
  PQclear(PQprepare(w.pg, "u", update, 0, NULL));
  measure("execute_pg_ratio", "SET work_mem = '5MB'", &w, &db, pg_round);
  PQfinish(w.pg);
}

static void on_mysql(void) {
  world w = {.writes = 2000};
  bench_db db = bench_db_make(BENCH_MYSQL, "main");
  make_table(&db);
  MYSQL *mysql = bench_mysql_open(&db);
  w.mysql = bench_mysql_prepare(mysql, update);
  measure("execute_mysql_ratio", "SET @a = 1", &w, &db, mysql_round);
  mysql_stmt_close(w.mysql);
  mysql_close(mysql);
}

int main(void) {
  bench_folder();
  bench_write("rules/models.lua", "");
  on_sqlite();
  on_pg();
  on_mysql();
  bench_clean();
  return 0;
}
