#define _POSIX_C_SOURCE 200809L
#include "unit/rule/same/answers.h"

#include <stdlib.h>
#include <string.h>

/* ---- a text that grows ---- */

static FILE *open_text(char **text, size_t *size) {
  FILE *out = open_memstream(text, size);
  if (!out) abort();
  return out;
}

static void close_text(FILE *out) {
  if (fclose(out)) abort();
}

static void put_text(FILE *out, const char *name, const char *text) {
  fprintf(out, "\"%s\":", name);
  if (!text) {
    fputs("null,", out);
    return;
  }
  fputc('"', out);
  for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
    if (*c == '"' || *c == '\\')
      fprintf(out, "\\%c", *c);
    else if (*c < ' ')
      fprintf(out, "\\u%04x", *c);
    else
      fputc(*c, out);
  }
  fputs("\",", out);
}

/* ---- a decision, without what may differ: the generation, and whether it was remembered ---- */

static void put_decision(FILE *out, const shunt_decision *d) {
  put_text(out, "model", d->model);
  put_text(out, "relation", d->relation);
  put_text(out, "client", d->client);
  put_text(out, "denied", d->denied);
  put_text(out, "engine", d->engine);
  fprintf(out, "\"level\":%d,", d->level);
  put_text(out, "table", d->table);
  put_text(out, "op", d->op == SHUNT_READ ? "read" : "write");
  put_text(out, "role", d->role);
  put_text(out, "rule", d->rule);
  put_text(out, "source", d->source);
  put_text(out, "pinned_by", d->pinned_by);
  put_text(out, "uncacheable", d->uncacheable);
  put_text(out, "unfixed", d->unfixed);
  put_text(out, "outside", d->outside);
  for (size_t i = 0; i < d->ndepends_on; i++) put_text(out, "depends_on", d->depends_on[i]);
}

static void put_error(FILE *out, shunt_status status, const shunt_error *err) {
  put_text(out, "status", shunt_status_name(status));
  put_text(out, "message", err->message);
  put_text(out, "file", err->file);
  fprintf(out, "\"line\":%d,", err->line);
  put_text(out, "rule", err->rule);
  put_text(out, "traceback", err->traceback);
}

static char *answer_text(shunt_status status, const shunt_decision *d, const shunt_error *err) {
  char *text;
  size_t size;
  FILE *out = open_text(&text, &size);
  if (status) put_error(out, status, err);
  if (d) put_decision(out, d);
  close_text(out);
  return text;
}

static char *trace_text(const shunt_decision *d) {
  char *text;
  size_t size;
  FILE *out = open_text(&text, &size);
  for (size_t i = 0; d && i < d->ntrace; i++) {
    const shunt_trace *step = &d->trace[i];
    put_text(out, step->rule, shunt_verdict_text(step->verdict));
    put_text(out, step->source, step->detail);
  }
  close_text(out);
  return text;
}

/* ---- deciding ---- */

static char *ask(shunt_session *session, const shunt_request *request, char **trace) {
  const shunt_decision *d;
  shunt_error err;
  shunt_status status = shunt_resolve(session, request, &d, &err);
  if (trace) *trace = trace_text(d);
  return answer_text(status, d, &err);
}

/* A session may refuse an attribute: NaN, for example. */
static void decide(shunt_app *app, const same_request *q, same_answer *out) {
  shunt_session *session = NULL;
  shunt_error err;
  shunt_request every_rule = q->request;
  every_rule.every_rule = true;
  shunt_status status = shunt_session_open(app, &q->session, &session, &err);
  out->given = status ? answer_text(status, NULL, &err) : ask(session, &q->request, NULL);
  out->asked = status ? answer_text(status, NULL, &err) : ask(session, &every_rule, &out->trace);
  if (status) out->trace = trace_text(NULL);
  shunt_session_close(session);
}

void same_decide(shunt_app *app, const same_set *set, const same_request *requests, size_t order, same_answers *out) {
  rng r = same_rng(set, SAME_ORDER);
  r.state += order;
  size_t n = set->end - set->first, start = rng_below(&r, n);
  memset(out, 0, sizeof *out);
  for (size_t i = 0; i < n; i++) {
    size_t at = set->first + (start + i) % n;
    decide(app, &requests[at], &out->of[at]);
  }
}

const char *same_difference(const same_answer *a, const same_answer *b, const char **left, const char **right) {
  *left = a->given, *right = a->asked;
  if (strcmp(*left, *right) != 0) return "from the cache and from the rules";
  *left = a->asked, *right = b->asked;
  if (strcmp(*left, *right) != 0) return "from the rules";
  *left = a->given, *right = b->given;
  if (strcmp(*left, *right) != 0) return "maybe from the cache";
  *left = a->trace, *right = b->trace;
  if (strcmp(*left, *right) != 0) return "traces of the rules";
  return NULL;
}

/* ---- between processes ---- */

static void write_text(FILE *file, const char *text) {
  size_t size = strlen(text) + 1;
  if (fwrite(&size, sizeof size, 1, file) != 1 || fwrite(text, size, 1, file) != 1) abort();
}

static char *read_text(FILE *file) {
  size_t size;
  if (fread(&size, sizeof size, 1, file) != 1) abort();
  char *text = malloc(size);
  if (!text || fread(text, size, 1, file) != 1) abort();
  return text;
}

void same_save(const same_answers *a, const same_set *set, const char *path) {
  FILE *file = fopen(path, "wb");
  if (!file) abort();
  for (size_t i = set->first; i < set->end; i++) {
    write_text(file, a->of[i].given);
    write_text(file, a->of[i].asked);
    write_text(file, a->of[i].trace);
  }
  if (fclose(file)) abort();
}

void same_load(same_answers *a, const same_set *set, const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file) abort();
  memset(a, 0, sizeof *a);
  for (size_t i = set->first; i < set->end; i++) {
    a->of[i].given = read_text(file);
    a->of[i].asked = read_text(file);
    a->of[i].trace = read_text(file);
  }
  fclose(file);
}

void same_free_answers(same_answers *a) {
  for (size_t i = 0; i < SAME_REQUESTS; i++) {
    free(a->of[i].given);
    free(a->of[i].asked);
    free(a->of[i].trace);
  }
}
