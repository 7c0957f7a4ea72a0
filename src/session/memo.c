#include "session/memo.h"

#include <string.h>

#include "base/alloc.h"

void memo_keep(memo **at, const memo_key *key, const route_decision *d, const struct trie_leaf *parent) {
  memo *m = *at ? *at : (*at = base_zalloc(sizeof **at));
  if (!m) return;
  memo_entry *set = m->sets[memo_set(key)];
  if (set[MEMO_WAYS - 1].key.instance && ++m->refused % MEMO_PATIENCE) return;
  memmove(set + 1, set, (MEMO_WAYS - 1) * sizeof *set);
  set[0] = (memo_entry){*key, d->repeats, parent, d->as};
}

void memo_drop(memo **m) {
  base_free(*m);
  *m = NULL;
}
