/* For: the keys of a relation's parent rows, grouped by the access that each key leads to, so that every part of a
 * partitioned model is read with one statement. Owner: everything lives in the arena given, except for what is borrowed
 * from the rows. Use: group_spec g = {…}; grouped k; group_keys(c, &arena, &g, &k); for each k.groups[i]: its access
 * and keys. */
#ifndef SHUNT_RELATE_GROUP_H
#define SHUNT_RELATE_GROUP_H

#include "query/access.h"
#include "relate/key_set.h"

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

/* An access to several sites is several groups, one after the other, that have the same keys. */
typedef struct key_group {
  access at;      /* of one site */
  uint32_t first; /* the number of the access's first group */
  access whole;   /* in the first group: all sites */
  key_list keys;  /* with their numbers in grouped.keys */
} key_group;

typedef struct grouped {
  key_set keys;
  uint32_t *of_entry; /* key numbers; KEY_NONE: it has a null, or equals nothing in the columns */
  key_group *groups;
  size_t ngroups;
  bool tagged; /* the same key may be in several accesses, so keys are tagged with the first group */
  bool parted; /* the rows of one key may be in several groups */
  bool exact;  /* rows have the keys that group_find finds. Else only the engine knows which */
} grouped;

/* Makes the parents' rows the entries. Errors: NOT_FOUND if their table lacks the relation's columns. */
shunt_status group_parents(call *c, const cat_relation *r, const parents *from, group_spec *g);
/* Without keys there are no groups. Errors: those of access_find and site_column. */
shunt_status group_keys(call *c, arena *a, const group_spec *g, grouped *out);
/* The number of the key that a row of the group has, if keys are exact. */
static inline uint32_t group_find(const grouped *k, size_t group, const shunt_value *values) {
  return key_set_find(&k->keys, k->tagged ? k->groups[group].first : 0, values);
}

#endif
