/* shunt: routing rules in Lua decide where each access to a model or relation goes, and this library carries it out.
 *
 * What a host program needs is in this one header. A host opens an application once, opens a session for each unit
 * of work, and asks the session:
 *
 *     shunt_app *app; shunt_session *session; shunt_rows *rows; shunt_error err;
 *     if (shunt_open("shunt.yaml", NULL, &app, &err)) die(err.message);
 *     if (shunt_session_open(app, &(shunt_session_options){.instance = "acme"}, &session, &err)) die(err.message);
 *     shunt_where is_7 = {.op = SHUNT_EQ, .column = "id", .values = (shunt_value[]){shunt_integer(7)}, .nvalues = 1};
 *     if (shunt_select(session, "user", &(shunt_query){.where = &is_7}, &rows, &err)) die(err.message);
 *     ...
 *     shunt_rows_free(rows); shunt_session_close(session); shunt_close(app);
 *
 * Ownership: what a function hands out through a pointer to a pointer belongs to the caller, who ends it with the
 * function of the same name that says _free or _close (both accept NULL). What goes in is borrowed for the call alone.
 * Threads: an app may be used by any number of threads; a session and what came from it by one thread at a time.
 * Errors: every function that can fail returns a status, SHUNT_OK being 0, and fills *err when it is not. The err may
 * be NULL. On failure nothing is handed out. The library never prints, never exits and installs no signal handler.
 * Text is UTF-8 and ends in a NUL that its size does not count. */
#ifndef SHUNT_H
#define SHUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SHUNT_VERSION "0.1.0"

#if defined(__GNUC__)
#define SHUNT_API __attribute__((visibility("default")))
#define SHUNT_MUST_USE __attribute__((warn_unused_result))
#else
#define SHUNT_API
#define SHUNT_MUST_USE
#endif

/* ---- errors ---- */

#define SHUNT_STATUS_MAP(X)                                                                                            \
  X(CONFIG, "the configuration does not hold together")                                                                \
  X(RULE, "a rule failed")                                                                                             \
  X(LIMIT, "a rule went over its instructions, memory or time")                                                        \
  X(DENIED, "a guard rule refused")                                                                                    \
  X(NOT_FOUND, "a name that nothing is known by")                                                                      \
  X(USAGE, "the call makes no sense as it stands")                                                                     \
  X(DATASOURCE, "a datasource failed")                                                                                 \
  X(TIMEOUT, "it took too long")                                                                                       \
  X(CONSTRAINT, "a constraint of the database was violated")                                                           \
  X(TRANSACTION, "the transaction can't do that")                                                                      \
  X(CONFLICT, "two units of work stand in each other's way")                                                           \
  X(MEMORY, "out of memory")                                                                                           \
  X(INTERNAL, "a mistake inside shunt")

typedef enum shunt_status {
  SHUNT_OK = 0,
#define SHUNT_STATUS_ENUM(name, text) SHUNT_E_##name,
  SHUNT_STATUS_MAP(SHUNT_STATUS_ENUM)
#undef SHUNT_STATUS_ENUM
} shunt_status;

/* Of fixed size, so that reporting an error never fails. Owned by the caller; need not be initialised. Filled only
 * when a function does not return SHUNT_OK. Strings that would not fit are cut. */
typedef struct shunt_error {
  shunt_status status;
  int line;             /* of file, from 1; 0 where it does not apply */
  int column;           /* from 1; 0 where it is not known */
  int engine_code;      /* the engine's own code (SQLite's extended result code, MySQL's errno), else 0 */
  bool committed;       /* the transaction that ended was committed all the same: only hooks failed */
  char sqlstate[6];     /* "" where the engine has none */
  char client[64];      /* the datasource it happened on, else "" */
  char file[256];       /* a configuration or rule file, else "" */
  char rule[128];       /* the rule that failed or refused, else "" */
  char message[1024];   /* what is wrong and what to do */
  char traceback[1024]; /* of the rule's Lua code, else "" */
} shunt_error;

/* "SHUNT_E_CONFIG" and so on; "SHUNT_OK" for 0. Static. */
SHUNT_API const char *shunt_status_name(shunt_status status);

/* Replaces malloc for everything shunt and its rule states allocate: the shape is lua_Alloc's, old_bytes being 0
 * where it is not known. Call it before anything else, from one thread. NULL brings malloc back. */
typedef void *(*shunt_alloc_fn)(void *ud, void *block, size_t old_bytes, size_t new_bytes);
SHUNT_API void shunt_set_allocator(shunt_alloc_fn alloc, void *ud);

/* Frees text that shunt handed out. */
SHUNT_API void shunt_free(void *block);

/* ---- values ---- */

typedef enum shunt_type { SHUNT_NULL, SHUNT_BOOL, SHUNT_INTEGER, SHUNT_FLOAT, SHUNT_TEXT, SHUNT_BLOB } shunt_type;

/* A value borrows its bytes: a parameter from the caller, a cell from the rows it stands in. */
typedef struct shunt_value {
  union {
    bool boolean;
    int64_t integer;
    double number;
    const char *bytes; /* of text and blobs; text ends in a NUL, and may hold others */
  } as;
  uint32_t size; /* of text and blobs, in bytes */
  uint8_t type;  /* a shunt_type */
} shunt_value;

static inline shunt_value shunt_null(void) {
  shunt_value v = {{.integer = 0}, 0, SHUNT_NULL};
  return v;
}
static inline shunt_value shunt_boolean(bool b) {
  shunt_value v = {{.integer = 0}, 0, SHUNT_BOOL};
  v.as.boolean = b;
  return v;
}
static inline shunt_value shunt_integer(int64_t i) {
  shunt_value v = {{.integer = i}, 0, SHUNT_INTEGER};
  return v;
}
static inline shunt_value shunt_float(double d) {
  shunt_value v = {{.number = d}, 0, SHUNT_FLOAT};
  return v;
}
static inline shunt_value shunt_text(const char *bytes, size_t size) {
  shunt_value v = {{.bytes = bytes}, (uint32_t)size, SHUNT_TEXT};
  return v;
}
static inline shunt_value shunt_blob(const void *bytes, size_t size) {
  shunt_value v = {{.bytes = (const char *)bytes}, (uint32_t)size, SHUNT_BLOB};
  return v;
}

/* A named value: a column of a row, an attribute of a session. */
typedef struct shunt_field {
  const char *name;
  shunt_value value;
} shunt_field;

/* ---- applications ---- */

typedef struct shunt_app shunt_app;
typedef struct shunt_session shunt_session;
typedef struct shunt_rows shunt_rows;
typedef struct shunt_tx shunt_tx;
typedef struct shunt_decision shunt_decision;

/* What an audit (`rules.audit`) found: the rules say something else than was remembered of them. Both have a trace. */
typedef struct shunt_difference {
  const shunt_decision *remembered, *asked;
  shunt_status status;    /* of asking: OK, DENIED, or an error */
  const shunt_error *err; /* where it is not OK */
} shunt_difference;

typedef struct shunt_options {
  const char *env; /* NULL: SHUNT_ENV, else "dev" */
  /* Called for every mistake found, in the order of their places, before shunt_open returns. May be NULL. */
  void (*problem)(void *ud, const shunt_error *problem);
  void *ud;
  /* Called when an audit finds a difference, for as long as the app is open; shunt_reload looks at neither. By whatever
   * thread found it, in the middle of a call of its session: it must not call into the library. What it is told of
   * holds for that call. May be NULL. */
  void (*difference)(void *ud, const shunt_difference *difference);
  void *difference_ud;
  /* With `watch: true` in the app config: called after each reload that a change led to, on the watch's own thread, for
   * as long as the app is open. failure is NULL where there is a new generation, else why everything stays as it is. It
   * may use the app, but not close it. shunt_reload does not look at it. May be NULL. */
  void (*reloaded)(void *ud, const shunt_error *failure);
  void *reloaded_ud;
} shunt_options;

/* Reads the app config at path, its overlay and its rules; connects to nothing. Where it fails, err holds the first
 * mistake and options->problem was given each. Errors: CONFIG, RULE, LIMIT, NOT_FOUND, MEMORY. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_open(const char *path, const shunt_options *options, shunt_app **app,
                                                 shunt_error *err);
/* Every session must be closed before. */
SHUNT_API void shunt_close(shunt_app *app);

/* Reads everything again, as shunt_open did, and where all of it is right makes it the newest generation in one step:
 * sessions opened from then on are in it, and so are those that follow, at their next call; the others end in the one
 * that they are in. Pools of clients whose settings are what they were live on, with their connections; those that went
 * are drained. Where it fails nothing has changed, and err and options->problem say why; of the options no other is
 * looked at. Any thread, while others work. Errors: those of shunt_open. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_reload(shunt_app *app, const shunt_options *options, shunt_error *err);
/* With `watch: true` in the app config, changes to it and to the rules are reloaded by themselves, on a thread of the
 * app's own. This is what came of the last time, OK where there was none; options->reloaded is told, too. Any thread;
 * one that is under way is waited for. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_watched(shunt_app *app, shunt_error *err);
/* The number of the newest generation, from 1. Any thread. */
SHUNT_API uint64_t shunt_generation(const shunt_app *app);

/* The catalog (clients, instances, models, relations, rules with how often each was asked and decided) as one JSON
 * object; the manual gives its fields. End it with shunt_free. Secrets are "********". */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_describe(shunt_app *app, char **json, shunt_error *err);
/* The merged configuration as YAML. End it with shunt_free. Secrets are ********. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_config(shunt_app *app, char **yaml, shunt_error *err);

/* ---- connection pools ---- */

/* The connections of a client at a level. What is counted is counted since shunt_open. */
typedef struct shunt_pool_stats {
  const char *client; /* the app's */
  int level;
  int open;          /* connections there are, busy or idle, and those being opened */
  int busy;          /* those of them that are not idle */
  int waiting;       /* callers in the queue */
  int max;           /* what open never exceeds */
  int64_t acquired;  /* how often a caller got one */
  int64_t opened;    /* connections made */
  int64_t closed;    /* for being broken, idle for too long, past their lifetime */
  int64_t failed;    /* attempts to connect that failed */
  int64_t timeouts;  /* callers that none came free for in time */
  int64_t waited_ns; /* all the time that callers have waited in the queue */
  bool circuit_open; /* of the client, so the same at all its levels: it is taken to be down */
  int64_t retry_ms;  /* until the next attempt to connect to it; 0 also where one is under way */
} shunt_pool_stats;

/* Tells each of every client's level 0 and of its other levels that were used, one at a time: no moment is the same for
 * all. stats holds for that call of each alone, which may call into the library. Any thread. */
SHUNT_API void shunt_pools(shunt_app *app, void (*each)(void *ud, const shunt_pool_stats *stats), void *ud);

/* Somebody who waits right now: for a connection, for a file's lock, or for a job's end. */
typedef struct shunt_wait {
  const char *waiter; /* "session 3 (instance 'acme')", "job 'mail' 42" */
  const char *client; /* whose connections at this level are busy, or who can't write to its file; NULL: a job */
  int level;
  const char *file;           /* that is locked; NULL: it waits for no lock */
  const char *job;            /* "job 'mail' 42"; NULL: it waits for no job */
  const char *const *holders; /* who holds the connections, has locked the file or runs the job, where that is known */
  size_t nholders;
  int64_t waited_ns; /* until now; for a job since it was last looked at */
} shunt_wait;

/* Tells each of all who wait in this process, whatever app they belong to, who has waited for longest first. A wait
 * that can never end does not stand here: it is SHUNT_E_CONFLICT when it begins. wait holds for that call of each
 * alone, which may call into the library. Any thread. Errors: MEMORY, and none is told. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_waits(void (*each)(void *ud, const shunt_wait *wait), void *ud,
                                                  shunt_error *err);

/* ---- statistics ---- */

/* What the ways to remembered decisions look at, one after the other. */
#define SHUNT_NODE_MAP(X)                                                                                              \
  X(FIELDS, "fields") /* several, where all requests so far had the same values */                                     \
  X(MODEL, "model")                                                                                                    \
  X(RELATION, "relation")                                                                                              \
  X(INSTANCE, "instance") /* those that conditions tell apart */                                                       \
  X(OP, "op")                                                                                                          \
  X(EXPLICIT, "explicit")                                                                                              \
  X(RELATION_CLIENT, "relation_client")                                                                                \
  X(PARENT, "parent")                                                                                                  \
  X(CURRENT, "current")                                                                                                \
  X(ATTRS, "attrs")                                                                                                    \
  X(FLAG, "flag")           /* in_transaction, instance.isolate */                                                     \
  X(PREDICATE, "predicate") /* one_of, prefix */                                                                       \
  X(PICK, "pick")           /* what is drawn */                                                                        \
  X(OTHER, "other")         /* where, mod, bucket, level and what instances have */

typedef enum shunt_node {
#define SHUNT_NODE_ENUM(name, text) SHUNT_NODE_##name,
  SHUNT_NODE_MAP(SHUNT_NODE_ENUM)
#undef SHUNT_NODE_ENUM
      SHUNT_NNODES
} shunt_node;

/* The words of SHUNT_NODE_MAP. Static. */
SHUNT_API const char *shunt_node_text(shunt_node node);

/* Of the newest generation, counted since it was loaded. */
typedef struct shunt_stats {
  uint64_t generation;
  bool remembers;             /* false with `rules.remember: 0`, and after a difference */
  uint64_t hits;              /* requests answered by what was remembered */
  uint64_t misses;            /* those that the rules were asked for, of the kind that can be remembered */
  size_t entries;             /* combinations of values that are remembered */
  size_t decisions;           /* what they come to, each counted once */
  size_t nodes[SHUNT_NNODES]; /* made for them, by what they look at */
  size_t bytes;               /* of all that */
  uint64_t refused_entries;   /* not remembered, since there were as many as `rules.remember` already */
  uint64_t refused_children;  /* not remembered, since one field had too many values at that place */
  uint64_t audits;            /* hits that the rules were asked about all the same */
  uint64_t differences;       /* audits that found one */
  size_t states;              /* rule states, of which a thread that asks has one */
} shunt_stats;

/* Of one rule. What was remembered counts as if it had been asked. */
typedef struct shunt_rule_stats {
  const char *name, *stage, *source; /* for the call alone */
  uint64_t asked;                    /* its conditions held; and what came of it: */
  uint64_t selected;                 /* it named or changed the client, table or level */
  uint64_t passed;                   /* it had no opinion, or allowed */
  uint64_t denied, failed;
  uint64_t timed;    /* how often its time was taken: not each time, for that would cost more than many a rule */
  uint64_t timed_ns; /* and what these times come to */
} shunt_rule_stats;

/* Fills *stats, which may be NULL, and tells each rule of the same generation, in load order, where each is not NULL.
 * Any thread, while others ask. Errors: MEMORY. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_statistics(shunt_app *app, shunt_stats *stats,
                                                       void (*each)(void *ud, const shunt_rule_stats *rule), void *ud,
                                                       shunt_error *err);
/* The last difference that an audit found, in any generation, as lines of text: what was remembered, what the rules
 * said, and the way to both. NULL where there was none. End it with shunt_free. Any thread. Errors: MEMORY. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_last_difference(shunt_app *app, char **text, shunt_error *err);

/* ---- handles ---- */

/* A name that is asked for often, looked up once: where a request or a session takes one it stands for the name, and
 * costs no look-up. It is good for every generation that has the name; 0 stands for none. Nothing is to be freed. */
typedef uint32_t shunt_handle;

typedef enum shunt_handle_kind {
  SHUNT_HANDLE_MODEL,
  SHUNT_HANDLE_RELATION, /* "user.orders" */
  SHUNT_HANDLE_INSTANCE,
  SHUNT_HANDLE_CLIENT
} shunt_handle_kind;

/* Any thread. An application has at most 4,096. Errors: NOT_FOUND, in the newest generation; USAGE; MEMORY. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_handle_of(shunt_app *app, shunt_handle_kind kind, const char *name,
                                                      shunt_handle *handle, shunt_error *err);

/* ---- sessions ---- */

typedef struct shunt_session_options {
  const char *instance;         /* NULL or "": the default instance */
  shunt_handle instance_handle; /* in place of the name */
  bool follow;              /* after a reload, move to the newest generation at the next call outside of transactions;
                             * else the session ends in the one that it began in */
  int level;                /* 0 in the foreground; work started by level n runs at n + 1. database.maxLevel at most */
  int64_t timeout_ms;       /* of each call of the session; 0: none */
  const shunt_field *attrs; /* what rules see as req.attrs: text, numbers, booleans */
  size_t nattrs;
} shunt_session_options;

SHUNT_API SHUNT_MUST_USE shunt_status shunt_session_open(shunt_app *app, const shunt_session_options *options,
                                                         shunt_session **session, shunt_error *err);
/* Rolls back what is open, and runs the hooks of that, whose failures nobody is told. */
SHUNT_API void shunt_session_close(shunt_session *session);
/* How long each later call may take: waiting for a connection, connecting and its statements, all together. What has
 * not ended by then is cancelled on the server, and the call gives SHUNT_E_TIMEOUT. 0: as long as it takes. Errors:
 * USAGE. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_session_timeout(shunt_session *session, int64_t timeout_ms,
                                                            shunt_error *err);

/* Switches the session's current datasource until the matching shunt_switch_pop. NULL: to none, as it was at first. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_switch_push(shunt_session *session, const char *client, shunt_error *err);
SHUNT_API void shunt_switch_pop(shunt_session *session);

/* One level up until the matching shunt_level_pop: the session's work then has pools of its own, and never waits for a
 * connection that it holds below. Its transactions below are not in force meanwhile, but for those on SQLite, which has
 * no levels. With database.maxLevel 0 there are none, and nothing changes. Errors: TRANSACTION past database.maxLevel.
 */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_level_push(shunt_session *session, shunt_error *err);
SHUNT_API void shunt_level_pop(shunt_session *session);
/* The one it is at now. */
SHUNT_API int shunt_session_level(const shunt_session *session);

/* ---- decisions ---- */

typedef enum shunt_op { SHUNT_READ, SHUNT_WRITE } shunt_op;

typedef struct shunt_request {
  const char *model;           /* may be NULL where relation is given: the relation's target */
  const char *relation;        /* "user.orders", or NULL */
  const char *explicit_client; /* the client asked for in this call */
  const char *explicit_table;
  /* in place of the names */
  shunt_handle model_handle, relation_handle, explicit_client_handle, parent_handle, current_handle;
  const char *relation_client; /* a client, "_inherit_", "_initial_", "_auto_"; NULL: the relation's own */
  const char *parent;          /* the parent's datasource; NULL: what the parent model itself resolves to */
  const char *current;         /* NULL: the session's */
  shunt_op op;
  int level_up;             /* added to the session's level; 0 where there are no levels */
  const shunt_field *where; /* the columns compared for equality, with their values */
  size_t nwhere;
  bool every_rule; /* trace also the rules whose conditions did not hold */
} shunt_request;

#define SHUNT_VERDICT_MAP(X)                                                                                           \
  X(SKIPPED, "conditions not met")                                                                                     \
  X(WHEN, "when said no")                                                                                              \
  X(PASSED, "no opinion")                                                                                              \
  X(CHOSE, "chose")                                                                                                    \
  X(CHANGED, "changed")                                                                                                \
  X(ALLOWED, "allowed")                                                                                                \
  X(REFUSED, "denied")                                                                                                 \
  X(PINNED, "pinned to")

typedef enum shunt_verdict {
#define SHUNT_VERDICT_ENUM(name, text) SHUNT_VERDICT_##name,
  SHUNT_VERDICT_MAP(SHUNT_VERDICT_ENUM)
#undef SHUNT_VERDICT_ENUM
} shunt_verdict;

/* The words of SHUNT_VERDICT_MAP. Static. */
SHUNT_API const char *shunt_verdict_text(shunt_verdict verdict);

typedef struct shunt_trace {
  const char *stage;
  const char *rule;
  const char *source; /* "rules/residency.lua:3" */
  shunt_verdict verdict;
  const char *detail; /* CHOSE, CHANGED, PINNED: what; REFUSED: why; SKIPPED: the condition that did not hold; else
                       * NULL */
} shunt_trace;

struct shunt_decision {
  const char *model;
  const char *relation; /* or NULL */
  const char *client;   /* NULL where denied */
  const char *engine;   /* "sqlite3", "pg", "mysql"; NULL where denied */
  int level;
  const char *table;
  shunt_op op;
  const char *role;   /* "primary" or "replica" */
  const char *rule;   /* the rule that chose the client, or that denied */
  const char *source; /* where that rule stands */
  uint64_t generation;
  const char *denied;         /* why, or NULL */
  const char *uncacheable;    /* why, or NULL */
  bool remembered;            /* no rule was asked: the same was asked before, as far as it matters */
  const char *not_remembered; /* why it won't be the next time either, or NULL */
  const char *pinned_by;      /* "transaction": one in force there, whose connection is used; else "job" in a job's
                               * session; else NULL. The trace's last step says so too */
  size_t ndepends_on;
  const char *const *depends_on; /* the fields that were read on the way, in the order of their first reading */
  size_t ntrace;
  const shunt_trace *trace;
};

/* Takes the decision. *decision belongs to the session and holds until its next call; it is also set when the status
 * is SHUNT_E_DENIED. Errors: DENIED, NOT_FOUND, RULE, LIMIT, USAGE, MEMORY. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_resolve(shunt_session *session, const shunt_request *request,
                                                    const shunt_decision **decision, shunt_error *err);

/* ---- queries ---- */

typedef enum shunt_operator {
  SHUNT_EQ, /* with a null: IS NULL */
  SHUNT_NE, /* with a null: IS NOT NULL */
  SHUNT_GT,
  SHUNT_GTE,
  SHUNT_LT,
  SHUNT_LTE,
  SHUNT_LIKE,
  SHUNT_BETWEEN, /* two values */
  SHUNT_IN,      /* any number; none matches nothing */
  SHUNT_NOT_IN,  /* any number; none matches everything */
  SHUNT_AND,     /* of items; none is true */
  SHUNT_OR,      /* of items; none is false */
  SHUNT_NOT      /* of the one item */
} shunt_operator;

/* A condition: a comparison of a column with values, or a combination of conditions. */
typedef struct shunt_where {
  shunt_operator op;
  const char *column;
  const shunt_value *values;
  size_t nvalues;
  const struct shunt_where *items;
  size_t nitems;
} shunt_where;

typedef enum shunt_kind { SHUNT_HAS_ONE, SHUNT_BELONGS_TO, SHUNT_HAS_MANY, SHUNT_BELONGS_TO_MANY } shunt_kind;

/* A relation between two models. */
typedef struct shunt_relation {
  const char *name;
  shunt_kind kind;
  const char *target; /* a model */
  const char
      *foreign_key;    /* has_*: in the target; belongs_to: in the source; belongs_to_many: in through, to the source */
  const char *through; /* belongs_to_many: a model */
  const char *through_key;    /* belongs_to_many: in through, to the target */
  const char *key;            /* the column that foreign_key refers to; NULL: the primary key */
  const char *client;         /* NULL: "_auto_" */
  const char *through_client; /* NULL: "_auto_" */
  const char *table;          /* NULL: the target's */
  const char *const *columns; /* none: all */
  size_t ncolumns;
  const shunt_where *where;
  const char *const *order; /* "name", "-id" */
  size_t norder;
  bool limited;
  int64_t limit; /* per parent row; counts where limited */
  bool autoload;
} shunt_relation;

typedef struct shunt_include shunt_include;

/* What to read, and how. Zeroed, it asks for every row and column. */
typedef struct shunt_query {
  const char *const *columns; /* none: all */
  size_t ncolumns;
  const shunt_where *where;
  const char *const *order; /* "name" ascending, "-id" descending */
  size_t norder;
  bool limited;  /* whether limit counts */
  int64_t limit; /* in an include: per parent row */
  int64_t offset;
  const char *client; /* asked for explicitly */
  const char *table;
  int64_t timeout_ms; /* of the whole call, so not in an include; 0: the session's */
  const shunt_include *include;
  size_t ninclude;
} shunt_query;

struct shunt_include {
  const char *relation;       /* the relation's name in its model; the name that the rows get */
  const shunt_relation *with; /* a relation made on the spot, or NULL: the model's of that name */
  bool off;                   /* leave out a relation that loads itself */
  shunt_query query;          /* where, order, limit and columns narrow or replace the relation's own */
};

typedef enum shunt_function { SHUNT_COUNT, SHUNT_SUM, SHUNT_AVG, SHUNT_MIN, SHUNT_MAX } shunt_function;

typedef struct shunt_aggregation {
  shunt_function function;
  const char *column; /* NULL with SHUNT_COUNT: of rows */
} shunt_aggregation;

/* Reads. A query may be NULL. Errors: NOT_FOUND, USAGE, DENIED, RULE, LIMIT, DATASOURCE, TIMEOUT, CONFLICT, MEMORY. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_select(shunt_session *session, const char *model, const shunt_query *query,
                                                   shunt_rows **rows, shunt_error *err);
/* The rows with these primary keys, in the order of ids; one that is not there is left out. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_mget(shunt_session *session, const char *model, const shunt_value *ids,
                                                 size_t nids, const shunt_query *query, shunt_rows **rows,
                                                 shunt_error *err);
SHUNT_API SHUNT_MUST_USE shunt_status shunt_count(shunt_session *session, const char *model, const shunt_query *query,
                                                  int64_t *count, shunt_error *err);
/* One row per group (one in all without group): the columns of group, then "count", "sum_total", "max_id" and so on. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_aggregate(shunt_session *session, const char *model,
                                                      const shunt_aggregation *aggregations, size_t naggregations,
                                                      const char *const *group, size_t ngroup, const shunt_query *query,
                                                      shunt_rows **rows, shunt_error *err);

/* ---- writes ---- */

typedef struct shunt_related shunt_related;

/* A row to write, with the rows of its relations. */
typedef struct shunt_record {
  const shunt_field *fields;
  size_t nfields;
  bool deleted; /* in a related row: delete it, or unlink it */
  const shunt_related *related;
  size_t nrelated;
} shunt_record;

struct shunt_related {
  const char *relation;
  const shunt_record *records;
  size_t nrecords;
};

typedef struct shunt_write {
  const shunt_where *where; /* update, delete */
  bool all;                 /* an update or delete without where is meant */
  const char *client;
  const char *table;
  int64_t timeout_ms;           /* of the whole call; 0: the session's */
  const shunt_include *include; /* the relations that are written along */
  size_t ninclude;
} shunt_write;

/* Writes. options may be NULL. A write that fails changes nothing on the datasource it failed on; a nested one runs in
 * a transaction per datasource. Errors as for reads, and CONSTRAINT, TRANSACTION. */
/* *rows is the row as the database has it now, with generated keys and, under include, the related rows. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_insert(shunt_session *session, const char *model,
                                                   const shunt_record *record, const shunt_write *options,
                                                   shunt_rows **rows, shunt_error *err);
SHUNT_API SHUNT_MUST_USE shunt_status shunt_insert_bulk(shunt_session *session, const char *model,
                                                        const shunt_record *records, size_t nrecords,
                                                        const shunt_write *options, int64_t *inserted,
                                                        shunt_error *err);
/* Without options->where the record's primary key says which row. *affected counts rows of the model itself. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_update(shunt_session *session, const char *model,
                                                   const shunt_record *record, const shunt_write *options,
                                                   int64_t *affected, shunt_error *err);
SHUNT_API SHUNT_MUST_USE shunt_status shunt_delete(shunt_session *session, const char *model,
                                                   const shunt_write *options, int64_t *affected, shunt_error *err);

/* ---- SQL ---- */

/* One statement with ? parameters, on a client. rows and affected may be NULL. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_sql(shunt_session *session, const char *client, const char *sql,
                                                const shunt_value *params, size_t nparams, shunt_rows **rows,
                                                int64_t *affected, shunt_error *err);
/* The columns of a table, as rows of name, type, nullable, key; NOT_FOUND where there is no such table. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_table_columns(shunt_session *session, const char *client, const char *table,
                                                          shunt_rows **rows, shunt_error *err);

typedef struct shunt_statement {
  const char *client;
  int level;
  const char *sql;
  const shunt_value *params;
  size_t nparams;
  size_t nrows;     /* read */
  int64_t affected; /* written */
  int64_t duration_ns;
  shunt_status status;
} shunt_statement;

/* fn is told of each statement of the session after it ran; NULL ends that. It must not call into the session. */
SHUNT_API void shunt_observe(shunt_session *session, void (*fn)(void *ud, const shunt_statement *statement), void *ud);

/* ---- transactions ---- */

/* A transaction is on one client at one level, and one at most is in force there: open, and not kept from it by a
 * NOT_SUPPORTED or REQUIRES_NEW inside. Accesses that go to its client and level run on its connection. */
typedef struct shunt_tx_options {
  const char *client;      /* NULL: the session's current datasource, else its default */
  const char *propagation; /* what becomes of one in force there; NULL: "REQUIRED".
                            *   REQUIRED       joins it, or begins one
                            *   SUPPORTS       joins it, or runs without
                            *   MANDATORY      joins it, or is refused
                            *   NEVER          is refused, or runs without
                            *   NESTED         is a savepoint in it, or begins one
                            *   REQUIRES_NEW   goes one level up and begins one of its own
                            *   NOT_SUPPORTED  goes one level up and runs without
                            * The last two keep it from being in force until their end where there are no levels
                            * (SQLite, database.maxLevel 0). REQUIRES_NEW is refused where the database has one writer,
                            * who waits (SQLite), unless either only reads */
  const char *isolation;   /* NULL: the engine's own; "serializable" and weaker ones are what SQLite always gives */
  bool read_only;
  const char *spanning; /* NULL or "run": accesses that go elsewhere run outside of it. "error": they are refused, while
                         * it is in force, unless a transaction is in force where they go */
} shunt_tx_options;

/* What can't be had as asked for (to join one of another isolation, one that writes with read_only, or the other way
 * round) is SHUNT_E_TRANSACTION. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_begin(shunt_session *session, const shunt_tx_options *options,
                                                  shunt_tx **tx, shunt_error *err);
/* Both ways out free tx, whatever they return. One that joined leaves the decision to the one it joined: its rollback
 * makes that one's commit fail with SHUNT_E_TRANSACTION, unless a savepoint around both is rolled back. Where the
 * transaction ended as it was to, and hooks failed, both return SHUNT_E_TRANSACTION, which tells of all of these;
 * err->committed is what became of it. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_commit(shunt_tx *tx, shunt_error *err);
SHUNT_API shunt_status shunt_rollback(shunt_tx *tx, shunt_error *err);
/* Whether it began a transaction of its own, so that whoever began it may begin all of it anew. */
SHUNT_API bool shunt_tx_began(const shunt_tx *tx);

/* What is done once, after a transaction has ended. In the middle of no call, so that it may use the session, but not
 * close it; for its time the session has the current datasource and the level that it had when the hook was added, and
 * what the transaction kept from being in force stays so. On failure it fills *err, which is never NULL, and returns
 * its status. */
typedef shunt_status (*shunt_hook)(void *ud, shunt_error *err);

/* A hook of the innermost transaction in force. Hooks run in the order in which they were added, after the
 * transaction's own end, not that of a savepoint or of one that joined; that one fails keeps no other from running, and
 * changes nothing of what was committed. What is added inside a savepoint that is rolled back is not run on commit;
 * on_rollback hooks of it run whatever becomes of the rest. Without a transaction on_commit runs at once, and its
 * failure is returned; on_rollback never runs. drop, which may be NULL, is told once that ud is not needed any more,
 * also where this fails. Errors: USAGE, MEMORY. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_on_commit(shunt_session *session, shunt_hook fn, void *ud,
                                                      void (*drop)(void *ud), shunt_error *err);
SHUNT_API SHUNT_MUST_USE shunt_status shunt_on_rollback(shunt_session *session, shunt_hook fn, void *ud,
                                                        void (*drop)(void *ud), shunt_error *err);
/* Once no transaction of the session is open any more, none of those open since having been rolled back. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_on_all_commit(shunt_session *session, shunt_hook fn, void *ud,
                                                          void (*drop)(void *ud), shunt_error *err);

/* ---- jobs ---- */

/* Work that a worker does later, on this host or another: a row of the queue's datasource (`jobs.client` in the app
 * config, else a SQLite file jobs.db beside it). It runs in a session like the one that pushed it: the same instance,
 * attributes and current datasource, one level up, in whatever generation is then the newest.
 *
 * A job is ready, running, done or dead. One that fails is ready again after a time that doubles with each failure, and
 * dead once it has failed more often than `retry`. Each that runs has a lease, which its worker renews; where that runs
 * out, the worker being gone, it is ready again. So a job takes effect at least once; and exactly once where it is
 * completed in a transaction on the queue's own datasource that holds its effect, too. */

typedef struct shunt_push_options {
  const char *queue;      /* NULL: "default" */
  int64_t delay_ms;       /* before it is ready */
  int priority;           /* lower first */
  const char *unique_key; /* while one of the queue with it is ready or runs, no other is pushed: *id is that one's */
  int retry;              /* how often it is tried again after failures; negative: 3. Without options it is 3, too */
  int64_t backoff_ms;     /* after the first failure, doubled with each; 0: 1 s */
  int64_t timeout_ms;     /* of the handler; 0: none */
  int concurrency;        /* jobs of this name that run at once, in the whole queue database; 0: any number */
} shunt_push_options;

/* Pushes a job; data_json is any JSON, NULL for null. In a transaction that is open on the queue's datasource it
 * commits with that; in one elsewhere it is sent after the commit (*id is 0 then), and dropped by a rollback. id may be
 * NULL. Errors: USAGE, DATASOURCE, TIMEOUT, MEMORY. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_push(shunt_session *session, const char *job, const char *data_json,
                                                 const shunt_push_options *options, int64_t *id, shunt_error *err);
/* The same, and waits for what it comes to: *result_json, to be ended with shunt_free, is what the handler gave. It is
 * sent at once, so that it is CONFLICT where no worker could see it before the wait ends: in a transaction on the
 * queue's own datasource. The failure of a job that is dead comes back with its code. timeout_ms: of the wait; 0: the
 * session's. What it waits for goes on after a TIMEOUT, and nobody hears of it. Errors also: NOT_FOUND, where somebody
 * purged it. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_push_wait(shunt_session *session, const char *job, const char *data_json,
                                                      const shunt_push_options *options, int64_t timeout_ms,
                                                      char **result_json, shunt_error *err);

typedef struct shunt_worker shunt_worker;
typedef struct shunt_job shunt_job;

typedef struct shunt_worker_options {
  const char *const *queues; /* it takes jobs of these; none: of all */
  size_t nqueues;
  const char *const *jobs; /* the names of those that it can run; none: all */
  size_t njobs;
  int64_t lease_ms; /* at most 24 h; 0: the app config's jobs.lease */
} shunt_worker_options;

typedef struct shunt_job_info {
  int64_t id;
  const char *name, *queue;
  const char *data;   /* JSON */
  int attempt;        /* from 1 */
  int64_t timeout_ms; /* of the handler; 0: none */
} shunt_job_info;

/* One that has a thread of its own, which renews the leases of what runs. The app outlives it. Any number of threads
 * may ask it for jobs. Errors: USAGE, DATASOURCE, TIMEOUT, MEMORY. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_worker_open(shunt_app *app, const shunt_worker_options *options,
                                                        shunt_worker **worker, shunt_error *err);
/* Claims the next job and opens its session; waits at most wait_ms for one to be ready. *job is NULL, with SHUNT_OK,
 * where none was or the worker is stopping. What can't be opened (an instance that is gone) has failed, and the next is
 * taken. Any thread. Errors: DATASOURCE, TIMEOUT, MEMORY; it may be called again. CONFIG: a reload has moved the queue;
 * the worker stays with the one that it began with, and runs nothing more. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_worker_next(shunt_worker *worker, int64_t wait_ms, shunt_job **job,
                                                        shunt_error *err);
/* Nothing more is claimed; whoever waits in shunt_worker_next gets NULL. What runs goes on. Any thread. */
SHUNT_API void shunt_worker_stop(shunt_worker *worker);
/* Stops it, and has what runs end sooner: a job that waits for another one gets TIMEOUT. Any thread. */
SHUNT_API void shunt_worker_break_off(shunt_worker *worker);
/* Every job of it must be freed before, and no thread be in shunt_worker_next. Accepts NULL. */
SHUNT_API void shunt_worker_close(shunt_worker *worker);

/* A job is used by one thread at a time. What it tells lives as long as the job. */
SHUNT_API const shunt_job_info *shunt_job_of(const shunt_job *job);
/* The session that it runs in; the job's own. */
SHUNT_API shunt_session *shunt_job_session(shunt_job *job);
/* To be called first in a transaction with an isolation of its own on the queue's datasource, if the job is to be
 * completed in it: a server that shows it what was would else refuse that, once the lease has been renewed meanwhile.
 * Does nothing where that is not so. CONFLICT: as for shunt_job_complete. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_job_hold(shunt_job *job, shunt_error *err);
/* Done, with what it came to (any JSON; NULL: null): a statement of the job's session, so that in a transaction open on
 * the queue's datasource it commits with that. In one elsewhere it runs once all of the session's are committed, and
 * its failure is that of a hook. CONFLICT: its lease has run out and another worker has it, so what this one did is to
 * be rolled back. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_job_complete(shunt_job *job, const char *result_json, shunt_error *err);
/* Failed: ready again later, or dead. What is open in its session is rolled back. One that is waited for is dead at
 * once after a CONFLICT that the graph of waits told of, for it would be one again. CONFLICT: as above. Where it can't
 * be told, the job runs again once its lease is out, and counts as lost. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_job_failed(shunt_job *job, const shunt_error *why, shunt_error *err);
/* Whether that is so for good: not while a transaction that it was completed in, or after, is open, nor once that was
 * rolled back. */
SHUNT_API bool shunt_job_ended(const shunt_job *job);
/* Ends its session, and what is open in it. One that was neither completed nor failed, or whose completion was rolled
 * back, is ready again at once. Accepts NULL. */
SHUNT_API void shunt_job_free(shunt_job *job);

/* Of queues and states, NULL means all. rows: id, queue, name, state, priority, run_at, attempts, retry, unique_key,
 * data, worker, error, created_at, finished_at; times are in ms since 1970, or null. The newest first; limit 0: all. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_jobs_list(shunt_session *session, const char *queue, const char *state,
                                                      int64_t limit, shunt_rows **rows, shunt_error *err);
/* Makes a dead job, or with id 0 all of the queue, ready again as if it had never failed. *n counts them; it and queue
 * may be NULL. NOT_FOUND: the one with this id is not dead. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_jobs_retry(shunt_session *session, int64_t id, const char *queue,
                                                       int64_t *n, shunt_error *err);
/* Deletes those that are done or dead (state; NULL: both) and have been so for older_ms. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_jobs_purge(shunt_session *session, const char *queue, const char *state,
                                                       int64_t older_ms, int64_t *n, shunt_error *err);
/* For schedules: *mine is true for one alone of all who ask for a job and a minute (in ms since 1970), once no later
 * minute of it was asked for; that one pushes it. In a transaction with the push on the queue's datasource, no minute
 * is lost either. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_schedule_due(shunt_session *session, const char *job, int64_t minute_ms,
                                                         bool *mine, shunt_error *err);

/* ---- rows ---- */

/* Rows own their bytes and stay as they are until they are freed. Related rows belong to the rows they hang on. */
SHUNT_API void shunt_rows_free(shunt_rows *rows);
SHUNT_API size_t shunt_rows_count(const shunt_rows *rows);
SHUNT_API size_t shunt_rows_ncolumns(const shunt_rows *rows);
SHUNT_API const char *shunt_rows_column(const shunt_rows *rows, size_t column);
/* The cells of a row, shunt_rows_ncolumns of them. */
SHUNT_API const shunt_value *shunt_rows_at(const shunt_rows *rows, size_t row);

typedef struct shunt_loaded {
  const char *name;
  shunt_kind kind;
  const shunt_rows *rows; /* the related rows of all parents */
} shunt_loaded;

SHUNT_API size_t shunt_rows_nloaded(const shunt_rows *rows);
SHUNT_API shunt_loaded shunt_rows_loaded(const shunt_rows *rows, size_t relation);
/* The related rows of one parent row: *count positions in shunt_rows_loaded(rows, relation).rows. */
SHUNT_API const uint32_t *shunt_rows_related(const shunt_rows *rows, size_t relation, size_t row, size_t *count);

#ifdef __cplusplus
}
#endif

#endif
