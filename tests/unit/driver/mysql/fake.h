/* For: tests of hostile servers: the server's side of a valid conversation in the protocol of MySQL and MariaDB, with
 * behaviours of its own.
 * Owner: nothing here is owned.
 * Use: fake_serve is the `serve` of a peer_engine, fake_frame its `frame`; a case's behaviour is a line of fake_ways or
 * one that fake_serve asks peer_does for. */
#ifndef SHUNT_TESTS_MYSQL_FAKE_H
#define SHUNT_TESTS_MYSQL_FAKE_H

#include <stdio.h>
#include <string.h>

#include "unit/driver/mysql/ways.h"
#include "unit/driver/peer.h"

enum {
  FAKE_HEADER = 4,
  FAKE_LARGEST = 0xFFFFFE, /* a longer body goes on in a next message */
  FAKE_RANDOM = 21,
  FAKE_SSL = 1 << 11,
  FAKE_FLAGS = 0x00AFF7DF & ~FAKE_SSL, /* as MariaDB 10.11's, without TLS */
  FAKE_IN_TRANSACTION = 1,
  FAKE_AUTOCOMMIT = 2,
  FAKE_MORE_RESULTS = 8
};

/* A message that is being made. */
typedef struct fake_message {
  unsigned char bytes[8192];
  size_t size;
} fake_message;

static inline void fake_frame(peer *p, unsigned char *message, uint32_t length) {
  for (int i = 0; i < 3; i++) message[i] = (unsigned char)(length >> 8 * i);
  message[3] = (unsigned char)p->sequence++;
  if (peer_does(p, "numbers its messages wrongly")) message[3] = (unsigned char)rng_next(&p->random);
}

/* Of the connection, which has the process to itself. */
static unsigned fake_status = FAKE_AUTOCOMMIT;

static inline void fake_begin(fake_message *m) { m->size = FAKE_HEADER; }

static inline void fake_put(fake_message *m, const void *bytes, size_t n) {
  memcpy(m->bytes + m->size, bytes, n);
  m->size += n;
}

static inline void fake_number(fake_message *m, uint64_t number, int bytes) {
  for (int i = 0; i < bytes; i++) m->bytes[m->size++] = (unsigned char)(number >> 8 * i);
}

static inline void fake_text(fake_message *m, const char *text) {
  fake_number(m, strlen(text), 1);
  fake_put(m, text, strlen(text));
}

static inline void fake_say(peer *p, const fake_message *m) { peer_say(p, m->bytes, m->size); }

static inline void fake_say_bytes(peer *p, const char *bytes, size_t n) {
  fake_message m;
  fake_begin(&m);
  fake_put(&m, bytes, n);
  fake_say(p, &m);
}

static inline void fake_ok(peer *p, unsigned status) {
  fake_message m;
  fake_begin(&m);
  fake_put(&m, "\0\1\7", 3); /* affected, the generated id */
  fake_number(&m, fake_status | status, 2);
  fake_number(&m, 0, 2);
  fake_say(p, &m);
}

static inline void fake_error(peer *p, unsigned number, const char *text) {
  fake_message m;
  fake_begin(&m);
  fake_put(&m, "\xff", 1);
  fake_number(&m, number, 2);
  fake_put(&m, "#HY000", 6);
  fake_put(&m, text, strlen(text));
  fake_say(p, &m);
}

static inline void fake_end(peer *p, unsigned status) {
  fake_message m;
  fake_begin(&m);
  fake_put(&m, "\xfe\0\0", 3);
  fake_number(&m, fake_status | status, 2);
  fake_say(p, &m);
}

/* Returns the size of the body, of which `room` has the beginning. */
static inline size_t fake_hear(peer *p, char *room, size_t size) {
  unsigned char header[FAKE_HEADER];
  peer_read(p, header, sizeof header);
  size_t n = header[0] | (size_t)header[1] << 8 | (size_t)header[2] << 16;
  p->sequence = header[3] + 1u;
  for (size_t i = 0; i < n; i++) peer_read(p, room + (i < size - 1 ? i : size - 1), 1);
  room[n < size - 1 ? n : size - 1] = 0;
  return n;
}

/* ---- who it is ---- */

static inline void fake_greeting(peer *p, fake_message *m, const char *plugin) {
  const bool old = peer_does(p, "greets as before MySQL 4.1");
  const unsigned flags = old ? 0xC : FAKE_FLAGS | (peer_does(p, "promises TLS and has none") ? FAKE_SSL : 0);
  fake_begin(m);
  fake_put(m, peer_does(p, "greets with protocol 9") ? "\11" : "\12", 1);
  fake_put(m, "5.5.5-10.11.6-MariaDB", 22 - peer_does(p, "greets without a version's end"));
  fake_number(m, peer_does(p, "greets without a version's end") ? 0x41414141 : 7, 4);
  fake_put(m, "12345678", 9);
  if (peer_does(p, "greets without a version's end")) memset(m->bytes + 5, 'x', m->size - 5);
  if (peer_does(p, "greets without a version's end")) return;
  fake_number(m, flags & 0xFFFF, 2);
  fake_number(m, 45, 1);
  fake_number(m, FAKE_AUTOCOMMIT, 2);
  fake_number(m, flags >> 16, 2);
  fake_number(m, peer_does(p, "greets with too many random bytes") ? 255 : FAKE_RANDOM, 1);
  fake_number(m, 0, 8);
  fake_number(m, 0, 2);
  fake_put(m, "abcdefghijkl", 13);
  fake_put(m, plugin, strlen(plugin) + 1);
  if (!peer_does(p, "greets at great length")) return;
  memset(m->bytes + m->size, 'x', 4000);
  m->size += 4000;
}

static inline void fake_greet(peer *p, const fake_way *way) {
  fake_message m;
  char room[512];
  if (peer_does(p, "is full")) {
    fake_error(p, 1040, "Too many connections");
    peer_hold(p);
  }
  fake_greeting(p, &m, way && way->greets ? way->greets : "mysql_native_password");
  if (peer_does(p, "greets with error 65535")) memset(m.bytes + FAKE_HEADER, 0xff, 3);
  if (peer_does(p, "greets and is content at once")) {
    fake_frame(p, m.bytes, (uint32_t)m.size - FAKE_HEADER);
    fake_put(&m, "\7\0\0\1\0\0\0\2\0\0", 11);
    peer_raw(p, m.bytes, m.size);
    peer_hold(p);
  }
  fake_say(p, &m);
  fake_hear(p, room, sizeof room);
}

static inline void fake_switch(peer *p, const char *plugin) {
  fake_message m;
  char room[512];
  fake_begin(&m);
  fake_put(&m, "\xfe", 1);
  fake_put(&m, plugin, strlen(plugin) + 1);
  fake_put(&m, "abcdefghijklmnopqrst", 21);
  fake_say(p, &m);
  fake_hear(p, room, sizeof room);
}

static inline void fake_authenticate(peer *p, const fake_way *way) {
  static const char progress[] = "\xff\xff\xff\1\1\2\0\0\0\4work";
  char room[512];
  while (peer_does(p, "switches plugins for ever")) fake_switch(p, "mysql_native_password");
  if (peer_does(p, "reports progress to a client that is not in")) fake_say_bytes(p, progress, sizeof progress - 1);
  if (way && way->switches && !*way->switches) {
    fake_say_bytes(p, "\xfe", 1);
    fake_hear(p, room, sizeof room);
  } else if (way && way->switches) {
    fake_switch(p, way->switches);
  }
  if (way && way->more) fake_say_bytes(p, way->more, way->more_size);
  if (way && way->more) fake_hear(p, room, sizeof room);
  if (way && way->more) fake_say_bytes(p, fake_key, strlen(fake_key));
  if (way && way->more) fake_hear(p, room, sizeof room);
  fake_ok(p, 0);
}

/* ---- what it knows ---- */

/* s: a text, i: an integer. */
typedef struct fake_answer {
  const char *in_sql;  /* the answer is for statements with this text */
  const char *columns; /* a letter for each. NULL: no rows, but an OK */
  const char *cells[9];
} fake_answer;

static const fake_answer fake_answers[] = {
    {"CONCAT_WS", "si", {"'shop' NULL", "16777216"}},
    {"c.column_type", "sssisssis", {"id", "int(11)", "int", "0", "", "", "auto_increment", "1", "5052494D415259"}},
    {"s.sub_part", "ssi", {"PRIMARY", "id", "0"}},
    {"information_schema.triggers", "i", {"1"}},
    {"information_schema.tables", "s", {"things"}},
    {"XA RECOVER", "iiis", {"1", "3", "0", "abc"}},
    {"SELECT id, name", "is", {"7", "seven"}},
    {"CHECK TABLE", "ss", {"things", "OK"}},
    {"", NULL, {NULL}},
};

static inline const fake_answer *fake_answer_to(const char *sql) {
  const fake_answer *a = fake_answers;
  while (!strstr(sql, a->in_sql)) a++;
  return a;
}

static inline size_t fake_ncolumns(peer *p, const fake_answer *a) {
  size_t n = strlen(a->columns);
  if (peer_does(p, "has too few columns")) return n > 1 ? n - 1 : 1;
  if (peer_does(p, "has one column")) return 1;
  return n + 3 * peer_does(p, "has too many columns");
}

static inline bool fake_is_integer(peer *p, const fake_answer *a, size_t column) {
  if (peer_does(p, "has integers for texts")) return true;
  return column < strlen(a->columns) && a->columns[column] == 'i' && !peer_does(p, "has texts for integers");
}

static inline const char *fake_cell(peer *p, const fake_answer *a, size_t column) {
  const char *cell = column < strlen(a->columns) ? a->cells[column] : "more";
  return peer_does(p, "has only nulls") ? NULL : cell;
}

static inline void fake_column(fake_message *m, bool integer) {
  fake_begin(m);
  fake_text(m, "def");
  for (int i = 0; i < 3; i++) fake_text(m, "shop");
  for (int i = 0; i < 2; i++) fake_text(m, "id");
  fake_number(m, 12, 1);
  fake_number(m, integer ? 63 : 45, 2);
  fake_number(m, 255, 4);
  fake_number(m, integer ? 8 : 253, 1); /* BIGINT, VARCHAR */
  fake_number(m, 0, 2 + 1 + 2);
}

static inline void fake_columns(peer *p, const fake_answer *a, unsigned status) {
  fake_message m;
  for (size_t i = 0; i < fake_ncolumns(p, a); i++) {
    fake_column(&m, fake_is_integer(p, a, i));
    if (peer_does(p, "has columns without end")) peer_say_for_ever(p, m.bytes, m.size);
    fake_say(p, &m);
  }
  fake_end(p, status);
}

static inline void fake_text_row(peer *p, const fake_answer *a, fake_message *m) {
  fake_begin(m);
  for (size_t i = 0; i < fake_ncolumns(p, a); i++) {
    const char *cell = fake_cell(p, a, i);
    if (cell)
      fake_text(m, cell);
    else
      fake_number(m, 251, 1);
  }
}

static inline void fake_binary_row(peer *p, const fake_answer *a, fake_message *m) {
  const size_t n = fake_ncolumns(p, a), bits = (n + 9) / 8;
  fake_begin(m);
  fake_number(m, 0, 1);
  memset(m->bytes + m->size, peer_does(p, "has only nulls") ? 0xff : 0, bits);
  m->size += bits;
  for (size_t i = 0; i < n && !peer_does(p, "has only nulls"); i++) {
    if (fake_is_integer(p, a, i))
      fake_number(m, strtoull(fake_cell(p, a, i), NULL, 10), 8);
    else
      fake_text(m, fake_cell(p, a, i));
  }
}

/* "has rows without end": also in answer to what the library asks by itself. */
static inline bool fake_is_endless(peer *p, const fake_answer *a, bool binary) {
  if (peer_does(p, "has rows without end") || (binary && peer_does(p, "has a query's rows without end"))) return true;
  return strcmp(a->in_sql, "CHECK TABLE") == 0 && peer_does(p, "has a text statement's rows without end");
}

static inline void fake_rows(peer *p, const fake_answer *a, bool binary) {
  static const char progress[] = "\xff\xff\xff\1\1\2\0\0\0\4work";
  fake_message m;
  const unsigned status = binary && peer_does(p, "has results without end") ? FAKE_MORE_RESULTS : 0;
  do {
    fake_begin(&m);
    if (peer_does(p, "says that there are 65000 columns"))
      fake_number(&m, 252 | 65000 << 8, 3);
    else
      fake_number(&m, fake_ncolumns(p, a), 1);
    if (peer_does(p, "has no columns")) m.bytes[FAKE_HEADER] = 0;
    if (peer_does(p, "reports progress for ever")) {
      fake_begin(&m);
      fake_put(&m, progress, sizeof progress - 1);
      peer_say_for_ever(p, m.bytes, m.size);
    }
    fake_say(p, &m);
    fake_columns(p, a, status);
    if (binary)
      fake_binary_row(p, a, &m);
    else
      fake_text_row(p, a, &m);
    if (fake_is_endless(p, a, binary)) peer_say_for_ever(p, m.bytes, m.size);
    if (!peer_does(p, "has no rows")) fake_say(p, &m);
    fake_end(p, status);
  } while (status);
}

/* ---- commands ---- */

static inline void fake_prepare(peer *p, const char *sql) {
  const fake_answer *a = fake_answer_to(sql);
  unsigned params = peer_does(p, "wants more parameters") ? 3 : 0;
  fake_message m;
  for (const char *at = strchr(sql, '?'); at; at = strchr(at + 1, '?')) params++;
  if (strncmp(sql, "CHECK", 5) == 0) {
    fake_error(p, 1295, "This command is not supported in the prepared statement protocol yet");
    return;
  }
  const size_t n = a->columns && !peer_does(p, "prepares without columns") ? fake_ncolumns(p, a) : 0;
  fake_begin(&m);
  fake_number(&m, 0, 1);
  fake_number(&m, (uint64_t)(a - fake_answers) + 1, 4); /* the statement's id */
  fake_number(&m, n, 2);
  fake_number(&m, params, 2);
  fake_number(&m, 0, 3);
  fake_say(p, &m);
  for (unsigned i = 0; i < params; i++) {
    fake_column(&m, false);
    fake_say(p, &m);
  }
  if (params) fake_end(p, 0);
  if (n) fake_columns(p, a, 0);
}

static inline void fake_execute(peer *p, const fake_answer *a, bool binary) {
  if (peer_does(p, "asks for a file")) {
    char file[4096];
    fake_say_bytes(p, "\xfb/etc/passwd", 12);
    while (fake_hear(p, file, sizeof file)) continue;
    fake_ok(p, 0);
  } else if (a->columns) {
    fake_rows(p, a, binary);
  } else {
    fake_ok(p, 0);
  }
}

static inline void fake_obey(peer *p) {
  enum { QUIT = 1, QUERY = 3, PREPARE = 22, EXECUTE = 23, CLOSE = 25 };
  static char command[4096];
  fake_hear(p, command, sizeof command);
  switch (command[0]) {
  case QUIT:
    peer_gone(p);
    break;
  case QUERY:
    if (strncmp(command + 1, "START", 5) == 0) fake_status |= FAKE_IN_TRANSACTION;
    if (strcmp(command + 1, "COMMIT") == 0 || strcmp(command + 1, "ROLLBACK") == 0) fake_status = FAKE_AUTOCOMMIT;
    fake_execute(p, fake_answer_to(command + 1), false);
    break;
  case PREPARE:
    fake_prepare(p, command + 1);
    break;
  case EXECUTE: {
    const size_t last = sizeof fake_answers / sizeof *fake_answers, id = (unsigned char)command[1];
    fake_execute(p, &fake_answers[(id && id <= last ? id : last) - 1], true);
    break;
  }
  case CLOSE:
    break;
  default:
    fake_ok(p, 0);
  }
}

static inline void fake_serve(peer *p) {
  const fake_way *way = fake_way_of(p->c);
  fake_greet(p, way);
  fake_authenticate(p, way);
  for (;;) fake_obey(p);
}

#endif
