/* For: a Lua 5.4 state in which rule files can declare and decide, and nothing more. sandbox.c describes the defences.
 * Owner: the sandbox owns its lua_State, which is never the state of the host program. One thread at a time.
 * Use: sandbox_new(&limits, &sb, err); sandbox_start(sb, 1); sandbox_load(sb, chunkname, text, size) pushes a chunk;
 * sandbox_call(sb, nargs, nresults, err); sandbox_free(sb); */
#ifndef SHUNT_RULE_SANDBOX_H
#define SHUNT_RULE_SANDBOX_H

#include <lua.h>
#include <stdatomic.h>

#include "base/error.h"
#include "shunt.h"

typedef struct sandbox_limits {
  int64_t instructions; /* of one evaluation */
  int64_t memory_bytes; /* of the whole state */
  int64_t timeout_ns;   /* of one evaluation, in CPU time of its thread */
} sandbox_limits;

typedef enum sandbox_limit {
  SANDBOX_WITHIN,
  SANDBOX_INSTRUCTIONS,
  SANDBOX_MEMORY,
  SANDBOX_TIME,
  SANDBOX_KEYS,
  SANDBOX_NAMES
} sandbox_limit;

typedef struct sandbox {
  lua_State *L;
  void *owner; /* for the caller of sandbox_new */
  sandbox_limits limits;
  int64_t instructions_left;
  _Atomic int64_t deadline_ns; /* CPU time of the thread; 0 until the first look at the clock, so that short evaluations
                                  never read it. Another thread may read it */
  int64_t timeout_ns;          /* of the current evaluation */
  int64_t instructions_given;
  size_t memory_used;
  sandbox_limit hit; /* once set, everything raises until sandbox_start */
} sandbox;

/* A state with the allow-listed globals in its environment and nothing else. Errors: MEMORY. */
shunt_status sandbox_new(const sandbox_limits *limits, sandbox **out, shunt_error *err);
void sandbox_free(sandbox *sb);
/* Through lua_getextraspace. There are no coroutines, which would have their own. */
static inline sandbox *sandbox_of(lua_State *L) { return *(sandbox **)lua_getextraspace(L); }

/* Starts an evaluation with fresh limits, times factor (loading may take longer than deciding). Cheap: no system call.
 */
void sandbox_start(sandbox *sb, int factor);

enum { SANDBOX_LOAD_FACTOR = 16 };
/* How long loading a file may take. */
static inline int64_t sandbox_load_ns(const sandbox *sb) { return sb->limits.timeout_ns * SANDBOX_LOAD_FACTOR; }

/* For C functions, in which the instruction hook does not run: counts their work as instructions. Raises if a limit is
 * hit now or was hit before. */
void sandbox_charge(lua_State *L, int64_t instructions);

/* Pushes the compiled chunk, with the sandbox's environment. Text only: bytecode is refused. Returns a Lua status; on
 * failure pushes the message. chunkname has the form for lua_load ("@rules/x.lua"). */
int sandbox_load(sandbox *sb, const char *chunkname, const char *text, size_t size);

/* lua_pcall with a handler that adds a traceback of bounded length. On failure fills err: SHUNT_E_LIMIT if a limit was
 * hit, otherwise SHUNT_E_RULE. File and line come from the message's "file:line:" prefix, which is removed from the
 * message, or from the place where the limit was hit. Pops the function and arguments in any case. */
shunt_status sandbox_call(sandbox *sb, int nargs, int nresults, shunt_error *err);

/* Fills err from the error value on top, as sandbox_call does, and pops it: for a failure of sandbox_load. lua_status
 * is the failing function's result. */
shunt_status sandbox_error(sandbox *sb, int lua_status, shunt_error *err);

/* Pushes C code for sandbox_call: work that may raise (defining globals, reading tables) must be done in a protected
 * call, since an error outside of one ends the process. */
#define sandbox_push_work(L, fn, ud) (lua_pushcfunction((L), (fn)), lua_pushlightuserdata((L), (ud)))

/* Defines a global of the environment (a declaring word, deny, pick …) and pops its value. Raises if memory runs out:
 * call it in a protected call. */
void sandbox_define(sandbox *sb, const char *name);

/* Makes the value at index, and all tables and functions that it leads to, read-only in place. Raises "FILE:LINE:
 * writes to the upvalue 'n' (a rule keeps no state between calls: …)" if such a function assigns to a local of an
 * enclosing function. Assignments to globals are refused by the environment at run time. Userdata stay as they are. */
void sandbox_freeze(lua_State *L, int index);

/* Pushes the table that lua_next and the raw functions can read: the contents of a frozen table, or the table itself.
 * lua_getfield and lua_geti see a frozen table's fields without it. */
void sandbox_contents(lua_State *L, int index);

#endif
