#include "query/slow.h"

#include <ctype.h>
#include <string.h>

#include "base/clock.h"
#include "driver/lex.h"

enum { SQL_ROOM = 1024 };

typedef struct shown {
  char text[SQL_ROOM];
  size_t size;
  bool full;
} shown;

static void put(shown *to, const char *bytes, size_t size) {
  const size_t room = sizeof to->text - sizeof "…";
  if (to->full || size > room - to->size) {
    to->full = true;
    return;
  }
  memcpy(to->text + to->size, bytes, size);
  to->size += size;
}

/* Numbers are words in some dialects. */
static bool is_literal(lex_token t) {
  return t.kind == LEX_STRING || t.kind == LEX_NUMBER || (t.kind == LEX_WORD && isdigit((unsigned char)*t.at));
}

/* In the other dialects a word right behind a number may belong to it: 1e5, 0xff, 1_000. */
static bool is_rest_of_number(lex_token t, lex_token before) {
  return t.kind == LEX_WORD && before.kind == LEX_NUMBER && before.at + before.size == t.at;
}

/* Comments and runs of blanks become one blank. */
static void show(shown *to, const driver_engine *engine, const char *sql) {
  lex_token before = {.at = sql};
  lex l = lex_of(engine->lex, sql, strlen(sql));
  to->size = 0;
  to->full = false;
  for (lex_token t = lex_next(&l); t.kind && !to->full; before = t, t = lex_next(&l)) {
    if (t.at > before.at + before.size && to->size) put(to, " ", 1);
    if (is_rest_of_number(t, before)) continue;
    if (is_literal(t))
      put(to, "?", 1);
    else
      put(to, t.at, t.size);
  }
  memcpy(to->text + to->size, to->full ? "…" : "", to->full ? sizeof "…" : 1);
}

void slow_report(const shunt_session *s, const driver_engine *engine, const shunt_statement *statement) {
  const int64_t slow_ms = s->generation.catalog->settings.slow_statement_ms,
                took_ms = statement->duration_ns / NS_PER_MS;
  shown sql;
  if (!slow_ms || took_ms < slow_ms || !slow_is_watched(s)) return;
  show(&sql, engine, statement->sql);
  events_emit(s->generation.events, SHUNT_EVENT_STATEMENT_SLOW, {"client", event_text(statement->client)},
              {"level", shunt_integer(statement->level)}, {"instance", event_text(s->instance->name)},
              {"job", event_text(s->job.name)}, {"model", event_text(statement->model)},
              {"rule", event_text(statement->rule)}, {"source", event_text(statement->source)},
              {"duration_ms", shunt_integer(took_ms)}, {"rows", shunt_integer((int64_t)statement->nrows)},
              {"affected", shunt_integer(statement->affected)},
              {"status", event_text(shunt_status_name(statement->status))}, {"sql", event_text(sql.text)});
}
