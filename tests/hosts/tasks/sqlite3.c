/* The tasks of shunt.c with sqlite3. Use: sqlite3 FILE */
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

static sqlite3 *db;

static void die(void) {
  fprintf(stderr, "%s\n", sqlite3_errmsg(db));
  exit(1);
}

static void open_it(const char *where) {
  /* open */
  if (sqlite3_open(where, &db)) die();
  sqlite3_busy_timeout(db, 5000);
  /* end */
}

static void read_one(int64_t id) {
  /* read one row */
  sqlite3_stmt *stmt;
  if (sqlite3_prepare_v2(db, "SELECT name FROM users WHERE id = ?", -1, &stmt, NULL)) die();
  sqlite3_bind_int64(stmt, 1, id);
  int rc = sqlite3_step(stmt);
  if (rc != SQLITE_ROW && rc != SQLITE_DONE) die();
  if (rc == SQLITE_ROW) puts((const char *)sqlite3_column_text(stmt, 0));
  sqlite3_finalize(stmt);
  /* end */
}

static void read_related(int64_t id) {
  /* read with a relation */
  sqlite3_stmt *stmt;
  const char *sql = "SELECT o.item FROM users u JOIN orders o ON o.user_id = u.id WHERE u.id = ? ORDER BY o.id";
  if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL)) die();
  sqlite3_bind_int64(stmt, 1, id);
  int rc;
  while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) puts((const char *)sqlite3_column_text(stmt, 0));
  if (rc != SQLITE_DONE) die();
  sqlite3_finalize(stmt);
  /* end */
}

static void write_one(int64_t user, const char *item) {
  /* write */
  sqlite3_stmt *stmt;
  if (sqlite3_prepare_v2(db, "INSERT INTO orders (user_id, item) VALUES (?, ?)", -1, &stmt, NULL)) die();
  sqlite3_bind_int64(stmt, 1, user);
  sqlite3_bind_text(stmt, 2, item, -1, SQLITE_STATIC);
  if (sqlite3_step(stmt) != SQLITE_DONE) die();
  printf("%" PRId64 "\n", (int64_t)sqlite3_last_insert_rowid(db));
  sqlite3_finalize(stmt);
  /* end */
}

/* transaction */
static int add(int64_t id, int64_t amount) {
  sqlite3_stmt *stmt;
  if (sqlite3_prepare_v2(db, "UPDATE accounts SET balance = balance + ? WHERE id = ?", -1, &stmt, NULL)) return 1;
  sqlite3_bind_int64(stmt, 1, amount);
  sqlite3_bind_int64(stmt, 2, id);
  sqlite3_step(stmt);
  return sqlite3_finalize(stmt);
}
/* end */

static void transfer(int64_t from, int64_t to, int64_t amount) {
  /* transaction */
  if (sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL)) die();
  if (add(from, -amount) || add(to, amount) || sqlite3_exec(db, "COMMIT", NULL, NULL, NULL)) {
    fprintf(stderr, "%s\n", sqlite3_errmsg(db));
    sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    exit(1);
  }
  /* end */
}

static void resolve(const char *model) {
  /* resolve */
  sqlite3_stmt *stmt;
  if (sqlite3_prepare_v2(db, "SELECT client FROM routes WHERE model = ?", -1, &stmt, NULL)) die();
  sqlite3_bind_text(stmt, 1, model, -1, SQLITE_STATIC);
  int rc = sqlite3_step(stmt);
  if (rc != SQLITE_ROW && rc != SQLITE_DONE) die();
  puts(rc == SQLITE_ROW ? (const char *)sqlite3_column_text(stmt, 0) : "main");
  sqlite3_finalize(stmt);
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
  sqlite3_close(db);
}
