/* For: one row per key that a configuration or a declaration in a rule file may have. From the rows come the check, the
 * filled structs, the comparison of two generations, `shunt config --defaults`, the JSON Schema and the manual's table.
 * Owner: schemas are static. A mistake is added to the caller's problems, at the place of the node.
 * Use: schema_check(problems, config, &schema_config, "", false); SCHEMA_FILL(&schema_config, config, cat_settings,
 * &s);
 */
#ifndef SHUNT_CATALOG_SCHEMA_H
#define SHUNT_CATALOG_SCHEMA_H

#include "base/buf.h"
#include "catalog/node.h"

typedef enum schema_type {
  SCHEMA_TEXT,
  SCHEMA_NAME,  /* text, not empty */
  SCHEMA_TEXTS, /* a text or a list of them */
  SCHEMA_BOOLEAN,
  SCHEMA_INTEGER,
  SCHEMA_NUMBER,
  SCHEMA_DURATION, /* in ms */
  SCHEMA_SIZE,     /* in bytes */
  SCHEMA_WORD,     /* one of words */
  SCHEMA_SCALARS,  /* a map of scalars */
  SCHEMA_FREE,     /* any map */
  SCHEMA_ANY,
  SCHEMA_MAP,   /* its keys: the rows of `of` */
  SCHEMA_NAMED, /* a map from names to such maps */
  SCHEMA_MAPS,  /* a list of such maps */
  SCHEMA_FUNCTION,
  SCHEMA_TEXT_OR_FUNCTION /* in YAML text */
} schema_type;

/* What a reload does with a setting that has changed. */
typedef enum schema_reload {
  SCHEMA_NEXT,  /* it takes effect in the new generation */
  SCHEMA_POOLS, /* the client gets new pools, and its old ones are drained */
  SCHEMA_WORKER /* it takes effect for workers opened later */
} schema_reload;

/* The C type of the struct's member that holds the value. */
typedef enum schema_slot { SLOT_NONE, SLOT_BOOL, SLOT_INT, SLOT_INT64, SLOT_DOUBLE, SLOT_TEXT } schema_slot;

typedef struct schema schema;

typedef struct schema_field {
  const char *key;
  const char *alias; /* another name of the key, or NULL */
  schema_type type;
  int64_t least, most;      /* of an integer, number, duration or size. No bounds unless least < most */
  int64_t bare_ms;          /* of a duration: the unit of a bare number; 0: it must have a unit */
  bool filled;              /* of texts: none of them may be empty */
  bool list;                /* of a server's option: several values with commas between them */
  const char *const *words; /* ends in NULL */
  const schema *of;         /* of a text: a map that may stand in its place, which the code that fills it checks */
  const char *fallback;     /* the default, as YAML; NULL: see `unset` */
  const char *unset;        /* in words: what holds without the key, if there is no fallback: "required"; or NULL */
  schema_reload reload;
  schema_slot slot;
  size_t offset;
  const char *sentence; /* its purpose; NULL: not a setting of the configuration */
  const char *see;      /* for the manual: a link to more; or NULL */
} schema_field;

struct schema {
  const schema_field *fields; /* ends with a row without a key */
  const char *record;         /* the name of the struct type that it fills; NULL: it fills nothing */
  const char *engine;         /* of a connection: its engine; otherwise NULL */
  bool spelled;               /* values are compared as text: "5" and 5 are the same, and "" is the same as no value */
  bool loose;                 /* case, - and _ in names and words make no difference */
};

/* The place of a value: the compiler takes slot and offset from the member itself. */
#define SCHEMA_AT(record, member)                                                                                      \
  .slot = _Generic(((record *)0)->member,                                                                              \
      bool: SLOT_BOOL,                                                                                                 \
      int: SLOT_INT,                                                                                                   \
      int64_t: SLOT_INT64,                                                                                             \
      double: SLOT_DOUBLE,                                                                                             \
      const char *: SLOT_TEXT),                                                                                        \
  .offset = offsetof(record, member)

/* Checks a map against a schema. Null is allowed everywhere. label names the map in messages ("model 'user'"); "" for
 * the whole config. With lua, functions and `env` are allowed too. Status of the mistakes: CONFIG. */
void schema_check(problems *p, const node *n, const schema *s, const char *label, bool lua);

/* The row of a key; NULL if the key is unknown. */
const schema_field *schema_field_of(const schema *s, const char *key);

/* Whether the map has an unknown key that is close to this one. Then the unknown key is the mistake, and the missing
 * key is not reported as well. */
bool schema_misspells(const node *n, const schema *s, const char *key);

/* Fills a struct of that type from the map: every member that has a row. A member gets its default if the key is
 * absent, null or wrong. Includes the rows of maps in the map that fill the same struct. */
#define SCHEMA_FILL(s, from, type, into) schema_fill((s), (from), #type, (type *){into})
void schema_fill(const schema *s, const node *from, const char *record, void *into);

/* Whether the members whose change needs new pools (SCHEMA_POOLS) are equal. */
#define SCHEMA_SAME_POOLS(s, type, a, b) schema_same_pools((s), #type, (const type *){a}, (const type *){b})
bool schema_same_pools(const schema *s, const char *record, const void *a, const void *b);

/* Adds what a setting takes: "an integer from 1 to 32767", "sqlite3, pg or mysql". */
void schema_expected(const schema_field *f, buf *b);

/* Whether it is a list or map without entries: in Lua, these are the same. */
bool schema_is_empty(const node *n);

#endif
