/* For: what the files of the PostgreSQL driver share: engine.c (transactions), options.c (connection options),
 * connect.c (connecting), sql.c (reading SQL), prepare.c (prepared statements), values.c (values in and out), rows.c
 * (rows out), run.c (statements), reset.c (what hand-written SQL leaves), two_phase.c (PREPARE TRANSACTION), load.c
 * (COPY), listen.c (NOTIFY), wait.c (waiting for results), table.c (descriptions of tables), error.c (SQLSTATEs to
 * errors). Only this folder includes it. Owner: the connection owns libpq's connection and every statement. Use:
 * pg_conn *conn = pg_of(base); status = pg_exec(conn, "COMMIT", &result, err); */
#ifndef SHUNT_DRIVER_PG_CONN_H
#define SHUNT_DRIVER_PG_CONN_H

#include <libpq-fe.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/number.h"
#include "driver/cache.h"
#include "driver/driver.h"

/* The types that the driver treats specially. Their numbers are fixed; those of other types begin at PG_FIRST_OTHER. */
enum {
  PG_BOOL = 16,
  PG_BYTEA = 17,
  PG_CHAR = 18, /* one byte, not character(n) */
  PG_NAME = 19,
  PG_INT8 = 20,
  PG_INT2 = 21,
  PG_INT4 = 23,
  PG_TEXT = 25,
  PG_OID = 26,
  PG_JSON = 114,
  PG_FLOAT4 = 700,
  PG_FLOAT8 = 701,
  PG_MONEY = 790,
  PG_BPCHAR = 1042,
  PG_VARCHAR = 1043,
  PG_DATE = 1082,
  PG_TIME = 1083,
  PG_TIMESTAMP = 1114,
  PG_TIMESTAMPTZ = 1184,
  PG_INTERVAL = 1186,
  PG_TIMETZ = 1266,
  PG_NUMERIC = 1700,
  PG_UUID = 2950,
  PG_JSONB = 3802,
  PG_FIRST_OTHER = 16384
};

enum { PG_NO_SLOT = -1, PG_NAME_BYTES = 40, PG_LONGEST_KEPT = 16 * 1024 /* bytes of SQL */ };

/* Of one statement. libpq takes a message that describes parameters for a broken connection if it is longer than 30000
 * bytes: its size (4), their number (2) and the type of each (4). The protocol has room for 65535. */
enum { PG_MOST_PARAMS = (30000 - 4 - 2) / 4 };

/* In the cache, or too long for it and prepared for each execution. */
/* Whether a statement changes the connection itself: settings, temporary tables, locks, cursors, prepared statements.
 * Behind a pooler it is refused then. */
typedef enum pg_leaving { PG_LEAVES_NOTHING, PG_MAY_LEAVE /* DO and CALL run anything */, PG_LEAVES } pg_leaving;

typedef struct pg_statement {
  cache_entry entry;
  size_t size;     /* of the SQL. In the entry, the scope of the session variables follows it */
  char *numbered;  /* with $1 for ? */
  int slot;        /* PG_NO_SLOT: the server's unnamed statement */
  uint32_t number; /* of its name on the server (see pg_conn.tag) */
  bool kept;       /* in the cache */
  bool has_rows;
  bool backslashes; /* see pg_text */
  bool savepoint;   /* sets a savepoint or returns to one: never prepared, and runs in a failed transaction too */
  pg_leaving leaves;
  bool tried; /* has run since it was prepared: an error in it means that the schema has changed */
  size_t nparams;
  Oid *types; /* of the parameters, as the server infers them */
  char sql[];
} pg_statement;

typedef struct pg_load pg_load;

/* Why nothing more is read from a connection. It is broken. */
typedef enum pg_end {
  PG_GOES_ON,
  PG_TOO_LATE,  /* past the deadline */
  PG_TOO_MUCH,  /* libpq would hold more than maxResult */
  PG_ASTRAY,    /* the server sends results that nothing asked for, or fails to send one */
  PG_NO_MEMORY, /* libpq had none, and its message is gone */
  PG_FAILED     /* libpq itself fails, as without memory: what it would do next is not known */
} pg_end;

typedef struct pg_conn {
  driver_conn base;
  PGconn *pg;
  sql_cache cache;
  /* A pooler gives each transaction to any of its connections to the server (prepare: false): nothing may stay there.
   * Then every execution carries its SQL, and `cache` holds only the types of parameters. */
  bool pooled;
  bool piped;       /* the statement in progress was sent behind settings of its own */
  buf front;        /* pooled, with session variables: SQL that gives a transaction all its settings; otherwise empty */
  buf key;          /* of the statement that is looked for: its SQL, and the scope of its names */
  uint64_t tag;     /* in the names of prepared statements: random, so that no connection shares them */
  uint32_t numbers; /* given so far; a name is used once */
  int nslots;       /* in use, now or before */
  uint32_t held[CACHE_MOST]; /* by slot: the number of the statement that the server has; 0: none */
  int free_slots[CACHE_MOST];
  int nfree;
  bool stale;                /* the schema has changed: prepare every statement again */
  pg_statement *unnamed;     /* without a slot */
  pg_statement *sent;        /* in progress */
  const shunt_value *params; /* of `sent`, borrowed until receive returns */
  bool fetching;             /* `sent` is fetched, and has begun */
  const Oid *row_types;      /* of its columns, once there was a row */
  int row_width;             /* the number of them */
  size_t discarded;          /* bytes of its rows that were not kept */
  arena scratch;             /* of the statement in progress */
  pg_load *load;             /* in progress */
  bool describes;            /* waits for the description of a statement */
  bool encrypted;
  int64_t asked_ns; /* when the operation began, if there is a deadline */
  int64_t until_ns; /* when the connection is abandoned; 0: the statement has not been cancelled yet */
  bool late;        /* a timeout of the open transaction was reported, which has ended it */
  pg_end ended;     /* abandoned: nothing more is read from it */
  bool lacked;      /* libpq had no memory, and has perhaps lost an answer */
  bool listens;     /* keeps what is notified in `heard`; otherwise it is dropped */
  bool heard;
  int reads;          /* since libpq last gave a result, or the request began */
  int64_t came_in;    /* bytes by then; of a socket that doesn't count them, about as many */
  int64_t about_read; /* of such a socket */
} pg_conn;

static inline pg_conn *pg_of(driver_conn *conn) { return (pg_conn *)(void *)conn; }

/* ---- error.c ---- */

/* Sets the error of a result, or of the connection if result is NULL. Marks a lost connection broken. sql may be NULL.
 */
shunt_status pg_fail(pg_conn *conn, const PGresult *result, const char *sql, shunt_error *err);
/* Whether the database has said what became of a request: by its result, or by an error. */
bool pg_is_answer(const PGresult *result);
/* The server refuses a cached plan because a table was changed. */
bool pg_is_outdated_plan(const PGresult *result);
/* The error for a statement in a failed transaction. */
shunt_status pg_refuse_failed(shunt_error *err);
/* "": none. */
const char *pg_sqlstate(const PGresult *result);
/* Whether libpq's message says that it had no memory. */
bool pg_lacked_memory(const char *message);
/* The first line of the message. */
void pg_one_line(const char *message, char *room, size_t size);

/* ---- options.c ---- */

/* Whether the server's connections are a pooler's (prepare: false). */
bool pg_is_pooled(const cat_client *client);
/* The arguments of PQconnectStartParams, in the arena. Errors: CONFIG, MEMORY. */
shunt_status pg_options(const cat_client *client, arena *a, const char ***keywords, const char ***values,
                        shunt_error *err);

/* ---- connect.c ---- */

/* driver_engine.is_full */
bool pg_is_full(const shunt_error *err);
/* Sets conn->pg, even if it fails. Errors: DATASOURCE, TIMEOUT, MEMORY. */
shunt_status pg_connect(pg_conn *conn, const char *const *keywords, const char *const *values, shunt_error *err);

/* All settings of a connection that no pooler is in front of, as one statement. */
extern const char pg_settings_of_session[];
/* The settings that a pooler does not keep, for the transaction that a statement begins: after BEGIN, and in front of
 * a statement with rows. */
extern const char pg_settings_of_transaction[], pg_settings_of_rows[];

/* ---- listen.c ---- */

shunt_status pg_listen(driver_conn *conn, const char *channel, shunt_error *err);
shunt_status pg_hear(driver_conn *conn, int wake_fd, int64_t until_ns, bool *heard, shunt_error *err);

/* ---- two_phase.c ---- */

extern const driver_two_phase pg_two_phase;

/* ---- wait.c ---- */

/* Called before each request to the server. Errors: TIMEOUT: the deadline has passed, and nothing is sent; TRANSACTION:
 * a statement of the transaction was cancelled. */
shunt_status pg_check_time(pg_conn *conn, shunt_error *err);
/* The time that the operation had. */
static inline long long pg_time_ms(const pg_conn *conn) {
  return (conn->base.deadline_ns - conn->asked_ns) / NS_PER_MS;
}
/* Gives the connection up: it is broken. Returns false. */
bool pg_abandon(pg_conn *conn, pg_end why);
/* Writes libpq's buffer to the network. False: an error, which the next result reports. */
bool pg_flush(pg_conn *conn);
/* As PQgetResult, with the deadline: cancels the statement when it passes, and abandons the connection CANCEL_GRACE_NS
 * later. NULL, always, once the connection is abandoned. */
PGresult *pg_result(pg_conn *conn);
/* The result of the request, after the server has finished it: an error at its end wins. Its rows are discarded. NULL:
 * the connection is abandoned. A COPY stays in progress. */
PGresult *pg_answer(pg_conn *conn);
bool pg_is_copy(const PGresult *result);
/* libpq keeps notifications until they are fetched: sets conn->heard if it listens, and frees them. */
void pg_take_notifications(pg_conn *conn);
/* Makes libpq give the rows of the request in progress as they come. Otherwise it would hold all of them. */
void pg_by_rows(pg_conn *conn);
/* Whether the result is one of many: rows that have come, before the last result, which has none. */
bool pg_is_part(const PGresult *result);
/* The last result of a pipeline, or the first that failed, after *done successful ones; rows are discarded. NULL: the
 * connection is abandoned. Ends the pipeline. */
PGresult *pg_pipeline(pg_conn *conn, int *done);
/* Runs one of the driver's own commands. *out (may be NULL) is the result, even of an error. */
shunt_status pg_exec(pg_conn *conn, const char *sql, PGresult **out, shunt_error *err);

/* ---- sql.c ---- */

extern const lex_dialect pg_dialect;
typedef struct pg_text {
  size_t nparams;   /* each ? */
  bool numbered;    /* it has parameters with numbers ($1), too */
  bool backslashes; /* in '…': standard_conforming_strings decides what they mean */
} pg_text;
/* Writes the statement with $1, $2, … for each parameter ?, and ? for each ??, an operator's question mark. */
pg_text pg_number_params(const char *sql, size_t size, buf *out);
typedef enum pg_words { PG_PLAIN, PG_SAVEPOINT, PG_TRANSACTION, PG_NOTHING } pg_words;
/* What kind of statement it is, by its first words. */
pg_words pg_first_words(const char *sql, size_t size);
/* Does not see what functions do in a SELECT. */
pg_leaving pg_leaves(const char *sql, size_t size);

/* ---- variables.c ---- */

void pg_variables_sql(const cat_client *client, const shunt_value *values, buf *sql, buf *scope);
shunt_status pg_variables_set(driver_conn *conn, shunt_error *err);

/* ---- prepare.c ---- */

/* The statement of this text, from the cache or prepared now. Valid until the next call. Errors: USAGE, NOT_FOUND,
 * TRANSACTION, DATASOURCE, MEMORY. */
shunt_status pg_statement_of(pg_conn *conn, const char *sql, size_t size, pg_statement **out, shunt_error *err);
/* Its name on the server; "": the unnamed statement. */
void pg_name(const pg_conn *conn, const pg_statement *s, char name[PG_NAME_BYTES]);
/* After the schema has changed. */
shunt_status pg_prepare_again(pg_conn *conn, pg_statement *s, shunt_error *err);
/* Only on this side: the server drops its statements with the connection. */
void pg_statements_free(pg_conn *conn);
/* The same, where the connection goes on without them. */
void pg_forget_statements(pg_conn *conn);

/* ---- values.c ---- */

/* A value in the form in which the server reads the type. */
typedef struct pg_encoded {
  const char *bytes; /* the value's own, or `room`; NULL: null */
  size_t size;
  bool as_it_is; /* in the type's binary format: text and blobs; otherwise in its text format */
  char room[NUMBER_BYTES];
} pg_encoded;
bool pg_is_text(Oid type);
/* NULL, or why the type can't hold the value. */
const char *pg_encode_value(Oid type, const shunt_value *v, pg_encoded *out);
/* Parameters for PQsendQueryPrepared, in the connection's scratch. Errors: CONSTRAINT, USAGE, MEMORY. */
typedef struct pg_params {
  const char **values;
  int *sizes;
  int *formats;
} pg_params;
shunt_status pg_encode(pg_conn *conn, const pg_statement *s, const shunt_value *params, pg_params *out,
                       shunt_error *err);
/* Decodes a cell in text format that is not null. DATASOURCE: it is no value of that type. MEMORY. */
shunt_status pg_decode(Oid type, const char *text, size_t size, shunt_rows *into, shunt_value *cell);

/* ---- rows.c ---- */

/* The first result of the statement that was sent, whose rows come one by one: its own, behind those of settings in
 * front of it. NULL: as pg_result. */
PGresult *pg_first_result(pg_conn *conn);
/* Appends the rows of a result of the statement. held: driver_held(into) when the answer began. Errors: USAGE: into has
 * other columns; DATASOURCE, LIMIT, MEMORY. */
shunt_status pg_add_rows(pg_conn *conn, const PGresult *result, shunt_rows *into, size_t held, shunt_error *err);
/* Appends all rows of the statement, *result being its first result. *result becomes the last one, or the error at its
 * end; NULL: the connection is abandoned. into NULL, and after an error: discards them, but not for ever. Errors: those
 * of pg_add_rows; whether the statement failed, only *result says. */
shunt_status pg_take_rows(pg_conn *conn, PGresult **result, shunt_rows *into, shunt_error *err);
/* Runs a query of the driver's own, with one parameter, a text. types: see driver_expect. Free *out, which is NULL
 * after an error. */
shunt_status pg_ask(pg_conn *conn, const char *sql, const char *text, const char *types, shunt_rows **out,
                    shunt_error *err);

/* ---- run.c ---- */

shunt_status pg_send(driver_conn *conn, const char *sql, size_t sql_size, const shunt_value *params, size_t nparams,
                     shunt_error *err);
shunt_status pg_receive(driver_conn *conn, shunt_rows *into, int64_t *affected, int64_t *generated_id,
                        shunt_error *err);
shunt_status pg_fetch(driver_conn *conn, shunt_rows *into, bool *more, shunt_error *err);
void pg_fetch_end(driver_conn *conn);
/* driver_engine.start */
int pg_start(driver_conn *conn);
/* Waits for the end of the statement that was sent and not received, and drops it. */
void pg_drop_sent(pg_conn *conn);

/* Whether a statement may be sent in the state of the transaction. savepoint: the statement sets a savepoint or returns
 * to one. Errors: TRANSACTION, USAGE. */
shunt_status pg_check_transaction(const pg_conn *conn, bool savepoint, shunt_error *err);

/* ---- reset.c ---- */

void pg_by_hand(driver_conn *conn, const char *sql, size_t size, uint64_t session);
bool pg_reset(driver_conn *conn);

/* ---- load.c ---- */

shunt_status pg_load_begin(driver_conn *conn, const char *table, const char *const *columns, size_t n, const char **sql,
                           shunt_error *err);
shunt_status pg_load_row(driver_conn *conn, const shunt_value *values, shunt_error *err);
shunt_status pg_load_end(driver_conn *conn, bool ok, int64_t *affected, shunt_error *err);

/* ---- table.c ---- */

void pg_put_name(buf *sql, const char *name); /* quoted */

shunt_status pg_describe(driver_conn *conn, const char *schema, const char *table, driver_table **out,
                         shunt_error *err);

#endif
