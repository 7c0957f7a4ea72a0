/* A row on PostgreSQL and a related one on MariaDB, committed as one in two phases: shunt_insert with an include and
 * database.spanning: join, against the same statements by hand, prepared, on one connection each. */

#include "bench/servers.h"

enum { UNITS = 300 /* of a round */ };

typedef struct world {
  PGconn *pg;
  MYSQL *mysql;
  MYSQL_STMT *insert, *decide, *select;
  long long next;
  shunt_session *session;
} world;

static long long unit_number(world *w) { return ++w->next; }

/* ---- by hand ---- */

static void execute(MYSQL_STMT *stmt, MYSQL_BIND *params) {
  if (mysql_stmt_bind_param(stmt, params) || mysql_stmt_execute(stmt)) bench_die("%s", mysql_stmt_error(stmt));
}

static MYSQL_BIND integer(long long *value) {
  return (MYSQL_BIND){.buffer_type = MYSQL_TYPE_LONGLONG, .buffer = value};
}

static MYSQL_BIND text(char *bytes) {
  return (MYSQL_BIND){.buffer_type = MYSQL_TYPE_STRING, .buffer = bytes, .buffer_length = strlen(bytes)};
}

static void insert_parent(const world *w, long long n) {
  char number[32];
  const char *values[] = {number};
  snprintf(number, sizeof number, "%lld", n);
  PGresult *result = PQexecPrepared(w->pg, "parent", 1, values, NULL, NULL, 0);
  if (PQresultStatus(result) != PGRES_TUPLES_OK) bench_die("%s", PQerrorMessage(w->pg));
  PQclear(result);
}

static void decide(const world *w, char *id) {
  char state[] = "committed", participants[] = "one, two";
  long long at_ms = 1795970746000;
  MYSQL_BIND params[] = {text(id), text(state), text(participants), integer(&at_ms)};
  execute(w->decide, params);
}

static void read_children(const world *w, long long n) {
  long long cells[3];
  MYSQL_BIND params[] = {integer(&n)}, results[] = {integer(&cells[0]), integer(&cells[1]), integer(&cells[2])};
  execute(w->select, params);
  if (mysql_stmt_bind_result(w->select, results) || mysql_stmt_fetch(w->select) || cells[1] != n)
    bench_die("the child is not there");
  mysql_stmt_free_result(w->select);
}

static void unit_by_hand(world *w) {
  long long n = unit_number(w);
  char id[64], sql[128];
  MYSQL_BIND params[] = {integer(&n), integer(&n)};
  snprintf(id, sizeof id, "by_hand_%lld_%ld", n, (long)getpid());
  bench_pg_run(w->pg, "BEGIN");
  insert_parent(w, n);
  snprintf(sql, sizeof sql, "XA START '%s'", id);
  bench_mysql_run(w->mysql, sql);
  execute(w->insert, params);
  read_children(w, n);
  snprintf(sql, sizeof sql, "PREPARE TRANSACTION '%s'", id);
  bench_pg_run(w->pg, sql);
  decide(w, id);
  snprintf(sql, sizeof sql, "XA END '%s'", id);
  bench_mysql_run(w->mysql, sql);
  snprintf(sql, sizeof sql, "XA COMMIT '%s' ONE PHASE", id);
  bench_mysql_run(w->mysql, sql);
  snprintf(sql, sizeof sql, "COMMIT PREPARED '%s'", id);
  bench_pg_run(w->pg, sql);
}

static void raw_round(void *ud) {
  for (int i = 0; i < UNITS; i++) unit_by_hand(ud);
}

/* ---- with shunt ---- */

static void unit_with_shunt(world *w) {
  const long long n = unit_number(w);
  const shunt_field child[] = {{"n", shunt_integer(n)}}, parent[] = {{"id", shunt_integer(n)}};
  const shunt_record children[] = {{.fields = child, .nfields = 1}};
  const shunt_related related[] = {{.relation = "children", .records = children, .nrecords = 1}};
  const shunt_record record = {.fields = parent, .nfields = 1, .related = related, .nrelated = 1};
  const shunt_include include = {.relation = "children"};
  shunt_rows *rows;
  shunt_error err;
  if (shunt_insert(w->session, "parent", &record, &(shunt_write){.include = &include, .ninclude = 1}, &rows, &err))
    bench_die("%s", err.message);
  shunt_rows_free(rows);
}

static void shunt_round(void *ud) {
  for (int i = 0; i < UNITS; i++) unit_with_shunt(ud);
}

/* ---- both ---- */

static const char models[] = "model \"parent\" { table = \"parents\", client = \"one\", relations = { children = "
                             "has_many(\"child\", \"parent\") } }\n"
                             "model \"child\" { table = \"children\", client = \"two\" }\n";

static void prepare(world *w) {
  PGresult *result = PQprepare(w->pg, "parent", "INSERT INTO parents (id) VALUES ($1) RETURNING id", 1, NULL);
  if (PQresultStatus(result) != PGRES_COMMAND_OK) bench_die("%s", PQerrorMessage(w->pg));
  PQclear(result);
  w->insert = bench_mysql_prepare(w->mysql, "INSERT INTO children (n, parent) VALUES (?, ?)");
  w->decide =
      bench_mysql_prepare(w->mysql, "INSERT INTO shunt_transactions (gid, state, detail, at_ms) VALUES (?, ?, ?, ?)");
  w->select = bench_mysql_prepare(w->mysql, "SELECT id, parent, n FROM children WHERE parent = ?");
}

static long long count(const world *w) {
  PGresult *result = PQexec(w->pg, "SELECT count(*) FROM parents");
  const long long n = PQntuples(result) ? strtoll(PQgetvalue(result, 0, 0), NULL, 10) : -1;
  PQclear(result);
  return n;
}

int main(void) {
  world w = {.next = 0};
  bench_pairs pairs;
  shunt_error err;
  bench_folder();
  bench_write("rules/models.lua", models);
  bench_write("shunt.dev.yaml", "database: {spanning: join}\n");
  bench_db pg = bench_db_make(BENCH_PG, "one"), mysql = bench_db_make(BENCH_MYSQL, "two");
  bench_db_run(&pg, "CREATE TABLE parents (id INTEGER PRIMARY KEY)");
  bench_db_run(&mysql, "CREATE TABLE children (id INTEGER PRIMARY KEY AUTO_INCREMENT, parent INTEGER, n INTEGER, "
                       "INDEX (parent))");
  bench_config((const bench_db *[]){&pg, &mysql}, 2);
  shunt_app *app = bench_open();
  if (shunt_session_open(app, NULL, &w.session, &err)) bench_die("%s", err.message);
  unit_with_shunt(&w); /* makes the table of decisions */
  w.pg = bench_pg_open(&pg);
  w.mysql = bench_mysql_open(&mysql);
  prepare(&w);
  bench_measure(raw_round, shunt_round, &w, &pairs);
  if (count(&w) != w.next) bench_die("%lld parents instead of %lld", count(&w), w.next);
  bench_report_pairs("joint_ratio", &pairs, 1.15, UNITS, "PREPARE TRANSACTION and XA", "shunt_insert with spanning");
  shunt_session_close(w.session);
  shunt_close(app);
  mysql_stmt_close(w.insert);
  mysql_stmt_close(w.decide);
  mysql_stmt_close(w.select);
  PQfinish(w.pg);
  mysql_close(w.mysql);
  bench_clean();
  return 0;
}
