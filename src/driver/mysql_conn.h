/* For: what the parts of the driver of MySQL and MariaDB share: mysql.c (connections, transactions), mysql_options.c
 * (how to connect), mysql_statement.c (prepared statements), mysql_run.c (values in), mysql_result.c (rows out),
 * mysql_table.c (what tables look like), mysql_error.c (error numbers to errors). It is written for both client
 * libraries, MariaDB's and MySQL's own. Owner: the connection owns its handle and every statement. Nobody outside this
 * folder includes this. */
#ifndef SHUNT_DRIVER_MYSQL_CONN_H
#define SHUNT_DRIVER_MYSQL_CONN_H

#include <mysql.h>

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
  STATEMENT_CHANGES, /* rows: INSERT, UPDATE, … */
  STATEMENT_COMMITS, /* whatever transaction is open, before it runs */
  STATEMENT_STAYS    /* it changes the connection itself, which goes back to others */
} statement_kind;

typedef struct mysql_statement {
  cache_entry entry;
  MYSQL_STMT *stmt; /* NULL: the server prepares nothing of its kind, so that it goes as text */
  size_t nparams;
  statement_kind kind;
  bool leaves; /* something on the connection, which is altered by it */
  bool cached;
  bool stale; /* its table has other columns now, and the library keeps to the names it knows */
  char sql[];
} mysql_statement;

/* Where the library puts a cell of the row that it fetches. */
typedef struct mysql_cell mysql_cell;

typedef struct mysql_conn {
  driver_conn base;
  MYSQL *db;
  bool mariadb;
  bool returning; /* INSERT … RETURNING */
  sql_cache cache;
  mysql_statement *sent; /* bound, and not run yet */
  const shunt_value *sent_params;
  MYSQL_BIND *params; /* room to bind them */
  size_t param_room;
  MYSQL_BIND *binds; /* of the cells */
  mysql_cell *cells;
  size_t bind_room, cell_room;
  char lost[256]; /* why the server ended the transaction that we still hold for open */
} mysql_conn;

static inline mysql_conn *mysql_of(driver_conn *conn) { return (mysql_conn *)(void *)conn; }

/* ---- mysql_options.c ---- */

/* Connects as the client's options say. The handle is there even where it fails, to be closed. Errors: CONFIG,
 * DATASOURCE, MEMORY. */
shunt_status mysqldb_connect(mysql_conn *conn, shunt_error *err);

/* ---- mysql_error.c ---- */

/* Makes an error of what the library says of the last call: of the statement's where it is given. sql may be NULL.
 * Marks the connection broken where it can't be used any more. */
shunt_status mysqldb_fail(mysql_conn *conn, MYSQL_STMT *stmt, const char *sql, shunt_error *err);
/* The same for an error of this driver's own. Returns status. */
shunt_status mysqldb_refuse(const mysql_conn *conn, shunt_status status, const char *why, const char *sql,
                            shunt_error *err);

/* ---- mysql_statement.c ---- */

/* The statement of this text, prepared now or before; it stays until the next call. mysqldb_done with it. */
shunt_status mysqldb_statement(mysql_conn *conn, const char *sql, size_t size, mysql_statement **out, shunt_error *err);
/* Prepares it once more, because the server has forgotten it or its tables look otherwise. It is kept no longer. */
shunt_status mysqldb_prepare_again(mysql_conn *conn, mysql_statement *s, shunt_error *err);
/* Frees one that is not kept. */
void mysqldb_done(mysql_statement *s);
void mysqldb_forget(mysql_conn *conn, mysql_statement *s); /* it is kept no longer */
void mysqldb_forget_all(mysql_conn *conn);

/* ---- mysql_run.c ---- */

shunt_status mysqldb_send(driver_conn *conn, const char *sql, size_t sql_size, const shunt_value *params,
                          size_t nparams, shunt_error *err);
shunt_status mysqldb_receive(driver_conn *conn, shunt_rows *into, int64_t *affected, int64_t *generated_id,
                             shunt_error *err);
/* Forgets what was sent and not received. */
void mysqldb_drop_sent(mysql_conn *conn);
/* One of our own statements, which gives no rows. */
shunt_status mysqldb_control(mysql_conn *conn, const char *sql, shunt_error *err);

/* ---- mysql_result.c ---- */

/* All rows of the result that stmt stands before; *count is how many. into may be NULL. */
shunt_status mysqldb_rows(mysql_conn *conn, mysql_statement *s, shunt_rows *into, int64_t *count, shunt_error *err);
/* The same of a statement that went as text. */
shunt_status mysqldb_text_rows(mysql_conn *conn, const char *sql, MYSQL_RES *result, shunt_rows *into, int64_t *count,
                               shunt_error *err);
void mysqldb_free_cells(mysql_conn *conn);

/* ---- mysql_table.c ---- */

shunt_status mysqldb_describe(driver_conn *conn, const char *table, driver_table **out, shunt_error *err);

#endif
