/* The parts of a model: {tables, n, clients}, or a list of {client, table}. */
#include <string.h>

#include "catalog/build.h"
#include "catalog/report.h"

typedef struct cutter {
  builder *b;
  cat_model *model;
  const node *from;
  cat_part *list;
  size_t count;
} cutter;

static void tell(const cutter *w, const node *n, const char *message) {
  report(w->b->p, SHUNT_E_CONFIG, n && n->at.line ? n->at : w->model->at, "model '%s', parts: %s", w->model->name,
         message);
}

/* ---- names ---- */

/* The text or texts of a key; *count is 0 if the key is absent or wrong, which schema_check reports. */
static const node *const *texts_of(const node *from, const char *key, const node **room, size_t *count) {
  const node *n = build_get(from, key);
  *count = 0;
  if (!n) return NULL;
  if (n->kind == NODE_LIST) {
    for (size_t i = 0; i < n->count; i++)
      if (!node_is_text(n->items[i])) return NULL;
    *count = n->count;
    return (const node *const *)n->items;
  }
  if (!node_is_text(n)) return NULL;
  *room = n;
  *count = 1;
  return room;
}

static const cat_client *client_of(const cutter *w, const node *name) {
  const cat_client *client = catalog_client(w->b->c, name->value.as.bytes);
  if (!client)
    build_not_found(
        w->b, name,
        &(build_reference){"model", w->model->name, w->model->at, "parts", "client", &w->b->c->client_names});
  return client;
}

/* The place of a name's %d or %02d; *width is its number of digits at least. NULL: the name has no number.
 * False in *fine: another % or a second one. */
static const char *number_in(const char *name, size_t *length, int *width, bool *fine) {
  const char *mark = strchr(name, '%'), *at = mark ? mark + 1 : NULL;
  *width = 0;
  *fine = true;
  if (!mark) return NULL;
  if (at[0] == '0' && at[1] >= '1' && at[1] <= '9') {
    *width = at[1] - '0';
    at += 2;
  }
  *fine = at[0] == 'd' && !strchr(at, '%');
  *length = (size_t)(at + 1 - mark);
  return mark;
}

/* ---- {tables, n, clients} ---- */

static void add(cutter *w, const cat_client *client, const char *table) {
  w->list[w->count++] = (cat_part){client, table};
}

/* The names of the tables; false when out of memory. */
static bool name_tables(const cutter *w, const char ***names, size_t *count) {
  const node *room, *const *list = texts_of(w->from, "tables", &room, count);
  int64_t n = build_integer(w->from, "n", 0);
  size_t length = 0;
  int width;
  bool fine, numbered = *count == 1 && number_in(list[0]->value.as.bytes, &length, &width, &fine);
  if (numbered && !fine) tell(w, list[0], "a name of tables has one %d, or %02d for two digits, and no other %");
  if (numbered && n <= 0) tell(w, list[0], "a name with %d needs n, the number of tables");
  if (!numbered && n > 0) tell(w, build_get(w->from, "n"), "n needs a name of tables with %d in it");
  bool ready = numbered && fine && n > 0 && n <= CATALOG_MOST_PARTS;
  if (ready) *count = (size_t)n;
  *names = arena_array(w->b->a, const char *, *count + 1);
  if (!*names) return false;
  for (size_t i = 0; i < *count; i++) {
    const char *name = list[ready ? 0 : i]->value.as.bytes, *mark = ready ? strchr(name, '%') : NULL;
    (*names)[i] = mark ? arena_printf(w->b->a, "%.*s%0*zu%s", (int)(mark - name), name, width, i, mark + length) : name;
    if (!(*names)[i]) return false;
  }
  return true;
}

static bool from_map(cutter *w) {
  const node *room, *const *clients;
  size_t nclients, ntables;
  const char **tables;
  schema_check(w->b->p, w->from, &schema_parts, "parts", false);
  clients = texts_of(w->from, "clients", &room, &nclients);
  if (!name_tables(w, &tables, &ntables)) return false;
  size_t most = (nclients ? nclients : 1) * (ntables ? ntables : 1);
  if (nclients + ntables == 0) return true;
  if (most > CATALOG_MOST_PARTS) tell(w, w->from, "there are more than 4096");
  w->list = arena_array(w->b->a, cat_part, most);
  if (!w->list) return false;
  for (size_t i = 0; i < (nclients ? nclients : 1); i++) {
    const cat_client *client = nclients ? client_of(w, clients[i]) : NULL;
    for (size_t k = 0; k < (ntables ? ntables : 1); k++) add(w, client, ntables ? tables[k] : NULL);
  }
  return true;
}

/* ---- a list ---- */

static bool from_list(cutter *w) {
  w->list = arena_array(w->b->a, cat_part, w->from->count + 1);
  if (!w->list) return false;
  for (size_t i = 0; i < w->from->count; i++) {
    const node *item = w->from->items[i];
    if (item->kind != NODE_MAP) {
      tell(w, item, "each item of the list is a map, {client = …, table = …}");
      continue;
    }
    schema_check(w->b->p, item, &schema_part, "parts", false);
    const node *client = build_get(item, "client");
    const char *table = build_text(item, "table", NULL);
    if (!client && !table) tell(w, item, "an item names neither a client nor a table");
    add(w, client && node_is_text(client) ? client_of(w, client) : NULL, table);
  }
  return true;
}

/* ---- either ---- */

bool build_parts(builder *b, cat_model *model, const node *parts) {
  cutter w = {.b = b, .model = model, .from = parts};
  if (!parts) return true;
  bool listed = parts->kind == NODE_LIST;
  if (!listed && parts->kind != NODE_MAP) {
    tell(&w, parts,
         "they are {tables = \"orders_%02d\", n = 16}, {clients = {…}}, a list, or a function that returns one");
    return true;
  }
  if (parts->count == 0) tell(&w, parts, "there are none; leave parts away if the rows are in one place");
  if (!(listed ? from_list(&w) : from_map(&w))) return false;
  model->parts = w.list;
  model->nparts = w.count;
  model->whole = w.count == 1 && (listed || !build_get(parts, "n"));
  return true;
}
