/* Idea: a scope counts its savepoints itself, because its transactions begin one by one. A transaction that began when
 * k savepoints were open (transaction.born) has the scope's savepoint number n as its own number n - k, and none of the
 * first k: where savepoint n <= k is rolled back, the whole transaction is. */
#include "session/scope.h"

#include <string.h>

#include "base/alloc.h"
#include "session/joint.h"

static const char *const words[] = {
    [CAT_SPANNING_ERROR] = "error", [CAT_SPANNING_RUN] = "run", [CAT_SPANNING_JOIN] = "join"};

bool spanning_find(const char *word, cat_spanning *out) {
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (strcmp(words[i], word) == 0) {
      *out = (cat_spanning)i;
      return true;
    }
  return false;
}

const char *spanning_word(cat_spanning s) { return words[s]; }

/* ---- opening and closing ---- */

shunt_status scope_open(shunt_session *s, const shunt_tx_options *o, scope **out, shunt_error *err) {
  size_t size = o->isolation ? strlen(o->isolation) + 1 : 0;
  scope *sc = base_zalloc(sizeof *sc + size);
  if (!sc) return error_memory(err);
  *sc = (scope){.spanning = (cat_spanning)s->generation.catalog->settings.spanning,
                .session_level = s->level.now,
                .number = ++s->begun,
                .doomed.at = NOT_DOOMED,
                .seen = {.read_only = o->read_only},
                .next = s->scopes};
  if (o->isolation) sc->seen.isolation = memcpy(sc + 1, o->isolation, size);
  if (o->spanning) (void)spanning_find(o->spanning, &sc->spanning); /* the caller has checked the word */
  sc->joint = !o->read_only && (sc->spanning == CAT_SPANNING_JOIN || o->nclients > 1);
  s->scopes = *out = sc;
  return SHUNT_OK;
}

static transaction *first_of(const shunt_session *s, const scope *sc) {
  transaction *t = s->transactions;
  while (t && t->of != sc) t = t->next;
  return t;
}

void scope_close(shunt_session *s, scope *sc) {
  if (!sc) return;
  for (transaction *t; (t = first_of(s, sc));) transaction_close(s, t);
  scope **at = &s->scopes;
  while (*at != sc) at = &(*at)->next;
  *at = sc->next;
  base_free(sc->seen.held);
  base_free(sc);
}

/* ---- its transactions ---- */

/* *n of them. NULL when out of memory. */
static transaction **list_of(call *c, const scope *sc, size_t *n) {
  transaction **list = arena_array(c->arena, transaction *, sc->seen.nheld + 1);
  *n = 0;
  for (transaction *t = c->s->transactions; t && list; t = t->next)
    if (t->of == sc) list[(*n)++] = t;
  return list;
}

static shunt_status check_joining(call *c, const scope *sc, const cat_client *client) {
  size_t n;
  if (!sc->joint || !sc->seen.nheld) return SHUNT_OK;
  transaction **list = list_of(c, sc, &n);
  return list ? joint_check(c, list, n, client) : error_memory(c->err);
}

shunt_status scope_begin_at(call *c, scope *sc, const cat_client *client, int level, transaction **out) {
  const shunt_tx_options o = {
      .isolation = sc->seen.isolation, .read_only = sc->seen.read_only, .spanning = sc->joint ? "join" : NULL};
  *out = transaction_find(c->s, client, level);
  if (*out && (*out)->of == sc) return SHUNT_OK;
  if (!base_grow(&sc->seen.held, &sc->capacity, sc->seen.nheld + 1, sizeof(const cat_client *)))
    return error_memory(c->err);
  shunt_status status = check_joining(c, sc, client);
  if (!status) status = transaction_open(c, client, level, &o, out);
  if (status) return status;
  (*out)->of = sc;
  (*out)->born = sc->savepoints;
  sc->seen.held[sc->seen.nheld++] = client;
  return SHUNT_OK;
}

/* Rolls it back. */
static void leave(shunt_session *s, scope *sc, transaction *t) {
  size_t i = 0;
  while (sc->seen.held[i] != t->client) i++;
  memmove(sc->seen.held + i, sc->seen.held + i + 1, (--sc->seen.nheld - i) * sizeof *sc->seen.held);
  transaction_close(s, t);
}

/* ---- which of them ---- */

static bool has_levels(const cat_client *client) { return cat_engine_of(client->engine)->levels; }

bool scope_in_force(const shunt_session *s, const scope *sc) {
  if (sc->suspended) return false;
  if (sc->session_level == s->level.now) return true;
  for (size_t i = 0; i < sc->seen.nheld; i++)
    if (!has_levels(sc->seen.held[i])) return true;
  return false;
}

scope *scope_innermost(const shunt_session *s) {
  scope *sc = s->scopes;
  while (sc && !scope_in_force(s, sc)) sc = sc->next;
  return sc;
}

bool session_in_transaction(const shunt_session *s) { return session_transaction(s) != NULL; }

const rule_transaction *session_transaction(const shunt_session *s) {
  const scope *sc = scope_innermost(s);
  return sc ? &sc->seen : NULL;
}

static bool is_at_level(const shunt_session *s, const scope *sc, const cat_client *client) {
  return !sc->suspended && (sc->session_level == s->level.now || !has_levels(client));
}

static bool takes_all(const scope *sc) { return sc->seen.nheld == 0 || sc->spanning == CAT_SPANNING_JOIN; }

/* The innermost in force that does not let an access there run outside of it; NULL: none. */
static scope *first_concerned(const shunt_session *s, const cat_client *client) {
  scope *sc = s->scopes;
  while (sc && !(is_at_level(s, sc, client) && (takes_all(sc) || sc->spanning == CAT_SPANNING_ERROR))) sc = sc->next;
  return sc;
}

static scope *first_taker(const shunt_session *s, const cat_client *client) {
  scope *sc = first_concerned(s, client);
  return sc && takes_all(sc) ? sc : NULL;
}

scope *scope_that_takes(const shunt_session *s, const cat_client *client, int level) {
  const transaction *t = transaction_find(s, client, level);
  return t ? t->of : first_taker(s, client);
}

bool transaction_takes(const shunt_session *s, const cat_client *client, int level) {
  return transaction_find(s, client, level) || first_taker(s, client);
}

static shunt_status refuse_spanning(const call *c, const scope *sc, const cat_client *client) {
  error_set(c->err, SHUNT_E_TRANSACTION,
            "this goes to '%s', outside of the transaction on '%s', which could not undo it: do it before or after, in "
            "a transaction of its own on '%s', or begin the transaction with spanning = \"join\" (both commit as one) "
            "or \"run\" (this runs outside of it)",
            client->name, scope_place(sc), client->name);
  error_client(c->err, client->name);
  return SHUNT_E_TRANSACTION;
}

shunt_status transaction_enter(call *c, const cat_client *client, int level, transaction **out) {
  shunt_session *s = c->s;
  *out = s->transactions ? transaction_find(s, client, level) : NULL;
  scope *sc = *out || !s->scopes || c->apart ? NULL : first_concerned(s, client);
  if (!sc) return SHUNT_OK;
  return takes_all(sc) ? scope_begin_at(c, sc, client, level, out) : refuse_spanning(c, sc, client);
}

shunt_status transaction_conn(call *c, const cat_client *client, int level, driver_conn **out) {
  transaction *t;
  *out = NULL;
  if (!c->s->transactions && !c->s->scopes) return SHUNT_OK;
  shunt_status status = transaction_enter(c, client, level, &t);
  if (status || !t) return status;
  driver_conn *conn = *out = t->conn;
  status = transaction_check_free(c, conn);
  if (status) return status;
  if (conn->under_way) c->reads->settle(c->reads);
  conn->deadline_ns = c->deadline_ns;
  return SHUNT_OK;
}

/* ---- ending ---- */

shunt_status scope_commit(call *c, scope *sc) {
  if (sc->doomed.at != NOT_DOOMED)
    return transaction_refuse_doomed(&sc->doomed, "the transaction", scope_place(sc), c->err);
  size_t n;
  if (!sc->seen.nheld) return SHUNT_OK;
  if (sc->seen.nheld == 1 && !sc->joint) return transaction_commit(c, first_of(c->s, sc));
  transaction **list = list_of(c, sc, &n);
  return list ? joint_commit(c, list, n) : error_memory(c->err);
}

/* ---- savepoints ---- */

void scope_doom(scope *sc, int savepoint) {
  if (sc->doomed.at == NOT_DOOMED || sc->doomed.at > savepoint) sc->doomed = (doom){savepoint, SHUNT_OK};
}

static transaction *next_of(transaction *t, const scope *sc) {
  while (t && t->of != sc) t = t->next;
  return t;
}

shunt_status scope_save(call *c, scope *sc, int *savepoint) {
  shunt_status status = SHUNT_OK;
  int number;
  *savepoint = ++sc->savepoints;
  for (transaction *t = c->s->transactions; (t = next_of(t, sc)) && !status; t = t->next)
    status = transaction_save(c, t, &number);
  if (status) scope_undo(c->s, sc, *savepoint);
  return status;
}

shunt_status scope_release(call *c, scope *sc, int savepoint) {
  shunt_status status = SHUNT_OK;
  for (transaction *t = c->s->transactions; (t = next_of(t, sc)) && !status; t = t->next)
    if (t->savepoints >= savepoint - t->born && savepoint > t->born)
      status = transaction_release(c, t, savepoint - t->born);
  if (status) return status;
  sc->savepoints = savepoint - 1;
  for (transaction *t = c->s->transactions; (t = next_of(t, sc)); t = t->next)
    if (t->born >= savepoint) t->born = savepoint - 1;
  return SHUNT_OK;
}

void scope_undo(shunt_session *s, scope *sc, int savepoint) {
  if (sc->doomed.at >= savepoint) sc->doomed.at = NOT_DOOMED;
  for (transaction *t = s->transactions, *next; (t = next_of(t, sc)); t = next) {
    next = t->next;
    if (t->born >= savepoint)
      leave(s, sc, t);
    else if (t->savepoints >= savepoint - t->born)
      transaction_undo(s, t, savepoint - t->born);
  }
  sc->savepoints = savepoint - 1;
}
