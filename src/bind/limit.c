/* How long a job may run: checked whenever its session is used, and by a hook of Lua in between (thread.c). */
#include "base/clock.h"
#include "bind/bind.h"

bool bind_limit_is_over(const bind_limit *limit) {
  if (atomic_load_explicit(&limit->given_up, memory_order_relaxed)) return true;
  return limit->deadline_ns && clock_monotonic_ns() >= limit->deadline_ns;
}

int bind_limit_raise(lua_State *L, const bind_limit *limit) {
  shunt_error err;
  if (atomic_load(&limit->given_up))
    error_set(&err, SHUNT_E_TIMEOUT, "the worker is being stopped: the job '%s' goes back to its queue", limit->job);
  else
    error_set(&err, SHUNT_E_TIMEOUT, "the job '%s' took longer than its timeout, %lld ms", limit->job,
              (long long)limit->timeout_ms);
  bind_push_error(L, &err);
  return lua_error(L);
}

void bind_keep_limit(lua_State *L, bind_session *s) {
  const bind_limit *limit = s->limit;
  if (bind_limit_is_over(limit)) bind_limit_raise(L, limit);
  if (!limit->deadline_ns) return;
  int64_t left_ms = (limit->deadline_ns - clock_monotonic_ns() + NS_PER_MS - 1) / NS_PER_MS;
  s->timeout_ms = left_ms > 1 ? left_ms : 1;
  shunt_error err;
  if (!shunt_session_timeout(s->session, s->timeout_ms, &err)) return;
  bind_push_error(L, &err);
  lua_error(L);
}
