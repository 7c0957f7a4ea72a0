#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/suggest.h"
#include "driver/mysql/conn.h"

/* With lower_case_table_names, names match in any case. */
#define SAME_NAME(alias) "(@@lower_case_table_names > 0 OR CAST(" alias ".table_name AS BINARY) = CAST(? AS BINARY))"

static const char columns_sql[] =
    "SELECT c.column_name, c.column_type, c.data_type, c.is_nullable = 'YES', c.collation_name, "
    "c.character_set_name, c.extra, s.seq_in_index, (SELECT GROUP_CONCAT(HEX(u.index_name) SEPARATOR ' ') FROM "
    "information_schema.statistics AS u WHERE u.table_schema = COALESCE(?, DATABASE()) AND u.table_name = ? AND "
    "u.non_unique = 0 "
    "AND "
    "u.column_name = c.column_name AND " SAME_NAME(
        "u") ") FROM information_schema.columns AS c "
             "LEFT JOIN information_schema.statistics AS s ON s.table_schema = COALESCE(?, DATABASE()) AND "
             "s.table_name = ? "
             "AND s.index_name = 'PRIMARY' AND s.column_name = c.column_name AND " SAME_NAME(
                 "s") " "
                      "WHERE c.table_schema = COALESCE(?, DATABASE()) AND c.table_name = ? AND " SAME_NAME(
                          "c") " ORDER BY c.ordinal_position";

enum { NAME, TYPE, DATA_TYPE, NULLABLE, COLLATION, CHARSET, EXTRA, KEY, UNIQUE };

static const char uniques_sql[] =
    "SELECT s.index_name, s.column_name, s.sub_part IS NOT NULL OR s.column_name IS NULL FROM "
    "information_schema.statistics AS s WHERE s.table_schema = COALESCE(?, DATABASE()) AND s.non_unique = 0 AND "
    "s.table_name = ? "
    "AND " SAME_NAME("s") " ORDER BY s.index_name, s.seq_in_index";

enum { UNIQUE_NAME, UNIQUE_COLUMN, UNIQUE_PARTIAL };

static const char tables_sql[] =
    "SELECT table_name FROM information_schema.tables WHERE table_schema = COALESCE(?, DATABASE())";

/* One of the driver's own. types: of the answer's columns, see driver_expect. */
typedef struct question {
  const char *sql;
  size_t nparams;
  const char *types;
} question;

static const question of_columns = {columns_sql, 9, "tttitttit"}, of_uniques = {uniques_sql, 3, "tti"},
                      of_tables = {tables_sql, 1, "t"};

/* The table that is looked for. */
typedef struct wanted {
  const char *schema; /* NULL: the connection's database */
  const char *table;
} wanted;

/* Each schema in the SQL is followed by two names. */
static shunt_status ask(mysql_conn *conn, const question *q, const wanted *w, shunt_rows *rows, shunt_error *err) {
  shunt_value name = shunt_text(w->table, strlen(w->table)), schema = shunt_null();
  if (w->schema) schema = shunt_text(w->schema, strlen(w->schema));
  shunt_value params[] = {schema, name, name, schema, name, name, schema, name, name};
  shunt_status status = mysqldb_send(&conn->base, q->sql, strlen(q->sql), params, q->nparams, err);
  if (!status) status = mysqldb_receive(&conn->base, rows, NULL, NULL, err);
  return status ? status : driver_expect(&conn->base, rows, q->types, err);
}

static const char *text_of(const shunt_value *cell) {
  return cell->type == SHUNT_TEXT || cell->type == SHUNT_BLOB ? cell->as.bytes : "";
}

static void put_name(buf *sql, const char *name) {
  buf_putc(sql, '`');
  for (const char *at = name; *at; at++) {
    if (*at == '`') buf_putc(sql, '`');
    buf_putc(sql, *at);
  }
  buf_putc(sql, '`');
}

/* The server shows no columns of a view that it can't run. Running it gives the reason. */
static shunt_status broken_view(mysql_conn *conn, const wanted *w, shunt_error *err) {
  buf sql = {0};
  shunt_error why = {0};
  buf_puts(&sql, "SELECT * FROM ");
  if (w->schema) put_name(&sql, w->schema);
  if (w->schema) buf_putc(&sql, '.');
  put_name(&sql, w->table);
  buf_puts(&sql, " LIMIT 0");
  shunt_status status = sql.failed ? error_memory(err) : mysqldb_send(&conn->base, sql.data, sql.size, NULL, 0, &why);
  if (!sql.failed && !status) status = mysqldb_receive(&conn->base, NULL, NULL, NULL, &why);
  buf_free(&sql);
  return error_set(err, SHUNT_E_USAGE, "client '%s': the server shows no columns of '%s': %s", conn->base.client->name,
                   w->table, status ? why.message : "its view may be invalid");
}

static shunt_status unknown_table(const mysql_conn *conn, const wanted *w, suggest *near, shunt_error *err) {
  return error_set(err, SHUNT_E_NOT_FOUND, "client '%s' has no table '%s%s%s'%s", conn->base.client->name,
                   w->schema ? w->schema : "", w->schema ? "." : "", w->table, suggest_text(near));
}

static shunt_status no_table(mysql_conn *conn, const wanted *w, shunt_error *err) {
  suggest near = suggest_for(w->table);
  shunt_rows *rows = rows_new();
  bool there = false;
  if (rows && ask(conn, &of_tables, w, rows, NULL) == SHUNT_OK)
    for (size_t i = 0; i < rows->count; i++) {
      const char *name = text_of(&rows_row(rows, i)[0]);
      suggest_try(&near, name);
      there = there || strcmp(name, w->table) == 0;
    }
  shunt_status status = there ? broken_view(conn, w, err) : unknown_table(conn, w, &near, err);
  shunt_rows_free(rows);
  return status;
}

/* ---- what a column holds ---- */

static bool is(const char *type, const char *const *words) {
  for (; *words; words++)
    if (strcmp(type, *words) == 0) return true;
  return false;
}

/* MySQL gives a parameter that is cast itself the type of the cast: it reads '09:04:08' as a date then, and every
 * integer as one with a sign. A text is cast as a literal is. */
#define CAST_TEXT(type) "CAST(CONCAT(?) AS " type ")"

static void holds_integers(driver_column *column, int64_t least, uint64_t most) {
  column->kind = most > INT64_MAX ? DRIVER_NUMBERS : DRIVER_INTEGERS;
  column->least = least;
  column->most = most > INT64_MAX ? INT64_MAX : (int64_t)most;
  column->numeric = column->exact = column->same_integers = true;
  column->convert = least < 0 ? CAST_TEXT("SIGNED") : CAST_TEXT("UNSIGNED");
}

static bool set_integer(driver_column *column, const char *type) {
  static const struct {
    const char *name;
    int bits;
  } types[] = {{"tinyint", 8}, {"smallint", 16}, {"mediumint", 24}, {"int", 32}, {"bigint", 64}};
  bool is_unsigned = strstr(column->type, "unsigned") != NULL;
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    if (strcmp(type, types[i].name) != 0) continue;
    uint64_t most = UINT64_MAX >> (64 - types[i].bits);
    if (is_unsigned)
      holds_integers(column, 0, most);
    else
      holds_integers(column, -(int64_t)(most / 2) - 1, most / 2);
    return true;
  }
  return false;
}

static uint64_t most_of_bits(const char *declared) {
  const char *open = strchr(declared, '(');
  long bits = open ? strtol(open + 1, NULL, 10) : 1;
  return bits < 1 || bits > 64 ? UINT64_MAX : UINT64_MAX >> (64 - bits);
}

static void set_other(driver_column *column, const char *type) {
  static const struct {
    const char *name, *convert, *takes;
    driver_time time;
  } types[] = {{"date", "CAST(? AS DATE)", NULL, DRIVER_DATE},
               {"time", CAST_TEXT("TIME(6)"), NULL, DRIVER_CLOCK},
               {"datetime", "CAST(? AS DATETIME(6))", NULL, DRIVER_STAMP},
               {"timestamp", "CAST(? AS DATETIME(6))", NULL, DRIVER_STAMP},
               {"inet4", "CAST(? AS INET4)", "CAST(? AS INET4) IS NOT NULL", DRIVER_NO_TIME},
               {"inet6", "CAST(? AS INET6)", "CAST(? AS INET6) IS NOT NULL", DRIVER_NO_TIME},
               {"json", "CAST(? AS JSON)", "JSON_VALID(?)", DRIVER_NO_TIME}};
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    if (strcmp(type, types[i].name) != 0) continue;
    column->convert = types[i].convert;
    column->takes = types[i].takes;
    column->time = types[i].time;
  }
}

static void set_kind(driver_column *column, const char *type) {
  static const char *const rounded[] = {"float", "double", NULL};
  static const char *const blobs[] = {"binary",   "varbinary", "tinyblob", "blob", "mediumblob",
                                      "longblob", "geometry",  "vector",   NULL};
  static const char *const texts[] = {"char",     "varchar", "tinytext", "text", "mediumtext",
                                      "longtext", "enum",    "set",      NULL};
  if (set_integer(column, type)) return;
  column->text = true;
  if (strcmp(type, "decimal") == 0 || is(type, rounded)) {
    column->kind = DRIVER_NUMBERS;
    column->numeric = true;
    column->exact = type[2] == 'c';
    column->single = strcmp(type, "float") == 0;
    column->text = false;
    if (!column->exact) column->convert = "CAST(? AS DOUBLE)";
  } else if (strcmp(type, "bit") == 0) {
    holds_integers(column, 0, most_of_bits(column->type));
    column->text = false;
    column->digits_type = "UNSIGNED";
  } else if (strcmp(type, "year") == 0) {
    holds_integers(column, 1901, 2155); /* the server takes 1 for 2001 */
    column->zero = true;
    column->text = false;
  } else if (is(type, blobs)) {
    column->kind = DRIVER_BLOBS;
    column->same_blobs = true;
    column->convert = "UNHEX(?)";
  } else if (is(type, texts)) {
    column->kind = DRIVER_STRINGS;
  } else if (strcmp(type, "uuid") == 0) {
    column->kind = DRIVER_UUIDS;
    column->collation = DRIVER_NOCASE;
    column->same_texts = true;
    column->convert = "CAST(? AS UUID)";
  } else {
    column->kind = DRIVER_OTHERS;
    set_other(column, type);
  }
}

/* The number in parentheses. */
static size_t declared_length(const char *declared) {
  const char *open = strchr(declared, '(');
  return open ? strtoul(open + 1, NULL, 10) : 1;
}

static void set_form(driver_column *column, const char *type) {
  static const struct {
    const char *type;
    driver_form form;
    size_t length;
  } forms[] = {{"char", DRIVER_FORM_TRIMMED, 0},
               {"varchar", DRIVER_FORM_LENGTH, 0},
               {"tinytext", DRIVER_FORM_BYTES, 0xFF},
               {"text", DRIVER_FORM_BYTES, 0xFFFF},
               {"mediumtext", DRIVER_FORM_BYTES, 0xFFFFFF},
               {"binary", DRIVER_FORM_SIZE, 0},
               {"enum", DRIVER_FORM_LABEL, 0},
               {"set", DRIVER_FORM_LABELS, 0},
               {"year", DRIVER_FORM_YEAR, 0},
               {"date", DRIVER_FORM_DATE, 0},
               {"time", DRIVER_FORM_TIME, 0},
               {"datetime", DRIVER_FORM_MOMENT, 0},
               {"timestamp", DRIVER_FORM_MOMENT, 0},
               {"json", DRIVER_FORM_DOUBLES, 0}};
  for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
    if (strcmp(type, forms[i].type) != 0) continue;
    column->form = forms[i].form;
    column->length = forms[i].length ? forms[i].length : declared_length(column->type);
  }
}

/* The digits after the point that columns of these types keep: as declared, otherwise none. */
static void set_digits(driver_column *column, const char *type) {
  static const char *const times[] = {"time", "datetime", "timestamp", NULL};
  column->rounds =
      column->kind == DRIVER_INTEGERS || (column->kind == DRIVER_NUMBERS && column->exact) || is(type, times);
  bool scaled = column->kind == DRIVER_NUMBERS && strchr(column->type, ','); /* FLOAT(7,2) rounds, too */
  column->rounds = column->rounds || scaled;
  const char *said = strchr(column->type, scaled ? ',' : '(');
  if (said && (scaled || is(type, times))) column->digits = (int)strtol(said + 1, NULL, 10);
}

/* Its own precision: one common to all decimals would have too few digits on one side of the point. */
static bool set_decimal(driver_table *t, driver_column *column) {
  enum { DIGITS_OF_AN_INTEGER = 20 };
  if (!column->exact) return true;
  column->whole =
      column->kind == DRIVER_INTEGERS ? DIGITS_OF_AN_INTEGER : (int)declared_length(column->type) - column->digits;
  if (column->convert) return true;
  column->convert =
      arena_printf(&t->arena, "CAST(? AS DECIMAL(%d, %d))", column->whole + column->digits, column->digits);
  return column->convert != NULL;
}

/* ---- how its texts compare ---- */

/* In most collations blanks at the end are ignored. The names of the exceptions show it. */
static bool counts_blanks(const char *collation) {
  return strstr(collation, "nopad") || strstr(collation, "_0900_") || strcmp(collation, "binary") == 0;
}

static bool ends_in(const char *text, const char *end) {
  size_t size = strlen(text), tail = strlen(end);
  return size >= tail && strcmp(text + size - tail, end) == 0;
}

/* A text that the character set can't represent equals nothing in the column. */
static bool set_key(driver_table *t, driver_column *column, const char *charset, const char *collation) {
  bool all = strncmp(charset, "utf8mb4", 7) == 0;
  column->convert = arena_printf(&t->arena, "CONVERT(? USING %s) COLLATE %s", charset, collation);
  if (!all)
    column->takes = arena_printf(
        &t->arena, "CAST(CONVERT(CONVERT(? USING %s) USING utf8mb4) AS BINARY) = CAST(? AS BINARY)", charset);
  column->takes_ascii = true;
  return column->convert && (column->takes || all);
}

/* Only the server knows the collation: it is asked for collation keys (WEIGHT_STRING). A text that the column's
 * character set can't represent gets null, and equals nothing in the column. */
static bool set_weight(driver_table *t, driver_column *column, const char *charset, const char *collation) {
  const char *trim = counts_blanks(collation) ? "" : "TRIM(TRAILING ' ' FROM ", *end = trim[0] ? ")" : "";
  bool all = strncmp(charset, "utf8mb4", 7) == 0;
  column->collation = DRIVER_WEIGHED;
  column->weight =
      all ? arena_printf(&t->arena, "WEIGHT_STRING(%sCONVERT(? USING %s)%s COLLATE %s)", trim, charset, end, collation)
          : arena_printf(&t->arena,
                         "(SELECT IF(CAST(CONVERT(CONVERT(x USING %s) USING utf8mb4) AS BINARY) = CAST(x "
                         "AS BINARY), WEIGHT_STRING(%sCONVERT(x USING %s)%s COLLATE %s), NULL) FROM "
                         "(SELECT ? AS x) AS asked)",
                         charset, trim, charset, end, collation);
  /* with several levels, the first ends in the middle of the key */
  bool padded = trim[0] && !strstr(collation, "_as_");
  column->pad =
      !padded ? NULL : arena_printf(&t->arena, "WEIGHT_STRING(CONVERT(' ' USING %s) COLLATE %s)", charset, collation);
  column->equates = ends_in(collation, "_bin") ? NULL : arena_strdup(&t->arena, collation);
  return column->weight && (column->pad || !padded) && (column->equates || ends_in(collation, "_bin"));
}

static bool set_collation(driver_table *t, driver_column *column, const char *charset, const char *collation) {
  if (column->kind != DRIVER_STRINGS || !collation[0]) return true;
  if (!set_key(t, column, charset, collation)) return false;
  column->cased = ends_in(collation, "_bin") || ends_in(collation, "_cs");
  /* bytes suffice, unless the character set can't represent every text: such a parameter would be an error */
  if (!ends_in(collation, "_bin") || strcmp(charset, "utf8mb4") != 0) return set_weight(t, column, charset, collation);
  column->collation = counts_blanks(collation) ? DRIVER_BINARY : DRIVER_PADDED;
  column->same_texts = column->collation == DRIVER_BINARY;
  return true;
}

/* MySQL joins by a hash of the collation key, for which it cuts blanks at the end, but = goes on behind them, where a
 * Unicode collation may ignore what follows: "a \1" = "a", and a hash join loses the pair. */
static void set_hint(driver_column *column, const char *charset, const char *collation) {
  bool unicode = strncmp(charset, "utf", 3) == 0 || strncmp(charset, "ucs", 3) == 0 || strncmp(charset, "gb", 2) == 0;
  if (column->pad && unicode && !strstr(collation, "_general_") && !ends_in(collation, "_bin"))
    column->join_hint = "/*+ NO_BNL() NO_SEMIJOIN() */ ";
}

/* ---- long lists ---- */

#define LISTED(type) "SELECT v FROM JSON_TABLE(?, '$[*]' COLUMNS (v " type " PATH '$')) AS listed"

/* Dates and others would be compared as texts: their values stay parameters. So do texts of another character set,
 * which may lack a letter. */
static bool set_listed(driver_table *t, driver_column *column, const char *charset, const char *collation) {
  if (column->kind == DRIVER_INTEGERS || column->kind == DRIVER_NUMBERS)
    column->listed = LISTED("BIGINT");
  else if (column->kind == DRIVER_STRINGS && strcmp(charset, "utf8mb4") == 0)
    column->listed = arena_printf(&t->arena, LISTED("VARCHAR(255) CHARACTER SET utf8mb4 COLLATE %s"), collation);
  else
    return true;
  return column->listed != NULL;
}

/* ---- all of it ---- */

static shunt_status read_column(const mysql_conn *conn, driver_table *t, const shunt_value *cells,
                                driver_column *column, shunt_error *err) {
  const char *charset = text_of(&cells[CHARSET]), *collation = text_of(&cells[COLLATION]);
  column->name = arena_strdup(&t->arena, text_of(&cells[NAME]));
  column->type = arena_strdup(&t->arena, text_of(&cells[TYPE]));
  if (!column->name || !column->type) return error_memory(err);
  column->nullable = cells[NULLABLE].as.integer != 0;
  column->key = cells[KEY].type == SHUNT_INTEGER ? (int)cells[KEY].as.integer : 0;
  column->computed =
      strstr(text_of(&cells[EXTRA]), "VIRTUAL GENERATED") || strstr(text_of(&cells[EXTRA]), "STORED GENERATED");
  column->unique = arena_strdup(&t->arena, text_of(&cells[UNIQUE]));
  if (!column->unique) return error_memory(err);
  column->generated = strstr(text_of(&cells[EXTRA]), "auto_increment") != NULL;
  set_kind(column, text_of(&cells[DATA_TYPE]));
  set_digits(column, text_of(&cells[DATA_TYPE]));
  set_form(column, text_of(&cells[DATA_TYPE]));
  bool ok = set_decimal(t, column) && set_collation(t, column, charset, collation) &&
            (!conn->json_table || set_listed(t, column, charset, collation));
  if (!conn->mariadb) set_hint(column, charset, collation);
  return ok ? SHUNT_OK : error_memory(err);
}

static shunt_status read_table(mysql_conn *conn, const shunt_rows *rows, driver_table *t, shunt_error *err) {
  t->folds = true;
  t->returning = conn->returning;
  if (conn->mariadb) t->for_share = " LOCK IN SHARE MODE";
  shunt_status status = driver_table_size(t, rows->count) ? SHUNT_OK : error_memory(err);
  for (size_t i = 0; i < rows->count && !status; i++)
    status = read_column(conn, t, rows_row(rows, i), &t->columns[i], err);
  return status || driver_table_name(t) ? status : error_memory(err);
}

/* ---- its unique keys ---- */

static shunt_status add_unique(driver_table *t, const shunt_value *cells, shunt_error *err) {
  driver_unique *last = t->nuniques ? &t->uniques[t->nuniques - 1] : NULL;
  if (!last || strcmp(last->name, text_of(&cells[UNIQUE_NAME])) != 0) {
    last = &t->uniques[t->nuniques++];
    last->name = arena_strdup(&t->arena, text_of(&cells[UNIQUE_NAME]));
    last->columns = arena_array(&t->arena, const driver_column *, t->count);
    if (!last->name || !last->columns) return error_memory(err);
  }
  const driver_column *column = driver_table_column(t, text_of(&cells[UNIQUE_COLUMN]));
  last->partial = last->partial || cells[UNIQUE_PARTIAL].as.integer != 0 || !column || last->n == t->count;
  if (!last->partial) last->columns[last->n++] = column;
  return SHUNT_OK;
}

/* The server shows triggers only to users who may make them. Behind a view any table may have them. */
static shunt_status find_triggers(mysql_conn *conn, const wanted *w, driver_table *t, shunt_error *err) {
  static const char sql[] = "SELECT 1 FROM information_schema.triggers WHERE event_object_schema = "
                            "COALESCE(?, DATABASE()) AND event_object_table IN (?, ?) UNION SELECT 1 FROM "
                            "information_schema.views WHERE table_schema = COALESCE(?, DATABASE()) AND table_name IN "
                            "(?, ?)";
  static const question of_triggers = {sql, 6, "i"};
  if (!conn->returning) return SHUNT_OK;
  shunt_rows *rows = rows_new();
  shunt_status status = rows ? ask(conn, &of_triggers, w, rows, err) : error_memory(err);
  t->unseen = rows && rows->count > 0;
  shunt_rows_free(rows);
  return status;
}

static shunt_status read_uniques(mysql_conn *conn, const wanted *w, driver_table *t, shunt_error *err) {
  shunt_rows *rows = rows_new();
  shunt_status status = rows ? ask(conn, &of_uniques, w, rows, err) : error_memory(err);
  if (!status && !(t->uniques = arena_array(&t->arena, driver_unique, rows->count))) status = error_memory(err);
  for (size_t i = 0; !status && i < rows->count; i++) status = add_unique(t, rows_row(rows, i), err);
  shunt_rows_free(rows);
  return status;
}

shunt_status mysqldb_describe(driver_conn *base, const char *schema, const char *table, driver_table **out,
                              shunt_error *err) {
  mysql_conn *conn = mysql_of(base);
  wanted w = {schema, table};
  driver_table *t = NULL;
  shunt_rows *rows = rows_new();
  shunt_status status = rows ? ask(conn, &of_columns, &w, rows, err) : error_memory(err);
  if (!status && rows->count == 0) status = no_table(conn, &w, err);
  if (!status && !(t = driver_table_new())) status = error_memory(err);
  if (!status) status = read_table(conn, rows, t, err);
  if (!status) status = read_uniques(conn, &w, t, err);
  if (!status) status = find_triggers(conn, &w, t, err);
  shunt_rows_free(rows);
  if (status) {
    error_client(err, base->client->name);
    driver_table_free(t);
    return status;
  }
  *out = t;
  return SHUNT_OK;
}
