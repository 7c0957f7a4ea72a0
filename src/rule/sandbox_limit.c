/* The limits of an evaluation: the hook and sandbox_charge count instructions and time, the allocator counts memory. */
#include <lauxlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "rule/sandbox_inner.h"

enum {
  HOOK_EVERY = 256,
  WARY_EVERY = 8,
  LOOK_EVERY = 1024,     /* instructions between two reads of the clock, which is a system call */
  BIG_BLOCK = 64 << 10,  /* an allocation of this size reads the clock */
  LOAD_LOOK = 64,        /* allocations of the parser between two reads of the clock */
  BYTES_SHIFT = 8,       /* 256 allocated bytes count as an instruction */
  COLLECTION_SHIFT = 10, /* after a refusal Lua collects all garbage: a KiB in use counts as an instruction */
  MOST_FACTOR = 1000
};
/* ---- limits ---- */

static void hook(lua_State *L, lua_Debug *ar);

void sandbox_set_mode(sandbox_inner *in, hook_mode mode) {
  if (in->mode == mode || !in->s.L) return;
  in->mode = mode;
  int every = mode == HOOK_NORMAL ? HOOK_EVERY : mode == HOOK_WARY ? WARY_EVERY : 1;
  lua_sethook(in->s.L, hook, LUA_MASKCOUNT, every);
}

void sandbox_stop(sandbox_inner *in, sandbox_limit limit) {
  if (in->s.hit) return;
  in->s.hit = limit;
  in->look_at = INT64_MAX;
  if (!in->described && in->s.L) sandbox_describe_place(in, in->s.L, 0);
  in->described = true;
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
  int64_t now = clock_thread_cpu_ns();
  if (s->deadline_ns == 0) s->deadline_ns = now + s->timeout_ns;
  if (now > s->deadline_ns) {
    sandbox_stop(in, SANDBOX_TIME);
    return false;
  }
  in->look_at = s->instructions_left > LOOK_EVERY ? s->instructions_left - LOOK_EVERY : 0;
  return true;
}

bool sandbox_spend(sandbox_inner *in, int64_t instructions) {
  if (instructions > SANDBOX_NO_LIMIT) instructions = SANDBOX_NO_LIMIT;
  in->s.instructions_left -= instructions;
  return in->s.instructions_left >= in->look_at || look(in);
}

int sandbox_raise(lua_State *L) {
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

static void hook(lua_State *L, lua_Debug *ar) {
  (void)ar;
  sandbox_inner *in = sandbox_inner_of(L);
  bool on = true;
  switch (in->mode) {
  case HOOK_NORMAL:
    on = sandbox_spend(in, HOOK_EVERY);
    break;
  case HOOK_WARY:
    in->s.instructions_left -= WARY_EVERY;
    on = look(in);
    break;
  case HOOK_ARMED:
    on = false;
    break;
  }
  if (!on) sandbox_raise(L);
}

void sandbox_keep_long(sandbox_inner *in) {
  in->keeps_long = true;
  if (in->mode == HOOK_NORMAL) sandbox_set_mode(in, HOOK_WARY);
}

bool sandbox_ended(sandbox_inner *in, int lua_status) {
  if (lua_status == LUA_ERRMEM && !in->s.hit) {
    if (!in->refused)
      in->out_of_memory = true;
    else {
      in->described = true; /* at the refusal, before the stack was unwound */
      sandbox_stop(in, SANDBOX_MEMORY);
    }
  }
  return in->s.hit || in->out_of_memory;
}

void sandbox_check_text(lua_State *L, size_t bytes) {
  if (bytes <= SANDBOX_TEXT_BYTES) return;
  sandbox_inner *in = sandbox_inner_of(L);
  in->long_text = true;
  sandbox_stop(in, SANDBOX_MEMORY);
  sandbox_raise(L);
}

/* ---- memory ---- */

static bool refuse(sandbox_inner *in, bool long_text) {
  in->refused = true;
  in->long_text = long_text;
  if (!in->described && in->s.L) sandbox_describe_place(in, in->s.L, 0);
  in->s.instructions_left -= (int64_t)(in->s.memory_used >> COLLECTION_SHIFT);
  if (in->s.instructions_left < in->look_at) look(in);
  return false;
}

/* Whether a block may grow. If time or instructions are used up, the block may grow: the hook raises at the next
 * instruction. */
static bool admit(sandbox_inner *in, size_t had, size_t wanted, bool text) {
  size_t more = wanted - had;
  in->s.instructions_left -= (int64_t)(more >> BYTES_SHIFT);
  if (in->s.instructions_left < in->look_at || more >= BIG_BLOCK) look(in);
  if (in->loading && ++in->load_blocks % LOAD_LOOK == 0) look(in);
  if (in->loading && in->s.hit) return false;
  if (text && wanted > SANDBOX_LONG_TEXT_BYTES) {
    if (wanted > SANDBOX_TEXT_BYTES + 64) return refuse(in, true);
    if (in->mode == HOOK_NORMAL) sandbox_set_mode(in, HOOK_WARY);
  }
  if (more > (size_t)in->s.limits.memory_bytes || in->s.memory_used > (size_t)in->s.limits.memory_bytes - more)
    return refuse(in, false);
  return true;
}

void *sandbox_allocate(void *ud, void *block, size_t old_bytes, size_t new_bytes) {
  sandbox_inner *in = ud;
  size_t had = block ? old_bytes : 0;
  /* without a block, old_bytes is the type of the object that Lua makes */
  if (new_bytes > had && !admit(in, had, new_bytes, !block && old_bytes == LUA_TSTRING)) return NULL;
  void *got = base_lua_alloc(NULL, block, old_bytes, new_bytes);
  if (got || new_bytes == 0)
    in->s.memory_used = in->s.memory_used - had + new_bytes;
  else
    in->refused = false;
  return got;
}
