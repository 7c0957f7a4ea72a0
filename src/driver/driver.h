/* For: one shape for every engine. Only files in this folder include an engine's client header.
 * Owner: a connection belongs to who opened it and is used by one thread at a time; its statements belong to it.
 * Use: e = driver_for(client->engine); e->open(client, &conn, err); e->send(conn, …); e->receive(conn, …);
 * e->close(conn). */
#ifndef SHUNT_DRIVER_DRIVER_H
#define SHUNT_DRIVER_DRIVER_H

#include <stdatomic.h>

#include "base/error.h"
#include "catalog/catalog.h"
#include "driver/lex.h"
#include "rows/rows.h"
#include "shunt.h"

/* How an engine's SQL compares texts of a column, so that keys can be matched as it would. */
typedef enum driver_collation {
  DRIVER_BINARY,
  DRIVER_NOCASE,
  DRIVER_RTRIM,
  DRIVER_PADDED, /* the shorter one as if blanks followed */
  DRIVER_WEIGHED /* as the weights that the column's `weight` gives for them */
} driver_collation;

/* What a column can hold, where the engine refuses to compare it with anything else. */
typedef enum driver_kind {
  DRIVER_ANYTHING, /* it refuses nothing */
  DRIVER_INTEGERS, /* from least to most */
  DRIVER_NUMBERS,
  DRIVER_BOOLEANS,
  DRIVER_TEXTS,   /* UTF-8 without NUL */
  DRIVER_STRINGS, /* UTF-8 */
  DRIVER_BLOBS,
  DRIVER_UUIDS,
  DRIVER_OTHERS /* dates, JSON, networks, arrays, …: keys are compared with their text */
} driver_kind;

typedef struct driver_column {
  const char *name;
  const char *type; /* as declared, "" where none was */
  bool nullable;
  int key;      /* position in the primary key from 1; 0: none */
  bool numeric; /* values are numbers where they can be: a text key that looks like one is compared as one */
  bool text;    /* values are text: a number is compared as its text */
  bool exact;   /* numeric: kept to the last digit, so that decimals are not compared as doubles */
  bool single;  /* a floating-point number of 32 bits; others have 64 */
  bool rounds;  /* to `digits` after the point, without a word */
  int digits;
  const char *digits_type; /* SQL: what a text of digits is cast to when it is written, because the column, which holds
                            * whole numbers from 0, would take it for bytes. NULL: it is written as it is */
  bool cased;              /* its texts differ in case to LIKE too, unless they are made lower */
  bool generated;          /* the database numbers rows here, and tells the number as the generated id */
  driver_collation collation;
  bool ascii;         /* DRIVER_WEIGHED: printable ASCII without a blank at the end is equal as with DRIVER_NOCASE */
  const char *weight; /* DRIVER_WEIGHED: SQL that makes of the text ? bytes that are equal, and ordered, as texts are in
                       * the column; null for a text that it can't hold */
  const char *pad;    /* SQL: the weight of the blanks that are thought to follow the shorter one. NULL: none are */
  const char *list; /* DRIVER_INTEGERS: SQL that makes of the text ? ("{1,2}") a list that = ANY compares with, so that
                     * a statement is the same one for any number of keys. NULL: each is a parameter of its own */
  const char *rank; /* SQL that gives each of the values of the JSON array of texts ?, in its order, its place in the
                     * column's order. NULL: values are ordered as they are compared */
  driver_kind kind;
  int64_t least, most; /* DRIVER_INTEGERS */
} driver_column;

typedef struct driver_table {
  arena arena;
  driver_column *columns;
  size_t count;
  const driver_column *sole_key; /* the primary key, where it is one column; else NULL */
  bool folds;                    /* the engine takes column names in any case: those in names are in lower case */
  bool returning;                /* INSERT … RETURNING, where the engine's `returning` leaves it to the server */
  map names;                     /* the value is the driver_column */
} driver_table;

typedef struct driver_conn driver_conn;

/* How the SQL of the queue of jobs is written for the engine. */
typedef struct driver_queue {
  const char *identity; /* the type of a primary key that the database numbers, with these words */
  const char *now_ms;   /* SQL: the time in ms since 1970, of one clock for all connections */
  const char
      *locked; /* after a SELECT inside of a write: passes over rows that another transaction has locked; or "" */
  const char *ddl_lock; /* a statement that makes other connections wait with creating tables. NULL: they wait anyway */
  const char *notify; /* the SQL function (channel, text) that wakes those that listen, at the commit. NULL: no such */
  bool parallel;      /* several transactions may claim jobs at once, each seeing the queue as it was before the others
                       * did. Without, a statement that writes waits for the one writer, even if it changes nothing */
} driver_queue;

typedef struct driver_engine {
  const char *name;
  size_t max_params;           /* of one statement */
  size_t bulk_params;          /* of an INSERT of several rows: more of them take longer; 0: as many as go in */
  const lex_dialect *lex;      /* how its SQL is read */
  char quote;                  /* around identifiers; doubled inside */
  bool returning;              /* INSERT … RETURNING */
  bool empty_list;             /* INSERT INTO t () VALUES (), not DEFAULT VALUES */
  size_t max_bytes;            /* of values that a statement of several rows should carry at most; 0: any number */
  const char *decimal_type;    /* what a text is cast to, to be compared with exact numbers, because the engine compares
                                * a number with a text as doubles ("5 apples" = 5). NULL: it doesn't */
  bool nulls_last;             /* where ORDER BY does not say otherwise */
  const char *like, *like_end; /* around the pattern of a LIKE that takes ASCII in any case and has no escape */
  const char *text_type;       /* what any value can be cast to */
  const char *number_type;     /* what any number can be cast to; NULL: a column compares with any number as it is */
  bool aborts;                 /* a statement that fails ends its transaction: it takes nothing more but a rollback */
  const driver_queue *queue;   /* NULL: jobs can't be kept there */
  /* Whether the statement failed because another connection kept the database locked for longer than this one waits: it
   * did nothing, and may be tried again later. NULL: this is no error of its own. */
  bool (*is_busy)(const shunt_error *err);
  /* Whether a second connection would see another database (":memory:"), so that there must be one alone. NULL: never.
   */
  bool (*private_database)(const cat_client *client);
  /* deadline_ns: of clock_monotonic_ns, by which it is open or TIMEOUT; 0: the client's own limits alone. */
  shunt_status (*open)(const cat_client *client, int64_t deadline_ns, driver_conn **conn, shunt_error *err);
  void (*close)(driver_conn *conn); /* accepts NULL */
  /* Whether a connection that nobody uses is still there, as far as can be told without asking the server. NULL: it is.
   */
  bool (*alive)(driver_conn *conn);
  /* The file that it writes to, links followed, so that it has one name however it was opened; NULL where there is
   * none. It belongs to the connection. NULL: an engine without files. */
  const char *(*file)(const driver_conn *conn);
  /* Prepares (or takes from the connection's cache) and binds. sql has ? for parameters. Parameters are borrowed until
   * receive has returned. A statement that was sent and never received is dropped by the next send, begin, commit or
   * rollback. Errors: USAGE, NOT_FOUND, TRANSACTION (the database has rolled the transaction back), DATASOURCE, MEMORY.
   */
  shunt_status (*send)(driver_conn *conn, const char *sql, size_t sql_size, const shunt_value *params, size_t nparams,
                       shunt_error *err);
  /* Puts what was sent on the wire, where send has not, and gives the socket that becomes readable once receive would
   * not wait for the first of the answer; -1 where there is nothing to wait for, and receive tells. NULL: a statement
   * runs inside receive, in the caller's own thread. */
  int (*start)(driver_conn *conn);
  /* Runs what was sent to its end, adding its rows to `into` (may be NULL: they are thrown away). On an error, rows may
   * have been added and nothing is written (but by a server outside of a transaction, where memory ran out for the rows
   * of a write); the connection stays usable, or has `broken` set. *affected is the number
   * of rows written, 0 for a read; *generated_id, after an INSERT of one row, the key that the database gave it, 0
   * where only RETURNING tells it. Both may be NULL. */
  shunt_status (*receive)(driver_conn *conn, shunt_rows *into, int64_t *affected, int64_t *generated_id,
                          shunt_error *err);
  shunt_status (*begin)(driver_conn *conn, const char *isolation, bool read_only, shunt_error *err);
  /* The transaction is over either way: one that can't be committed is rolled back. */
  shunt_status (*commit)(driver_conn *conn, shunt_error *err);
  void (*rollback)(driver_conn *conn); /* nothing where there is no transaction; broken where it can't be done */
  /* NOT_FOUND where there is no such table or view. End it with driver_table_free. */
  shunt_status (*describe)(driver_conn *conn, const char *table, driver_table **out, shunt_error *err);
  /* Loads rows of these columns, writing what INSERTs of them would, faster than those. *sql is what runs, until the
   * end; NULL where INSERT would do anything else than a load, and then there is none. One that was begun is ended,
   * whatever comes of it: not ok, it writes nothing. Nothing else is sent meanwhile. Errors: those of send and receive;
   * load_begin: NULL where the engine has nothing faster. */
  shunt_status (*load_begin)(driver_conn *conn, const char *table, const char *const *columns, size_t ncolumns,
                             const char **sql, shunt_error *err);
  shunt_status (*load_row)(driver_conn *conn, const shunt_value *values, shunt_error *err);
  shunt_status (*load_end)(driver_conn *conn, bool ok, int64_t *affected, shunt_error *err);
  /* From now on the connection, which does nothing else, hears what others notify the channel of. NULL, like hear: the
   * engine has no such thing. Errors: DATASOURCE, TIMEOUT, MEMORY. */
  shunt_status (*listen)(driver_conn *conn, const char *channel, shunt_error *err);
  /* Until something was heard since the last time, wake_fd can be read, or until_ns of clock_monotonic_ns. Errors:
   * DATASOURCE: the connection is lost. */
  shunt_status (*hear)(driver_conn *conn, int wake_fd, int64_t until_ns, bool *heard, shunt_error *err);
} driver_engine;

/* What every connection begins with; an engine's own struct has it as its first member. */
struct driver_conn {
  const driver_engine *engine;
  const cat_client *client;
  bool broken;         /* not to be given to anybody again */
  bool altered;        /* a statement left something behind that the next one to have it would meet */
  bool in_transaction; /* from begin to commit or rollback */
  bool under_way;      /* started, and not received: nothing else may be sent. Whoever starts and receives sets it */
  /* When whatever waits for the engine ends, of clock_monotonic_ns; 0: never. Whoever uses the connection sets it. A
   * statement that has not ended by then is cancelled on the server and gives TIMEOUT, and the connection is broken,
   * for a cancellation may come late. A write that had ended all the same gives what it gave. */
  int64_t deadline_ns;
  int64_t retire_ns;         /* the pool's: when it is not given out any more; 0: never */
  int64_t idle_since_ns;     /* the pool's */
  struct wait_party *holder; /* the pool's: who has it; NULL: nobody, or nobody known */
  /* Where the engine has one writer to a file at a time: */
  atomic_bool writes; /* the driver's: a transaction on it keeps everybody else from writing; read by any thread */
  /* Who has locked the file, in words that go on "is locked by", and can't end before this connection's work does: what
   * is locked is CONFLICT then, and not waited for. NULL: nobody. Whoever uses the connection sets it, and the pool
   * takes it away. */
  const char *locked_by;
  /* The pool's: sleeps for a while because the file is locked, which it has been waited for since then. False: it could
   * never come free, and why tells why. NULL: nobody minds. */
  bool (*nap)(driver_conn *conn, int64_t since_ns, int64_t nap_ns, char *why, size_t room);
};

#define DRIVER_DECLARE(symbol, name, ...) extern const driver_engine driver_##name;
CAT_ENGINE_MAP(DRIVER_DECLARE)
#undef DRIVER_DECLARE

const driver_engine *driver_for(cat_engine engine);
/* What private_database says. */
bool driver_is_private(const cat_client *client);

/* ---- what drivers have in common ---- */

/* "client 'NAME': WHY", with the client's name beside it. Returns status. */
shunt_status driver_refuse(const driver_conn *conn, shunt_status status, const char *why, shunt_error *err);
/* Before a transaction begins. Errors: TRANSACTION: one is open; USAGE: there is no such isolation (NULL: the engine's
 * own). */
shunt_status driver_check_begin(const driver_conn *conn, const char *isolation, shunt_error *err);
/* The name of a result's column; NULL: out of memory. */
typedef const char *(*driver_name_of)(const void *result, int column);
/* Gives rows without columns those of the result. Errors: USAGE: the rows have another number of columns; MEMORY. */
shunt_status driver_set_columns(const driver_conn *conn, shunt_rows *rows, int n, driver_name_of name_of,
                                const void *result, shunt_error *err);

/* ---- tables ---- */

driver_table *driver_table_new(void); /* NULL when out of memory */
/* Makes room for count columns, to be filled in, and after that names them for driver_table_column. False: out of
 * memory. */
bool driver_table_size(driver_table *t, size_t count);
bool driver_table_name(driver_table *t);
void driver_table_free(driver_table *t); /* accepts NULL */
bool driver_table_equal(const driver_table *a, const driver_table *b);
/* NULL where there is none. */
const driver_column *driver_table_column(const driver_table *t, const char *name);

/* Whether a floating-point number can be this integer, and no other one near it. */
bool driver_float_holds(int64_t integer, bool single);

/* Whether a column can hold the value, so that it may be asked for. A number is no text, nor a text a number. */
bool driver_column_holds(const driver_column *column, const shunt_value *value);

#endif
