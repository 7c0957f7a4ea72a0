/* For: declarations that are private to the files of the sandbox and its libraries.
 * Owner: sandbox_new makes a sandbox_inner, whose first member is the public part.
 * Use: sandbox_inner *in = sandbox_inner_of(L); */
#ifndef SHUNT_RULE_SANDBOX_INNER_H
#define SHUNT_RULE_SANDBOX_INNER_H

#include "rule/bytecode_use.h"
#include "rule/sandbox.h"

/* How often the instruction hook fires. */
typedef enum hook_mode {
  HOOK_NORMAL,
  HOOK_WARY,  /* long texts exist: one instruction that compares them may take long */
  HOOK_QUICK, /* very long ones */
  HOOK_ARMED  /* a limit was hit: at every instruction */
} hook_mode;

/* A function whose closures keep a state, so that they can't be frozen. */
typedef struct sandbox_iterator {
  lua_CFunction next;
  const char *name; /* name of the library function that makes it */
} sandbox_iterator;

/* file is the name of the chunk. */
typedef void (*sandbox_found)(void *owner, const char *file, int line, const bytecode_use *use);

typedef struct sandbox_inner {
  sandbox s;
  int64_t look_at; /* if instructions_left falls below this, look at the clock or end the evaluation */
  hook_mode mode;
  bool moving;  /* the allocator is asked to move a block, perhaps the stack, which can't be looked at meanwhile */
  bool refused; /* the last request for memory was over the limit: Lua collects garbage, and tries once more */
  bool failed;  /* the system had no memory for the last request: the same */
  bool out_of_memory;                /* nothing catches this until sandbox_start */
  bool long_text;                    /* the limit was hit by a text that is too long */
  bool is_load;                      /* a file is loaded: it has limits of its own */
  bool loading;                      /* the parser is running, without the hook */
  hook_mode least;                   /* of every evaluation: a frozen value holds a long text */
  const sandbox_iterator *iterators; /* the last has no name */
  sandbox_found found;               /* gets the uses of the request in functions that are frozen; or NULL */
  bool described;                    /* the fields below describe the current error */
  bool load_failed;                  /* file could not be loaded */
  size_t asked_bytes;                /* by the last request for a new part of an object */
  size_t node_bytes;                 /* of an entry in the hashed part of a table */
  size_t most_keys;                  /* entries that the hashed part of one table may have */
  int64_t look_again_ns;             /* by the monotonic clock: before that, CPU time is not looked at */
  int line;
  char file[256];
  char message[1024];
  char traceback[1024];
} sandbox_inner;

static const int64_t SANDBOX_NO_LIMIT = INT64_MAX / 4;
enum {
  SANDBOX_KEYS_MOST = 4096, /* entries of a table that a rule makes: to rehash colliding keys is quadratic */
  SANDBOX_LONG_TEXT_BYTES = 4 << 10,
  SANDBOX_VERY_LONG_BYTES = 64 << 10,
  SANDBOX_TEXT_BYTES = 1 << 20 /* no text may be longer: comparing two texts is one instruction */
};

static inline sandbox_inner *sandbox_inner_of(lua_State *L) { return (sandbox_inner *)sandbox_of(L); }

/* sandbox_limit.c */
void sandbox_set_mode(sandbox_inner *in, hook_mode mode);
/* The state's lua_Alloc; ud is the sandbox_inner. */
void *sandbox_allocate(void *ud, void *block, size_t old_bytes, size_t new_bytes);
/* Marks the limit as hit: from then on every instruction raises. */
void sandbox_stop(sandbox_inner *in, sandbox_limit limit);
/* Charges without raising. False if the evaluation is over: the caller must then reach sandbox_raise. */
bool sandbox_spend(sandbox_inner *in, int64_t instructions);
/* Looks at the clock, for work whose size is not known beforehand. Raises. */
void sandbox_look(lua_State *L);
/* Raises the error of the limit that was hit. */
int sandbox_raise(lua_State *L);
/* Both end the evaluation; no pcall catches them. */
__attribute__((noreturn)) void sandbox_raise_limit(lua_State *L, sandbox_limit limit);
__attribute__((noreturn)) void sandbox_raise_memory(lua_State *L);
/* After a failed protected call: whether the failure is one that Lua code may not catch. Remembers it. */
bool sandbox_ended(sandbox_inner *in, int lua_status);
/* Notes that a long text outlives the evaluation. */
void sandbox_keep_long(sandbox_inner *in, size_t bytes);
/* While it is on, the tables that the host makes itself may have any number of keys; sandbox_start turns it off. */
void sandbox_trust(lua_State *L, bool on);
/* Makes room for n values on the stack. A lack of memory ends the evaluation; a stack that is too large is an error. */
void sandbox_room(lua_State *L, int n, const char *too_many);
/* Raises if a text of that many bytes is too long. */
void sandbox_check_text(lua_State *L, size_t bytes);

/* sandbox_error.c: notes the place (the first Lua function on the stack) and the traceback, without allocating memory.
 */
void sandbox_describe_place(sandbox_inner *in, lua_State *L, int level);
/* The same for a file that could not be loaded. */
void sandbox_describe_file(sandbox_inner *in, const char *chunkname);
/* The message, file and line of the error value at index. */
void sandbox_describe_error(sandbox_inner *in, lua_State *L, int index);
/* The message handler of sandbox_call. */
int sandbox_handler(lua_State *L);

/* sandbox_freeze.c: moves the contents of the table at index to a hidden table; an assignment to a field calls
 * newindex. */
void sandbox_lock(lua_State *L, int index, lua_CFunction newindex);
/* If the table at index is locked, pushes its contents and returns true; otherwise pushes nothing. */
bool sandbox_locked(lua_State *L, int index);

/* sandbox_env.c: builds the environment and makes it the state's table of globals. Raises. */
void sandbox_install(lua_State *L);

#endif
