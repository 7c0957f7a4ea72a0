/* For: what the parts of the driver of MySQL and MariaDB share: engine.c (connections, transactions), options.c
 * (how to connect), wait.c (deadlines; wait_mariadb.c and wait_mysql.c for either client library), statement.c
 * (prepared statements), run.c (values in), result.c (rows out), table.c (what tables look like), error.c (error
 * numbers to errors). It is written for both client libraries, MariaDB's and MySQL's own.
 * Owner: the connection owns its handle and every statement. Nobody outside this folder includes this. */
#ifndef SHUNT_DRIVER_MYSQL_CONN_H
#define SHUNT_DRIVER_MYSQL_CONN_H

#include <mysql.h>
#include <pthread.h>

#include "driver/cache.h"
#include "driver/driver.h"

/* MariaDB's library, and MySQL's before 8.0, have a type of their own for what MySQL's now calls a bool. */
#if defined(MARIADB_BASE_VERSION) || MYSQL_VERSION_ID < 80000
typedef my_bool mysql_flag;
#else
typedef bool mysql_flag;
#endif

typedef enum statement_kind {
  STATEMENT_OTHER,
  STATEMENT_EMPTY,   /* there is none */
  STATEMENT_CHANGES, /* rows: INSERT, UPDATE, … */
  STATEMENT_CALLS,   /* a procedure, which may change anything */
  STATEMENT_COMMITS, /* whatever transaction is open, before it runs */
  STATEMENT_STAYS    /* it changes the connection itself, which goes back to others */
} statement_kind;

/* Where the library puts a cell of the row that it fetches. */
typedef struct mysql_cell mysql_cell;

typedef struct mysql_statement {
  cache_entry entry;
  MYSQL_STMT *stmt; /* NULL: the server prepares nothing of its kind, so that it goes as text */
  size_t nparams;
  statement_kind kind;
  bool leaves; /* something on the connection, which is altered by it */
  bool cached;
  bool stale;                  /* its table has other columns now, and the library keeps to the names it knows */
  const shunt_value *bound_at; /* where the library looks for the parameters */
  uint64_t bound_types;        /* and for what; 0: they are to be bound */
  mysql_cell *cells;
  size_t cell_room;
  unsigned ncells; /* those that are bound; 0: none is */
  char sql[];
} mysql_statement;

#ifndef MARIADB_BASE_VERSION
/* A call that another thread ends when its time is up (wait_mysql.c, whose lock guards it while it is on the list). */
typedef struct mysql_watch {
  struct mysql_watch *next, **link; /* in the list */
  int socket;                       /* a duplicate of the library's */
  const cat_client *client;
  unsigned long id; /* of the session on the server */
  int64_t until_ns; /* when something is done about the call */
  bool cancels;     /* then the server is to cancel the statement; otherwise the connection is ended */
  bool cancelling;  /* by a thread that uses client and id */
  bool late;        /* something was done */
  bool hung_up;     /* the connection was ended */
} mysql_watch;
#endif

typedef struct mysql_conn {
  driver_conn base;
  MYSQL *db;
  bool mariadb;
  bool returning; /* INSERT … RETURNING */
  sql_cache cache;
  mysql_statement *sent; /* bound, and not run yet */
  const shunt_value *sent_params;
  MYSQL_BIND *binds; /* room to bind parameters, and cells: the library copies what it is told */
  size_t bind_room;
  char lost[256];   /* why the server ended the transaction that we still hold for open */
  bool open;        /* there may be a statement to cancel */
  bool started;     /* what was sent */
  int outcome;      /* of what has ended */
  int64_t asked_ns; /* when the time that there was for an operation was looked at */
  int64_t until_ns; /* what was cancelled has its outcome by then, or is given up; 0: nothing was */
#ifdef MARIADB_BASE_VERSION
  bool encrypted; /* its socket does not block, so that the plain calls must not be used */
  int waits;      /* what was started waits for this, by the library's bits; 0: it has ended */
#else
  mysql_watch watch;
  pthread_t runner; /* of what was started */
  int ended;        /* an eventfd, which can be read when that has ended */
  bool has_socket, has_ended;
#endif
} mysql_conn;

/* Where to connect to, as mysql_real_connect takes it. */
typedef struct mysql_target {
  const char *host, *user, *password, *database, *socket;
  unsigned port;
  unsigned long flags;
} mysql_target;

static inline mysql_conn *mysql_of(driver_conn *conn) { return (mysql_conn *)(void *)conn; }

/* ---- options.c ---- */

/* Connects as the client's options say. Whether or not it fails, mysqldb_disconnect ends it. Errors: CONFIG,
 * DATASOURCE, MEMORY. */
shunt_status mysqldb_connect(mysql_conn *conn, shunt_error *err);

/* ---- wait.c, wait_mariadb.c, wait_mysql.c ---- */

/* At the beginning of whatever waits. Errors: TIMEOUT where there is no time for it, and nothing is sent; DATASOURCE
 * where the system gives no thread to keep to it; TRANSACTION after what was cancelled. */
shunt_status mysqldb_check_time(mysql_conn *conn, shunt_error *err);
/* Whether deadlines can be kept to. */
bool mysqldb_can_wait(void);
/* False where what runs has run out of time, after it was cancelled and awaited for a little. The connection is broken,
 * and nothing more comes from it. */
bool mysqldb_more_time(mysql_conn *conn);
/* What comes next has a little time, however late it is. */
void mysqldb_allow_little(mysql_conn *conn);
/* How many ms there were for what mysqldb_check_time was asked for. */
long long mysqldb_time_ms(const mysql_conn *conn);

/* mysql_real_connect of a handle that mysqldb_connect made. */
bool mysqldb_real_connect(mysql_conn *conn, const mysql_target *to);
void mysqldb_disconnect(mysql_conn *conn); /* nothing where there is no handle */

/* The library's calls of these names, which wait no longer than the deadline. */
int mysqldb_stmt_prepare(mysql_conn *conn, MYSQL_STMT *stmt, const char *sql, size_t size);
int mysqldb_stmt_fetch(mysql_conn *conn, MYSQL_STMT *stmt);
int mysqldb_stmt_next_result(mysql_conn *conn, MYSQL_STMT *stmt);
mysql_flag mysqldb_stmt_free_result(mysql_conn *conn, MYSQL_STMT *stmt);
int mysqldb_real_query(mysql_conn *conn, const char *sql, size_t size);
MYSQL_RES *mysqldb_store_result(mysql_conn *conn);

/* mysql_stmt_execute, or mysql_real_query of one that is text. */
int mysqldb_run(mysql_conn *conn, const mysql_statement *s);
/* The same, or the rest of it where it was started. */
int mysqldb_execute(mysql_conn *conn, const mysql_statement *s);
int mysqldb_start(driver_conn *conn);
/* Ends what was started without its outcome, and the connection with it. */
void mysqldb_give_up_started(mysql_conn *conn);

/* ---- error.c ---- */

/* Makes an error of what the library says of the last call: of the statement's where it is given. sql may be NULL.
 * Marks the connection broken where it can't be used any more. */
shunt_status mysqldb_fail(mysql_conn *conn, MYSQL_STMT *stmt, const char *sql, shunt_error *err);
/* The same for an error of this driver's own. Returns status. */
shunt_status mysqldb_refuse(const mysql_conn *conn, shunt_status status, const char *why, const char *sql,
                            shunt_error *err);

/* ---- sql.c ---- */

extern const lex_dialect mysql_dialect;
statement_kind mysqldb_kind(const char *sql, size_t size);
/* Whether the next one to have the connection might meet what the statement leaves: settings, variables, temporary
 * tables, locks, prepared statements. What the server says itself is left to it. */
bool mysqldb_leaves(const char *sql, size_t size);

/* ---- statement.c ---- */

/* The statement of this text, prepared now or before; it stays until the next call. mysqldb_done with it. */
shunt_status mysqldb_statement(mysql_conn *conn, const char *sql, size_t size, mysql_statement **out, shunt_error *err);
/* Prepares it once more, because the server has forgotten it or its tables look otherwise. It is kept no longer. */
shunt_status mysqldb_prepare_again(mysql_conn *conn, mysql_statement *s, shunt_error *err);
/* Frees one that is not kept. */
void mysqldb_done(mysql_statement *s);
void mysqldb_forget(mysql_conn *conn, mysql_statement *s); /* it is kept no longer */
void mysqldb_forget_all(mysql_conn *conn);

/* ---- run.c ---- */

shunt_status mysqldb_send(driver_conn *conn, const char *sql, size_t sql_size, const shunt_value *params,
                          size_t nparams, shunt_error *err);
shunt_status mysqldb_receive(driver_conn *conn, shunt_rows *into, int64_t *affected, int64_t *generated_id,
                             shunt_error *err);
/* Forgets what was sent and not received. */
void mysqldb_drop_sent(mysql_conn *conn);
/* One of our own statements, which gives no rows. */
shunt_status mysqldb_control(mysql_conn *conn, const char *sql, shunt_error *err);
/* One that has a little time however late it is, and is not cancelled after that. False: the connection is broken. */
bool mysqldb_tidy(mysql_conn *conn, const char *sql);

/* ---- result.c ---- */

/* All rows of the result that s stands before; *count is how many. into may be NULL. */
shunt_status mysqldb_rows(mysql_conn *conn, mysql_statement *s, shunt_rows *into, int64_t *count, shunt_error *err);
/* The same of a statement that went as text. */
shunt_status mysqldb_text_rows(const mysql_conn *conn, MYSQL_RES *result, shunt_rows *into, int64_t *count,
                               shunt_error *err);
void mysqldb_free_cells(mysql_statement *s);

/* ---- table.c ---- */

shunt_status mysqldb_describe(driver_conn *conn, const char *table, driver_table **out, shunt_error *err);

#endif
