/* For: one call in JSON on its way: {"select":"task","where":{…}}. The name of the verb says what is done, its value to
 * what; other names are options, those of Lua.
 * Owner: shunt_call, which frees all of it. What is read lies in the arena.
 * Use: status = call_find_verb(c); …c->verb->read…; …c->verb->run…, which writes the reply. */
#ifndef SHUNT_CALL_CALLING_H
#define SHUNT_CALL_CALLING_H

#include "base/json_write.h"
#include "options/options.h"
#include "session/visit.h"

typedef struct call_verb call_verb;

typedef struct calling {
  shunt_session *s;
  const call_verb *verb;
  const char *text; /* the call */
  node *options;    /* without the verb */
  const char *subject;
  arena a;
  shunt_error *err; /* the caller's, may be NULL */
  /* what was read, as far as the verb needs it */
  shunt_query query;
  shunt_aggregates aggregates;
  shunt_keys keys;
  shunt_write write;
  shunt_records records;
  bool returning;
  shunt_request request;
  shunt_sql_options sql;
  int64_t timeout_ms;
  shunt_tx_options tx;
  shunt_push_options push;
  const char *data;
  shunt_jobs_filter jobs;
  /* its result */
  shunt_rows *rows;
  shunt_outcome effect; /* of a write that has succeeded, for errors from then on */
  buf reply;
} calling;

typedef enum call_subject {
  CALL_MODEL,  /* a model's name */
  CALL_TEXT,   /* other text */
  CALL_MAYBE,  /* text or null */
  CALL_NOTHING /* true */
} call_subject;

enum { CALL_MOST_ARGUMENTS = 5 };

struct call_verb {
  const char *name;
  call_subject subject;
  const char *subject_is;                     /* for messages: "the model" */
  const char *arguments[CALL_MOST_ARGUMENTS]; /* names that are arguments in Lua; the first NULL ends them */
  const char *const *options;                 /* NULL: none */
  shunt_status (*read)(calling *c);           /* NULL: there is nothing to read */
  shunt_status (*run)(calling *c);
};

/* verb.c */
/* Finds the verb and its subject, and checks the names. Errors: USAGE, MEMORY. */
shunt_status call_find_verb(calling *c);
extern const call_verb call_verbs[];
extern const size_t call_nverbs;

/* record.c. Errors: USAGE, MEMORY. */
shunt_status call_read_row(calling *c);  /* row */
shunt_status call_read_rows(calling *c); /* rows */

/* blob.c: {"_blob": "base64"} becomes a blob, everywhere in the tree. Errors: USAGE. */
shunt_status call_find_blobs(node *n, arena *a, shunt_error *err);

/* decision.c */
void call_put_decision(buf *to, const shunt_decision *d);

/* read.c, run.c: what verb.c lists. */
shunt_status call_read_query(calling *c);
shunt_status call_read_get(calling *c);
shunt_status call_read_mget(calling *c);
shunt_status call_read_aggregate(calling *c);
shunt_status call_read_insert(calling *c);
shunt_status call_read_insert_bulk(calling *c);
shunt_status call_read_update(calling *c);
shunt_status call_read_update_bulk(calling *c);
shunt_status call_read_increment(calling *c);
shunt_status call_read_delete(calling *c);
shunt_status call_read_request(calling *c);
shunt_status call_read_explain(calling *c);
shunt_status call_read_sql(calling *c);
shunt_status call_read_client(calling *c);
shunt_status call_read_begin(calling *c);
shunt_status call_read_push(calling *c);
shunt_status call_read_push_wait(calling *c);
shunt_status call_read_jobs(calling *c);

shunt_status call_run_select(calling *c);
shunt_status call_run_get(calling *c);
shunt_status call_run_mget(calling *c);
shunt_status call_run_count(calling *c);
shunt_status call_run_aggregate(calling *c);
shunt_status call_run_insert(calling *c);
shunt_status call_run_insert_bulk(calling *c);
shunt_status call_run_update(calling *c);
shunt_status call_run_update_bulk(calling *c);
shunt_status call_run_delete(calling *c);
shunt_status call_run_resolve(calling *c);
shunt_status call_run_query(calling *c);
shunt_status call_run_execute(calling *c);
shunt_status call_run_table_columns(calling *c);
shunt_status call_run_begin(calling *c);
shunt_status call_run_commit(calling *c);
shunt_status call_run_rollback(calling *c);
shunt_status call_run_switch_push(calling *c);
shunt_status call_run_switch_pop(calling *c);
shunt_status call_run_level_push(calling *c);
shunt_status call_run_level_pop(calling *c);
shunt_status call_run_level(calling *c);
shunt_status call_run_push(calling *c);
shunt_status call_run_push_wait(calling *c);
shunt_status call_run_jobs(calling *c);
shunt_status call_run_jobs_retry(calling *c);
shunt_status call_run_jobs_purge(calling *c);

#endif
