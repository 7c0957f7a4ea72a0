/* For: the open transactions of a session in Lua, and how they end without a commit.
 * Owner: the session lists its open transactions; each anchors its session in a user value.
 * Use: a failing or closing caller ends one with tx_roll_back(L, s, session_index, tx_take(t), &err). */
#ifndef SHUNT_BIND_TX_H
#define SHUNT_BIND_TX_H

#include "bind/bind.h"

enum { TX_SESSION = 1, TX_NEXT_ORPHAN, TX_NVALUES = TX_NEXT_ORPHAN };

struct bind_tx {
  bind_held held; /* must be the first field: a bind_held is cast to it */
  shunt_tx *tx;   /* NULL once it has ended */
  bind_session *session;
  bind_tx *next, *before; /* in session->txs */
  bind_tx *next_orphan;
};

/* Takes the library's transaction off the session's list; the caller ends it. NULL if it has ended. */
shunt_tx *tx_take(bind_tx *t);
/* Drops what an observer raises meanwhile. What hooks raise stays in SESSION_FAILURES. session_index 0: the session is
 * not on the stack, and its hooks do not run. */
shunt_status tx_roll_back(lua_State *L, bind_session *s, int session_index, shunt_tx *tx, shunt_error *err);
/* For a rollback that no caller asked for: failures of its hooks become warnings; those of the current call stay. */
void tx_roll_back_unseen(lua_State *L, bind_session *s, int session_index, shunt_tx *tx);
/* An observer may run Lua during a call, and with it the collector. The library can't be entered then: the session (2)
 * keeps the transaction (1) until the call is over. */
void tx_keep_for_later(lua_State *L, bind_tx *t);

#endif
