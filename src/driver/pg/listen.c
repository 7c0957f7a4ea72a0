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
  conn->listens = true;
  return status ? status : pg_exec(conn, sql, NULL, err);
}

shunt_status pg_hear(driver_conn *base, int wake_fd, int64_t until_ns, bool *heard, shunt_error *err) {
  pg_conn *conn = pg_of(base);
  pg_take_notifications(conn);
  while (!conn->heard && socket_wait_either(PQsocket(conn->pg), wake_fd, until_ns)) {
    if (!socket_is_quiet(wake_fd)) break;
    if (until_ns && clock_monotonic_ns() >= until_ns) break; /* what comes may be anything else, without end */
    if (!PQconsumeInput(conn->pg)) {
      shunt_status status = pg_fail(conn, NULL, NULL, err);
      error_client(err, base->client->name);
      return status;
    }
    pg_take_notifications(conn);
  }
  *heard = conn->heard;
  conn->heard = false;
  return SHUNT_OK;
}
