/* For: matching keys of rows on different datasources as a join would.
 * Owner: a match_set lives in its arena and borrows the bytes of the values.
 * Use: match_set m; match_init(&m, &arena, &rules, expected); i = match_add(&m, tag, values, NULL); … match_find(&m,
 * tag, values, NULL). */
#ifndef SHUNT_RELATE_MATCH_H
#define SHUNT_RELATE_MATCH_H

#include "query/key.h"
#include "query/value.h"

#define MATCH_NONE UINT32_MAX

/* How two columns of a join compare. */
typedef struct match_rule {
  bool numeric;  /* one of them holds numbers */
  bool exact;    /* and none of them floating-point numbers */
  bool collated; /* values are compared by their collation keys */
  driver_collation collation;
  const driver_column *child;
} match_rule;

/* For each column of the keys. */
typedef struct match_rules {
  match_rule list[KEY_MOST];
  size_t n;
} match_rules;

/* parent may have no columns, if nothing is known about it. */
match_rules match_rules_of(const key_columns *parent, const key_columns *child);
/* Switches to collation keys for columns that only their engine can compare. Returns whether there are any. */
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

/* Makes room for `most` keys. False when out of memory. */
bool match_init(match_set *m, arena *a, const match_rules *rules, size_t most);
/* The number of the key, from 0 in the order of adding; MATCH_NONE if a part of it is null. Keys with different tags
 * differ. collation_keys: for the columns that are collated, else NULL. */
uint32_t match_add(match_set *m, uint32_t tag, const shunt_value *values, const shunt_value *collation_keys);
uint32_t match_find(const match_set *m, uint32_t tag, const shunt_value *values, const shunt_value *collation_keys);
/* Replaces the collation keys of all keys. They must be distinct. */
void match_recollate(match_set *m, const shunt_value *collation_keys);
static inline const shunt_value *match_values(const match_set *m, uint32_t key) { return m->values + key * m->rules.n; }

/* The forms in which the child's columns may hold a key. Usually one; two if a column takes numbers and texts alike (1
 * and "1") or if texts are compared with numbers ("1" and "1.0"; other notations such as "01" are not looked for); none
 * if the column can't hold the key. Text is made in the arena. False when out of memory. */
enum { MATCH_FORMS = 2 };
bool match_forms(const match_set *m, uint32_t key, const key_columns *child, shunt_value forms[MATCH_FORMS * KEY_MOST],
                 size_t *n);
/* The most there may be. */
size_t match_most_forms(const match_rules *rules, const key_columns *child);

#endif
