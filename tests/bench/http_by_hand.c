/* The HTTP service of tests/hosts/http as it is written without shunt: routing by an if, SQL by hand. It takes the same
 * requests and gives the same answers. Use: http_by_hand [PEOPLE_URL SHOP_URL], in the folder of the databases; the
 * URLs are of PostgreSQL, without them people and shop are SQLite files, too. It prints its port and serves until
 * SIGTERM. */
#define _XOPEN_SOURCE 700 /* sigwait, pthread_sigmask */

#include <inttypes.h>
#include <jansson.h>
#include <libpq-fe.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hosts/http/server.h"

#define USER_COLUMNS "SELECT id, iid, name FROM users WHERE id = "
#define ORDER_COLUMNS "SELECT id, iid, user_id, item FROM orders WHERE user_id = "

typedef struct tenant {
  const char *name;
  int64_t id;
  int file; /* of an isolated tenant, in files; else -1 */
} tenant;

enum { FILE_PEOPLE, FILE_SHOP, FILE_UMBRELLA, FILE_HOOLI, NFILES };

static const char *const files[NFILES] = {"people.db", "shop.db", "umbrella.db", "hooli.db"};
static const tenant tenants[] = {
    {"acme", 1, -1}, {"globex", 2, -1}, {"initech", 3, -1}, {"umbrella", 4, FILE_UMBRELLA}, {"hooli", 5, FILE_HOOLI}};
static const char *people_url, *shop_url;

/* ---- connections: each thread has its own ---- */

typedef struct file {
  sqlite3 *db;
  sqlite3_stmt *user, *orders;
} file;

static _Thread_local file opened[NFILES];
static _Thread_local PGconn *people, *shop;

static const file *use_file(int i) {
  file *f = &opened[i];
  if (f->db) return f;
  if (sqlite3_open_v2(files[i], &f->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL)) return NULL;
  sqlite3_exec(f->db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);
  /* people.db has no orders, and shop.db no users */
  sqlite3_prepare_v2(f->db, USER_COLUMNS "? AND iid = ?", -1, &f->user, NULL);
  sqlite3_prepare_v2(f->db, ORDER_COLUMNS "? AND iid = ? ORDER BY id", -1, &f->orders, NULL);
  return f;
}

static PGconn *use_pg(PGconn **at, const char *url, const char *sql) {
  if (*at) return *at;
  PGconn *pg = PQconnectdb(url);
  PGresult *result = PQstatus(pg) == CONNECTION_OK ? PQprepare(pg, "s", sql, 2, NULL) : NULL;
  if (PQresultStatus(result) == PGRES_COMMAND_OK) *at = pg;
  PQclear(result);
  if (!*at) PQfinish(pg);
  return *at;
}

/* ---- rows as JSON: the last column is text, the others are integers ---- */

static json_t *file_row(sqlite3_stmt *stmt) {
  json_t *row = json_object();
  int n = sqlite3_column_count(stmt);
  for (int i = 0; i < n - 1; i++)
    json_object_set_new(row, sqlite3_column_name(stmt, i), json_integer(sqlite3_column_int64(stmt, i)));
  json_object_set_new(row, sqlite3_column_name(stmt, n - 1),
                      json_string((const char *)sqlite3_column_text(stmt, n - 1)));
  return row;
}

static json_t *pg_row(const PGresult *result, int at) {
  json_t *row = json_object();
  int n = PQnfields(result);
  for (int i = 0; i < n - 1; i++)
    json_object_set_new(row, PQfname(result, i), json_integer(strtoll(PQgetvalue(result, at, i), NULL, 10)));
  json_object_set_new(row, PQfname(result, n - 1), json_string(PQgetvalue(result, at, n - 1)));
  return row;
}

/* An array of rows, or NULL if the database failed. */
static json_t *file_rows(sqlite3_stmt *stmt, int64_t id, int64_t iid) {
  json_t *list = json_array();
  int code;
  sqlite3_bind_int64(stmt, 1, id);
  sqlite3_bind_int64(stmt, 2, iid);
  while ((code = sqlite3_step(stmt)) == SQLITE_ROW) json_array_append_new(list, file_row(stmt));
  sqlite3_reset(stmt);
  if (code == SQLITE_DONE) return list;
  json_decref(list);
  return NULL;
}

static json_t *pg_rows(PGconn *pg, int64_t id, int64_t iid) {
  char a[24], b[24];
  if (!pg) return NULL;
  snprintf(a, sizeof a, "%" PRId64, id);
  snprintf(b, sizeof b, "%" PRId64, iid);
  PGresult *result = PQexecPrepared(pg, "s", 2, (const char *const[]){a, b}, NULL, NULL, 0);
  json_t *list = PQresultStatus(result) == PGRES_TUPLES_OK ? json_array() : NULL;
  for (int i = 0; list && i < PQntuples(result); i++) json_array_append_new(list, pg_row(result, i));
  PQclear(result);
  return list;
}

/* ---- requests ---- */

static json_t *users_of(const tenant *t, int64_t id) {
  if (t->file < 0 && people_url) return pg_rows(use_pg(&people, people_url, USER_COLUMNS "$1 AND iid = $2"), id, t->id);
  const file *f = use_file(t->file < 0 ? FILE_PEOPLE : t->file);
  return f && f->user ? file_rows(f->user, id, t->id) : NULL;
}

static json_t *orders_of(const tenant *t, int64_t id) {
  if (t->file < 0 && shop_url)
    return pg_rows(use_pg(&shop, shop_url, ORDER_COLUMNS "$1 AND iid = $2 ORDER BY id"), id, t->id);
  const file *f = use_file(t->file < 0 ? FILE_SHOP : t->file);
  return f && f->orders ? file_rows(f->orders, id, t->id) : NULL;
}

static const tenant *find_tenant(const char *name) {
  for (size_t i = 0; name && i < sizeof tenants / sizeof *tenants; i++)
    if (strcmp(tenants[i].name, name) == 0) return &tenants[i];
  return NULL;
}

static void answer_user(void *ud, const http_request *in, http_reply *out) {
  const tenant *t = find_tenant(in->tenant);
  json_t *users = t ? users_of(t, in->id) : NULL, *user = json_array_get(users, 0), *orders = NULL;
  (void)ud;
  out->type = "application/json";
  if (user && in->include && strcmp(in->include, "orders") == 0) {
    orders = orders_of(t, in->id);
    if (orders) json_object_set_new(user, "orders", orders);
  }
  if (!users || (in->include && user && !orders)) {
    out->status = t ? 503 : 404;
  } else if (!user) {
    out->status = 404;
  } else {
    out->status = 200;
    out->body = json_dumps(user, JSON_COMPACT);
  }
  json_decref(users);
}

static bool answer_page(void *ud, const char *path, bool drains, http_reply *out) {
  (void)ud;
  (void)drains;
  out->status = 200;
  return strcmp(path, "/healthz") == 0;
}

int main(int argc, char **argv) {
  http_options options = {.threads = 8, .user = answer_user, .page = answer_page};
  sigset_t signals;
  int signal;

  if (argc == 3) {
    people_url = argv[1];
    shop_url = argv[2];
  }
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, NULL);
  http_server *server = http_start(&options);
  if (!server) return 1;
  printf("%u\n", (unsigned)http_port(server));
  fflush(stdout);
  sigwait(&signals, &signal);
  http_stop(server);
  return 0;
}
