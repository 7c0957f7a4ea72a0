#include "session/listen.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "driver/opened.h"

static const int64_t OPEN_NS = 10000000000; /* to connect */

struct listener {
  arena settings; /* a copy of the client's settings, which outlives the catalog */
  cat_client client;
  driver_conn *conn;
};

shunt_status listener_open(const cat_client *client, const char *channel, listener **out, shunt_error *err) {
  const driver_engine *engine = driver_for(client->engine);
  *out = NULL;
  if (!engine->listen) return SHUNT_OK;
  listener *l = base_zalloc(sizeof *l);
  if (!l) return error_memory(err);
  shunt_status status = cat_client_copy(&l->settings, client, &l->client) ? SHUNT_OK : error_memory(err);
  if (!status) status = driver_open(engine, &l->client, clock_monotonic_ns() + OPEN_NS, &l->conn, err);
  if (!status) status = engine->listen(l->conn, channel, err);
  if (status) {
    listener_close(l);
    return status;
  }
  l->conn->deadline_ns = 0;
  *out = l;
  return SHUNT_OK;
}

shunt_status listener_wait(listener *l, int wake_fd, int64_t until_ns, bool *heard, shunt_error *err) {
  return l->conn->engine->hear(l->conn, wake_fd, until_ns, heard, err);
}

void listener_close(listener *l) {
  if (!l) return;
  driver_close(l->conn);
  arena_free(&l->settings);
  base_free(l);
}
