/* For: databases of a measuring program's own on the servers of SHUNT_TEST_PG and SHUNT_TEST_MYSQL, raw connections to
 * them, and the app config that names them. Owner: a database is dropped when the program ends; a connection belongs to
 * who opened it. Use: bench_db db = bench_db_make(BENCH_PG, "users"); bench_db_run(&db, "CREATE TABLE …");
 * bench_config((const bench_db *[]){&db}, 1); PGconn *pg = bench_pg_open(&db); … */
#ifndef SHUNT_BENCH_SERVERS_H
#define SHUNT_BENCH_SERVERS_H

#include "bench/bench.h"

#include <libpq-fe.h>
#include <mysql.h>

typedef enum bench_engine { BENCH_SQLITE, BENCH_PG, BENCH_MYSQL } bench_engine;

enum { BENCH_MOST_DBS = 8 };

/* A datasource: a file in the scratch folder, or a database on a server. */
typedef struct bench_db {
  bench_engine engine;
  char client[32];      /* its name in the app config */
  char url[BENCH_PATH]; /* of a server's */
  char database[64];    /* of a server's */
} bench_db;

/* MariaDB's library, and MySQL's before 8.0, have a type of their own for what MySQL's now calls a bool. */
#if defined(MARIADB_BASE_VERSION) || MYSQL_VERSION_ID < 80000
typedef my_bool bench_mysql_flag;
#else
typedef bool bench_mysql_flag;
#endif

static bench_db bench_made[BENCH_MOST_DBS];
static size_t bench_nmade;

/* ---- connections ---- */

static inline PGconn *bench_pg_connect(const char *url) {
  PGconn *pg = PQconnectdb(url);
  if (PQstatus(pg) != CONNECTION_OK) bench_die("%s", PQerrorMessage(pg));
  return pg;
}

static inline PGconn *bench_pg_open(const bench_db *db) { return bench_pg_connect(db->url); }

/* The text from *at to the first of the characters in `ends`, with %XX decoded; *at is then behind it. */
static inline void bench_url_part(const char **at, const char *ends, char *to, size_t room) {
  size_t size = 0;
  for (; **at && !strchr(ends, **at); ++*at) {
    unsigned byte = (unsigned char)**at;
    if (byte == '%' && sscanf(*at, "%%%2x", &byte) == 1) *at += 2;
    if (size + 1 < room) to[size++] = (char)byte;
  }
  to[size] = 0;
}

/* mysql://USER:PASSWORD@HOST:PORT/DATABASE?socket=PATH */
static inline MYSQL *bench_mysql_connect(const char *url) {
  char user[128], password[128] = "", host[128], port[16] = "0", database[64], key[32], value[BENCH_PATH];
  char socket[BENCH_PATH] = "";
  const char *at = strstr(url, "://");
  if (!at) bench_die("SHUNT_TEST_MYSQL is not of the form mysql://USER:PASSWORD@HOST:PORT/DATABASE?socket=PATH");
  at += 3;
  bench_url_part(&at, ":@", user, sizeof user);
  if (*at == ':' && at++) bench_url_part(&at, "@", password, sizeof password);
  if (*at == '@') at++;
  bench_url_part(&at, ":/", host, sizeof host);
  if (*at == ':' && at++) bench_url_part(&at, "/", port, sizeof port);
  if (*at == '/') at++;
  bench_url_part(&at, "?", database, sizeof database);
  while (*at && at++) {
    bench_url_part(&at, "=", key, sizeof key);
    if (*at == '=') at++;
    bench_url_part(&at, "&", value, sizeof value);
    if (strcmp(key, "socket") == 0) memcpy(socket, value, sizeof socket);
  }
  MYSQL *mysql = mysql_init(NULL);
  if (!mysql) bench_die("out of memory");
  mysql_options(mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
  if (!mysql_real_connect(mysql, host, user, password, database, (unsigned)strtoul(port, NULL, 10),
                          *socket ? socket : NULL, 0))
    bench_die("%s", mysql_error(mysql));
  return mysql;
}

static inline MYSQL *bench_mysql_open(const bench_db *db) { return bench_mysql_connect(db->url); }

/* ---- statements without rows ---- */

static inline void bench_pg_run(PGconn *pg, const char *sql) {
  PGresult *result = PQexec(pg, sql);
  if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK)
    bench_die("%s in: %.300s", PQerrorMessage(pg), sql);
  PQclear(result);
}

static inline void bench_mysql_run(MYSQL *mysql, const char *sql) {
  if (mysql_query(mysql, sql)) bench_die("%s in: %.300s", mysql_error(mysql), sql);
  MYSQL_RES *result = mysql_store_result(mysql);
  if (result) mysql_free_result(result);
}

static inline MYSQL_STMT *bench_mysql_prepare(MYSQL *mysql, const char *sql) {
  MYSQL_STMT *stmt = mysql_stmt_init(mysql);
  if (!stmt) bench_die("out of memory");
  if (mysql_stmt_prepare(stmt, sql, strlen(sql))) bench_die("%s in: %.300s", mysql_stmt_error(stmt), sql);
  return stmt;
}

static inline void bench_url_run(bench_engine engine, const char *url, const char *sql) {
  if (engine == BENCH_PG) {
    PGconn *pg = bench_pg_connect(url);
    bench_pg_run(pg, sql);
    PQfinish(pg);
  } else {
    MYSQL *mysql = bench_mysql_connect(url);
    bench_mysql_run(mysql, sql);
    mysql_close(mysql);
  }
}

static inline void bench_db_run(const bench_db *db, const char *sql) {
  if (db->engine == BENCH_SQLITE) {
    char name[64];
    snprintf(name, sizeof name, "%s.db", db->client);
    sqlite3 *file = bench_database(name);
    bench_sql(file, sql);
    sqlite3_close(file);
  } else {
    bench_url_run(db->engine, db->url, sql);
  }
}

/* ---- databases ---- */

static inline const char *bench_server_url(bench_engine engine) {
  const char *name = engine == BENCH_PG ? "SHUNT_TEST_PG" : "SHUNT_TEST_MYSQL", *url = getenv(name);
  if (!url || !*url) bench_die("%s is not set: sh tests/engines/with-servers.sh COMMAND sets it", name);
  return url;
}

static inline void bench_drop_dbs(void) {
  while (bench_nmade) {
    char sql[128];
    const bench_db *db = &bench_made[--bench_nmade];
    snprintf(sql, sizeof sql, "DROP DATABASE %s%s", db->database, db->engine == BENCH_PG ? " WITH (FORCE)" : "");
    bench_url_run(db->engine, bench_server_url(db->engine), sql);
  }
}

/* The server's own URL, with this database in place of its own. */
static inline void bench_set_url(bench_db *db, const char *url) {
  const char *host = strstr(url, "://"), *path = host ? strchr(host + 3, '/') : NULL;
  if (!path) bench_die("a server's URL is of the form ENGINE://USER@HOST/DATABASE?OPTION=VALUE");
  int n =
      snprintf(db->url, sizeof db->url, "%.*s/%s%s", (int)(path - url), url, db->database, path + strcspn(path, "?"));
  if (n >= (int)sizeof db->url) bench_die("the server's URL is too long");
}

static inline bench_db bench_db_make(bench_engine engine, const char *client) {
  bench_db db = {.engine = engine};
  char sql[192];
  snprintf(db.client, sizeof db.client, "%s", client);
  if (engine == BENCH_SQLITE) return db;
  snprintf(db.database, sizeof db.database, "shunt_bench_%ld_%zu", (long)getpid(), bench_nmade);
  bench_set_url(&db, bench_server_url(engine));
  snprintf(sql, sizeof sql, "CREATE DATABASE %s %s", db.database,
           engine == BENCH_PG ? "TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C' ENCODING 'UTF8'"
                              : "CHARACTER SET utf8mb4 COLLATE utf8mb4_bin");
  bench_url_run(engine, bench_server_url(engine), sql);
  if (bench_nmade == 0) atexit(bench_drop_dbs);
  bench_made[bench_nmade++] = db;
  return db;
}

/* Tables to fill others from: digits, and numbers with an i from 1 to the given power of ten. */
static inline void bench_db_numbers(const bench_db *db, int power) {
  char sum[128] = "1", tables[128], sql[384];
  long factor = 1;
  size_t sum_size = 1, size = 0;
  bench_db_run(db, "CREATE TABLE digits (i integer)");
  bench_db_run(db, "INSERT INTO digits VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)");
  bench_db_run(db, "CREATE TABLE numbers (i bigint PRIMARY KEY)");
  for (int i = 0; i < power; i++, factor *= 10) {
    sum_size += (size_t)snprintf(sum + sum_size, sizeof sum - sum_size, " + %ld * d%d.i", factor, i);
    size += (size_t)snprintf(tables + size, sizeof tables - size, "%sdigits d%d", i ? ", " : "", i);
  }
  snprintf(sql, sizeof sql, "INSERT INTO numbers SELECT %s FROM %s", sum, tables);
  bench_db_run(db, sql);
}

/* So that the server plans by what is there, and nothing is left to do in the background. */
static inline void bench_db_settle(const bench_db *db, const char *table) {
  char sql[128];
  snprintf(sql, sizeof sql, "%s %s", db->engine == BENCH_PG ? "VACUUM ANALYZE" : "ANALYZE TABLE", table);
  bench_db_run(db, sql);
}

/* The app config, the first of the datasources being the default client. */
static inline void bench_config(const bench_db *const *dbs, size_t n) {
  static const char *const engines[] = {"sqlite3", "pg", "mysql"};
  char text[4096];
  size_t size = (size_t)snprintf(
      text, sizeof text, "rules: {path: [rules]}\ndatabase:\n  defaultClient: %s\n  clients:\n", dbs[0]->client);
  for (size_t i = 0; i < n && size < sizeof text; i++) {
    const bench_db *db = dbs[i];
    size += (size_t)snprintf(text + size, sizeof text - size, "    %s: {engine: %s, connection: {%s: \"%s%s\"}}\n",
                             db->client, engines[db->engine], db->engine ? "url" : "filename",
                             db->engine ? db->url : db->client, db->engine ? "" : ".db");
  }
  if (size >= sizeof text) bench_die("the app config is too long");
  bench_write("shunt.yaml", text);
}

#endif
