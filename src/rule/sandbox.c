#include "rule/sandbox.h"

#include <lauxlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "rule/sandbox_inner.h"

enum {
  HOOK_EVERY = 256,
  WARY_EVERY = 8,
  LOOK_EVERY = 1024,     /* instructions between two looks at the clock, which is a system call */
  FIRST_LOOK = 512,      /* evaluations below it never look */
  BIG_BLOCK = 64 << 10,  /* an allocation of this size looks at the clock */
  LOAD_LOOK = 64,        /* the parser looks every so many allocations */
  BYTES_SHIFT = 8,       /* 256 bytes allocated are an instruction */
  COLLECTION_SHIFT = 10, /* a refusal makes Lua collect everything: a KiB in use is an instruction */
  MOST_FACTOR = 1000
};
static const int64_t NO_LIMIT = INT64_MAX / 4;

/* ---- limits ---- */

static void hook(lua_State *L, lua_Debug *ar);

static void set_mode(sandbox_inner *in, hook_mode mode) {
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
  set_mode(in, HOOK_ARMED);
}

/* Below look_at: true while the evaluation may go on. */
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
  if (instructions > NO_LIMIT) instructions = NO_LIMIT;
  in->s.instructions_left -= instructions;
  return in->s.instructions_left >= in->look_at || look(in);
}

int sandbox_raise(lua_State *L) {
  lua_pushlightuserdata(L, NULL); /* needs no memory; what is told is in the sandbox */
  return lua_error(L);
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
  if (in->mode == HOOK_NORMAL) set_mode(in, HOOK_WARY);
}

bool sandbox_ended(sandbox_inner *in, int lua_status) {
  if (lua_status == LUA_ERRMEM && !in->s.hit) {
    if (!in->refused)
      in->out_of_memory = true;
    else {
      in->described = true; /* at the refusal, when the stack was still there */
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

/* Whether a block may grow. An end of time or instructions refuses nothing: the hook, armed, raises at the next
 * instruction. */
static bool admit(sandbox_inner *in, size_t had, size_t wanted, bool text) {
  size_t more = wanted - had;
  in->s.instructions_left -= (int64_t)(more >> BYTES_SHIFT);
  if (in->s.instructions_left < in->look_at || more >= BIG_BLOCK) look(in);
  if (in->loading && ++in->load_blocks % LOAD_LOOK == 0) look(in);
  if (in->loading && in->s.hit) return false;
  if (text && wanted > SANDBOX_LONG_TEXT_BYTES) {
    if (wanted > SANDBOX_TEXT_BYTES + 64) return refuse(in, true);
    if (in->mode == HOOK_NORMAL) set_mode(in, HOOK_WARY);
  }
  if (more > (size_t)in->s.limits.memory_bytes || in->s.memory_used > (size_t)in->s.limits.memory_bytes - more)
    return refuse(in, false);
  return true;
}

static void *allocate(void *ud, void *block, size_t old_bytes, size_t new_bytes) {
  sandbox_inner *in = ud;
  size_t had = block ? old_bytes : 0;
  /* without a block, old_bytes is the kind of object that Lua makes */
  if (new_bytes > had && !admit(in, had, new_bytes, !block && old_bytes == LUA_TSTRING)) return NULL;
  void *got = base_lua_alloc(NULL, block, old_bytes, new_bytes);
  if (got || new_bytes == 0)
    in->s.memory_used = in->s.memory_used - had + new_bytes;
  else
    in->refused = false;
  return got;
}

/* ---- evaluations ---- */

static void recover(sandbox_inner *in) {
  bool was_memory = in->s.hit == SANDBOX_MEMORY;
  in->s.hit = SANDBOX_WITHIN;
  in->described = false;
  in->out_of_memory = false;
  set_mode(in, in->keeps_long ? HOOK_WARY : HOOK_NORMAL);
  if (was_memory) lua_gc(in->s.L, LUA_GCCOLLECT);
}

void sandbox_start(sandbox *sb, int factor) {
  sandbox_inner *in = (sandbox_inner *)sb;
  if (factor > MOST_FACTOR) factor = MOST_FACTOR;
  sb->instructions_given = sb->instructions_left = sb->limits.instructions * factor;
  sb->timeout_ns = sb->limits.timeout_ns * factor;
  sb->deadline_ns = 0;
  in->look_at = sb->instructions_left > FIRST_LOOK ? sb->instructions_left - FIRST_LOOK : 0;
  if (in->mode != HOOK_NORMAL || in->out_of_memory) recover(in);
}

int sandbox_load(sandbox *sb, const char *chunkname, const char *text, size_t size) {
  sandbox_inner *in = (sandbox_inner *)sb;
  if (size >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) { /* a byte order mark */
    text += 3;
    size -= 3;
  }
  in->loading = true;
  int status = luaL_loadbufferx(sb->L, text, size, chunkname, "t");
  in->loading = false;
  bool ended = sandbox_ended(in, status);
  if (status || ended) sandbox_describe_file(in, chunkname);
  return status == LUA_OK && ended ? LUA_ERRMEM : status;
}

shunt_status sandbox_call(sandbox *sb, int nargs, int nresults, shunt_error *err) {
  lua_State *L = sb->L;
  int base = lua_gettop(L) - nargs;
  if (!lua_checkstack(L, LUA_MINSTACK)) {
    lua_settop(L, base - 1);
    return error_memory(err);
  }
  lua_pushcfunction(L, sandbox_handler);
  lua_insert(L, base);
  int status = lua_pcall(L, nargs, nresults, base);
  lua_remove(L, base);
  if (status == LUA_OK && !sb->hit) return SHUNT_OK;
  if (status == LUA_OK) { /* went over at its very end: the result counts as little as one that never came */
    lua_settop(L, base - 1);
    lua_pushnil(L);
  }
  return sandbox_error(sb, status, err);
}

/* ---- birth and end ---- */

static int install(lua_State *L) {
  sandbox_install(L);
  return 0;
}

static int64_t within(int64_t n) {
  int64_t most = NO_LIMIT / MOST_FACTOR;
  return n < 0 ? 0 : n > most ? most : n;
}

shunt_status sandbox_new(const sandbox_limits *limits, sandbox **out, shunt_error *err) {
  sandbox_inner *in = base_zalloc(sizeof *in);
  if (!in) return error_memory(err);
  sandbox *s = &in->s;
  s->limits.instructions = within(limits->instructions);
  s->limits.memory_bytes = within(limits->memory_bytes);
  s->limits.timeout_ns = within(limits->timeout_ns);
  s->instructions_left = NO_LIMIT;
  in->look_at = INT64_MIN; /* nothing is an evaluation before the first sandbox_start */
  lua_State *L = lua_newstate(allocate, in);
  if (!L) {
    bool refused = in->refused;
    base_free(in);
    return refused ? error_set(err, SHUNT_E_LIMIT, "rules.memory is too small to run any rule: raise it")
                   : error_memory(err);
  }
  s->L = L;
  *(sandbox **)lua_getextraspace(L) = s;
  lua_pushcfunction(L, install);
  shunt_status status = sandbox_call(s, 0, 0, err);
  if (status) {
    sandbox_free(s);
    return status;
  }
  in->mode = HOOK_WARY; /* so that the next line sets the hook for the first time */
  set_mode(in, HOOK_NORMAL);
  *out = s;
  return SHUNT_OK;
}

void sandbox_free(sandbox *sb) {
  if (!sb) return;
  sandbox_inner *in = (sandbox_inner *)sb;
  lua_sethook(sb->L, NULL, 0, 0);
  lua_close(sb->L);
  base_free(in);
}
