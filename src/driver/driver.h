/* For: one interface to every engine. Only the engine's own folder includes its client library.
 * Owner: a connection belongs to who opened it, and one thread uses it at a time. Its statements belong to it.
 * Use: e = driver_for(client->engine); driver_open(e, client, deadline_ns, &conn, err) (opened.h); e->send(conn, …);
 * e->receive(conn, …); driver_close(conn).
 *
 * How to add an engine, NAME:
 * 1. A row in CAT_ENGINE_MAP (catalog/catalog.h). It declares driver_NAME and makes driver_for find it.
 * 2. The folder driver/NAME/, with a driver_engine called driver_NAME and a lex_dialect. Members that may be NULL say
 * so here; the others are required.
 * 3. The rows of its connection options, schema_NAME (catalog/settings.h).
 * 4. The folder, and the headers of its client library, in tests/layers.lua.
 * 5. The client library in PACKAGES of the Makefile and in tests/packages.sh.
 * 6. Tests: tests/unit/driver/NAME/; a server in tests/engines/server.sh and the lists in
 *    tests/engines/support/engines.lua, which run the shared specs on it. */
#ifndef SHUNT_DRIVER_DRIVER_H
#define SHUNT_DRIVER_DRIVER_H

#include <stdatomic.h>

#include "base/buf.h"
#include "base/error.h"
#include "catalog/catalog.h"
#include "driver/counts.h"
#include "driver/lex.h"
#include "driver/variables.h"
#include "rows/rows.h"
#include "shunt.h"

/* How the engine orders texts of a column. */
typedef enum driver_collation {
  DRIVER_BINARY,
  DRIVER_NOCASE,
  DRIVER_RTRIM,
  DRIVER_PADDED, /* as if the shorter text ended in blanks */
  DRIVER_WEIGHED /* by the collation keys that the column's `weight` gives */
} driver_collation;

/* What the engine agrees to compare a column with. */
typedef enum driver_kind {
  DRIVER_ANYTHING,
  DRIVER_INTEGERS, /* from least to most */
  DRIVER_NUMBERS,
  DRIVER_BOOLEANS,
  DRIVER_TEXTS,   /* UTF-8 without NUL */
  DRIVER_STRINGS, /* UTF-8 */
  DRIVER_BLOBS,
  DRIVER_UUIDS,
  DRIVER_OTHERS /* dates, JSON, networks, arrays, … */
} driver_kind;

/* DRIVER_OTHERS: the times that the column holds. */
typedef enum driver_time {
  DRIVER_NO_TIME,
  DRIVER_DATE,
  DRIVER_CLOCK, /* without a date */
  DRIVER_STAMP, /* a date with a time, of no particular time zone */
  DRIVER_MOMENT /* the same in a time zone */
} driver_time;

/* Which values of its kind a column keeps as they are. The engine would store others with a change and no error. */
typedef enum driver_form {
  DRIVER_FORM_ANY,
  DRIVER_FORM_LENGTH,  /* texts of `length` characters; blanks behind them would be cut */
  DRIVER_FORM_BYTES,   /* the same with bytes */
  DRIVER_FORM_TRIMMED, /* texts without blanks at the end, which would be cut */
  DRIVER_FORM_BYTE,    /* a text of one byte; others would be cut */
  DRIVER_FORM_SIZE,    /* exactly `length` bytes; fewer would be padded */
  DRIVER_FORM_LABEL,   /* one of the labels in `type`; a number would be an index */
  DRIVER_FORM_LABELS,  /* such labels with commas between them; a number would be a bit mask */
  DRIVER_FORM_YEAR,    /* four digits; two would be a year of this century or the last */
  DRIVER_FORM_DATE,    /* year-month-day; a time would be cut */
  DRIVER_FORM_TIME,    /* hours:minutes:seconds; a date or a zone would be cut */
  DRIVER_FORM_MOMENT,  /* both; a zone would be cut */
  DRIVER_FORM_ZONED_TIME,
  DRIVER_FORM_ZONED_MOMENT,
  DRIVER_FORM_JSON,    /* and numbers and booleans, which are JSON. The text is kept */
  DRIVER_FORM_MEMBERS, /* the same, of which only members and numbers are kept: one member for each name */
  DRIVER_FORM_DOUBLES, /* the same; numbers become integers of 64 bits, or floating-point numbers */
  DRIVER_FORM_AMOUNT,  /* and numbers */
  DRIVER_FORM_NUMBER,  /* SQLite turns a text that looks like a number into one, perhaps with fewer digits */
  DRIVER_FORM_REAL,    /* the same, and integers into floating-point numbers */
  DRIVER_FORM_SPELLED  /* SQLite turns texts into numbers though the type is no number's, so that "007" would be 7 */
} driver_form;

typedef struct driver_column {
  const char *name;
  const char *type; /* as declared; "" without one */
  bool nullable;
  int key;            /* position in the primary key from 1; 0: not a part of it */
  const char *unique; /* names of the other unique keys that it is a part of, with blanks between them; or NULL */
  bool numeric;       /* values are numbers if possible: a text that looks like a number is compared as one */
  bool text;          /* values are texts: a number is compared as a text */
  bool exact;         /* numeric: every digit counts, so that decimals are not compared as doubles */
  bool single;        /* a floating-point number of 32 bits; otherwise 64 */
  bool rounds;        /* the engine rounds to `digits` after the point, silently */
  int digits;
  int whole;               /* exact, with engine.decimal_type: the most digits before the point; 0: unknown */
  const char *digits_type; /* SQL: cast a text of digits to this type when writing it, because the column, an unsigned
                            * integer, would take the text for bytes. NULL: no cast */
  bool cased;              /* LIKE distinguishes case too, so that both sides are made lower */
  bool generated;          /* the database numbers rows here, and reports the number as the generated id */
  bool computed;           /* the database computes the values from other columns; none can be written */
  driver_collation collation;
  const char *equates; /* the collation or type by which texts with different letters are equal ("a", "A"). NULL: equal
                        * texts have the same bytes, except blanks at the end */
  const char *weight;  /* DRIVER_WEIGHED: SQL that turns the text ? into its collation key: bytes that compare as the
                        * texts do. It gives null for a text that the column can't hold */
  const char *pad;     /* SQL: the collation key of the blanks that the shorter text is padded with. NULL: no padding */
  const char *join_hint; /* SQL behind the SELECT of a join over the column: without it, the engine may lose texts that
                          * are equal. NULL: none is needed */
  const char *list; /* DRIVER_INTEGERS: SQL that turns the text ? ("{1,2}") into a list for = ANY, so that one prepared
                     * statement serves any number of keys. NULL: each key is a parameter */
  const char *listed; /* SQL of a subselect: the values of the JSON array ?, for IN. NULL: each value is a parameter */
  /* A key of this type equals those of the column's values that have the same bytes, and no other. */
  bool same_integers, same_texts, same_blobs;
  const char *convert; /* SQL that makes the text ? (of a blob: in hexadecimal) a value of the column's type, by which
                        * an index finds it. NULL: values are parameters as they are */
  const char *takes; /* SQL that is true for the texts ? that `convert` takes; for others it may fail with a data error
                      * (SQLSTATE 22…). NULL: it takes all that driver_column_holds */
  bool takes_ascii;  /* true for all printable ASCII, so that it need not be asked */
  bool as_text;      /* the type has no equality: keys are compared with the column's text */
  const char *rank;  /* SQL: for the JSON array of texts ?, the position of each text in the column's order. NULL: the
                      * column orders values as it compares them */
  driver_kind kind;
  bool real;           /* DRIVER_ANYTHING: every number is stored as a floating-point number */
  int64_t least, most; /* DRIVER_INTEGERS */
  bool zero;           /* DRIVER_INTEGERS: 0 too, below least */
  bool infinite;       /* DRIVER_NUMBERS: holds NaN and infinities */
  size_t longest;      /* DRIVER_TEXTS, DRIVER_OTHERS: bytes that the type keeps of a text; 0: all */
  driver_time time;
  driver_form form;
  size_t length; /* of the form */
  /* SQL to write instead of ?, with one ? in it: fails if the column can't keep the value. NULL: ? */
  const char *written;
} driver_column;

/* A unique key: the table has at most one row for each value. */
typedef struct driver_unique {
  const char *name;
  const driver_column **columns;
  size_t n;
  bool partial; /* it compares less than these columns: a prefix of one, or an expression */
} driver_unique;

typedef struct driver_table {
  arena arena;
  const char *schema, *name; /* of a table that was found in another schema by "schema.name"; otherwise NULL */
  driver_column *columns;
  size_t count;
  driver_unique *uniques; /* the primary key too. Only engines with is_duplicate list them */
  size_t nuniques;
  const driver_column *sole_key; /* the primary key if it is one column, otherwise NULL */
  bool computes;                 /* it has computed columns */
  size_t nkey;                   /* columns of the primary key */
  bool folds;                    /* column names match in any case; in `names` they are in lower case */
  bool returning;                /* INSERT … RETURNING works, if the engine's own `returning` is false */
  const char *for_share;         /* how the server spells FOR SHARE. NULL: so */
  bool touched;                  /* a trigger may change a row after RETURNING has shown it */
  bool unseen;                   /* a trigger may change the connection, and no answer with rows says so */
  bool uncounted;                /* writes run triggers instead, and only RETURNING shows how many rows they were for */
  map names;                     /* to driver_column */
} driver_table;

typedef struct driver_conn driver_conn;

/* How the SQL of the job queue is written for the engine. */
typedef struct driver_queue {
  const char *identity; /* the type of a primary key that the database numbers, with PRIMARY KEY */
  const char *now_ms;   /* SQL: milliseconds since 1970, by one clock for all connections */
  const char *bytes[2]; /* SQL before and after a column of texts: how many bytes one takes */
  const char *locked;   /* follows a SELECT within a write: skips rows that another transaction has locked; may be "" */
  const char *ddl_lock; /* a statement that lets one connection at a time create tables. NULL: the engine does that */
  const char *renumber; /* a statement that lets the empty table shunt_jobs go on with the numbers of shunt_jobs_1 */
  const char *notify;   /* the SQL function (channel, text) that wakes listeners at the commit. NULL: no listeners */
  bool parallel;        /* several transactions may claim jobs at once; each sees the queue as it was before the others.
                         * Otherwise a statement that writes waits for the one writer, even if it changes nothing */
} driver_queue;

enum { DRIVER_ID_BYTES = 64 /* the longest id of a prepared transaction */ };

/* Commits in two phases: a transaction that is prepared outlives its connection and its server, until it is finished.
 * Ids are ASCII without quotes, and unique on the server. */
typedef struct driver_two_phase {
  /* Begins a transaction that can be prepared, and only under this id. NULL: any transaction can, under any id. Errors:
   * those of the engine's begin. */
  shunt_status (*begin)(driver_conn *conn, const char *id, const char *isolation, shunt_error *err);
  /* Outside of a transaction: TRANSACTION if the server can't prepare, with the reason and what to do about it. */
  shunt_status (*check)(driver_conn *conn, shunt_error *err);
  /* The connection's transaction is prepared, and not the connection's any more; nothing but `finish` may follow on it.
   * After an error it is rolled back; if the connection is broken, it may also be prepared. */
  shunt_status (*prepare)(driver_conn *conn, const char *id, shunt_error *err);
  /* Commits the prepared transaction or rolls it back. NOT_FOUND: no transaction with that id is prepared (any more).
   */
  shunt_status (*finish)(driver_conn *conn, const char *id, bool commit, shunt_error *err);
  /* Appends the ids, one column, of those that this user may finish; perhaps of other databases on the server. */
  shunt_status (*list)(driver_conn *conn, shunt_rows *into, shunt_error *err);
} driver_two_phase;

typedef struct driver_engine {
  /* SQL, and limits. */
  const char *name;
  const char *const *features; /* names for shunt_feature of what this build of the driver can do; the last is NULL */
  const lex_dialect *lex;
  size_t max_params;      /* of one statement */
  size_t bulk_params;     /* of an INSERT of several rows, which is slower with more; 0: max_params */
  size_t max_bytes;       /* of the values in a statement of several rows; 0: no limit */
  char quote;             /* around identifiers; doubled inside */
  bool returning;         /* INSERT … RETURNING works */
  bool schemas;           /* tables of other schemas can be reached by "schema.name" */
  bool empty_list;        /* INSERT INTO t () VALUES (), not DEFAULT VALUES */
  bool returning_ordered; /* RETURNING gives the rows of an INSERT of several in their order */
  bool meets_once;        /* INSERT … ON CONFLICT is an error if two of its rows have the same key */
  bool nulls_last;        /* default of ORDER BY */
  bool aborts;            /* after a failed statement, its transaction accepts only a rollback */
  const char *like;       /* a LIKE that ignores the case of ASCII */
  /* SQL: whether the text of the column @ contains, starts with or ends in the text ?, by their bytes. NULL, all three:
   * LIKE compares as the column's collation does. */
  const char *contains, *starts_with, *ends_with;
  bool row_locks; /* SELECT … FOR UPDATE. Otherwise a transaction that writes has locked the whole database */
  /* SQL, of printf: for the rest of the transaction a lock is waited for %lld ms at most. NULL: such waits end anyway
   */
  const char *lock_limit;
  bool comments;   /* a server gets the statements, and may log them: a comment in one is of use */
  bool typed;      /* refuses to compare a column with one of another kind */
  const char *sum; /* SQL: column @ plus the number ?, for an engine whose integers become floats if they overflow.
                    * NULL: @ + ? */
  bool typed_case; /* a CASE without ELSE does not take the type of the column that it is assigned to */
  /* SQL after an expression, by driver_collation: what compares its texts as the column's inside are compared. NULL:
   * they are anyway. */
  const char *const *collate;
  const char *text_type;   /* what any value can be cast to */
  const char *number_type; /* what any number can be cast to. NULL: a column compares with any number */
  /* What a text is cast to for comparing with exact numbers, because the engine compares a number with a text as
   * doubles
   * ("5 apples" = 5): decimal_most digits, and %d of them after the point, decimal_scale at most. NULL: no cast. */
  const char *decimal_type;
  int decimal_most, decimal_scale;
  const char *scaled_type;   /* an exact number with %d digits after the point, for dividing sums. NULL: sums are
                              * never exact fractions */
  const char *single_type;   /* what a number is cast to for comparing with a `single` column. NULL: no cast */
  const char *mean_type;     /* what a sum of integers is cast to before it is divided, because AVG keeps few digits.
                              * NULL: AVG keeps them */
  const driver_queue *queue; /* NULL: jobs can't be kept here */
  const driver_two_phase *two_phase; /* NULL: the engine can't prepare a transaction */
  /* SQL of one text: the database and schema in which a table without a schema is made. NULL: the name of `file`. */
  const char *database;
  const char *plain_table; /* SQL behind the columns of a CREATE TABLE whose rows follow transactions; may be "" */
  /* A table of keys, made of the JSON array ?: [number, "part", "part" …] for each key. It has the column
   * shunt_key_number; key_part is the format of the SQL for part %zu, from 0. longest: bytes of the longest part. NULL,
   * both: the table is VALUES (number, part, part …), …, whose columns have no type. */
  void (*key_table)(buf *sql, size_t parts, size_t longest);
  const char *key_part;

  /* Whether the error means that another connection kept the database locked for longer than this one waits. The
   * statement did nothing and may be repeated later. NULL: no such error. */
  bool (*is_busy)(const shunt_error *err);
  /* Whether an error of `open` means that the server is there and has no place for a further connection. NULL: no such
   * error. */
  bool (*is_full)(const shunt_error *err);
  /* Whether the error means that another row has the same unique key. The statement did nothing. NULL: INSERT … ON
   * CONFLICT works; otherwise ON DUPLICATE KEY UPDATE, which acts on every unique key. */
  bool (*is_duplicate)(const shunt_error *err);
  /* Whether each connection would open a database of its own (":memory:"), so that there must be only one. NULL: never.
   */
  bool (*private_database)(const cat_client *client);

  /* Connections. deadline_ns of clock_monotonic_ns: fails with TIMEOUT then; 0: only the client's own limits. */
  shunt_status (*open)(const cat_client *client, int64_t deadline_ns, driver_conn **conn, shunt_error *err);
  void (*close)(driver_conn *conn); /* accepts NULL */
  /* In the child of a fork: the connection is the parent's, perhaps in the middle of a call of another thread. From now
   * on nothing that is done with it reaches the server or the file. nowhere is a file to put in place of a socket, or
   * -1. Calls only what a signal handler may call. */
  void (*leave)(driver_conn *conn, int nowhere);
  /* Whether an idle connection still works, as far as that shows without asking the server. NULL: always. */
  bool (*alive)(driver_conn *conn);
  /* Notes that hand-written SQL is about to be sent for this session: sets `altered` or `used_by`. NULL: the driver
   * sees by itself, and sets `altered` itself. */
  void (*by_hand)(driver_conn *conn, const char *sql, size_t size, uint64_t session);
  /* Makes an idle connection as it was when it was opened: settings, variables, locks, temporary tables, cursors,
   * prepared statements. False: it can't be, and is broken. Within deadline_ns. */
  bool (*reset)(driver_conn *conn);
  /* The path of the database file, with links resolved, so that one file has one name. Belongs to the connection. NULL,
   * or returns NULL: no file. */
  const char *(*file)(const driver_conn *conn);

  /* Statements. A statement is sent, perhaps started, and received. */

  /* Prepares the SQL (or takes it from the prepared statement cache) and binds its parameters, which ? stands for. They
   * are borrowed until receive returns. The next send, begin, commit or rollback drops a statement that was sent and
   * not received. Errors: USAGE, NOT_FOUND, TRANSACTION (the database has rolled back), DATASOURCE, MEMORY. */
  shunt_status (*send)(driver_conn *conn, const char *sql, size_t sql_size, const shunt_value *params, size_t nparams,
                       shunt_error *err);
  /* Writes to the network what send has not yet written. Returns the socket that becomes readable when receive can read
   * the beginning of the answer without waiting; -1: don't wait, receive reports why. NULL: statements run in receive,
   * in the caller's thread. */
  int (*start)(driver_conn *conn);
  /* Runs the statement to its end and appends its rows to `into` (NULL: discards them). *affected is the number of rows
   * written, 0 for a read. *generated_id, after an INSERT of one row, is the key that the database generated; 0 if only
   * RETURNING reports it. Both may be NULL. After an error `into` may have new rows, and conn->outcome says whether the
   * statement was done. In a transaction it was not: if only the rows could not be kept, the transaction is
   * rolled back. The connection stays usable, or is `broken`. */
  shunt_status (*receive)(driver_conn *conn, shunt_rows *into, int64_t *affected, int64_t *generated_id,
                          shunt_error *err);

  /* Streams: a SELECT that was sent and not started may be fetched in parts, instead of received.
   * fetch appends the next rows, DRIVER_FETCH_ROWS at most, and fewer if they are large. *more: the statement has not
   * ended yet. After an error it has ended. Errors: those of receive. */
  shunt_status (*fetch)(driver_conn *conn, shunt_rows *into, bool *more, shunt_error *err);
  /* Ends a statement before its end. Within a transaction, a server's other rows are read and discarded; outside, where
   * that is not worth its time, the connection is broken afterwards. No-op if nothing was sent. */
  void (*fetch_end)(driver_conn *conn);

  /* Transactions. */
  shunt_status (*begin)(driver_conn *conn, const char *isolation, bool read_only, shunt_error *err);
  /* Ends the transaction: if it can't commit, it rolls back. After an error conn->outcome says what is known. */
  shunt_status (*commit)(driver_conn *conn, shunt_error *err);
  void (*rollback)(driver_conn *conn); /* no-op without a transaction. If it fails, the connection is broken */

  /* Around one statement in a transaction that is not read-only: in between the engine refuses to write. ok: the
   * statement succeeded. Errors of reads_begin: TRANSACTION, if the engine can't do that. */
  shunt_status (*reads_begin)(driver_conn *conn, shunt_error *err);
  shunt_status (*reads_end)(driver_conn *conn, bool ok, shunt_error *err);

  /* schema NULL: where an unqualified name is found. NOT_FOUND: no such table or view. Free the table with
   * driver_table_free. Called by driver_describe. */
  shunt_status (*describe)(driver_conn *conn, const char *schema, const char *table, driver_table **out,
                           shunt_error *err);

  /* Session variables. NULL, both: the engine has none, and no client of it has `session`.
   * variables_sql writes SQL that gives the variables of the client these values, and to scope the values on which the
   * meaning of names depends. No text has a NUL. */
  void (*variables_sql)(const cat_client *client, const shunt_value *values, buf *sql, buf *scope);
  /* Runs conn->variables->sql, or keeps it for the transactions to come. The connection is in no transaction. Errors:
   * those of receive. */
  shunt_status (*variables_set)(driver_conn *conn, shunt_error *err);

  /* Bulk load: writes the same rows as INSERT, faster. NULL, all three: not there.
   * load_begin sets *sql to the statement that runs, valid until load_end; NULL if a load into this table would differ
   * from INSERT, and then there is no load to end. A load that has begun must be ended. Send nothing else meanwhile.
   * load_end with ok = false writes nothing. Errors: those of send and receive. */
  shunt_status (*load_begin)(driver_conn *conn, const char *table, const char *const *columns, size_t ncolumns,
                             const char **sql, shunt_error *err);
  shunt_status (*load_row)(driver_conn *conn, const shunt_value *values, shunt_error *err);
  shunt_status (*load_end)(driver_conn *conn, bool ok, int64_t *affected, shunt_error *err);

  /* Notifications. NULL, both: not supported.
   * listen subscribes the connection, which does nothing else from now on, to the channel. Errors: DATASOURCE, TIMEOUT,
   * MEMORY. */
  shunt_status (*listen)(driver_conn *conn, const char *channel, shunt_error *err);
  /* Waits for a notification, until wake_fd is readable, or until until_ns of clock_monotonic_ns. DATASOURCE: the
   * connection is lost. */
  shunt_status (*hear)(driver_conn *conn, int wake_fd, int64_t until_ns, bool *heard, shunt_error *err);
} driver_engine;

/* The first member of every engine's own connection. */
struct driver_conn {
  const driver_engine *engine;
  const cat_client *client;
  bool broken;         /* must not be used again */
  bool once;           /* the next statement is not kept as a prepared one. Set by the user of the connection */
  bool replaced;       /* so is every other connection that was open when this was seen: the file is another one now */
  bool altered;        /* a statement may have changed the connection itself: reset it before it is used again */
  bool in_transaction; /* from begin to commit or rollback */
  bool read_only;      /* the transaction is: the engine refuses to write */
  shunt_outcome outcome; /* the driver's: what is known of the effect of the last receive or commit, if that failed.
                          * UNKNOWN: it was sent and its answer is lost, or it may do several things and did some */
  bool under_way;        /* started and not received: nothing else may be sent. Set by the user of the connection */
  bool streams;          /* fetched and not ended: the same */
  uint64_t used_by; /* the session whose plain SQL, written by hand, ran on it: a trigger or view may have changed the
                     * connection, so reset it before another session uses it; 0: none */
  bool unsure;     /* a write, or SQL written by hand, ran on it, and the server has not said that it changed nothing on
                    * the connection: a trigger may have set a variable */
  unsigned resets; /* how often it was reset: settings made since it was opened are gone after each */
  /* When waiting for the engine ends, of clock_monotonic_ns; 0: never. Set by the user of the connection. A statement
   * that has not ended by then is cancelled on the server and fails with TIMEOUT. The connection is broken then,
   * because the cancellation may arrive late. If a write had already succeeded, its result is returned. */
  int64_t deadline_ns;
  driver_variables *variables; /* that it has; NULL: none, or unknown ones. See driver_set_variables */
  int64_t retire_ns;           /* the pool's: when it is closed rather than lent again; 0: never */
  int64_t idle_since_ns;       /* the pool's */
  struct wait_party *holder;   /* the pool's: who has acquired it; NULL: unknown */
  driver_counts counts;
  /* For engines with one writer per file: */
  atomic_bool writes; /* the driver's: an open transaction on it blocks all other writers; read by any thread */
  /* Text to follow 'is locked by ', if the file is locked by a caller that waits for this connection's work. A lock is
   * CONFLICT then, and not waited for. NULL: nothing of the kind. Set by the user of the connection, reset by the pool.
   */
  const char *locked_by;
  /* Called before the first sleep for a lock, to end on other connections what may hold it. Set and reset as locked_by.
   */
  struct {
    void (*fn)(void *ud); /* NULL: nothing to call */
    void *ud;
  } before_wait;
  /* The pool's: sleeps while the file is locked, since since_ns. Returns false if the lock can never come free, with
   * the reason in why. NULL: waits without that check. */
  bool (*nap)(driver_conn *conn, int64_t since_ns, int64_t nap_ns, char *why, size_t room);
  struct driver_conn *next_opened, *before_opened; /* of opened.c */
};

#define DRIVER_DECLARE(symbol, name, ...) extern const driver_engine driver_##name;
CAT_ENGINE_MAP(DRIVER_DECLARE)
#undef DRIVER_DECLARE

const driver_engine *driver_for(cat_engine engine);
bool driver_is_private(const cat_client *client);

/* ---- what drivers have in common ---- */

/* Sets the error "client 'NAME': WHY" and its client. Returns status. */
shunt_status driver_refuse(const driver_conn *conn, shunt_status status, const char *why, shunt_error *err);
/* Whether the engine refused to write, because the transaction is read-only. */
bool driver_refused_write(const shunt_error *err);
/* The usual `by_hand`. */
void driver_by_hand(driver_conn *conn, const char *sql, size_t size, uint64_t session);
/* Resets the connection, which no longer is altered or used. False: it is broken. */
bool driver_reset(driver_conn *conn);
/* Checks what begin was asked for. Errors: TRANSACTION: a transaction is open already; USAGE: unknown isolation. */
shunt_status driver_check_isolation(const char *isolation, shunt_error *err);
shunt_status driver_check_begin(const driver_conn *conn, const char *isolation, shunt_error *err);
/* Before the driver reads the answer to a question of its own: whether the rows have the columns that were asked for. A
 * letter for each: t text or blob, i integer, b boolean; each may be null. If not, the connection is broken. Errors:
 * DATASOURCE. */
shunt_status driver_expect(driver_conn *conn, const shunt_rows *rows, const char *types, shunt_error *err);
/* The same for a value that can't be. what: "the type of a column". Returns DATASOURCE. */
shunt_status driver_nonsense(driver_conn *conn, const char *what, shunt_error *err);
/* The name of a result's column; NULL: out of memory. */
typedef const char *(*driver_name_of)(const void *result, int column);
/* Gives rows without columns those of the result. Errors: USAGE: the rows have another number of columns; MEMORY. */
shunt_status driver_set_columns(const driver_conn *conn, shunt_rows *rows, int n, driver_name_of name_of,
                                const void *result, shunt_error *err);

/* ---- how much one answer may take (maxResult) ---- */

/* Bytes that the rows hold. Only differences count: an empty one may have any number. */
static inline size_t driver_held(const shunt_rows *rows) {
  return rows->bytes.total_bytes - (size_t)(rows->bytes.end - rows->bytes.at) +
         rows->count * rows->ncolumns * sizeof(shunt_value);
}
/* Whether the client may be given all that the rows hold. They held `before` when the answer began; of a statement that
 * is fetched, when the row began. */
static inline bool driver_fits(const driver_conn *conn, const shunt_rows *rows, size_t before) {
  const int64_t most = conn->client->max_result_bytes;
  return !most || driver_held(rows) - before <= (size_t)most;
}
/* Sets the error for an answer that does not fit. Returns LIMIT. */
shunt_status driver_too_large(const driver_conn *conn, shunt_error *err);

enum { DRIVER_FETCH_ROWS = 256, DRIVER_FETCH_BYTES = 1 << 20 };
/* Whether these are enough rows for a fetch. */
static inline bool driver_is_enough(const shunt_rows *rows) {
  return rows->count >= DRIVER_FETCH_ROWS || rows->bytes.total_bytes > DRIVER_FETCH_BYTES;
}

/* Gives the connection, which is in no transaction, these values, unless it has them. v NULL: none are needed. After an
 * error it has unknown ones. Errors: those of receive. */
shunt_status driver_set_variables(driver_conn *conn, driver_variables *v, shunt_error *err);
/* After a reset on the server, and when the connection is closed. */
void driver_forget_variables(driver_conn *conn);

/* ---- tables ---- */

/* The table or view of that name. On engines with schemas, "audit.log" is the table log of the schema audit, unless a
 * table has the whole name. Errors: NOT_FOUND; USAGE: both tables exist; those of the driver. Free the table with
 * driver_table_free. */
shunt_status driver_describe(driver_conn *conn, const char *name, driver_table **out, shunt_error *err);
driver_table *driver_table_new(void); /* NULL: out of memory */
/* Allocates the columns; the driver fills them in; driver_table_name makes driver_table_column find them. False: out of
 * memory. */
bool driver_table_size(driver_table *t, size_t count);
bool driver_table_name(driver_table *t);
void driver_table_free(driver_table *t); /* accepts NULL */
bool driver_table_equal(const driver_table *a, const driver_table *b);
/* NULL: no such column. */
const driver_column *driver_table_column(const driver_table *t, const char *name);

/* Whether n columns of the table contain its primary key. */
bool driver_table_unique(const driver_table *t, const driver_column *const *columns, size_t n);
/* Whether they contain the primary key or another unique key, so that one row at most has the same values. */
bool driver_table_identifies(const driver_table *t, const driver_column *const *columns, size_t n);
/* Whether they contain no unique key, though the table has one: then several rows may have the same values. */
bool driver_table_ambiguous(const driver_table *t, const driver_column *const *columns, size_t n);

/* Whether the integer is exact as a floating-point number of 32 bits (single) or 64. */
bool driver_float_holds(int64_t integer, bool single);

/* Whether the column may be compared with the value. Texts are not taken for numbers, nor numbers for texts. */
bool driver_column_holds(const driver_column *column, const shunt_value *value);

#endif
