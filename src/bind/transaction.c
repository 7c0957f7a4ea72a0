#define _POSIX_C_SOURCE 200809L
#include <string.h>
#include <time.h>

#include "bind/tx.h"

/* How often the transaction may be tried again; never if it joins another one. */
static int64_t retries(lua_State *L, bind_call *c, const node *options) {
  int64_t n = 0;
  if (bind_option_integer(L, c, options, "retry", &n) && n < 0) {
    error_set(&c->err, SHUNT_E_USAGE, "retry must be a whole number from 0 on, not %lld", (long long)n);
    bind_fail(L, c);
  }
  return n;
}

static const char *const transaction_keys[] = {"client",    "clients",   "model",    "where", "propagation",
                                               "isolation", "read_only", "spanning", "retry", NULL};

static void end_held(lua_State *L, bind_held *h, int session_index) {
  bind_tx *t = (bind_tx *)h;
  tx_roll_back_unseen(L, t->session, session_index, tx_take(t));
}

static int tx_begin(lua_State *L) {
  lua_settop(L, 2);
  bind_call *c = bind_enter(L, 1);
  bind_tx *t = lua_newuserdatauv(L, sizeof *t, TX_NVALUES);
  memset(t, 0, sizeof *t);
  luaL_setmetatable(L, BIND_TX);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -2, TX_SESSION);
  bind_session *s = t->session = c->session;
  const node *options = bind_options(L, c, 2, "session:transaction", transaction_keys);
  shunt_tx_options with = {.client = NULL};
  if (options_begin(&c->arena, options, &with, &c->err)) return bind_fail(L, c);
  int64_t retry = retries(L, c, options);
  bind_hold(L, &t->held, s); /* may raise: nothing has begun yet */
  bind_busy(L, c);
  shunt_status st = shunt_begin(s->session, &with, &t->tx, &c->err);
  if (st) {
    bind_let_go(&t->held);
    t->tx = NULL;
  } else {
    t->next = s->txs;
    if (t->next) t->next->before = t;
    s->txs = t;
    t->held.tx = t;
    t->held.end = end_held;
    if (!shunt_tx_began(t->tx)) retry = 0;
  }
  bind_done(L, c, st);
  bind_leave(L, c);
  lua_settop(L, 4); /* the session, the options, a call, the transaction */
  lua_pushinteger(L, retry);
  return 2;
}

static int tx_commit(lua_State *L) {
  lua_settop(L, 1);
  bind_tx *t = bind_check(L, 1, BIND_TX, "a transaction");
  lua_getiuservalue(L, 1, TX_SESSION);
  bind_call *c = bind_enter(L, 2);
  shunt_tx *tx = tx_take(t);
  if (!tx) return bind_usage(L, "the transaction has ended already");
  bind_busy(L, c);
  bind_done(L, c, shunt_commit(tx, &c->err));
  bind_leave(L, c);
  return 0;
}

/* The block ends without a commit. Its own error is raised, unless hooks fail: then theirs is raised, with it as the
 * cause. */
static int tx_close(lua_State *L) {
  bind_tx *t = luaL_checkudata(L, 1, BIND_TX);
  bind_session *s = t->session;
  shunt_error err;
  if (!t->tx) return 0;
  if (s->busy) { /* an observer closes the coroutine that it is in */
    lua_settop(L, 1);
    lua_getiuservalue(L, 1, TX_SESSION);
    tx_keep_for_later(L, t);
    return 0;
  }
  lua_settop(L, 2);
  lua_getiuservalue(L, 1, TX_SESSION);
  shunt_status st = tx_roll_back(L, s, 3, tx_take(t), &err);
  if (st) {
    bind_push_error(L, &err);
    if (bind_hooks_take(L, 3)) lua_setfield(L, 4, "failures");
    lua_pushvalue(L, 2);
    lua_setfield(L, 4, "cause");
  }
  bind_tx_roll_back_orphans(L, s, 3);
  return st ? lua_error(L) : 0;
}

/* The transaction was collected before its end, together with its coroutine. */
static int tx_gc(lua_State *L) {
  bind_tx *t = luaL_checkudata(L, 1, BIND_TX);
  bind_session *s = t->session;
  if (!t->tx) return 0;
  lua_settop(L, 1);
  lua_getiuservalue(L, 1, TX_SESSION);
  if (s->busy)
    tx_keep_for_later(L, t);
  else
    tx_roll_back_unseen(L, s, 2, tx_take(t));
  return 0;
}

/* pause(ms): the wait between two tries. */
static int tx_pause(lua_State *L) {
  lua_Number ms = luaL_checknumber(L, 1);
  struct timespec t = {.tv_sec = (time_t)(ms / 1e3), .tv_nsec = (long)(ms * 1e6) % 1000000000};
  nanosleep(&t, NULL);
  return 0;
}

void bind_transaction_register(lua_State *L) {
  static const bind_taking takes[] = {{"session:transaction", transaction_keys}, {NULL, NULL}};
  static const luaL_Reg metamethods[] = {{"__gc", tx_gc}, {"__close", tx_close}, {NULL, NULL}};
  static const luaL_Reg functions[] = {{"begin", tx_begin}, {"commit", tx_commit}, {"pause", tx_pause}, {NULL, NULL}};
  bind_class(L, BIND_TX, metamethods, NULL, NULL);
  luaL_setfuncs(L, functions, 0);
  bind_takes(L, takes);
}
