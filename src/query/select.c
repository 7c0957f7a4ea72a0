#include "query/select.h"

#include <string.h>

#include "query/statement.h"

static const char ROW_NUMBER[] = "shunt_row";

shunt_status select_check_limits(const char *model, bool limited, int64_t limit, int64_t offset, shunt_error *err) {
  if (limited && limit < 0)
    return error_set(err, SHUNT_E_USAGE, "model '%s': a limit is 0 or more, and this is %lld", model, (long long)limit);
  if (offset < 0)
    return error_set(err, SHUNT_E_USAGE, "model '%s': an offset is 0 or more, and this is %lld", model,
                     (long long)offset);
  return SHUNT_OK;
}

/* ---- columns ---- */

static bool among(const char *name, const char *const *names, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (strcmp(names[i], name) == 0) return true;
  return false;
}

static shunt_status add_column(shunt_session *s, const access *a, const char *name, const char **names, size_t *n,
                               shunt_error *err) {
  const driver_column *column;
  shunt_status status = access_column(s, a, name, &column, err);
  if (!status && !among(column->name, names, *n)) names[(*n)++] = column->name;
  return status;
}

shunt_status select_columns(shunt_session *s, const access *a, const select_spec *q, shunt_rows *rows,
                            shunt_error *err) {
  if (rows->columns) return SHUNT_OK;
  if (q->ncolumns == 0) return rows_set_names(rows, &a->table->columns) ? SHUNT_OK : error_memory(err);
  const char **names = arena_array(&s->call, const char *, q->ncolumns + q->nneeded);
  size_t n = 0;
  shunt_status status = names ? SHUNT_OK : error_memory(err);
  for (size_t i = 0; i < q->ncolumns && !status; i++) status = add_column(s, a, q->columns[i], names, &n, err);
  size_t visible = n;
  for (size_t i = 0; i < q->nneeded && !status; i++) status = add_column(s, a, q->needed[i], names, &n, err);
  if (status) return status;
  if (!rows_set_columns(rows, names, n)) return error_memory(err);
  rows->visible = visible;
  return SHUNT_OK;
}

/* The columns as the rows have them: another part of a table may have them in another order, or not have them. */
static shunt_status write_columns(shunt_session *s, const access *a, const shunt_rows *rows, shunt_error *err) {
  for (size_t i = 0; i < rows->ncolumns; i++) {
    const driver_column *column;
    shunt_status status = access_column(s, a, rows->columns[i], &column, err);
    if (status) return status;
    if (i) sql_puts(&s->sql, ", ");
    sql_name(&s->sql, a->engine, column->name);
  }
  return SHUNT_OK;
}

static void write_from(shunt_session *s, const access *a) {
  sql_puts(&s->sql, " FROM ");
  sql_name(&s->sql, a->engine, a->table->name);
}

/* Kept as text, since it is what most statements begin with. */
static shunt_status write_all(shunt_session *s, const access *a, shunt_error *err) {
  table_info *t = a->table;
  if (!t->select) {
    sql_puts(&s->sql, "SELECT ");
    sql_names(&s->sql, a->engine, t->columns.list, t->columns.count);
    write_from(s, a);
    shunt_status status = sql_status(&s->sql, err);
    if (status) return status;
    t->select_size = s->sql.text.size;
    t->select = arena_strndup(&s->known, s->sql.text.data, t->select_size);
    return t->select ? SHUNT_OK : error_memory(err);
  }
  sql_add(&s->sql, t->select, t->select_size);
  return SHUNT_OK;
}

/* ---- order and limit ---- */

static shunt_status write_order(shunt_session *s, const access *a, const select_spec *q, shunt_error *err) {
  const driver_column *key = NULL, *column;
  shunt_status status = SHUNT_OK;
  /* a table between two others may have no such key, and does without */
  if (q->by_key) key = driver_table_column(a->table->shape, a->model->primary_key);
  if (q->norder || key) sql_puts(&s->sql, " ORDER BY ");
  for (size_t i = 0; i < q->norder && !status; i++) {
    bool descending;
    status = access_order(s, a, q->order[i], &column, &descending, err);
    if (status) return status;
    if (i) sql_puts(&s->sql, ", ");
    sql_name(&s->sql, a->engine, column->name);
    sql_direction(&s->sql, a->engine, column->nullable, descending);
    if (column == key) key = NULL; /* the order is total already */
  }
  if (!status && key) {
    if (q->norder) sql_puts(&s->sql, ", ");
    sql_name(&s->sql, a->engine, key->name);
    sql_direction(&s->sql, a->engine, key->nullable, false);
  }
  return status;
}

static void write_limit(shunt_session *s, const select_spec *q) {
  if (!q->limited && !q->offset) return;
  shunt_value limit = shunt_integer(q->limited ? q->limit : INT64_MAX), offset = shunt_integer(q->offset);
  sql_puts(&s->sql, " LIMIT ");
  sql_param(&s->sql, &limit);
  if (!q->offset) return;
  sql_puts(&s->sql, " OFFSET ");
  sql_param(&s->sql, &offset);
}

/* A name that no column has. */
static const char *row_number_name(shunt_session *s, const access *a) {
  const char *name = ROW_NUMBER;
  while (name && driver_table_column(a->table->shape, name)) name = arena_printf(&s->call, "%s_", name);
  return name;
}

static shunt_status write_numbered(shunt_session *s, const access *a, const select_spec *q, const shunt_rows *rows,
                                   shunt_error *err) {
  const char *number = row_number_name(s, a);
  if (!number) return error_memory(err);
  sql_puts(&s->sql, "SELECT ");
  shunt_status status = write_columns(s, a, rows, err);
  sql_puts(&s->sql, " FROM (SELECT ");
  if (!status) status = write_columns(s, a, rows, err);
  sql_puts(&s->sql, ", row_number() OVER (PARTITION BY ");
  sql_name(&s->sql, a->engine, q->filter.key->name);
  if (!status) status = write_order(s, a, q, err);
  sql_puts(&s->sql, ") AS ");
  sql_name(&s->sql, a->engine, number);
  write_from(s, a);
  return status;
}

static void end_numbered(shunt_session *s, const access *a, const select_spec *q) {
  const char *number = row_number_name(s, a);
  if (!number) {
    s->sql.failed = true;
    return;
  }
  int64_t last = !q->limited || q->limit > INT64_MAX - q->offset ? INT64_MAX : q->limit + q->offset;
  shunt_value after = shunt_integer(q->offset), until = shunt_integer(last);
  sql_puts(&s->sql, ") AS numbered WHERE ");
  sql_name(&s->sql, a->engine, number);
  sql_puts(&s->sql, " > ");
  sql_param(&s->sql, &after);
  sql_puts(&s->sql, " AND ");
  sql_name(&s->sql, a->engine, number);
  sql_puts(&s->sql, " <= ");
  sql_param(&s->sql, &until);
  sql_puts(&s->sql, " ORDER BY ");
  sql_name(&s->sql, a->engine, number);
}

/* ---- the statement ---- */

/* Up to its keys. */
static shunt_status begin_statement(shunt_session *s, const access *a, const select_spec *q, const shunt_rows *rows,
                                    shunt_error *err) {
  shunt_status status = SHUNT_OK;
  sql_reset(&s->sql);
  if (q->per_key) {
    status = write_numbered(s, a, q, rows, err);
  } else if (rows_have_names(rows, &a->table->columns)) {
    status = write_all(s, a, err);
  } else {
    sql_puts(&s->sql, "SELECT ");
    status = write_columns(s, a, rows, err);
    write_from(s, a);
  }
  return status ? status : filter_conditions(s, a, &q->filter, err);
}

static shunt_status end_statement(shunt_session *s, const access *a, const select_spec *q, shunt_error *err) {
  if (q->per_key) {
    end_numbered(s, a, q);
    return SHUNT_OK;
  }
  shunt_status status = write_order(s, a, q, err);
  write_limit(s, q);
  return status;
}

/* A statement with as many keys as it takes, from *from on, in s->sql. */
static shunt_status write_one(shunt_session *s, const access *a, select_spec *q, size_t *from, const shunt_rows *rows,
                              shunt_error *err) {
  size_t room, step = q->at_once ? q->at_once : 1, left = q->filter.nkeys - *from;
  shunt_status status = begin_statement(s, a, q, rows, err);
  size_t more = q->per_key ? 2 : (q->offset ? 2 : q->limited); /* parameters behind the keys */
  if (!status) status = filter_room(s, a, &q->filter, more, &room, err);
  if (status) return status;
  size_t count = left < room ? left : room < step ? room : room - room % step;
  filter_keys(s, a, &q->filter, *from, count);
  *from += count;
  status = end_statement(s, a, q, err);
  q->statements++;
  return status ? status : sql_status(&s->sql, err);
}

/* Whether there is a statement to run: without keys one, with them as long as some are left. */
static bool has_more(const select_spec *q, size_t from, size_t statements) {
  if (q->limited && q->limit == 0) return false;
  return q->filter.key ? from < q->filter.nkeys : q->statements == statements;
}

shunt_status select_run(shunt_session *s, const access *a, select_spec *q, shunt_rows *rows, shunt_error *err) {
  size_t from = 0, before = q->statements;
  shunt_status status = select_columns(s, a, q, rows, err);
  if (!status && q->origins && !rows_add_origin(rows, a->client->id)) status = error_memory(err);
  while (!status && has_more(q, from, before)) {
    status = write_one(s, a, q, &from, rows, err);
    if (!status) status = statement_read(s, a->client, a->level, rows, err);
  }
  return status;
}

shunt_status select_ask(shunt_session *s, const access *a, select_spec *q, feed *f, row_range *range,
                        shunt_error *err) {
  size_t from = 0, before = q->statements;
  shunt_status status = select_columns(s, a, q, f->rows, err);
  while (!status && has_more(q, from, before)) {
    bool first = q->statements == before;
    status = write_one(s, a, q, &from, f->rows, err);
    if (!status) status = gather_ask(s, f, a->client, a->level, q->origins && first, range, err);
  }
  return status;
}
