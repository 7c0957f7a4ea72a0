/* For: a PostgreSQL server that answers what shunt's driver asks, as a real one does, and harms what the test says.
 * Owner: nothing is kept between connections.
 * Use: peer_engine e = {.header = FAKE_HEADER, .frame = fake_frame, .serve = fake_serve, …}; */
#ifndef SHUNT_TESTS_PG_FAKE_H
#define SHUNT_TESTS_PG_FAKE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit/driver/peer.h"

enum {
  FAKE_HEADER = 5,
  FAKE_TLS = 80877103,
  FAKE_GSS = 80877104,
  FAKE_CANCEL = 80877102,
  FAKE_STATEMENTS = 64,
  FAKE_LONGEST = 1 << 16
};

/* What the server answers to SQL that contains `sql`. types: t text, n name, b boolean, i integer, o oid; "": no rows.
 */
typedef struct fake_answer {
  const char *name, *sql, *types;
  int nrows;
  const char *const *cells;
  const char *tag;
} fake_answer;

#define FAKE_COLUMN(name, type, base, key)                                                                             \
  name, type, "t", key, base, type, type, type, NULL, "t", "t", "-1", "t", "16384", "f", "f"
static const char *const fake_columns[] = {FAKE_COLUMN("id", "integer", "23", "1"),
                                           FAKE_COLUMN("name", "text", "25", "0")};
static const char *const fake_shape[] = {"id", "23", "t", "name", "25", "t"};
static const char *const fake_tables[] = {"t", "other"};
static const char *const fake_settings[] = {"ISO", "UTC", "on", "iso_8601", "3", "hex"};
static const char *const fake_true[] = {"t"};
static const char *const fake_ids[] = {"shunt_1"};
static const char *const fake_rows[] = {"1", "one", "2", "two", "3", NULL};

static const char *const fake_numbers[] = {"1", "0", "2", "1"};

/* The first that fits. */
static const fake_answer fake_answers[] = {
    {"columns", "format_type(a.atttypid", "ttbiottttbbibtbb", 2, fake_columns, "SELECT 2"},
    {"shape", "NOT c.relhasrules", "nob", 2, fake_shape, "SELECT 2"},
    {"tables", "relname FROM pg_catalog.pg_class", "n", 2, fake_tables, "SELECT 2"},
    {"check", "max_prepared_transactions", "b", 1, fake_true, "SELECT 1"},
    {"list", "pg_prepared_xacts", "t", 1, fake_ids, "SELECT 1"},
    {"session", "'datestyle'", "tttttt", 1, fake_settings, "SELECT 1"},
    {"settings", "set_config", "ttt", 1, fake_settings, "SELECT 1"},
    {"select", "SELECT id, name", "it", 3, fake_rows, "SELECT 3"},
    {"any", "SELECT", "ii", 2, fake_numbers, "SELECT 2"},
    {"insert", "INSERT", "", 0, NULL, "INSERT 0 1"},
    {"begin", "BEGIN", "", 0, NULL, "BEGIN"},
    {"commit", "COMMIT", "", 0, NULL, "COMMIT"},
    {"prepare", "PREPARE TRANSACTION", "", 0, NULL, "PREPARE TRANSACTION"},
    {"finish", "PREPARED", "", 0, NULL, "COMMIT PREPARED"},
    {"rollback", "ROLLBACK", "", 0, NULL, "ROLLBACK"},
    {"copy", "COPY", "", 0, NULL, "COPY 2"},
    {"listen", "LISTEN", "", 0, NULL, "LISTEN"},
    {"other", "", "", 0, NULL, "SET"},
};
enum { FAKE_ANSWERS = sizeof fake_answers / sizeof *fake_answers };

typedef struct fake_statement {
  char name[64];
  const fake_answer *answer;
  int nparams;
} fake_statement;

typedef struct fake {
  peer *p;
  fake_statement statements[FAKE_STATEMENTS];
  size_t nstatements;
  const fake_answer *portal;
  char state; /* of the transaction */
  char request[FAKE_LONGEST];
} fake;

/* ---- messages ---- */

typedef struct fake_message {
  unsigned char bytes[8192];
  size_t size;
} fake_message;

static inline void fake_frame(peer *p, unsigned char *message, uint32_t length) {
  (void)p;
  for (int i = 0; i < 4; i++) message[1 + i] = (unsigned char)((length + 4) >> (24 - 8 * i));
}

static inline fake_message fake_new(char type) {
  fake_message m = {.size = FAKE_HEADER};
  m.bytes[0] = (unsigned char)type;
  return m;
}

static inline void fake_put(fake_message *m, const void *bytes, size_t n) {
  if (n > sizeof m->bytes - m->size) n = sizeof m->bytes - m->size;
  memcpy(m->bytes + m->size, bytes, n);
  m->size += n;
}

static inline void fake_number(fake_message *m, int64_t number, int size) {
  for (int i = size - 1; i >= 0; i--) {
    unsigned char byte = (unsigned char)((uint64_t)number >> (8 * i));
    fake_put(m, &byte, 1);
  }
}

static inline void fake_text(fake_message *m, const char *text) { fake_put(m, text, strlen(text) + 1); }

static inline void fake_say(fake *f, const fake_message *m) { peer_say(f->p, m->bytes, m->size); }

static inline void fake_say_text(fake *f, char type, const char *text) {
  fake_message m = fake_new(type);
  fake_text(&m, text);
  fake_say(f, &m);
}

static inline void fake_say_empty(fake *f, char type) {
  fake_message m = fake_new(type);
  fake_say(f, &m);
}

static inline void fake_say_authentication(fake *f, int32_t which, const void *more, size_t n) {
  fake_message m = fake_new('R');
  fake_number(&m, which, 4);
  fake_put(&m, more, n);
  fake_say(f, &m);
}

static inline fake_message fake_setting(const char *name, const char *value) {
  fake_message m = fake_new('S');
  fake_text(&m, name);
  fake_text(&m, value);
  return m;
}

static inline fake_message fake_trouble(char type, const char *state, const char *text) {
  fake_message m = fake_new(type);
  const char *severity = type == 'E' ? "SERROR" : "SNOTICE";
  fake_text(&m, severity);
  fake_put(&m, "C", 1);
  fake_text(&m, state);
  fake_put(&m, "M", 1);
  fake_text(&m, text);
  fake_put(&m, "", 1);
  return m;
}

static inline fake_message fake_notification(void) {
  fake_message m = fake_new('A');
  fake_number(&m, 42, 4);
  fake_text(&m, "jobs");
  fake_text(&m, "");
  return m;
}

static inline void fake_ready(fake *f) {
  fake_message m = fake_new('Z');
  fake_put(&m, &f->state, 1);
  fake_say(f, &m);
}

/* ---- answers, and what a behaviour makes of them ---- */

static inline uint32_t fake_type(char letter) {
  return letter == 'n' ? 19 : letter == 'b' ? 16 : letter == 'i' ? 23 : letter == 'o' ? 26 : 25;
}

/* What follows "answer NAME gives " in the behaviour; "": it is about something other. */
static inline const char *fake_twist(const fake *f, const fake_answer *a) {
  char begin[64];
  const char *behaviour = f->p->c->behaviour ? f->p->c->behaviour : "";
  snprintf(begin, sizeof begin, "answer %s gives ", a->name);
  size_t size = strlen(begin);
  return strncmp(behaviour, begin, size) == 0 ? behaviour + size : "";
}

static inline int fake_width(const fake *f, const fake_answer *a) {
  int n;
  return sscanf(fake_twist(f, a), "%d columns", &n) == 1 ? n : (int)strlen(a->types);
}

static inline void fake_describe(fake *f, const fake_answer *a) {
  const char *twist = fake_twist(f, a);
  const int n = fake_width(f, a), known = (int)strlen(a->types);
  const bool other = strcmp(twist, "other types") == 0, binary = strcmp(twist, "binary values") == 0;
  if (!known) {
    fake_say_empty(f, 'n');
    return;
  }
  fake_message m = fake_new('T');
  fake_number(&m, n, 2);
  for (int i = 0; i < n; i++) {
    char name[16];
    snprintf(name, sizeof name, "c%d", i);
    fake_text(&m, name);
    fake_number(&m, 0, 4);
    fake_number(&m, 0, 2);
    fake_number(&m, other ? 17 + 3 * i : (int64_t)fake_type(a->types[i % known]), 4);
    fake_number(&m, -1, 2);
    fake_number(&m, -1, 4);
    fake_number(&m, binary, 2);
  }
  fake_say(f, &m);
}

static inline const char *fake_cell(const char *twist, const char *cell) {
  static const char *const cells[][2] = {{"nulls", NULL},
                                         {"words", "pgsql"},
                                         {"empty texts", ""},
                                         {"large numbers", "99999999999999999999999"},
                                         {"negative numbers", "-2147483648"},
                                         {"great numbers", "2147483647"},
                                         {"small numbers", "2"},
                                         {"other types", "\\xzz1"},
                                         {"binary values", "\1\2\3"},
                                         {"bad UTF-8", "\xff\xfe"}};
  for (size_t i = 0; i < sizeof cells / sizeof *cells; i++)
    if (strcmp(twist, cells[i][0]) == 0) return cells[i][1];
  return cell;
}

static inline fake_message fake_row(fake *f, const fake_answer *a, int row) {
  const char *twist = fake_twist(f, a);
  const int known = (int)strlen(a->types);
  int n = fake_width(f, a);
  if (strcmp(twist, "rows that are too short") == 0) n--;
  if (strcmp(twist, "rows that are too long") == 0) n++;
  fake_message m = fake_new('D');
  fake_number(&m, n, 2);
  for (int i = 0; i < n; i++) {
    const char *cell = fake_cell(twist, a->cells[row * known + i % known]);
    fake_number(&m, cell ? (int64_t)strlen(cell) : -1, 4);
    if (cell) fake_put(&m, cell, strlen(cell));
  }
  return m;
}

static inline void fake_execute(fake *f, const fake_answer *a) {
  const char *twist = fake_twist(f, a);
  const int nrows = strcmp(twist, "no rows") == 0 ? 0 : a->nrows;
  for (int row = 0; row < nrows; row++) {
    fake_message m = fake_row(f, a, row);
    if (strcmp(twist, "rows for ever") == 0) peer_say_for_ever(f->p, m.bytes, m.size);
    fake_say(f, &m);
  }
  if (strcmp(a->name, "begin") == 0) f->state = 'T';
  if (strstr("commit rollback prepare", a->name)) f->state = 'I';
  fake_say_text(f, 'C', a->tag);
}

#endif
