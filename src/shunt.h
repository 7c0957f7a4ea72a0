/* shunt: routing rules in Lua decide where each access to a model or relation goes, and this library carries it out.
 *
 * A host program needs this header alone. It opens an application once, opens a session for each unit of work, and
 * calls the session:
 *
 *     shunt_app *app; shunt_session *session; shunt_rows *rows; shunt_error err;
 *     if (shunt_open("shunt.yaml", NULL, &app, &err)) die(err.message);
 *     if (shunt_session_open(app, &(shunt_session_options){.instance = "acme"}, &session, &err)) die(err.message);
 *     if (shunt_get(session, "user", shunt_integer(7), NULL, &rows, &err)) die(err.message);
 *     if (shunt_rows_count(rows)) puts(shunt_rows_get(rows, 0, "name")->as.bytes);
 *     shunt_rows_free(rows); shunt_session_close(session); shunt_close(app);
 *
 * Ownership: the caller owns every object that a function returns through a pointer to a pointer, and ends it with the
 * function of the same name that says _free or _close (both accept NULL). Arguments are borrowed for the call only.
 * Threads: any number of threads may use an app; one thread at a time may use a session and the objects from it. While
 * a call of the session runs, calls from other threads fail with SHUNT_E_USAGE and change nothing. Functions that can't
 * fail (shunt_session_close, shunt_stream_close, shunt_switch_pop, shunt_level_pop, shunt_observe, shunt_before_wait)
 * wait until it has ended. A call runs until it returns: a commit until its hooks have run, too. A thread that calls
 * the library needs a stack of 1 MiB: rules may nest calls as deep as Lua allows. Its first call runs the rule files
 * once more, for a rule state of its own.
 * Options: fill a struct of options with zeros and set the members that you need. A member that is 0 or NULL means its
 * default, and NULL in place of the struct means the defaults of all members.
 * Versions: these structs begin with `size`, because later versions add members to them. 0 stands for the size in
 * version 0.1, and serves for the members of that version. Members of a later version are marked with it. A program
 * that uses them sets size to the size of the struct as it knows it: SHUNT_WITH in C, `options.size = sizeof options`
 * in C++, and the size of its own declaration in any other language. A library that is older than the program then
 * fails with USAGE if such a member is set, and serves the program if it is not. Structs without a size keep their
 * members, except those that the library allocates (events, decisions, statistics in callbacks, descriptions of jobs):
 * these may get more at the end, so that a program must not copy them by their size.
 * Lua: libshunt.so has a Lua 5.4 of its own, whatever other Lua the process has. libshunt.a uses the one that the
 * program links; if that is another version, shunt_open returns SHUNT_E_CONFIG.
 * Errors: every function that can fail returns a status and fills *err if the status is not SHUNT_OK (0). err may be
 * NULL. On failure the out parameters are NULL or 0. The library never prints and never exits. Text is UTF-8 and ends
 * in a NUL, which its size does not count.
 * Signals: their dispositions and masks stay the host's; a server that hangs up raises no SIGPIPE. Programs that the
 * host starts inherit no file and no socket, except if one is started in the microseconds in which a client library
 * makes a socket (a limit of libmariadb and of libpq before 17), or, on Linux before 5.9, during a cancellation.
 * Mistakes: a session, app or out parameter that is NULL is SHUNT_E_USAGE, where a comment doesn't give it a meaning;
 * functions without a status do nothing then, and return 0 or NULL. An object that was freed or closed is not
 * recognised as such: to use it again, or to close it twice, is undefined, as with free.
 *
 * Forks: after a fork, the child uses the app with connections, threads and a cache of its own; the parent goes on with
 * its own, whatever the child does. Sessions, transactions, streams, workers and jobs stay the parent's: in the child
 * they are SHUNT_E_USAGE, and closing them, or an app that the child has not used, does nothing. SQLite allows no open
 * connection over a fork: idle ones to files are closed before it. If one is in use (a call of another thread, a
 * transaction, a stream), or its database is in memory, the child gets SHUNT_E_USAGE for it; it may start another
 * program. The child of a fork within a callback must do that, or call _exit. */
#ifndef SHUNT_H
#define SHUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SHUNT_VERSION "0.1.0"
/* Major times 1,000,000, minor times 1,000, and patch. */
#define SHUNT_VERSION_NUMBER 1000

#if defined(__GNUC__)
#define SHUNT_API __attribute__((visibility("default")))
#define SHUNT_MUST_USE __attribute__((warn_unused_result))
#else
#define SHUNT_API
#define SHUNT_MUST_USE
#endif

#ifndef __cplusplus
/* A struct of options with its size: &SHUNT_WITH(query, .limit = 10) is a const shunt_query *. */
#define SHUNT_WITH(options, ...) ((shunt_##options){.size = sizeof(shunt_##options), __VA_ARGS__})

/* These make lists in place, with their length, for C (shunt.hpp is for C++). What they make lives as long as the block
 * that they stand in.
 *
 * As members of a struct: {SHUNT_NAMES(order, "-id"), SHUNT_VALUES(params, shunt_integer(7))} for .order and .norder,
 * .params and .nparams; {SHUNT_INCLUDE({.relation = "orders"})} for .include and .ninclude.
 * As values: &SHUNT_WHERE("age", SHUNT_BETWEEN, shunt_integer(18), shunt_integer(64)) for one comparison;
 * &SHUNT_ALL(SHUNT_WHERE(…), SHUNT_WHERE(…)) and &SHUNT_ANY(…) for several, to any depth;
 * &SHUNT_RECORD({"name", shunt_str("Ada")}, {"age", shunt_integer(36)}) for a row to write. */
#define SHUNT_LIST(type, member, ...)                                                                                  \
  .member = (const type[]){__VA_ARGS__}, .n##member = sizeof((const type[]){__VA_ARGS__}) / sizeof(type)
#define SHUNT_NAMES(member, ...) SHUNT_LIST(char *const, member, __VA_ARGS__)
#define SHUNT_VALUES(member, ...) SHUNT_LIST(shunt_value, member, __VA_ARGS__)
#define SHUNT_INCLUDE(...) SHUNT_LIST(shunt_include, include, __VA_ARGS__)
#define SHUNT_WHERE(name, operator, ...)                                                                               \
  ((shunt_where){.op = (operator), .column = (name), SHUNT_VALUES(values, __VA_ARGS__)})
#define SHUNT_ALL(...) ((shunt_where){.op = SHUNT_AND, SHUNT_LIST(shunt_where, items, __VA_ARGS__)})
#define SHUNT_ANY(...) ((shunt_where){.op = SHUNT_OR, SHUNT_LIST(shunt_where, items, __VA_ARGS__)})
#define SHUNT_RECORD(...) ((shunt_record){SHUNT_LIST(shunt_field, fields, __VA_ARGS__)})
#endif

/* ---- the library ---- */

/* The version of the library that runs, as text and as a number; those of this header are SHUNT_VERSION and
 * SHUNT_VERSION_NUMBER. The text is static. */
SHUNT_API const char *shunt_version(void);
SHUNT_API int shunt_version_number(void);
/* Whether this build of the library can do what the name says; false for a name that it does not know:
 *   sqlite3, pg, mysql                             the engine is there
 *   sqlite3-timeouts, pg-timeouts, mysql-timeouts  calls with a timeout end in time on this engine
 *   mysql-mariadb-client                           mysql uses MariaDB's client library, not MySQL's own */
SHUNT_API bool shunt_feature(const char *name);

/* ---- errors ---- */

#define SHUNT_STATUS_MAP(X)                                                                                            \
  X(CONFIG, "the configuration is not valid")                                                                          \
  X(RULE, "a rule failed")                                                                                             \
  X(LIMIT, "a rule exceeded its limit of instructions, memory or time, or a result its maxResult")                     \
  X(DENIED, "a guard rule denied the access")                                                                          \
  X(NOT_FOUND, "unknown name")                                                                                         \
  X(USAGE, "the call is not valid")                                                                                    \
  X(DATASOURCE, "a datasource failed")                                                                                 \
  X(TIMEOUT, "the call timed out")                                                                                     \
  X(CONSTRAINT, "a constraint of the database is violated")                                                            \
  X(TRANSACTION, "the transaction does not allow this")                                                                \
  X(CONFLICT, "conflict between two transactions")                                                                     \
  X(MEMORY, "out of memory")                                                                                           \
  X(INTERNAL, "internal error of shunt")

typedef enum shunt_status {
  SHUNT_OK = 0,
#define SHUNT_STATUS_ENUM(name, text) SHUNT_E_##name,
  SHUNT_STATUS_MAP(SHUNT_STATUS_ENUM)
#undef SHUNT_STATUS_ENUM
} shunt_status;

/* What is known after a failure of what a call was asked to write or to commit. A failed read, and a call that has
 * nothing to write, is NOT_DONE.
 *
 * NOT_DONE: nothing of it is in the database, and nothing will be. In a transaction that is still open, the statement
 * has failed; the transaction's own end decides about the others.
 * DONE: all of it is committed. What failed came later: a hook, or the rows that the write returned (the connection
 * was lost before they were read, or memory ran out for them).
 * UNKNOWN: it may or may not have been committed, because the request was sent and no answer came, or the answer does
 * not say; or a part of it was committed. The message says which. Look before you repeat it: shunt never does.
 *
 * This holds for tables that follow transactions, not for MyISAM and the like. */
#define SHUNT_OUTCOME_MAP(X)                                                                                           \
  X(NOT_DONE, "not done")                                                                                              \
  X(DONE, "done")                                                                                                      \
  X(UNKNOWN, "unknown")

typedef enum shunt_outcome {
#define SHUNT_OUTCOME_ENUM(name, text) SHUNT_##name,
  SHUNT_OUTCOME_MAP(SHUNT_OUTCOME_ENUM)
#undef SHUNT_OUTCOME_ENUM
} shunt_outcome;

/* Has a fixed size, so that reporting an error never fails. The caller owns it and need not initialise it. A function
 * fills it only if it does not return SHUNT_OK. Strings that are too long are cut. */
typedef struct shunt_error {
  shunt_status status;
  shunt_outcome outcome;
  int line;             /* in file, from 1; 0 if there is none */
  int column;           /* from 1; 0 if unknown */
  int engine_code;      /* the engine's own code (SQLite's extended result code, MySQL's errno), else 0 */
  char sqlstate[6];     /* "" if the engine has none */
  char client[64];      /* the datasource that failed, else "" */
  char file[256];       /* a configuration or rule file, else "" */
  char rule[128];       /* the rule that failed or denied the access, else "" */
  char message[1024];   /* the problem, and what to do about it */
  char traceback[1024]; /* of the rule's Lua code, else "" */
} shunt_error;

/* Returns "SHUNT_E_CONFIG" and so on, "SHUNT_OK" for 0. The text is static. */
SHUNT_API const char *shunt_status_name(shunt_status status);
/* Returns the text in SHUNT_OUTCOME_MAP. Static. */
SHUNT_API const char *shunt_outcome_name(shunt_outcome outcome);

/* Replaces malloc for all memory of shunt and its rule states. The function has the shape of lua_Alloc; old_bytes is 0
 * if it is unknown. Threads of the library call it, too. Call shunt_set_allocator before any other function, from one
 * thread. NULL restores malloc. */
typedef void *(*shunt_alloc_fn)(void *ud, void *block, size_t old_bytes, size_t new_bytes);
SHUNT_API void shunt_set_allocator(shunt_alloc_fn alloc, void *ud);

/* Frees text that shunt returned. Accepts NULL. */
SHUNT_API void shunt_free(void *block);

/* ---- values ---- */

typedef enum shunt_type { SHUNT_NULL, SHUNT_BOOL, SHUNT_INTEGER, SHUNT_FLOAT, SHUNT_TEXT, SHUNT_BLOB } shunt_type;

/* A value borrows its bytes: a parameter from the caller, a cell from its rows. A text or blob has less than 4 GiB. */
typedef struct shunt_value {
  union {
    bool boolean;
    int64_t integer;
    double number;
    const char *bytes; /* of text and blobs; text ends in a NUL and may contain others */
  } as;
  uint32_t size; /* of text and blobs, in bytes */
  uint8_t type;  /* a shunt_type */
} shunt_value;

static inline shunt_value shunt_null(void) {
  shunt_value v;
  v.as.integer = 0;
  v.size = 0;
  v.type = SHUNT_NULL;
  return v;
}
static inline shunt_value shunt_boolean(bool b) {
  shunt_value v = shunt_null();
  v.as.boolean = b;
  v.type = SHUNT_BOOL;
  return v;
}
static inline shunt_value shunt_integer(int64_t i) {
  shunt_value v = shunt_null();
  v.as.integer = i;
  v.type = SHUNT_INTEGER;
  return v;
}
static inline shunt_value shunt_float(double d) {
  shunt_value v = shunt_null();
  v.as.number = d;
  v.type = SHUNT_FLOAT;
  return v;
}
static inline shunt_value shunt_text(const char *bytes, size_t size) {
  shunt_value v;
  v.as.bytes = bytes;
  v.size = (uint32_t)size;
  v.type = SHUNT_TEXT;
  return v;
}
static inline shunt_value shunt_blob(const void *bytes, size_t size) {
  shunt_value v = shunt_text((const char *)bytes, size);
  v.type = SHUNT_BLOB;
  return v;
}
/* Text that ends in its first NUL. NULL: a null. */
static inline shunt_value shunt_str(const char *text) { return text ? shunt_text(text, strlen(text)) : shunt_null(); }

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
typedef struct shunt_event shunt_event;

/* An audit (`rules.audit`) found that the rules no longer give the decision in the cache. Both decisions have a trace.
 */
typedef struct shunt_difference {
  const shunt_decision *remembered, *asked;
  shunt_status status;    /* of evaluating the rules: OK, DENIED, or an error */
  const shunt_error *err; /* set if status is not OK */
} shunt_difference;

typedef struct shunt_options {
  size_t size;     /* see "Versions" above */
  const char *env; /* NULL: SHUNT_ENV, else "dev" */
  /* shunt_open and shunt_reload call this once for each mistake, in the order of their places in the files. Beyond 100
   * mistakes one more call says how many there are. May be NULL. */
  void (*problem)(void *ud, const shunt_error *problem);
  void *ud;
  /* Called when an audit finds a difference, as long as the app is open. It runs on the thread of the audited call,
   * inside that call: it must not call into the library. Its argument is valid during the callback. May be NULL.
   * shunt_reload ignores it. */
  void (*difference)(void *ud, const shunt_difference *difference);
  void *difference_ud;
  /* With `watch: true` in the app config: called after each automatic reload, on the thread of the watch, as long as
   * the app is open. failure is NULL if a new generation was loaded, otherwise the reason why nothing changed. The
   * callback may use the app, but not close it. May be NULL. shunt_reload ignores it. */
  void (*reloaded)(void *ud, const shunt_error *failure);
  void *reloaded_ud;
  /* As shunt_events sets it, but before the app is opened, so that it gets the events of opening, too. May be NULL.
   * shunt_reload ignores it. */
  void (*event)(void *ud, const shunt_event *event);
  void *event_ud;
  int event_least; /* a shunt_severity */
  /* The app connects to no datasource before it is asked to: with database.spanning join, it would otherwise look for
   * transactions to recover. shunt_reload ignores it. */
  bool offline;
} shunt_options;

/* Reads the app config at path, its overlay and its rules. It opens no connection. Rule files run on a thread of their
 * own, with all signals blocked, and the call waits for it. If one step of Lua exceeds the limits of loading, the call
 * returns LIMIT, and the thread ends after that step. On failure err holds the first mistake, and options->problem was
 * called for each. Errors: CONFIG, RULE, LIMIT, NOT_FOUND, MEMORY. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_open(const char *path, const shunt_options *options, shunt_app **app,
                                                 shunt_error *err);
/* Close every session and worker first: while one is open, the app stays open and the function returns SHUNT_E_USAGE.
 * No thread may use the app meanwhile. Accepts NULL. */
SHUNT_API shunt_status shunt_close(shunt_app *app);

/* Reads everything again, as shunt_open did. If all of it is valid, it becomes the newest generation in one step: new
 * sessions use it, and so do sessions that follow, from their next call on; other sessions keep their generation until
 * they close. Pools of clients whose settings did not change keep their connections; pools of removed clients are
 * drained. On failure nothing changes, and err and options->problem say why; the other options are ignored. Any thread.
 * Errors: as for shunt_open. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_reload(shunt_app *app, const shunt_options *options, shunt_error *err);
/* With `watch: true` in the app config, a thread of the app reloads after each change of the config or the rules. This
 * function returns the result of the last automatic reload, OK if there was none; options->reloaded gets it too. It
 * waits for a reload in progress. Any thread. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_watched(shunt_app *app, shunt_error *err);
/* The number of the newest generation, from 1. Any thread. */
SHUNT_API uint64_t shunt_generation(const shunt_app *app);

/* The catalog (clients, instances, models, relations, rules with their counters) as one JSON object; the manual lists
 * its fields. Free it with shunt_free. Secrets are "********". */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_describe(shunt_app *app, char **json, shunt_error *err);
/* The merged configuration as YAML. Free it with shunt_free. Secrets are ********. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_config(shunt_app *app, char **yaml, shunt_error *err);

/* The settings of an app config, as a document. It needs no application. */
typedef enum shunt_settings_form {
  SHUNT_SETTINGS_DEFAULTS, /* YAML: every setting with its default, and what it is for in a comment */
  SHUNT_SETTINGS_SCHEMA,   /* JSON Schema (draft-07), for editors: yaml-language-server and others */
  SHUNT_SETTINGS_MANUAL    /* Markdown: the table of the manual */
} shunt_settings_form;

/* Writes the document to *text. Free it with shunt_free. Any thread. Errors: USAGE (no such form), MEMORY. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_settings(shunt_settings_form form, char **text, shunt_error *err);

/* ---- events ---- */

/* What happens on its own, between the calls of the host or inside of them: a connection breaks, a worker loses a
 * lease, a reload is refused. A host sets one callback per app and gets each event once. */

#define SHUNT_SEVERITY_MAP(X)                                                                                          \
  X(DEBUG, "debug")     /* all is well, and it happens often */                                                        \
  X(INFO, "info")       /* something has changed */                                                                    \
  X(WARNING, "warning") /* it may pass by itself */                                                                    \
  X(ERROR, "error")     /* look into it */

typedef enum shunt_severity {
#define SHUNT_SEVERITY_ENUM(severity, name) SHUNT_##severity,
  SHUNT_SEVERITY_MAP(SHUNT_SEVERITY_ENUM)
#undef SHUNT_SEVERITY_ENUM
} shunt_severity;

/* The kinds of events, each with its severity, its name and its text. {x} stands for the value of the field x; a part
 * in brackets is left out if the event does not have the field, or it is empty. An event may have more fields than its
 * text names; the manual lists all of them. */
#define SHUNT_EVENT_MAP(X)                                                                                             \
  X(CONNECTION_OPENED, DEBUG, "connection.opened", "client '{client}', level {level}: connection {open} was opened")   \
  X(CONNECTION_CLOSED, DEBUG, "connection.closed", "client '{client}', level {level}: closed a connection: {reason}")  \
  X(CONNECTION_FAILED, WARNING, "connection.failed", "can't connect (level {level}): {message}")                       \
  X(CIRCUIT_OPENED, ERROR, "circuit.opened",                                                                           \
    "{failures} attempts to connect have failed in a row, and calls fail at once now: {message}")                      \
  X(CIRCUIT_CLOSED, INFO, "circuit.closed", "client '{client}': connected again")                                      \
  X(STATEMENT_SLOW, WARNING, "statement.slow",                                                                         \
    "client '{client}', level {level}: a statement took {duration_ms} ms[ (instance '{instance}')]: {sql}")            \
  X(RULE_SLOW, WARNING, "rule.slow", "{source}: rule '{rule}' took {duration_ms} ms[ (model '{model}')]")              \
  X(RELOAD_DONE, INFO, "reload.done", "generation {generation} is loaded")                                             \
  X(RELOAD_REFUSED, ERROR, "reload.refused", "nothing was loaded: [{file}:{line}: ]{message}")                         \
  X(LEASE_RENEWED, DEBUG, "lease.renewed", "job '{job}' ({id}): the lease was renewed")                                \
  X(LEASE_FAILED, WARNING, "lease.failed", "job '{job}' ({id}): the lease was not renewed: {message}")                 \
  X(LEASE_LOST, ERROR, "lease.lost", "job '{job}' ({id}): the lease is lost; another worker may have run the job")     \
  X(JOB_STARTED, DEBUG, "job.started", "job '{job}' ({id}[, instance '{instance}']): attempt {attempt} started")       \
  X(JOB_DONE, DEBUG, "job.done", "job '{job}' ({id}[, instance '{instance}']): done in {duration_ms} ms")              \
  X(JOB_FAILED, WARNING, "job.failed",                                                                                 \
    "job '{job}' ({id}[, instance '{instance}']): attempt {attempt} failed after {duration_ms} ms: [{file}:{line}: "   \
    "]{message}")                                                                                                      \
  X(JOB_DEAD, ERROR, "job.dead",                                                                                       \
    "job '{job}' ({id}[, instance '{instance}']): attempt {attempt} failed after {duration_ms} ms, and it was the "    \
    "last: "                                                                                                           \
    "[{file}:{line}: ]{message}")                                                                                      \
  X(JOB_RELEASED, WARNING, "job.released",                                                                             \
    "job '{job}' ({id}[, instance '{instance}']): left to other workers, or until a reload: {message}")                \
  X(JOB_TAKEN_OVER, WARNING, "job.taken_over",                                                                         \
    "job '{job}' ({id}[, instance '{instance}']): runs again, because its worker {worker} was gone, or hung")          \
  X(CLOCK_LEAPT, WARNING, "clock.leapt",                                                                               \
    "the clock[ of client '{client}', by which the jobs go,] has leapt by {seconds} s")                                \
  X(LISTENER_LOST, WARNING, "listener.lost", "the worker is not notified of new jobs: {message}")                      \
  X(LISTENER_RECONNECTED, INFO, "listener.reconnected", "client '{client}': the worker is notified of new jobs again") \
  X(TRANSACTION_LEFT, WARNING, "transaction.left",                                                                     \
    "client '{client}': its part of the transaction {id} is left to recovery: {message}")                              \
  X(TRANSACTION_RECOVERED, INFO, "transaction.recovered",                                                              \
    "client '{client}': recovery has ended a prepared transaction, {decision} ({id})")                                 \
  X(EVENTS_DROPPED, WARNING, "events.dropped", "{count} events were dropped: the callbacks of app:on are too slow")

typedef enum shunt_event_kind {
#define SHUNT_EVENT_ENUM(kind, severity, name, text) SHUNT_EVENT_##kind,
  SHUNT_EVENT_MAP(SHUNT_EVENT_ENUM)
#undef SHUNT_EVENT_ENUM
} shunt_event_kind;

/* Valid during the callback. No field holds a password of the configuration. In the field sql, each literal of the
 * statement is a ?. The message of a failed job is the message of its error, which may quote SQL and values. */
struct shunt_event {
  shunt_event_kind kind;
  shunt_severity severity;
  int64_t time_ms; /* since 1970 */
  const shunt_field *fields;
  size_t nfields;
};

/* "connection.opened"; static. */
SHUNT_API const char *shunt_event_name(shunt_event_kind kind);
/* "warning"; static. */
SHUNT_API const char *shunt_severity_name(shunt_severity severity);
/* The value of a field; NULL if the event does not have it. */
SHUNT_API const shunt_value *shunt_event_field(const shunt_event *event, const char *name);
/* Writes the event as one line for people, without its time and name, and cuts it to the room (1 or more), which holds
 * the NUL as well. Returns text. */
SHUNT_API const char *shunt_event_text(const shunt_event *event, char *text, size_t room);

/* Sets the callback for the events of this severity and above; it replaces the one before. fn NULL: none. When this
 * function returns, the callback before is not running and is not called any more; shunt_close begins with that, too.
 * Any thread, but not the callback.
 *
 * fn is called on the thread on which the event happens: a thread of the host inside of a call, the thread of the
 * watch, or the threads of a worker; so it may run on several threads at once. No lock of a pool is held meanwhile, but
 * a session, a worker or a reload may be in the middle of its work. So fn should return soon, and may call nothing of
 * the library but shunt_event_*, shunt_severity_name, shunt_status_name, shunt_generation, shunt_pools,
 * shunt_limits and shunt_waits. */
SHUNT_API void shunt_events(shunt_app *app, shunt_severity least, void (*fn)(void *ud, const shunt_event *event),
                            void *ud);

/* ---- connection pools ---- */

/* The connections of a client at a level. Counters start at shunt_open. */
typedef struct shunt_pool_stats {
  const char *client; /* owned by the app */
  int level;
  int open;          /* connections that are busy, idle or being opened */
  int busy;          /* those of them that are not idle */
  int waiting;       /* callers in the waitlist */
  int max;           /* upper bound of open */
  int64_t acquired;  /* connections given to callers */
  int64_t opened;    /* connections made */
  int64_t closed;    /* connections closed: broken, idle too long, past their lifetime */
  int64_t failed;    /* failed attempts to connect */
  int64_t timeouts;  /* callers that timed out in the waitlist */
  int64_t waited_ns; /* total time in the waitlist */
  bool circuit_open; /* true after repeated connect failures; the same at all levels of a client */
  int64_t retry_ms;  /* until the next attempt to connect; also 0 while one is in progress */
} shunt_pool_stats;

/* Calls `each` once per client and level in use; level 0 is always included. The snapshots are not simultaneous. stats
 * is valid during the callback, which may call into the library. Any thread. */
SHUNT_API void shunt_pools(shunt_app *app, void (*each)(void *ud, const shunt_pool_stats *stats), void *ud);

/* A limit for the connections of several clients: of the application (database.maxConnections) or of a server. */
typedef struct shunt_limit_stats {
  const char *server; /* NULL: of the application; owned by the app */
  int max;            /* 0: there is no limit */
  int open;           /* connections under it that are busy, idle, being opened or being closed */
  int64_t taken;      /* idle connections that were closed because another client needed their place */
} shunt_limit_stats;

/* Calls `each` for the application and then for each server that a client was on. stats is valid during the callback,
 * which may call into the library. Any thread. */
SHUNT_API void shunt_limits(shunt_app *app, void (*each)(void *ud, const shunt_limit_stats *stats), void *ud);

/* A session or job that waits now: for a connection, for the lock of a file, or for the end of a job. */
typedef struct shunt_wait {
  const char *waiter; /* "session 3 (instance 'acme')", "job 'mail' 42" */
  const char *client; /* the client whose connections at this level are busy, or whose file is locked; NULL: a job */
  int level;
  const char *file;           /* the locked file; NULL if it does not wait for a lock */
  const char *job;            /* "job 'mail' 42"; NULL if it does not wait for a job */
  const char *const *holders; /* the known sessions and jobs that hold the connections or the lock, or run the job */
  size_t nholders;
  int64_t waited_ns; /* so far; for a job since the last look at it */
} shunt_wait;

/* Calls `each` once per wait in this process, of all apps, the longest wait first. A wait that could never end is not
 * in the list: it fails with SHUNT_E_CONFLICT when it begins. wait is valid during the callback, which may call into
 * the library. Any thread. Errors: MEMORY, before the first callback. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_waits(void (*each)(void *ud, const shunt_wait *wait), void *ud,
                                                  shunt_error *err);

/* ---- statistics ---- */

/* Kinds of the nodes in the decision cache, by the part of a request that a node compares. */
#define SHUNT_NODE_MAP(X)                                                                                              \
  X(FIELDS, "fields") /* several, if all requests so far had the same values */                                        \
  X(MODEL, "model")                                                                                                    \
  X(RELATION, "relation")                                                                                              \
  X(INSTANCE, "instance") /* instances that conditions distinguish */                                                  \
  X(OP, "op")                                                                                                          \
  X(EXPLICIT, "explicit")                                                                                              \
  X(RELATION_CLIENT, "relation_client")                                                                                \
  X(PARENT, "parent")                                                                                                  \
  X(CURRENT, "current")                                                                                                \
  X(ATTRS, "attrs")                                                                                                    \
  X(FLAG, "flag")           /* in_transaction, instance.isolate */                                                     \
  X(PREDICATE, "predicate") /* one_of, prefix */                                                                       \
  X(PICK, "pick")           /* a draw */                                                                               \
  X(OTHER, "other")         /* where, mod, bucket, level, fields of instances */

typedef enum shunt_node {
#define SHUNT_NODE_ENUM(name, text) SHUNT_NODE_##name,
  SHUNT_NODE_MAP(SHUNT_NODE_ENUM)
#undef SHUNT_NODE_ENUM
      SHUNT_NNODES
} shunt_node;

/* Kinds that there will be, at most. */
enum { SHUNT_NODE_ROOM = 32 };

/* Returns the text in SHUNT_NODE_MAP. Static. */
SHUNT_API const char *shunt_node_text(shunt_node node);

/* The decision cache of the newest generation. Counters start when it is loaded. */
typedef struct shunt_stats {
  uint64_t generation;
  bool remembers;                /* false with `rules.remember: 0`, and after an audit found a difference */
  uint64_t hits;                 /* requests answered from the cache */
  uint64_t misses;               /* cacheable requests for which the rules were evaluated */
  size_t entries;                /* cache entries: combinations of values */
  size_t decisions;              /* different decisions among them */
  size_t nodes[SHUNT_NODE_ROOM]; /* by kind */
  size_t bytes;                  /* memory of the cache */
  uint64_t refused_entries;      /* decisions not cached because `rules.remember` entries were there */
  uint64_t refused_children;     /* decisions not cached because one node had too many values */
  uint64_t audits;               /* hits for which the rules were evaluated too */
  uint64_t differences;          /* audits that found a difference */
  size_t states;                 /* rule states: one per thread that evaluates rules */
} shunt_stats;

/* One rule. A hit in the cache counts like an evaluation. */
typedef struct shunt_rule_stats {
  const char *name, *stage, *source; /* valid during the callback */
  uint64_t asked;                    /* evaluations in which its conditions held; the next four are its results */
  uint64_t selected;                 /* it named or changed the client, table or level */
  uint64_t passed;                   /* it had no opinion, or allowed the access */
  uint64_t denied, failed;
  uint64_t timed;    /* number of timed calls (sampled: timing every call would cost more than most rules) */
  uint64_t timed_ns; /* total time of these calls */
} shunt_rule_stats;

/* Fills *stats and calls `each` for each rule of the same generation, in load order; either may be NULL. Any thread.
 * Errors: MEMORY. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_statistics(shunt_app *app, shunt_stats *stats,
                                                       void (*each)(void *ud, const shunt_rule_stats *rule), void *ud,
                                                       shunt_error *err);
/* The last difference that an audit found, in any generation, as lines of text: the cached decision, the evaluated one,
 * and the trace of both. NULL if there was none. Free it with shunt_free. Any thread. Errors: MEMORY. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_last_difference(shunt_app *app, char **text, shunt_error *err);

/* ---- metrics ---- */

/* Writes the metrics of the application in the text format of OpenMetrics 1.0, which Prometheus and others read; its
 * content type is SHUNT_METRICS_TYPE. The manual lists the metrics. Counters start at shunt_open and never go back:
 * reloads don't reset them. No label names an instance. *text is UTF-8; free it with shunt_free. If this process has
 * used the queues of jobs, it asks their database how many there are, at the level of the workers, and waits for that
 * at most 1 s. Any thread, but not in a callback of shunt_events. Errors: MEMORY. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_metrics(shunt_app *app, char **text, shunt_error *err);
#define SHUNT_METRICS_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"

/* ---- transactions of several datasources ---- */

/* With spanning "join", the datasources of a transaction commit as one, in two phases. If the process or a server dies
 * in between, parts of it stay prepared in their databases, and hold their locks, until recovery ends all of them in
 * the same way. An app with database.spanning join recovers in the background when it opens; others before their first
 * such commit. These functions do it at once, and ask every client once, one after the other.
 *
 * *rows has a row for each prepared part, and one for each client that could not be asked. Free it with
 * shunt_rows_free. Its columns:
 *   id            of the transaction, the same for all its parts; null: the row is a client that could not be asked
 *   client        where the part is prepared
 *   coordinator   the client whose table shunt_transactions has the decision; null: unknown
 *   participants  the clients of the transaction, once it is decided
 *   decision      "committed", "rolled back", "undecided" or "unknown"
 *   ended         whether this call has ended it
 *   age_ms        since its commit began
 *   pid, process  the process that commits it: "here" (this one), "running", "ended", or "elsewhere" (another host or
 *                 container)
 *   error         why it was left, or could not be asked
 * Errors: MEMORY. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_transactions_list(shunt_app *app, shunt_rows **rows, shunt_error *err);
/* Ends them, and returns what it found and did. id NULL: all, except those of other processes of this host that run,
 * and those of other hosts that are younger than 5 minutes. With an id: that one in any case; a process that is still
 * committing it then fails and rolls back. Errors: NOT_FOUND: there is no such id; MEMORY. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_transactions_resolve(shunt_app *app, const char *id, shunt_rows **rows,
                                                                 shunt_error *err);

/* ---- handles ---- */

/* A name that was looked up once. A request or a session takes it in place of the name and saves the look-up. It is
 * valid in every generation that has the name. 0 means no handle. Handles are not freed. */
typedef uint32_t shunt_handle;

typedef enum shunt_handle_kind {
  SHUNT_HANDLE_MODEL,
  SHUNT_HANDLE_RELATION, /* "user.orders" */
  SHUNT_HANDLE_INSTANCE,
  SHUNT_HANDLE_CLIENT
} shunt_handle_kind;

/* Looks a name up in the newest generation. An application has at most 4,096 handles. Any thread. Errors: NOT_FOUND,
 * USAGE, MEMORY. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_handle_of(shunt_app *app, shunt_handle_kind kind, const char *name,
                                                      shunt_handle *handle, shunt_error *err);

/* ---- sessions ---- */

typedef struct shunt_session_options {
  size_t size;                  /* see "Versions" above */
  const char *instance;         /* NULL or "": the default instance */
  shunt_handle instance_handle; /* in place of the name */
  bool follow;              /* after a reload: move to the newest generation at the next call outside of transactions;
                             * false: keep the generation that the session began in */
  int level;                /* 0 in the foreground; work started at level n runs at n + 1; at most database.maxLevel */
  int64_t timeout_ms;       /* of each call of the session; 0: none */
  const shunt_field *attrs; /* attributes that rules read as req.attrs: text, numbers, booleans. If the app config has
                             * `attributes`, another name is NOT_FOUND, and another value USAGE */
  size_t nattrs;
} shunt_session_options;

/* Opens a session; options may be NULL. Errors: NOT_FOUND, USAGE, MEMORY. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_session_open(shunt_app *app, const shunt_session_options *options,
                                                         shunt_session **session, shunt_error *err);
/* Rolls back open transactions and runs their hooks; failures of these hooks are ignored. Accepts NULL. */
SHUNT_API void shunt_session_close(shunt_session *session);
/* Limits the duration of each later call: waiting for a connection, connecting and its statements, all together. When
 * the time is up, the running statement is cancelled on the server and the call returns SHUNT_E_TIMEOUT. 0: no limit.
 * Errors: USAGE. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_session_timeout(shunt_session *session, int64_t timeout_ms,
                                                            shunt_error *err);

/* Switches the session's current datasource until the matching shunt_switch_pop. NULL: no current datasource, as in a
 * new session. Errors: NOT_FOUND, MEMORY. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_switch_push(shunt_session *session, const char *client, shunt_error *err);
SHUNT_API void shunt_switch_pop(shunt_session *session);

/* Moves the session one level up until the matching shunt_level_pop. There it uses other pools, so it never waits for a
 * connection that it holds below. Transactions below are not active meanwhile, except on SQLite, which has no levels.
 * With database.maxLevel 0 there are no levels, and the call changes nothing. Errors: TRANSACTION above
 * database.maxLevel. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_level_push(shunt_session *session, shunt_error *err);
SHUNT_API void shunt_level_pop(shunt_session *session);
/* The current level. */
SHUNT_API int shunt_session_level(const shunt_session *session);

/* ---- decisions ---- */

typedef enum shunt_op { SHUNT_READ, SHUNT_WRITE } shunt_op;

/* The fields of a request that rules see, as X(KIND, ID, member, "name", "option"): rules read req.name, Lua and the
 * configuration give the option. */
#define SHUNT_REQUEST_MAP(X)                                                                                           \
  X(MODEL, MODEL, model, "model", "model")                   /* NULL if relation is given: the relation's target */    \
  X(RELATION, RELATION, relation, "relation", "relation")    /* "user.orders", or NULL */                              \
  X(CLIENT, EXPLICIT, explicit_client, "explicit", "client") /* the client asked for in this call */                   \
  X(MODE, RELATION_CLIENT, relation_client, "relation_client", "relation_client") /* see SHUNT_MEMBER_MODE */          \
  X(CLIENT, PARENT, parent, "parent", "parent") /* the parent's datasource; NULL: what the parent model resolves to */ \
  X(CLIENT, CURRENT, current, "current", "current") /* NULL: the session's */                                          \
  X(OP, OP, op, "op", "op")                                                                                            \
  X(LEVEL, LEVEL, level_up, "level", "level") /* added to the session's level; ignored if there are no levels */       \
  X(VALUES, WHERE, where, "where", "where")   /* the columns compared for equality, with their values */

/* The members of a field by its KIND. A CLIENT is a client's name; a MODE is that, "_inherit_", "_initial_" or
 * "_auto_". */
#define SHUNT_MEMBER_MODEL(member) const char *member;
#define SHUNT_MEMBER_RELATION(member) const char *member;
#define SHUNT_MEMBER_CLIENT(member) const char *member;
#define SHUNT_MEMBER_MODE(member) const char *member;
#define SHUNT_MEMBER_OP(member) shunt_op member;
#define SHUNT_MEMBER_LEVEL(member) int member;
#define SHUNT_MEMBER_VALUES(member)                                                                                    \
  const shunt_field *member;                                                                                           \
  size_t n##member;
#define SHUNT_HANDLE_MODEL(member) shunt_handle member##_handle;
#define SHUNT_HANDLE_RELATION(member) shunt_handle member##_handle;
#define SHUNT_HANDLE_CLIENT(member) shunt_handle member##_handle;
#define SHUNT_HANDLE_MODE(member)
#define SHUNT_HANDLE_OP(member)
#define SHUNT_HANDLE_LEVEL(member)
#define SHUNT_HANDLE_VALUES(member)

typedef struct shunt_request {
  size_t size; /* see "Versions" above */
#define SHUNT_REQUEST_MEMBER(kind, id, member, name, option) SHUNT_MEMBER_##kind(member)
#define SHUNT_REQUEST_HANDLE(kind, id, member, name, option) SHUNT_HANDLE_##kind(member)
  SHUNT_REQUEST_MAP(SHUNT_REQUEST_MEMBER)
  SHUNT_REQUEST_MAP(SHUNT_REQUEST_HANDLE) /* in place of the names: model_handle, explicit_client_handle and so on */
#undef SHUNT_REQUEST_HANDLE
#undef SHUNT_REQUEST_MEMBER
  const char *explicit_table; /* the table asked for in this call */
  bool every_rule;            /* trace the rules whose conditions did not hold, too */
  bool no_model;              /* without a model and a relation: SQL that names none */
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

/* Returns the text in SHUNT_VERDICT_MAP. Static. */
SHUNT_API const char *shunt_verdict_text(shunt_verdict verdict);

typedef struct shunt_trace {
  const char *stage;
  const char *rule;
  const char *source; /* "rules/residency.lua:3" */
  shunt_verdict verdict;
  const char *detail; /* CHOSE, CHANGED, PINNED: the client, table or level; REFUSED: the reason; SKIPPED: the
                       * condition that did not hold; else NULL */
} shunt_trace;

/* The fields of a decision, as X(KIND, member). */
#define SHUNT_DECISION_MAP(X)                                                                                          \
  X(TEXT, model)                                                                                                       \
  X(TEXT, relation) /* or NULL */                                                                                      \
  X(TEXT, client)   /* NULL if denied */                                                                               \
  X(TEXT, denied)   /* the reason, or NULL */                                                                          \
  X(TEXT, engine)   /* "sqlite3", "pg", "mysql"; NULL if denied */                                                     \
  X(INTEGER, level)                                                                                                    \
  X(TEXT, table)                                                                                                       \
  X(OP, op)                                                                                                            \
  X(TEXT, role)   /* "primary" or "replica" */                                                                         \
  X(TEXT, rule)   /* the rule that chose the client, or that denied the access */                                      \
  X(TEXT, source) /* the place of that rule, as in shunt_trace */                                                      \
  X(COUNT, generation)                                                                                                 \
  X(TEXT, pinned_by) /* "transaction": an active transaction, whose connection is used; "job" in the session of a job; \
                      * else NULL. The last step of the trace says so too */                                           \
  X(FLAG, remembered)     /* true if it came from the cache */                                                         \
  X(TEXT, not_remembered) /* the reason why the next one won't come from the cache either, or NULL */                  \
  X(TEXT, uncacheable)    /* the reason why this decision can't be cached, or NULL */                                  \
  X(TEXT, unfixed) /* "where.user_id": the rules chose by it, and the request gives no value. Then an access asks all  \
                    * parts of the model, or is refused. Or NULL */                                                    \
  X(TEXT, unfixed_rule) /* with every_rule: the rule that reads that column; NULL: the model's table function does */  \
  X(TEXT, unfixed_source) /* its place, as in shunt_trace; NULL: the model's place */                                  \
  X(TEXT, outside) /* "where.user_id": the rules chose by it a place that is not one of the model's parts. Then an     \
                    * access is refused, because accesses of all parts would miss its rows. Or NULL */                 \
  X(FIELDS, depends_on) /* fields that were read, in the order of their first read */                                  \
  X(STEPS, trace)

/* The members of a field by its KIND; a list's length stands before it. */
#define SHUNT_DECISION_TEXT(member) const char *member;
#define SHUNT_DECISION_INTEGER(member) int member;
#define SHUNT_DECISION_COUNT(member) uint64_t member;
#define SHUNT_DECISION_OP(member) shunt_op member;
#define SHUNT_DECISION_FLAG(member) bool member;
#define SHUNT_DECISION_FIELDS(member)                                                                                  \
  size_t n##member;                                                                                                    \
  const char *const *member;
#define SHUNT_DECISION_STEPS(member)                                                                                   \
  size_t n##member;                                                                                                    \
  const shunt_trace *member;

struct shunt_decision {
#define SHUNT_DECISION_MEMBER(kind, member) SHUNT_DECISION_##kind(member)
  SHUNT_DECISION_MAP(SHUNT_DECISION_MEMBER)
#undef SHUNT_DECISION_MEMBER
};

/* Takes the decision. *decision belongs to the session and is valid until its next call; it is also set if the status
 * is SHUNT_E_DENIED. With no_model its table is NULL. Errors: DENIED, NOT_FOUND, RULE, LIMIT, USAGE, MEMORY. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_resolve(shunt_session *session, const shunt_request *request,
                                                    const shunt_decision **decision, shunt_error *err);

/* Takes the decisions of n requests, all in one generation, and calls `each` once for each of them, in their order.
 * decision and failure are as shunt_resolve would give them, and valid during the callback: without a failure it is
 * NULL; if the access was denied, both are set. The callback must not call into the session. Errors: USAGE, MEMORY;
 * those of a request are only given to the callback. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_resolve_all(shunt_session *session, const shunt_request *const *requests,
                                                        size_t n,
                                                        void (*each)(void *ud, size_t i, const shunt_decision *decision,
                                                                     const shunt_error *failure),
                                                        void *ud, shunt_error *err);

/* ---- queries ---- */

typedef enum shunt_operator {
  SHUNT_EQ, /* with a null: IS NULL */
  SHUNT_NE, /* with a null: IS NOT NULL */
  SHUNT_GT,
  SHUNT_GTE,
  SHUNT_LT,
  SHUNT_LTE,
  SHUNT_LIKE,     /* text with % and _, in any case of ASCII letters; a second value is the escape character */
  SHUNT_BETWEEN,  /* two values */
  SHUNT_IN,       /* any number of values; an empty list matches nothing */
  SHUNT_NOT_IN,   /* any number of values; an empty list matches everything */
  SHUNT_ILIKE,    /* the same as SHUNT_LIKE */
  SHUNT_CONTAINS, /* text; % and _ are characters like others. This and the next two compare as the column's collation
                   * does */
  SHUNT_STARTS_WITH,
  SHUNT_ENDS_WITH,
  SHUNT_NOT_BETWEEN, /* two values */
  /* Over a relation of the model, which `column` names; the one item is a condition on its rows. With both ends on one
   * datasource it is a join of the engine; otherwise keys are read first, 10,000 at most. */
  SHUNT_SOME,
  SHUNT_NONE,
  SHUNT_EVERY, /* also true if there are no related rows */
  SHUNT_AND,   /* of items; true if there are none */
  SHUNT_OR,    /* of items; false if there are none */
  SHUNT_NOT    /* of the one item */
} shunt_operator;

/* A condition: a comparison of a column with values, or a combination of conditions. */
typedef struct shunt_where {
  shunt_operator op;
  const char *column;
  const shunt_value *values;
  size_t nvalues;
  const struct shunt_where *items;
  size_t nitems;
  const char *other; /* EQ, NE, GT, GTE, LT, LTE: a column of the same row to compare with, in place of a value */
} shunt_where;

typedef enum shunt_kind { SHUNT_HAS_ONE, SHUNT_BELONGS_TO, SHUNT_HAS_MANY, SHUNT_BELONGS_TO_MANY } shunt_kind;

/* The limit of a call that is to return no row: 0 says that there is no limit. */
#define SHUNT_NO_ROWS (-1)

/* Columns of a key, at most. */
enum { SHUNT_KEY_MOST = 8 };

/* A relation between two models. A key has one column or several; the first NULL ends it. The columns of foreign_key
 * and key correspond, and so do those of through_key and the target's primary key. */
typedef struct shunt_relation {
  size_t size; /* see "Versions" above */
  const char *name;
  shunt_kind kind;
  const char *target; /* a model */
  /* has_*: in the target; belongs_to: in the source; belongs_to_many: in through, to the source */
  const char *foreign_key[SHUNT_KEY_MOST];
  const char *through;                     /* belongs_to_many: a model */
  const char *through_key[SHUNT_KEY_MOST]; /* belongs_to_many: in through, to the target */
  const char *key[SHUNT_KEY_MOST];         /* the columns that foreign_key refers to; none: the primary key */
  const char *client;                      /* NULL: "_auto_" */
  const char *through_client;              /* NULL: "_auto_" */
  const char *table;                       /* NULL: the target's */
  const char *const *columns;              /* none: all */
  size_t ncolumns;
  const shunt_where *where;
  /* "name", "-id", "author.name" of another row; belongs_to_many: also columns of the link, "link.since" */
  const char *const *order;
  size_t norder;
  int64_t limit; /* most rows for each parent row; 0: all; SHUNT_NO_ROWS: none */
  bool autoload;
} shunt_relation;

typedef struct shunt_include shunt_include;

/* The rows that a read locks until the end of the transaction. */
typedef enum shunt_lock {
  SHUNT_LOCK_NONE,
  SHUNT_LOCK_SHARE, /* others may read and lock them so, too, but not write */
  SHUNT_LOCK_UPDATE /* others may neither write nor lock them */
} shunt_lock;

/* A query. Zeroed, it reads every row and column. */
typedef struct shunt_query {
  size_t size;                /* see "Versions" above */
  const char *const *columns; /* none: all */
  size_t ncolumns;
  const shunt_where *where;
  /* "name" ascending, "-id" descending; "author.name": of the row that a relation leads to. A null is less than every
   * value, unless the term says otherwise: "due nulls last", "-due nulls first". */
  const char *const *order;
  size_t norder;
  int64_t limit; /* most rows, in an include for each parent row; 0: all; SHUNT_NO_ROWS: none */
  int64_t offset;
  const char *client; /* the explicit client */
  const char *table;  /* the explicit table; "audit.log": of the schema audit, unless a table has the whole name */
  int64_t timeout_ms; /* of the whole call, ignored in an include; 0: the session's */
  bool deleted;       /* rows that soft_delete marks as deleted, too */
  const shunt_include *include;
  size_t ninclude;
  bool distinct;             /* shunt_select, shunt_each: equal rows once; shunt_count: counts the different ones */
  const shunt_where *having; /* shunt_aggregate: which groups; its columns are those of the result */
  /* shunt_select, shunt_mget, shunt_each, in a transaction that writes: locks the rows of the model (not those of
   * included relations). Rules see a write. SQLite locks the whole file when such a transaction begins. */
  shunt_lock lock;
  bool nowait;      /* fails with CONFLICT if another transaction has locked a row */
  bool skip_locked; /* leaves out the rows that another transaction has locked */
} shunt_query;

/* The links of a belongs_to_many: the rows of the through model between a parent row and its related rows. */
typedef struct shunt_link {
  size_t size;                /* see "Versions" above */
  const char *const *columns; /* of the through model; none: all */
  size_t ncolumns;
  const shunt_where *where; /* on the through model's columns; only these links count */
} shunt_link;
typedef enum shunt_function { SHUNT_COUNT, SHUNT_SUM, SHUNT_AVG, SHUNT_MIN, SHUNT_MAX } shunt_function;

typedef struct shunt_aggregation {
  shunt_function function;
  const char *column; /* NULL with SHUNT_COUNT: counts rows */
} shunt_aggregation;

struct shunt_include {
  const char *relation;       /* the name of the relation in its model, and of its rows in the result */
  const shunt_relation *with; /* a relation for this call; NULL: the model's relation of that name */
  bool off;                   /* leave out a relation with autoload */
  const shunt_query *query;   /* where narrows; order, limit and columns replace those of the relation; NULL: nothing */
  bool count; /* the number of the rows that it would load, instead of the rows. Then query takes no columns, order or
               * include, and writes don't take it */
  /* belongs_to_many: each related row has its link, as a loaded relation "link" with one row. A row that is linked
   * several times comes once for each link, and parents share no rows. With count it only has a where. NULL: no links
   * are shown. With or without it, the order takes columns of the link: "link.since", "-link.since". */
  const shunt_link *link;
  /* Functions over the rows that it would load, in place of the rows; not together with count. shunt_rows_loaded then
   * has rows with the columns that shunt_aggregate gives ("count", "sum_total"; columns are named as they are written
   * here) and the kind SHUNT_HAS_ONE: shunt_rows_related gives the one position of each parent's results, which
   * several parents may share. Without related rows counts are 0 and the rest is null. query takes no columns, order or
   * include, and writes don't take it. If rows of several datasources, or rows that links lead to, would have to be put
   * in order to apply limit and offset (and the 1 of has_one and belongs_to), it fails with USAGE. */
  const shunt_aggregation *aggregates;
  size_t naggregates;
};

/* Reads. A query may be NULL. Errors: NOT_FOUND, USAGE, DENIED, RULE, LIMIT, DATASOURCE, TIMEOUT, CONFLICT, MEMORY. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_select(shunt_session *session, const char *model, const shunt_query *query,
                                                   shunt_rows **rows, shunt_error *err);
/* The row with this primary key, which has one column; *rows is empty if no row has it. query may be NULL; it takes
 * neither order nor limit nor offset. Errors: as for shunt_select; USAGE if the key has several columns (shunt_mget).
 */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_get(shunt_session *session, const char *model, shunt_value key,
                                                const shunt_query *query, shunt_rows **rows, shunt_error *err);
/* Primary keys. NULL in place of this struct, and of the two below: none. */
typedef struct shunt_keys {
  const shunt_value *values;  /* ncolumns for each key */
  size_t n;                   /* keys */
  const char *const *columns; /* of each key, in the order of its values; NULL: the model's, in their order */
  size_t ncolumns;            /* 0: as many as the model's primary key has */
} shunt_keys;

/* The rows with these primary keys, in the order of ids. Ids without a row are left out. Errors: USAGE if the
 * columns of ids are not the primary key's. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_mget(shunt_session *session, const char *model, const shunt_keys *ids,
                                                 const shunt_query *query, shunt_rows **rows, shunt_error *err);
SHUNT_API SHUNT_MUST_USE shunt_status shunt_count(shunt_session *session, const char *model, const shunt_query *query,
                                                  int64_t *count, shunt_error *err);

/* Rows one by one, in constant memory, however many there are. The stream is read on a connection of its own, which it
 * gives back after the last row, an error, or shunt_stream_close; other calls of the session may be made meanwhile. In
 * a transaction on the rows' datasource it is read on the transaction's connection: until it has ended, other
 * statements there fail with TRANSACTION. It ends with the transaction. A query takes no include here. A timeout in the
 * query limits the whole stream; the session's limits each step. */
typedef struct shunt_stream shunt_stream;
SHUNT_API SHUNT_MUST_USE shunt_status shunt_each(shunt_session *session, const char *model, const shunt_query *query,
                                                 shunt_stream **stream, shunt_error *err);
/* *row: the cells of the next row, valid until the next call for the stream; NULL after the last row. If rows are
 * missing at the end, it is an error. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_stream_next(shunt_stream *stream, const shunt_value **row,
                                                        shunt_error *err);
SHUNT_API size_t shunt_stream_ncolumns(const shunt_stream *stream);
SHUNT_API const char *shunt_stream_column(const shunt_stream *stream, size_t column);
/* Before the last row, outside of a transaction, a connection to a server is closed with the stream: reading the other
 * rows would take longer. Accepts NULL, and a stream whose session was closed. */
SHUNT_API void shunt_stream_close(shunt_stream *stream);

typedef struct shunt_aggregates {
  const shunt_aggregation *list;
  size_t n;
  const char *const *group; /* columns; none: all rows are one group */
  size_t ngroup;
} shunt_aggregates;

/* One row per group, a single row without group. Its columns: those of group, then "count", "sum_total", "max_id" … */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_aggregate(shunt_session *session, const char *model,
                                                      const shunt_aggregates *what, const shunt_query *query,
                                                      shunt_rows **rows, shunt_error *err);

/* ---- writes ---- */

typedef struct shunt_related shunt_related;

/* A row to write, with the rows of its relations. */
typedef struct shunt_record {
  const shunt_field *fields;
  size_t nfields;
  bool deleted; /* in a related row: delete it; with belongs_to_many: unlink it */
  bool is_new;  /* in a related row: insert it, although it has its primary key */
  const shunt_related *related;
  size_t nrelated;
  /* In a row of a belongs_to_many: columns of its link. A new link gets them, and so does one that exists. If they give
   * the through model's primary key, only the link with that key is meant. */
  const shunt_field *link;
  size_t nlink;
} shunt_record;

struct shunt_related {
  const char *relation;
  const shunt_record *records;
  size_t nrecords;
};

typedef struct shunt_records {
  const shunt_record *list;
  size_t n;
} shunt_records;

/* What an insert does with a row whose unique key another row has already. The key is given by its columns; a model's
 * instance column is part of it without being named. */
typedef struct shunt_conflict {
  size_t size;                /* see "Versions" above */
  const char *const *columns; /* at least one */
  size_t ncolumns;
  const char *const *update; /* columns that the other row gets from the new one; none: it stays as it is */
  size_t nupdate;
  bool update_all; /* the other row gets all that the new one gives, except the key; in place of update */
} shunt_conflict;

typedef struct shunt_write {
  size_t size;              /* see "Versions" above */
  const shunt_where *where; /* update, delete */
  bool all;                 /* allows an update or delete without where */
  const char *client;
  const char *table;
  int64_t timeout_ms;           /* of the whole call; 0: the session's */
  const shunt_include *include; /* the relations to write with the row */
  size_t ninclude;
  const shunt_conflict *on_conflict; /* inserts, without include; NULL: such a row is an error */
  bool deleted;                      /* update: rows that soft_delete marks as deleted, too */
  bool
      purge; /* delete, without include: deletes the rows even if the model has soft_delete, and those already marked */
  const shunt_field *increments; /* shunt_update: numbers that the database adds to columns; null stays null */
  size_t nincrements;
} shunt_write;

/* Writes. options may be NULL. A write is done as a whole or not at all on each datasource: a nested write, and one
 * that takes several statements, runs in one transaction per datasource. After a failure err->outcome says what is
 * known. Errors as for reads, and CONSTRAINT, TRANSACTION. */
/* *rows is the inserted row as the database has it, with generated keys and, under include, the related rows. With
 * on_conflict it is the row that was inserted or updated, or the other row, which stays as it is. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_insert(shunt_session *session, const char *model,
                                                   const shunt_record *record, const shunt_write *options,
                                                   shunt_rows **rows, shunt_error *err);
/* *inserted counts the rows that were inserted, with on_conflict also those that were updated. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_insert_bulk(shunt_session *session, const char *model,
                                                        const shunt_records *records, const shunt_write *options,
                                                        int64_t *inserted, shunt_error *err);
/* The same, with one row for each record, in their order, as the database has it. Errors too: CONFLICT: a trigger has
 * left rows out. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_insert_rows(shunt_session *session, const char *model,
                                                        const shunt_records *records, const shunt_write *options,
                                                        shunt_rows **rows, shunt_error *err);
/* Without options->where the primary key in the record selects the row. *affected counts rows of the model itself. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_update(shunt_session *session, const char *model,
                                                   const shunt_record *record, const shunt_write *options,
                                                   int64_t *affected, shunt_error *err);
/* Updates each row by the primary key in its record, in few statements; where, all, include, on_conflict and increments
 * are not for it. If two records have the same key, the later one wins. *affected counts the rows that exist. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_update_bulk(shunt_session *session, const char *model,
                                                        const shunt_records *records, const shunt_write *options,
                                                        int64_t *affected, shunt_error *err);
SHUNT_API SHUNT_MUST_USE shunt_status shunt_delete(shunt_session *session, const char *model,
                                                   const shunt_write *options, int64_t *affected, shunt_error *err);

/* ---- SQL ---- */

typedef struct shunt_sql_options {
  size_t size;               /* see "Versions" above */
  const char *client;        /* NULL: the session's current datasource, else its default; "default": its default */
  const shunt_value *params; /* of the ? in the statement */
  size_t nparams;
  const char *op;           /* "read" or "write"; NULL: as the text says. A "read" that writes fails */
  const char *model;        /* goes where an access to this model goes; NULL: none */
  const shunt_where *where; /* with model: the sharding key is taken from it; it does not filter */
} shunt_sql_options;

/* Runs one SQL statement with ? parameters on a client. rows and affected may be NULL. The guards are asked with the op
 * of the statement, also if a client is named. Where they, or role: replica, would deny a write, a statement that says
 * it reads runs in a read-only transaction, so that the database refuses to write. Errors too: DENIED. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_sql(shunt_session *session, const char *sql,
                                                const shunt_sql_options *options, shunt_rows **rows, int64_t *affected,
                                                shunt_error *err);
/* The columns of a table, as rows of name, type, nullable, key (the position in the primary key from 1, or 0), unique
 * (names of other unique keys that the column is a part of, with blanks between them, or null), equates (the collation
 * or type by which texts with different letters are equal, or null). Errors: NOT_FOUND if there is no such table. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_table_columns(shunt_session *session, const char *client, const char *table,
                                                          shunt_rows **rows, shunt_error *err);

/* What an observer gets, valid during its call. */
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
  shunt_op op; /* READ: it only reads, as far as shunt knows */
  /* The access that it belongs to, and the decision for it. NULL: SQL that names no model, or a statement of shunt's
   * own, for jobs say; table also if the statement reads several. */
  const char *model, *table;
  const char *rule, *source; /* the rule that chose the client or changed it last, as in shunt_decision */
  const char *instance;      /* the session's */
  const char *job;           /* the name of the job that the session runs; NULL: none */
} shunt_statement;

/* Calls fn before a call of the session waits for a connection, or for the lock of a SQLite file, so that the host can
 * end, on other sessions, what keeps these busy. NULL removes it. */
SHUNT_API void shunt_before_wait(shunt_session *session, void (*fn)(void *ud), void *ud);

/* Calls fn after each statement of the session. fn must not call into the session, and must return: it can't undo the
 * statement or make it fail. NULL removes it. */
SHUNT_API void shunt_observe(shunt_session *session, void (*fn)(void *ud, const shunt_statement *statement), void *ud);
/* Calls fn after each statement of all sessions of the app, those of jobs and of workers too; it replaces the one
 * before. When this function returns, the callback before is not running and is not called any more; shunt_close begins
 * with that, too. NULL removes it; then a statement costs one load and one branch for it. Any thread,
 * but not the callback.
 *
 * fn is called on the thread of the statement, so it may run on several threads at once, in the middle of a call,
 * before the connection is given back. It should return soon, and may call nothing of the library but shunt_status_name
 * and shunt_generation: it can't undo the statement or make it fail. */
SHUNT_API void shunt_observe_app(shunt_app *app, void (*fn)(void *ud, const shunt_statement *statement), void *ud);

/* ---- transactions ---- */

/* At most one transaction is active per client and level: open, and not suspended by an inner NOT_SUPPORTED or
 * REQUIRES_NEW. Accesses that go to its client and level run on its connection. */
typedef struct shunt_tx_options {
  size_t size; /* see "Versions" above */
  /* Where it begins; at most one of the three. None: with its first access, wherever the rules send that. */
  const char *client; /* a name, or "default" */
  const char *model;  /* where an access to this model goes, with `where` (which may be NULL) */
  const shunt_where *where;
  const char *const *clients; /* several, which commit as one */
  size_t nclients;
  const char *propagation; /* what to do if a transaction is active there; NULL: "REQUIRED".
                            *   REQUIRED       joins it, or begins one
                            *   SUPPORTS       joins it, or runs without a transaction
                            *   MANDATORY      joins it, or fails
                            *   NEVER          fails, or runs without a transaction
                            *   NESTED         is a savepoint in it, or begins one
                            *   REQUIRES_NEW   goes one level up and begins its own
                            *   NOT_SUPPORTED  goes one level up and runs without a transaction
                            * Without levels (SQLite, database.maxLevel 0) the last two suspend the active transaction
                            * until they end. REQUIRES_NEW fails if the database has one writer and that writer waits
                            * (SQLite), unless one of the two only reads */
  const char *isolation;   /* NULL: the engine's own. SQLite is always serializable and accepts every weaker level */
  bool read_only;
  const char *spanning; /* accesses to other datasources, while no transaction is active where they go. "error": they
                         * fail. "run": they run outside of it. "join": it takes them in, and all datasources commit as
                         * one. NULL: as database.spanning says, which is "error" if it is not set */
  int retry; /* shunt_transaction: how often it is tried again if the database has rolled it back for another one
              * (CONFLICT) and nothing of it is done. Not if it joins another one */
} shunt_tx_options;

/* Begins or joins a transaction. A request that the engine or the active transaction can't meet (joining one with
 * another isolation, or a writing one with read_only, or the reverse) fails with SHUNT_E_TRANSACTION. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_begin(shunt_session *session, const shunt_tx_options *options,
                                                  shunt_tx **tx, shunt_error *err);
/* Both functions free tx, whatever they return, except when another thread is in a call of the session: that is
 * SHUNT_E_USAGE, and the transaction stays open. A transaction that joined another one leaves the decision to that one:
 * its rollback makes the commit of the joined one fail with SHUNT_E_TRANSACTION, unless a savepoint around it is rolled
 * back. If the transaction ended as asked and hooks failed, both functions return SHUNT_E_TRANSACTION, with all their
 * failures; err->outcome is DONE after a commit. If the answer to the commit was lost, err->outcome is UNKNOWN, and
 * hooks for a commit or a rollback of the transaction don't run. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_commit(shunt_tx *tx, shunt_error *err);
SHUNT_API shunt_status shunt_rollback(shunt_tx *tx, shunt_error *err);
/* True if it began a transaction of its own, which the caller may therefore repeat as a whole. */
SHUNT_API bool shunt_tx_began(const shunt_tx *tx);
/* True once it can't be committed any more, because the transaction around it has ended before it, or the session has
 * been closed. */
SHUNT_API bool shunt_tx_ended(const shunt_tx *tx);

/* What is done in a transaction. err is never NULL. A status other than SHUNT_OK rolls back, and is returned with *err.
 */
typedef shunt_status (*shunt_work)(void *ud, shunt_session *session, shunt_error *err);

/* Begins a transaction, calls fn, and commits if fn returns SHUNT_OK; otherwise it rolls back and returns the status of
 * fn. options may be NULL. With options->retry fn may be called several times, after pauses of up to 200 ms. If hooks
 * fail after the rollback, the status is TRANSACTION, and the message holds the message of fn, too. fn must return, and
 * leave no transaction open that it has begun. Errors: those of shunt_begin, fn and shunt_commit. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_transaction(shunt_session *session, const shunt_tx_options *options,
                                                        shunt_work fn, void *ud, shunt_error *err);

/* Runs once after a transaction has ended. Hooks run between calls: they may use the session, but not close it. While
 * a hook runs, the session has the current datasource and the level of the moment when the hook was added, and
 * transactions that were suspended stay suspended. On failure the hook fills *err, which is never NULL, and returns its
 * status. */
typedef shunt_status (*shunt_hook)(void *ud, shunt_error *err);

/* Adds a hook to the innermost active transaction. Hooks run in the order in which they were added, after that
 * transaction itself ends (the outermost, if others joined it; not a savepoint). A failing hook prevents no other hook
 * and does not change the outcome. If a savepoint is rolled back, on_commit hooks added inside it are dropped, and
 * on_rollback hooks added inside it run whatever the transaction's outcome. Without a transaction, on_commit runs the
 * hook at once and returns its failure; on_rollback never runs it. drop, which may be NULL, is called once when ud is
 * no longer needed, also if this function fails. Errors: USAGE, MEMORY. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_on_commit(shunt_session *session, shunt_hook fn, void *ud,
                                                      void (*drop)(void *ud), shunt_error *err);
SHUNT_API SHUNT_MUST_USE shunt_status shunt_on_rollback(shunt_session *session, shunt_hook fn, void *ud,
                                                        void (*drop)(void *ud), shunt_error *err);
/* When the session's last open transaction ends, if none was rolled back meanwhile. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_on_all_commit(shunt_session *session, shunt_hook fn, void *ud,
                                                          void (*drop)(void *ud), shunt_error *err);

/* ---- jobs ---- */

/* A job is work that a worker does later, on this host or another: a row in the queue's datasource (`jobs.client` in
 * the app config, else a SQLite file jobs.db beside it). It runs in a session like the one that pushed it: the same
 * instance, attributes and current datasource, one level up, in the newest generation.
 *
 * A job is ready, running, done or dead. A failed job is ready again after a delay that doubles with each failure, and
 * dead after more than `retry` failures. A running job has a lease, which its worker renews; half a lease after it
 * has expired, the job is ready again. So a job takes effect at least once, and exactly once if it is completed in the
 * transaction on the queue's datasource that holds its effect. */

/* A member that is 0 or NULL means the default; NULL in place of the options means the defaults of all of them. */
typedef struct shunt_push_options {
  size_t size;            /* see "Versions" above */
  const char *queue;      /* at most 1024 bytes, as the job's name; default: "default" */
  const char *instance;   /* the tenant to run it for; default: the session's. For another one, the attributes and the
                           * current datasource of the session stay behind */
  int64_t delay_ms;       /* before it is ready; at most 100 years */
  int priority;           /* lower first */
  const char *unique_key; /* while a job with this key is ready or running, no other one is pushed, and *id is the id of
                           * that job. Default: no key */
  const char *unique_scope; /* which jobs the key is compared with: "job" (default), those of the same name, instance
                             * and queue; "queue", all keys of the queue that have this scope */
  int retry;                /* retries after failures; default: 3; SHUNT_NO_RETRY: none */
  int64_t backoff_ms;       /* delay after the first failure, doubled with each; default: 1 s */
  int64_t timeout_ms;       /* of the handler, and of loading long data before that; default: no limit */
  int concurrency;          /* most jobs of this name running at once, in the whole queue database; default: no limit */
  int64_t wait_ms;          /* shunt_push_wait: longest wait for the end of the job; default: the session's timeout */
  bool *existed;            /* gets whether a job with the unique key was there already, so that none was pushed; false
                             * for a job that is sent after a commit; NULL: not asked */
} shunt_push_options;

#define SHUNT_NO_RETRY (-1)

/* Pushes a job; data_json is any JSON, NULL for null. If a transaction is open on the queue's datasource, the job is
 * part of it. If one is open elsewhere, the job is sent after its commit (*id is then 0) and dropped by its rollback.
 * id may be NULL. If a transaction that is still open has pushed the same unique key, the call waits for its end: at
 * most 5 s, if the session has no timeout. If it pushed the key in this thread, that can't end meanwhile: CONFLICT.
 * Errors: USAGE, NOT_FOUND (the instance), DATASOURCE, TIMEOUT, CONFLICT, MEMORY. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_push(shunt_session *session, const char *job, const char *data_json,
                                                 const shunt_push_options *options, int64_t *id, shunt_error *err);
/* Pushes a job and waits for its end: *result_json is the handler's result; free it with shunt_free. The job is sent at
 * once. Inside a transaction on the queue's own datasource the call fails with CONFLICT, because no worker could see
 * the job before the wait ends. If the job dies, its error is returned. After a TIMEOUT the job goes on, and its result
 * is not delivered. Other errors: NOT_FOUND if the job was purged; CONFLICT if the unique key (of scope "queue")
 * belongs to a job of another name or instance, whose result is not this caller's. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_push_wait(shunt_session *session, const char *job, const char *data_json,
                                                      const shunt_push_options *options, char **result_json,
                                                      shunt_error *err);

typedef struct shunt_worker shunt_worker;
typedef struct shunt_job shunt_job;

typedef struct shunt_worker_options {
  size_t size;               /* see "Versions" above */
  const char *const *queues; /* the queues to take jobs from; none: all */
  size_t nqueues;
  const char *const *jobs; /* the names of the jobs to run; none: all, those of other hosts too */
  size_t njobs;
  int64_t lease_ms; /* at most 24 h; 0: the app config's jobs.lease */
} shunt_worker_options;

typedef struct shunt_job_info {
  int64_t id;
  const char *name, *queue;
  const char *instance;
  const char *data;   /* JSON */
  int attempt;        /* from 1 */
  int64_t timeout_ms; /* of the handler; 0: none */
} shunt_job_info;

/* Opens a worker. Its own thread renews the leases of running jobs. Any number of threads may ask it for jobs. Close it
 * before the app. Errors: USAGE, DATASOURCE, TIMEOUT, MEMORY. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_worker_open(shunt_app *app, const shunt_worker_options *options,
                                                        shunt_worker **worker, shunt_error *err);
/* Claims the next job and opens its session. Waits at most wait_ms for a job to be ready. *job is NULL, with SHUNT_OK,
 * if none was ready or the worker is stopping. A job whose instance or datasource this process does not know is
 * released (shunt_job_release), and the next one is taken. A job whose row can't be read is dead, and one whose data
 * can't be loaded within its timeout (or a minute) has failed. Any thread. After DATASOURCE, TIMEOUT and MEMORY the
 * caller may try again. CONFIG: a reload has moved the queue (the worker stays with its first queue and runs no more
 * jobs). */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_worker_next(shunt_worker *worker, int64_t wait_ms, shunt_job **job,
                                                        shunt_error *err);
/* Claims no more jobs: waiting calls of shunt_worker_next return NULL. Running jobs go on. Any thread. */
SHUNT_API void shunt_worker_stop(shunt_worker *worker);
/* Stops the worker and makes running jobs end sooner: a job that waits for another job gets TIMEOUT. Any thread. */
SHUNT_API void shunt_worker_break_off(shunt_worker *worker);
/* The jobs that it completed, the attempts that failed, and the jobs that it released, so far. Any thread. */
typedef struct shunt_worker_counts {
  int64_t completed, failed, released;
} shunt_worker_counts;
SHUNT_API void shunt_worker_count(const shunt_worker *worker, shunt_worker_counts *counts);
/* Free all its jobs first; no thread may be in shunt_worker_next. Accepts NULL. */
SHUNT_API void shunt_worker_close(shunt_worker *worker);

/* The description of a job, valid as long as the job. One thread at a time uses a job. */
SHUNT_API const shunt_job_info *shunt_job_of(const shunt_job *job);
/* The session that the job runs in. The job owns it. */
SHUNT_API shunt_session *shunt_job_session(shunt_job *job);
/* Call it first in a transaction with an isolation of its own on the queue's datasource, if the job is to be completed
 * in that transaction: under snapshot isolation the completion would otherwise fail once the lease has been renewed.
 * Does nothing in any other case. CONFLICT: as for shunt_job_complete. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_job_hold(shunt_job *job, shunt_error *err);
/* Completes the job with a result (any JSON; NULL: null). This is a statement of the job's session: if a transaction is
 * open on the queue's datasource, it commits with that. If one is open elsewhere, it runs after the last commit of the
 * session, and its failure is reported like a hook's. CONFLICT: the lease has expired and another worker has the job,
 * so roll back the work. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_job_complete(shunt_job *job, const char *result_json, shunt_error *err);
/* Records a failure: the job is ready again later, or dead. Open transactions of its session are rolled back. A job
 * with a waiting caller is not retried after a deadlock: it would deadlock again. CONFLICT: as above. If the failure
 * can't be recorded, the job runs again when its lease expires.
 *
 * If `why` is a NOT_FOUND of a name, and the process that pushed the job knew other models, relations, clients or
 * attributes than this one, the job is released instead: the configuration here is perhaps older. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_job_failed(shunt_job *job, const shunt_error *why, shunt_error *err);
/* Gives the job back for other workers, because this process can't run it. That counts as no attempt. This worker takes
 * no more jobs of the same name and instance, until a reload or for a minute. Open transactions of its session are
 * rolled back. Errors: as above. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_job_release(shunt_job *job, const shunt_error *why, shunt_error *err);
/* True once the outcome is committed and can't be rolled back any more. */
SHUNT_API bool shunt_job_ended(const shunt_job *job);
/* Closes the job's session and rolls back its open transactions. A job that was neither completed nor failed, or whose
 * completion was rolled back, is ready again at once. Accepts NULL. */
SHUNT_API void shunt_job_free(shunt_job *job);

/* Which jobs. A member that is 0 or NULL selects nothing by that. */
typedef struct shunt_jobs_filter {
  size_t size; /* see "Versions" above */
  int64_t id;
  const char *queue;
  const char *instance; /* "": the default instance. It need not be known to this process */
  const char *state;    /* "ready", "running", "done" or "dead" */
  int64_t older_ms;     /* shunt_jobs_purge: became done or dead (or ready: was pushed) at least so long ago */
  int64_t limit;        /* shunt_jobs_list: most rows */
} shunt_jobs_filter;

/* Lists jobs, the newest first. filter may be NULL: all. The columns of rows: id, queue, name, state, priority, run_at,
 * attempts, retry, unique_key, data, worker, error, created_at, finished_at, instance, unique_scope, started_at,
 * result. Times are in ms since 1970, or null. attempts counts those that began, also the one that
 * runs, or that was done; shunt_jobs_retry sets it to 0. A ready job has an error if its last attempt failed, or if a
 * worker released it. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_jobs_list(shunt_session *session, const shunt_jobs_filter *filter,
                                                      shunt_rows **rows, shunt_error *err);
/* Makes dead jobs ready again as if they had never failed. *n counts them; n and filter may be NULL. NOT_FOUND: the job
 * with the filter's id is not dead. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_jobs_retry(shunt_session *session, const shunt_jobs_filter *filter,
                                                       int64_t *n, shunt_error *err);
/* Deletes jobs that are done or dead (state; NULL: both); and ready ones, if the state and an instance say so: the jobs
 * of a tenant that is gone. n and filter may be NULL. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_jobs_purge(shunt_session *session, const shunt_jobs_filter *filter,
                                                       int64_t *n, shunt_error *err);
/* The time on the clock of the queue's database, in ms since 1970. Schedules and jobs go by it, for the clocks of hosts
 * differ. Errors: DATASOURCE, TIMEOUT, MEMORY. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_queue_time(shunt_session *session, int64_t *now_ms, shunt_error *err);
/* For schedules: of all callers that ask for the same job, instance (NULL: the session's) and minute (in ms since
 * 1970, of shunt_queue_time), one gets *mine = true and pushes the job. No caller gets it once a later minute of the
 * job and instance was asked for; unless that minute lies more than two minutes ahead of the queue's clock, because
 * that was set back since then. If the call and the push are in one transaction on the queue's datasource, no minute is
 * lost. USAGE: the minute itself lies so far ahead. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_schedule_due(shunt_session *session, const char *job, const char *instance,
                                                         int64_t minute_ms, bool *mine, shunt_error *err);

/* ---- rows ---- */

/* Rows own their bytes and don't change until they are freed. Related rows belong to their parent rows. Accepts NULL.
 */
SHUNT_API void shunt_rows_free(shunt_rows *rows);
SHUNT_API size_t shunt_rows_count(const shunt_rows *rows);
SHUNT_API size_t shunt_rows_ncolumns(const shunt_rows *rows);
SHUNT_API const char *shunt_rows_column(const shunt_rows *rows, size_t column);
/* The cells of a row: an array of shunt_rows_ncolumns values. */
SHUNT_API const shunt_value *shunt_rows_at(const shunt_rows *rows, size_t row);

/* The position of a column; -1: no column has this name. */
SHUNT_API int shunt_rows_find(const shunt_rows *rows, const char *column);
/* The cell of a row in the column of this name; NULL: there is no such row or column. In a loop over many rows it is
 * faster to look for the column once. */
SHUNT_API const shunt_value *shunt_rows_get(const shunt_rows *rows, size_t row, const char *column);

typedef struct shunt_loaded {
  const char *name;
  shunt_kind kind;
  const shunt_rows *rows; /* the related rows of all parents, or their results; NULL: they were only counted */
} shunt_loaded;

SHUNT_API size_t shunt_rows_nloaded(const shunt_rows *rows);
SHUNT_API shunt_loaded shunt_rows_loaded(const shunt_rows *rows, size_t relation);
/* The related rows of one parent row: *count positions in shunt_rows_loaded(rows, relation).rows. If they were only
 * counted, it returns NULL, and *count is their number. */
SHUNT_API const uint32_t *shunt_rows_related(const shunt_rows *rows, size_t relation, size_t row, size_t *count);
/* The related rows of one parent row by the relation's name: the rows (*at)[0] to (*at)[*n - 1] of those returned.
 * NULL: no relation of this name was loaded, or its rows were only counted (*n is their number). at and n may be NULL.
 */
SHUNT_API const shunt_rows *shunt_rows_children(const shunt_rows *rows, size_t row, const char *relation,
                                                const uint32_t **at, size_t *n);
/* All rows as a JSON array, in the form that shunt_call gives: an object for each row, and related rows under their
 * relation's name. Free it with shunt_free. Errors: USAGE: a column holds NaN or an infinity; MEMORY. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_rows_json(const shunt_rows *rows, char **json, shunt_error *err);

/* ---- calls in JSON ---- */

/* For hosts in other languages, which need no struct of this header but shunt_error: one call of a session as a JSON
 * object, with the names and the errors that the Lua module has.
 *
 *     {"select":"user","where":{"age":{"gte":18}},"include":{"orders":{"limit":3}},"order":"-id"}
 *
 * One name says what to do, and its value to what; the others are arguments and options. The manual lists all of them
 * (rules/manual/calls.md). An unknown name, and a value of the wrong type, is SHUNT_E_USAGE: err->line and err->column
 * say where in the JSON, and so does the message.
 *
 * *reply is the result as JSON. Free it with shunt_free. A row is an object; a relation's name holds an array
 * (has_many, belongs_to_many), or an object or null (has_one, belongs_to). Integers have all their 64 bits, decimals
 * are text, blobs are base64; in a call a blob is {"_blob":"base64"}. On failure *reply is NULL; if the reply to a
 * write can't be made (MEMORY; USAGE: a column holds NaN or an infinity), err->outcome says that it was done.
 *
 *   select query mget jobs table_columns   an array of rows
 *   get insert                             a row; get: null if no row is found
 *   aggregate                              a row; with group an array of rows
 *   insert_bulk                            the number of rows; with returning an array of rows
 *   count update update_bulk increment delete execute jobs_retry jobs_purge    a number
 *   resolve explain                        the decision; if it was denied, it has "denied" in place of "client"
 *   begin                                  whether it began a transaction, instead of joining one
 *   level level_push level_pop             the level
 *   push                                   {"id":…,"existed":…}; the id is null if the job is sent after a commit
 *   push_wait                              the job's result
 *   commit rollback switch_push switch_pop null
 *
 * Transactions, switches and levels that calls open are ended by calls, the innermost first: anything else is USAGE.
 * shunt_session_close ends those that are left. Thread rule: as for other calls of the session. Errors: those of the
 * functions that do the same, and USAGE. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_call(shunt_session *session, const char *json, char **reply,
                                                 shunt_error *err);
/* Opens a session with options as JSON, which have the names of Lua's app:session: {"instance":"acme","attrs":
 * {"plan":"pro"},"level":0,"timeout":"5s","follow":false}. NULL: none. Close it with shunt_session_close. Errors:
 * those of shunt_session_open. */
SHUNT_API SHUNT_MUST_USE shunt_status shunt_call_session(shunt_app *app, const char *json, shunt_session **session,
                                                         shunt_error *err);

#ifdef __cplusplus
}
#endif

#endif
