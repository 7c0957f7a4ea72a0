/* For: the keys of a relation's parent rows, grouped by the access that each key leads to, so that every part of a
 * partitioned model is read with one statement. Owner: everything lives in the arena given, except for what is borrowed
 * from the rows. Use: group_spec g = {…}; grouped k; group_keys(c, &arena, &g, &k); for each k.groups[i]: its access
 * and keys. */
#ifndef SHUNT_RELATE_GROUP_H
#define SHUNT_RELATE_GROUP_H

#include "query/access.h"
#include "relate/collation.h"
#include "relate/match.h"

/* The rows that relations start from, and their table. shape is NULL if no table was read; then there are no rows. */
typedef struct parents {
  shunt_rows *rows;
  const driver_table *shape;
} parents;

/* The keys: columns of rows, or a plain list. An entry is one occurrence of a key. */
typedef struct group_entries {
  size_t count;
  const shunt_value *list; /* or NULL; the tuples in one array */
  const shunt_rows *rows;
  int column[KEY_MOST];
  const uint32_t *row; /* of each entry; NULL: its own number */
  const shunt_rows *origins;
  const uint32_t *origin_row; /* the same for origins, whose clients are the `parent` of the requests */
} group_entries;

typedef struct group_spec {
  group_entries entries;
  key_columns parent;          /* without columns: unknown */
  key_names key;               /* the columns of the table to read */
  route_request request;       /* without parent and where */
  const shunt_where *where[2]; /* equalities beside the key */
} group_spec;

typedef struct key_group {
  access at;
  key_list keys; /* in the forms that the columns hold; the forms of one key are neighbours */
} key_group;

typedef struct grouped {
  match_set keys;
  uint32_t *of_entry; /* key numbers; MATCH_NONE: a null */
  key_group *groups;
  size_t ngroups;
  bool tagged;    /* the same key may be in several groups, so keys are tagged with their group */
  size_t at_once; /* forms of one key */
  bool collated;  /* keys are matched by collation keys, */
  const site *at; /* of this site's engine, */
  bool asked;     /* which was asked for them */
} grouped;

/* Makes the parents' rows the entries. Errors: NOT_FOUND if their table lacks the relation's columns. */
shunt_status group_parents(call *c, const cat_relation *r, const parents *from, group_spec *g);
/* Without keys there are no groups. Errors: those of access_find and site_column. */
shunt_status group_keys(call *c, arena *a, const group_spec *g, grouped *out);
/* The number of the key that a row of the group has. collation_keys: of the values, if they are collated. */
static inline uint32_t group_find(const grouped *k, size_t group, const shunt_value *values,
                                  const shunt_value *collation_keys) {
  return match_find(&k->keys, k->tagged ? (uint32_t)group : 0, values, collation_keys);
}
/* Makes the collation keys of n keys of rows. If the engine has to be asked for the first time, the grouped keys get
 * new ones, too. Errors: those of collation_keys. */
shunt_status group_collate(call *c, arena *a, grouped *k, const shunt_value *values, size_t n, shunt_value **out);

#endif
