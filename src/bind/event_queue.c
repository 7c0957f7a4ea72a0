/* Events and observed statements on their way to Lua, in a queue for each of the two. They happen on any thread and
 * inside calls, where no Lua can run. They are copied; the next call of the module in the state that opened the app
 * delivers them, at its beginning or end. */
#include <pthread.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/event.h"
#include "bind/bind.h"

enum { MOST_WAITING = 1000 };

/* Its fields and their texts follow it in the same block. */
typedef struct waiting {
  shunt_event event;
  struct waiting *next;
  shunt_field fields[];
} waiting;

struct bind_events {
  pthread_mutex_t lock; /* protects all fields but `delivering` */
  waiting *first, *last;
  atomic_int count; /* including dropped ones; read without the lock */
  int64_t dropped;  /* since the last report of dropped ones */
  bool delivering;  /* the state's thread is inside a callback */
};

/* ---- any thread ---- */

static size_t bytes_of(const shunt_event *event) {
  size_t bytes = sizeof(waiting) + event->nfields * sizeof(shunt_field);
  for (size_t i = 0; i < event->nfields; i++) bytes += event->fields[i].value.size + 1;
  return bytes;
}

/* Names are static; texts are copied. NULL when out of memory. */
static waiting *copy(const shunt_event *event) {
  waiting *w = base_alloc(bytes_of(event));
  if (!w) return NULL;
  char *texts = (char *)(w->fields + event->nfields);
  w->event = *event;
  w->event.fields = w->fields;
  w->next = NULL;
  for (size_t i = 0; i < event->nfields; i++) {
    w->fields[i] = event->fields[i];
    shunt_value *v = &w->fields[i].value;
    if (v->type != SHUNT_TEXT) continue;
    memcpy(texts, v->as.bytes, v->size);
    texts[v->size] = 0;
    v->as.bytes = texts;
    texts += v->size + 1;
  }
  return w;
}

static void note(void *ud, const shunt_event *event) {
  bind_events *q = ud;
  waiting *w = atomic_load(&q->count) < MOST_WAITING ? copy(event) : NULL;
  pthread_mutex_lock(&q->lock);
  if (w) {
    *(q->last ? &q->last->next : &q->first) = w;
    q->last = w;
  } else {
    q->dropped++;
  }
  atomic_fetch_add(&q->count, 1);
  pthread_mutex_unlock(&q->lock);
}

#define MOST_STATEMENT_FIELDS 14

/* As an event without a kind. Its values are not passed on: they may be secrets, and large. */
static void note_statement(void *ud, const shunt_statement *s) {
  const shunt_field all[MOST_STATEMENT_FIELDS] = {
      {"client", event_text(s->client)},
      {"level", shunt_integer(s->level)},
      {"op", event_text(s->op == SHUNT_WRITE ? "write" : "read")},
      {"model", event_text(s->model)},
      {"table", event_text(s->table)},
      {"rule", event_text(s->rule)},
      {"source", event_text(s->source)},
      {"instance", event_text(s->instance)},
      {"job", event_text(s->job)},
      {"sql", event_text(s->sql)},
      {"rows", shunt_integer((int64_t)s->nrows)},
      {"affected", shunt_integer(s->affected)},
      {"duration_ns", shunt_integer(s->duration_ns)},
      {"code", event_text(s->status ? shunt_status_name(s->status) : NULL)},
  };
  shunt_field fields[MOST_STATEMENT_FIELDS];
  shunt_event as = {.time_ms = clock_real_ms(), .fields = fields};
  for (size_t i = 0; i < MOST_STATEMENT_FIELDS; i++)
    if (all[i].value.type != SHUNT_NULL) fields[as.nfields++] = all[i];
  note(ud, &as);
}

/* ---- the thread of the state ---- */

/* The first event stays in the queue until it is pushed: pushing may raise. */
static const waiting *peek(bind_events *q) {
  pthread_mutex_lock(&q->lock);
  const waiting *w = q->first;
  pthread_mutex_unlock(&q->lock);
  return w;
}

static void drop_first(bind_events *q) {
  pthread_mutex_lock(&q->lock);
  waiting *w = q->first;
  q->first = w->next;
  if (!q->first) q->last = NULL;
  atomic_fetch_sub(&q->count, 1);
  pthread_mutex_unlock(&q->lock);
  base_free(w);
}

static int64_t take_dropped(bind_events *q) {
  pthread_mutex_lock(&q->lock);
  int64_t dropped = q->dropped;
  q->dropped = 0;
  atomic_fetch_sub(&q->count, (int)dropped);
  pthread_mutex_unlock(&q->lock);
  return dropped;
}

static void set_text(lua_State *L, const char *name, const char *text) {
  lua_pushstring(L, text);
  lua_setfield(L, -2, name);
}

static void push_fields(lua_State *L, const shunt_event *event) {
  lua_createtable(L, 0, (int)event->nfields + 4);
  lua_pushnumber(L, (lua_Number)event->time_ms / 1000);
  lua_setfield(L, -2, "time");
  for (size_t i = 0; i < event->nfields; i++) {
    bind_push_value(L, &event->fields[i].value);
    lua_setfield(L, -2, event->fields[i].name);
  }
}

static void push_event(lua_State *L, const shunt_event *event) {
  char text[1024];
  push_fields(L, event);
  set_text(L, "kind", shunt_event_name(event->kind));
  set_text(L, "severity", shunt_severity_name(event->severity));
  set_text(L, "text", shunt_event_text(event, text, sizeof text));
}

/* Pops the event and calls the function (2) with it. False if the callback closed the app. */
static bool call(lua_State *L, bind_events *const *at) {
  lua_pushvalue(L, 2);
  lua_insert(L, -2);
  lua_call(L, 1, 0);
  return *at != NULL;
}

/* (queue, function, whether of statements): delivers what waits. What callbacks cause waits for the next delivery. */
static int deliver(lua_State *L) {
  bind_events *const *at = lua_touserdata(L, 1), *q = *at;
  const bool of_statements = lua_toboolean(L, 3);
  const waiting *w;
  for (int n = atomic_load(&q->count); n > 0 && (w = peek(q)); n--) {
    if (of_statements)
      push_fields(L, &w->event);
    else
      push_event(L, &w->event);
    drop_first(q);
    if (!call(L, at)) return 0;
  }
  const int64_t dropped = peek(q) ? 0 : take_dropped(q);
  if (!dropped) return 0;
  if (of_statements) {
    lua_warning(L, lua_pushfstring(L, "shunt: %I statements were not observed: app:observe is too slow", dropped), 0);
    return 0;
  }
  const shunt_field count = {"count", shunt_integer(dropped)};
  push_event(L, &(shunt_event){.kind = SHUNT_EVENT_EVENTS_DROPPED,
                               .severity = SHUNT_WARNING,
                               .time_ms = clock_real_ms(),
                               .fields = &count,
                               .nfields = 1});
  call(L, at);
  return 0;
}

static void free_queue(bind_events *q) {
  while (q->first) drop_first(q);
  pthread_mutex_destroy(&q->lock);
  base_free(q);
}

/* value: the app's user value that has the function. */
static void deliver_queue(lua_State *L, bind_events **at, int app_index, int value) {
  bind_events *q = *at;
  if (!q || !atomic_load_explicit(&q->count, memory_order_relaxed) || q->delivering || !lua_checkstack(L, 8)) return;
  app_index = lua_absindex(L, app_index);
  lua_pushcfunction(L, deliver);
  lua_pushlightuserdata(L, at);
  if (lua_getiuservalue(L, app_index, value) != LUA_TFUNCTION) {
    lua_pop(L, 3);
    return;
  }
  lua_pushboolean(L, value == BIND_APP_OBSERVE);
  q->delivering = true;
  if (lua_pcall(L, 3, 0, 0) != LUA_OK) { /* lua/shunt/events.lua keeps the errors of callbacks: out of memory */
    lua_warning(L, "shunt: an event was not delivered: ", 1);
    lua_warning(L, bind_push_shown(L, lua_gettop(L)), 0);
    lua_pop(L, 2);
  }
  if (*at)
    q->delivering = false;
  else
    free_queue(q);
}

void bind_events_deliver(lua_State *L, bind_app *app, int app_index) {
  deliver_queue(L, &app->events, app_index, BIND_APP_DELIVER);
  deliver_queue(L, &app->statements, app_index, BIND_APP_OBSERVE);
}

/* Makes the queue at first, and keeps the function on top of the stack, which it takes off. */
static bool keep_function(lua_State *L, bind_events **at, int app_index, int value) {
  app_index = lua_absindex(L, app_index);
  if (lua_isfunction(L, -1) && !*at) {
    *at = base_zalloc(sizeof **at);
    if (!*at) return false;
    pthread_mutex_init(&(*at)->lock, NULL);
  }
  lua_setiuservalue(L, app_index, value);
  return true;
}

bool bind_events_set(lua_State *L, bind_app *app, int app_index, shunt_severity least) {
  const bool some = lua_isfunction(L, -1);
  if (!keep_function(L, &app->events, app_index, BIND_APP_DELIVER)) return false;
  shunt_events(app->app, least, some ? note : NULL, app->events);
  return true;
}

bool bind_observer_set(lua_State *L, bind_app *app, int app_index) {
  const bool some = lua_isfunction(L, -1);
  if (!keep_function(L, &app->statements, app_index, BIND_APP_OBSERVE)) return false;
  shunt_observe_app(app->app, some ? note_statement : NULL, app->statements);
  return true;
}

static void end_queue(bind_events **at) {
  bind_events *q = *at;
  *at = NULL;
  if (q && !q->delivering) free_queue(q); /* otherwise deliver_queue does it */
}

void bind_events_end(bind_app *app) {
  end_queue(&app->events);
  end_queue(&app->statements);
}
