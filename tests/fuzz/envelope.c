/* The envelope of a job's row may hold any text: it is read, or refused with the part that is wrong. What was read
 * holds what the code behind it relies on. */
#include "jobs/envelope.h"
#include "fuzz/fuzz.h"

static void check_read(const envelope *e) {
  FUZZ_HOLDS(e->instance, "an envelope without instance");
  FUZZ_HOLDS(e->level >= 0 && e->level <= CATALOG_MOST_LEVELS, "level %d", e->level);
  FUZZ_HOLDS(!e->names || strlen(e->names) == 16, "names '%s'", e->names);
  for (size_t i = 0; i < e->nattrs; i++) {
    const shunt_value *v = &e->attrs[i].value;
    FUZZ_HOLDS(e->attrs[i].name && e->attrs[i].name[0], "an attribute without a name");
    FUZZ_HOLDS(v->type == SHUNT_BOOL || v->type == SHUNT_INTEGER || v->type == SHUNT_FLOAT || v->type == SHUNT_TEXT,
               "an attribute of type %d", (int)v->type);
    if (v->type == SHUNT_TEXT) FUZZ_HOLDS(v->as.bytes[v->size] == 0, "a text without its end");
  }
  for (size_t i = 0; i < e->nlocked; i++) FUZZ_HOLDS(e->locked[i], "file %zu of %zu is missing", i, e->nlocked);
}

int shunt_fuzz_envelope(const uint8_t *data, size_t size) {
  char *text = fuzz_copy(data, size);
  arena a = {0};
  envelope e;
  shunt_error err = {0};
  const shunt_status status = envelope_read(text, &a, &e, &err);
  FUZZ_HOLDS(status == SHUNT_OK || status == SHUNT_E_INTERNAL, "status %d: %s", (int)status, err.message);
  if (status)
    FUZZ_HOLDS(strstr(err.message, " is wrong") || strstr(err.message, "is not JSON"), "no reason: %s", err.message);
  else
    check_read(&e);
  arena_free(&a);
  free(text);
  return 0;
}
