#include <string.h>

#include "bind/bind.h"

enum { TX_SESSION = 1, TX_NEXT_ORPHAN, TX_NVALUES = TX_NEXT_ORPHAN };

struct bind_tx {
  shunt_tx *tx; /* NULL once it has ended */
  bind_session *session;
  bind_tx *next, *before; /* in session->txs */
  bind_tx *next_orphan;
};

/* Hands the library's transaction to the caller, who ends it. */
static shunt_tx *take(bind_tx *t) {
  shunt_tx *tx = t->tx;
  if (!tx) return NULL;
  t->tx = NULL;
  if (t->next) t->next->before = t->before;
  if (t->before)
    t->before->next = t->next;
  else
    t->session->txs = t->next;
  t->next = t->before = NULL;
  return tx;
}

void bind_tx_roll_back_all(bind_session *s) {
  while (s->txs) shunt_rollback(take(s->txs));
}

void bind_tx_roll_back_orphans(lua_State *L, bind_session *s, int session_index) {
  if (!s->orphans) return;
  for (bind_tx *t = s->orphans, *next; t; t = next) {
    next = t->next_orphan;
    shunt_tx *tx = take(t);
    if (tx) shunt_rollback(tx);
  }
  s->orphans = NULL;
  lua_pushnil(L);
  lua_setiuservalue(L, session_index, SESSION_ORPHANS);
}

static int tx_begin(lua_State *L) {
  static const char *const known[] = {"client", "propagation", "isolation", "read_only", NULL};
  lua_settop(L, 2);
  bind_call *c = bind_enter(L, 1);
  bind_tx *t = lua_newuserdatauv(L, sizeof *t, TX_NVALUES);
  memset(t, 0, sizeof *t);
  luaL_setmetatable(L, BIND_TX);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -2, TX_SESSION);
  bind_session *s = t->session = c->session;
  const node *options = bind_options(L, c, 2, "session:transaction", known);
  shunt_tx_options with = {.client = bind_option_text(L, c, options, "client"),
                           .propagation = bind_option_text(L, c, options, "propagation"),
                           .isolation = bind_option_text(L, c, options, "isolation"),
                           .read_only = bind_option_bool(L, c, options, "read_only")};
  bind_busy(L, c);
  shunt_status st = shunt_begin(s->session, &with, &t->tx, &c->err);
  if (st) {
    t->tx = NULL;
  } else {
    t->next = s->txs;
    if (t->next) t->next->before = t;
    s->txs = t;
    if (s->has_failure) shunt_rollback(take(t)); /* the observer is about to raise, and nobody gets the transaction */
  }
  bind_done(L, c, st);
  bind_leave(L, c);
  return 1;
}

static int tx_commit(lua_State *L) {
  lua_settop(L, 1);
  bind_tx *t = bind_check(L, 1, BIND_TX, "a transaction");
  lua_getiuservalue(L, 1, TX_SESSION);
  bind_call *c = bind_enter(L, 2);
  shunt_tx *tx = take(t);
  if (!tx) return bind_usage(L, "the transaction has ended already");
  bind_busy(L, c);
  bind_done(L, c, shunt_commit(tx, &c->err));
  bind_leave(L, c);
  return 0;
}

/* On the way out of a block that did not commit. The error under way is the one to be seen, so that what an observer
 * raises here is dropped. */
static int tx_close(lua_State *L) {
  bind_tx *t = luaL_checkudata(L, 1, BIND_TX);
  bind_session *s = t->session;
  if (!t->tx || s->busy) return 0;
  lua_settop(L, 1);
  lua_getiuservalue(L, 1, TX_SESSION);
  s->busy = true;
  s->L = L;
  s->index = 2;
  shunt_rollback(take(t));
  s->busy = s->has_failure = false;
  s->L = NULL;
  lua_pushnil(L);
  lua_setiuservalue(L, 2, SESSION_FAILURE);
  bind_tx_roll_back_orphans(L, s, 2);
  return 0;
}

/* Collected unfinished: its coroutine was. In the middle of a call (an observer may run Lua, and the collector with it)
 * the library can't be entered, so that the session keeps the transaction until the call is over. */
static int tx_gc(lua_State *L) {
  bind_tx *t = luaL_checkudata(L, 1, BIND_TX);
  bind_session *s = t->session;
  if (!t->tx) return 0;
  if (!s->busy) {
    shunt_rollback(take(t));
    return 0;
  }
  lua_settop(L, 1);
  lua_getiuservalue(L, 1, TX_SESSION);
  lua_getiuservalue(L, 2, SESSION_ORPHANS);
  lua_setiuservalue(L, 1, TX_NEXT_ORPHAN);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, 2, SESSION_ORPHANS);
  t->next_orphan = s->orphans;
  s->orphans = t;
  return 0;
}

void bind_transaction_register(lua_State *L) {
  static const luaL_Reg metamethods[] = {{"__gc", tx_gc}, {"__close", tx_close}, {NULL, NULL}};
  static const luaL_Reg functions[] = {{"begin", tx_begin}, {"commit", tx_commit}, {NULL, NULL}};
  bind_class(L, BIND_TX, metamethods, NULL, NULL);
  luaL_setfuncs(L, functions, 0);
}
