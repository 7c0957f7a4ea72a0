/* For: matching the keys of rows that lie on different datasources as a join would.
 * Owner: a match_set lives in its arena and borrows the bytes of what was added.
 * Use: match_set m; match_init(&m, &arena, rule, expected); i = match_add(&m, tag, &v); … match_find(&m, tag, &v). */
#ifndef SHUNT_RELATE_MATCH_H
#define SHUNT_RELATE_MATCH_H

#include "query/value.h"

#define MATCH_NONE UINT32_MAX

/* How the two columns of a join compare. */
typedef struct match_rule {
  bool numeric; /* either holds numbers */
  bool exact;   /* and neither of them rounded ones */
  bool weighed; /* keys come with their weights, and these are what is compared */
  driver_collation collation;
  const driver_column *child;
} match_rule;

/* parent may be NULL, where nothing is known of it. */
match_rule match_rule_of(const driver_column *parent, const driver_column *child);

typedef struct match_key {
  shunt_value value; /* canonical */
  uint32_t tag;
  uint32_t next; /* in its slot's chain */
} match_key;

typedef struct match_set {
  arena *a;
  match_rule rule;
  match_key *keys;
  shunt_value *weights; /* of the keys; NULL: not weighed */
  size_t count, capacity;
  uint32_t *slots;
  size_t nslots; /* a power of two */
} match_set;

/* Room for `most` keys, and never more. False when out of memory. */
bool match_init(match_set *m, arena *a, match_rule rule, size_t most);
/* The number of the key, counted from 0 in the order of adding; MATCH_NONE for a null. Keys of different tags are
 * different. */
uint32_t match_add(match_set *m, uint32_t tag, const shunt_value *value);
uint32_t match_find(const match_set *m, uint32_t tag, const shunt_value *value);
/* The same, where keys are weighed. */
uint32_t match_add_weighed(match_set *m, uint32_t tag, const shunt_value *value, const shunt_value *weight);
uint32_t match_find_weighed(const match_set *m, uint32_t tag, const shunt_value *weight);
/* Gives all keys new weights, of which each key has another. */
void match_reweigh(match_set *m, const shunt_value *weights);

/* The forms in which a child's column may hold a key. One, as a rule; two where it takes numbers and texts alike (1 and
 * "1"), and where texts are compared with numbers ("1" and "1.0"; other ways to write a number, "01", are not looked
 * for); none where it can't hold it. Text is made in the arena. False when out of memory. */
enum { MATCH_FORMS = 2 };
bool match_forms(const match_set *m, uint32_t key, const driver_column *child, shunt_value forms[MATCH_FORMS],
                 size_t *n);
/* The most there may be. */
size_t match_most_forms(const match_rule *rule, const driver_column *child);

#endif
