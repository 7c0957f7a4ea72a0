/* Opening and closing sessions. */
#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "base/alloc.h"
#include "base/sized.h"
#include "session/block.h"
#include "session/call.h"
#include "session/propagation.h"
#include "session/stream.h"
#include "session/traceparent.h"
#include "session/variables.h"
#include "session/visit.h"

static shunt_status check_level(const catalog *c, int level, shunt_error *err) {
  if (level >= 0 && level <= c->settings.max_level) return SHUNT_OK;
  return error_set(err, SHUNT_E_USAGE, "a session's level must be from 0 to %d (database.maxLevel), not %d",
                   c->settings.max_level, level);
}

static shunt_status copy_attr(shunt_session *s, const shunt_field *from, shunt_field *to, shunt_error *err) {
  if (!from->name || !from->name[0]) return error_set(err, SHUNT_E_USAGE, "an attribute of the session has no name");
  const shunt_value *v = &from->value;
  if (v->type != SHUNT_TEXT && v->type != SHUNT_BOOL && v->type != SHUNT_INTEGER && v->type != SHUNT_FLOAT)
    return error_set(err, SHUNT_E_USAGE, "attribute '%s' must be text, a number or a boolean", from->name);
  if (v->type == SHUNT_FLOAT && isnan(v->as.number))
    return error_set(err, SHUNT_E_USAGE, "attribute '%s' is NaN (not a number), which rules can't compare", from->name);
  shunt_status status = catalog_check_attribute(s->generation.catalog, from->name, v, err);
  if (status) return status;
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
  for (size_t i = 0; i < s->nattrs; i++) {
    const shunt_value *v = &attrs[i].value;
    if (strcmp(attrs[i].name, TRACEPARENT) == 0 && v->type == SHUNT_TEXT &&
        traceparent_is_sampled(v->as.bytes, v->size))
      s->traceparent = v->as.bytes;
  }
  return SHUNT_OK;
}

shunt_status session_new(const session_generation *shared, const shunt_session_options *options, shunt_session **out,
                         shunt_error *err) {
  static atomic_ullong number; /* the last number given, in this process */
  shunt_session_options room;
  options = SIZED(shunt_session_options, options, &room, err);
  shunt_status status = options ? session_check_timeout(options->timeout_ms, err) : SHUNT_E_USAGE;
  if (!status) status = check_level(shared->catalog, options->level, err);
  shunt_session *s = status ? NULL : base_zalloc(sizeof *s);
  if (!s) {
    shared->drop(shared);
    return status ? status : error_memory(err);
  }
  s->generation = *shared;
  s->process = process_number();
  atomic_init(&s->visitor, s->process);
  s->party.number = s->party.session = ++number;
  s->follows = options->follow;
  s->level.now = s->level.opened = options->level;
  s->timeout_ms = options->timeout_ms;
  const void *instance = NULL;
  if (options->instance_handle) {
    status = handle_find(shared->results, CAT_KIND_INSTANCE, options->instance_handle, &instance, err);
    s->instance = instance;
  } else {
    status = catalog_find_instance(shared->catalog, options->instance ? options->instance : "", &s->instance, err);
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
  visit last = {NULL};
  if (!visit_wait(&last, s)) return;
  stream_end_all(s, NULL, 0);
  propagation_end_all(s);
  blocks_free(s);
  if (s->by_hand) pools_end_session(s->generation.pools, s->party.session);
  route_decision_clear(&s->resolved);
  memo_drop(&s->memo);
  session_drop_variables(s);
  map_free(&s->tables.by_name);
  base_free(s->switched.list);
  session_free_lent(&s->lent);
  arena_free(&s->tables.memory);
  arena_free(&s->owned);
  s->generation.drop(&s->generation);
  base_free(s);
}
