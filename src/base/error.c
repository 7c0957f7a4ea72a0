#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

const char *shunt_status_name(shunt_status status) {
  switch (status) {
  case SHUNT_OK:
    return "SHUNT_OK";
#define NAME(name, text)                                                                                               \
  case SHUNT_E_##name:                                                                                                 \
    return "SHUNT_E_" #name;
    SHUNT_STATUS_MAP(NAME)
#undef NAME
  }
  return "SHUNT_E_INTERNAL";
}

const char *shunt_outcome_name(shunt_outcome outcome) {
  switch (outcome) {
#define NAME(name, text)                                                                                               \
  case SHUNT_##name:                                                                                                   \
    return text;
    SHUNT_OUTCOME_MAP(NAME)
#undef NAME
  }
  return "";
}

shunt_outcome error_outcome_named(const char *name) {
#define NAMED(outcome, text)                                                                                           \
  if (name && strcmp(name, text) == 0) return SHUNT_##outcome;
  SHUNT_OUTCOME_MAP(NAMED)
#undef NAMED
  return SHUNT_NOT_DONE;
}

const char *shunt_verdict_text(shunt_verdict verdict) {
  switch (verdict) {
#define TEXT(name, text)                                                                                               \
  case SHUNT_VERDICT_##name:                                                                                           \
    return text;
    SHUNT_VERDICT_MAP(TEXT)
#undef TEXT
  }
  return "";
}

const char *shunt_node_text(shunt_node node) {
  switch (node) {
#define TEXT(name, text)                                                                                               \
  case SHUNT_NODE_##name:                                                                                              \
    return text;
    SHUNT_NODE_MAP(TEXT)
#undef TEXT
  case SHUNT_NNODES:
    break;
  }
  return "";
}

static void copy(char *to, size_t room, const char *from) {
  size_t size = from ? strlen(from) : 0;
  if (size >= room) size = room - 1;
  if (size) memcpy(to, from, size);
  to[size] = 0;
}

static void clear(shunt_error *err, shunt_status status) {
  err->status = status;
  err->line = err->column = err->engine_code = 0;
  err->outcome = SHUNT_NOT_DONE;
  err->sqlstate[0] = err->client[0] = err->file[0] = err->rule[0] = err->message[0] = err->traceback[0] = 0;
}

__attribute__((format(printf, 3, 0))) static shunt_status set(shunt_error *err, shunt_status status, const char *format,
                                                              va_list args) {
  if (!err) return status;
  clear(err, status);
  vsnprintf(err->message, sizeof err->message, format, args);
  return status;
}

shunt_status error_set(shunt_error *err, shunt_status status, const char *format, ...) {
  va_list args;
  va_start(args, format);
  set(err, status, format, args);
  va_end(args);
  return status;
}

shunt_status error_text(shunt_error *err, shunt_status status, const char *text) {
  if (!err) return status;
  clear(err, status);
  copy(err->message, sizeof err->message, text);
  return status;
}

shunt_status error_reword(shunt_error *err, shunt_status status, const char *format, ...) {
  if (!err) return status;
  char message[sizeof err->message];
  va_list args;
  va_start(args, format);
  vsnprintf(message, sizeof message, format, args);
  va_end(args);
  memcpy(err->message, message, sizeof message);
  err->status = status;
  return status;
}

void error_add(shunt_error *err, const char *text) {
  size_t used = err ? strlen(err->message) : 0;
  if (err) copy(err->message + used, sizeof err->message - used, text);
}

shunt_status error_null(shunt_error *err, const char *what) {
  return error_set(err, SHUNT_E_USAGE, "%s is NULL, which this function can't do without", what);
}

shunt_status error_memory(shunt_error *err) { return error_set(err, SHUNT_E_MEMORY, "out of memory"); }

void error_place(shunt_error *err, const char *file, int line, int column) {
  if (!err) return;
  copy(err->file, sizeof err->file, file);
  err->line = line;
  err->column = column;
}

shunt_status error_usage_at(shunt_error *err, place at, const char *format, ...) {
  va_list args;
  va_start(args, format);
  set(err, SHUNT_E_USAGE, format, args);
  va_end(args);
  error_place(err, at.file, at.line, at.column);
  return SHUNT_E_USAGE;
}

void error_client(shunt_error *err, const char *client) {
  if (err) copy(err->client, sizeof err->client, client);
}

void problems_add_error(problems *p, const shunt_error *err) {
  if (err->status == SHUNT_E_MEMORY)
    p->out_of_memory = true;
  else if (p->count >= PROBLEMS_KEPT)
    p->more++;
  else if (!base_grow(&p->list, &p->capacity, p->count + 1, sizeof *p->list))
    p->out_of_memory = true;
  else
    p->list[p->count++] = *err;
}

void problems_add(problems *p, shunt_status status, place at, const char *format, ...) {
  shunt_error err;
  clear(&err, status);
  va_list args;
  va_start(args, format);
  vsnprintf(err.message, sizeof err.message, format, args);
  va_end(args);
  error_place(&err, at.file, at.line, at.column);
  problems_add_error(p, &err);
}

shunt_status problems_status(const problems *p, shunt_error *err) {
  if (p->out_of_memory) return error_memory(err); /* the others may be its consequences */
  if (p->count == 0) return SHUNT_OK;
  if (err) *err = p->list[0];
  const size_t others = p->count - 1 + p->more;
  if (err && others > 0) {
    size_t used = strlen(err->message);
    snprintf(err->message + used, sizeof err->message - used, " (and %zu more)", others);
  }
  return p->list[0].status;
}

void problems_free(problems *p) {
  base_free(p->list);
  memset(p, 0, sizeof *p);
}
