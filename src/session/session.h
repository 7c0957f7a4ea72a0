/* For: one unit of work: its instance, its current datasource, its open transactions, and the memory that its calls use
 * again and again, so that a warm call allocates nothing but its rows.
 * Owner: the session owns its copies of attributes, its transactions and what it knows of tables; catalog, route and
 * pools are borrowed and outlive it. One thread at a time.
 * Use: session_new(&home, &options, &s, err); … call_begin(&c, s, 0, err) at the start of each public call … */
#ifndef SHUNT_SESSION_SESSION_H
#define SHUNT_SESSION_SESSION_H

#include <stdatomic.h>

#include "base/arena.h"
#include "base/map.h"
#include "catalog/handle.h"
#include "pool/pool.h"
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

/* What the session knows of a table: never moves, so that a site may point to it. */
typedef struct table_info {
  const cat_client *client;
  const char *name;
  const driver_table *shape;
  rows_names columns; /* in the shape's order */
  const char *select; /* "SELECT …every column… FROM table", once it was needed */
  size_t select_size;
} table_info;

/* The tables that the session has used in this generation. */
typedef struct session_tables {
  map by_name;        /* of table_info, by client and name */
  table_info *latest; /* the one used last */
  arena memory;
  bool stale;        /* this session ran DDL: what is not known yet is asked of the database anew */
  unsigned outdated; /* how often a statement failed for a table that is not as the session knew it */
} session_tables;

/* What the calls of a session borrow one after the other, so that a warm call allocates nothing but its rows. */
typedef struct session_lent {
  arena memory;
  struct lent_text *texts, *idle_texts; /* all of them, and those that no one has borrowed */
  struct lent_decision *decisions, *idle_decisions;
} session_lent;

typedef struct transaction transaction;

struct shunt_session {
  /* for as long as it is open */
  session_home home;
  const cat_instance *instance;
  wait_party party; /* as which it holds connections and waits */
  const shunt_field *attrs;
  size_t nattrs;
  bool follows;       /* moves to the newest generation between calls */
  int64_t timeout_ms; /* of each call; 0: none */
  size_t max_params;  /* of one statement; 0: as many as the engine takes. Tests make it small */
  struct {
    void (*fn)(void *ud, const shunt_statement *statement);
    void *ud;
  } observer;
  struct {
    const char *name;              /* of the job that the session was made for; NULL: for none */
    const atomic_bool *broken_off; /* set once that job is to end as soon as it can; NULL: never */
  } job;
  struct {
    const char **files; /* nothing else writes to them before this session's work ends */
    size_t n;
    const char *by; /* follows "is locked by " */
  } locked;
  arena owned; /* what these point to */
  /* the work that is open */
  struct {
    int now; /* in force: 0 where there are no levels, else the sum of the other two */
    int opened, raised;
  } level;
  struct {
    const char **list; /* the datasources switched to, the one in force last; NULL: none */
    size_t count, capacity;
  } switched;
  transaction *transactions; /* the one begun last first */
  struct shunt_tx *handles;  /* given out and not ended */
  struct hook *hooks;        /* that wait for the end of transactions, the one added last first */
  int units;                 /* nested writes under way */
  /* what calls use again */
  session_tables tables;
  session_lent lent;
  route_decision resolved; /* what shunt_resolve handed out */
};

/* Takes over the share of home, also where it fails. Errors: NOT_FOUND, USAGE, MEMORY. */
shunt_status session_new(const session_home *home, const shunt_session_options *options, shunt_session **out,
                         shunt_error *err);

/* Moves a session that follows to the newest generation. Errors: NOT_FOUND, where that lacks the instance or the
 * datasource switched to; the session stays where it was. */
shunt_status session_move(shunt_session *s, shunt_error *err);
static inline shunt_status session_follow(shunt_session *s, shunt_error *err) {
  return s->follows ? session_move(s, err) : SHUNT_OK;
}

/* By so many levels, and down by as many again when that is over, in whatever order. */
void session_raise(shunt_session *s, int by);

/* For work that somebody waits for who writes meanwhile, in transactions of his own: the files of those (as the
 * driver's `file` gives them), and who it is, in words that go on "is locked by": what they lock is CONFLICT for this
 * session, for it would be waited for in vain. Errors: MEMORY. */
shunt_status session_lock_out(shunt_session *s, const char *const *files, size_t nfiles, const char *locker,
                              shunt_error *err);

/* The level that the engine knows: one that has a single writer has a single level. */
static inline int session_level_of(const cat_client *client, int level) {
  return cat_engine_of(client->engine)->levels ? level : 0;
}
/* Frees what calls have borrowed. */
void session_free_lent(session_lent *l);
/* Whether any of its transactions is in force. */
bool session_in_transaction(const shunt_session *s);

/* The datasource switched to, or NULL. */
static inline const char *session_current(const shunt_session *s) {
  return s->switched.count ? s->switched.list[s->switched.count - 1] : NULL;
}

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
                         .current = session_current(s),
                         .op = op,
                         .level = s->level.now,
                         .in_transaction = s->units || (s->transactions && session_in_transaction(s)),
                         .every_rule = false,
                         .where = NULL,
                         .nwhere = 0,
                         .attrs = s->attrs,
                         .nattrs = s->nattrs};
}

/* Errors: USAGE. */
shunt_status session_check_timeout(int64_t timeout_ms, shunt_error *err);
/* NULL and "default" pass; with `modes` the words of a relation's client too. Errors: NOT_FOUND. */
shunt_status session_check_client(const shunt_session *s, const char *name, bool modes, shunt_error *err);

/* The client that SQL or a transaction names, for which no rule is asked: under strict isolation an isolated instance
 * has no other than its own. Errors: NOT_FOUND, DENIED. */
shunt_status session_named_client(const shunt_session *s, const char *name, const cat_client **out, shunt_error *err);

#endif
