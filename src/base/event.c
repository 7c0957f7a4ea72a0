#define _POSIX_C_SOURCE 200809L
#include "base/event.h"

#include <assert.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"

enum { MOST_FIELDS = 16, UNHEARD = SHUNT_ERROR + 1 };

/* ---- kinds ---- */

typedef struct kind_info {
  const char *name, *text;
} kind_info;

static const kind_info kinds[] = {
#define KIND(kind, severity, name, text) {name, text},
    SHUNT_EVENT_MAP(KIND)
#undef KIND
};

const char *shunt_event_name(shunt_event_kind kind) { return kinds[kind].name; }

const char *shunt_severity_name(shunt_severity severity) {
  static const char *const names[] = {
#define NAME(severity, name) name,
      SHUNT_SEVERITY_MAP(NAME)
#undef NAME
  };
  return names[severity];
}

const shunt_value *shunt_event_field(const shunt_event *event, const char *name) {
  if (!event || !name) return NULL;
  for (size_t i = 0; i < event->nfields; i++)
    if (strcmp(event->fields[i].name, name) == 0) return &event->fields[i].value;
  return NULL;
}

/* ---- as text ---- */

typedef struct line {
  char *text;
  size_t size, room; /* the room has one more byte for the NUL */
} line;

/* An event is one line, whatever its fields hold. */
static void put(line *l, const char *bytes, size_t size) {
  for (size_t i = 0; i < size && l->size < l->room; i++) {
    unsigned char c = (unsigned char)bytes[i];
    l->text[l->size++] = c < ' ' || c == 0x7f ? ' ' : (char)c;
  }
}

static void put_value(line *l, const shunt_value *v) {
  char number[32];
  switch ((shunt_type)v->type) {
  case SHUNT_TEXT:
    put(l, v->as.bytes, v->size);
    return;
  case SHUNT_INTEGER:
    snprintf(number, sizeof number, "%" PRId64, v->as.integer);
    break;
  case SHUNT_FLOAT:
    snprintf(number, sizeof number, "%.3f", v->as.number);
    break;
  case SHUNT_BOOL:
    snprintf(number, sizeof number, "%s", v->as.boolean ? "true" : "false");
    break;
  default:
    return;
  }
  put(l, number, strlen(number));
}

/* {name} at `at`; returns the place after it. *found: the event has the field, and it is not empty. */
static const char *put_field(line *l, const shunt_event *event, const char *at, bool *found) {
  char name[32];
  size_t size = strcspn(at + 1, "}");
  snprintf(name, sizeof name, "%.*s", (int)size, at + 1);
  const shunt_value *v = shunt_event_field(event, name);
  *found = v && (v->type != SHUNT_TEXT || v->size);
  if (v) put_value(l, v);
  return at + 1 + size + 1;
}

/* [text {name}] is left out if the event has no such field. */
static const char *put_optional(line *l, const shunt_event *event, const char *at) {
  const size_t before = l->size;
  bool all = true;
  for (at++; *at != ']';) {
    bool found = true;
    if (*at == '{')
      at = put_field(l, event, at, &found);
    else
      put(l, at++, 1);
    all = all && found;
  }
  if (!all) l->size = before;
  return at + 1;
}

const char *shunt_event_text(const shunt_event *event, char *text, size_t room) {
  if (!event || !text || !room) return "";
  line l = {.text = text, .room = room - 1};
  bool found;
  for (const char *at = kinds[event->kind].text; *at;) {
    if (*at == '{')
      at = put_field(&l, event, at, &found);
    else if (*at == '[')
      at = put_optional(&l, event, at);
    else
      put(&l, at++, 1);
  }
  text[l.size] = 0;
  return text;
}

/* ---- from there to here ---- */

typedef struct channel {
  event_sink sink; /* first: the others know a channel as that */
  pthread_rwlock_t lock;
  event_fn fn;
  void *ud;
} channel;

/* A callback may be what drops the last share of a generation, whose pools then close: that is not reported, so that
 * callbacks are never called inside of each other. */
static _Thread_local bool inside;

static channel *channel_of(event_sink *e) { return (channel *)e; }

event_sink *events_new(void) {
  channel *c = base_zalloc(sizeof *c);
  if (!c) return NULL;
  atomic_init(&c->sink.least, UNHEARD);
  if (pthread_rwlock_init(&c->lock, NULL) == 0) return &c->sink;
  base_free(c);
  return NULL;
}

/* Held while a callback is replaced, so that a fork copies all of it or nothing. */
static pthread_mutex_t setting = PTHREAD_MUTEX_INITIALIZER;

void events_at_fork(process_step step) { process_step_lock(&setting, step); }

event_sink *events_again(const event_sink *e) {
  const channel *from = (const channel *)e;
  event_sink *again = events_new();
  if (!again) return NULL;
  ((channel *)again)->fn = from->fn;
  ((channel *)again)->ud = from->ud;
  atomic_init(&again->least, atomic_load(&e->least));
  return again;
}

void events_free(event_sink *e) {
  if (!e) return;
  pthread_rwlock_destroy(&channel_of(e)->lock);
  base_free(channel_of(e));
}

void events_set(event_sink *e, shunt_severity least, event_fn fn, void *ud) {
  channel *c = channel_of(e);
  assert(!inside);
  pthread_rwlock_wrlock(&c->lock);
  pthread_mutex_lock(&setting);
  c->fn = fn;
  c->ud = ud;
  atomic_store_explicit(&e->least, fn ? (int)least : UNHEARD, memory_order_relaxed);
  pthread_mutex_unlock(&setting);
  pthread_rwlock_unlock(&c->lock);
}

static void call(channel *c, const shunt_event *event) {
  pthread_rwlock_rdlock(&c->lock);
  if (events_wanted(&c->sink, event->kind)) { /* still */
    inside = true;
    c->fn(c->ud, event);
    inside = false;
  }
  pthread_rwlock_unlock(&c->lock);
}

void events_send(event_sink *e, shunt_event_kind kind, const shunt_field *fields, size_t nfields) {
  shunt_field kept[MOST_FIELDS];
  shunt_event event = {.kind = kind, .severity = event_severity(kind), .time_ms = clock_real_ms(), .fields = kept};
  assert(nfields <= MOST_FIELDS);
  if (inside) return;
  for (size_t i = 0; i < nfields; i++)
    if (fields[i].value.type != SHUNT_NULL) kept[event.nfields++] = fields[i];
  call(channel_of(e), &event);
}
