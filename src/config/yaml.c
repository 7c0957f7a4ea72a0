#include "config/yaml.h"

#include <string.h>
#include <yaml.h>

#include "base/map.h"
#include "catalog/report.h"
#include "config/scalar.h"

enum {
  DEEPEST_KEY = 5,
  DEEPEST = 64,
  MOST_COPIED = 100000, /* nodes made by all aliases: a few lines of aliases could make billions */
  FEW_KEYS = 8          /* up to here a linear search is faster than an index */
};

typedef struct anchor {
  node *named;
  int height;
  bool complete;
} anchor;

typedef struct reader {
  arena *a;
  problems *p;
  const char *file;
  const char *text;
  size_t size;
  yaml_parser_t parser;
  map anchors;
  size_t copied;
  const char *keys[DEEPEST_KEY]; /* that lead to the node, as far as is_template needs them; NULL: none */
  bool stopped;                  /* a mistake was reported that makes the rest meaningless */
  bool out_of_memory;
} reader;

static node *read_node(reader *r, const yaml_event_t *event, int depth, int *height);

static place place_of(const reader *r, yaml_mark_t mark) {
  return (place){r->file, (int)mark.line + 1, (int)mark.column + 1};
}

static node *no_memory(reader *r) {
  r->out_of_memory = r->stopped = true;
  return NULL;
}

static node *stop(reader *r, place at, const char *message) {
  report(r->p, SHUNT_E_CONFIG, at, "%s", message);
  r->stopped = true;
  return NULL;
}

/* ---- events ---- */

/* If the text is not valid UTF-8, libyaml gives the offset in bytes only. */
static place place_of_byte(const reader *r, size_t offset) {
  place at = {r->file, 1, 1};
  for (size_t i = 0; i < offset && i < r->size; i++) {
    if (r->text[i] == '\n') {
      at.line++;
      at.column = 1;
    } else if ((r->text[i] & 0xC0) != 0x80) {
      at.column++;
    }
  }
  return at;
}

static void tell_syntax(reader *r) {
  const yaml_parser_t *y = &r->parser;
  r->stopped = true;
  if (y->error == YAML_MEMORY_ERROR) {
    r->out_of_memory = true;
    return;
  }
  place at = y->error == YAML_READER_ERROR ? place_of_byte(r, y->problem_offset) : place_of(r, y->problem_mark);
  if (y->context && y->error != YAML_READER_ERROR)
    report(r->p, SHUNT_E_CONFIG, at, "not YAML: %s (%s, from line %d)", y->problem, y->context,
           (int)y->context_mark.line + 1);
  else
    report(r->p, SHUNT_E_CONFIG, at, "not YAML: %s", y->problem ? y->problem : "it can't be read");
}

/* If true, the caller ends the event with yaml_event_delete. */
static bool next(reader *r, yaml_event_t *event) {
  if (r->stopped) return false;
  if (yaml_parser_parse(&r->parser, event)) return true;
  tell_syntax(r);
  return false;
}

/* ---- anchors ---- */

static anchor *add_anchor(reader *r, const yaml_char_t *name, node *named) {
  char *key = arena_strdup(r->a, (const char *)name);
  anchor *made = arena_new(r->a, anchor);
  if (!key || !made || !map_put(&r->anchors, key, made)) {
    no_memory(r);
    return NULL;
  }
  made->named = named;
  return made;
}

static size_t count_nodes(const node *n) {
  size_t count = 1;
  for (size_t i = 0; i < n->count; i++) count += count_nodes(n->kind == NODE_LIST ? n->items[i] : n->entries[i].value);
  return count;
}

static node *read_alias(reader *r, const yaml_event_t *event, int depth, int *height) {
  place at = place_of(r, event->start_mark);
  const anchor *known = map_get(&r->anchors, (const char *)event->data.alias.anchor);
  /* the name is not shown: an unquoted password may begin with * */
  if (!known) return stop(r, at, "an alias (*…) of an unknown anchor; put a text that begins with '*' in quotes");
  if (!known->complete) return stop(r, at, "an alias inside its own anchor");
  r->copied += count_nodes(known->named);
  if (r->copied > MOST_COPIED) return stop(r, at, "the aliases up to here make too many nodes");
  if (depth + known->height > DEEPEST) return stop(r, at, "nested too deeply");
  *height = known->height;
  node *copy = node_copy(r->a, known->named);
  return copy ? copy : no_memory(r);
}

/* ---- nodes ---- */

static void check_tag(reader *r, const yaml_event_t *event, const yaml_char_t *tag) {
  if (tag)
    report(r->p, SHUNT_E_CONFIG, place_of(r, event->start_mark),
           "tags (!…) are not supported: remove the tag, or put a text that begins with '!' in quotes");
}

static bool has_key(const reader *r, int depth, const char *key) {
  return r->keys[depth] && strcmp(r->keys[depth], key) == 0;
}

/* The values of database.base.session and database.clients.NAME.session are templates, filled in for each session. */
static bool is_template(const reader *r) {
  if (!has_key(r, 1, "database")) return false;
  return (has_key(r, 2, "base") && has_key(r, 3, "session")) || (has_key(r, 2, "clients") && has_key(r, 4, "session"));
}

static node *read_scalar(reader *r, const yaml_event_t *event) {
  const char *text = (const char *)event->data.scalar.value;
  size_t size = event->data.scalar.length;
  place at = place_of(r, event->start_mark);
  bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
  scalar_filled filled = {.text = text, .size = size};
  check_tag(r, event, event->data.scalar.tag);
  if (strlen(text) != size)
    report(r->p, SHUNT_E_CONFIG, at, "the text that begins with '%.60s' contains a NUL character: remove it", text);
  else if (!(is_template(r) ? scalar_fill_template : scalar_fill)(r->a, r->p, at, text, size, &filled))
    return no_memory(r);
  shunt_value value =
      plain && !filled.failed ? scalar_plain(filled.text, filled.size) : shunt_text(filled.text, filled.size);
  node *n = node_value(r->a, at, value);
  if (!n) return no_memory(r);
  n->secret = filled.secret;
  n->spelling = arena_strndup(r->a, filled.text, filled.size);
  if (filled.changed || filled.failed) n->raw = arena_strndup(r->a, text, size);
  if (!n->spelling || ((filled.changed || filled.failed) && !n->raw)) return no_memory(r);
  return n;
}

static node *read_list(reader *r, node *list, int depth, int *height) {
  yaml_event_t event;
  while (next(r, &event)) {
    bool end = event.type == YAML_SEQUENCE_END_EVENT;
    int below = 0;
    node *item = end ? NULL : read_node(r, &event, depth + 1, &below);
    yaml_event_delete(&event);
    if (end) return list;
    if (!item) return NULL;
    if (below + 1 > *height) *height = below + 1;
    if (!node_append(r->a, list, item)) return no_memory(r);
  }
  return NULL;
}

static node *read_value(reader *r, int depth, int *height) {
  yaml_event_t event;
  if (!next(r, &event)) return NULL;
  node *n = read_node(r, &event, depth, height);
  yaml_event_delete(&event);
  return n;
}

/* The entry of the key, or NULL. The index is made for maps with many keys; it holds positions, because entries move.
 */
static const node_entry *find_key(reader *r, const node *map_node, map *index, const char *key) {
  if (map_node->count <= FEW_KEYS) return node_find(map_node, key);
  for (size_t i = index->count; i < map_node->count; i++) {
    if (!map_put(index, map_node->entries[i].key, (void *)(uintptr_t)(i + 1))) {
      no_memory(r);
      return NULL;
    }
  }
  uintptr_t position = (uintptr_t)map_get(index, key);
  return position ? &map_node->entries[position - 1] : NULL;
}

/* Reads a key with its value. The value of a wrong key is skipped. */
static bool read_entry(reader *r, const yaml_event_t *event, node *to, map *index, int depth, int *height) {
  place at = place_of(r, event->start_mark);
  const char *key = NULL;
  if (event->type != YAML_SCALAR_EVENT) {
    report(r->p, SHUNT_E_CONFIG, at, "a key must be text");
    int ignored = 0;
    if (!read_node(r, event, depth, &ignored)) return false;
  } else {
    check_tag(r, event, event->data.scalar.tag);
    key = arena_strndup(r->a, (const char *)event->data.scalar.value, event->data.scalar.length);
    if (!key) return no_memory(r) != NULL;
    if (strlen(key) != event->data.scalar.length) {
      report(r->p, SHUNT_E_CONFIG, at, "the key that begins with '%.60s' contains a NUL character: remove it", key);
      key = NULL;
    }
  }
  const node_entry *twice = key ? find_key(r, to, index, key) : NULL;
  if (twice)
    report(r->p, SHUNT_E_CONFIG, at, "the key '%s' is given twice: the first one is on line %d", key, twice->at.line);
  if (depth < DEEPEST_KEY) r->keys[depth] = key;
  node *value = read_value(r, depth, height);
  if (depth < DEEPEST_KEY) r->keys[depth] = NULL;
  if (!value || r->stopped) return false;
  if (key && !twice && !node_add(r->a, to, key, at, value)) return no_memory(r) != NULL;
  return true;
}

static node *read_map(reader *r, node *to, int depth, int *height) {
  yaml_event_t event;
  map index = {0};
  node *result = NULL;
  while (next(r, &event)) {
    bool end = event.type == YAML_MAPPING_END_EVENT;
    int below = 0;
    bool fine = !end && read_entry(r, &event, to, &index, depth + 1, &below);
    yaml_event_delete(&event);
    if (end) result = to;
    if (!fine) break;
    if (below + 1 > *height) *height = below + 1;
  }
  map_free(&index);
  return result;
}

static node *read_collection(reader *r, const yaml_event_t *event, int depth, int *height) {
  bool list = event->type == YAML_SEQUENCE_START_EVENT;
  place at = place_of(r, event->start_mark);
  if (depth > DEEPEST) return stop(r, at, "nested too deeply");
  check_tag(r, event, list ? event->data.sequence_start.tag : event->data.mapping_start.tag);
  const yaml_char_t *name = list ? event->data.sequence_start.anchor : event->data.mapping_start.anchor;
  node *n = list ? node_list(r->a, at) : node_map(r->a, at);
  if (!n) return no_memory(r);
  anchor *named = name ? add_anchor(r, name, n) : NULL;
  if (name && !named) return NULL;
  n = list ? read_list(r, n, depth, height) : read_map(r, n, depth, height);
  if (named && n) {
    named->complete = true;
    named->height = *height;
  }
  return n;
}

/* NULL once the reader has stopped. *height is the height of the tree. */
static node *read_node(reader *r, const yaml_event_t *event, int depth, int *height) {
  if (event->type == YAML_ALIAS_EVENT) return read_alias(r, event, depth, height);
  if (event->type != YAML_SCALAR_EVENT) return read_collection(r, event, depth, height);
  node *n = read_scalar(r, event);
  if (!n || !event->data.scalar.anchor) return n;
  anchor *named = add_anchor(r, event->data.scalar.anchor, n);
  if (named) named->complete = true;
  return named ? n : NULL;
}

static node *read_document(reader *r) {
  yaml_event_t event;
  node *root = NULL;
  bool more = true;
  while (more && next(r, &event)) {
    int height = 0;
    switch (event.type) {
    case YAML_STREAM_END_EVENT:
      more = false;
      break;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_DOCUMENT_START_EVENT:
    case YAML_DOCUMENT_END_EVENT:
      break;
    default:
      if (root)
        stop(r, place_of(r, event.start_mark), "a second document: a configuration is one document");
      else
        root = read_node(r, &event, 0, &height);
    }
    yaml_event_delete(&event);
  }
  return r->stopped ? NULL : root;
}

shunt_status yaml_read(arena *a, problems *p, const char *file, const char *text, size_t size, node **root) {
  *root = NULL;
  if (size >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) {
    text += 3;
    size -= 3;
  }
  reader r = {.a = a, .p = p, .file = file, .text = text, .size = size};
  if (!yaml_parser_initialize(&r.parser)) return SHUNT_E_MEMORY;
  yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
  yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, size);
  node *n = read_document(&r);
  yaml_parser_delete(&r.parser);
  map_free(&r.anchors);
  if (!r.stopped && node_is_null(n)) {
    n = node_map(a, (place){file, 1, 1});
    if (!n) r.out_of_memory = true;
  }
  if (r.out_of_memory) return SHUNT_E_MEMORY;
  if (r.stopped) return SHUNT_E_CONFIG;
  if (n->kind != NODE_MAP) {
    report(p, SHUNT_E_CONFIG, n->at, "a configuration is a map of keys, not %s", node_kind_name(n));
    return SHUNT_E_CONFIG;
  }
  *root = n;
  return SHUNT_OK;
}
