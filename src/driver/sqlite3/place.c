/* A database file that is deleted, or replaced by another one, under an open connection. The system keeps the old file
 * for as long as it is open: reads would give old rows, and writes would be lost with it.
 *
 * Idea: SQLite compares the file that it has open with the one at its path, at the price of a call of the system. A
 * write looks each time, before it commits. A read costs little more than that call, so it looks once in a while: the
 * rows that it may then give are those of a read that began a moment earlier. */
#include "base/clock.h"
#include "driver/sqlite3/conn.h"

static const int64_t READS_LOOK_NS = 1000000;

static bool has_moved(const sqlite_conn *conn) {
  int moved = 0;
  return sqlite3_file_control(conn->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK && moved;
}

shunt_status sqlite_in_place(sqlite_conn *conn, bool commits, shunt_error *err) {
  if (!conn->file) return SHUNT_OK;
  const int64_t now_ns = clock_monotonic_ns();
  if (!commits && now_ns - conn->in_place_ns < READS_LOOK_NS) return SHUNT_OK;
  conn->in_place_ns = now_ns;
  if (!has_moved(conn)) return SHUNT_OK;
  conn->base.broken = conn->base.replaced = true;
  return driver_refuse(
      &conn->base, SHUNT_E_DATASOURCE,
      "its file was deleted, moved or replaced while it was open, and nothing was read or written; the "
      "next access opens the file that is at its path now",
      err);
}
