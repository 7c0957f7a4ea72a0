/* For: what the parts of the PostgreSQL driver share: engine.c (transactions), options.c (what to connect with),
 * connect.c (connecting), sql.c (? to $1), prepare.c (prepared statements), values.c (values in and out),
 * run.c (statements), load.c (COPY), listen.c (NOTIFY), wait.c (waiting for results), table.c (tables),
 * error.c (SQLSTATEs to errors).
 * Owner: the connection owns libpq's, and every statement.
 * Use: nobody outside this folder includes this. */
#ifndef SHUNT_DRIVER_PG_CONN_H
#define SHUNT_DRIVER_PG_CONN_H

#include <libpq-fe.h>

#include "base/buf.h"
#include "base/number.h"
#include "driver/cache.h"
#include "driver/driver.h"

/* The types that the driver looks into. PostgreSQL has fixed their numbers; those of others begin at PG_FIRST_OTHER. */
enum {
  PG_BOOL = 16,
  PG_BYTEA = 17,
  PG_NAME = 19,
  PG_INT8 = 20,
  PG_INT2 = 21,
  PG_INT4 = 23,
  PG_TEXT = 25,
  PG_OID = 26,
  PG_JSON = 114,
  PG_FLOAT4 = 700,
  PG_FLOAT8 = 701,
  PG_BPCHAR = 1042,
  PG_VARCHAR = 1043,
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

enum { PG_NO_SLOT = -1, PG_NAME_BYTES = 24, PG_LONGEST_KEPT = 16 * 1024 /* bytes of SQL */ };

/* In the cache, or too long for it and prepared each time. */
typedef struct pg_statement {
  cache_entry entry;
  char *numbered;           /* with $1 for ? */
  int slot;                 /* PG_NO_SLOT: the server's one unnamed statement */
  char name[PG_NAME_BYTES]; /* by which the server knows it */
  bool savepoint; /* sets one, or returns to it: runs also where the transaction has failed, and is not prepared */
  bool leaves;    /* something on the connection, which is altered by it */
  bool tried;     /* it has run since it was prepared, so that its mistakes are those of a schema that has changed */
  size_t nparams;
  Oid *types; /* of the parameters, as the server has inferred them */
  char sql[];
} pg_statement;

typedef struct pg_load pg_load;

typedef struct pg_conn {
  driver_conn base;
  PGconn *pg;
  sql_cache cache;
  int nslots;            /* that have ever been used */
  bool held[CACHE_MOST]; /* by slot: the server has a statement of that number */
  int free_slots[CACHE_MOST];
  int nfree;
  bool stale;                /* the schema has changed: no statement that was prepared is to be trusted */
  pg_statement *unnamed;     /* the one without a slot */
  pg_statement *sent;        /* under way */
  const shunt_value *params; /* its own, borrowed until it is received */
  arena scratch;             /* of the statement under way */
  pg_load *load;             /* under way */
  bool encrypted;
  int64_t asked_ns; /* when what is waited for began, where there is a deadline */
  int64_t until_ns; /* when the connection is given up; 0: at the deadline the statement is cancelled first */
  bool given_up;    /* nothing is waited for any more */
} pg_conn;

static inline pg_conn *pg_of(driver_conn *conn) { return (pg_conn *)(void *)conn; }

/* ---- error.c ---- */

/* Makes an error of a result, or where that is NULL of what libpq says of the connection. Marks the connection broken
 * where it is lost. sql may be NULL. */
shunt_status pg_fail(pg_conn *conn, const PGresult *result, const char *sql, shunt_error *err);
/* A plan that the server has no use for any more, since a table was changed. */
bool pg_is_outdated_plan(const PGresult *result);
/* In a transaction that has failed. */
shunt_status pg_refuse_failed(shunt_error *err);
/* "" where there is none. */
const char *pg_sqlstate(const PGresult *result);
/* One line of what may be several. */
void pg_one_line(const char *message, char *room, size_t size);

/* ---- options.c ---- */

/* What PQconnectdbParams takes, in the arena. Errors: CONFIG, MEMORY. */
shunt_status pg_options(const cat_client *client, arena *a, const char ***keywords, const char ***values,
                        shunt_error *err);

/* ---- connect.c ---- */

/* Sets conn->pg, whatever comes of it. Errors: DATASOURCE, MEMORY. */
shunt_status pg_connect(pg_conn *conn, const char *const *keywords, const char *const *values, shunt_error *err);

/* ---- listen.c ---- */

shunt_status pg_listen(driver_conn *conn, const char *channel, shunt_error *err);
shunt_status pg_hear(driver_conn *conn, int wake_fd, int64_t until_ns, bool *heard, shunt_error *err);

/* ---- wait.c ---- */

/* Before anything is asked of the server: refuses what there is no time left for. Errors: TIMEOUT, TRANSACTION. */
shunt_status pg_check_time(pg_conn *conn, shunt_error *err);
/* How much time what was asked had. */
long long pg_time_ms(const pg_conn *conn);
/* Puts on the wire what libpq holds. False where that can't be done, which a result tells. */
bool pg_flush(pg_conn *conn);
/* As PQgetResult; NULL too, without an end, once the connection is given up. At the deadline, and after it a grace
 * later, the statement is cancelled and the connection given up. */
PGresult *pg_result(pg_conn *conn);
/* The one result of what was sent, once the server is done with it: what came to nothing at its end gives the error.
 * NULL where the connection is given up. A COPY stays under way. */
PGresult *pg_answer(pg_conn *conn);
bool pg_is_copy(const PGresult *result);
/* Runs a command that is no statement of the user's. *out (may be NULL) is the result, whatever comes of it. */
shunt_status pg_exec(pg_conn *conn, const char *sql, PGresult **out, shunt_error *err);

/* ---- sql.c ---- */

extern const lex_dialect pg_dialect;
/* Writes the statement with $1, $2, … for each ? that stands outside of literals, quoted names and comments. A ?? is an
 * operator's question mark. */
void pg_number_params(const char *sql, size_t size, buf *out);
typedef enum pg_words { PG_PLAIN, PG_SAVEPOINT, PG_TRANSACTION, PG_NOTHING } pg_words;
/* What the statement is about, by its first words. */
pg_words pg_first_words(const char *sql, size_t size);
/* Whether the next one to have the connection might meet what the statement leaves: settings, temporary tables, locks,
 * cursors, prepared statements. What functions do in a SELECT is not seen. */
bool pg_leaves(const char *sql, size_t size);

/* ---- prepare.c ---- */

/* The statement of this text, prepared now or before. It stays until the next call. Errors: USAGE, NOT_FOUND,
 * TRANSACTION, DATASOURCE, MEMORY. */
shunt_status pg_statement_of(pg_conn *conn, const char *sql, size_t size, pg_statement **out, shunt_error *err);
/* Anew, after the schema has changed. */
shunt_status pg_prepare_again(pg_conn *conn, pg_statement *s, shunt_error *err);
/* The server forgets its own with the connection. */
void pg_statements_free(pg_conn *conn);

/* ---- values.c ---- */

/* A value as the server reads one of a type. */
typedef struct pg_encoded {
  const char *bytes; /* the value's own, or in room; NULL: null */
  size_t size;
  bool as_it_is; /* as the type keeps it: text and blobs; else as it is written */
  char room[NUMBER_BYTES];
} pg_encoded;
bool pg_is_text(Oid type);
/* NULL, or why the value can't be one of that type. */
const char *pg_encode_value(Oid type, const shunt_value *v, pg_encoded *out);
/* Parameters as libpq takes them, in the connection's scratch. Errors: CONSTRAINT, USAGE, MEMORY. */
typedef struct pg_params {
  const char **values;
  int *sizes;
  int *formats;
} pg_params;
shunt_status pg_encode(pg_conn *conn, const pg_statement *s, const shunt_value *params, pg_params *out,
                       shunt_error *err);
/* A cell of text, not null. False when out of memory. */
bool pg_decode(Oid type, const char *text, size_t size, shunt_rows *into, shunt_value *cell);

/* ---- run.c ---- */

shunt_status pg_send(driver_conn *conn, const char *sql, size_t sql_size, const shunt_value *params, size_t nparams,
                     shunt_error *err);
shunt_status pg_receive(driver_conn *conn, shunt_rows *into, int64_t *affected, int64_t *generated_id,
                        shunt_error *err);
/* Flushes what was sent. */
int pg_start(driver_conn *conn);
/* Waits for what was sent and not received, and forgets it. */
void pg_drop_sent(pg_conn *conn);

/* Whether a statement may be sent, now that the server has said what has become of the transaction. savepoint: one of
 * those that set one or return to it. Errors: TRANSACTION, USAGE. */
shunt_status pg_check_transaction(const pg_conn *conn, bool savepoint, shunt_error *err);

/* ---- load.c ---- */

shunt_status pg_load_begin(driver_conn *conn, const char *table, const char *const *columns, size_t n, const char **sql,
                           shunt_error *err);
shunt_status pg_load_row(driver_conn *conn, const shunt_value *values, shunt_error *err);
shunt_status pg_load_end(driver_conn *conn, bool ok, int64_t *affected, shunt_error *err);

/* ---- table.c ---- */

/* A question of one parameter, a text. NULL as pg_answer. */
PGresult *pg_ask(pg_conn *conn, const char *sql, const char *text);

shunt_status pg_describe(driver_conn *conn, const char *table, driver_table **out, shunt_error *err);

#endif
