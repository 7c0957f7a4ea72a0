/* For: what the files of the driver of MySQL and MariaDB share: engine.c (connections, transactions),
 * connect.c (connecting; options.h has what it needs), deadline.c (deadlines), wait.c (calls that keep them;
 * wait_*.c and connect_*.c for each client library, listen_mariadb.c), sql.c (reading SQL), statement.c (prepared
 * statements), run.c (values in, execution), state.c (transactions and connections that statements change), reset.c
 * (settings and resets), xa.c (two phases), result.c (rows out), table.c (descriptions of tables), error.c (error
 * numbers to errors). It compiles with MariaDB's client library and with MySQL's. Only this folder includes it. Owner:
 * the connection owns its handle and every statement. Use: mysql_conn *conn = mysql_of(base); status =
 * mysqldb_control(conn, "COMMIT", err); */
#ifndef SHUNT_DRIVER_MYSQL_CONN_H
#define SHUNT_DRIVER_MYSQL_CONN_H

#include <mysql.h>
#include <pthread.h>

#include "base/clock.h"
#include "base/sigpipe.h"
#include "driver/cache.h"
#include "driver/driver.h"

/* MySQL's library has bool since 8.0; before that, and in MariaDB's, it is my_bool. */
#if defined(MARIADB_BASE_VERSION) || MYSQL_VERSION_ID < 80000
typedef my_bool mysql_flag;
#else
typedef bool mysql_flag;
#endif

/* From harmless to bad. */
typedef enum statement_kind {
  STATEMENT_OTHER,    /* SELECT, DO, SAVEPOINT, …: ends no transaction, and changes no row of a table */
  STATEMENT_EMPTY,    /* no statement */
  STATEMENT_CHANGES,  /* changes rows: INSERT, UPDATE, … */
  STATEMENT_ANYTHING, /* may end the open transaction: CALL, EXECUTE, …, and whatever is not known */
  STATEMENT_COMMITS,  /* commits the open transaction before it runs */
  STATEMENT_STAYS     /* changes the connection itself, and is refused */
} statement_kind;

/* The buffer for one column of the row that is being fetched. */
typedef struct mysql_cell mysql_cell;

typedef struct mysql_statement {
  cache_entry entry;
  MYSQL_STMT *stmt; /* NULL: the server can't prepare such a statement; it is sent as text */
  size_t nparams;
  statement_kind kind;
  bool cached;
  bool stale;                  /* its columns have other names now, but the library keeps the old ones */
  unsigned char *types;        /* of each parameter at its first run that was not null; 0: none yet (mysqldb_fit) */
  const shunt_value *bound_at; /* the address of the parameters that the library has bound */
  uint64_t bound_types;        /* and their types; 0: not bound */
  mysql_cell *cells;
  size_t cell_room;
  unsigned ncells; /* bound ones */
  char sql[];
} mysql_statement;

#ifndef MARIADB_BASE_VERSION
/* A call that another thread ends when its time is up (wait_mysql.c, whose lock guards it while it is on the list). */
typedef struct mysql_watch {
  struct mysql_watch *next, **link; /* in the list */
  int socket;                       /* a duplicate of the library's */
  const struct mysql_conn *conn;
  unsigned long id; /* of the session on the server */
  int64_t until_ns; /* when something is done about the call */
  bool cancels;     /* then the server is to cancel the statement; otherwise the connection is ended */
  bool cancelling;  /* by a thread that reads conn and id */
  bool late;        /* something was done */
  bool hung_up;     /* the connection was ended */
} mysql_watch;
#endif

typedef struct mysql_listener mysql_listener;

typedef struct mysql_conn {
  driver_conn base;
  MYSQL *db;
  bool mariadb;
  unsigned modes;  /* those of mode.c that the setting sql_mode chooses */
  bool returning;  /* the server has INSERT … RETURNING */
  bool json_table; /* the server has JSON_TABLE */
  sql_cache cache;
  mysql_statement *sent; /* bound, not run yet */
  const shunt_value *sent_params;
  MYSQL_BIND *binds; /* room for binding parameters or cells: the library copies the contents */
  size_t bind_room;
  char *home;          /* the database and role that it was opened with (mysqldb_look) */
  uint64_t most_bytes; /* of a packet that the server takes (max_allowed_packet); 0: not known */
  bool interrupted;    /* the last statement that failed was, and not by this side: perhaps the connection was killed */
  char xa[DRIVER_ID_BYTES + 1]; /* the id of the open transaction, if it can be prepared; otherwise "" */
  char lost[256];               /* why the server ended a transaction that begin() opened and nothing has ended yet */
  char refused[256];            /* why the server was not let go on; "": it was */
  bool too_large;               /* the same, because it said more than maxResult allows */
  bool late;                    /* a timeout of the open transaction was reported, which has ended it */
  bool open;                    /* connected, so that there may be a statement to cancel */
  bool started;                 /* `sent` was started */
  bool fetching;                /* `sent` is fetched in parts, and was executed */
  bool by_hand;                 /* the user wrote the statement that is sent next */
  bool marked;                  /* a savepoint was set before `sent` (mysqldb_mark) */
  bool tracks;                  /* the server says when a statement has changed the session */
  /* Cancels the statement that runs on the connection, the server's session `id`. Set once `open` is. */
  bool (*cancel)(const struct mysql_conn *conn, unsigned long id);
  sigpipe quiet;    /* held while the library may write */
  int returned;     /* by a started call that has ended */
  int64_t asked_ns; /* when the operation began, if there is a deadline */
  int64_t until_ns; /* when the connection is abandoned; 0: the statement was not cancelled */
#ifdef MARIADB_BASE_VERSION
  mysql_listener *listener; /* while it connects */
  int64_t may_hear_bytes;   /* of what the server says within one call of the library */
  bool without_tls;         /* refused because the server has no TLS */
  bool encrypted;           /* its socket is nonblocking: the library's blocking calls must not be used */
  int waits;                /* what a started call waits for (MYSQL_WAIT_…); 0: it has ended */
#else
  mysql_watch watch;
  pthread_t runner; /* runs a started call */
  int ended;        /* an eventfd, readable when that call has ended */
  bool has_socket, has_ended;
  bool watched; /* the started call */
#endif
} mysql_conn;

/* Around calls of a connection that may write. MariaDB's library asks for no signal itself, except over TLS: then six
 * system calls for each statement would be in vain. */
static inline bool mysqldb_may_signal(const mysql_conn *conn) {
#ifdef MARIADB_BASE_VERSION
  return conn->encrypted;
#else
  return conn != NULL;
#endif
}
static inline void mysqldb_hold_signal(mysql_conn *conn) {
  if (mysqldb_may_signal(conn)) sigpipe_hold(&conn->quiet);
}
static inline void mysqldb_release_signal(mysql_conn *conn) {
  if (mysqldb_may_signal(conn)) sigpipe_release(&conn->quiet);
}

/* Where to connect to, as mysql_real_connect takes it. */
typedef struct mysql_target {
  const char *host, *user, *password, *database, *socket;
  unsigned port;
  unsigned long flags;
  bool named;          /* its certificate is compared with the host's name, which must stay a name */
  bool needs_tls;      /* nothing is sent to a server without */
  bool open;           /* there was to be no TLS */
  bool has_key;        /* the server's key may encrypt the password */
  const char *plugins; /* the setting auth_plugins; NULL: not given */
} mysql_target;

static inline mysql_conn *mysql_of(driver_conn *conn) { return (mysql_conn *)(void *)conn; }

/* ---- connect.c ---- */

/* Connects with the client's options. End it with mysqldb_disconnect, after an error too. Errors: CONFIG, DATASOURCE,
 * TIMEOUT, MEMORY. */
shunt_status mysqldb_connect(mysql_conn *conn, shunt_error *err);

/* modes: a valid setting sql_mode. NULL: the default. */
void mysqldb_mode_set(mysql_conn *conn, const char *modes);
/* All modes of the connection, as a list. */
enum { MYSQL_MODE_BYTES = 256 };
void mysqldb_mode_write(const mysql_conn *conn, char *room, size_t size);
/* To follow the server's message: what the setting can do about the error. May be "". */
const char *mysqldb_mode_hint(unsigned error);

/* ---- deadline.c, wait.c, wait_mariadb.c, wait_mysql.c, connect_mysql.c ---- */

/* Called before each operation that waits. Errors: TIMEOUT: the deadline has passed, and nothing is sent; DATASOURCE:
 * the system gives no thread, which deadlines need; TRANSACTION: TIMEOUT was reported in this transaction, and ended
 * it.
 */
shunt_status mysqldb_check_time(mysql_conn *conn, shunt_error *err);
/* Whether the process can keep deadlines. */
bool mysqldb_can_wait(void);
/* Shuts the socket down, which ends any wait of the library. */
void mysqldb_hang_up(mysql_conn *conn);
/* False: the deadline has passed, the statement was cancelled, and its grace is over too. The connection is broken, and
 * nothing more is read from it. */
bool mysqldb_more_time(mysql_conn *conn);
/* Gives the next operation CANCEL_GRACE_NS, even after the deadline. */
void mysqldb_allow_little(mysql_conn *conn);
/* The time that the operation had. */
static inline long long mysqldb_time_ms(const mysql_conn *conn) {
  return (conn->base.deadline_ns - conn->asked_ns + NS_PER_MS - 1) / NS_PER_MS;
}

/* mysql_real_connect with the handle that mysqldb_connect made. */
bool mysqldb_real_connect(mysql_conn *conn, const mysql_target *to);
void mysqldb_disconnect(mysql_conn *conn); /* no-op without a handle */
/* Settings of the handle, before it connects: TLS, and the plugins that the library may use. */
bool mysqldb_set_tls_mode(MYSQL *db, int mode);
/* named: the setting auth_plugins, or NULL. hidden: the password may be sent in clear, as nothing but TLS or a Unix
 * socket carries it, or as the user wants no TLS. */
bool mysqldb_set_plugins(MYSQL *db, const char *named, bool hidden);
#ifdef MARIADB_BASE_VERSION
/* Makes the library let listen_mariadb.c hear the servers. Once, when the library has begun. */
void mysqldb_listen_begin(void);
#endif

/* The library's calls of the same names, with the connection's deadline. */
int mysqldb_stmt_prepare(mysql_conn *conn, MYSQL_STMT *stmt, const char *sql, size_t size);
int mysqldb_stmt_fetch(mysql_conn *conn, MYSQL_STMT *stmt);
int mysqldb_stmt_next_result(mysql_conn *conn, MYSQL_STMT *stmt);
mysql_flag mysqldb_stmt_free_result(mysql_conn *conn, MYSQL_STMT *stmt);
int mysqldb_real_query(mysql_conn *conn, const char *sql, size_t size);
bool mysqldb_reset_connection(mysql_conn *conn);
/* The next row of mysql_use_result. NULL at the end, and after an error, which mysql_errno has. */
MYSQL_ROW mysqldb_fetch_row(mysql_conn *conn, MYSQL_RES *result);
/* Reads and discards the other rows, and frees the result. Accepts NULL. */
void mysqldb_drop_result(mysql_conn *conn, MYSQL_RES *result);

/* mysql_stmt_execute, or mysql_real_query for a statement that is sent as text. Finishes a call that was started. */
int mysqldb_execute(mysql_conn *conn, const mysql_statement *s);
int mysqldb_start(driver_conn *conn);
/* Abandons a call that was started, and with it the connection. */
void mysqldb_give_up_started(mysql_conn *conn);

/* ---- error.c ---- */

bool mysqldb_is_full(const shunt_error *err);
bool mysqldb_is_duplicate(const shunt_error *err);
/* Sets the error of the last call: on stmt, or on the connection if stmt is NULL. sql may be NULL. Marks an unusable
 * connection broken. */
shunt_status mysqldb_fail(mysql_conn *conn, MYSQL_STMT *stmt, const char *sql, shunt_error *err);
/* Sets the error for an answer to one of the driver's own statements that has not the columns or rows that it must
 * have; NULL: the library's. */
shunt_status mysqldb_refuse_answer(mysql_conn *conn, const MYSQL_RES *result, shunt_error *err);
/* Notes what is known of the effect of a request that the error of the last call ended, on stmt or the connection. */
void mysqldb_note_outcome(mysql_conn *conn, MYSQL_STMT *stmt);
/* Whether a packet of so many bytes exceeds the server's max_allowed_packet. The server hangs up on such a packet,
 * mostly before its error can be read. Errors: USAGE. */
shunt_status mysqldb_check_size(const mysql_conn *conn, uint64_t bytes, const char *sql, shunt_error *err);
/* Sets an error of the driver itself. Returns status. */
shunt_status mysqldb_refuse(const mysql_conn *conn, shunt_status status, const char *why, const char *sql,
                            shunt_error *err);

/* ---- sql.c ---- */

extern const lex_dialect mysql_dialect;
statement_kind mysqldb_kind(const char *sql, size_t size);

/* ---- statement.c ---- */

/* The statement of this text, from the cache or prepared now. Valid until the next call. End its use with
 * mysqldb_done. */
shunt_status mysqldb_statement(mysql_conn *conn, const char *sql, size_t size, mysql_statement **out, shunt_error *err);
/* Prepares it again, because the server has dropped it or its tables have changed. Takes it out of the cache. */
shunt_status mysqldb_prepare_again(mysql_conn *conn, mysql_statement *s, shunt_error *err);
/* Prepares it again if MySQL would convert parameters to the types of an earlier run. It stays in the cache. */
shunt_status mysqldb_fit(mysql_conn *conn, mysql_statement *s, const shunt_value *params, shunt_error *err);
/* Frees it unless it is in the cache. */
void mysqldb_done(mysql_statement *s);
void mysqldb_forget(mysql_conn *conn, mysql_statement *s); /* takes it out of the cache */
void mysqldb_forget_all(mysql_conn *conn);

/* ---- run.c ---- */

shunt_status mysqldb_send(driver_conn *conn, const char *sql, size_t sql_size, const shunt_value *params,
                          size_t nparams, shunt_error *err);
shunt_status mysqldb_receive(driver_conn *conn, shunt_rows *into, int64_t *affected, int64_t *generated_id,
                             shunt_error *err);
shunt_status mysqldb_fetch(driver_conn *conn, shunt_rows *into, bool *more, shunt_error *err);
void mysqldb_fetch_end(driver_conn *conn);
/* Drops the statement that was sent and not received. */
void mysqldb_drop_sent(mysql_conn *conn);
/* Begins a transaction that may write with the SQL `start`. The isolation, which is for the next transaction, comes
 * first. */
shunt_status mysqldb_begin(driver_conn *base, const char *isolation, const char *start, shunt_error *err);

/* ---- state.c ---- */

/* driver_engine.by_hand */
void mysqldb_by_hand(driver_conn *conn, const char *sql, size_t size, uint64_t session);
/* Errors: USAGE, TRANSACTION: the statement is refused here. */
shunt_status mysqldb_check_kind(const mysql_conn *conn, const mysql_statement *s, shunt_error *err);
/* Before a statement that the user wrote: if it may end the transaction unseen, sets a savepoint, which shows that. */
shunt_status mysqldb_mark(mysql_conn *conn, const mysql_statement *s, shunt_error *err);
/* After an error: makes of what is known of the request (mysqldb_note_outcome) what is known of the statement. */
void mysqldb_judge(mysql_conn *conn, const mysql_statement *s);
/* Around the transaction: TRANSACTION if the statement has ended it. s may be NULL if nothing was marked. */
shunt_status mysqldb_after_error(mysql_conn *conn, const mysql_statement *s, shunt_status status, shunt_error *err);
shunt_status mysqldb_after_success(mysql_conn *conn, const mysql_statement *s, shunt_error *err);
/* Runs one of the driver's own statements, which has no rows. */
shunt_status mysqldb_control(mysql_conn *conn, const char *sql, shunt_error *err);
/* The same even after the deadline, within CANCEL_GRACE_NS and without a cancellation. False: the connection is broken.
 */
bool mysqldb_tidy(mysql_conn *conn, const char *sql);

/* ---- reset.c ---- */

/* What shunt relies on: character set, time zone, SQL mode, … */
shunt_status mysqldb_set_up(mysql_conn *conn, shunt_error *err);
/* The database and role, as a text to be freed, and the server's limit of a packet; 0: not known. */
shunt_status mysqldb_look(mysql_conn *conn, char **home, uint64_t *most_bytes, shunt_error *err);
/* driver_engine.reset */
bool mysqldb_reset(driver_conn *conn);
/* ---- xa.c ---- */

extern const driver_two_phase mysqldb_two_phase;
/* Ends a transaction that can be prepared, in one phase. */
shunt_status mysqldb_xa_commit(mysql_conn *conn, shunt_error *err);
void mysqldb_xa_rollback(mysql_conn *conn);

/* ---- result.c ---- */

/* Appends the rows of the current result; *count grows by their number. into may be NULL. */
shunt_status mysqldb_rows(mysql_conn *conn, mysql_statement *s, shunt_rows *into, int64_t *count, shunt_error *err);
/* The same for the next rows. *more: it has not reached the end. After an error the other rows are not read. */
shunt_status mysqldb_some_rows(mysql_conn *conn, mysql_statement *s, shunt_rows *into, bool *more, shunt_error *err);
/* The rows of a statement that was sent as text. */
shunt_status mysqldb_text_rows(mysql_conn *conn, const mysql_statement *s, MYSQL_RES *result, shunt_rows *into,
                               int64_t *count, shunt_error *err);
void mysqldb_free_cells(mysql_statement *s);

/* ---- variables.c ---- */

void mysqldb_variables_sql(const cat_client *client, const shunt_value *values, buf *sql, buf *scope);
shunt_status mysqldb_variables_set(driver_conn *conn, shunt_error *err);

/* ---- table.c ---- */

shunt_status mysqldb_describe(driver_conn *conn, const char *schema, const char *table, driver_table **out,
                              shunt_error *err);

#endif
