/* An empty transaction through shunt_begin and shunt_commit, against BEGIN and COMMIT by themselves, on each engine.
 * One connection each, on the same file or Unix socket. */
#include "bench/servers.h"

typedef struct world {
  int transactions; /* of a round */
  sqlite3_stmt *begin, *commit;
  PGconn *pg;
  MYSQL *mysql;
  shunt_session *session;
} world;

static void step(sqlite3_stmt *stmt) {
  if (sqlite3_step(stmt) != SQLITE_DONE) bench_die("%s", sqlite3_errmsg(sqlite3_db_handle(stmt)));
  sqlite3_reset(stmt);
}

/* What writes takes the lock at once, as shunt does: an upgrade could fail in the middle. */
static void sqlite_round(void *ud) {
  const world *w = ud;
  for (int i = 0; i < w->transactions; i++) {
    step(w->begin);
    step(w->commit);
  }
}

static void pg_round(void *ud) {
  const world *w = ud;
  for (int i = 0; i < w->transactions; i++) {
    bench_pg_run(w->pg, "BEGIN");
    bench_pg_run(w->pg, "COMMIT");
  }
}

static void mysql_round(void *ud) {
  const world *w = ud;
  for (int i = 0; i < w->transactions; i++)
    if (mysql_query(w->mysql, "START TRANSACTION") || mysql_query(w->mysql, "COMMIT"))
      bench_die("%s", mysql_error(w->mysql));
}

static void shunt_round(void *ud) {
  const world *w = ud;
  shunt_error err;
  for (int i = 0; i < w->transactions; i++) {
    shunt_tx *tx;
    if (shunt_begin(w->session, NULL, &tx, &err) || shunt_commit(tx, &err)) bench_die("%s", err.message);
  }
}

static void measure(const char *name, world *w, const bench_db *db, void (*raw)(void *)) {
  bench_pairs pairs;
  shunt_error err;
  bench_config((const bench_db *[]){db}, 1);
  shunt_app *app = bench_open();
  if (shunt_session_open(app, NULL, &w->session, &err)) bench_die("%s", err.message);
  bench_measure(raw, shunt_round, w, &pairs);
  bench_report_pairs(name, &pairs, 1.15, w->transactions, "BEGIN and COMMIT", "shunt_begin and shunt_commit");
  shunt_session_close(w->session);
  shunt_close(app);
}

static void on_sqlite(void) {
  world w = {.transactions = 20000};
  bench_db db = bench_db_make(BENCH_SQLITE, "main");
  sqlite3 *raw = bench_database("main.db");
  bench_sql(raw, "CREATE TABLE t (id INTEGER PRIMARY KEY)");
  w.begin = bench_prepare(raw, "BEGIN IMMEDIATE");
  w.commit = bench_prepare(raw, "COMMIT");
  measure("transaction_ratio", &w, &db, sqlite_round);
  sqlite3_finalize(w.begin);
  sqlite3_finalize(w.commit);
  sqlite3_close(raw);
}

static void on_servers(void) {
  world w = {.transactions = 3000};
  bench_db pg = bench_db_make(BENCH_PG, "main"), mysql = bench_db_make(BENCH_MYSQL, "main");
  w.pg = bench_pg_open(&pg);
  w.mysql = bench_mysql_open(&mysql);
  measure("transaction_pg_ratio", &w, &pg, pg_round);
  measure("transaction_mysql_ratio", &w, &mysql, mysql_round);
  PQfinish(w.pg);
  mysql_close(w.mysql);
}

int main(void) {
  bench_folder();
  bench_write("rules/models.lua", "");
  on_sqlite();
  on_servers();
  bench_clean();
  return 0;
}
