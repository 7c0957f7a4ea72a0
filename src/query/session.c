#include "query/session.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "query/propagation.h"

/* ---- generations ---- */

/* What the session has switched to, in the newest generation's words. */
static shunt_status rename_current(shunt_session *s, const catalog *newest, shunt_error *err) {
  const cat_client *client;
  for (int done = 0; done < 2; done++) /* all are found before any is changed */
    for (size_t i = 0; i < s->switched.count; i++) {
      if (!s->switched.list[i] || strcmp(s->switched.list[i], CATALOG_DEFAULT) == 0) continue;
      shunt_status status = catalog_find_client(newest, s->switched.list[i], &client, err);
      if (status) return status;
      if (done) s->switched.list[i] = client->name;
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
  s->tables.latest = NULL;
  map_reset(&s->tables.by_name);
  arena_reset(&s->tables.memory);
  old.drop(&old);
  return SHUNT_OK;
}

shunt_status session_move(shunt_session *s, shunt_error *err) {
  session_home newest;
  if (s->transactions || !s->home.renew(&s->home, &newest)) return SHUNT_OK;
  return move_to(s, &newest, err);
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
  s->locked.files = arena_array(&s->owned, const char *, nfiles);
  s->locked.by = arena_strdup(&s->owned, locker);
  if (!s->locked.files || !s->locked.by) return error_memory(err);
  for (s->locked.n = 0; s->locked.n < nfiles; s->locked.n++)
    if (!(s->locked.files[s->locked.n] = arena_strdup(&s->owned, files[s->locked.n]))) return error_memory(err);
  return SHUNT_OK;
}

/* ---- levels ---- */

void session_raise(shunt_session *s, int by) {
  s->level.raised += by;
  s->level.now = s->home.catalog->max_level ? s->level.opened + s->level.raised : 0;
}

shunt_status shunt_level_push(shunt_session *s, shunt_error *err) {
  int most = s->home.catalog->max_level;
  if (most && s->level.now >= most)
    return error_set(err, SHUNT_E_TRANSACTION,
                     "the session is at level %d, and there is none above %d (database.maxLevel): work that goes up a "
                     "level starts work that goes up again, and so on",
                     s->level.now, most);
  session_raise(s, 1);
  return SHUNT_OK;
}

void shunt_level_pop(shunt_session *s) {
  if (s->level.raised) session_raise(s, -1);
}

int shunt_session_level(const shunt_session *s) { return s->level.now; }

static shunt_status check_level(const catalog *c, int level, shunt_error *err) {
  if (level >= 0 && level <= c->max_level) return SHUNT_OK;
  return error_set(err, SHUNT_E_USAGE, "a session's level is from 0 to %d (database.maxLevel), and this is %d",
                   c->max_level, level);
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
  s->level.now = s->level.opened = options->level;
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
  route_decision_clear(&s->resolved);
  map_free(&s->tables.by_name);
  base_free(s->switched.list);
  session_free_lent(&s->lent);
  arena_free(&s->tables.memory);
  arena_free(&s->owned);
  s->home.drop(&s->home);
  base_free(s);
}

void shunt_observe(shunt_session *s, void (*fn)(void *ud, const shunt_statement *statement), void *ud) {
  s->observer.fn = fn;
  s->observer.ud = fn ? ud : NULL;
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
  if (status || !s->home.catalog->strict_isolation || !i->isolate || *out == i->isolate_client) return status;
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
  if (!base_grow(&s->switched.list, &s->switched.capacity, s->switched.count + 1, sizeof(const char *)))
    return error_memory(err);
  s->switched.list[s->switched.count++] = client ? lasting_name(s, client) : NULL;
  return SHUNT_OK;
}

void shunt_switch_pop(shunt_session *s) {
  if (s->switched.count) s->switched.count--;
}
