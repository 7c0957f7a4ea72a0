/* For: the keys of a relation's parent rows, grouped by the access that each leads to, so that every part of a
 * partitioned model is read with one statement.
 * Owner: everything lives in the arena given, but what it borrows of the rows.
 * Use: group_spec g = {…}; grouped k; group_keys(c, &arena, &g, &k); for each k.groups[i]: its access and keys. */
#ifndef SHUNT_RELATE_GROUP_H
#define SHUNT_RELATE_GROUP_H

#include "query/access.h"
#include "relate/collation.h"
#include "relate/match.h"

/* The rows that relations start from, and their table; shape is NULL where no table was read, as there are no rows. */
typedef struct parents {
  shunt_rows *rows;
  const driver_table *shape;
} parents;

/* The keys: columns of rows, or a plain list. An entry is one occurrence of a key. */
typedef struct group_entries {
  size_t count;
  const shunt_value *list; /* or NULL; the values of each key one behind the other */
  const shunt_rows *rows;
  int column[KEY_MOST];
  const uint32_t *row; /* of each entry; NULL: its own number */
  const shunt_rows *origins;
  const uint32_t *origin_row; /* the same for origins, the rows whose client is the `parent` of the request */
} group_entries;

typedef struct group_spec {
  group_entries entries;
  key_columns parent;          /* without columns: not known */
  key_names key;               /* in the table that is asked */
  route_request request;       /* without parent and where */
  const shunt_where *where[2]; /* what the rows must be equal to beside the key */
} group_spec;

typedef struct key_group {
  access at;
  key_list keys; /* as the columns have them, never torn apart where one has two forms */
} key_group;

typedef struct grouped {
  match_set keys;
  uint32_t *of_entry; /* key numbers; MATCH_NONE: a null */
  key_group *groups;
  size_t ngroups;
  bool tagged;    /* the same key may be asked for in several groups, so keys are tagged with theirs */
  size_t at_once; /* keys that belong together */
  bool collated;  /* keys are matched by collation keys, */
  const site *at; /* of this site's engine, */
  bool asked;     /* which was asked for them */
} grouped;

/* The rows of the parents, which the relation starts from, as entries. Errors: NOT_FOUND, where their table lacks the
 * columns. */
shunt_status group_parents(call *c, const cat_relation *r, const parents *from, group_spec *g);
/* No groups where there are no keys. Errors: those of access_find and site_column. */
shunt_status group_keys(call *c, arena *a, const group_spec *g, grouped *out);
/* The key that a row of the group has. collation_keys: of the values, where they are collated. */
static inline uint32_t group_find(const grouped *k, size_t group, const shunt_value *values,
                                  const shunt_value *collation_keys) {
  return match_find(&k->keys, k->tagged ? (uint32_t)group : 0, values, collation_keys);
}
/* The collation keys of n keys of rows that were read for the keys, which get others themselves where the engine must
 * be asked for the first time. Errors: those of collation_keys. */
shunt_status group_collate(call *c, arena *a, grouped *k, const shunt_value *values, size_t n, shunt_value **out);

#endif
