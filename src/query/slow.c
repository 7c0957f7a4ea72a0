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

/* PostgreSQL's lexer ends a number before a letter: 0xFF, 1_000 and 1e5 are a number and a word. */
static bool continues_number(lex_token t, const char *end_of_number) {
  return t.kind == LEX_WORD && t.at == end_of_number;
}

/* Comments and runs of blanks become one blank. */
static void show(shown *to, const driver_engine *engine, const char *sql) {
  const char *end = sql, *end_of_number = NULL;
  lex l = lex_of(engine->lex, sql, strlen(sql));
  to->size = 0;
  to->full = false;
  for (lex_token t = lex_next(&l); t.kind && !to->full; t = lex_next(&l)) {
    if (t.at > end && to->size) put(to, " ", 1);
    if (is_literal(t))
      put(to, "?", 1);
    else if (!continues_number(t, end_of_number))
      put(to, t.at, t.size);
    end = t.at + t.size;
    if (t.kind == LEX_NUMBER) end_of_number = end;
  }
  memcpy(to->text + to->size, to->full ? "…" : "", to->full ? sizeof "…" : 1);
}

void slow_report(const shunt_session *s, const driver_engine *engine, const shunt_statement *statement) {
  const int64_t slow_ms = s->home.catalog->settings.slow_statement_ms, took_ms = statement->duration_ns / NS_PER_MS;
  shown sql;
  if (!slow_ms || took_ms < slow_ms || !slow_is_watched(s)) return;
  show(&sql, engine, statement->sql);
  events_emit(s->home.events, SHUNT_EVENT_STATEMENT_SLOW, {"client", event_text(statement->client)},
              {"level", shunt_integer(statement->level)}, {"instance", event_text(s->instance->name)},
              {"job", event_text(s->job.name)}, {"duration_ms", shunt_integer(took_ms)},
              {"rows", shunt_integer((int64_t)statement->nrows)}, {"affected", shunt_integer(statement->affected)},
              {"status", event_text(shunt_status_name(statement->status))}, {"sql", event_text(sql.text)});
}
