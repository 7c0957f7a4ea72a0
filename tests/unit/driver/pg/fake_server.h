/* For: the server's side of one connection of a fake PostgreSQL server. Its behaviours: those of fake.h's answers, and
 * the ones that stand here, as they are listed in fake_behaviours.
 * Owner: as fake.h.
 * Use: as fake.h. */
#ifndef SHUNT_TESTS_PG_FAKE_SERVER_H
#define SHUNT_TESTS_PG_FAKE_SERVER_H

#include "unit/driver/pg/fake.h"

/* ---- before the first request ---- */

typedef struct fake_demand {
  const char *behaviour;
  int32_t which;
  const char *more;
  size_t size;
} fake_demand;

#define FAKE_MORE(text) text, sizeof text
static const fake_demand fake_demands[] = {
    {"asks for the password in clear", 3, FAKE_MORE("")},
    {"asks for the password in clear, for ever", 3, FAKE_MORE("")},
    {"asks for an MD5 hash", 5, FAKE_MORE("salt")},
    {"asks for an MD5 hash without salt", 5, "", 0},
    {"asks for Kerberos 4", 1, "", 0},
    {"asks for Kerberos 5", 2, "", 0},
    {"asks for crypt", 4, FAKE_MORE("ab")},
    {"asks for SCM credentials", 6, "", 0},
    {"asks for GSSAPI", 7, "", 0},
    {"goes on with a GSSAPI that did not begin", 8, FAKE_MORE("token")},
    {"asks for SSPI", 9, "", 0},
    {"asks for SASL without a mechanism", 10, FAKE_MORE("")},
    {"asks for an unknown SASL mechanism", 10, FAKE_MORE("OPEN-SESAME\0")},
    {"asks for SASL with an unended list", 10, "SCRAM-SHA-256", 13},
    {"asks for SCRAM with channel binding without TLS", 10, FAKE_MORE("SCRAM-SHA-256-PLUS\0")},
    {"goes on with a SASL that did not begin", 11, FAKE_MORE("r=x,s=eA==,i=4096")},
    {"ends a SASL that did not begin", 12, FAKE_MORE("v=x")},
    {"asks for an unknown authentication", 99, "", 0},
    {"asks for an authentication below zero", -1, "", 0},
};

/* What the server says in the middle of SCRAM. */
static const char *const fake_challenges[][2] = {
    {"SCRAM with another nonce", "r=other,s=c2FsdA==,i=4096"},
    {"SCRAM with 30,000 iterations", "r=%s0,s=c2FsdA==,i=30000"},
    {"SCRAM with negative iterations", "r=%s0,s=c2FsdA==,i=-1"},
    {"SCRAM with a salt that is no base64", "r=%s0,s=!!!!,i=4096"},
    {"SCRAM without a salt", "r=%s0,i=4096"},
    {"SCRAM with nothing in it", ""},
};

static inline void fake_read_message(fake *f, char *type, size_t *size) {
  unsigned char head[FAKE_HEADER];
  peer_read(f->p, head, sizeof head);
  *type = (char)head[0];
  uint32_t n = (uint32_t)head[1] << 24 | (uint32_t)head[2] << 16 | (uint32_t)head[3] << 8 | head[4];
  if (n < 4 || n - 4 >= sizeof f->request) peer_gone(f->p);
  *size = n - 4;
  peer_read(f->p, f->request, *size);
  f->request[*size] = 0;
}

static inline void fake_scram(fake *f, const char *challenge) {
  char type, said[512], nonce[256] = "";
  size_t size;
  fake_say_authentication(f, 10, FAKE_MORE("SCRAM-SHA-256\0"));
  fake_read_message(f, &type, &size);
  for (size_t i = 0; i + 2 < size; i++)
    if (memcmp(f->request + i, "r=", 2) == 0) snprintf(nonce, sizeof nonce, "%s", f->request + i + 2);
  snprintf(said, sizeof said, "%s", challenge);
  const char *at = strstr(challenge, "%s");
  if (at) snprintf(said, sizeof said, "%.*s%s%s", (int)(at - challenge), challenge, nonce, at + 2);
  fake_say_authentication(f, 11, said, strlen(said));
  fake_read_message(f, &type, &size);
  fake_say_authentication(f, 12, "v=bm8=", 6);
}

static inline void fake_authenticate(fake *f) {
  peer *p = f->p;
  for (size_t i = 0; i < sizeof fake_demands / sizeof *fake_demands; i++) {
    const fake_demand *d = &fake_demands[i];
    if (!peer_does(p, d->behaviour)) continue;
    fake_say_authentication(f, d->which, d->more, d->size);
    if (strstr(d->behaviour, "for ever"))
      for (;;) fake_say_authentication(f, d->which, d->more, d->size);
    peer_hold(p);
  }
  for (size_t i = 0; i < sizeof fake_challenges / sizeof *fake_challenges; i++)
    if (peer_does(p, fake_challenges[i][0])) fake_scram(f, fake_challenges[i][1]);
  fake_say_authentication(f, 0, "", 0);
}

/* The first four bytes of a request to begin, whose length was read. */
static inline void fake_answer_tls(fake *f) {
  static const char *const answers[][2] = {
      {"TLS: refuses it", "N"},
      {"TLS: answers with an unknown letter", "X"},
      {"TLS: takes it, and talks on in clear", "SR\0\0\0\10\0\0\0\3"},
      {"TLS: takes it, and sends no handshake", "Sxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"},
      {"TLS: answers with an error without end", "Exxxxxxxxxxxxxxxxx"},
  };
  for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
    if (!peer_does(f->p, answers[i][0])) continue;
    peer_raw(f->p, answers[i][1], i == 2 ? 10 : strlen(answers[i][1]));
    if (i == 4)
      for (;;) peer_raw(f->p, "xxxxxxxxxxxxxxxx", 16);
    if (i) peer_hold(f->p);
    return;
  }
  peer_raw(f->p, "N", 1);
}

static inline void fake_begin(fake *f) {
  static const char *const settings[][2] = {
      {"server_version", "15.1"}, {"client_encoding", "UTF8"}, {"standard_conforming_strings", "on"}};
  static const char zeros[4];
  peer *p = f->p;
  for (;;) {
    unsigned char head[8];
    peer_read(p, head, sizeof head);
    uint32_t code = (uint32_t)head[4] << 24 | (uint32_t)head[5] << 16 | (uint32_t)head[6] << 8 | head[7];
    size_t n = (size_t)head[2] << 8 | head[3];
    if (code == FAKE_CANCEL || n < 8 || n > 8 + sizeof f->request) peer_gone(p);
    peer_read(p, f->request, n - 8);
    if (code != FAKE_TLS && code != FAKE_GSS) break;
    if (code == FAKE_TLS)
      fake_answer_tls(f);
    else
      peer_raw(p, "N", 1);
  }
  if (peer_does(p, "speaks protocol 2")) peer_raw(p, "EFATAL:  unsupported frontend protocol\n", 40);
  if (peer_does(p, "negotiates another protocol")) {
    fake_message m = fake_new('v');
    fake_number(&m, 196608 - 65536, 4);
    fake_number(&m, 0x7fffffff, 4);
    fake_say(f, &m);
  }
  fake_authenticate(f);
  for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
    fake_message m = fake_setting(settings[i][0], settings[i][1]);
    if (i == 0 && peer_does(p, "sends settings for ever at the beginning")) peer_say_for_ever(p, m.bytes, m.size);
    fake_say(f, &m);
  }
  fake_message key = fake_new('K');
  fake_put(&key, zeros, 4);
  fake_put(&key, zeros, 4);
  fake_say(f, &key);
  f->state = 'I';
  fake_ready(f);
}

/* ---- in the middle of a statement ---- */

static inline void fake_copy_response(fake *f, char type) {
  fake_message m = fake_new(type);
  fake_number(&m, 0, 1);
  fake_number(&m, 2, 2);
  fake_number(&m, 0, 4);
  fake_say(f, &m);
}

static inline void fake_for_ever(fake *f, fake_message m) { peer_say_for_ever(f->p, m.bytes, m.size); }

/* A long text, of which few fit into memory. */
static inline fake_message fake_long(char type) {
  static char text[4000];
  memset(text, 'x', sizeof text - 1);
  return type == 'S' ? fake_setting("server_version", text) : fake_trouble(type, "42000", text);
}

static inline void fake_misbehave_for_ever(fake *f) {
  peer *p = f->p;
  if (peer_does(p, "sends notices for ever")) fake_for_ever(f, fake_trouble('N', "00000", "hear"));
  if (peer_does(p, "sends long notices for ever")) fake_for_ever(f, fake_long('N'));
  if (peer_does(p, "sends settings for ever")) fake_for_ever(f, fake_setting("TimeZone", "UTC"));
  if (peer_does(p, "sends long settings for ever")) fake_for_ever(f, fake_long('S'));
  if (peer_does(p, "sends new settings for ever"))
    for (unsigned i = 0;; i++) {
      char name[16];
      snprintf(name, sizeof name, "s%u", i);
      fake_message m = fake_setting(name, "on");
      fake_frame(p, m.bytes, (uint32_t)(m.size - FAKE_HEADER));
      peer_raw(p, m.bytes, m.size);
    }
  if (peer_does(p, "sends notifications for ever")) fake_for_ever(f, fake_notification());
  if (peer_does(p, "sends errors for ever")) fake_for_ever(f, fake_long('E'));
  if (peer_does(p, "is ready for ever")) {
    fake_message m = fake_new('Z');
    fake_put(&m, "I", 1);
    fake_for_ever(f, m);
  }
  if (peer_does(p, "completes for ever")) {
    fake_message m = fake_new('C');
    fake_text(&m, "SELECT 1");
    fake_for_ever(f, m);
  }
}

static inline void fake_misbehave(fake *f) {
  peer *p = f->p;
  fake_misbehave_for_ever(f);
  if (peer_does(p, "wants rows of COPY")) fake_copy_response(f, 'G');
  if (peer_does(p, "sends rows of COPY")) fake_copy_response(f, 'H');
  if (peer_does(p, "copies both ways")) fake_copy_response(f, 'W');
  if (peer_does(p, "sends rows of COPY for ever")) {
    fake_message m = fake_new('d');
    fake_text(&m, "1\tone\n");
    fake_copy_response(f, 'H');
    fake_for_ever(f, m);
  }
  if (peer_does(p, "sends an error without fields")) fake_say_empty(f, 'E');
  if (peer_does(p, "sends an error with an unended text")) {
    fake_message m = fake_new('E');
    fake_put(&m, "SERROR", 6);
    fake_say(f, &m);
  }
  if (peer_does(p, "sends an error, and then noise")) {
    fake_message m = fake_trouble('E', "42P01", "no such table");
    fake_say(f, &m);
    peer_raw(p, "\1\2\3\4\5\6\7", 7);
    peer_hold(p);
  }
  if (peer_does(p, "answers a function call")) fake_say_text(f, 'V', "abc");
  if (peer_does(p, "suspends the portal")) fake_say_empty(f, 's');
  if (peer_does(p, "says that there was no statement")) fake_say_empty(f, 'I');
  if (peer_does(p, "sends a message of an unknown kind")) fake_say_text(f, '?', "what");
  if (peer_does(p, "sends a key again")) fake_say_text(f, 'K', "1234567");
  if (peer_does(p, "asks who it is again")) fake_say_authentication(f, 3, "", 0);
  if (peer_does(p, "announces 65535 columns")) {
    fake_message m = fake_new('T');
    fake_number(&m, 0xffff, 2);
    fake_say(f, &m);
  }
  if (peer_does(p, "changes the encoding")) {
    fake_message m = fake_setting("client_encoding", "SQL_ASCII");
    fake_say(f, &m);
  }
  if (peer_does(p, "changes how strings are read")) {
    fake_message m = fake_setting("standard_conforming_strings", "off");
    fake_say(f, &m);
  }
}

/* ---- requests ---- */

static inline const fake_answer *fake_find(const char *sql) {
  const fake_answer *a = fake_answers;
  while (!strstr(sql, a->sql)) a++;
  return a;
}

static inline int fake_params(const char *sql) {
  int most = 0;
  for (const char *at = sql; (at = strchr(at, '$')); at++)
    if (atoi(at + 1) > most) most = atoi(at + 1);
  return most;
}

static inline fake_statement *fake_statement_of(fake *f, const char *name) {
  for (size_t i = 0; i < f->nstatements; i++)
    if (strcmp(f->statements[i].name, name) == 0) return &f->statements[i];
  if (f->nstatements == FAKE_STATEMENTS) peer_gone(f->p);
  fake_statement *s = &f->statements[f->nstatements++];
  snprintf(s->name, sizeof s->name, "%s", name);
  s->answer = &fake_answers[FAKE_ANSWERS - 1];
  return s;
}

static inline void fake_describe_params(fake *f, const fake_statement *s) {
  fake_message m = fake_new('t');
  fake_number(&m, s->nparams, 2);
  for (int i = 0; i < s->nparams; i++) fake_number(&m, i ? 25 : 23, 4);
  if (s->nparams && peer_does(f->p, "describes parameters for ever")) fake_for_ever(f, m);
  fake_say(f, &m);
}

static inline void fake_run(fake *f, const fake_answer *a) {
  if (strcmp(a->name, "select") == 0) fake_misbehave(f);
  if (strcmp(a->name, "copy") == 0) {
    fake_copy_response(f, 'G');
    return;
  }
  fake_execute(f, a);
  if (strcmp(a->name, "listen") != 0) return;
  if (peer_does(f->p, "notifies for ever")) fake_for_ever(f, fake_notification());
  if (peer_does(f->p, "sends notices for ever to a listener")) fake_for_ever(f, fake_trouble('N', "00000", "hear"));
  fake_message m = fake_notification();
  fake_say(f, &m);
}

static inline void fake_simple(fake *f) {
  const fake_answer *a = fake_find(f->request);
  if (*a->types) fake_describe(f, a);
  fake_run(f, a);
  if (strcmp(a->name, "copy") == 0) return;
  if (strcmp(a->name, "listen") == 0 && peer_does(f->p, "is silent for a listener")) peer_hold(f->p);
  fake_ready(f);
  if (strcmp(a->name, "session") == 0 && peer_does(f->p, "sends notices for ever to an idle client"))
    fake_for_ever(f, fake_trouble('N', "00000", "hear"));
}

static inline void fake_parse(fake *f) {
  fake_statement *s = fake_statement_of(f, f->request);
  const char *sql = f->request + strlen(f->request) + 1;
  s->answer = fake_find(sql);
  s->nparams = fake_params(sql);
  fake_say_empty(f, '1');
}

static inline void fake_bind(fake *f) {
  f->portal = fake_statement_of(f, f->request + strlen(f->request) + 1)->answer;
  fake_say_empty(f, '2');
}

static inline void fake_describe_what(fake *f) {
  if (f->request[0] == 'P') {
    fake_describe(f, f->portal);
    return;
  }
  const fake_statement *s = fake_statement_of(f, f->request + 1);
  fake_describe_params(f, s);
  fake_describe(f, s->answer);
}

static inline void fake_serve(peer *p) {
  static fake f;
  f.p = p;
  f.portal = &fake_answers[FAKE_ANSWERS - 1];
  fake_begin(&f);
  for (;;) {
    char type;
    size_t size;
    fake_read_message(&f, &type, &size);
    if (type == 'Q') fake_simple(&f);
    if (type == 'P') fake_parse(&f);
    if (type == 'B') fake_bind(&f);
    if (type == 'D') fake_describe_what(&f);
    if (type == 'E') fake_run(&f, f.portal);
    if (type == 'S') fake_ready(&f);
    if (type == 'X') peer_gone(p);
    if (type == 'C') fake_say_empty(&f, '3');
    if (type != 'c' && type != 'f') continue;
    fake_say_text(&f, 'C', "COPY 2");
    fake_ready(&f);
  }
}

#endif
