/* A read over 16 tables on one PostgreSQL, against the same 16 statements in a pipeline, prepared, whose rows the
 * program sorts and cuts. Both give the first 100 rows by their id. */
#include "bench/servers.h"

enum { PARTS = 16, READS = 100, ROWS = 100, TEXT_BYTES = 64 };

#define SELECT "SELECT id, user_id, state, total, placed FROM orders_%02d"

typedef struct world {
  PGconn *pg;
  shunt_app *app;
  shunt_session *session;
  uint64_t raw_sum, shunt_sum;
} world;

/* The raw side's row: numbers, and the one text. */
typedef struct row {
  int64_t id, user_id, placed;
  double total;
  char state[TEXT_BYTES];
} row;

static bench_db fill(void) {
  bench_db db = bench_db_make(BENCH_PG, "main");
  char sql[512];
  bench_db_numbers(&db, 5);
  for (int part = 0; part < PARTS; part++) {
    snprintf(
        sql, sizeof sql,
        "CREATE TABLE orders_%02d (id bigint PRIMARY KEY, user_id bigint NOT NULL, state varchar(20), total double "
        "precision, placed bigint)",
        part);
    bench_db_run(&db, sql);
    snprintf(
        sql, sizeof sql,
        "INSERT INTO orders_%02d SELECT i, i * 7919 %% 10000, CASE i %% 3 WHEN 0 THEN 'paid' WHEN 1 THEN 'shipped' "
        "ELSE 'open' END, i / 4.0, 1700000000 + i FROM numbers WHERE i * 7919 %% 10000 %% %d = %d",
        part, PARTS, part);
    bench_db_run(&db, sql);
    char table[16];
    snprintf(table, sizeof table, "orders_%02d", part % PARTS);
    bench_db_settle(&db, table);
  }
  bench_config((const bench_db *[]){&db}, 1);
  bench_write("rules/models.lua",
              "model \"order\" { parts = { tables = \"orders_%02d\", n = 16 }, table = function(req)\n"
              "  local n = req:mod(\"where.user_id\", 16)\n"
              "  return (\"orders_%02d\"):format(n or 0)\nend }\n");
  return db;
}

static void prepare(PGconn *pg) {
  char sql[256], name[16];
  for (int part = 0; part < PARTS; part++) {
    snprintf(sql, sizeof sql, SELECT " WHERE id > $1 ORDER BY id LIMIT 100", part);
    snprintf(name, sizeof name, "read_%d", part);
    PQclear(PQprepare(pg, name, sql, 1, NULL));
  }
}

static int64_t first_id(int i) { return (int64_t)i * 7919 % 90000; }

static int by_id(const void *a, const void *b) {
  int64_t x = ((const row *)a)->id, y = ((const row *)b)->id;
  return (x > y) - (x < y);
}

static size_t take_rows(PGconn *pg, row *rows) {
  PGresult *result = PQgetResult(pg);
  if (PQresultStatus(result) != PGRES_TUPLES_OK) bench_die("%s", PQerrorMessage(pg));
  size_t n = (size_t)PQntuples(result);
  for (size_t i = 0; i < n; i++) {
    rows[i] = (row){.id = strtoll(PQgetvalue(result, (int)i, 0), NULL, 10),
                    .user_id = strtoll(PQgetvalue(result, (int)i, 1), NULL, 10),
                    .total = strtod(PQgetvalue(result, (int)i, 3), NULL),
                    .placed = strtoll(PQgetvalue(result, (int)i, 4), NULL, 10)};
    memcpy(rows[i].state, PQgetvalue(result, (int)i, 2), (size_t)PQgetlength(result, (int)i, 2) + 1);
  }
  PQclear(result);
  PQclear(PQgetResult(pg)); /* the end of this statement */
  return n;
}

static void raw_round(void *ud) {
  static row rows[PARTS * ROWS];
  world *w = ud;
  for (int i = 0; i < READS; i++) {
    char id[24], name[16];
    size_t n = 0;
    snprintf(id, sizeof id, "%lld", (long long)first_id(i));
    PQenterPipelineMode(w->pg);
    for (int part = 0; part < PARTS; part++) {
      snprintf(name, sizeof name, "read_%d", part);
      PQsendQueryPrepared(w->pg, name, 1, (const char *const[]){id}, NULL, NULL, 0);
    }
    PQpipelineSync(w->pg);
    for (int part = 0; part < PARTS; part++) n += take_rows(w->pg, rows + n);
    PQclear(PQgetResult(w->pg)); /* the end of the pipeline */
    PQexitPipelineMode(w->pg);
    qsort(rows, n, sizeof *rows, by_id);
    for (size_t r = 0; r < n && r < ROWS; r++)
      w->raw_sum += (uint64_t)rows[r].id + (uint64_t)rows[r].user_id + (uint64_t)rows[r].placed +
                    (uint64_t)rows[r].total + strlen(rows[r].state);
  }
}

static void shunt_round(void *ud) {
  world *w = ud;
  for (int i = 0; i < READS; i++) {
    shunt_value id = shunt_integer(first_id(i));
    shunt_where where = {.op = SHUNT_GT, .column = "id", .values = &id, .nvalues = 1};
    shunt_query query = {.where = &where, .order = (const char *const[]){"id"}, .norder = 1, .limit = ROWS};
    shunt_rows *rows;
    shunt_error err;
    if (shunt_select(w->session, "order", &query, &rows, &err)) bench_die("%s", err.message);
    for (size_t r = 0; r < shunt_rows_count(rows); r++) {
      const shunt_value *cells = shunt_rows_at(rows, r);
      w->shunt_sum += (uint64_t)cells[0].as.integer + (uint64_t)cells[1].as.integer + cells[2].size +
                      (uint64_t)cells[3].as.number + (uint64_t)cells[4].as.integer;
    }
    shunt_rows_free(rows);
  }
}

int main(void) {
  world w = {.raw_sum = 0};
  bench_pairs pairs;
  shunt_error err;
  bench_folder();
  bench_db db = fill();
  w.pg = bench_pg_open(&db);
  prepare(w.pg);
  w.app = bench_open();
  if (shunt_session_open(w.app, NULL, &w.session, &err)) bench_die("%s", err.message);
  bench_measure(raw_round, shunt_round, &w, &pairs);
  if (w.raw_sum != w.shunt_sum) bench_die("parts_pg_ratio: the two sides read different rows");
  bench_report_pairs("parts_pg_ratio", &pairs, 1.15, READS, "16 statements in a pipeline", "shunt_select");
  shunt_session_close(w.session);
  shunt_close(w.app);
  PQfinish(w.pg);
  bench_clean();
  return 0;
}
