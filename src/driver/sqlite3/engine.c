#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "driver/sqlite3/conn.h"

enum { MAX_PARAMS = 32766 /* SQLite's own default since 3.32 */, RETRY_MS = 5 };

static bool private_database(const cat_client *client) {
  const char *name = client->filename;
  if (name[0] == 0 || strcmp(name, ":memory:") == 0) return true;
  if (strncmp(name, "file:", 5) != 0) return false;
  return name[5] == 0 || name[5] == '?' || strncmp(name + 5, ":memory:", 8) == 0 || strstr(name, "mode=memory");
}

/* ---- opening ---- */

/* The first column of the first row; "" without a row. Returns SQLITE_OK or the error's code. */
static int ask(sqlite3 *db, const char *sql, char *answer, size_t room) {
  sqlite3_stmt *stmt = NULL;
  answer[0] = 0;
  int rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);
  if (rc == SQLITE_OK) rc = sqlite3_step(stmt);
  if (rc == SQLITE_ROW) {
    const unsigned char *text = sqlite3_column_text(stmt, 0);
    snprintf(answer, room, "%s", text ? (const char *)text : "");
    rc = sqlite3_step(stmt);
  }
  int end = sqlite3_finalize(stmt);
  return rc == SQLITE_DONE ? SQLITE_OK : end ? end : rc;
}

static int configure(sqlite_conn *conn) {
  static const struct {
    int option, on;
  } settings[] = {
      {SQLITE_DBCONFIG_ENABLE_FKEY, 1},    {SQLITE_DBCONFIG_DQS_DML, 0},   {SQLITE_DBCONFIG_DQS_DDL, 0},
      {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0}, {SQLITE_DBCONFIG_DEFENSIVE, 1},
  };
  int rc = sqlite_set_busy_handler(conn);
  for (size_t i = 0; i < sizeof settings / sizeof *settings && rc == SQLITE_OK; i++)
    rc = sqlite3_db_config(conn->db, settings[i].option, settings[i].on, NULL);
  return rc ? rc : sqlite3_set_authorizer(conn->db, sqlite_authorize, conn);
}

/* Two connections that do this at the same time to a new file fail, and SQLite doesn't always wait: try again. */
static int set_wal(sqlite_conn *conn, char *mode, size_t room) {
  int rc = ask(conn->db, "PRAGMA journal_mode", mode, room);
  if (rc || strcmp(mode, "wal") == 0) return rc;
  int64_t until_ns = sqlite_lock_limit_ns(conn);
  while (((rc = ask(conn->db, "PRAGMA journal_mode = WAL", mode, room)) & 0xff) == SQLITE_BUSY &&
         clock_monotonic_ns() < until_ns)
    sqlite3_sleep(RETRY_MS);
  return rc;
}

static shunt_status use_wal(sqlite_conn *conn, shunt_error *err) {
  if (private_database(conn->base.client) || sqlite3_db_readonly(conn->db, "main") == 1) return SHUNT_OK;
  char mode[16];
  int rc = set_wal(conn, mode, sizeof mode);
  if (rc) return sqlite_fail(conn, rc, NULL, err);
  if (strcmp(mode, "wal") == 0) return SHUNT_OK;
  return error_set(
      err, SHUNT_E_DATASOURCE,
      "client '%s': '%s' can't keep a write-ahead log where it lies (its journal mode stays '%s'); move it "
      "to a local disk",
      conn->base.client->name, conn->base.client->filename, mode);
}

/* sqlite3_open reads nothing. Reading the schema shows whether the file is a sound database and not locked. */
static int look_inside(sqlite_conn *conn) {
  char answer[16];
  int rc = ask(conn->db, "SELECT 1 FROM sqlite_schema LIMIT 1", answer, sizeof answer);
  if (rc == SQLITE_OK) rc = ask(conn->db, "PRAGMA encoding", answer, sizeof answer);
  conn->utf16 = strncmp(answer, "UTF-16", 6) == 0;
  return rc;
}

static int prepare_controls(sqlite_conn *conn) {
  static const char *const sql[] = {
#define CONTROL_SQL(name, text) text,
      CONTROL_MAP(CONTROL_SQL)
#undef CONTROL_SQL
  };
  int rc = SQLITE_OK;
  conn->control = true;
  for (int i = 0; i < NCONTROLS && rc == SQLITE_OK; i++)
    rc = sqlite3_prepare_v3(conn->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &conn->controls[i], NULL);
  conn->control = false;
  return rc;
}

static int open_flags(const cat_client *client) {
  int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  if (strncmp(client->filename, "file:", 5) == 0) flags |= SQLITE_OPEN_URI;
  if (client->read_only) return flags | SQLITE_OPEN_READONLY;
  return flags | SQLITE_OPEN_READWRITE | (client->create ? SQLITE_OPEN_CREATE : 0);
}

static void close_conn(driver_conn *base) {
  if (!base) return;
  sqlite_conn *conn = sqlite_of(base);
  if (conn->left) return;
  sqlite_forget_all(conn);
  for (int i = 0; i < NCONTROLS; i++) sqlite3_finalize(conn->controls[i]);
  sqlite3_close(conn->db);
  base_free(conn);
}

static shunt_status open_conn(const cat_client *client, int64_t deadline_ns, driver_conn **out, shunt_error *err) {
  sqlite_conn *conn = base_zalloc(sizeof *conn);
  if (!conn) return error_memory(err);
  conn->base.deadline_ns = deadline_ns;
  conn->base.engine = &driver_sqlite3;
  conn->base.client = client;
  int rc = sqlite3_open_v2(client->filename, &conn->db, open_flags(client), NULL);
  if (rc == SQLITE_OK) rc = configure(conn);
  if (rc == SQLITE_OK) rc = look_inside(conn);
  if (rc == SQLITE_OK) rc = prepare_controls(conn);
  if (rc == SQLITE_OK) rc = sqlite_note_pragmas(conn);
  shunt_status status = rc ? sqlite_fail(conn, rc, NULL, err) : use_wal(conn, err);
  if (status) {
    error_client(err, client->name);
    close_conn(&conn->base);
    return status;
  }
  const char *file = sqlite3_db_filename(conn->db, "main");
  if (file && file[0]) conn->file = file;
  conn->base.altered = false; /* every connection has these settings */
  *out = &conn->base;
  return SHUNT_OK;
}

static void leave(driver_conn *base, int nowhere) {
  (void)nowhere;
  sqlite_of(base)->left = true;
}

static const char *file_of(const driver_conn *conn) { return ((const sqlite_conn *)(const void *)conn)->file; }

/* ---- transactions ---- */

/* SQLite is always serializable, which satisfies every isolation. */
static shunt_status begin(driver_conn *base, const char *isolation, bool read_only, shunt_error *err) {
  sqlite_conn *conn = sqlite_of(base);
  sqlite_drop_sent(conn);
  shunt_status status = driver_check_begin(base, isolation, err);
  /* a deferred transaction would fail at its first write if another connection had written since its first read */
  bool reads = read_only || base->client->read_only;
  if (!status) status = sqlite_in_place(conn, false, err);
  if (status) return status;
  int rc = sqlite_control(conn, reads ? CONTROL_BEGIN_READ : CONTROL_BEGIN_WRITE);
  if (rc) return sqlite_fail(conn, rc, NULL, err);
  base->in_transaction = true;
  atomic_store_explicit(&base->writes, !reads, memory_order_relaxed);
  base->read_only = read_only;
  conn->lost[0] = 0;
  return SHUNT_OK;
}

static shunt_status reads_begin(driver_conn *base, shunt_error *err) {
  (void)err;
  base->read_only = true;
  return SHUNT_OK;
}

static shunt_status reads_end(driver_conn *base, bool ok, shunt_error *err) {
  (void)ok, (void)err;
  base->read_only = false;
  return SHUNT_OK;
}

static void rollback(driver_conn *base) {
  sqlite_conn *conn = sqlite_of(base);
  sqlite_drop_sent(conn);
  atomic_store_explicit(&base->writes, false, memory_order_relaxed); /* before another connection can write */
  if (base->in_transaction && !sqlite3_get_autocommit(conn->db) && sqlite_control(conn, CONTROL_ROLLBACK) != SQLITE_OK)
    base->broken = true;
  base->in_transaction = base->read_only = false;
}

/* Commits even after the deadline, so that a unit of work over several datasources is not half committed. Only a lock
 * is not waited for then. */
static shunt_status commit(driver_conn *base, shunt_error *err) {
  sqlite_conn *conn = sqlite_of(base);
  sqlite_drop_sent(conn);
  shunt_status status = SHUNT_OK;
  base->outcome = SHUNT_NOT_DONE;
  if (!base->in_transaction) return driver_refuse(base, SHUNT_E_TRANSACTION, "there is no transaction to commit", err);
  if (sqlite3_get_autocommit(conn->db)) {
    status = error_set(err, SHUNT_E_TRANSACTION, "client '%s': the database has rolled this transaction back: %s",
                       base->client->name, conn->lost);
    error_client(err, base->client->name);
  } else {
    status = sqlite_in_place(conn, base->writes, err);
    atomic_store_explicit(&base->writes, false, memory_order_relaxed); /* before another connection can write */
    int rc = status ? SQLITE_OK : sqlite_control(conn, CONTROL_COMMIT);
    if (rc) sqlite_note_outcome(conn, rc);
    if (rc) status = sqlite_fail(conn, rc, NULL, err);
  }
  rollback(base); /* no-op after a commit */
  return status;
}

static bool is_busy(const shunt_error *err) { return (err->engine_code & 0xff) == SQLITE_BUSY; }

static const driver_queue queue = {
    .identity = "INTEGER PRIMARY KEY AUTOINCREMENT",
    .now_ms = "CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER)",
    .bytes = {"length(CAST(", " AS BLOB))"},
    .locked = "",
    .renumber = "INSERT INTO sqlite_sequence (name, seq) SELECT 'shunt_jobs', seq FROM sqlite_sequence WHERE name = "
                "'shunt_jobs_1'",
};

/* abs of the least integer fails with "integer overflow", json_extract with its second argument in the message. */
#define NO_SUM "abs(-9223372036854775807 - 1)"
static const char sum[] = "CASE typeof(@) WHEN 'null' THEN NULL WHEN 'real' THEN @ + ? WHEN 'integer' THEN CASE WHEN "
                          "typeof(?) = 'integer' AND typeof(@ + ?) = 'real' THEN " NO_SUM " ELSE @ + ? END "
                          "ELSE json_extract('{}', 'the column to be incremented holds no number') END";

static const char *const collate[] = {
    [DRIVER_BINARY] = "", [DRIVER_NOCASE] = " COLLATE NOCASE", [DRIVER_RTRIM] = " COLLATE RTRIM"};

static const char *const features[] = {"sqlite3-timeouts", NULL};

const driver_engine driver_sqlite3 = {
    .name = "sqlite3",
    .features = features,
    .max_params = MAX_PARAMS,
    .lex = &sqlite_dialect,
    .quote = '"',
    .returning = true,
    .like = " LIKE ",
    .sum = sum,
    .contains = "instr(@, ?) > 0",
    .starts_with = "instr(@, ?) = 1",
    /* substr makes a null of an empty blob */
    .ends_with = "CASE @ WHEN '' THEN 0 ELSE substr(CAST(@ AS BLOB), -length(CAST(? AS BLOB))) = CAST(? AS BLOB) END",
    .collate = collate,
    .text_type = "TEXT",
    .queue = &queue,
    .plain_table = "",
    .is_busy = is_busy,
    .private_database = private_database,
    .open = open_conn,
    .close = close_conn,
    .leave = leave,
    .file = file_of,
    .reset = sqlite_reset,
    .send = sqlite_send,
    .receive = sqlite_receive,
    .fetch = sqlite_fetch,
    .fetch_end = sqlite_fetch_end,
    .begin = begin,
    .commit = commit,
    .rollback = rollback,
    .reads_begin = reads_begin,
    .reads_end = reads_end,
    .describe = sqlite_describe,
};
