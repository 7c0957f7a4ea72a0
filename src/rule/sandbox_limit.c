/* The limits of an evaluation: the hook and sandbox_charge count instructions and time, the allocator counts memory. */
#include <lauxlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "rule/cost.h"
#include "rule/sandbox_inner.h"

enum {
  HOOK_EVERY = 256,
  WARY_EVERY = 16,
  QUICK_EVERY = 2,
  LOOK_EVERY = HOOK_EVERY, /* instructions between two looks at the clock */
  BIG_CHARGE = 100000,     /* work in one go that takes about a millisecond */
  LEAST_NS_EACH = 4,       /* what an instruction of it takes at least */
  BIG_BLOCK = 64 << 10     /* an allocation of this size looks at the clock */
};
/* CPU time can't pass faster than the monotonic clock, which is much cheaper to read. */
static const int64_t LOOK_AGAIN_NS = NS_PER_MS;

/* ---- limits ---- */

static void hook(lua_State *L, lua_Debug *ar);

static const int every[] = {/* instructions between two hooks */
                            [HOOK_NORMAL] = HOOK_EVERY,
                            [HOOK_WARY] = WARY_EVERY,
                            [HOOK_QUICK] = QUICK_EVERY,
                            [HOOK_ARMED] = 1};

void sandbox_set_mode(sandbox_inner *in, hook_mode mode) {
  if (in->mode == mode || !in->s.L) return;
  in->mode = mode;
  lua_sethook(in->s.L, hook, LUA_MASKCOUNT, every[mode]);
}

/* The place where a limit was hit; the first one counts. */
static void describe(sandbox_inner *in) {
  if (in->described || in->moving || !in->s.L) return;
  sandbox_describe_place(in, in->s.L, 0);
  in->described = true;
}

void sandbox_stop(sandbox_inner *in, sandbox_limit limit) {
  if (in->s.hit) return;
  in->s.hit = limit;
  in->look_at = INT64_MAX;
  describe(in);
  sandbox_set_mode(in, HOOK_ARMED);
}

/* Called below look_at. Whether the evaluation may continue. */
static bool look(sandbox_inner *in) {
  sandbox *s = &in->s;
  if (s->hit) return false;
  if (s->instructions_left < 0) {
    sandbox_stop(in, SANDBOX_INSTRUCTIONS);
    return false;
  }
  in->look_at = s->instructions_left > LOOK_EVERY ? s->instructions_left - LOOK_EVERY : 0;
  const int64_t now = clock_monotonic_ns();
  int64_t deadline_ns = atomic_load_explicit(&s->deadline_ns, memory_order_relaxed);
  if (deadline_ns && now < in->look_again_ns) return true;
  in->look_again_ns = now + LOOK_AGAIN_NS;
  const int64_t spent = clock_thread_cpu_ns();
  if (deadline_ns == 0) {
    deadline_ns = spent + s->timeout_ns;
    atomic_store_explicit(&s->deadline_ns, deadline_ns, memory_order_relaxed);
  }
  if (spent <= deadline_ns) return true;
  sandbox_stop(in, SANDBOX_TIME);
  return false;
}

/* Whether the time that is left suffices for work of that many instructions, which nothing stops once it is begun. */
static bool has_time_for(sandbox_inner *in, int64_t instructions) {
  const int64_t left_ns = atomic_load_explicit(&in->s.deadline_ns, memory_order_relaxed) - clock_thread_cpu_ns();
  if (instructions <= left_ns / LEAST_NS_EACH) return true;
  sandbox_stop(in, SANDBOX_TIME);
  return false;
}

bool sandbox_spend(sandbox_inner *in, int64_t instructions) {
  if (instructions > SANDBOX_NO_LIMIT) instructions = SANDBOX_NO_LIMIT;
  in->s.instructions_left -= instructions;
  if (in->s.instructions_left >= in->look_at) return true;
  return look(in) && (instructions < BIG_CHARGE || has_time_for(in, instructions));
}

int sandbox_raise(lua_State *L) {
  if (sandbox_inner_of(L)->s.hit) describe(sandbox_inner_of(L));
  lua_pushlightuserdata(L, NULL); /* needs no memory; the error's text is in the sandbox */
  return lua_error(L);
}

void sandbox_raise_limit(lua_State *L, sandbox_limit limit) {
  sandbox_stop(sandbox_inner_of(L), limit);
  sandbox_raise(L);
  __builtin_unreachable();
}

void sandbox_raise_memory(lua_State *L) {
  sandbox_inner_of(L)->out_of_memory = true;
  sandbox_raise(L);
  __builtin_unreachable();
}

void sandbox_charge(lua_State *L, int64_t instructions) {
  if (!sandbox_spend(sandbox_inner_of(L), instructions)) sandbox_raise(L);
}

void sandbox_look(lua_State *L) {
  if (!look(sandbox_inner_of(L))) sandbox_raise(L);
}

static void hook(lua_State *L, lua_Debug *ar) {
  (void)ar;
  sandbox_inner *in = sandbox_inner_of(L);
  bool on = true;
  switch (in->mode) {
  case HOOK_NORMAL:
    on = sandbox_spend(in, HOOK_EVERY);
    break;
  case HOOK_WARY:
  case HOOK_QUICK:
    in->s.instructions_left -= every[in->mode];
    on = look(in);
    break;
  case HOOK_ARMED:
    on = false;
    break;
  }
  if (!on) sandbox_raise(L);
}

/* What a text of that many bytes needs. */
static hook_mode mode_for(size_t bytes) {
  if (bytes > SANDBOX_VERY_LONG_BYTES) return HOOK_QUICK;
  return bytes > SANDBOX_LONG_TEXT_BYTES ? HOOK_WARY : HOOK_NORMAL;
}

static void raise_mode(sandbox_inner *in, hook_mode mode) {
  if (in->mode < mode) sandbox_set_mode(in, mode);
}

void sandbox_keep_long(sandbox_inner *in, size_t bytes) {
  const hook_mode mode = mode_for(bytes);
  if (in->least < mode) in->least = mode;
  raise_mode(in, mode);
}

bool sandbox_ended(sandbox_inner *in, int lua_status) {
  if (lua_status == LUA_ERRMEM && !in->s.hit) {
    if (in->refused)
      sandbox_stop(in, SANDBOX_MEMORY);
    else
      in->out_of_memory = true;
  }
  return in->s.hit || in->out_of_memory;
}

void sandbox_trust(lua_State *L, bool on) {
  sandbox_inner *in = sandbox_inner_of(L);
  in->most_keys = on || in->is_load ? SIZE_MAX : SANDBOX_KEYS_MOST;
}

void sandbox_room(lua_State *L, int n, const char *too_many) {
  sandbox_inner *in = sandbox_inner_of(L);
  if (lua_checkstack(L, n)) return;
  if (in->refused || in->failed) {
    lua_gc(L, LUA_GCCOLLECT);
    if (lua_checkstack(L, n)) return;
    if (in->failed) sandbox_raise_memory(L);
    if (in->refused) sandbox_raise_limit(L, SANDBOX_MEMORY);
  }
  luaL_error(L, "stack overflow (%s)", too_many);
}

void sandbox_check_text(lua_State *L, size_t bytes) {
  if (bytes <= SANDBOX_TEXT_BYTES) return;
  sandbox_inner *in = sandbox_inner_of(L);
  in->long_text = true;
  sandbox_stop(in, SANDBOX_MEMORY);
  sandbox_raise(L);
}

/* ---- memory ---- */

/* Lua collects all garbage and asks once more, except for the stack in newer versions. The second refusal in a row ends
 * the evaluation: not every function that asks for memory raises an error that pcall lets through (lua_checkstack
 * returns false, and sandbox_room cares for it). */
static bool refuse(sandbox_inner *in) {
  if (in->refused) {
    sandbox_stop(in, SANDBOX_MEMORY);
    return false;
  }
  in->refused = true;
  in->s.instructions_left -= cost_collection(in->s.memory_used);
  if (in->s.instructions_left < in->look_at) look(in);
  return false;
}

/* Whether Lua asks for the hashed part of a table that is too large to be rehashed in one go: the keys may collide. */
static bool too_many_keys(const sandbox_inner *in, size_t bytes) {
  const size_t nodes = in->node_bytes ? bytes / in->node_bytes : 0;
  return nodes > in->most_keys && nodes * in->node_bytes == bytes && (nodes & (nodes - 1)) == 0;
}

/* A text that is too long ends the evaluation, but gets its memory: no collection would help. */
static void note_long_text(sandbox_inner *in, size_t bytes) {
  if (bytes > SANDBOX_TEXT_BYTES + 64) {
    in->long_text = true;
    sandbox_stop(in, SANDBOX_MEMORY);
  }
  raise_mode(in, mode_for(bytes));
}

/* Whether a block may grow. kind is the type of the object that Lua makes; 0: a part of an object. If time or
 * instructions are used up, the block may grow: the hook raises at the next instruction. */
static bool admit(sandbox_inner *in, size_t had, size_t wanted, size_t kind) {
  const size_t more = wanted - had;
  in->s.instructions_left -= cost_memory(more);
  if (in->s.instructions_left < in->look_at || more >= BIG_BLOCK) look(in);
  if (in->loading && in->s.hit) return false;
  if (kind == LUA_TSTRING && wanted > SANDBOX_LONG_TEXT_BYTES) note_long_text(in, wanted);
  if (had == 0 && kind == 0) {
    in->asked_bytes = wanted;
    if (too_many_keys(in, wanted)) {
      sandbox_stop(in, SANDBOX_KEYS);
      return false;
    }
  }
  if (more > (size_t)in->s.limits.memory_bytes || in->s.memory_used > (size_t)in->s.limits.memory_bytes - more)
    return refuse(in);
  in->refused = false;
  return true;
}

void *sandbox_allocate(void *ud, void *block, size_t old_bytes, size_t new_bytes) {
  sandbox_inner *in = ud;
  const size_t had = block ? old_bytes : 0;
  in->moving = block != NULL;
  const bool admitted = new_bytes <= had || admit(in, had, new_bytes, block ? 0 : old_bytes);
  in->moving = false;
  if (!admitted) return NULL;
  void *got = base_lua_alloc(NULL, block, old_bytes, new_bytes);
  if (got || new_bytes == 0) {
    in->s.memory_used = in->s.memory_used - had + new_bytes;
    if (got) in->failed = false;
  } else {
    in->out_of_memory |= in->failed; /* Lua collects garbage and asks once more here, too */
    in->failed = true;
  }
  return got;
}
