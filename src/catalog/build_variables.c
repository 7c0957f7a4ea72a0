/* The session variables of a client: `session` in the configuration. */
#include <string.h>
#include <strings.h>

#include "catalog/build.h"
#include "catalog/report.h"
#include "catalog/template.h"

/* The drivers set these, and read values by them. */
static const char *const of_pg[] = {"client_encoding",
                                    "datestyle",
                                    "intervalstyle",
                                    "timezone",
                                    "bytea_output",
                                    "extra_float_digits",
                                    "standard_conforming_strings",
                                    NULL};
static const char *const of_mysql[] = {"sql_mode",
                                       "time_zone",
                                       "autocommit",
                                       "character_set_client",
                                       "character_set_connection",
                                       "character_set_results",
                                       "collation_connection",
                                       "session_track_state_change",
                                       NULL};
static const char *const lists[] = {"search_path", "temp_tablespaces", NULL}; /* of identifiers, on PostgreSQL */

static bool is_any(const char *name, const char *const *list) {
  while (*list && strcasecmp(*list, name) != 0) list++;
  return *list != NULL;
}

/* Letters, digits and _, not a digit first; with dots between such words. On MySQL a user variable begins with @. */
static bool is_name(const char *name, bool mysql) {
  static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
  const char *at = name + (mysql && *name == '@');
  for (;; at++) {
    const size_t begin = strspn(at, first);
    if (!begin) return false;
    at += begin;
    while (*at && (strchr(first, *at) || (*at >= '0' && *at <= '9'))) at++;
    if (*at != '.') return *at == 0;
  }
}

static bool check_name(builder *b, const cat_client *client, const node_entry *e) {
  const bool mysql = client->engine == CAT_MYSQL;
  if (!is_name(e->key, mysql))
    report(b->p, SHUNT_E_CONFIG, e->at, "session: '%s' is no name of a variable; write %s", e->key,
           mysql ? "NAME of a system variable, or @NAME" : "NAME or PREFIX.NAME");
  else if (is_any(e->key, mysql ? of_mysql : of_pg))
    report(b->p, SHUNT_E_CONFIG, e->at, "session: shunt itself sets %s, and reads values by it; remove it", e->key);
  else
    return true;
  return false;
}

static void check_template(builder *b, const char *key, const node *value) {
  template_piece piece;
  for (const char *at = value->value.as.bytes; template_next(&at, &piece);)
    if (piece.wrong)
      report(b->p, SHUNT_E_CONFIG, value->at,
             "session.%s: ${%.*s} is unknown; write ${instance}, ${instance.id}, ${env} or ${attrs.NAME}, or $${ for a "
             "literal ${",
             key, (int)piece.size, piece.text);
}

static bool has_no_variables(const cat_client *client) {
  return client->engine != CAT_PG && client->engine != CAT_MYSQL;
}

bool build_variables(builder *b, cat_client *client, const node *session) {
  if (!session || session->kind != NODE_MAP || !session->count) return true;
  if (has_no_variables(client)) {
    report(b->p, SHUNT_E_CONFIG, session->at, "session: %s has no session variables; remove it from the client '%s'",
           cat_engine_name(client->engine), client->name);
    return true;
  }
  cat_variable *list = arena_array(b->a, cat_variable, session->count);
  if (!list) return false;
  client->variables = list;
  for (size_t i = 0; i < session->count; i++) {
    const node_entry *e = &session->entries[i];
    if (e->value->kind != NODE_VALUE || node_is_null(e->value) || !check_name(b, client, e)) continue;
    if (node_is_text(e->value)) check_template(b, e->key, e->value);
    list[client->nvariables++] = (cat_variable){
        .name = e->key, .value = e->value->value, .is_list = client->engine == CAT_PG && is_any(e->key, lists)};
  }
  return true;
}

bool build_variables_differ(const cat_client *client) {
  for (size_t i = 0; i < client->nvariables; i++) {
    const shunt_value *v = &client->variables[i].value;
    if (v->type == SHUNT_TEXT && !template_is_fixed(v->as.bytes)) return true;
  }
  return false;
}
