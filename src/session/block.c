#include "session/block.h"

#include "base/alloc.h"

static const struct {
  const char *what, *ends;
} words[] = {[BLOCK_TRANSACTION] = {"a transaction", "commit or rollback"},
             [BLOCK_SWITCH] = {"a switch", "switch_pop"},
             [BLOCK_LEVEL] = {"a level", "level_pop"}};

shunt_status block_reserve(shunt_session *s, shunt_error *err) {
  const bool ok = base_grow(&s->blocks.list, &s->blocks.capacity, s->blocks.count + 1, sizeof *s->blocks.list);
  return ok ? SHUNT_OK : error_memory(err);
}

void block_add(shunt_session *s, block_kind kind, shunt_tx *tx) {
  s->blocks.list[s->blocks.count++] = (struct session_block){kind, tx};
}

shunt_status block_take(shunt_session *s, block_kind kind, shunt_tx **tx, shunt_error *err) {
  const struct session_block *last = s->blocks.count ? &s->blocks.list[s->blocks.count - 1] : NULL;
  *tx = NULL;
  if (!last) return error_set(err, SHUNT_E_USAGE, "no call of this session has opened %s", words[kind].what);
  if (last->kind != kind)
    return error_set(err, SHUNT_E_USAGE, "%s was opened last: end it first, with %s", words[last->kind].what,
                     words[last->kind].ends);
  *tx = last->tx;
  s->blocks.count--;
  return SHUNT_OK;
}

void blocks_free(shunt_session *s) {
  for (size_t i = 0; i < s->blocks.count; i++) (void)shunt_rollback(s->blocks.list[i].tx, NULL);
  base_free(s->blocks.list);
}
