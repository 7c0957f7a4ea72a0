#include "session/session.h"

#include <string.h>

#include "base/alloc.h"
#include "session/variables.h"
#include "session/visit.h"

/* ---- generations ---- */

/* Finds the datasources that the session switched to in the newest generation. */
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

void session_drop_tables(session_tables *t) {
  t->latest = NULL;
  t->forgotten = false;
  map_reset(&t->by_name);
  arena_reset(&t->memory);
}

/* Rules of the newest generation compare only with values that it declares. */
static shunt_status check_attrs(const shunt_session *s, const catalog *newest, shunt_error *err) {
  shunt_status status = SHUNT_OK;
  for (size_t i = 0; i < s->nattrs && !status; i++)
    status = catalog_check_attribute(newest, s->attrs[i].name, &s->attrs[i].value, err);
  return status;
}

static shunt_status move_to(shunt_session *s, const session_generation *newest, shunt_error *err) {
  const cat_instance *instance;
  shunt_status status = catalog_find_instance(newest->catalog, s->instance->name, &instance, err);
  if (!status) status = check_attrs(s, newest->catalog, err);
  if (!status) status = rename_current(s, newest->catalog, err);
  if (status) {
    newest->drop(newest);
    return status;
  }
  session_generation old = s->generation;
  s->generation = *newest;
  session_raise(s, 0);
  s->instance = instance;
  s->party.instance = instance->name;
  memo_drop(&s->memo);
  session_drop_tables(&s->tables);
  session_drop_variables(s);
  old.drop(&old);
  return SHUNT_OK;
}

shunt_status session_move(shunt_session *s, shunt_error *err) {
  session_generation newest;
  if (s->scopes || s->transactions || s->streams || !s->generation.renew(&s->generation, &newest)) return SHUNT_OK;
  return move_to(s, &newest, err);
}

shunt_status session_check_timeout(int64_t timeout_ms, shunt_error *err) {
  if (timeout_ms >= 0) return SHUNT_OK;
  return error_set(err, SHUNT_E_USAGE, "a timeout must be 0 (none) or more, not %lld ms", (long long)timeout_ms);
}

shunt_status shunt_session_timeout(shunt_session *s, int64_t timeout_ms, shunt_error *err) {
  VISIT(v);
  shunt_status status = visit_begin(&v, s, err);
  if (!status) status = session_check_timeout(timeout_ms, err);
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
  s->level.now = s->generation.catalog->settings.max_level ? s->level.opened + s->level.raised : 0;
}

shunt_status shunt_level_push(shunt_session *s, shunt_error *err) {
  VISIT(v);
  if (visit_begin(&v, s, err)) return SHUNT_E_USAGE;
  int most = s->generation.catalog->settings.max_level;
  if (most && s->level.now >= most)
    return error_set(err, SHUNT_E_TRANSACTION,
                     "the session is at level %d, and the highest is %d (database.maxLevel): does work that goes up a "
                     "level start the same work again?",
                     s->level.now, most);
  session_raise(s, 1);
  return SHUNT_OK;
}

void shunt_level_pop(shunt_session *s) {
  VISIT(v);
  if (!visit_wait(&v, s)) return;
  if (s->level.raised) session_raise(s, -1);
}

int shunt_session_level(const shunt_session *s) { return s ? s->level.now : 0; }

void shunt_before_wait(shunt_session *s, void (*fn)(void *ud), void *ud) {
  VISIT(v);
  if (!visit_wait(&v, s)) return;
  s->before_wait.fn = fn;
  s->before_wait.ud = ud;
}

void shunt_observe(shunt_session *s, void (*fn)(void *ud, const shunt_statement *statement), void *ud) {
  VISIT(v);
  if (!visit_wait(&v, s)) return;
  s->observer.fn = fn;
  s->observer.ud = fn ? ud : NULL;
}

/* ---- what it wrote to ---- */

bool session_note_write(shunt_session *s, const cat_client *client) {
  size_t n = s->wrote.count;
  for (size_t i = n; i-- > 0;)
    if (strcmp(s->wrote.list[i], client->name) == 0) return true;
  char *name = arena_strdup(&s->owned, client->name); /* it outlives the generation */
  if (!name || !arena_grow(&s->owned, &s->wrote.list, &s->wrote.capacity, n + 1, sizeof(const char *))) return false;
  s->wrote.list[s->wrote.count++] = name;
  return true;
}

/* ---- the current datasource ---- */

shunt_status session_check_client(const shunt_session *s, const char *name, bool modes, shunt_error *err) {
  const cat_client *client;
  if (!name || strcmp(name, CATALOG_DEFAULT) == 0) return SHUNT_OK;
  if (modes &&
      (strcmp(name, CATALOG_INHERIT) == 0 || strcmp(name, CATALOG_INITIAL) == 0 || strcmp(name, CATALOG_AUTO) == 0))
    return SHUNT_OK;
  return catalog_find_client(s->generation.catalog, name, &client, err);
}

shunt_status session_check_isolation(const shunt_session *s, const cat_client *client, shunt_error *err) {
  const cat_instance *i = s->instance;
  if (!s->generation.catalog->settings.strict_isolation || !i->isolate || client == i->isolate_client) return SHUNT_OK;
  error_set(err, SHUNT_E_DENIED,
            "instance '%s' is isolated: its data lies on %s, and this would go to %s (instance.isolation: strict)",
            i->name, i->isolate_client->name, client->name);
  error_client(err, client->name);
  return SHUNT_E_DENIED;
}

shunt_status session_named_client(const shunt_session *s, const char *name, const cat_client **out, shunt_error *err) {
  shunt_status status = catalog_find_client(s->generation.catalog, name, out, err);
  return status ? status : session_check_isolation(s, *out, err);
}

/* The catalog's copy of the name, which outlives the caller's. */
static const char *lasting_name(const shunt_session *s, const char *name) {
  const cat_client *client = catalog_client(s->generation.catalog, name);
  return client ? client->name : CATALOG_DEFAULT;
}

shunt_status shunt_switch_push(shunt_session *s, const char *client, shunt_error *err) {
  VISIT(v);
  shunt_status status = visit_begin(&v, s, err);
  if (!status) status = session_check_client(s, client, false, err);
  if (status) return status;
  if (!base_grow(&s->switched.list, &s->switched.capacity, s->switched.count + 1, sizeof(const char *)))
    return error_memory(err);
  s->switched.list[s->switched.count++] = client ? lasting_name(s, client) : NULL;
  return SHUNT_OK;
}

void shunt_switch_pop(shunt_session *s) {
  VISIT(v);
  if (!visit_wait(&v, s)) return;
  if (s->switched.count) s->switched.count--;
}
