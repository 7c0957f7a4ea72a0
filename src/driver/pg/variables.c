/* Session variables. A connection of its own keeps them; behind a pooler, each transaction sets them for itself. */
#include <stdio.h>
#include <string.h>

#include "driver/pg/conn.h"

/* Whatever standard_conforming_strings is: a backslash is doubled, in a string that says so. */
static void put_literal(buf *sql, const char *text) {
  buf_puts(sql, strchr(text, '\\') ? "E'" : "'");
  for (; *text; text++) {
    if (*text == '\'' || *text == '\\') buf_putc(sql, *text);
    buf_putc(sql, *text);
  }
  buf_putc(sql, '\'');
}

static const char *text_of(const shunt_value *v, char room[NUMBER_BYTES]) {
  switch ((shunt_type)v->type) {
  case SHUNT_INTEGER:
    snprintf(room, NUMBER_BYTES, "%lld", (long long)v->as.integer);
    return room;
  case SHUNT_FLOAT:
    room[number_write(v->as.number, room)] = 0;
    return room;
  case SHUNT_BOOL:
    return v->as.boolean ? "on" : "off";
  default:
    return v->as.bytes;
  }
}

/* A variable with a dot is one of the application's. Any other may decide what names mean, as search_path and role do.
 */
void pg_variables_sql(const cat_client *client, const shunt_value *values, buf *sql, buf *scope) {
  const bool pooled = pg_is_pooled(client);
  for (size_t i = 0; i < client->nvariables; i++) {
    char room[NUMBER_BYTES];
    const char *name = client->variables[i].name, *text = text_of(&values[i], room);
    buf_printf(sql, "%spg_catalog.set_config('%s', ", i ? ", " : "", name);
    put_literal(sql, text);
    buf_puts(sql, pooled ? ", true)" : ", false)");
    if (!strchr(name, '.')) buf_printf(scope, "%zu:%s", strlen(text), text);
  }
}

static shunt_status set_now(pg_conn *conn, shunt_error *err) {
  buf sql = {0};
  buf_printf(&sql, "SELECT %s", conn->base.variables->sql);
  shunt_status status = sql.failed ? error_memory(err) : pg_check_time(conn, err);
  if (!status) status = pg_exec(conn, sql.data, NULL, err);
  buf_free(&sql);
  return status;
}

shunt_status pg_variables_set(driver_conn *base, shunt_error *err) {
  pg_conn *conn = pg_of(base);
  pg_drop_sent(conn);
  if (!conn->pooled) return set_now(conn, err);
  buf_reset(&conn->front);
  buf_printf(&conn->front, "%s, %s", pg_settings_of_rows, base->variables->sql);
  return conn->front.failed ? error_memory(err) : SHUNT_OK;
}
