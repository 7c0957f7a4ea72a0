/* Users with three relations, each on another datasource that takes 20 ms longer for every statement, through
 * shunt_select, against the slowest of the three statements alone. */
#include "bench/servers.h"

enum { USERS = 50, SLOW = 3 };

static const char rules[] = "model \"user\" { table = \"users\", relations = {\n"
                            "  visits = has_many(\"visit\", \"user_id\"),\n"
                            "  tickets = has_many(\"ticket\", \"user_id\"),\n"
                            "  orders = has_many(\"order\", \"user_id\") } }\n"
                            "model \"visit\" { table = \"slow_items\", client = \"visits\" }\n"
                            "model \"ticket\" { table = \"slow_items\", client = \"tickets\" }\n"
                            "model \"order\" { table = \"slow_items\", client = \"orders\" }\n";

typedef struct world {
  bench_db slow[SLOW];
  PGconn *pg[SLOW]; /* the one or the other */
  MYSQL *mysql[SLOW];
  char keys[USERS * 4 + 1]; /* 1,2,… */
  shunt_session *session;
  uint64_t raw_sum, shunt_sum;
} world;

/* ---- the databases ---- */

/* Each of the views sleeps once a statement: MariaDB would do PostgreSQL's condition for every row, and PostgreSQL
 * leaves out MariaDB's table of one row. */
static void fill_slow(const bench_db *db) {
  bench_db_numbers(db, 2);
  bench_db_run(db, "CREATE TABLE items (id bigint PRIMARY KEY, user_id bigint NOT NULL, name varchar(40))");
  bench_db_run(db, "INSERT INTO items SELECT i, i % 50 + 1, CONCAT('Item ', i) FROM numbers");
  bench_db_run(db, "CREATE INDEX items_user ON items (user_id)");
  bench_db_settle(db, "items");
  bench_db_run(db, db->engine == BENCH_PG
                       ? "CREATE VIEW slow_items AS SELECT id, user_id, name FROM items "
                         "WHERE (SELECT pg_sleep(0.02)) IS NOT NULL"
                       : "CREATE VIEW slow_items AS SELECT id, user_id, name FROM items, (SELECT SLEEP(0.02) AS z) s");
}

static void fill_users(const bench_db *db) {
  bench_db_run(db, "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT);"
                   "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50) "
                   "INSERT INTO users SELECT i, 'User number ' || i FROM n");
}

static void fill(world *w) {
  bench_db main = bench_db_make(BENCH_SQLITE, "main");
  w->slow[0] = bench_db_make(BENCH_PG, "visits");
  w->slow[1] = bench_db_make(BENCH_PG, "tickets");
  w->slow[2] = bench_db_make(BENCH_MYSQL, "orders");
  fill_users(&main);
  for (int i = 0; i < SLOW; i++) fill_slow(&w->slow[i]);
  bench_config((const bench_db *[]){&main, &w->slow[0], &w->slow[1], &w->slow[2]}, SLOW + 1);
}

/* ---- the raw side ---- */

static uint64_t cells_sum(uint64_t id, uint64_t user_id, size_t name_size) { return id * user_id + name_size; }

static uint64_t pg_sum(PGconn *pg, const char *sql) {
  uint64_t sum = 0;
  PGresult *result = PQexec(pg, sql);
  if (PQresultStatus(result) != PGRES_TUPLES_OK) bench_die("%s", PQerrorMessage(pg));
  for (int i = 0; i < PQntuples(result); i++)
    sum += cells_sum(strtoull(PQgetvalue(result, i, 0), NULL, 10), strtoull(PQgetvalue(result, i, 1), NULL, 10),
                     (size_t)PQgetlength(result, i, 2));
  PQclear(result);
  return sum;
}

static uint64_t mysql_sum(MYSQL *mysql, const char *sql) {
  uint64_t sum = 0;
  MYSQL_RES *result = mysql_query(mysql, sql) ? NULL : mysql_store_result(mysql);
  if (!result) bench_die("%s", mysql_error(mysql));
  for (MYSQL_ROW row; (row = mysql_fetch_row(result));)
    sum += cells_sum(strtoull(row[0], NULL, 10), strtoull(row[1], NULL, 10), strlen(row[2]));
  mysql_free_result(result);
  return sum;
}

/* One after the other, to compare all of their rows; what counts is the slowest of them. */
static double raw_round(world *w) {
  char sql[sizeof w->keys + 96];
  double slowest = 0;
  snprintf(sql, sizeof sql, "SELECT id, user_id, name FROM slow_items WHERE user_id IN (%s)", w->keys);
  for (int i = 0; i < SLOW; i++) {
    int64_t start = bench_now_ns();
    w->raw_sum += w->pg[i] ? pg_sum(w->pg[i], sql) : mysql_sum(w->mysql[i], sql);
    double took = (double)(bench_now_ns() - start);
    if (took > slowest) slowest = took;
  }
  return slowest;
}

/* ---- shunt's side ---- */

static double shunt_round(world *w) {
  static const shunt_include include[SLOW] = {{.relation = "visits"}, {.relation = "tickets"}, {.relation = "orders"}};
  shunt_rows *users;
  shunt_error err;
  int64_t start = bench_now_ns();
  if (shunt_select(w->session, "user", &(shunt_query){.include = include, .ninclude = SLOW}, &users, &err))
    bench_die("%s", err.message);
  for (size_t r = 0; r < SLOW; r++) {
    const shunt_rows *rows = shunt_rows_loaded(users, r).rows;
    for (size_t u = 0; u < shunt_rows_count(users); u++) {
      size_t n;
      const uint32_t *of_user = shunt_rows_related(users, r, u, &n);
      for (size_t i = 0; i < n; i++) {
        const shunt_value *cells = shunt_rows_at(rows, of_user[i]);
        w->shunt_sum +=
            cells_sum((uint64_t)cells[0].as.integer, (uint64_t)shunt_rows_at(users, u)[0].as.integer, cells[2].size);
      }
    }
  }
  shunt_rows_free(users);
  return (double)(bench_now_ns() - start);
}

/* ---- both ---- */

static void open_raw(world *w) {
  size_t size = 0;
  for (int i = 1; i <= USERS; i++)
    size += (size_t)snprintf(w->keys + size, sizeof w->keys - size, "%s%d", i > 1 ? "," : "", i);
  for (int i = 0; i < SLOW; i++) {
    if (w->slow[i].engine == BENCH_PG)
      w->pg[i] = bench_pg_open(&w->slow[i]);
    else
      w->mysql[i] = bench_mysql_open(&w->slow[i]);
  }
}

int main(void) {
  world w = {0};
  bench_pairs pairs = {.rounds = BENCH_ROUNDS};
  shunt_error err;
  bench_folder();
  bench_write("rules/models.lua", rules);
  fill(&w);
  open_raw(&w);
  shunt_app *app = bench_open();
  if (shunt_session_open(app, NULL, &w.session, &err)) bench_die("%s", err.message);
  raw_round(&w);
  shunt_round(&w);
  for (int i = 0; i < pairs.rounds; i++) {
    pairs.raw[i] = raw_round(&w);
    pairs.shunt[i] = shunt_round(&w);
  }
  if (w.raw_sum != w.shunt_sum) bench_die("include_slow: the two sides read different rows");
  bench_report_pairs("include_slow_ratio", &pairs, 1.3, 1, "the slowest statement alone", "shunt_select with include");
  shunt_session_close(w.session);
  shunt_close(app);
  for (int i = 0; i < SLOW; i++) {
    PQfinish(w.pg[i]);
    if (w.mysql[i]) mysql_close(w.mysql[i]);
  }
  bench_clean();
  return 0;
}
