/* For: one unit of work: its instance, current datasource, open transactions, and the memory that its calls reuse, so
 * that a warm call allocates only its rows. Owner: the session owns copies of its attributes, its transactions and the
 * descriptions of tables. It borrows catalog, route and pools, which outlive it. One thread at a time: each public
 * function visits it. Use: session_new(&shared, &options, &s, err); … VISIT(v); call_enter(&v, &c, s, 0, err); … */
#ifndef SHUNT_SESSION_SESSION_H
#define SHUNT_SESSION_SESSION_H

#include <stdatomic.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/process.h"
#include "catalog/handle.h"
#include "pool/pool.h"
#include "route/route.h"
#include "session/memo.h"
#include "session/observer.h"

/* A generation. The session holds a share of it until drop. */
typedef struct session_generation {
  const catalog *catalog;
  route *route;
  pools *pools;
  event_sink *events; /* the app's */
  observer *observer; /* the app's; NULL: none */
  handle_results *results;
  struct job_tally *jobs; /* the app's: how runs of jobs ended. NULL: not counted */
  shunt_app *app;         /* belongs to the façade, as do the functions */
  void *owner;            /* of the share: a generation of app/ */
  void (*drop)(const struct session_generation *shared);
  /* Starts the recovery of joint commits if it has not run yet; with `now` it looks again soon. NULL: the app runs no
   * recovery. */
  void (*recover)(const struct session_generation *shared, bool now);
  /* Whether there is a newer generation, which is then *newest, with a share of it. */
  bool (*renew)(const struct session_generation *shared, struct session_generation *newest);
} session_generation;

/* The description of a table. It never moves, so a site may point to it. */
typedef struct table_info {
  const cat_client *client;
  const char *name;
  const driver_table *shape;
  rows_names columns; /* in the shape's order */
  const char *parts; /* SQL that stands for the table if it is several: (SELECT … UNION ALL …) AS parts; else NULL */
  const char *select; /* "SELECT …every column… FROM table", once it was needed */
  size_t select_size;
  const char *instance_name;     /* the model's instance_column; NULL: not looked up yet */
  const driver_column *instance; /* the column of this name */
} table_info;

/* The tables that the session has used in this generation. */
typedef struct session_tables {
  map by_name;        /* of table_info, by client and name */
  table_info *latest; /* the one used last */
  arena memory;
  bool stale;        /* this session ran DDL: unknown tables are described by the database, not from the pool's cache */
  bool forgotten;    /* its memory is given back when the next call begins: sites of this one point to it */
  unsigned outdated; /* how many statements failed because a table had changed */
} session_tables;

/* Memory that the calls of a session borrow one after the other. */
typedef struct session_lent {
  arena memory;
  struct lent_text *texts, *idle_texts; /* all of them, and those that are not borrowed */
  struct lent_decision *decisions, *idle_decisions;
  size_t out; /* texts and decisions that are borrowed */
  bool grown; /* since they were taken back last there are more or larger ones, perhaps too many to keep */
} session_lent;

typedef struct transaction transaction;
typedef struct scope scope;

struct shunt_session {
  /* for as long as it is open */
  session_generation generation;
  const cat_instance *instance;
  wait_party party; /* its name in the graph of waits */
  const shunt_field *attrs;
  size_t nattrs;
  const char *traceparent; /* the attribute, if its trace is sampled; else NULL */
  bool by_hand;            /* connections may be marked as used by it (driver_conn.used_by) */
  bool follows;            /* moves to the newest generation between calls */
  int64_t timeout_ms;      /* of each call; 0: none */
  size_t max_params;       /* of one statement; 0: the engine's limit. Tests make it small */
  struct {
    void (*fn)(void *ud, const shunt_statement *statement);
    void *ud;
  } observer;
  struct {
    void (*fn)(void *ud);
    void *ud;
  } before_wait;
  struct {
    const char *name;              /* the job that the session was opened for; NULL: none */
    const atomic_bool *broken_off; /* set when that job has to end early; NULL: never */
  } job;
  struct {
    const char **files; /* locked by the caller that waits for this session */
    size_t n;
    const char *by; /* text to follow "is locked by " */
  } locked;
  arena owned; /* what these point to */
  /* the work that is open */
  struct {
    int now; /* the current level: opened + raised, or 0 if there are no levels */
    int opened, raised;
  } level;
  struct {
    const char **list; /* the datasources switched to, the current one last; NULL: none */
    size_t count, capacity;
  } switched;
  uint64_t begun;            /* number of the newest scope */
  scope *scopes;             /* the host's transactions, the newest first */
  transaction *transactions; /* on datasources, the newest first */
  struct stream_link *streams;
  struct shunt_tx *handles; /* not ended yet */
  struct {
    struct session_block *list; /* what shunt_call has opened, the innermost last (block.h) */
    size_t count, capacity;
  } blocks;
  struct hook *hooks;   /* waiting for transactions to end, the newest first */
  int units;            /* nested writes under way */
  shunt_outcome effect; /* of the call under way, so far (outcome.h) */
  struct {
    const char **list; /* the clients that it has written to */
    size_t count, capacity;
  } wrote;
  _Atomic(uintptr_t) visitor; /* the thread inside of a public function, see visit.h; its process: none */
  unsigned process;           /* process_number(): it is of no use in any other */
  /* what calls use again */
  session_tables tables;
  struct session_values *values; /* of session variables, by client; see variables.h */
  session_lent lent;
  route_decision resolved; /* the result of shunt_resolve, until the next call */
  memo *memo;              /* its earlier results; NULL: none that repeat */
};

/* Takes over the share, also if it fails. Errors: NOT_FOUND, USAGE, MEMORY. */
shunt_status session_new(const session_generation *shared, const shunt_session_options *options, shunt_session **out,
                         shunt_error *err);

/* Moves the session to the newest generation. Errors: NOT_FOUND if that lacks the instance, the current datasource or
 * an attribute; USAGE if it does not allow an attribute's value. The session then stays in its generation. */
shunt_status session_move(shunt_session *s, shunt_error *err);
static inline shunt_status session_follow(shunt_session *s, shunt_error *err) {
  return s->follows ? session_move(s, err) : SHUNT_OK;
}

/* Raises the level by `by`, which may be negative. */
void session_raise(shunt_session *s, int by);

/* Marks files (as the driver's `file` names them) as locked by the caller that waits for this session: waiting for
 * these locks would deadlock, so it is CONFLICT. locker: text to follow "is locked by ". Errors: MEMORY. */
shunt_status session_lock_out(shunt_session *s, const char *const *files, size_t nfiles, const char *locker,
                              shunt_error *err);

/* The level on this engine: 0 if it has a single writer. */
static inline int session_level_of(const cat_client *client, int level) {
  return cat_engine_of(client->engine)->levels ? level : 0;
}
/* Forgets the tables; no site may point to them. */
void session_drop_tables(session_tables *t);
/* Frees what calls have borrowed. */
void session_free_lent(session_lent *l);
/* Whether one of the host's transactions is in force. */
bool session_in_transaction(const shunt_session *s);
/* That transaction as the rules see it, the innermost; NULL: none. */
const rule_transaction *session_transaction(const shunt_session *s);
/* Notes a write to the client. False when out of memory. */
bool session_note_write(shunt_session *s, const cat_client *client);

/* The datasource switched to, or NULL. */
static inline const char *session_current(const shunt_session *s) {
  return s->switched.count ? s->switched.list[s->switched.count - 1] : NULL;
}

/* The fields that all requests of the session have in common. Every field is named, which is faster than zeroing the
 * whole first. */
static inline route_request session_request(const shunt_session *s, const cat_model *model, shunt_op op) {
  const rule_transaction *in = s->scopes ? session_transaction(s) : NULL;
  return (route_request){.model = model,
                         .relation = NULL,
                         .instance = s->instance,
                         .explicit_client = NULL,
                         .explicit_table = NULL,
                         .relation_client = NULL,
                         .parent = NULL,
                         .current = session_current(s),
                         .op = op,
                         .level = s->level.now,
                         .in_transaction = s->units || in,
                         .transaction = in,
                         .wrote = s->wrote.list,
                         .nwrote = s->wrote.count,
                         .every_rule = false,
                         .where = NULL,
                         .nwhere = 0,
                         .attrs = s->attrs,
                         .nattrs = s->nattrs,
                         .part = 0,
                         .only_guards = NULL,
                         .picks = NULL};
}

/* Errors: USAGE. */
shunt_status session_check_timeout(int64_t timeout_ms, shunt_error *err);
/* Accepts NULL and "default"; with `modes` also "_inherit_" and its like. Errors: NOT_FOUND. */
shunt_status session_check_client(const shunt_session *s, const char *name, bool modes, shunt_error *err);

/* Under strict isolation an isolated instance has access to its own client only. Errors: DENIED. */
shunt_status session_check_isolation(const shunt_session *s, const cat_client *client, shunt_error *err);
/* The client of this name, without asking rules. Errors: NOT_FOUND, and those of session_check_isolation. */
shunt_status session_named_client(const shunt_session *s, const char *name, const cat_client **out, shunt_error *err);

#endif
