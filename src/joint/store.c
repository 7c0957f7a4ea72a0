#define _DEFAULT_SOURCE

#include "joint/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"

enum { AT_ONCE = 16 /* rows that one statement drops */ };

#define IDENTITY "store" /* the id of the row that holds the table's own identity */

static shunt_value text(const char *t) { return shunt_text(t, strlen(t)); }

static shunt_status run(driver_conn *conn, const char *sql, const shunt_value *params, size_t n, shunt_rows *rows,
                        shunt_error *err) {
  shunt_status status = conn->engine->send(conn, sql, strlen(sql), params, n, err);
  if (!status) status = conn->engine->receive(conn, rows, NULL, NULL, err);
  if (status) error_client(err, conn->client->name);
  return status;
}

/* The texts of the first row; "" for what is null or missing. */
static shunt_status ask(driver_conn *conn, const char *sql, const shunt_value *param, char *a, size_t room,
                        shunt_error *err) {
  a[0] = 0;
  shunt_rows *rows = rows_new();
  if (!rows) return error_memory(err);
  shunt_status status = run(conn, sql, param, param ? 1 : 0, rows, err);
  const shunt_value *v = !status && rows->count ? rows_row(rows, 0) : NULL;
  if (v && v->type == SHUNT_TEXT) snprintf(a, room, "%.*s", (int)v->size, v->as.bytes);
  shunt_rows_free(rows);
  return status;
}

/* ---- identity ---- */

/* The path of a file, or the names of database and schema. */
static shunt_status place_of(driver_conn *conn, char *room, size_t size, shunt_error *err) {
  const driver_engine *engine = conn->engine;
  if (engine->database) return ask(conn, engine->database, NULL, room, size, err);
  const char *file = engine->file ? engine->file(conn) : NULL;
  snprintf(room, size, "%s", file ? file : "");
  return SHUNT_OK;
}

shunt_status joint_store_find(driver_conn *conn, uint64_t *store, shunt_error *err) {
  char number[64], at[1024], both[sizeof number + sizeof at];
  const shunt_value id = text(IDENTITY);
  *store = JOINT_STORE_UNKNOWN;
  shunt_status status = ask(conn, "SELECT detail FROM " JOINT_TABLE " WHERE gid = ?", &id, number, sizeof number, err);
  if (!status) status = place_of(conn, at, sizeof at, err);
  if (status) return status;
  if (!number[0])
    return error_set(err, SHUNT_E_NOT_FOUND, "client '%s': the table " JOINT_TABLE " has no row for itself",
                     conn->client->name);
  snprintf(both, sizeof both, "%s %s", number, at);
  *store = map_hash(both, strlen(both));
  if (*store == JOINT_STORE_UNKNOWN || *store == JOINT_STORE_PRIVATE) *store = 1;
  return SHUNT_OK;
}

/* Decisions that are older were needed by participants that have not been reached since. */
static shunt_status drop_old(driver_conn *conn, shunt_error *err);

static shunt_status create(driver_conn *conn, shunt_error *err) {
  char sql[256], number[24];
  uint64_t random;
  if (getrandom(&random, sizeof random, 0) != sizeof random) random = (uint64_t)clock_real_us();
  snprintf(sql, sizeof sql,
           "CREATE TABLE IF NOT EXISTS " JOINT_TABLE " (gid VARCHAR(64) NOT NULL PRIMARY KEY, state VARCHAR(16) NOT "
           "NULL, detail VARCHAR(1000) NOT NULL, at_ms BIGINT NOT NULL)%s",
           conn->engine->plain_table);
  shunt_status status = run(conn, sql, NULL, 0, NULL, err);
  if (status) return status;
  snprintf(number, sizeof number, "%016" PRIx64, random);
  return joint_store_write(conn, &(joint_row){IDENTITY, IDENTITY, number}, err);
}

shunt_status joint_store_make(driver_conn *conn, uint64_t *store, shunt_error *err) {
  shunt_status status = joint_store_find(conn, store, err);
  if (!status) return drop_old(conn, err);
  if (status != SHUNT_E_NOT_FOUND) return status;
  status = create(conn, err);
  if (!status) return joint_store_find(conn, store, err);
  return joint_store_find(conn, store, NULL) ? status : SHUNT_OK; /* another process may have been faster */
}

/* ---- rows ---- */

shunt_status joint_store_write(driver_conn *conn, const joint_row *row, shunt_error *err) {
  const shunt_value values[] = {text(row->id), text(row->state), text(row->detail), shunt_integer(clock_real_ms())};
  return run(conn, "INSERT INTO " JOINT_TABLE " (gid, state, detail, at_ms) VALUES (?, ?, ?, ?)", values, 4, NULL, err);
}

static void copy(char *room, size_t size, const shunt_value *v) {
  room[0] = 0;
  if (v->type == SHUNT_TEXT) snprintf(room, size, "%.*s", (int)v->size, v->as.bytes);
}

shunt_status joint_store_read(driver_conn *conn, const char *id, joint_found *found, shunt_error *err) {
  const shunt_value param = text(id);
  found->state[0] = found->detail[0] = 0;
  shunt_rows *rows = rows_new();
  if (!rows) return error_memory(err);
  shunt_status status = run(conn, "SELECT state, detail FROM " JOINT_TABLE " WHERE gid = ?", &param, 1, rows, err);
  if (!status && rows->count) {
    copy(found->state, sizeof found->state, &rows_row(rows, 0)[0]);
    copy(found->detail, sizeof found->detail, &rows_row(rows, 0)[1]);
  }
  shunt_rows_free(rows);
  return status;
}

shunt_status joint_store_fence(driver_conn *conn, const char *id, bool *commits, shunt_error *err) {
  joint_found found;
  *commits = false;
  shunt_status status = joint_store_write(conn, &(joint_row){id, JOINT_ROLLED_BACK, ""}, err);
  if (status != SHUNT_E_CONSTRAINT) return status;
  status = joint_store_read(conn, id, &found, err);
  *commits = !status && strcmp(found.state, JOINT_COMMITTED) == 0;
  if (status || *commits || strcmp(found.state, JOINT_ROLLED_BACK) == 0) return status;
  return error_set(err, SHUNT_E_CONFLICT, "client '%s': the decision on %s has just been cleared", conn->client->name,
                   id);
}

/* The rows of a prepared transaction are not committed. */
shunt_status joint_store_peek(driver_conn *conn, const char *id, char decides[JOINT_ID_ROOM], shunt_error *err) {
  joint_found found;
  decides[0] = 0;
  shunt_status status = conn->engine->begin(conn, "read uncommitted", true, err);
  if (status) return status;
  status = joint_store_read(conn, id, &found, err);
  conn->engine->rollback(conn);
  if (!status && strcmp(found.state, JOINT_PREPARED) == 0) snprintf(decides, JOINT_ID_ROOM, "%.64s", found.detail);
  return status == SHUNT_E_NOT_FOUND ? SHUNT_OK : status;
}

/* ---- clearing ---- */

static shunt_status drop_some(driver_conn *conn, const shunt_value *ids, size_t n, shunt_error *err) {
  buf sql = {0};
  buf_puts(&sql, "DELETE FROM " JOINT_TABLE " WHERE gid IN (?");
  for (size_t i = 1; i < n; i++) buf_puts(&sql, ", ?");
  buf_puts(&sql, ")");
  shunt_status status = sql.failed ? error_memory(err) : run(conn, sql.data, ids, n, NULL, err);
  buf_free(&sql);
  return status;
}

static shunt_status drop(driver_conn *conn, const shunt_rows *rows, shunt_error *err) {
  shunt_value ids[AT_ONCE];
  shunt_status status = SHUNT_OK;
  for (size_t i = 0, n = 0; i < rows->count && !status; i++) {
    ids[n++] = rows_row(rows, i)[0];
    if (n < AT_ONCE && i + 1 < rows->count) continue;
    status = drop_some(conn, ids, n, err);
    n = 0;
  }
  return status;
}

/* A read takes no locks, and a delete of few primary keys locks those rows alone: a delete of a range would wait for
 * the rows of prepared transactions beside it. */
static shunt_status drop_those(driver_conn *conn, const char *which, const shunt_value *params, size_t n,
                               shunt_error *err) {
  shunt_rows *rows = rows_new();
  if (!rows) return error_memory(err);
  const bool own = !conn->in_transaction;
  shunt_status status = run(conn, which, params, n, rows, err);
  const bool any = !status && rows->count;
  if (any && own) status = conn->engine->begin(conn, NULL, false, err);
  if (any && !status) status = drop(conn, rows, err);
  if (any && own && !status) status = conn->engine->commit(conn, err);
  if (own) conn->engine->rollback(conn); /* no-op after a commit */
  shunt_rows_free(rows);
  return status;
}

shunt_status joint_store_clear(driver_conn *conn, uint64_t store, uint32_t before, shunt_error *err) {
  char from[JOINT_ID_ROOM], to[JOINT_ID_ROOM];
  joint_name_bound(store, 0, from);
  joint_name_bound(store, before, to);
  const shunt_value bounds[] = {text(from), text(to)};
  return drop_those(conn, "SELECT gid FROM " JOINT_TABLE " WHERE gid >= ? AND gid < ?", bounds, 2, err);
}

static shunt_status drop_old(driver_conn *conn, shunt_error *err) {
  const int64_t day_ms = INT64_C(24) * 60 * 60 * 1000;
  const shunt_value before = shunt_integer(clock_real_ms() - JOINT_KEEP_DAYS * day_ms);
  return drop_those(conn, "SELECT gid FROM " JOINT_TABLE " WHERE at_ms < ? AND gid <> '" IDENTITY "'", &before, 1, err);
}
