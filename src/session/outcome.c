#include "session/outcome.h"

#include <stdio.h>

static shunt_outcome after_failure(shunt_outcome before, shunt_outcome known) {
  if (before == SHUNT_NOT_DONE) return known;
  return before == SHUNT_DONE && known == SHUNT_DONE ? SHUNT_DONE : SHUNT_UNKNOWN;
}

void outcome_note(call *c, shunt_status status, shunt_outcome known, const char *what) {
  char doubt[64];
  shunt_outcome *effect = &c->s->effect;
  if (!status) {
    if (*effect == SHUNT_NOT_DONE) *effect = SHUNT_DONE;
    return;
  }
  *effect = after_failure(*effect, known);
  if (c->err) c->err->outcome = *effect;
  if (known != SHUNT_UNKNOWN) return;
  snprintf(doubt, sizeof doubt, "; it may or may not have %s", what);
  error_add(c->err, doubt);
}

shunt_status outcome_end(const call *c, shunt_status status) {
  const shunt_outcome effect = c->s->effect;
  if (!status || !c->err) return status;
  if (effect == SHUNT_DONE) error_add(c->err, "; what was to be written is written");
  if (effect != SHUNT_NOT_DONE) c->err->outcome = effect;
  return status;
}
