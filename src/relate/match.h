/* For: matching the keys of rows that lie on different datasources as a join would.
 * Owner: a match_set lives in its arena and borrows the bytes of what was added.
 * Use: match_set m; match_init(&m, &arena, &rules, expected); i = match_add(&m, tag, values, NULL); …
 * match_find(&m, tag, values, NULL). */
#ifndef SHUNT_RELATE_MATCH_H
#define SHUNT_RELATE_MATCH_H

#include "query/key.h"
#include "query/value.h"

#define MATCH_NONE UINT32_MAX

/* How two columns of a join compare. */
typedef struct match_rule {
  bool numeric;  /* either holds numbers */
  bool exact;    /* and neither of them rounded ones */
  bool collated; /* values come with their collation keys, and these are what is compared */
  driver_collation collation;
  const driver_column *child;
} match_rule;

/* Of each column of the keys. */
typedef struct match_rules {
  match_rule list[KEY_MOST];
  size_t n;
} match_rules;

/* parent may be without columns, where nothing is known of it. */
match_rules match_rules_of(const key_columns *parent, const key_columns *child);
/* Has columns that only their engine can compare matched by collation keys. Whether there are any. */
bool match_collate(match_rules *rules);

typedef struct match_key {
  uint32_t tag;
  uint32_t next; /* in its slot's chain */
} match_key;

typedef struct match_set {
  arena *a;
  match_rules rules;
  match_key *keys;
  shunt_value *values;   /* canonical; rules.n of each key */
  shunt_value *compared; /* the same, with the collation keys of columns that are collated */
  size_t count, capacity;
  uint32_t *slots;
  size_t nslots; /* a power of two */
} match_set;

/* Room for `most` keys, and never more. False when out of memory. */
bool match_init(match_set *m, arena *a, const match_rules *rules, size_t most);
/* The number of the key, counted from 0 in the order of adding; MATCH_NONE where a part of it is null. Keys of
 * different tags are different. collation_keys: of the columns that are collated; NULL where none is. */
uint32_t match_add(match_set *m, uint32_t tag, const shunt_value *values, const shunt_value *collation_keys);
uint32_t match_find(const match_set *m, uint32_t tag, const shunt_value *values, const shunt_value *collation_keys);
/* Gives all keys new collation keys, of which each key has another. */
void match_recollate(match_set *m, const shunt_value *collation_keys);
static inline const shunt_value *match_values(const match_set *m, uint32_t key) { return m->values + key * m->rules.n; }

/* The forms in which a child's columns may hold a key. One, as a rule; two where a column takes numbers and texts alike
 * (1 and "1"), and where texts are compared with numbers ("1" and "1.0"; other ways to write a number, "01", are not
 * looked for); none where it can't hold it. Text is made in the arena. False when out of memory. */
enum { MATCH_FORMS = 2 };
bool match_forms(const match_set *m, uint32_t key, const key_columns *child, shunt_value forms[MATCH_FORMS * KEY_MOST],
                 size_t *n);
/* The most there may be. */
size_t match_most_forms(const match_rules *rules, const key_columns *child);

#endif
