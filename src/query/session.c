#include "query/session.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "query/gather.h"
#include "query/propagation.h"

enum { DEEPEST_EQUALITY = 100 };

/* ---- calls ---- */

void session_set_deadline(shunt_session *s, int64_t timeout_ms) {
  if (!timeout_ms) timeout_ms = s->timeout_ms;
  int64_t now_ns = timeout_ms ? clock_monotonic_ns() : 0;
  s->deadline_ns = timeout_ms && timeout_ms < (INT64_MAX - now_ns) / NS_PER_MS ? now_ns + timeout_ms * NS_PER_MS : 0;
}

/* What the session has switched to, in the newest generation's words. */
static shunt_status rename_current(shunt_session *s, const catalog *newest, shunt_error *err) {
  const cat_client *client;
  for (int done = 0; done < 2; done++) /* all are found before any is changed */
    for (size_t i = 0; i < s->ncurrent; i++) {
      if (!s->current[i] || strcmp(s->current[i], CATALOG_DEFAULT) == 0) continue;
      shunt_status status = catalog_find_client(newest, s->current[i], &client, err);
      if (status) return status;
      if (done) s->current[i] = client->name;
    }
  return SHUNT_OK;
}

static shunt_status move_to(shunt_session *s, const session_home *newest, shunt_error *err) {
  const cat_instance *instance;
  shunt_status status = catalog_find_instance(newest->catalog, s->instance->name, &instance, err);
  if (!status) status = rename_current(s, newest->catalog, err);
  if (status) {
    newest->drop(newest);
    return status;
  }
  session_home old = s->home;
  s->home = *newest;
  session_raise(s, 0);
  s->instance = instance;
  s->party.instance = instance->name;
  s->latest = NULL;
  map_reset(&s->tables);
  arena_reset(&s->known);
  old.drop(&old);
  return SHUNT_OK;
}

shunt_status session_move(shunt_session *s, shunt_error *err) {
  session_home newest;
  if (s->transactions || !s->home.renew(&s->home, &newest)) return SHUNT_OK;
  return move_to(s, &newest, err);
}

shunt_status session_enter(shunt_session *s, int64_t timeout_ms, shunt_error *err) {
  arena_reset(&s->call);
  session_set_deadline(s, timeout_ms);
  return session_follow(s, err);
}

static shunt_status check_timeout(int64_t timeout_ms, shunt_error *err) {
  if (timeout_ms >= 0) return SHUNT_OK;
  return error_set(err, SHUNT_E_USAGE, "a timeout is 0 (none) or more, and this is %lld ms", (long long)timeout_ms);
}

shunt_status shunt_session_timeout(shunt_session *s, int64_t timeout_ms, shunt_error *err) {
  shunt_status status = check_timeout(timeout_ms, err);
  if (!status) s->timeout_ms = timeout_ms;
  return status;
}

shunt_status session_lock_out(shunt_session *s, const char *const *files, size_t nfiles, const char *locker,
                              shunt_error *err) {
  s->locked = arena_array(&s->owned, const char *, nfiles);
  s->locker = arena_strdup(&s->owned, locker);
  if (!s->locked || !s->locker) return error_memory(err);
  for (s->nlocked = 0; s->nlocked < nfiles; s->nlocked++)
    if (!(s->locked[s->nlocked] = arena_strdup(&s->owned, files[s->nlocked]))) return error_memory(err);
  return SHUNT_OK;
}

/* Who has locked what the connection writes to and can't let go of it before this session's work ends; or NULL. What
 * sessions of this process have locked, and wait for, the graph of waits shows. */
static const char *locker_of(const shunt_session *s, const driver_conn *conn) {
  const char *file = s->nlocked && conn->engine->file ? conn->engine->file(conn) : NULL;
  for (size_t i = 0; i < s->nlocked && file; i++)
    if (strcmp(s->locked[i], file) == 0) return s->locker;
  return NULL;
}

static pool_request request_of(shunt_session *s, const cat_client *client, int level, bool no_wait) {
  return (pool_request){
      .client = client, .level = level, .party = &s->party, .deadline_ns = s->deadline_ns, .no_wait = no_wait};
}

static shunt_status acquire(shunt_session *s, const cat_client *client, int level, driver_conn **conn,
                            shunt_error *err) {
  const pool_request request = request_of(s, client, level, false);
  if (s->gather && s->gather->nflying) { /* what waits while it holds may wait for what waits for it */
    const pool_request without_waiting = request_of(s, client, level, true);
    shunt_status status = pool_acquire(s->home.pools, &without_waiting, conn, err);
    if (status || *conn) return status;
    gather_settle(s);
  }
  return pool_acquire(s->home.pools, &request, conn, err);
}

shunt_status session_connect(shunt_session *s, const cat_client *client, int level, driver_conn **conn,
                             shunt_error *err) {
  shunt_status status = acquire(s, client, level, conn, err);
  if (!status) (*conn)->locked_by = locker_of(s, *conn);
  return status;
}

static shunt_status check_spanning(const shunt_session *s, const cat_client *client, shunt_error *err) {
  return s->transactions ? transaction_check_spanning(s, client, err) : SHUNT_OK;
}

shunt_status session_acquire(shunt_session *s, const cat_client *client, int level, driver_conn **conn,
                             shunt_error *err) {
  shunt_status status = check_spanning(s, client, err);
  return status ? status : session_connect(s, client, level, conn, err);
}

shunt_status session_try_acquire(shunt_session *s, const cat_client *client, int level, driver_conn **conn,
                                 shunt_error *err) {
  const pool_request without_waiting = request_of(s, client, level, true);
  *conn = NULL;
  shunt_status status = check_spanning(s, client, err);
  if (!status) status = pool_acquire(s->home.pools, &without_waiting, conn, err);
  if (!status && *conn) (*conn)->locked_by = locker_of(s, *conn);
  return status;
}

/* ---- levels ---- */

void session_raise(shunt_session *s, int by) {
  s->raised += by;
  s->level = s->home.catalog->settings.max_level ? s->opened_level + s->raised : 0;
}

shunt_status shunt_level_push(shunt_session *s, shunt_error *err) {
  int most = s->home.catalog->settings.max_level;
  if (most && s->level >= most)
    return error_set(err, SHUNT_E_TRANSACTION,
                     "the session is at level %d, and there is none above %d (database.maxLevel): work that goes up a "
                     "level starts work that goes up again, and so on",
                     s->level, most);
  session_raise(s, 1);
  return SHUNT_OK;
}

void shunt_level_pop(shunt_session *s) {
  if (s->raised) session_raise(s, -1);
}

int shunt_session_level(const shunt_session *s) { return s->level; }

static shunt_status check_level(const catalog *c, int level, shunt_error *err) {
  if (level >= 0 && level <= c->settings.max_level) return SHUNT_OK;
  return error_set(err, SHUNT_E_USAGE, "a session's level is from 0 to %d (database.maxLevel), and this is %d",
                   c->settings.max_level, level);
}

/* ---- opening and closing ---- */

static shunt_status copy_attr(shunt_session *s, const shunt_field *from, shunt_field *to, shunt_error *err) {
  if (!from->name || !from->name[0]) return error_set(err, SHUNT_E_USAGE, "an attribute of the session has no name");
  const shunt_value *v = &from->value;
  if (v->type != SHUNT_TEXT && v->type != SHUNT_BOOL && v->type != SHUNT_INTEGER && v->type != SHUNT_FLOAT)
    return error_set(err, SHUNT_E_USAGE, "attribute '%s' must be text, a number or a boolean", from->name);
  if (v->type == SHUNT_FLOAT && isnan(v->as.number))
    return error_set(err, SHUNT_E_USAGE, "attribute '%s' is not a number (NaN), which no rule could compare",
                     from->name);
  *to = *from;
  to->name = arena_strdup(&s->owned, from->name);
  if (v->type == SHUNT_TEXT) to->value.as.bytes = arena_strndup(&s->owned, v->as.bytes, v->size);
  return to->name && (v->type != SHUNT_TEXT || to->value.as.bytes) ? SHUNT_OK : error_memory(err);
}

static shunt_status copy_attrs(shunt_session *s, const shunt_session_options *options, shunt_error *err) {
  if (options->nattrs == 0) return SHUNT_OK;
  shunt_field *attrs = arena_array(&s->owned, shunt_field, options->nattrs);
  if (!attrs) return error_memory(err);
  for (size_t i = 0; i < options->nattrs; i++) {
    shunt_status status = copy_attr(s, &options->attrs[i], &attrs[i], err);
    if (status) return status;
  }
  s->attrs = attrs;
  s->nattrs = options->nattrs;
  return SHUNT_OK;
}

shunt_status session_new(const session_home *home, const shunt_session_options *options, shunt_session **out,
                         shunt_error *err) {
  static const shunt_session_options none = {.instance = NULL};
  static atomic_ullong number; /* of the latest, in all of the process */
  if (!options) options = &none;
  shunt_status status = check_timeout(options->timeout_ms, err);
  if (!status) status = check_level(home->catalog, options->level, err);
  shunt_session *s = status ? NULL : base_zalloc(sizeof *s);
  if (!s) {
    home->drop(home);
    return status ? status : error_memory(err);
  }
  s->home = *home;
  s->party.number = ++number;
  s->follows = options->follow;
  s->level = s->opened_level = options->level;
  s->timeout_ms = options->timeout_ms;
  const void *instance = NULL;
  if (options->instance_handle) {
    status = things_find(home->things, home->handles, home->catalog, CAT_KIND_INSTANCE, options->instance_handle,
                         &instance, err);
    s->instance = instance;
  } else {
    status = catalog_find_instance(home->catalog, options->instance ? options->instance : "", &s->instance, err);
  }
  if (!status) status = copy_attrs(s, options, err);
  if (!status) s->party.instance = s->instance->name;
  if (status) {
    shunt_session_close(s);
    return status;
  }
  *out = s;
  return SHUNT_OK;
}

void shunt_session_close(shunt_session *s) {
  if (!s) return;
  propagation_end_all(s);
  route_decision_clear(&s->decision);
  route_decision_clear(&s->parent);
  route_decision_clear(&s->shown);
  map_free(&s->tables);
  sql_free(&s->sql);
  base_free(s->where.list);
  base_free(s->current);
  arena_free(&s->call);
  arena_free(&s->known);
  arena_free(&s->owned);
  s->home.drop(&s->home);
  base_free(s);
}

void shunt_observe(shunt_session *s, void (*fn)(void *ud, const shunt_statement *statement), void *ud) {
  s->observer = fn;
  s->observer_ud = fn ? ud : NULL;
}

/* ---- the current datasource ---- */

shunt_status session_check_client(const shunt_session *s, const char *name, bool modes, shunt_error *err) {
  const cat_client *client;
  if (!name || strcmp(name, CATALOG_DEFAULT) == 0) return SHUNT_OK;
  if (modes &&
      (strcmp(name, CATALOG_INHERIT) == 0 || strcmp(name, CATALOG_INITIAL) == 0 || strcmp(name, CATALOG_AUTO) == 0))
    return SHUNT_OK;
  return catalog_find_client(s->home.catalog, name, &client, err);
}

shunt_status session_named_client(const shunt_session *s, const char *name, const cat_client **out, shunt_error *err) {
  const cat_instance *i = s->instance;
  shunt_status status = catalog_find_client(s->home.catalog, name, out, err);
  if (status || !s->home.catalog->settings.strict_isolation || !i->isolate || *out == i->isolate_client) return status;
  error_set(err, SHUNT_E_DENIED,
            "instance '%s' is isolated: its data lies on %s, and this would go to %s (instance.isolation: strict)",
            i->name, i->isolate_client->name, name);
  error_client(err, name);
  return SHUNT_E_DENIED;
}

/* The name as the catalog has it, which outlives the caller's. */
static const char *lasting_name(const shunt_session *s, const char *name) {
  const cat_client *client = catalog_client(s->home.catalog, name);
  return client ? client->name : CATALOG_DEFAULT;
}

shunt_status shunt_switch_push(shunt_session *s, const char *client, shunt_error *err) {
  shunt_status status = session_check_client(s, client, false, err);
  if (status) return status;
  if (!base_grow(&s->current, &s->current_capacity, s->ncurrent + 1, sizeof(const char *))) return error_memory(err);
  s->current[s->ncurrent++] = client ? lasting_name(s, client) : NULL;
  return SHUNT_OK;
}

void shunt_switch_pop(shunt_session *s) {
  if (s->ncurrent) s->ncurrent--;
}

/* ---- requests ---- */

bool equalities_add(equalities *e, const char *column, const shunt_value *value) {
  if (value->type == SHUNT_NULL) return true;
  if (!base_grow(&e->list, &e->capacity, e->count + 1, sizeof *e->list)) return false;
  e->list[e->count++] = (shunt_field){column, *value};
  return true;
}

static bool add_where(equalities *e, const shunt_where *where, int depth) {
  if (where->op == SHUNT_EQ && where->column && where->nvalues == 1)
    return equalities_add(e, where->column, &where->values[0]);
  bool ok = true;
  if (where->op == SHUNT_AND && depth < DEEPEST_EQUALITY)
    for (size_t i = 0; i < where->nitems && ok; i++) ok = add_where(e, &where->items[i], depth + 1);
  return ok;
}

bool equalities_of_where(equalities *e, const shunt_where *where) { return !where || add_where(e, where, 0); }
