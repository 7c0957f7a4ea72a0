/* For: a Lua 5.4 state in which rule files can declare and decide, and can't do, keep or exhaust anything else.
 * Owner: the sandbox owns its lua_State and all memory in it; never the host's own state. One thread at a time.
 * Use: sandbox_new(&limits, &sb); sandbox_load(L, …) pushes a chunk; sandbox_start(sb, factor); sandbox_call(sb, nargs,
 * nresults). */
#ifndef SHUNT_RULE_SANDBOX_H
#define SHUNT_RULE_SANDBOX_H

#include <lua.h>

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
  SANDBOX_NAMES
} sandbox_limit;

typedef struct sandbox {
  lua_State *L;
  void *owner; /* whoever made the sandbox may keep something here */
  sandbox_limits limits;
  int64_t instructions_left;
  int64_t deadline_ns; /* CPU time; 0 until the first look at the clock, so that short evaluations never read it */
  int64_t timeout_ns;  /* of the evaluation under way */
  int64_t instructions_given;
  size_t memory_used;
  sandbox_limit hit; /* once set, every way on raises again until sandbox_start */
} sandbox;

/* A state with the allow-listed globals in its environment and nothing else. Errors: MEMORY. */
shunt_status sandbox_new(const sandbox_limits *limits, sandbox **out, shunt_error *err);
void sandbox_free(sandbox *sb);
/* Through lua_getextraspace; coroutines are not there to differ. */
static inline sandbox *sandbox_of(lua_State *L) { return *(sandbox **)lua_getextraspace(L); }

/* Starts an evaluation with fresh limits, times factor (loading may take longer than deciding). Cheap: no system call.
 */
void sandbox_start(sandbox *sb, int factor);

/* Called by C functions that the instruction hook can't see into: counts work as instructions, and raises the limit's
 * error when it is over. Raises too when a limit was hit before. */
void sandbox_charge(lua_State *L, int64_t instructions);

/* Pushes the compiled chunk, its environment the sandbox's. Text only: bytecode is refused. Returns a Lua status; on
 * failure pushes the message. chunkname is as lua_load wants it ("@rules/x.lua"). */
int sandbox_load(sandbox *sb, const char *chunkname, const char *text, size_t size);

/* lua_pcall with a handler that adds a traceback (bounded in length). On failure fills err: SHUNT_E_LIMIT when a limit
 * was hit, else SHUNT_E_RULE; file and line from the message's "file:line:" prefix (which is then taken off the
 * message) or, for a limit, from where it was hit; traceback. Pops the function and arguments either way. */
shunt_status sandbox_call(sandbox *sb, int nargs, int nresults, shunt_error *err);

/* Fills err from the error value on top, which it pops, as sandbox_call does: for what sandbox_load pushed. lua_status
 * is what the failing function returned. */
shunt_status sandbox_error(sandbox *sb, int lua_status, shunt_error *err);

/* Pushes a function that sandbox_call can run with C code alone: work that may raise (declaring globals, reading
 * tables) is done in there, since an error outside of a protected call ends the process. */
#define sandbox_push_work(L, fn, ud) (lua_pushcfunction((L), (fn)), lua_pushlightuserdata((L), (ud)))

/* Defines a global of the environment (a declaring word, deny, pick …): pops the value.
 * Raises when memory is out: call it from within a protected function. */
void sandbox_define(sandbox *sb, const char *name);

/* Makes the value at index, and all it leads to (tables, functions' upvalues), read-only in place. Raises a Lua error
 * "…: writes to the upvalue 'n' (a rule keeps no state between calls: …)" with file:line where a function reached
 * writes to a local from outside itself. Writes to globals are refused by the environment at run time. Userdata are
 * left as they are. */
void sandbox_freeze(lua_State *L, int index);

/* Pushes the table that lua_next and the raw functions can read: what a frozen table holds, or the table itself. The
 * other lua_get functions see a frozen table's fields anyway. */
void sandbox_contents(lua_State *L, int index);

#endif
