#include "jobs/store.h"

#include <stdio.h>
#include <string.h>

#include "driver/plain.h"
#include "query/statement.h"
#include "session/scope.h"

/* ---- where it is ---- */

int store_own_level(const catalog *c) { return c->settings.max_level ? c->settings.max_level + 1 : 0; }

shunt_status store_enter(job_store *store, shunt_session *s, int64_t timeout_ms, shunt_error *err) {
  shunt_status status = call_begin(&store->c, s, timeout_ms, err);
  const catalog *c = s->generation.catalog;
  const cat_client *client = c->jobs.client;
  store->sql = call_sql(&store->c);
  store->c.apart = true; /* the queues are not data of the host */
  store->client = client;
  store->level = session_level_of(client, s->level.now);
  store->env = c->env;
  store->dialect = driver_for(client->engine)->queue;
  store->made = false;
  return status || store->sql ? status : error_memory(err);
}

bool store_in_transaction(job_store *store) {
  return transaction_peek(store->c.s, store->client, store->level) != NULL;
}

shunt_status store_join(job_store *store) {
  transaction *t;
  if (!transaction_takes(store->c.s, store->client, store->level)) return SHUNT_OK;
  store->c.apart = false;
  shunt_status status = transaction_enter(&store->c, store->client, store->level, &t);
  store->c.apart = true;
  return status;
}

store_key store_key_of(const cat_client *client, int64_t id) {
  store_key key;
  snprintf(key.text, sizeof key.text, "%.64s:%lld", client->name, (long long)id);
  return key;
}

/* ---- parts of statements ---- */

void store_put(job_store *store, const char *text, const shunt_value *params, size_t nparams) {
  sql_text *sql = store->sql;
  for (const char *at; (at = strchr(text, '@')); text = at + 1) {
    sql_add(sql, text, (size_t)(at - text));
    sql_puts(sql, store->dialect->now_ms);
  }
  sql_part(sql, text, params, nparams);
}

void store_put_text(job_store *store, const char *text) {
  const shunt_value v = store_text(text);
  sql_param(store->sql, &v);
}

void store_put_integer(job_store *store, int64_t integer) {
  const shunt_value v = shunt_integer(integer);
  sql_param(store->sql, &v);
}

void store_put_later(job_store *store, int64_t ms) {
  sql_text *sql = store->sql;
  sql_puts(sql, store->dialect->now_ms);
  sql_puts(sql, " + ");
  store_put_integer(store, ms);
}

/* ---- statements ---- */

shunt_status store_run_bare(job_store *store, const store_sql *sql, shunt_rows *rows, int64_t *affected) {
  execution e = {.client = store->client,
                 .level = store->level,
                 .sql = sql->text,
                 .size = strlen(sql->text),
                 .params = sql->params,
                 .nparams = sql->nparams};
  e.pure = plain_begins_read(driver_for(e.client->engine)->lex, e.sql, e.size); /* no read here writes beside */
  shunt_status status = execution_run(&store->c, &e, rows);
  if (affected) *affected = e.affected;
  return execution_end(&store->c, &e, status);
}

/* Runs what is in store->sql, as it is. */
static shunt_status ask(job_store *store, shunt_rows *rows) {
  const sql_text *sql = store->sql;
  shunt_status status = rows ? sql_status(sql, store->c.err) : error_memory(store->c.err);
  return status ? status : store_run_bare(store, &(store_sql){sql->text.data, sql->params, sql->nparams}, rows, NULL);
}

bool store_finds(job_store *store) {
  shunt_rows *rows = rows_new();
  const bool found = ask(store, rows) == SHUNT_OK && rows->count > 0;
  shunt_rows_free(rows);
  sql_reset(store->sql);
  return found;
}

shunt_status store_now(shunt_session *s, int64_t *now_ms, shunt_error *err) {
  job_store store;
  shunt_status status = store_enter(&store, s, 0, err);
  if (status) return status;
  shunt_rows *rows = rows_new();
  store_put(&store, "SELECT @", NULL, 0);
  status = ask(&store, rows);
  if (!status && !(rows->count && rows->ncolumns))
    status = error_set(err, SHUNT_E_DATASOURCE, "the database does not say what time it is");
  if (!status) *now_ms = rows_row(rows, 0)[0].as.integer;
  shunt_rows_free(rows);
  return status;
}
