/* For: the keys of a relation's parent rows, grouped by the decision that each leads to, so that every part of a
 * partitioned model is read with one statement.
 * Owner: everything lives in the arena given, but what it borrows of the rows.
 * Use: group_spec g = {…}; grouped k; group_keys(s, &arena, &g, &k, err); for each k.groups[i]: its access and keys. */
#ifndef SHUNT_RELATE_GROUP_H
#define SHUNT_RELATE_GROUP_H

#include "query/access.h"
#include "relate/match.h"
#include "relate/weigh.h"

/* The keys: a column of rows, or a plain list. An entry is one occurrence of a key. */
typedef struct group_entries {
  size_t count;
  const shunt_value *list; /* or NULL */
  const shunt_rows *rows;
  int column;
  const uint32_t *row; /* of each entry; NULL: its own number */
  const shunt_rows *origins;
  const uint32_t *origin_row; /* the same for origins, the rows whose client is the `parent` of the request */
} group_entries;

typedef struct group_spec {
  group_entries entries;
  const driver_column *parent_column; /* NULL: not known */
  const char *key;                    /* the column in the table that is asked */
  route_request request;              /* without parent and where */
  const shunt_where *where[2];        /* what the rows must be equal to beside the key */
} group_spec;

typedef struct key_group {
  access at;
  const driver_column *key;
  const shunt_value *keys; /* as the column has them, never torn apart where one has two forms */
  size_t nkeys;
} key_group;

typedef struct grouped {
  match_set keys;
  uint32_t *of_entry; /* key numbers; MATCH_NONE: a null */
  key_group *groups;
  size_t ngroups;
  bool tagged;    /* the same key may be asked for in several groups, so keys are tagged with theirs */
  size_t at_once; /* keys that belong together */
  access at;      /* whose engine weighs them, where they are weighed */
  bool asked;     /* and did */
} grouped;

/* No groups where there are no keys. Errors: those of access_find and access_column. */
shunt_status group_keys(shunt_session *s, arena *a, const group_spec *g, grouped *out, shunt_error *err);
/* The key that a row of the group has. value is its weight, where keys are weighed. */
static inline uint32_t group_find(const grouped *k, size_t group, const shunt_value *value) {
  uint32_t tag = k->tagged ? (uint32_t)group : 0;
  return k->keys.rule.weighed ? match_find_weighed(&k->keys, tag, value) : match_find(&k->keys, tag, value);
}
/* The weights of values of rows that were read for the keys, which get others themselves where the engine must be asked
 * for the first time. Errors: those of weigh. */
shunt_status group_weigh(shunt_session *s, arena *a, grouped *k, const shunt_value *values, size_t n,
                         shunt_value **weights, shunt_error *err);

#endif
