/* Session variables: user variables (@name) and system variables of the session. */
#include <string.h>

#include "base/number.h"
#include "driver/mysql/conn.h"

/* NO_BACKSLASH_ESCAPES is never set (mode.c). */
static void put_text(buf *sql, const char *text) {
  buf_putc(sql, '\'');
  for (; *text; text++) {
    if (*text == '\'' || *text == '\\') buf_putc(sql, '\\');
    buf_putc(sql, *text);
  }
  buf_putc(sql, '\'');
}

static void put_value(buf *sql, const shunt_value *v) {
  char room[NUMBER_BYTES];
  switch ((shunt_type)v->type) {
  case SHUNT_INTEGER:
    buf_printf(sql, "%lld", (long long)v->as.integer);
    break;
  case SHUNT_FLOAT:
    buf_add(sql, room, number_write(v->as.number, room));
    break;
  case SHUNT_BOOL:
    buf_putc(sql, v->as.boolean ? '1' : '0');
    break;
  default:
    put_text(sql, v->as.bytes);
  }
}

/* No variable decides which table a name means. */
void mysqldb_variables_sql(const cat_client *client, const shunt_value *values, buf *sql, buf *scope) {
  (void)scope;
  for (size_t i = 0; i < client->nvariables; i++) {
    const char *name = client->variables[i].name;
    buf_printf(sql, "%s%s%s = ", i ? ", " : "SET ", *name == '@' ? "" : "SESSION ", name);
    put_value(sql, &values[i]);
  }
}

shunt_status mysqldb_variables_set(driver_conn *base, shunt_error *err) {
  mysql_conn *conn = mysql_of(base);
  mysqldb_drop_sent(conn);
  shunt_status status = mysqldb_check_time(conn, err);
  return status ? status : mysqldb_control(conn, base->variables->sql, err);
}
