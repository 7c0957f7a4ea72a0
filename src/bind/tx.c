#include "bind/tx.h"

shunt_tx *tx_take(bind_tx *t) {
  shunt_tx *tx = t->tx;
  if (!tx) return NULL;
  t->tx = NULL;
  bind_let_go(&t->held);
  if (t->next) t->next->before = t->before;
  if (t->before)
    t->before->next = t->next;
  else
    t->session->txs = t->next;
  t->next = t->before = NULL;
  return tx;
}

shunt_status tx_roll_back(lua_State *L, bind_session *s, int session_index, shunt_tx *tx, shunt_error *err) {
  s->busy = true;
  s->L = session_index ? L : NULL;
  s->index = session_index;
  shunt_status st = shunt_rollback(tx, err);
  s->busy = false;
  s->L = NULL;
  return st;
}

void tx_roll_back_unseen(lua_State *L, bind_session *s, int session_index, shunt_tx *tx) {
  bool some = session_index && bind_hooks_take(L, session_index);
  tx_roll_back(L, s, session_index, tx, NULL);
  if (session_index) bind_hooks_warn(L, session_index);
  if (some) lua_setiuservalue(L, session_index, SESSION_FAILURES);
}

void bind_tx_roll_back_all(lua_State *L, bind_session *s, int session_index) {
  while (s->txs) tx_roll_back_unseen(L, s, session_index, tx_take(s->txs));
}

void bind_tx_roll_back_orphans(lua_State *L, bind_session *s, int session_index) {
  while (s->orphans) {
    shunt_tx *tx = tx_take(s->orphans);
    s->orphans = s->orphans->next_orphan;
    if (tx) tx_roll_back_unseen(L, s, session_index, tx);
    if (s->orphans) continue;
    lua_pushnil(L);
    lua_setiuservalue(L, session_index, SESSION_ORPHANS);
  }
}

void tx_keep_for_later(lua_State *L, bind_tx *t) {
  bind_session *s = t->session;
  lua_getiuservalue(L, 2, SESSION_ORPHANS);
  lua_setiuservalue(L, 1, TX_NEXT_ORPHAN);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, 2, SESSION_ORPHANS);
  t->next_orphan = s->orphans;
  s->orphans = t;
}
