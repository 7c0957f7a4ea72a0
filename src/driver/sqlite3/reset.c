/* What hand-written SQL changes on a connection, and how that is undone.
 *
 * The authorizer sees everything that a statement does, whatever it is spelled like, and also in triggers and views. A
 * connection to a file is closed then: opening the file costs little. A private database would be lost, so its
 * connection gets back the values that the pragmas had when it was opened. */
#include <stdio.h>
#include <string.h>

#include "driver/sqlite3/conn.h"

/* Those whose value can be read and written back. */
#define PRAGMA_MAP(X)                                                                                                  \
  X(analysis_limit)                                                                                                    \
  X(automatic_index)                                                                                                   \
  X(cache_size)                                                                                                        \
  X(cache_spill)                                                                                                       \
  X(cell_size_check)                                                                                                   \
  X(count_changes)                                                                                                     \
  X(defer_foreign_keys)                                                                                                \
  X(empty_result_callbacks)                                                                                            \
  X(foreign_keys)                                                                                                      \
  X(full_column_names)                                                                                                 \
  X(ignore_check_constraints)                                                                                          \
  X(legacy_alter_table)                                                                                                \
  X(max_page_count)                                                                                                    \
  X(query_only)                                                                                                        \
  X(read_uncommitted)                                                                                                  \
  X(recursive_triggers)                                                                                                \
  X(reverse_unordered_selects)                                                                                         \
  X(secure_delete)                                                                                                     \
  X(short_column_names)                                                                                                \
  X(synchronous)                                                                                                       \
  X(temp_store)                                                                                                        \
  X(threads)                                                                                                           \
  X(trusted_schema)                                                                                                    \
  X(writable_schema)

static const char *const pragmas[] = {
#define PRAGMA_NAME(name) #name,
    PRAGMA_MAP(PRAGMA_NAME)
#undef PRAGMA_NAME
};
_Static_assert(sizeof pragmas / sizeof *pragmas == SQLITE_NPRAGMAS, "SQLITE_NPRAGMAS counts the pragmas");

static bool is_any(const char *name, const char *const *list, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (sqlite3_stricmp(name, list[i]) == 0) return true;
  return false;
}

/* ---- what is changed ---- */

/* Pragmas that take an argument and yet set nothing on the connection. */
static bool leaves_nothing(const char *pragma) {
  static const char *const list[] = {"application_id", "foreign_key_check", "foreign_key_list", "incremental_vacuum",
                                     "index_info",     "index_list",        "index_xinfo",      "integrity_check",
                                     "optimize",       "quick_check",       "table_info",       "table_list",
                                     "table_xinfo",    "user_version",      "wal_checkpoint"};
  return is_any(pragma, list, sizeof list / sizeof *list);
}

/* Pragmas that change the whole process. */
static bool leaves_process(const char *pragma) {
  static const char *const list[] = {"data_store_directory", "hard_heap_limit", "soft_heap_limit",
                                     "temp_store_directory"};
  return is_any(pragma, list, sizeof list / sizeof *list);
}

static int refuse(sqlite_conn *conn, const char *why) {
  conn->refusal = why;
  return SQLITE_DENY;
}

static int authorize_pragma(sqlite_conn *conn, const char *pragma, const char *argument) {
  if (!argument || leaves_nothing(pragma)) return SQLITE_OK;
  if (leaves_process(pragma)) return refuse(conn, "this pragma would change the whole process");
  if (driver_is_private(conn->base.client) && !conn->control && !is_any(pragma, pragmas, SQLITE_NPRAGMAS))
    return refuse(conn,
                  "this pragma would stay with the connection, which is shared: the database is in memory, and so "
                  "has only one");
  conn->base.altered = true;
  return SQLITE_OK;
}

static const char of_session[] =
    "a transaction is begun and ended by the session's transaction, not by SQL, and databases are named in the "
    "configuration";

int sqlite_authorize(void *ud, int action, const char *a, const char *b, const char *database, const char *inside) {
  sqlite_conn *conn = ud;
  (void)inside;
  switch (action) {
  case SQLITE_TRANSACTION:
    return conn->control ? SQLITE_OK : refuse(conn, of_session);
  case SQLITE_ATTACH:
  case SQLITE_DETACH:
    return refuse(conn, of_session);
  case SQLITE_PRAGMA:
    return authorize_pragma(conn, a, b);
  case SQLITE_READ:
    return SQLITE_OK;
  default: /* a temporary object may hide one of the database */
    if (database && sqlite3_stricmp(database, "temp") == 0) conn->base.altered = true;
    return SQLITE_OK;
  }
}

/* ---- undoing it ---- */

static int read_pragma(sqlite3 *db, const char *name, int64_t *value) {
  char sql[64];
  sqlite3_stmt *stmt = NULL;
  snprintf(sql, sizeof sql, "PRAGMA %s", name);
  int rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);
  if (rc == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW) *value = sqlite3_column_int64(stmt, 0);
  sqlite3_finalize(stmt);
  return rc;
}

int sqlite_note_pragmas(sqlite_conn *conn) {
  int rc = SQLITE_OK;
  if (!driver_is_private(conn->base.client)) return rc;
  for (size_t i = 0; i < SQLITE_NPRAGMAS && !rc; i++) rc = read_pragma(conn->db, pragmas[i], &conn->pragmas[i]);
  return rc;
}

static bool restore_pragmas(sqlite_conn *conn) {
  char sql[96];
  bool ok = true;
  for (size_t i = 0; i < SQLITE_NPRAGMAS && ok; i++) {
    int64_t now = conn->pragmas[i];
    ok = read_pragma(conn->db, pragmas[i], &now) == SQLITE_OK;
    if (now == conn->pragmas[i]) continue;
    snprintf(sql, sizeof sql, "PRAGMA %s = %lld", pragmas[i], (long long)conn->pragmas[i]);
    ok = ok && sqlite3_exec(conn->db, sql, NULL, NULL, NULL) == SQLITE_OK;
  }
  return ok;
}

/* Another place for temporary objects drops those that are there, with the tables of SQLite's own. The pragma's own
 * value comes back with the others. */
static bool drop_temporary(sqlite_conn *conn) {
  int64_t now = 0;
  if (read_pragma(conn->db, "temp_store", &now)) return false;
  const char *other = now == 1 ? "PRAGMA temp_store = 2" : "PRAGMA temp_store = 1";
  return sqlite3_exec(conn->db, other, NULL, NULL, NULL) == SQLITE_OK;
}

/* If memory runs out, the next release tries again: without this connection there would be no database. */
bool sqlite_reset(driver_conn *base) {
  sqlite_conn *conn = sqlite_of(base);
  if (!driver_is_private(base->client)) return false;
  sqlite_drop_sent(conn);
  sqlite_forget_all(conn); /* preparing them again shows what they change */
  conn->control = true;
  bool ok = sqlite3_exec(conn->db, "PRAGMA query_only = 0", NULL, NULL, NULL) == SQLITE_OK && drop_temporary(conn) &&
            restore_pragmas(conn);
  conn->control = false;
  base->altered = !ok;
  return true;
}
