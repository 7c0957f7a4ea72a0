#include <math.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

#include "base/alloc.h"
#include "base/ascii.h"
#include "base/buf.h"
#include "catalog/report.h"
#include "config/config.h"
#include "config/scalar.h"

typedef struct printer {
  yaml_emitter_t emitter;
  const char *file; /* the app config, in contrast to the overlay */
  buf out;
  buf text; /* of the current scalar */
} printer;

/* The path of a node, to distinguish names from settings: a client called "token" is not a secret. */
typedef struct path {
  const struct path *up;
  const char *key;
} path;

static int write_out(void *ud, unsigned char *bytes, size_t size) {
  buf *out = ud;
  buf_add(out, (const char *)bytes, size);
  return !out->failed;
}

static bool path_is(const path *at, size_t count, const char *const *keys) {
  for (; at && count > 0; at = at->up)
    if (keys[--count] && strcmp(keys[count], at->key) != 0) return false;
  return !at && count == 0;
}

/* Whether the keys below are names chosen by the user. */
static bool holds_names(const path *at) {
  static const char *const clients[] = {"database", "clients"}, *const instances[] = {"instance", "instances"},
                           *const models[] = {"models"}, *const relations[] = {"models", NULL, "relations"};
  return path_is(at, 2, clients) || path_is(at, 2, instances) || path_is(at, 1, models) || path_is(at, 3, relations);
}

/* Whether sessions fill in the texts below: ${ and $${ are already as they are written. */
static bool holds_templates(const path *at) {
  static const char *const base[] = {"database", "base", "session", NULL}, *const clients[] = {"database", "clients",
                                                                                               NULL, "session", NULL};
  return path_is(at, 4, base) || path_is(at, 5, clients);
}

/* ---- events: each takes the event over, false when out of memory ---- */

static bool emit(printer *p, yaml_event_t *event, int made) { return made && yaml_emitter_emit(&p->emitter, event); }

static bool emit_text(printer *p, const char *text, size_t size, yaml_scalar_style_t style) {
  yaml_event_t event;
  int made = yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)text, (int)size, 1, 1, style);
  return emit(p, &event, made);
}

static bool is_like_a_word_of_yaml_1_1(const char *text) {
  static const char *const list[] = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"};
  char lower[8];
  size_t size = strlen(text);
  if (size == 0 || size >= sizeof lower) return false;
  for (size_t i = 0; i <= size; i++) lower[i] = ascii_lower(text[i]);
  for (size_t i = 0; i < sizeof list / sizeof *list; i++)
    if (strcmp(lower, list[i]) == 0) return true;
  return false;
}

/* With control characters, the emitter would choose a style that folds lines and loses blanks. */
static bool has_only_visible(const char *text, size_t size) {
  for (size_t i = 0; i < size; i++)
    if ((unsigned char)text[i] < 0x20 || text[i] == 0x7F) return false;
  return true;
}

/* A text; in quotes if it would be read as another type without them. */
static bool emit_quoted(printer *p, const char *text, size_t size) {
  bool plain =
      scalar_plain(text, size).type == SHUNT_TEXT && !is_like_a_word_of_yaml_1_1(text) && has_only_visible(text, size);
  return emit_text(p, text, size, plain ? YAML_ANY_SCALAR_STYLE : YAML_DOUBLE_QUOTED_SCALAR_STYLE);
}

/* Masks passwords in the text. Escapes ${, so that it is not filled in when the text is read again. */
static bool emit_value_text(printer *p, const char *text, bool escape) {
  buf_reset(&p->text);
  show_masked(&p->text, text);
  if (p->text.failed) return false;
  buf escaped = {0};
  for (const char *at = p->text.data ? p->text.data : ""; *at; at++) {
    if (escape && at[0] == '$' && at[1] == '{') buf_putc(&escaped, '$');
    buf_putc(&escaped, *at);
  }
  bool fine = !escaped.failed && emit_quoted(p, escaped.data ? escaped.data : "", escaped.size);
  buf_free(&escaped);
  return fine;
}

/* As YAML spells it in any locale: with a point, so that it stays a float. */
static void spell_float(char *to, size_t room, double number) {
  if (isnan(number) || isinf(number)) {
    snprintf(to, room, "%s", isnan(number) ? ".nan" : number < 0 ? "-.inf" : ".inf");
    return;
  }
  snprintf(to, room, "%.17g", number);
  char *odd = to + strspn(to, "+-0123456789eE");
  if (*odd) *odd = '.';
  if (strcspn(to, ".eE") == strlen(to)) strncat(to, ".0", room - strlen(to) - 1);
}

static bool emit_scalar(printer *p, const node *n, const path *at) {
  char number[64];
  if (node_is_text(n)) return emit_value_text(p, n->value.as.bytes, !holds_templates(at));
  if (n->spelling && *n->spelling) return emit_text(p, n->spelling, strlen(n->spelling), YAML_PLAIN_SCALAR_STYLE);
  switch ((shunt_type)n->value.type) {
  case SHUNT_BOOL:
    snprintf(number, sizeof number, "%s", n->value.as.boolean ? "true" : "false");
    break;
  case SHUNT_INTEGER:
    snprintf(number, sizeof number, "%lld", (long long)n->value.as.integer);
    break;
  case SHUNT_FLOAT:
    spell_float(number, sizeof number, n->value.as.number);
    break;
  default:
    snprintf(number, sizeof number, "null");
    break;
  }
  return emit_text(p, number, strlen(number), YAML_PLAIN_SCALAR_STYLE);
}

static bool print_node(printer *p, const node *n, const path *at, bool secret);

static bool print_list(printer *p, const node *n, const path *at, bool secret) {
  yaml_event_t event;
  /* a list of scalars is written on one line, as people do */
  bool flow = true;
  for (size_t i = 0; i < n->count; i++) flow = flow && n->items[i]->kind == NODE_VALUE;
  yaml_sequence_style_t style = flow ? YAML_FLOW_SEQUENCE_STYLE : YAML_BLOCK_SEQUENCE_STYLE;
  if (!emit(p, &event, yaml_sequence_start_event_initialize(&event, NULL, NULL, 1, style))) return false;
  path below = {at, ""};
  for (size_t i = 0; i < n->count; i++)
    if (!print_node(p, n->items[i], &below, secret)) return false;
  return emit(p, &event, yaml_sequence_end_event_initialize(&event));
}

/* In an overlay, null has let the base and the original of a client apply again (catalog/build_client.c): it is left
 * out. Any other null may unset what rule files declare or a client inherits, or is a value, as in a list. */
static bool is_left_out(const printer *p, const node *n, const path *at) {
  static const char *const client[] = {"database", "clients", NULL};
  if (!node_is_null(n) || strcmp(n->at.file ? n->at.file : "", p->file) == 0) return false;
  for (const path *above = at; above; above = above->up)
    if (path_is(above, 3, client)) return true;
  return false;
}

static bool print_map(printer *p, const node *n, const path *at, bool secret) {
  yaml_event_t event;
  bool names = at && holds_names(at);
  yaml_mapping_style_t style = n->count ? YAML_BLOCK_MAPPING_STYLE : YAML_FLOW_MAPPING_STYLE;
  if (!emit(p, &event, yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, style))) return false;
  for (size_t i = 0; i < n->count; i++) {
    const node_entry *e = &n->entries[i];
    if (is_left_out(p, e->value, at)) continue;
    path below = {at, e->key};
    if (!emit_quoted(p, e->key, strlen(e->key))) return false;
    if (!print_node(p, e->value, &below, secret || (!names && cat_secret_key(e->key)))) return false;
  }
  return emit(p, &event, yaml_mapping_end_event_initialize(&event));
}

static bool print_node(printer *p, const node *n, const path *at, bool secret) {
  if (n->kind == NODE_LIST) return print_list(p, n, at, secret);
  if (n->kind == NODE_MAP) return print_map(p, n, at, secret);
  if ((secret || n->secret) && !node_is_null(n)) return emit_quoted(p, REPORT_MASK, strlen(REPORT_MASK));
  return emit_scalar(p, n, at);
}

static bool print_document(printer *p, const node *merged) {
  yaml_event_t event;
  return emit(p, &event, yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING)) &&
         emit(p, &event, yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1)) &&
         print_node(p, merged, NULL, false) && emit(p, &event, yaml_document_end_event_initialize(&event, 1)) &&
         emit(p, &event, yaml_stream_end_event_initialize(&event)) && yaml_emitter_flush(&p->emitter);
}

shunt_status config_print(const node *merged, char **yaml, shunt_error *err) {
  printer p = {.file = merged->at.file ? merged->at.file : ""};
  *yaml = NULL;
  if (!yaml_emitter_initialize(&p.emitter)) return error_memory(err);
  yaml_emitter_set_output(&p.emitter, write_out, &p.out);
  yaml_emitter_set_unicode(&p.emitter, 1);
  yaml_emitter_set_width(&p.emitter, -1);
  bool fine = print_document(&p, merged);
  yaml_emitter_delete(&p.emitter);
  buf_free(&p.text);
  if (fine) *yaml = buf_take(&p.out);
  buf_free(&p.out);
  return *yaml ? SHUNT_OK : error_memory(err);
}
