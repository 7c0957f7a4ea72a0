/* Which of the session's transactions are in force. */
#include "base/error.h"
#include "session/transaction.h"

static bool has_levels(const cat_client *client) { return cat_engine_of(client->engine)->levels; }

transaction *transaction_find(const shunt_session *s, const cat_client *client, int level) {
  for (transaction *t = s->transactions; t; t = t->next)
    if (t->client == client && t->level == level && !t->suspended) return t;
  return NULL;
}

bool transaction_in_force(const shunt_session *s, const transaction *t) {
  return !t->suspended && (t->session_level == s->level.now || !has_levels(t->client));
}

bool session_in_transaction(const shunt_session *s) {
  const transaction *t = s->transactions;
  while (t && !transaction_in_force(s, t)) t = t->next;
  return t != NULL;
}

driver_conn *transaction_peek(const shunt_session *s, const cat_client *client, int level) {
  transaction *t = s->transactions ? transaction_find(s, client, level) : NULL;
  return t ? t->conn : NULL;
}

shunt_status transaction_check_spanning(call *c, const cat_client *client) {
  const transaction *t = c->s->transactions;
  while (t && !(t->alone && transaction_in_force(c->s, t))) t = t->next;
  if (!t) return SHUNT_OK;
  error_set(c->err, SHUNT_E_TRANSACTION,
            "this would run on '%s', outside of the transaction on '%s', which forbids this (spanning = "
            "\"error\"): do it before or after, or in a transaction of its own on '%s'",
            client->name, t->client->name, client->name);
  error_client(c->err, client->name);
  return SHUNT_E_TRANSACTION;
}
