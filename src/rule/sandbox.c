/* Running untrusted Lua within limits.
 *
 * Idea. The state starts empty, and sandbox_env.c adds an allow-list of functions: removing dangerous ones from Lua's
 * libraries would miss the next one. Four resources are bounded: instructions, memory, CPU time, and the work of C
 * functions. The count hook sees only instructions of the virtual machine, and a C function runs none:
 * ("a"):rep(600):find(".-.-.-b") would run for most of a minute inside one instruction. So each function that can loop
 * is implemented in this folder and charges for its work by the price list in cost.h, and all other library functions
 * are wrapped to charge for their arguments. The allocator refuses blocks beyond the limit and charges for bytes.
 *
 * Invariant. Once a limit is hit (sandbox.hit), nothing that Lua code does can continue the evaluation: the hook fires
 * at every instruction and raises, pcall and xpcall raise again, and sandbox_call discards a result that came in spite
 * of it. There is one thread (no coroutines, whose hook would be separate) and no code that runs at odd times (no __gc,
 * no __close on foreign values). sandbox_start alone clears the state.
 *
 * The clock is read rarely, since reading CPU time is a system call: never in evaluations of fewer than FIRST_LOOK
 * instructions, later where a millisecond has passed by the monotonic clock, which costs little. Long texts are the
 * exception: one comparison of two texts is one instruction. While such texts exist, the hook runs more often
 * (HOOK_WARY, HOOK_QUICK), and no text is longer than 1 MiB. One instruction may also rehash a table, which is
 * quadratic if its keys collide: a rule that is asked makes no table with many keys (SANDBOX_KEYS_MOST), and
 * load_watched.c watches files.
 *
 * Sameness. A rule gives the same answer in every thread and process: all Lua code runs in the C locale, and nothing
 * shows the order of a hash table, an address, the collector, or the parts in which a table lies (lib_length.c).
 *
 * Not there: a process or a thread per evaluation (a decision takes microseconds), and a patched Lua (the limits need
 * the public API alone). */
#include "rule/sandbox.h"

#include <lauxlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/plain_locale.h"
#include "rule/lib.h"
#include "rule/sandbox_inner.h"

enum { FIRST_LOOK = 512 /* evaluations of fewer instructions never look at the clock */, MOST_FACTOR = 1000 };

/* ---- evaluations ---- */

static void recover(sandbox_inner *in) {
  in->s.hit = SANDBOX_WITHIN;
  in->described = in->out_of_memory = in->refused = in->failed = in->long_text = false;
  sandbox_set_mode(in, in->least);
}

void sandbox_start(sandbox *sb, int factor) {
  sandbox_inner *in = (sandbox_inner *)sb;
  if (factor > MOST_FACTOR) factor = MOST_FACTOR;
  sb->instructions_given = sb->instructions_left = sb->limits.instructions * factor;
  sb->timeout_ns = sb->limits.timeout_ns * factor;
  atomic_store_explicit(&sb->deadline_ns, 0, memory_order_relaxed);
  in->is_load = factor > 1;
  in->most_keys = in->is_load ? SIZE_MAX : SANDBOX_KEYS_MOST;
  in->look_at = sb->instructions_left > FIRST_LOOK ? sb->instructions_left - FIRST_LOOK : 0;
  if (in->mode != HOOK_NORMAL || in->out_of_memory) recover(in);
}

/* ---- reading a chunk ---- */

enum { PIECE_BYTES = 256 /* between two looks at the clock: the parser calls no hook */ };

typedef struct source {
  const char *at, *end;
  const char *length; /* the next operator #, which is read as the mark and ^; end: none */
} source;

static const char *read_piece(lua_State *L, void *ud, size_t *size) {
  static const char mark[] = "\"\\0#\"^";
  source *s = ud;
  sandbox_charge(L, 1);
  sandbox_look(L);
  const char *piece = s->at;
  if (s->at == s->length && s->at < s->end) {
    s->at++;
    s->length = lib_next_length(s->at, s->end);
    *size = sizeof mark - 1;
    return mark;
  }
  *size = (size_t)(s->length - s->at);
  if (*size > PIECE_BYTES) *size = PIECE_BYTES;
  s->at += *size;
  return piece;
}

/* The text as it is comes first: what Lua can't read has a message of its own, and only what it can read may be
 * rewritten. */
static int read_chunk(sandbox_inner *in, const char *chunkname, const char *text, size_t size) {
  lua_State *L = in->s.L;
  const char *end = text + size;
  source as_it_is = {text, end, end};
  int status = lua_load(L, read_piece, &as_it_is, chunkname, "t");
  if (status != LUA_OK) return status;
  source rewritten = {text, end, lib_next_length(text, end)};
  if (rewritten.length == end) return LUA_OK;
  lua_pop(L, 1);
  return lua_load(L, read_piece, &rewritten, chunkname, "t");
}

int sandbox_load(sandbox *sb, const char *chunkname, const char *text, size_t size) {
  sandbox_inner *in = (sandbox_inner *)sb;
  if (size >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) { /* a byte order mark */
    text += 3;
    size -= 3;
  }
  in->loading = true;
  void *was = plain_locale_enter();
  int status = read_chunk(in, chunkname, text, size);
  plain_locale_leave(was);
  in->loading = false;
  bool ended = sandbox_ended(in, status);
  if (status || ended) sandbox_describe_file(in, chunkname);
  return status == LUA_OK && ended ? LUA_ERRMEM : status;
}

/* ---- filling the caller's error ---- */

static shunt_status limit_error(const sandbox *sb, bool long_text, shunt_error *err) {
  switch (sb->hit) {
  case SANDBOX_INSTRUCTIONS:
    return error_set(err, SHUNT_E_LIMIT,
                     "over the limit of %lld instructions: do less here, or raise rules.instructions",
                     (long long)sb->instructions_given);
  case SANDBOX_TIME:
    return error_set(err, SHUNT_E_LIMIT,
                     "over the limit of %lld ms of computing time: do less here, or raise rules.timeout",
                     (long long)(sb->timeout_ns / NS_PER_MS));
  case SANDBOX_KEYS:
    return error_set(err, SHUNT_E_LIMIT,
                     "over the limit of %d keys in a table, beside its list, that a rule makes when it is asked: make "
                     "the table at the top of the rule file, where it is made once",
                     SANDBOX_KEYS_MOST);
  case SANDBOX_NAMES:
    return error_set(err, SHUNT_E_LIMIT,
                     "a decision reads too many columns and attributes by computed names: read a fixed set of names");
  case SANDBOX_MEMORY:
  case SANDBOX_WITHIN:
    break;
  }
  if (long_text)
    return error_set(err, SHUNT_E_LIMIT, "over the limit of %d bytes of memory for one text: make shorter texts",
                     SANDBOX_TEXT_BYTES);
  return error_set(err, SHUNT_E_LIMIT, "over the limit of %lld bytes of memory: keep less, or raise rules.memory",
                   (long long)sb->limits.memory_bytes);
}

shunt_status sandbox_error(sandbox *sb, int lua_status, shunt_error *err) {
  sandbox_inner *in = (sandbox_inner *)sb;
  lua_State *L = sb->L;
  shunt_status status;
  if (sandbox_ended(in, lua_status) && !sb->hit) {
    status = error_memory(err);
  } else if (sb->hit) {
    if (!in->described) {
      in->file[0] = in->traceback[0] = 0;
      in->line = 0;
    }
    status = limit_error(sb, in->long_text, err);
  } else {
    if (!in->described) { /* the handler did not run: a syntax error, or an error in the handler */
      in->traceback[0] = 0;
      in->line = 0;
      if (!in->load_failed) in->file[0] = 0;
      sandbox_describe_error(in, L, -1);
      if (in->load_failed && !in->line) in->line = 1; /* compiled code has no lines */
    }
    status = error_set(err, SHUNT_E_RULE, "%s", in->message);
  }
  if (err) {
    error_place(err, in->file, in->line, 0);
    memcpy(err->traceback, in->traceback, strlen(in->traceback) + 1);
  }
  if (!sb->hit) in->described = false;
  in->load_failed = false;
  lua_pop(L, 1);
  return status;
}

/* ---- protected calls ---- */

shunt_status sandbox_call(sandbox *sb, int nargs, int nresults, shunt_error *err) {
  lua_State *L = sb->L;
  int base = lua_gettop(L) - nargs;
  if (!lua_checkstack(L, LUA_MINSTACK)) {
    lua_settop(L, base - 1);
    return error_memory(err);
  }
  lua_pushcfunction(L, sandbox_handler);
  lua_insert(L, base);
  sandbox_inner *in = (sandbox_inner *)sb;
  void *was = plain_locale_enter();
  int status = lua_pcall(L, nargs, nresults, base);
  plain_locale_leave(was);
  lua_remove(L, base);
  if (status == LUA_OK && !sb->hit && !in->out_of_memory) return SHUNT_OK;
  if (sb->hit == SANDBOX_MEMORY) lua_gc(L, LUA_GCCOLLECT); /* the evaluation that took it pays for it, not the next */
  if (status == LUA_OK) {                                  /* over a limit at the very end: the result does not count */
    lua_settop(L, base - 1);
    lua_pushnil(L);
  }
  return sandbox_error(sb, status, err);
}

/* ---- birth and end ---- */

static int install(lua_State *L) {
  enum { KEYS = 64 };
  sandbox_inner *in = sandbox_inner_of(L);
  lua_createtable(L, 0, KEYS);
  in->node_bytes = in->asked_bytes / KEYS;
  lua_settop(L, 0);
  sandbox_install(L);
  return 0;
}

static int64_t within(int64_t n) {
  int64_t most = SANDBOX_NO_LIMIT / MOST_FACTOR;
  return n < 0 ? 0 : n > most ? most : n;
}

shunt_status sandbox_new(const sandbox_limits *limits, sandbox **out, shunt_error *err) {
  sandbox_inner *in = plain_locale_ready() ? base_zalloc(sizeof *in) : NULL;
  if (!in) return error_memory(err);
  sandbox *s = &in->s;
  s->limits.instructions = within(limits->instructions);
  s->limits.memory_bytes = within(limits->memory_bytes);
  s->limits.timeout_ns = within(limits->timeout_ns);
  s->instructions_left = SANDBOX_NO_LIMIT;
  in->look_at = INT64_MIN; /* there is no evaluation before the first sandbox_start */
  in->most_keys = SIZE_MAX;
  lua_State *L = lua_newstate(sandbox_allocate, in);
  if (!L) {
    const bool refused = in->refused;
    const long long bytes = s->limits.memory_bytes;
    base_free(in);
    return refused
               ? error_set(err, SHUNT_E_LIMIT, "rules.memory is %lld bytes, too few to run any rule: raise it", bytes)
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
  sandbox_set_mode(in, HOOK_NORMAL);
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
