#include <string.h>

#include "base/suggest.h"
#include "driver/sqlite3/conn.h"

/* Properties of the table itself. */
typedef struct kind {
  bool view;
  bool stored; /* values have their column's affinity */
  bool without_rowid;
  bool strict;
} kind;

static int prepare_for(sqlite_conn *conn, const char *sql, const char *table, sqlite3_stmt **stmt) {
  int rc = sqlite3_prepare_v2(conn->db, sql, -1, stmt, NULL);
  return rc ? rc : sqlite3_bind_text(*stmt, 1, table, -1, SQLITE_STATIC);
}

/* ---- the table itself ---- */

static shunt_status no_table(sqlite_conn *conn, const char *table, shunt_error *err) {
  suggest near = suggest_for(table);
  char best[128] = "";
  sqlite3_stmt *stmt = NULL;
  int rc = sqlite3_prepare_v2(conn->db,
                              "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE "
                              "'sqlite\\_%' ESCAPE '\\'",
                              -1, &stmt, NULL);
  while (rc == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW) {
    const char *name = (const char *)sqlite3_column_text(stmt, 0);
    size_t before = near.distance;
    if (name && strlen(name) < sizeof best) suggest_try(&near, name);
    if (near.distance < before) memcpy(best, name, strlen(name) + 1);
  }
  sqlite3_finalize(stmt);
  if (near.best) near.best = best; /* the name that near.best points to was freed with its row */
  return error_set(err, SHUNT_E_NOT_FOUND, "client '%s' has no table '%s'%s", conn->base.client->name, table,
                   suggest_text(&near));
}

static shunt_status find_table(sqlite_conn *conn, const char *table, kind *k, shunt_error *err) {
  sqlite3_stmt *stmt = NULL;
  int rc = prepare_for(conn, "SELECT type = 'view', wr, strict, type IN ('table', 'shadow') FROM pragma_table_list(?)",
                       table, &stmt);
  if (rc == SQLITE_OK) rc = sqlite3_step(stmt);
  if (rc == SQLITE_ROW) {
    k->view = sqlite3_column_int(stmt, 0);
    k->without_rowid = sqlite3_column_int(stmt, 1);
    k->strict = sqlite3_column_int(stmt, 2);
    k->stored = sqlite3_column_int(stmt, 3);
  }
  shunt_status status = rc == SQLITE_ROW    ? SHUNT_OK
                        : rc == SQLITE_DONE ? no_table(conn, table, err)
                                            : sqlite_fail(conn, rc, NULL, err);
  sqlite3_finalize(stmt);
  return status;
}

/* ---- its columns ---- */

static bool holds(const char *type, const char *word) {
  for (; *type; type++)
    if (sqlite3_strnicmp(type, word, (int)strlen(word)) == 0) return true;
  return false;
}

static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/* Whether the word names numbers: INT, BIGINT and INT8, not POINT, INTERVAL or ENUM. */
static bool is_number_word(const char *word, int size) {
  static const char *const words[] = {"INTEGER", "REAL", "FLOAT", "DOUBLE", "DECIMAL", "DEC",       "NUMERIC",
                                      "NUMBER",  "NUM",  "FIXED", "SERIAL", "MONEY",   "BIGSERIAL", "CURRENCY"};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if ((int)strlen(words[i]) == size && sqlite3_strnicmp(word, words[i], size) == 0) return true;
  bool point = size == 5 && sqlite3_strnicmp(word, "POINT", size) == 0;
  return size >= 3 && !point && sqlite3_strnicmp(word + size - 3, "INT", 3) == 0;
}

static bool declares_number(const char *type) {
  for (const char *at = type; *at && *at != '('; at++) {
    int size = 0;
    while (is_letter(at[size]) || at[size] == '_') size++;
    if (size && is_number_word(at, size)) return true;
    if (size) at += size - 1;
  }
  return false;
}

static void set_form(driver_column *column) {
  if (!column->numeric) return;
  column->form = !declares_number(column->type) ? DRIVER_FORM_SPELLED
                 : sqlite_is_real(column->type) ? DRIVER_FORM_REAL
                                                : DRIVER_FORM_NUMBER;
}

/* The rules of affinity, in SQLite's order ("Datatypes In SQLite", 3.1). */
static void set_affinity(driver_column *column, const kind *k) {
  const char *type = column->type;
  if (k->strict && sqlite3_stricmp(type, "ANY") == 0) return;
  if (holds(type, "INT"))
    column->numeric = true;
  else if (holds(type, "CHAR") || holds(type, "CLOB") || holds(type, "TEXT"))
    column->text = true;
  else if (type[0] && !holds(type, "BLOB"))
    column->numeric = true;
}

bool sqlite_is_real(const char *type) {
  static const char *const others[] = {"INT", "CHAR", "CLOB", "TEXT", "BLOB"};
  for (size_t i = 0; i < sizeof others / sizeof *others; i++)
    if (holds(type, others[i])) return false;
  return holds(type, "REAL") || holds(type, "FLOA") || holds(type, "DOUB");
}

static driver_collation by_name(const char *name) {
  if (name && sqlite3_stricmp(name, "NOCASE") == 0) return DRIVER_NOCASE;
  if (name && sqlite3_stricmp(name, "RTRIM") == 0) return DRIVER_RTRIM;
  return DRIVER_BINARY;
}

static void set_order(driver_column *column, driver_collation collation) {
  column->collation = collation;
  column->equates = collation == DRIVER_NOCASE ? "NOCASE" : NULL;
}

/* SQLite does not report the collations of a view's columns. They are found by experiment: a compound SELECT takes the
 * collation of its first part. */
static shunt_status try_collation(sqlite_conn *conn, const char *view, driver_column *column, shunt_error *err) {
  static const char form[] =
      "SELECT EXISTS (SELECT 1 FROM (SELECT \"%w\" AS x FROM \"%w\" WHERE 0 UNION ALL SELECT 'a') "
      "WHERE x = 'A'), EXISTS (SELECT 1 FROM (SELECT \"%w\" AS x FROM \"%w\" WHERE 0 UNION ALL "
      "SELECT 'a ') WHERE x = 'a')";
  char *sql = sqlite3_mprintf(form, column->name, view, column->name, view);
  if (!sql) return error_memory(err);
  sqlite3_stmt *stmt = NULL;
  int rc = sqlite3_prepare_v2(conn->db, sql, -1, &stmt, NULL);
  if (rc == SQLITE_OK) rc = sqlite3_step(stmt);
  shunt_status status = rc == SQLITE_ROW ? SHUNT_OK : sqlite_fail(conn, rc, sql, err);
  if (!status) {
    bool nocase = sqlite3_column_int(stmt, 0), rtrim = sqlite3_column_int(stmt, 1);
    set_order(column, nocase ? DRIVER_NOCASE : rtrim ? DRIVER_RTRIM : DRIVER_BINARY);
  }
  sqlite3_finalize(stmt);
  sqlite3_free(sql);
  return status;
}

static shunt_status set_collation(sqlite_conn *conn, const char *table, const kind *k, driver_column *column,
                                  shunt_error *err) {
  if (k->view) return try_collation(conn, table, column, err);
  const char *name = NULL;
  int rc = sqlite3_table_column_metadata(conn->db, NULL, table, column->name, NULL, &name, NULL, NULL, NULL);
  if (rc) return sqlite_fail(conn, rc, NULL, err);
  set_order(column, by_name(name));
  return SHUNT_OK;
}

static shunt_status read_column(driver_table *t, sqlite3_stmt *stmt, size_t at, const kind *k, shunt_error *err) {
  driver_column *column = &t->columns[at];
  const char *name = (const char *)sqlite3_column_text(stmt, 0), *type = (const char *)sqlite3_column_text(stmt, 1);
  column->name = name ? arena_strdup(&t->arena, name) : NULL;
  column->type = arena_strdup(&t->arena, type ? type : "");
  if (!column->name || !column->type) return error_memory(err);
  column->nullable = !sqlite3_column_int(stmt, 2);
  column->key = sqlite3_column_int(stmt, 3);
  const char *unique = (const char *)sqlite3_column_text(stmt, 5);
  if (unique && !(column->unique = arena_strdup(&t->arena, unique))) return error_memory(err);
  column->computed = sqlite3_column_int(stmt, 6);
  set_affinity(column, k);
  column->listed = "SELECT value FROM json_each(?)";
  set_form(column);
  return SHUNT_OK;
}

/* A sole INTEGER PRIMARY KEY is the rowid, and never null even without NOT NULL. */
static void mark_row_number(driver_table *t, const kind *k) {
  driver_column *key = NULL;
  for (size_t i = 0; i < t->count; i++) {
    if (t->columns[i].key > 1) return;
    if (t->columns[i].key == 1) key = &t->columns[i];
  }
  if (key && !k->without_rowid && sqlite3_stricmp(key->type, "INTEGER") == 0) key->nullable = false;
}

/* SELECT * omits the hidden columns of a virtual table, but not generated columns. */
static shunt_status read_columns(sqlite_conn *conn, const char *table, const kind *k, driver_table *t,
                                 shunt_error *err) {
  sqlite3_stmt *stmt = NULL;
  int rc =
      prepare_for(conn,
                  "SELECT name, type, \"notnull\", pk, count(*) OVER (), (SELECT group_concat(l.seq, ' ') FROM "
                  "pragma_index_list(?1) l, pragma_index_info(l.name) i WHERE l.\"unique\" AND NOT l.partial AND "
                  "i.cid = c.cid AND NOT EXISTS (SELECT 1 FROM pragma_index_info(l.name) WHERE cid < 0)), c.hidden > 1 "
                  "FROM pragma_table_xinfo(?1) c WHERE hidden <> 1 ORDER BY cid",
                  table, &stmt);
  if (rc == SQLITE_OK) rc = sqlite3_step(stmt);
  shunt_status status = SHUNT_OK;
  for (size_t at = 0; rc == SQLITE_ROW && !status; at++) {
    if (at == 0 && !driver_table_size(t, (size_t)sqlite3_column_int(stmt, 4)))
      status = error_memory(err);
    else
      status = read_column(t, stmt, at, k, err);
    if (!status) rc = sqlite3_step(stmt);
  }
  if (!status && rc != SQLITE_DONE) status = sqlite_fail(conn, rc, NULL, err);
  sqlite3_finalize(stmt);
  for (size_t i = 0; i < t->count && !status; i++) {
    driver_column *column = &t->columns[i];
    status = set_collation(conn, table, k, column, err);
    /* 1 is 1.0 in a column of reals */
    column->real = column->numeric && sqlite_is_real(column->type);
    column->same_integers = k->stored && column->numeric && !column->real;
    column->same_texts = k->stored && column->text && column->collation == DRIVER_BINARY;
  }
  return status;
}

static shunt_status find_triggers(sqlite_conn *conn, const char *table, const kind *k, driver_table *t,
                                  shunt_error *err) {
  sqlite3_stmt *stmt = NULL;
  t->uncounted = k->view;
  int rc =
      prepare_for(conn,
                  "SELECT 1 FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ? COLLATE NOCASE AND (sql LIKE "
                  "'%INSERT%' OR sql LIKE '%UPDATE%')",
                  table, &stmt);
  if (rc == SQLITE_OK) rc = sqlite3_step(stmt);
  t->touched = rc == SQLITE_ROW && !k->view;
  sqlite3_finalize(stmt);
  return rc == SQLITE_ROW || rc == SQLITE_DONE ? SHUNT_OK : sqlite_fail(conn, rc, NULL, err);
}

shunt_status sqlite_describe(driver_conn *base, const char *schema, const char *table, driver_table **out,
                             shunt_error *err) {
  (void)schema; /* there are none */
  sqlite_conn *conn = sqlite_of(base);
  kind k = {false, false, false, false};
  driver_table *t = NULL;
  shunt_status status = find_table(conn, table, &k, err);
  if (!status && !(t = driver_table_new())) status = error_memory(err);
  if (!status) {
    t->folds = true;
    status = read_columns(conn, table, &k, t, err);
  }
  if (!status) status = find_triggers(conn, table, &k, t, err);
  if (!status) {
    mark_row_number(t, &k);
    if (!driver_table_name(t)) status = error_memory(err);
  }
  if (status) {
    error_client(err, base->client->name);
    driver_table_free(t);
    return status;
  }
  *out = t;
  return SHUNT_OK;
}
