#include "session/variables.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/number.h"
#include "base/utf8.h"
#include "catalog/identifiers.h"

struct session_values {
  const cat_client *client;
  driver_variables *variables;
  struct session_values *next;
};

/* One value that is being filled in. */
typedef struct filling {
  const shunt_session *s;
  const cat_client *client;
  const cat_variable *variable;
  shunt_error *err;
} filling;

__attribute__((format(printf, 2, 3))) static shunt_status refuse(const filling *f, const char *format, ...);

static shunt_status refuse(const filling *f, const char *format, ...) {
  char why[400];
  va_list args;
  va_start(args, format);
  vsnprintf(why, sizeof why, format, args);
  va_end(args);
  error_set(f->err, SHUNT_E_USAGE, "client '%s': session.%s %s", f->client->name, f->variable->name, why);
  error_client(f->err, f->client->name);
  return SHUNT_E_USAGE;
}

/* ---- placeholders ---- */

static const shunt_value *attribute_of(const filling *f, const template_piece *piece) {
  for (size_t i = 0; i < f->s->nattrs; i++)
    if (strlen(f->s->attrs[i].name) == piece->size && memcmp(f->s->attrs[i].name, piece->text, piece->size) == 0)
      return &f->s->attrs[i].value;
  return NULL;
}

/* Absent and empty values are mistakes: they would lead to what all tenants share. */
static shunt_status find_value(const filling *f, const template_piece *piece, shunt_value *out) {
  const cat_instance *i = f->s->instance;
  const char *env = f->s->generation.catalog->env;
  const shunt_value *attribute = piece->is == CAT_ATTRIBUTE ? attribute_of(f, piece) : NULL;
  if (piece->is == CAT_INSTANCE_NUMBER && !i->has_number)
    return refuse(f, "needs the id of the instance '%s', which has none; give the instance an id", i->name);
  if (piece->is == CAT_INSTANCE_NAME && !i->name[0])
    return refuse(f, "needs the name of an instance; open the session with one");
  if (piece->is == CAT_ATTRIBUTE && !attribute)
    return refuse(f, "needs the attribute '%.*s', which the session does not have; open it with that attribute",
                  (int)piece->size, piece->text);
  if (piece->is == CAT_INSTANCE_NUMBER)
    *out = shunt_integer(i->number);
  else
    *out = attribute                        ? *attribute
           : piece->is == CAT_INSTANCE_NAME ? shunt_text(i->name, strlen(i->name))
                                            : shunt_text(env, strlen(env));
  if (out->type != SHUNT_TEXT) return SHUNT_OK;
  if (out->size && !memchr(out->as.bytes, 0, out->size) && utf8_valid(out->as.bytes, out->size)) return SHUNT_OK;
  return refuse(f, "can't be set: the attribute '%.*s' is empty, contains a NUL, or is not UTF-8", (int)piece->size,
                piece->text);
}

static void put_value(buf *b, const shunt_value *v) {
  char room[NUMBER_BYTES];
  if (v->type == SHUNT_TEXT)
    buf_add(b, v->as.bytes, v->size);
  else if (v->type == SHUNT_INTEGER)
    buf_printf(b, "%" PRId64, v->as.integer);
  else if (v->type == SHUNT_FLOAT)
    buf_add(b, room, number_write(v->as.number, room));
  else
    buf_puts(b, v->as.boolean ? "true" : "false");
}

static shunt_status put_piece(const filling *f, const template_piece *piece, buf *b) {
  shunt_value value;
  if (piece->is == CAT_NO_PLACEHOLDER) {
    buf_add(b, piece->text, piece->size);
    return SHUNT_OK;
  }
  shunt_status status = find_value(f, piece, &value);
  if (!status) put_value(b, &value);
  return status;
}

static shunt_status fill_text(const filling *f, buf *b) {
  template_piece piece;
  shunt_status status = SHUNT_OK;
  for (const char *at = f->variable->value.as.bytes; !status && template_next(&at, &piece);)
    status = put_piece(f, &piece, b);
  return status;
}

/* ---- lists of identifiers ---- */

static shunt_status put_placeholder(void *ud, const template_piece *piece, buf *to) { return put_piece(ud, piece, to); }

static shunt_status refuse_name(void *ud, const char *name, const char *why) {
  return refuse(ud, "would have the name '%.100s', which %s", name, why);
}

static shunt_status fill_list(const filling *f, buf *list) {
  filling own = *f;
  return identifiers_fill(&(identifiers){&own, put_placeholder, refuse_name}, f->variable->value.as.bytes, list);
}

/* ---- all of them ---- */

/* A value that is one placeholder keeps its type: engines compare a number otherwise than a text. */
static bool is_alone(const char *text, template_piece *piece) {
  return template_next(&text, piece) && piece->is != CAT_NO_PLACEHOLDER && !*text;
}

static shunt_status fill_value(const filling *f, arena *a, shunt_value *out) {
  template_piece piece;
  buf text = {0};
  *out = f->variable->value;
  if (out->type != SHUNT_TEXT) return SHUNT_OK;
  if (!f->variable->is_list && is_alone(out->as.bytes, &piece)) {
    shunt_status status = find_value(f, &piece, out);
    if (status || out->type != SHUNT_TEXT) return status;
  }
  shunt_status status = f->variable->is_list ? fill_list(f, &text) : fill_text(f, &text);
  const char *copy = status || text.failed ? NULL : arena_strndup(a, text.data ? text.data : "", text.size);
  if (copy) *out = shunt_text(copy, text.size);
  buf_free(&text);
  return status || copy ? status : error_memory(f->err);
}

static shunt_status fill_all(const shunt_session *s, const cat_client *client, driver_variables **out,
                             shunt_error *err) {
  arena a = {0};
  buf sql = {0}, naming = {0};
  shunt_value *values = arena_array(&a, shunt_value, client->nvariables);
  shunt_status status = values ? SHUNT_OK : error_memory(err);
  for (size_t i = 0; i < client->nvariables && !status; i++)
    status = fill_value(&(filling){s, client, &client->variables[i], err}, &a, &values[i]);
  if (!status) {
    driver_for(client->engine)->variables_sql(client, values, &sql, &naming);
    *out = sql.failed || naming.failed ? NULL : variables_new(sql.data, naming.data ? naming.data : "");
    if (!*out) status = error_memory(err);
  }
  buf_free(&sql);
  buf_free(&naming);
  arena_free(&a);
  return status;
}

shunt_status session_variables(shunt_session *s, const cat_client *client, driver_variables **out, shunt_error *err) {
  *out = NULL;
  if (!client->nvariables) return SHUNT_OK;
  for (const struct session_values *v = s->values; v; v = v->next)
    if (v->client == client) {
      *out = v->variables;
      return SHUNT_OK;
    }
  struct session_values *v = base_alloc(sizeof *v);
  if (!v) return error_memory(err);
  *v = (struct session_values){.client = client, .next = s->values};
  shunt_status status = fill_all(s, client, &v->variables, err);
  if (status) {
    base_free(v);
    return status;
  }
  s->values = v;
  *out = v->variables;
  return SHUNT_OK;
}

void session_drop_variables(shunt_session *s) {
  while (s->values) {
    struct session_values *v = s->values;
    s->values = v->next;
    variables_drop(v->variables);
    base_free(v);
  }
}
