/* What hand-written SQL leaves on the server, and how that is undone. */
#include <string.h>

#include "driver/pg/conn.h"

/* A pooler's connections to the server can't be reset from here: what would stay there is refused (check_leaving). */
void pg_by_hand(driver_conn *base, const char *sql, size_t size, uint64_t session) {
  if (!pg_of(base)->pooled) driver_by_hand(base, sql, size, session);
}

/* DISCARD ALL ends a role that the connection's options or ALTER ROLE gave; RESET ROLE gives it back. DISCARD ALL comes
 * first because it must not follow another statement of the same transaction. */
static bool send_all(pg_conn *conn) {
  static const char *const all[] = {"DISCARD ALL", "RESET ROLE", pg_settings_of_session};
  bool ok = PQenterPipelineMode(conn->pg);
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    ok = ok && PQsendQueryParams(conn->pg, all[i], 0, NULL, NULL, NULL, NULL, 0);
  return ok && PQpipelineSync(conn->pg);
}

bool pg_reset(driver_conn *base) {
  pg_conn *conn = pg_of(base);
  int done;
  if (conn->pooled || pg_check_time(conn, NULL)) return false;
  pg_drop_sent(conn);
  pg_forget_statements(conn);
  PGresult *result = send_all(conn) ? pg_pipeline(conn, &done) : NULL;
  bool ok = PQresultStatus(result) == PGRES_TUPLES_OK;
  PQclear(result);
  return ok && !base->broken;
}
