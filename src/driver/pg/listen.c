/* NOTIFY, on a connection that does nothing else. */
#include <stdio.h>

#include "driver/pg/conn.h"
#include "driver/socket.h"

shunt_status pg_listen(driver_conn *base, const char *channel, shunt_error *err) {
  char sql[128];
  pg_conn *conn = pg_of(base);
  if (conn->pooled)
    return driver_refuse(
        base, SHUNT_E_USAGE,
        "behind a pooler (prepare: false) no connection hears what is notified: jobs are looked for at "
        "intervals",
        err);
  char *name = PQescapeIdentifier(conn->pg, channel, __builtin_strlen(channel));
  if (!name) return error_memory(err);
  snprintf(sql, sizeof sql, "LISTEN %s", name);
  PQfreemem(name);
  shunt_status status = pg_check_time(conn, err);
  return status ? status : pg_exec(conn, sql, NULL, err);
}

static bool take_notices(pg_conn *conn) {
  PGnotify *notice;
  bool any = false;
  while ((notice = PQnotifies(conn->pg))) {
    any = true;
    PQfreemem(notice);
  }
  return any;
}

shunt_status pg_hear(driver_conn *base, int wake_fd, int64_t until_ns, bool *heard, shunt_error *err) {
  pg_conn *conn = pg_of(base);
  *heard = take_notices(conn);
  while (!*heard && socket_wait_either(PQsocket(conn->pg), wake_fd, until_ns)) {
    if (!socket_is_quiet(wake_fd)) return SHUNT_OK;
    if (!PQconsumeInput(conn->pg)) {
      shunt_status status = pg_fail(conn, NULL, NULL, err);
      error_client(err, base->client->name);
      return status;
    }
    *heard = take_notices(conn);
  }
  return SHUNT_OK;
}
