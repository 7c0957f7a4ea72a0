/* Freezing: a table's contents move to a hidden table, and functions that keep a state are refused.
 *
 * Tried and replaced: asking each library whether a function is one of its iterators. The libraries use the sandbox, so
 * that was a cycle of files; now the sandbox gets a list of them (sandbox_iterator). */
#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "rule/bytecode.h"
#include "rule/cost.h"
#include "rule/lib.h"
#include "rule/sandbox_inner.h"

static const char CONTENTS_KEY; /* in the metatable of a locked table: its contents */
static const char CHECKED_KEY;  /* in the registry: the functions whose code was checked, with weak keys */

/* ---- locked tables ---- */

bool sandbox_locked(lua_State *L, int index) {
  if (!lua_istable(L, index) || !lua_getmetatable(L, index)) return false;
  if (lua_rawgetp(L, -1, &CONTENTS_KEY) == LUA_TTABLE) {
    lua_remove(L, -2);
    return true;
  }
  lua_pop(L, 2);
  return false;
}

void sandbox_contents(lua_State *L, int index) {
  if (!sandbox_locked(L, index)) lua_pushvalue(L, index);
}

void sandbox_lock(lua_State *L, int index, lua_CFunction newindex) {
  index = lua_absindex(L, index);
  lua_newtable(L);
  int contents = lua_gettop(L);
  for (lua_pushnil(L); lua_next(L, index);) {
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_rawset(L, contents);
  }
  for (lua_pushnil(L); lua_next(L, contents);) {
    lua_pop(L, 1);
    lua_pushvalue(L, -1);
    lua_pushnil(L);
    lua_rawset(L, index);
  }
  if (lua_getmetatable(L, index)) lua_setmetatable(L, contents); /* its own metatable works from there */
  lua_createtable(L, 0, 3);
  lua_pushvalue(L, contents);
  lua_rawsetp(L, -2, &CONTENTS_KEY);
  lua_pushcfunction(L, newindex);
  lua_setfield(L, -2, "__newindex");
  lua_insert(L, contents);
  lua_setfield(L, contents, "__index");
  lua_setmetatable(L, index);
}

static int set_in_frozen(lua_State *L) {
  return luaL_error(L, "this table is frozen once the rules are loaded: a rule keeps no state between calls");
}

/* ---- functions ---- */

#define ADVICE                                                                                                         \
  "a rule keeps no state between calls: make it a local of the function, or let the host pass it in req.attrs"

static int add_bytes(lua_State *L, const void *bytes, size_t size, void *ud) {
  (void)L;
  buf *b = ud;
  buf_add(b, bytes, size);
  return b->failed;
}

/* Whether the function on top was checked before. Marks it as checked. */
static bool code_known(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &CHECKED_KEY);
  lua_pushvalue(L, -2);
  bool known = lua_rawget(L, -2) != LUA_TNIL;
  lua_pop(L, 1);
  if (!known) {
    lua_pushvalue(L, -2);
    lua_pushboolean(L, 1);
    lua_rawset(L, -3);
  }
  lua_pop(L, 1);
  return known;
}

typedef struct looker {
  const sandbox_inner *in;
  const char *file;
} looker;

static void pass_on(void *ud, const bytecode_use *use, int line) {
  const looker *l = ud;
  const shunt_value *v = &use->value;
  if (v->type == SHUNT_TEXT && v->size == LIB_LENGTH_MARK_BYTES && memcmp(v->as.bytes, LIB_LENGTH_MARK, v->size) == 0)
    return; /* the operator # */
  l->in->found(l->in->s.owner, l->file, line, use);
}

/* Pushes why the function on top can't be frozen, or nil: it assigns to a local of an enclosing function. */
static void check_code(lua_State *L) {
  lua_Debug ar;
  sandbox_inner *in = sandbox_inner_of(L);
  if (code_known(L)) {
    lua_pushnil(L);
    return;
  }
  lua_pushvalue(L, -1);
  lua_getinfo(L, ">S", &ar);
  buf dump = {0}; /* C memory: nothing may raise until it is freed */
  lua_dump(L, add_bytes, &dump, 0);
  looker l = {in, ar.source[0] == '@' ? ar.source + 1 : ar.source};
  const bytecode_watcher watcher = {pass_on, &l};
  bytecode_report report = {.line = 0};
  bytecode_result result =
      dump.failed ? BYTECODE_BROKEN : bytecode_check(dump.data, dump.size, in->found ? &watcher : NULL, &report);
  bool failed = dump.failed;
  buf_free(&dump);
  if (failed) {
    in->out_of_memory = true;
    sandbox_raise(L);
  }
  sandbox_keep_long(in, report.longest_text);
  switch (result) {
  case BYTECODE_PURE:
    lua_pushnil(L);
    break;
  case BYTECODE_WRITES:
    lua_pushfstring(L, "%s:%d: writes to the upvalue '%s' (" ADVICE ")", ar.short_src, report.line, report.name);
    break;
  case BYTECODE_BROKEN:
    lua_pushfstring(
        L, "%s:%d: this function can't be checked, because this Lua has other bytecode than Lua 5.4: use Lua 5.4",
        ar.short_src, ar.linedefined);
    break;
  }
}

/* ---- the walk: a list of what is to be looked at instead of recursion, since tables may nest as deep as memory goes
 * ---- */

enum { QUEUE = 1, SEEN = 2, WRONG = 3, HERE = 4 };

typedef struct freezer {
  lua_State *L;
  int base; /* the stack's top below QUEUE */
  lua_Integer queued;
} freezer;

/* Queues the value on top if it can lead to other values. It stays on top. */
static void meet(freezer *f) {
  lua_State *L = f->L;
  switch (lua_type(L, -1)) {
  case LUA_TTABLE:
  case LUA_TFUNCTION:
    lua_pushvalue(L, -1);
    lua_rawseti(L, f->base + QUEUE, ++f->queued);
    break;
  case LUA_TSTRING:
    sandbox_keep_long(sandbox_inner_of(L), lua_rawlen(L, -1));
    break;
  default:
    break;
  }
}

/* A rule may compare a field with the value: a number may also be a bound, unless it is a key. */
static void note_value(lua_State *L, int index, bool is_key) {
  const sandbox_inner *in = sandbox_inner_of(L);
  const bool bound = !is_key && lua_type(L, index) == LUA_TNUMBER;
  bytecode_use use = {.path = "", .kind = bound ? CAT_USE_ORDER : CAT_USE_EQUAL};
  if (!in->found) return;
  if (lua_isinteger(L, index))
    use.value = shunt_integer(lua_tointeger(L, index));
  else if (lua_type(L, index) == LUA_TNUMBER)
    use.value = shunt_float(lua_tonumber(L, index));
  else if (lua_type(L, index) == LUA_TSTRING)
    use.value = shunt_text(lua_tostring(L, index), lua_rawlen(L, index));
  else
    return;
  in->found(in->s.owner, "", 0, &use);
}

static void freeze_table(freezer *f) {
  lua_State *L = f->L;
  int here = f->base + HERE;
  if (sandbox_locked(L, here)) {
    lua_pop(L, 1);
    return;
  }
  for (lua_pushnil(L); lua_next(L, here); lua_pop(L, 1)) {
    sandbox_charge(L, cost_slots(1));
    meet(f);
    note_value(L, -1, false);
    note_value(L, -2, true);
    lua_pushvalue(L, -2);
    meet(f);
    lua_pop(L, 1);
  }
  sandbox_lock(L, here, set_in_frozen);
}

/* Pops a message, or nil. Of all that is wrong the first in order of bytes is reported: the order of the walk is the
 * order of the tables, which changes from run to run. */
static void note_wrong(freezer *f) {
  lua_State *L = f->L;
  const int best = f->base + WRONG;
  if (!lua_isnil(L, -1) && (lua_isnil(L, best) || strcmp(lua_tostring(L, -1), lua_tostring(L, best)) < 0))
    lua_copy(L, -1, best);
  lua_pop(L, 1);
}

static void freeze_function(freezer *f) {
  lua_State *L = f->L;
  lua_CFunction c = lua_tocfunction(L, -1);
  for (const sandbox_iterator *i = sandbox_inner_of(L)->iterators; c && i->name; i++)
    if (c == i->next) {
      lua_pushfstring(L,
                      "an iterator of %s can't be kept: a rule keeps no state between calls; call %s where the loop is",
                      i->name, i->name);
      note_wrong(f);
    }
  if (c) return; /* the upvalues of other C functions are the host's, or constant */
  check_code(L);
  note_wrong(f);
  sandbox_charge(L, 1);
  for (int i = 1; lua_getupvalue(L, f->base + HERE, i); i++) {
    meet(f);
    note_value(L, -1, false);
    lua_pop(L, 1);
  }
}

/* True the first time for the value on top. */
static bool first_time(freezer *f) {
  lua_State *L = f->L;
  lua_pushvalue(L, -1);
  if (lua_rawget(L, f->base + SEEN) != LUA_TNIL) {
    lua_pop(L, 1);
    return false;
  }
  lua_pop(L, 1);
  lua_pushvalue(L, -1);
  lua_pushboolean(L, 1);
  lua_rawset(L, f->base + SEEN);
  return true;
}

static void open_checked(lua_State *L) {
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, &CHECKED_KEY) == LUA_TNIL) {
    lua_newtable(L);
    lua_createtable(L, 0, 1);
    lua_pushliteral(L, "k");
    lua_setfield(L, -2, "__mode");
    lua_setmetatable(L, -2);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &CHECKED_KEY);
  }
  lua_pop(L, 1);
}

void sandbox_freeze(lua_State *L, int index) {
  sandbox_room(L, LUA_MINSTACK, "freezing");
  index = lua_absindex(L, index);
  open_checked(L);
  freezer f = {.L = L, .base = lua_gettop(L), .queued = 0};
  lua_newtable(L); /* QUEUE */
  lua_newtable(L); /* SEEN */
  lua_pushnil(L);  /* WRONG */
  lua_pushvalue(L, index);
  meet(&f);
  lua_pop(L, 1);
  while (f.queued > 0) {
    lua_rawgeti(L, f.base + QUEUE, f.queued); /* HERE */
    lua_pushnil(L);
    lua_rawseti(L, f.base + QUEUE, f.queued--);
    if (lua_istable(L, -1))
      freeze_table(&f);
    else if (first_time(&f))
      freeze_function(&f);
    lua_settop(L, f.base + WRONG);
  }
  if (!lua_isnil(L, f.base + WRONG)) lua_error(L);
  lua_settop(L, f.base);
}
