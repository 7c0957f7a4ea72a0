#include "driver/driver.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/ascii.h"
#include "base/utf8.h"
#include "driver/plain.h"

enum { LONGEST_FOLDED = 256, NAMES_ON_STACK = 64 };

const driver_engine *driver_for(cat_engine engine) {
  static const driver_engine *const engines[] = {
#define ENGINE(symbol, name, ...) [CAT_##symbol] = &driver_##name,
      CAT_ENGINE_MAP(ENGINE)
#undef ENGINE
  };
  return engines[engine];
}

bool driver_is_private(const cat_client *client) {
  const driver_engine *engine = driver_for(client->engine);
  return engine->private_database && engine->private_database(client);
}

/* ---- what drivers have in common ---- */

shunt_status driver_refuse(const driver_conn *conn, shunt_status status, const char *why, shunt_error *err) {
  error_set(err, status, "client '%s': %s", conn->client->name, why);
  error_client(err, conn->client->name);
  return status;
}

bool driver_refused_write(const shunt_error *err) { return strcmp(err->sqlstate, "25006") == 0; }

void driver_by_hand(driver_conn *conn, const char *sql, size_t size, uint64_t session) {
  if (session && plain_is(conn->engine->lex, sql, size))
    conn->used_by = session;
  else
    conn->altered = true;
}

bool driver_reset(driver_conn *conn) {
  conn->altered = false;
  conn->used_by = 0;
  conn->resets++;
  driver_forget_variables(conn);
  if (!conn->engine->reset(conn)) conn->broken = true;
  return !conn->broken;
}

shunt_status driver_check_isolation(const char *isolation, shunt_error *err) {
  static const char *const levels[] = {"serializable", "repeatable read", "read committed", "read uncommitted"};
  if (!isolation) return SHUNT_OK;
  for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
    if (strcasecmp(isolation, levels[i]) == 0) return SHUNT_OK;
  return error_set(err, SHUNT_E_USAGE,
                   "unknown isolation '%.64s'; it is 'serializable', 'repeatable read', 'read committed' or "
                   "'read uncommitted'",
                   isolation);
}

shunt_status driver_check_begin(const driver_conn *conn, const char *isolation, shunt_error *err) {
  if (conn->in_transaction) return driver_refuse(conn, SHUNT_E_TRANSACTION, "a transaction is open already", err);
  shunt_status status = driver_check_isolation(isolation, err);
  if (status) error_client(err, conn->client->name);
  return status;
}

shunt_status driver_nonsense(driver_conn *conn, const char *what, shunt_error *err) {
  char why[128];
  conn->broken = true;
  snprintf(why, sizeof why, "the server's answer makes no sense: it has no valid value for %s", what);
  return driver_refuse(conn, SHUNT_E_DATASOURCE, why, err);
}

static bool is_of(const shunt_value *v, char type) {
  switch ((shunt_type)v->type) {
  case SHUNT_NULL:
    return true;
  case SHUNT_TEXT:
  case SHUNT_BLOB:
    return type == 't';
  case SHUNT_INTEGER:
    return type == 'i';
  case SHUNT_BOOL:
    return type == 'b';
  default:
    return false;
  }
}

shunt_status driver_expect(driver_conn *conn, const shunt_rows *rows, const char *types, shunt_error *err) {
  const size_t n = strlen(types);
  char why[128];
  for (size_t row = 0; rows->ncolumns == n && row < rows->count; row++)
    for (size_t i = 0; i < n; i++)
      if (!is_of(&rows_row(rows, row)[i], types[i])) return driver_nonsense(conn, rows->columns[i], err);
  if (rows->ncolumns == n) return SHUNT_OK;
  conn->broken = true;
  snprintf(why, sizeof why, "the server's answer has %zu columns where %zu were expected", rows->ncolumns, n);
  return driver_refuse(conn, SHUNT_E_DATASOURCE, why, err);
}

shunt_status driver_too_large(const driver_conn *conn, shunt_error *err) {
  error_set(err, SHUNT_E_LIMIT,
            "client '%s': the result has more than %lld bytes (maxResult); ask for fewer rows, read them one at a time "
            "(each), or raise the client's maxResult",
            conn->client->name, (long long)conn->client->max_result_bytes);
  error_client(err, conn->client->name);
  return SHUNT_E_LIMIT;
}

shunt_status driver_set_columns(const driver_conn *conn, shunt_rows *rows, int n, driver_name_of name_of,
                                const void *result, shunt_error *err) {
  if (rows->columns && rows->ncolumns != (size_t)n)
    return error_set(err, SHUNT_E_USAGE, "client '%s': the statement gives %d columns where %zu were expected",
                     conn->client->name, n, rows->ncolumns);
  if (rows->columns || n <= 0) return SHUNT_OK;
  const char *on_stack[NAMES_ON_STACK], **names = on_stack;
  if (n > NAMES_ON_STACK && !(names = base_alloc((size_t)n * sizeof *names))) return error_memory(err);
  bool fine = true;
  for (int i = 0; i < n && fine; i++) fine = (names[i] = name_of(result, i)) != NULL;
  fine = fine && rows_set_columns(rows, names, (size_t)n);
  if (names != on_stack) base_free(names);
  return fine ? SHUNT_OK : error_memory(err);
}

/* ---- session variables ---- */

void driver_forget_variables(driver_conn *conn) {
  variables_drop(conn->variables);
  conn->variables = NULL;
}

shunt_status driver_set_variables(driver_conn *conn, driver_variables *v, shunt_error *err) {
  if (!v || (!conn->unsure && variables_same(conn->variables, v))) return SHUNT_OK;
  conn->unsure = false;
  driver_forget_variables(conn);
  conn->variables = variables_share(v);
  shunt_status status = conn->engine->variables_set(conn, err);
  if (status) driver_forget_variables(conn);
  return status;
}

/* ---- tables ---- */

driver_table *driver_table_new(void) { return base_zalloc(sizeof(driver_table)); }

void driver_table_free(driver_table *t) {
  if (!t) return;
  map_free(&t->names);
  arena_free(&t->arena);
  base_free(t);
}

static void fold(char *to, const char *from, size_t size) {
  for (size_t i = 0; i < size; i++) to[i] = ascii_lower(from[i]);
}

bool driver_table_size(driver_table *t, size_t count) {
  t->columns = arena_array(&t->arena, driver_column, count);
  t->count = t->columns ? count : 0;
  return t->columns != NULL;
}

static const driver_column *find_sole_key(const driver_table *t) {
  const driver_column *first = NULL;
  for (size_t i = 0; i < t->count; i++) {
    if (t->columns[i].key > 1) return NULL;
    if (t->columns[i].key == 1) first = &t->columns[i];
  }
  return first;
}

bool driver_table_unique(const driver_table *t, const driver_column *const *columns, size_t n) {
  size_t covered = 0;
  for (size_t i = 0; i < n; i++) {
    size_t first = 0;
    while (columns[first] != columns[i]) first++;
    covered += first == i && columns[i]->key > 0;
  }
  return t->nkey && covered == t->nkey;
}

/* Whether the column is a part of the unique key whose name begins here. */
static bool is_part(const driver_column *column, const char *name, size_t size) {
  for (const char *at = column->unique; at && *at; at += strspn(at, " ")) {
    size_t n = strcspn(at, " ");
    if (n == size && memcmp(at, name, n) == 0) return true;
    at += n;
  }
  return false;
}

static bool contains_key(const driver_table *t, const driver_column *const *columns, size_t n, const char *name,
                         size_t size) {
  for (size_t i = 0; i < t->count; i++) {
    size_t k = 0;
    while (k < n && columns[k] != &t->columns[i]) k++;
    if (k == n && is_part(&t->columns[i], name, size)) return false;
  }
  return true;
}

bool driver_table_identifies(const driver_table *t, const driver_column *const *columns, size_t n) {
  if (driver_table_unique(t, columns, n)) return true;
  for (size_t i = 0; i < n; i++) {
    for (const char *at = columns[i]->unique; at && *at; at += strspn(at, " ")) {
      size_t size = strcspn(at, " ");
      if (contains_key(t, columns, n, at, size)) return true;
      at += size;
    }
  }
  return false;
}

bool driver_table_ambiguous(const driver_table *t, const driver_column *const *columns, size_t n) {
  bool any = t->nkey > 0;
  for (size_t i = 0; i < t->count; i++) any = any || (t->columns[i].unique && t->columns[i].unique[0]);
  return any && !driver_table_identifies(t, columns, n);
}

bool driver_table_name(driver_table *t) {
  t->sole_key = find_sole_key(t);
  for (size_t i = 0; i < t->count; i++) t->computes = t->computes || t->columns[i].computed;
  t->nkey = 0;
  for (size_t i = 0; i < t->count; i++) {
    driver_column *column = &t->columns[i];
    t->nkey += column->key > 0;
    char *key = arena_strdup(&t->arena, column->name);
    if (!key) return false;
    if (t->folds) fold(key, key, strlen(key));
    if (!map_put(&t->names, key, column)) return false;
  }
  return true;
}

const driver_column *driver_table_column(const driver_table *t, const char *name) {
  if (t->sole_key && strcmp(t->sole_key->name, name) == 0) return t->sole_key; /* the most frequent */
  size_t size = strlen(name);
  /* the names in the map are folded, as most names that are looked up are already */
  const driver_column *exact = map_get_n(&t->names, name, size);
  if (exact || !t->folds) return exact;
  char folded[LONGEST_FOLDED];
  if (size <= sizeof folded) {
    fold(folded, name, size);
    return map_get_n(&t->names, folded, size);
  }
  char *longer = base_alloc(size);
  if (!longer) return NULL;
  fold(longer, name, size);
  const driver_column *column = map_get_n(&t->names, longer, size);
  base_free(longer);
  return column;
}

static bool same(const char *a, const char *b) { return a && b ? strcmp(a, b) == 0 : a == b; }

/* ---- by their names ---- */

static shunt_status in_schema(driver_conn *conn, const char *name, const char *dot, driver_table **out,
                              shunt_error *err) {
  driver_table *t = NULL;
  size_t size = (size_t)(dot - name);
  char *schema = base_alloc(size + 1);
  if (!schema) return error_memory(err);
  memcpy(schema, name, size);
  schema[size] = 0;
  shunt_status status = conn->engine->describe(conn, schema, dot + 1, &t, err);
  if (!status) {
    t->schema = arena_strdup(&t->arena, schema);
    t->name = arena_strdup(&t->arena, dot + 1);
    if (!t->schema || !t->name) status = error_memory(err);
  }
  base_free(schema);
  if (status)
    driver_table_free(t);
  else
    *out = t;
  return status;
}

shunt_status driver_describe(driver_conn *conn, const char *name, driver_table **out, shunt_error *err) {
  driver_table *whole = NULL, *part = NULL;
  const char *dot = conn->engine->schemas ? strchr(name, '.') : NULL;
  shunt_status status = conn->engine->describe(conn, NULL, name, &whole, err);
  if (dot && dot > name && dot[1] && (!status || status == SHUNT_E_NOT_FOUND)) {
    shunt_status of_part = in_schema(conn, name, dot, &part, err);
    if (!status && !of_part)
      status = driver_refuse(conn, SHUNT_E_USAGE, "two tables have this name, one of them in a schema", err);
    else if (status || of_part != SHUNT_E_NOT_FOUND)
      status = of_part;
  }
  if (status) {
    driver_table_free(whole);
    driver_table_free(part);
    return status;
  }
  *out = part ? part : whole;
  return SHUNT_OK;
}

static bool same_uniques(const driver_table *a, const driver_table *b) {
  if (a->nuniques != b->nuniques) return false;
  for (size_t i = 0; i < a->nuniques; i++) {
    const driver_unique *x = &a->uniques[i], *y = &b->uniques[i];
    if (strcmp(x->name, y->name) != 0 || x->n != y->n || x->partial != y->partial) return false;
    for (size_t k = 0; k < x->n; k++)
      if (strcmp(x->columns[k]->name, y->columns[k]->name) != 0) return false;
  }
  return true;
}

bool driver_table_equal(const driver_table *a, const driver_table *b) {
  if (a->count != b->count || a->folds != b->folds || a->returning != b->returning || a->touched != b->touched ||
      a->uncounted != b->uncounted || a->unseen != b->unseen || !same(a->for_share, b->for_share) ||
      !same_uniques(a, b))
    return false;
  if (!same(a->schema, b->schema) || !same(a->name, b->name)) return false;
  for (size_t i = 0; i < a->count; i++) {
    const driver_column *x = &a->columns[i], *y = &b->columns[i];
    if (strcmp(x->name, y->name) != 0 || strcmp(x->type, y->type) != 0 || x->nullable != y->nullable ||
        x->key != y->key || !same(x->unique, y->unique) || x->numeric != y->numeric || x->text != y->text ||
        x->exact != y->exact || x->single != y->single || x->real != y->real || x->collation != y->collation ||
        !same(x->equates, y->equates) || x->kind != y->kind || x->least != y->least || x->most != y->most ||
        x->generated != y->generated || x->computed != y->computed || x->cased != y->cased ||
        !same(x->digits_type, y->digits_type) || x->rounds != y->rounds || x->digits != y->digits ||
        x->whole != y->whole || x->same_integers != y->same_integers || x->same_texts != y->same_texts ||
        x->same_blobs != y->same_blobs || !same(x->convert, y->convert) || !same(x->takes, y->takes) ||
        x->as_text != y->as_text || x->zero != y->zero || x->time != y->time || x->infinite != y->infinite ||
        x->form != y->form || x->length != y->length || !same(x->written, y->written) || !same(x->weight, y->weight) ||
        !same(x->pad, y->pad) || !same(x->rank, y->rank) || !same(x->listed, y->listed))
      return false;
  }
  return true;
}

/* ---- what columns hold ---- */

/* As engines with exact decimals write them. */
static bool is_decimal(const shunt_value *v) {
  size_t digits = 0, points = 0;
  for (size_t at = v->size && v->as.bytes[0] == '-'; at < v->size; at++) {
    bool digit = v->as.bytes[at] >= '0' && v->as.bytes[at] <= '9';
    if (!digit && v->as.bytes[at] != '.') return false;
    digits += digit;
    points += !digit;
  }
  return digits && points <= 1;
}

static bool is_number_word(const shunt_value *v) {
  static const char *const words[] = {"NaN", "Infinity", "-Infinity"};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (v->size == strlen(words[i]) && memcmp(v->as.bytes, words[i], v->size) == 0) return true;
  return false;
}

bool driver_float_holds(int64_t integer, bool single) {
  double nearest = single ? (double)(float)integer : (double)integer;
  return nearest < 9223372036854775808.0 && (int64_t)nearest == integer;
}

static bool is_uuid(const shunt_value *v) {
  static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
  if (v->size != sizeof form - 1) return false;
  for (size_t i = 0; i < v->size; i++) {
    char c = v->as.bytes[i];
    bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    if (form[i] == 'x' ? !hex : c != form[i]) return false;
  }
  return true;
}

bool driver_column_holds(const driver_column *column, const shunt_value *value) {
  shunt_type type = value->type;
  bool text = type == SHUNT_TEXT, integer = type == SHUNT_INTEGER;
  switch (column->kind) {
  case DRIVER_ANYTHING:
    return true;
  case DRIVER_INTEGERS:
    if (integer && value->as.integer == 0 && column->zero) return true;
    return integer && value->as.integer >= column->least && value->as.integer <= column->most;
  case DRIVER_NUMBERS:
    if (integer && !column->exact) return driver_float_holds(value->as.integer, column->single);
    return integer || type == SHUNT_FLOAT ||
           (text && (is_decimal(value) || (column->infinite && is_number_word(value))));
  case DRIVER_BOOLEANS:
    return type == SHUNT_BOOL || (integer && (value->as.integer == 0 || value->as.integer == 1));
  case DRIVER_BLOBS:
    return type == SHUNT_BLOB;
  case DRIVER_UUIDS:
    return text && is_uuid(value);
  case DRIVER_STRINGS:
    return text && utf8_valid(value->as.bytes, value->size);
  case DRIVER_TEXTS:
  case DRIVER_OTHERS:
    return text &&
           (value->size == 0 || (!memchr(value->as.bytes, 0, value->size) && utf8_valid(value->as.bytes, value->size)));
  }
  return false;
}
