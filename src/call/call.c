#include "call/call.h"

#include <string.h>

#include "call/calling.h"
#include "catalog/node_json.h"

enum { SHORT_REPLY = 64 };

/* In front of a message that is about the text of the call, its place. */
static shunt_status place_mistake(shunt_status status, shunt_error *err) {
  if (!err || !err->line) return status;
  const shunt_error was = *err;
  return error_reword(err, status, "line %d column %d: %s", was.line, was.column, was.message);
}

/* Text that a job is given stays as it is. */
static shunt_status find_blobs(node *n, arena *a, shunt_error *err) {
  shunt_status status = SHUNT_OK;
  if (n->kind != NODE_MAP) return status;
  for (size_t i = 0; i < n->count && !status; i++)
    if (strcmp(n->entries[i].key, "data") != 0) status = call_find_blobs(n->entries[i].value, a, err);
  return status;
}

static shunt_status parse(const char *json, arena *a, node **out, shunt_error *err) {
  if (!json) return error_null(err, "json");
  return node_from_json(a, json, strlen(json), out, err);
}

static shunt_status read_call(calling *c) {
  shunt_status status = parse(c->text, &c->a, &c->options, c->err);
  if (status) return status;
  status = find_blobs(c->options, &c->a, c->err);
  if (!status) status = call_find_verb(c);
  if (!status && c->verb->read) status = c->verb->read(c);
  return status ? place_mistake(status, c->err) : SHUNT_OK;
}

shunt_status call_session_options(const char *json, arena *a, shunt_session_options *out, shunt_error *err) {
  node *options = NULL;
  shunt_status status = json ? parse(json, a, &options, err) : SHUNT_OK;
  if (status || !json) return status;
  status = options_all_known(options, "session", options_session_keys, err);
  if (!status) status = options_session(a, options, out, err);
  return status ? place_mistake(status, err) : SHUNT_OK;
}

static shunt_status run_call(calling *c, char **reply) {
  /* Room for the reply of a write, before it writes. */
  for (int i = 0; i < SHORT_REPLY; i++) buf_putc(&c->reply, ' ');
  const bool ready = !c->reply.failed;
  buf_reset(&c->reply);
  shunt_status status = ready ? c->verb->run(c) : error_memory(c->err);
  if (!status && !(*reply = buf_take(&c->reply))) status = error_memory(c->err);
  if (status && c->effect && c->err) c->err->outcome = c->effect;
  return status;
}

shunt_status shunt_call(shunt_session *s, const char *json, char **reply, shunt_error *err) {
  VISIT(v);
  if (!reply) return error_null(err, "reply");
  *reply = NULL;
  shunt_status status = visit_begin(&v, s, err);
  if (status) return status;
  calling c = {.s = s, .text = json, .err = err};
  status = read_call(&c);
  if (!status) status = run_call(&c, reply);
  shunt_rows_free(c.rows);
  buf_free(&c.reply);
  arena_free(&c.a);
  return status;
}
