#include "jobs/failure.h"

#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/utf8.h"
#include "catalog/node_json.h"

/* ---- writing ---- */

/* A host's error may hold any bytes, and one that was too long was cut anywhere. */
static json_t *text_of(const char *text) {
  size_t size;
  json_t *made = json_string(text);
  if (made) return made;
  char *repaired = utf8_repair(text, strlen(text), &size);
  made = repaired ? json_stringn(repaired, size) : NULL;
  base_free(repaired);
  return made;
}

/* Empty ones are left out. */
static bool put_text(json_t *all, const char *name, const char *text) {
  return !text[0] || json_object_set_new(all, name, text_of(text)) == 0;
}

static bool put_number(json_t *all, const char *name, int number) {
  return !number || json_object_set_new(all, name, json_integer(number)) == 0;
}

shunt_status failure_write(const shunt_error *why, char **text, shunt_error *err) {
  json_t *all = json_object();
  bool ok = put_text(all, "code", shunt_status_name(why->status)) && put_text(all, "message", why->message) &&
            put_text(all, "client", why->client) && put_text(all, "sqlstate", why->sqlstate) &&
            (why->outcome == SHUNT_NOT_DONE || put_text(all, "outcome", shunt_outcome_name(why->outcome))) &&
            put_number(all, "engine_code", why->engine_code) && put_text(all, "rule", why->rule) &&
            put_text(all, "file", why->file) && put_number(all, "line", why->line);
  char *dumped = ok ? json_dumps(all, JSON_COMPACT) : NULL;
  json_decref(all);
  *text = dumped ? base_strdup(dumped) : NULL;
  free(dumped);
  return *text ? SHUNT_OK : error_memory(err);
}

/* ---- reading ---- */

static shunt_status status_of(const char *name, size_t size) {
  for (int s = SHUNT_E_CONFIG; s <= SHUNT_E_INTERNAL; s++) {
    const char *known = shunt_status_name((shunt_status)s);
    if (strlen(known) == size && strncmp(known, name, size) == 0) return (shunt_status)s;
  }
  return SHUNT_E_INTERNAL;
}

static void read_old(const char *text, shunt_error *why) {
  const char *colon = strstr(text, ": ");
  shunt_status status = colon ? status_of(text, (size_t)(colon - text)) : SHUNT_E_INTERNAL;
  error_set(why, status, "%s", colon ? colon + 2 : text);
}

static const char *find_text(const node *all, const char *name) {
  const node *found = node_get(all, name);
  return node_is_text(found) ? found->value.as.bytes : NULL;
}

static void get_text(const node *all, const char *name, char *room, size_t size) {
  const char *text = find_text(all, name);
  snprintf(room, size, "%s", text ? text : "");
}

static int get_number(const node *all, const char *name) {
  const node *found = node_get(all, name);
  const int64_t number = found && found->value.type == SHUNT_INTEGER ? found->value.as.integer : 0;
  return number >= INT_MIN && number <= INT_MAX ? (int)number : 0;
}

static void read_all(const node *all, const char *code, shunt_error *why) {
  const char *message = find_text(all, "message");
  error_set(why, status_of(code, strlen(code)), "%s", message ? message : "");
  get_text(all, "client", why->client, sizeof why->client);
  get_text(all, "sqlstate", why->sqlstate, sizeof why->sqlstate);
  get_text(all, "rule", why->rule, sizeof why->rule);
  get_text(all, "file", why->file, sizeof why->file);
  why->engine_code = get_number(all, "engine_code");
  why->line = get_number(all, "line");
  why->outcome = error_outcome_named(find_text(all, "outcome"));
}

shunt_status failure_read(const char *text, shunt_error *why, shunt_error *err) {
  arena a = {0};
  node *all = NULL;
  const shunt_status status = node_from_json(&a, text, strlen(text), &all, err);
  const char *code = status ? NULL : find_text(all, "code");
  if (code)
    read_all(all, code, why);
  else if (status != SHUNT_E_MEMORY)
    read_old(text, why);
  arena_free(&a);
  return status == SHUNT_E_MEMORY ? status : SHUNT_OK;
}

const char *failure_print(const shunt_error *why, char *line, size_t room) {
  const char *code = shunt_status_name(why->status);
  if (why->file[0])
    snprintf(line, room, "%s: %s:%d: %s", code, why->file, why->line, why->message);
  else
    snprintf(line, room, "%s: %s", code, why->message);
  return line;
}
