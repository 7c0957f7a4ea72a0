/* For: one unit of work: its instance, its current datasource, its open transactions, and the memory that its calls use
 * again and again, so that a warm call allocates nothing but its rows.
 * Owner: the session owns its copies of attributes, its transactions and what it knows of tables; catalog, route and
 * pools are borrowed and outlive it. One thread at a time.
 * Use: session_new(&home, &options, &s, err); … session_enter(s, 0, err) at the start of each public call … */
#ifndef SHUNT_QUERY_SESSION_H
#define SHUNT_QUERY_SESSION_H

#include <stdatomic.h>

#include "base/arena.h"
#include "base/map.h"
#include "catalog/handle.h"
#include "pool/pool.h"
#include "query/sql.h"
#include "route/route.h"

/* A generation, of which the session holds a share until drop. */
typedef struct session_home {
  const catalog *catalog;
  route *route;
  pools *pools;
  const handles *handles;
  event_sink *events; /* the app's */
  things *things;
  shunt_app *app; /* the façade's, like the functions */
  void *generation;
  void (*drop)(const struct session_home *home);
  /* Whether there is a newer one, in which case *newest is it, with a share of it. */
  bool (*renew)(const struct session_home *home, struct session_home *newest);
} session_home;

/* What the session knows of a table: never moves, so that an access may point to it. */
typedef struct table_info {
  const cat_client *client;
  const char *name;
  const driver_table *shape;
  rows_names columns; /* in the shape's order */
  const char *select; /* "SELECT …every column… FROM table", once it was needed */
  size_t select_size;
} table_info;

typedef struct transaction transaction;
struct gather;

typedef struct equalities {
  shunt_field *list;
  size_t count, capacity;
} equalities;

struct shunt_session {
  session_home home;
  const cat_instance *instance;
  wait_party party; /* as which it holds connections and waits */
  bool follows;     /* moves to the newest generation between calls */
  int level;        /* in force: 0 where there are no levels, else the sum of the next two */
  int opened_level, raised;
  const char *job;               /* the name of the job that it was made for; NULL: for none */
  const atomic_bool *broken_off; /* set once that job is to end as soon as it can; NULL: never */
  int64_t timeout_ms;            /* of each call; 0: none */
  int64_t deadline_ns;           /* of the call under way; 0: none */
  const shunt_field *attrs;
  size_t nattrs;
  const char **current; /* the datasources switched to, the one in force last; NULL: none */
  size_t ncurrent, current_capacity;
  transaction *transactions; /* open ones */
  const char **locked;       /* files that nobody but locker writes to before this session's work ends */
  size_t nlocked;
  const char *locker;
  struct shunt_tx *handles; /* given out and not ended */
  struct hook *hooks;       /* that wait for the end of transactions, the one added last first */
  int units;                /* nested writes under way */
  void (*observer)(void *ud, const shunt_statement *statement);
  void *observer_ud;
  size_t max_params;  /* of one statement; 0: as many as the engine takes. Tests make it small */
  bool schema_stale;  /* this session ran DDL: what is not known yet is asked of the database anew */
  unsigned outdated;  /* how often a statement failed for a table that is not as the session knew it */
  arena owned;        /* until the session is closed */
  arena known;        /* until it moves to another generation: the tables */
  map tables;         /* of table_info, by client and name */
  table_info *latest; /* the one used last */

  /* of the call under way */
  arena call;
  sql_text sql;
  struct gather *gather;   /* of reads under way; NULL: none */
  equalities where;        /* of a request */
  route_decision decision; /* the one taken last */
  route_decision parent;   /* of a source model, while another is asked for */
  route_decision shown;    /* what shunt_resolve handed out */
};

/* Takes over the share of home, also where it fails. Errors: NOT_FOUND, USAGE, MEMORY. */
shunt_status session_new(const session_home *home, const shunt_session_options *options, shunt_session **out,
                         shunt_error *err);

/* Begins a call: moves a session that follows to the newest generation, gives back the memory of the call before, and
 * sets when this one has to end: timeout_ms is its own, 0 the session's. Errors: NOT_FOUND, where the newest generation
 * lacks the instance or the datasource switched to; the session stays where it was. */
shunt_status session_enter(shunt_session *s, int64_t timeout_ms, shunt_error *err);
/* The first part of it, for a call that waits for nothing and needs none of that memory. */
shunt_status session_move(shunt_session *s, shunt_error *err);
static inline shunt_status session_follow(shunt_session *s, shunt_error *err) {
  return s->follows ? session_move(s, err) : SHUNT_OK;
}
void session_set_deadline(shunt_session *s, int64_t timeout_ms);

/* By so many levels, and down by as many again when that is over, in whatever order. */
void session_raise(shunt_session *s, int by);

/* For work that somebody waits for who writes meanwhile, in transactions of his own: the files of those (as the
 * driver's `file` gives them), and who it is, in words that go on "is locked by": what they lock is CONFLICT for this
 * session, for it would be waited for in vain. Errors: MEMORY. */
shunt_status session_lock_out(shunt_session *s, const char *const *files, size_t nfiles, const char *locker,
                              shunt_error *err);

/* A connection that is not a transaction's, to be given back with pool_release. Errors: those of pool_acquire, and
 * TRANSACTION, where one in force is not to be spanned. */
shunt_status session_acquire(shunt_session *s, const cat_client *client, int level, driver_conn **conn,
                             shunt_error *err);
/* The same without waiting for anybody: *conn is NULL, with SHUNT_OK, where all are busy. */
shunt_status session_try_acquire(shunt_session *s, const cat_client *client, int level, driver_conn **conn,
                                 shunt_error *err);
/* One that is to become a transaction's. */
shunt_status session_connect(shunt_session *s, const cat_client *client, int level, driver_conn **conn,
                             shunt_error *err);
/* Whether any of its transactions is in force. */
bool session_in_transaction(const shunt_session *s);

/* What every request of the session has in common. Every field is named, so that the whole is not zeroed first, which
 * takes longer than all of this. */
static inline route_request session_request(const shunt_session *s, const cat_model *model, shunt_op op) {
  return (route_request){.model = model,
                         .relation = NULL,
                         .instance = s->instance,
                         .explicit_client = NULL,
                         .explicit_table = NULL,
                         .relation_client = NULL,
                         .parent = NULL,
                         .current = s->ncurrent ? s->current[s->ncurrent - 1] : NULL,
                         .op = op,
                         .level = s->level,
                         .in_transaction = s->units || (s->transactions && session_in_transaction(s)),
                         .every_rule = false,
                         .where = NULL,
                         .nwhere = 0,
                         .attrs = s->attrs,
                         .nattrs = s->nattrs};
}

/* NULL and "default" pass; with `modes` the words of a relation's client too. Errors: NOT_FOUND. */
shunt_status session_check_client(const shunt_session *s, const char *name, bool modes, shunt_error *err);

/* The client that SQL or a transaction names, for which no rule is asked: under strict isolation an isolated instance
 * has no other than its own. Errors: NOT_FOUND, DENIED. */
shunt_status session_named_client(const shunt_session *s, const char *name, const cat_client **out, shunt_error *err);

/* Columns compared for equality with a value, wherever that has to hold of every row. False when out of memory. */
bool equalities_add(equalities *e, const char *column, const shunt_value *value);
bool equalities_of_where(equalities *e, const shunt_where *where);

#endif
