/* For: what callers give by name, turned into the structs of shunt.h: the options of each call, conditions, includes.
 *   Lua's tables and calls in JSON are nodes first, so that both take the same names and get the same errors.
 * Owner: results lie in the arena, and borrow the texts of the nodes.
 * Use: status = options_all_known(options, "select", options_select_keys, err); if (!status) status =
 * options_query(a, options, &query, err);
 * Errors of all of them: USAGE, at the node's place; MEMORY. A node NULL is an option that was not given: it leaves
 * *out as it is. */
#ifndef SHUNT_OPTIONS_OPTIONS_H
#define SHUNT_OPTIONS_OPTIONS_H

#include "catalog/node.h"

/* ---- the names that each call takes; a NULL ends a list ---- */

extern const char *const options_select_keys[]; /* a read of rows */
extern const char *const options_get_keys[];    /* a read by keys */
extern const char *const options_count_keys[];
extern const char *const options_aggregate_keys[];
extern const char *const options_include_keys[]; /* an include */
extern const char *const options_insert_keys[];
extern const char *const options_insert_bulk_keys[];
extern const char *const options_update_keys[];
extern const char *const options_update_bulk_keys[];
extern const char *const options_increment_keys[];
extern const char *const options_delete_keys[];
extern const char *const options_sql_keys[];
extern const char *const options_request_keys[];
extern const char *const options_session_keys[];
extern const char *const options_begin_keys[];
extern const char *const options_push_keys[];
extern const char *const options_jobs_keys[];
extern const char *const options_jobs_retry_keys[];
extern const char *const options_jobs_purge_keys[];

/* of: the call, for messages. Errors: the name is not in the list, with the nearest one that is. */
shunt_status options_known(const node_entry *e, const char *of, const char *const *known, shunt_error *err);
/* The same for all names of a map; a list is an error. */
shunt_status options_all_known(const node *options, const char *of, const char *const *known, shunt_error *err);

/* ---- scalar.c: one option; what: its name in messages ---- */

shunt_status options_text(const node *n, const char *what, const char **out, shunt_error *err);
shunt_status options_table(arena *a, const node *n, const char **out, shunt_error *err); /* a name, or {schema, name} */
shunt_status options_bool(const node *n, const char *what, bool *out, shunt_error *err);
shunt_status options_integer(const node *n, const char *what, int64_t *out, shunt_error *err);
shunt_status options_count(const node *n, const char *what, int64_t *out, shunt_error *err); /* from 0 on */
/* From least to INT_MAX. */
shunt_status options_int(const node *n, const char *what, int least, int *out, shunt_error *err);
/* Text with a unit, as in the app config. */
shunt_status options_duration(const node *n, const char *what, int64_t *out_ms, shunt_error *err);
/* The option timeout. A session's may be 0: no limit. */
shunt_status options_session_timeout(const node *options, int64_t *out_ms, shunt_error *err);
/* The option `what`, a time that a call may take: more than 0. */
shunt_status options_call_time(const node *options, const char *what, int64_t *out_ms, shunt_error *err);
shunt_status options_call_timeout(const node *options, int64_t *out_ms, shunt_error *err);

/* ---- query.c, include.c ---- */

shunt_status options_query(arena *a, const node *options, shunt_query *out, shunt_error *err);
/* The limit of these options, as a query has it. */
shunt_status options_limit(const node *options, int64_t *out, shunt_error *err);
/* Those that an include takes, too, except include and with. */
shunt_status options_query_fields(arena *a, const node *options, shunt_query *out, shunt_error *err);
/* The others. */
shunt_status options_read_fields(arena *a, const node *options, shunt_query *out, shunt_error *err);
shunt_status options_where(arena *a, const node *from, const shunt_where **out, shunt_error *err);
/* A name or a list of names. */
shunt_status options_names(arena *a, const node *from, const char *what, const char *const **list, size_t *count,
                           shunt_error *err);
/* count, sum, avg, min and max. */
shunt_status options_aggregations(arena *a, const node *options, const shunt_aggregation **list, size_t *count,
                                  shunt_error *err);
/* The same and group; of: the call. Errors: there is nothing to compute. */
shunt_status options_aggregates(arena *a, const node *options, const char *of, shunt_aggregates *out, shunt_error *err);
shunt_status options_includes(arena *a, const node *include, const node *with, const shunt_include **out, size_t *count,
                              shunt_error *err);

/* ---- write.c ---- */

/* An empty where counts as missing: it must not write to all rows. */
shunt_status options_write(arena *a, const node *options, shunt_write *out, shunt_error *err);
void options_drop_empty_where(shunt_write *w);

typedef struct options_fields {
  const shunt_field *list;
  size_t n;
} options_fields;
/* A map of columns and values; what: the option. */
shunt_status options_columns(arena *a, const node *n, const char *what, options_fields *out, shunt_error *err);
/* Of an increment, whose numbers and where are in w. of: the call. */
shunt_status options_check_increments(const shunt_write *w, const char *of, shunt_error *err);

/* ---- keys.c: primary keys, one by one ---- */

typedef struct options_keys {
  shunt_keys keys;
  shunt_value *values;
  size_t most;    /* keys that there will be */
  const char *of; /* the call, for messages */
} options_keys;

/* Makes room for the next key, of one column, and gives it. */
shunt_status options_add_key(arena *a, options_keys *k, shunt_value **out, shunt_error *err);
/* A key in a map gives the values of its columns. The first key names them. */
shunt_status options_add_tuple(arena *a, options_keys *k, const node *key, shunt_error *err);

/* ---- session.c: sessions, transactions, decisions, SQL ---- */

shunt_status options_session(arena *a, const node *options, shunt_session_options *out, shunt_error *err);
shunt_status options_begin(arena *a, const node *options, shunt_tx_options *out, shunt_error *err);
/* level: the session's. */
shunt_status options_request(arena *a, const node *options, int level, shunt_request *out, shunt_error *err);
shunt_status options_sql(arena *a, const node *options, shunt_sql_options *out, shunt_error *err);

/* ---- jobs.c ---- */

shunt_status options_push(const node *options, shunt_push_options *out, shunt_error *err);
shunt_status options_jobs(const node *options, shunt_jobs_filter *out, shunt_error *err);

#endif
