/* The way of an event to the callback, and its text. */
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/event.h"

typedef struct seen {
  atomic_int count, calls_under_way;
  bool again; /* the callback makes an event itself */
  event_sink *sink;
  shunt_severity severity;
  int64_t time_ms;
  size_t nfields;
  char text[200];
} seen;

static void note(void *ud, const shunt_event *event) {
  seen *s = ud;
  atomic_fetch_add(&s->count, 1);
  s->severity = event->severity;
  s->time_ms = event->time_ms;
  s->nfields = event->nfields;
  shunt_event_text(event, s->text, sizeof s->text);
  if (s->again) events_emit(s->sink, SHUNT_EVENT_CIRCUIT_CLOSED, {"client", event_text("inner")});
}

static bool evaluated;
static shunt_value evaluate(void) {
  evaluated = true;
  return shunt_integer(1);
}

static void calls_back_for_what_is_as_severe_as_asked_for(void **state) {
  (void)state;
  event_sink *sink = events_new();
  seen s = {.count = 0};
  events_emit(NULL, SHUNT_EVENT_RELOAD_DONE, {"generation", evaluate()});
  events_emit(sink, SHUNT_EVENT_RELOAD_DONE, {"generation", evaluate()});
  assert_false(evaluated);
  events_set(sink, SHUNT_WARNING, note, &s);
  events_emit(sink, SHUNT_EVENT_RELOAD_DONE, {"generation", evaluate()});
  assert_false(evaluated);
  events_emit(sink, SHUNT_EVENT_RELOAD_REFUSED, {"message", event_text("no")}, {"file", event_text(NULL)});
  assert_int_equal(s.count, 1);
  assert_int_equal(s.severity, SHUNT_ERROR);
  assert_int_equal(s.nfields, 1);
  assert_true(s.time_ms > 1700000000000);
  events_set(sink, SHUNT_DEBUG, note, &s);
  events_emit(sink, SHUNT_EVENT_LEASE_RENEWED, {"job", event_text("mail")}, {"id", evaluate()});
  assert_true(evaluated);
  assert_int_equal(s.count, 2);
  events_set(sink, SHUNT_DEBUG, NULL, NULL);
  events_emit(sink, SHUNT_EVENT_RELOAD_REFUSED, {"message", event_text("no")});
  assert_int_equal(s.count, 2);
  events_free(sink);
}

static void reports_nothing_that_the_callback_causes(void **state) {
  (void)state;
  event_sink *sink = events_new();
  seen s = {.again = true, .sink = sink};
  events_set(sink, SHUNT_DEBUG, note, &s);
  events_emit(sink, SHUNT_EVENT_CIRCUIT_CLOSED, {"client", event_text("outer")});
  assert_int_equal(s.count, 1);
  assert_string_equal(s.text, "client 'outer': connected again");
  events_free(sink);
}

/* ---- text ---- */

static const char *text_of(shunt_event_kind kind, const shunt_field *fields, size_t nfields, char *room, size_t size) {
  return shunt_event_text(&(shunt_event){.kind = kind, .fields = fields, .nfields = nfields}, room, size);
}

static void reads_as_one_line_and_is_cut_to_the_room(void **state) {
  (void)state;
  char room[200];
  const shunt_field fields[] = {{"client", event_text("main")},
                                {"level", shunt_integer(2)},
                                {"duration_ms", shunt_integer(7)},
                                {"sql", event_text("SELECT\n\t1")},
                                {"instance", event_text("acme")}};
  assert_string_equal(text_of(SHUNT_EVENT_STATEMENT_SLOW, fields, 5, room, sizeof room),
                      "client 'main', level 2: a statement took 7 ms (instance 'acme'): SELECT  1");
  assert_string_equal(text_of(SHUNT_EVENT_STATEMENT_SLOW, fields, 4, room, sizeof room),
                      "client 'main', level 2: a statement took 7 ms: SELECT  1");
  assert_string_equal(text_of(SHUNT_EVENT_STATEMENT_SLOW, fields, 5, room, 14), "client 'main'");
  assert_string_equal(text_of(SHUNT_EVENT_STATEMENT_SLOW, fields, 5, room, 1), "");
}

static void names_every_kind_and_severity_once(void **state) {
  (void)state;
  char room[400];
  for (int k = 0; k <= SHUNT_EVENT_EVENTS_DROPPED; k++) {
    const char *name = shunt_event_name((shunt_event_kind)k);
    assert_non_null(strchr(name, '.'));
    for (int other = 0; other < k; other++) assert_string_not_equal(name, shunt_event_name((shunt_event_kind)other));
    text_of((shunt_event_kind)k, NULL, 0, room, sizeof room);
    assert_null(strpbrk(room, "{}[]"));
  }
  assert_string_equal(shunt_severity_name(SHUNT_DEBUG), "debug");
  assert_string_equal(shunt_severity_name(event_severity(SHUNT_EVENT_JOB_DEAD)), "error");
}

/* ---- threads ---- */

enum { EMITTERS = 3, EACH = 2000, SWITCHES = 500 };

static atomic_bool live[2]; /* the callback of this number may run */
static atomic_int wrong, heard;

static void hear(void *ud, const shunt_event *event) {
  const int number = *(const int *)ud;
  (void)event;
  atomic_fetch_add(&heard, 1);
  if (!atomic_load(&live[number])) atomic_fetch_add(&wrong, 1);
}

static void *emit_on(void *ud) {
  for (int64_t i = 0; i < EACH; i++) events_emit(ud, SHUNT_EVENT_RELOAD_DONE, {"generation", shunt_integer(i)});
  return NULL;
}

static void replaces_the_callback_while_others_emit(void **state) {
  (void)state;
  static const int numbers[] = {0, 1};
  pthread_t threads[EMITTERS];
  event_sink *sink = events_new();
  for (int i = 0; i < EMITTERS; i++) assert_int_equal(pthread_create(&threads[i], NULL, emit_on, sink), 0);
  for (int i = 0; i < SWITCHES; i++) {
    atomic_store(&live[i % 2], true);
    events_set(sink, SHUNT_DEBUG, i % 3 ? hear : NULL, (void *)&numbers[i % 2]);
    atomic_store(&live[(i + 1) % 2], false); /* the callback before is over */
  }
  for (int i = 0; i < EMITTERS; i++) assert_int_equal(pthread_join(threads[i], NULL), 0);
  assert_int_equal(wrong, 0);
  events_free(sink);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(calls_back_for_what_is_as_severe_as_asked_for),
      cmocka_unit_test(reports_nothing_that_the_callback_causes),
      cmocka_unit_test(reads_as_one_line_and_is_cut_to_the_room),
      cmocka_unit_test(names_every_kind_and_severity_once),
      cmocka_unit_test(replaces_the_callback_while_others_emit),
  };
  return cmocka_run_group_tests_name("events", tests, NULL, NULL);
}
