/* For: keys in statements. One function writes a value as its column compares it, so that reads, updates and deletes
 * find the same rows. Use: count = key_sql_part(at->engine, &keys, from, room); key_sql_among(c, sql, at, &keys, from,
 * count), or key_sql_join to read each row with the number of its key; key_one(c, at, &names, &from, values, &k). */
#ifndef SHUNT_QUERY_KEY_SQL_H
#define SHUNT_QUERY_KEY_SQL_H

#include "query/site.h"
#include "query/sql.h"

/* The name of the column with the key's number. */
#define KEY_NUMBER "shunt_key_number"

/* How many keys, beginning with number `from`, one statement may have: at least 1 if any is left, at most room. */
size_t key_sql_part(const driver_engine *engine, const key_list *keys, size_t from, size_t room);
/* "the row has one of `count` keys, beginning with number `from`" */
void key_sql_among(call *c, sql_text *sql, const site *at, const key_list *keys, size_t from, size_t count);
/* Behind the SELECT of such a join: a hint that the engine needs, or "". */
const char *key_sql_hint(const key_columns *columns);
/* " JOIN … ON …": the rows come once for each of these keys that they have, with its number in KEY_NUMBER. */
void key_sql_join(call *c, sql_text *sql, const site *at, const key_list *keys, size_t from, size_t count);
/* The name of a column with the numbers of keys that key_sql_number adds. */
#define KEY_RANK "shunt_rank_%zu"
/* " LEFT JOIN … ON …": each row comes once, with the number of its key in the column KEY_RANK, or null there. The keys
 * are whole numbers, UUIDs or texts; they differ, and all of them fit into one statement. */
void key_sql_number(call *c, sql_text *sql, const site *at, const key_list *keys, size_t rank);
/* "keys WHERE …": those of a table of keys that the engine can convert. For others it may fail with a data error. */
void key_sql_taken(call *c, sql_text *sql, const site *at, const key_list *keys, size_t from, size_t count);

/* Asks the engine which of n keys its columns can hold: those that are KEY_ASKS. No key makes it fail: a part that has
 * one that the engine refuses is divided. Errors: those of statement_read. */
shunt_status key_check(call *c, const site *at, const key_columns *columns, const shunt_value *values, size_t n,
                       bool *held);
/* A list of the one key of these columns with these values, which come from the columns `from` (or none). The list is
 * empty if the columns can't hold the key. It lives in the call's arena. Errors: those of site_column and key_check. */
shunt_status key_one(call *c, const site *at, const key_names *names, const key_columns *from,
                     const shunt_value *values, key_list *out);

/* Adds the text as JSON, in quotes. */
void key_sql_json(buf *out, const char *text, size_t size);

#endif
