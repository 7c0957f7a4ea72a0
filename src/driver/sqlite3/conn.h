/* For: what the files of the SQLite driver share: engine.c (connections, transactions), cache.c (prepared statements),
 * run.c (values in, rows out), reset.c (what statements change on the connection), wait.c (locks and deadlines),
 * place.c (files that are deleted or replaced), table.c (descriptions of tables), error.c (result codes to errors).
 * Only this folder includes it.
 * Owner: the connection owns its database handle and every statement.
 * Use: sqlite_conn *conn = sqlite_of(base); rc = sqlite3_…(conn->db, …); if (rc) return sqlite_fail(conn, rc, …); */
#ifndef SHUNT_DRIVER_SQLITE3_CONN_H
#define SHUNT_DRIVER_SQLITE3_CONN_H

#include <sqlite3.h>

#include "driver/cache.h"
#include "driver/driver.h"

/* A prepared statement in the cache. */
typedef struct statement {
  cache_entry entry;
  sqlite3_stmt *stmt;
  size_t nparams;
  bool reads;   /* doesn't write */
  bool borrows; /* its bound values point to the caller's bytes */
  char sql[];
} statement;

static inline statement *sqlite_statement_of(cache_entry *entry) { return (statement *)(void *)entry; }

#define CONTROL_MAP(X)                                                                                                 \
  X(BEGIN_READ, "BEGIN")                                                                                               \
  X(BEGIN_WRITE, "BEGIN IMMEDIATE")                                                                                    \
  X(COMMIT, "COMMIT")                                                                                                  \
  X(ROLLBACK, "ROLLBACK")

typedef enum control {
#define CONTROL_ENUM(name, sql) CONTROL_##name,
  CONTROL_MAP(CONTROL_ENUM)
#undef CONTROL_ENUM
      NCONTROLS
} control;

enum { SQLITE_NPRAGMAS = 24 /* those of reset.c */ };

typedef struct sqlite_conn {
  driver_conn base;
  sqlite3 *db;
  bool utf16;   /* the database stores text as UTF-16: convert it on the way out */
  bool control; /* one of controls is being prepared: only those may begin or end a transaction */
  sqlite3_stmt *controls[NCONTROLS];
  statement *sent; /* bound, not run yet */
  sql_cache cache;
  sqlite3_stmt *running; /* the deadline interrupts it; NULL: none */
  int64_t wait_since_ns; /* for a lock of another connection */
  int64_t wait_until_ns;
  char stuck[640];                  /* why that lock can never come free; "": it may */
  const char *refusal;              /* why the authorizer refused a statement */
  const char *file;                 /* NULL: none */
  int64_t in_place_ns;              /* when the file was last seen at its path */
  int64_t pragmas[SQLITE_NPRAGMAS]; /* of a private database: their values when it was opened */
  bool left;                        /* it is the parent's: nothing may be done with it, not even closing it */
  char lost[256]; /* why SQLite rolled back a transaction that begin() opened and nothing has ended yet */
} sqlite_conn;

static inline sqlite_conn *sqlite_of(driver_conn *conn) { return (sqlite_conn *)(void *)conn; }

/* ---- error.c ---- */

/* Notes what is known after this error of a commit. */
void sqlite_note_outcome(sqlite_conn *conn, int rc);
/* Sets the error for the result code of the last call on the connection. sql may be NULL. Marks the connection broken
 * if it can't be trusted any more. */
shunt_status sqlite_fail(sqlite_conn *conn, int rc, const char *sql, shunt_error *err);

/* ---- wait.c ---- */

/* Whether the connection's deadline has passed. */
bool sqlite_is_late(const sqlite_conn *conn);
/* When waiting for a lock ends, starting now: after the client's busyTimeout, or at the deadline if that is earlier. */
int64_t sqlite_lock_limit_ns(const sqlite_conn *conn);
int sqlite_set_busy_handler(sqlite_conn *conn); /* returns SQLITE_OK or the error's code */
/* Between these two calls, the statement ends with SQLITE_INTERRUPT when the deadline passes. */
void sqlite_watch(sqlite_conn *conn, sqlite3_stmt *stmt);
void sqlite_unwatch(sqlite_conn *conn);

/* ---- place.c ---- */

/* DATASOURCE: the file at the path is not the one that the connection has open; the connection is broken. `commits`: a
 * write is about to be committed, so this looks; otherwise it looks only if the last look was some time ago. */
shunt_status sqlite_in_place(sqlite_conn *conn, bool commits, shunt_error *err);

/* ---- cache.c ---- */

extern const lex_dialect sqlite_dialect;
/* The statement of this text, from the cache or prepared now. It belongs to the cache, and is valid until the next
 * call. Errors: USAGE, NOT_FOUND, DATASOURCE, MEMORY. */
shunt_status sqlite_prepare(sqlite_conn *conn, const char *sql, size_t size, statement **out, shunt_error *err);
void sqlite_forget_all(sqlite_conn *conn);

/* ---- reset.c ---- */

/* The authorizer: refuses what a session must not do, and notes what changes the connection. */
int sqlite_authorize(void *ud, int action, const char *a, const char *b, const char *database, const char *inside);
/* Returns SQLITE_OK or the error's code. */
int sqlite_note_pragmas(sqlite_conn *conn);
bool sqlite_reset(driver_conn *conn);

/* ---- run.c ---- */

shunt_status sqlite_send(driver_conn *conn, const char *sql, size_t sql_size, const shunt_value *params, size_t nparams,
                         shunt_error *err);
shunt_status sqlite_receive(driver_conn *conn, shunt_rows *into, int64_t *affected, int64_t *generated_id,
                            shunt_error *err);
shunt_status sqlite_fetch(driver_conn *conn, shunt_rows *into, bool *more, shunt_error *err);
void sqlite_fetch_end(driver_conn *conn);
/* Drops the statement that was sent and not received. */
void sqlite_drop_sent(sqlite_conn *conn);
/* Steps one of our own statements to its end. Returns SQLITE_OK or the error's code. */
int sqlite_control(sqlite_conn *conn, control which);

/* ---- table.c ---- */

shunt_status sqlite_describe(driver_conn *conn, const char *schema, const char *table, driver_table **out,
                             shunt_error *err);
/* Whether a column of this declared type has the affinity REAL. */
bool sqlite_is_real(const char *type);

#endif
