/* For: the C half of the Lua module, "shunt.core". Each function checks its arguments, calls shunt.h and pushes the
 *   result.
 * Owner: a bind_call owns what a call holds in C (arena, rows, text). It is a userdata that exists before anything is
 *   held, so that no Lua error leaks. User values anchor a session's app, and the session of a model or transaction.
 * Use: bind_call *c = bind_enter(L, 1); …parse into c->arena…; bind_busy(L, c); st = shunt_…(…, &c->err);
 *   bind_done(L, c, st); …push…; bind_leave(L, c); return n; */
#ifndef SHUNT_BIND_BIND_H
#define SHUNT_BIND_BIND_H

#include <lauxlib.h>
#include <lua.h>
#include <stdatomic.h>

#include "base/arena.h"
#include "base/error.h"
#include "catalog/node.h"
#include "options/options.h"
#include "rule/lua_node.h"
#include "shunt.h"

#define BIND_APP "shunt.app"
#define BIND_SESSION "shunt.session"
#define BIND_MODEL "shunt.model"
#define BIND_STREAM "shunt.stream"
#define BIND_TX "shunt.transaction"
#define BIND_SWITCH "shunt.switch"
#define BIND_ERROR "shunt.error"
#define BIND_DECISION "shunt.decision"
#define BIND_CALL "shunt.call"
#define BIND_OBJECT "shunt.object" /* marks a table that is an object in JSON even if it is empty */
#define BIND_META "shunt.meta"     /* a select's second result: columns and relations */
#define BIND_OPEN "shunt.core"     /* in the registry: luaopen_shunt_core */

typedef struct bind_session bind_session;
typedef struct bind_stream bind_stream;
typedef struct bind_tx bind_tx;
typedef struct bind_worker bind_worker;
typedef struct bind_events bind_events;

typedef struct bind_app {
  shunt_app *app;          /* NULL once closed */
  bool borrowed;           /* in the state of a worker's thread: the host closes it */
  bind_session *sessions;  /* open sessions, closed before the app */
  bind_worker *workers;    /* closed before the app, too */
  bind_events *events;     /* that wait for the callbacks of app:on; NULL: it was never called */
  bind_events *statements; /* the same for app:observe */
  int64_t collect_ns;      /* not before: abandoned coroutines are looked for again */
} bind_app;

/* How long a job may run. Checked by each use of its session, and by a hook of Lua in between. */
typedef struct bind_limit {
  int64_t timeout_ms;   /* 0: no limit */
  int64_t deadline_ns;  /* 0: no limit at the moment */
  atomic_bool given_up; /* set by the thread that stops the worker */
  char job[128];
} bind_limit;

enum {
  BIND_APP_DELIVER = 1, /* the function that gets events */
  BIND_APP_OBSERVE,     /* the function that gets statements */
  BIND_APP_NVALUES = BIND_APP_OBSERVE
};

enum {
  SESSION_APP = 1,
  SESSION_SPARE,
  SESSION_OBSERVER,
  SESSION_ORPHANS,
  SESSION_HOOKS,
  SESSION_FAILURES,
  SESSION_DECISIONS,
  SESSION_NVALUES = SESSION_DECISIONS
};

/* What a coroutine holds open on a session: a transaction or a stream. It lies in the userdata for that. */
typedef struct bind_held {
  bind_session *session;
  lua_State *co;                   /* NULL: nothing is held */
  struct bind_held *next, *before; /* in session->held */
  const bind_tx *tx;               /* no other coroutine may use the session meanwhile; NULL: a stream */
  void (*end)(lua_State *L, struct bind_held *h, int session_index); /* of one whose coroutine is dead */
} bind_held;

struct bind_session {
  shunt_session *session; /* NULL once closed */
  bind_app *app;
  bind_session *next, *before; /* in app->sessions */
  bind_tx *txs;                /* open transactions, the newest first */
  bind_held *held;             /* by coroutines, the newest first */
  bind_tx *orphans;            /* transactions collected during a call: rolled back after it */
  int64_t timeout_ms;          /* of each call; 0: no limit */
  bool borrowed;               /* a job's session: the job ends it */
  const bind_limit *limit;     /* of that job, or NULL */
  bool busy;                   /* inside a call of the library */
  int hooks;                   /* running hooks of its transactions */
  lua_State *L;                /* where the observer and hooks run; NULL while they can't */
  int index;                   /* of the session on that stack */
};

/* What one call holds. The session keeps it for its next call. */
typedef struct bind_call {
  bind_session *session; /* NULL while an app opens */
  int index;             /* of the session on the stack */
  int self;              /* of this userdata on the stack */
  arena arena;
  shunt_rows *rows;
  char *text;
  shunt_error err;
} bind_call;

/* call.c: the bracket around each use of the library */
bind_call *bind_call_new(lua_State *L); /* pushes it */
bind_app *bind_check_app(lua_State *L); /* argument 1; raises if it is closed */
/* Pushes a call. Raises if the value at session_index is not a session, or if the session is closed or busy. */
bind_call *bind_enter(lua_State *L, int session_index);
/* The same also while a suspended coroutine has a transaction on the session: for functions that access nothing. */
bind_call *bind_enter_beside(lua_State *L, int session_index);
void bind_busy(lua_State *L, bind_call *c);
void bind_done(lua_State *L, bind_call *c, shunt_status status); /* raises c->err unless status is SHUNT_OK */
void bind_leave(lua_State *L, bind_call *c);
/* Releases what c holds, and returns what `push` pushes: it gets c. Without memory for that it raises MEMORY with this
 * outcome; see bind_written. */
int bind_give(lua_State *L, bind_call *c, lua_CFunction push, shunt_outcome outcome);
/* The outcome of a write that has succeeded: its transaction, if it is in one, may still be rolled back. */
shunt_outcome bind_written(const bind_call *c);
int bind_fail(lua_State *L, bind_call *c); /* releases what c holds, then raises c->err with the failures of hooks */

/* event_queue.c */
/* Sets the function on top of the stack, which it takes off, as what gets each event of this severity and above; nil:
 * none does. False: out of memory. */
bool bind_events_set(lua_State *L, bind_app *app, int app_index, shunt_severity least);
/* The same for the statements of all sessions. */
bool bind_observer_set(lua_State *L, bind_app *app, int app_index);
/* Between calls: hands what waits to these functions. It never raises, and leaves the stack as it was; the app may be
 * closed afterwards. */
void bind_events_deliver(lua_State *L, bind_app *app, int app_index);
void bind_events_end(bind_app *app); /* once the library makes no events any more */

/* A message handler: an error of Lua becomes one of shunt's with a traceback; it and an error of shunt's without a
 * place get the file and line of the innermost Lua function outside shunt's own files. */
int bind_place_error(lua_State *L);
/* error.c */
/* Pushes the error. Without memory for it: MEMORY, with the same outcome. */
void bind_push_error(lua_State *L, const shunt_error *err);
void bind_push_failed(lua_State *L, const shunt_error *err); /* pops what hooks raised, or nil */
/* Pushes an error that was made in advance. */
void bind_push_memory(lua_State *L, shunt_outcome outcome);
void bind_push_problem(lua_State *L, const shunt_error *err); /* one of several problems: without the caller's line */
__attribute__((format(printf, 2, 3))) int bind_usage(lua_State *L, const char *format, ...);
int bind_memory(lua_State *L);
/* Turns any raised value into an error of the library. A value that is not an error object becomes SHUNT_E_RULE: code
 * of the application failed. */
void bind_to_error(lua_State *L, int index, shunt_error *err);

/* value.c */
void bind_push_value(lua_State *L, const shunt_value *value);
/* Copies into the arena. what is the name of the value in messages. Errors: USAGE, MEMORY. */
shunt_status bind_to_value(lua_State *L, int index, arena *a, const char *what, shunt_value *out, shunt_error *err);
/* Text arguments; borrowed from the Lua stack. Raise USAGE. */
const char *bind_text(lua_State *L, int index, const char *what);
const char *bind_opt_text(lua_State *L, int index, const char *what);
void *bind_check(lua_State *L, int index, const char *type, const char *what);

/* options.c. A table of options as a node, or NULL if the argument is missing or nil. Raises on unknown keys, and
 * suggests the nearest known one. known ends in a NULL. */
const node *bind_options(lua_State *L, bind_call *c, int index, const char *of, const char *const *known);
/* The options of a function. They are listed in the module's table options, for tests and tools. */
typedef struct bind_taking {
  const char *of; /* "app:session"; NULL ends a list */
  const char *const *keys;
} bind_taking;
void bind_takes(lua_State *L, const bind_taking *list);
const char *bind_option_text(lua_State *L, bind_call *c, const node *options, const char *key);
bool bind_option_bool(lua_State *L, bind_call *c, const node *options, const char *key);
bool bind_option_integer(lua_State *L, bind_call *c, const node *options, const char *key, int64_t *out);

/* record.c: a row to write, or a list of rows, from the table at index. A key that w includes holds related rows.
 * Errors: USAGE, MEMORY. */
typedef struct bind_record_list {
  const shunt_record *items;
  size_t count;
} bind_record_list;
shunt_status bind_record(lua_State *L, int index, arena *a, const shunt_write *w, shunt_record *out, shunt_error *err);
shunt_status bind_records(lua_State *L, int index, arena *a, const shunt_write *w, bind_record_list *out,
                          shunt_error *err);

/* rows.c: each pushes one value */
void bind_push_rows(lua_State *L, const shunt_rows *rows);
void bind_push_meta(lua_State *L, const shunt_rows *rows);
int bind_push_both(lua_State *L); /* of a call: its rows, and the meta table */

/* registry.c */
/* Pushes the weak table that the registry has under this key; makes it at first. */
void bind_push_weak(lua_State *L, const void *key);
/* The userdata of sessions, by their address. */
void bind_session_note(lua_State *L, int index, const bind_session *s);
/* Pushes its userdata; or nil, and returns false, if it is being collected. */
bool bind_session_push(lua_State *L, const bind_session *s);

/* held.c. tx and end are set by the caller. */
void bind_hold(lua_State *L, bind_held *h, bind_session *s);
void bind_let_go(bind_held *h); /* no-op if nothing is held */
/* Ends whatever dead coroutines hold on the session. Raises USAGE if a suspended one has a transaction there,
 * TRANSACTION if a running one has a transaction that ended before it. */
void bind_check_held(lua_State *L, bind_session *s, int session_index);
/* For shunt_before_wait: ends whatever dead and abandoned coroutines hold on the app's other sessions. */
void bind_before_wait(void *ud);

/* stream.c */
bind_stream *bind_stream_new(lua_State *L, int session_index); /* pushes it; it has no rows yet */
shunt_stream **bind_stream_place(bind_stream *s);              /* where the library puts the stream */
/* Turns the stream on top of the stack into the four values of a generic for, and returns their number. */
int bind_stream_loop(lua_State *L);

/* failures.c. What hooks raised is kept in SESSION_FAILURES until the call is over. */
bool bind_hooks_take(lua_State *L, int session_index); /* pushes the list if there is one, and empties it */
void bind_hooks_warn(lua_State *L, int session_index); /* for a rollback that no caller sees */
const char *bind_push_shown(lua_State *L, int index);  /* a raised value as text, even if its __tostring fails */

/* tx.c */
void bind_tx_roll_back_all(lua_State *L, bind_session *s, int session_index);
void bind_tx_roll_back_orphans(lua_State *L, bind_session *s, int session_index);

/* worker.c */
void bind_workers_end(bind_app *app);
/* limit.c. Raises if the session's job has run for too long; otherwise its calls get the time that is left. */
void bind_keep_limit(lua_State *L, bind_session *s);
bool bind_limit_is_over(const bind_limit *limit);
int bind_limit_raise(lua_State *L, const bind_limit *limit);
/* A call's own timeout; in a job at most the time that is left. */
static inline int64_t bind_within_limit(const bind_session *s, int64_t timeout_ms) {
  return s->limit && s->timeout_ms && timeout_ms > s->timeout_ms ? s->timeout_ms : timeout_ms;
}

/* session.c */
static inline bool bind_session_usable(const bind_session *s) { return !s->busy && !s->hooks; }
/* Ends the app's newest session. */
void bind_session_end_newest(lua_State *L, bind_app *app);
/* index 0: the session is not on the stack, and its hooks do not run. */
void bind_session_end(lua_State *L, bind_session *s, int index);
/* Pushes a Lua session around the session of a job. The app is at app_index. */
bind_session *bind_session_borrow(lua_State *L, int app_index, shunt_session *session, const bind_limit *limit);

/* The parts of the module, in the order of registration. Each adds metatables to the registry, functions to the
 * module's table on top of the stack, and methods to the classes of earlier ones. */
#define BIND_PRIMITIVES(X)                                                                                             \
  X(error)                                                                                                             \
  X(value)                                                                                                             \
  X(call)                                                                                                              \
  X(options)                                                                                                           \
  X(json)                                                                                                              \
  X(rows)                                                                                                              \
  X(app)                                                                                                               \
  X(event)                                                                                                             \
  X(statistics)                                                                                                        \
  X(waits)                                                                                                             \
  X(session)                                                                                                           \
  X(decision)                                                                                                          \
  X(resolve)                                                                                                           \
  X(model)                                                                                                             \
  X(write)                                                                                                             \
  X(stream)                                                                                                            \
  X(switch)                                                                                                            \
  X(transaction)                                                                                                       \
  X(hook)                                                                                                              \
  X(jobs)                                                                                                              \
  X(job)                                                                                                               \
  X(worker)
#define BIND_DECLARE(primitive) void bind_##primitive##_register(lua_State *L);
BIND_PRIMITIVES(BIND_DECLARE)
#undef BIND_DECLARE

/* class.c */
/* Makes the metatable name with metamethods. methods (may be NULL) become its __index and the module's field. */
void bind_class(lua_State *L, const char *name, const luaL_Reg *metamethods, const luaL_Reg *methods,
                const char *field);
/* Adds methods to the class that the module's field holds. */
void bind_methods(lua_State *L, const char *field, const luaL_Reg *methods);

/* decision.c. Pushes the decision as an object of Lua; one from the cache is the same object each time, while few
 * others are asked for. The session that took it is at session_index. */
void bind_push_decision(lua_State *L, int session_index, const shunt_decision *d);
int bind_decision_table(lua_State *L); /* a function for Lua: a decision as a table */

/* json.c. Pushes the value of a JSON text, and leaves nulls out of objects. Raises. */
void bind_push_json(lua_State *L, const char *text, bool nulls); /* nulls: of objects, too, are shunt.null */

SHUNT_API int luaopen_shunt_core(lua_State *L);

#endif
