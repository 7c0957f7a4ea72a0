/* Idea: a coroutine that dies by an error closes nothing that it opened: its <close> variables run only if another one
 * closes it. So whatever keeps a session or a connection busy notes its coroutine. Before the session is used again,
 * and before a call waits for a connection or a lock, whatever a dead coroutine left is ended; a transaction of one
 * that is only suspended is not joined by accident. A coroutine whose transaction was inside of one that has ended
 * meanwhile can do nothing on the session before its own ends: it would work without a transaction. */
#include "bind/tx.h"

#include "base/clock.h"

enum { COLLECT_PAUSE = 20 /* times what a collection took */ };

typedef enum owner_state { OWNER_RUNS, OWNER_SUSPENDED, OWNER_DEAD } owner_state;

/* The key of a weak table: by bind_held, its thread, which it does not keep. */
static const char owners_key = 0;

void bind_hold(lua_State *L, bind_held *h, bind_session *s) {
  bind_push_weak(L, &owners_key);
  lua_pushthread(L);
  lua_rawsetp(L, -2, h);
  lua_pop(L, 1);
  h->session = s;
  h->co = L;
  h->next = s->held;
  if (h->next) h->next->before = h;
  h->before = NULL;
  s->held = h;
}

void bind_let_go(bind_held *h) {
  if (!h->co) return;
  *(h->before ? &h->before->next : &h->session->held) = h->next;
  if (h->next) h->next->before = h->before;
  h->co = NULL;
}

/* As coroutine.status has it. */
static owner_state state_of(lua_State *L, const bind_held *h) {
  owner_state state = OWNER_DEAD;
  lua_Debug ar;
  if (h->co == L) return OWNER_RUNS;
  bind_push_weak(L, &owners_key);
  lua_rawgetp(L, -1, h);
  lua_State *co = lua_tothread(L, -1);
  int status = co ? lua_status(co) : LUA_ERRRUN;
  if (status == LUA_YIELD)
    state = OWNER_SUSPENDED;
  else if (status == LUA_OK && lua_getstack(co, 0, &ar))
    state = OWNER_RUNS; /* it waits for this coroutine, which it resumed */
  lua_pop(L, 2);
  return state;
}

static bool end_one(lua_State *L, const bind_session *s, int session_index) {
  bind_held *h = s->held;
  while (h && state_of(L, h) != OWNER_DEAD) h = h->next;
  if (h) h->end(L, h, session_index);
  return h != NULL;
}

static void raise_ended(lua_State *L) {
  shunt_error err;
  error_set(&err, SHUNT_E_TRANSACTION,
            "the transaction around this one has ended before it, and rolled it back; nothing more can be done in it");
  bind_push_error(L, &err);
  lua_error(L);
}

void bind_check_held(lua_State *L, bind_session *s, int session_index) {
  luaL_checkstack(L, 8, NULL);
  while (end_one(L, s, session_index)) continue;
  for (const bind_held *h = s->held; h; h = h->next) {
    if (!h->tx) continue;
    if (state_of(L, h) == OWNER_SUSPENDED)
      bind_usage(L, "another coroutine has begun a transaction on this session and has not ended it yet; use a session "
                    "for each coroutine");
    if (shunt_tx_ended(h->tx->tx)) raise_ended(L);
  }
}

static size_t count_suspended(lua_State *L, const bind_app *app) {
  size_t n = 0;
  for (const bind_session *s = app->sessions; s; s = s->next)
    for (const bind_held *h = s->held; h; h = h->next) n += state_of(L, h) == OWNER_SUSPENDED;
  return n;
}

/* Of a suspended coroutine only the collector knows whether it was abandoned. While it finds none, it gets a small part
 * of the time. */
static void collect(lua_State *L, bind_app *app) {
  const int64_t from_ns = clock_monotonic_ns();
  const size_t before = from_ns < app->collect_ns ? 0 : count_suspended(L, app);
  if (!before) return;
  lua_gc(L, LUA_GCCOLLECT);
  const int64_t now_ns = clock_monotonic_ns();
  app->collect_ns = count_suspended(L, app) < before ? 0 : now_ns + (now_ns - from_ns) * COLLECT_PAUSE;
}

void bind_before_wait(void *ud) {
  const bind_session *waiting = ud;
  lua_State *L = waiting->L;
  bool ended = false;
  if (!L || !lua_checkstack(L, 12)) return;
  for (bind_session *s = waiting->app->sessions; s; s = s->next) {
    if (s == waiting || !s->held || !bind_session_usable(s)) continue;
    bool there = bind_session_push(L, s);
    while (end_one(L, s, there ? lua_gettop(L) : 0)) ended = true;
    lua_pop(L, 1);
  }
  if (!ended) collect(L, waiting->app);
}
