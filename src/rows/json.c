#include "rows/json.h"

#include "base/alloc.h"
#include "base/error.h"

/* The keys of rows, ready to write, and the same of their relations. */
typedef struct shape {
  const shunt_rows *rows;
  buf *keys;             /* "\"id\":" of each column; empty: hidden. Then those of the relations */
  struct shape *related; /* of each relation; rows is NULL if it was counted */
  size_t ncolumns, nrelations;
} shape;

static bool is_hidden(const shunt_rows *rows, size_t column) {
  const char *name = shunt_rows_column(rows, column);
  for (size_t i = column + 1; i < shunt_rows_ncolumns(rows); i++)
    if (strcmp(shunt_rows_column(rows, i), name) == 0) return true;
  for (size_t i = 0; i < shunt_rows_nloaded(rows); i++)
    if (strcmp(shunt_rows_loaded(rows, i).name, name) == 0) return true;
  return false;
}

static void shape_free(shape *s) {
  for (size_t i = 0; s->keys && i < s->ncolumns + s->nrelations; i++) buf_free(&s->keys[i]);
  for (size_t i = 0; s->related && i < s->nrelations; i++) shape_free(&s->related[i]);
  base_free(s->keys);
  base_free(s->related);
}

static bool put_key(buf *to, const char *name) {
  json_put_text(to, name, strlen(name));
  buf_putc(to, ':');
  return !to->failed;
}

/* False when out of memory; to be freed in any case. */
static bool shape_make(shape *s, const shunt_rows *rows) {
  const size_t ncolumns = shunt_rows_ncolumns(rows), nrelations = shunt_rows_nloaded(rows);
  bool ok = true;
  *s = (shape){.rows = rows, .ncolumns = ncolumns, .nrelations = nrelations};
  s->keys = base_zalloc((ncolumns + nrelations + 1) * sizeof *s->keys);
  s->related = base_zalloc((nrelations + 1) * sizeof *s->related);
  if (!s->keys || !s->related) return false;
  for (size_t i = 0; i < ncolumns && ok; i++)
    ok = is_hidden(rows, i) || put_key(&s->keys[i], shunt_rows_column(rows, i));
  for (size_t i = 0; i < nrelations && ok; i++) {
    const shunt_loaded loaded = shunt_rows_loaded(rows, i);
    ok = put_key(&s->keys[ncolumns + i], loaded.name) && (!loaded.rows || shape_make(&s->related[i], loaded.rows));
  }
  return ok;
}

typedef struct writer {
  buf *to;
  shunt_error *err;
} writer;

static shunt_status put_row(const writer *w, const shape *s, size_t row);

static bool one(shunt_kind kind) { return kind == SHUNT_HAS_ONE || kind == SHUNT_BELONGS_TO; }

static shunt_status put_related(const writer *w, const shape *s, size_t relation, size_t row) {
  size_t n;
  const uint32_t *positions = shunt_rows_related(s->rows, relation, row, &n);
  const shunt_loaded loaded = shunt_rows_loaded(s->rows, relation);
  shunt_status status = SHUNT_OK;
  if (!loaded.rows) {
    buf_printf(w->to, "%zu", n);
  } else if (one(loaded.kind)) {
    if (n) return put_row(w, &s->related[relation], positions[0]);
    buf_puts(w->to, "null");
  } else {
    buf_putc(w->to, '[');
    for (size_t i = 0; i < n && !status; i++) {
      if (i) buf_putc(w->to, ',');
      status = put_row(w, &s->related[relation], positions[i]);
    }
    buf_putc(w->to, ']');
  }
  return status;
}

static void put_name(buf *to, const buf *key, bool *first) {
  if (!*first) buf_putc(to, ',');
  *first = false;
  buf_add(to, key->data, key->size);
}

static shunt_status put_row(const writer *w, const shape *s, size_t row) {
  const shunt_value *cells = shunt_rows_at(s->rows, row);
  shunt_status status = SHUNT_OK;
  bool first = true;
  if (w->to->failed) return error_memory(w->err);
  buf_putc(w->to, '{');
  for (size_t i = 0; i < s->ncolumns; i++) {
    if (!s->keys[i].size) continue;
    put_name(w->to, &s->keys[i], &first);
    if (!json_put_value(w->to, &cells[i]))
      return error_set(w->err, SHUNT_E_USAGE, "JSON: NaN and the infinities can't be written: column '%s'",
                       shunt_rows_column(s->rows, i));
  }
  for (size_t i = 0; i < s->nrelations && !status; i++) {
    put_name(w->to, &s->keys[s->ncolumns + i], &first);
    status = put_related(w, s, i, row);
  }
  buf_putc(w->to, '}');
  return status;
}

static shunt_status put_rows(const writer *w, const shape *s) {
  shunt_status status = SHUNT_OK;
  buf_putc(w->to, '[');
  for (size_t i = 0; i < shunt_rows_count(s->rows) && !status; i++) {
    if (i) buf_putc(w->to, ',');
    status = put_row(w, s, i);
  }
  buf_putc(w->to, ']');
  return status;
}

static shunt_status write_rows(buf *to, const shunt_rows *rows, bool all, shunt_error *err) {
  const writer w = {to, err};
  shape s;
  shunt_status status = SHUNT_OK;
  if (!shape_make(&s, rows))
    status = error_memory(err);
  else if (all)
    status = put_rows(&w, &s);
  else if (shunt_rows_count(rows))
    status = put_row(&w, &s, 0);
  else
    buf_puts(to, "null");
  shape_free(&s);
  return !status && to->failed ? error_memory(err) : status;
}

shunt_status rows_json(buf *to, const shunt_rows *rows, shunt_error *err) { return write_rows(to, rows, true, err); }

shunt_status rows_json_first(buf *to, const shunt_rows *rows, shunt_error *err) {
  return write_rows(to, rows, false, err);
}

shunt_status shunt_rows_json(const shunt_rows *rows, char **json, shunt_error *err) {
  buf text = {0};
  if (!json) return error_null(err, "json");
  *json = NULL;
  if (!rows) return error_null(err, "rows");
  shunt_status status = rows_json(&text, rows, err);
  if (!status && !(*json = buf_take(&text))) status = error_memory(err);
  buf_free(&text);
  return status;
}
