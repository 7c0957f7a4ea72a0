/* For: a request as the rules see it, its fields, and the record of a field that was read.
 * Owner: a request borrows everything it points to. Reads belong to the rule host that made them.
 * Use: the fields that a caller fills in stand in SHUNT_REQUEST_MAP; those of the session and the catalog stand here. A
 * new one needs its line in a map, its value in values.c, and nothing else in this folder. */
#ifndef SHUNT_RULE_REQUEST_H
#define SHUNT_RULE_REQUEST_H

#include "catalog/catalog.h"
#include "shunt.h"

typedef struct rule_host rule_host;
typedef struct pick_memo pick_memo;

/* The transaction that an access runs in. */
typedef struct rule_transaction {
  const char *isolation; /* NULL: the engine's own */
  bool read_only;
  const cat_client **held; /* its clients, in the order in which it began there */
  size_t nheld;            /* 0: it had no access yet */
} rule_transaction;

/* Names are those of the catalog, or "default" where a client may be named. Everything is borrowed for the call. */
typedef struct rule_request {
#define RULE_MEMBER_MODEL(member) const cat_model *member;
#define RULE_MEMBER_RELATION(member) const cat_relation *member; /* one for this call alone has the id UINT32_MAX */
#define RULE_MEMBER_CLIENT(member) const char *member;
#define RULE_MEMBER_MODE(member) const char *member;
#define RULE_MEMBER_OP(member) shunt_op member;
#define RULE_MEMBER_LEVEL(member) int level;
#define RULE_MEMBER_VALUES(member)                                                                                     \
  const shunt_field *member;                                                                                           \
  size_t n##member;
#define RULE_MEMBER(kind, id, member, name, option) RULE_MEMBER_##kind(member)
  SHUNT_REQUEST_MAP(RULE_MEMBER)
#undef RULE_MEMBER
#undef RULE_MEMBER_VALUES
#undef RULE_MEMBER_LEVEL
#undef RULE_MEMBER_OP
#undef RULE_MEMBER_MODE
#undef RULE_MEMBER_CLIENT
#undef RULE_MEMBER_RELATION
#undef RULE_MEMBER_MODEL
  /* of the session */
  const cat_instance *instance;
  bool in_transaction;
  const rule_transaction *transaction; /* NULL: none of the host's */
  const char *const *wrote;            /* the clients that the session has written to */
  size_t nwrote;
  const shunt_field *attrs;
  size_t nattrs;
  size_t part; /* the number of the model's part that is asked for, from 1; 0: none in particular */
  /* not seen by rules */
  const char *explicit_table;
  const cat_client *only_guards; /* asks the guards alone, of an access to this client; NULL: all stages */
  bool every_rule;               /* asks the rules even if the decision is in the cache */
  pick_memo *picks;              /* what the access has drawn so far, to be drawn again; NULL: it has one decision */
} rule_request;

/* The fields that no caller fills in, as X(ID, "name"). */
#define RULE_FIELD_MAP(X)                                                                                              \
  X(DEFAULT, "default")                                                                                                \
  X(ENV, "env")                                                                                                        \
  X(INSTANCE, "instance")                                                                                              \
  X(IN_TRANSACTION, "in_transaction")                                                                                  \
  X(TRANSACTION, "transaction")                                                                                        \
  X(ATTRS, "attrs")                                                                                                    \
  X(WROTE, "wrote") /* of the candidate */                                                                             \
  X(PART, "part")                                                                                                      \
  X(CLIENT, "client") /* the candidate so far */                                                                       \
  X(TABLE, "table")

/* The fields of an instance. */
#define RULE_INSTANCE_MAP(X)                                                                                           \
  X(NAME, "name")                                                                                                      \
  X(ID, "id")                                                                                                          \
  X(ISOLATE, "isolate")                                                                                                \
  X(ISOLATE_CLIENT, "isolateClient")                                                                                   \
  X(CONFIG, "config")                                                                                                  \
  X(TITLE, "title")

typedef enum rule_field {
#define RULE_REQUEST_ENUM(kind, id, member, name, option) RULE_FIELD_##id,
#define RULE_FIELD_ENUM(id, name) RULE_FIELD_##id,
#define RULE_INSTANCE_ENUM(id, name) RULE_INSTANCE_##id,
  SHUNT_REQUEST_MAP(RULE_REQUEST_ENUM) RULE_FIELD_MAP(RULE_FIELD_ENUM) RULE_NFIELDS,
  RULE_INSTANCE_MAP(RULE_INSTANCE_ENUM)
#undef RULE_INSTANCE_ENUM
#undef RULE_FIELD_ENUM
#undef RULE_REQUEST_ENUM
} rule_field;

/* What rules see: the request, and the candidate that the rules before have made of it. */
typedef struct rule_view {
  const rule_request *request;
  const catalog *catalog;
  const char *client; /* the candidate's; NULL before the refine stage */
  const char *table;
  int level;    /* the request's; from the refine stage on, the candidate's */
  arena *texts; /* the decision's: for reads that the host does not keep */
} rule_view;

/* The value of a field, or NULL if it is absent. name is the column, the attribute, the field of the transaction or the
 * client if the field is WHERE, ATTRS, TRANSACTION or WROTE, else NULL. The value may lie in room. INSTANCE and
 * INSTANCE_CONFIG have more than one value: they give NULL. */
const shunt_value *rule_request_value(const rule_request *q, rule_field field, const char *name, shunt_value *room);
/* The same for the fields of a view. */
const shunt_value *rule_view_value(const rule_view *v, rule_field field, const char *name, shunt_value *room);

/* The relation's own client applies unless the request has one. */
static inline const char *rule_relation_client(const rule_request *q) {
  return q->relation_client ? q->relation_client : q->relation ? q->relation->as.client : NULL;
}
/* Rules made the candidate from the request: reading it adds no dependence. */
static inline bool rule_is_candidate(rule_field field) {
  return field == RULE_FIELD_CLIENT || field == RULE_FIELD_TABLE;
}

/* ---- what was read ---- */

/* A rule asks for the value itself, or for a property of it. RULE_CLASS is asked by the core alone, of the instance. */
typedef enum rule_predicate { RULE_VALUE, RULE_MOD, RULE_BUCKET, RULE_ONE_OF, RULE_PREFIX, RULE_CLASS } rule_predicate;

/* The list that one_of searches, the text that prefix compares with. */
typedef struct rule_operand rule_operand;

enum { RULE_NAME_BYTES = 256 /* of the longest column or attribute that rules may name */ };

/* A field that was read. */
typedef struct rule_read {
  rule_field field;
  rule_predicate predicate;
  const char *name;    /* as for rule_request_value */
  const char *display; /* "model", "instance", "where.user_id" */
  union {
    int64_t parts;               /* MOD, BUCKET */
    const rule_operand *operand; /* ONE_OF, PREFIX */
    const uint32_t *classes;     /* CLASS: the class of each instance, by its id */
  } of;
} rule_read;

/* Whether two reads, maybe of two hosts, ask the same. */
bool rule_same_read(const rule_read *a, const rule_read *b);

/* The answer to a predicate about a value (NULL: absent): MOD and BUCKET give a part from 0 to parts - 1, ONE_OF and
 * PREFIX 1 or 0. False if there is no answer: a part of an absent value, or mod of a value that is not a whole number.
 */
bool rule_tell(const rule_read *read, const shunt_value *value, int64_t *said);

#endif
