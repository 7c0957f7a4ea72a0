/* Every type of MySQL and MariaDB: random and extreme values, written as a parameter of a prepared statement and, in
 * the same row, as a literal of SQL; read as a value and, in the same row, as the server's own text. On the server of
 * SHUNT_TEST_MYSQL; skipped without one. */
#include <inttypes.h>

#include "driver/mysql/conn.h"
#include "unit/driver/mysql/server.h"
#include "unit/random.h"

enum { VALUES = 100, ROOM = 256 };

typedef struct drawn {
  char text[ROOM];    /* as the server writes it */
  char literal[ROOM]; /* in SQL */
  shunt_value value;  /* the parameter, which may borrow `text` */
} drawn;

/* ---- drawing ---- */

static void as_text(drawn *d) {
  d->value = shunt_text(d->text, strlen(d->text));
  snprintf(d->literal, sizeof d->literal, "'%.*s'", ROOM - 3, d->text);
}

static void as_number(drawn *d) {
  d->value = shunt_text(d->text, strlen(d->text));
  snprintf(d->literal, sizeof d->literal, "%s", d->text);
}

static uint64_t bits(rng *r, unsigned most) {
  unsigned n = (unsigned)rng_below(r, most + 1);
  uint64_t all = n == 0 ? 0 : UINT64_MAX >> (64 - n);
  return rng_below(r, 6) == 0 ? UINT64_MAX >> (64 - most) : rng_next(r) & all;
}

/* Of so many bits, as an integer or as its digits. */
static void draw_unsigned(rng *r, unsigned most, unsigned unused, drawn *d) {
  (void)unused;
  uint64_t n = bits(r, most);
  snprintf(d->text, sizeof d->text, "%" PRIu64, n);
  as_number(d);
  if (n <= INT64_MAX && rng_below(r, 2)) d->value = shunt_integer((int64_t)n);
}

static void draw_signed(rng *r, unsigned most, unsigned unused, drawn *d) {
  (void)unused;
  int64_t n = (int64_t)bits(r, most - 1);
  if (rng_below(r, 2)) n = -n - 1;
  snprintf(d->text, sizeof d->text, "%" PRId64, n);
  as_number(d);
  unsigned how = (unsigned)rng_below(r, 3);
  if (how == 0) d->value = shunt_integer(n);
  if (how == 1 && n < (1 << 24) && n > -(1 << 24)) d->value = shunt_float((double)n);
}

/* An integer that the column would not take as text. */
static void draw_bits(rng *r, unsigned most, unsigned unused, drawn *d) {
  draw_unsigned(r, most > 63 ? 63 : most, unused, d);
  d->value = shunt_integer((int64_t)strtoull(d->text, NULL, 10));
}

/* DECIMAL(size, scale): its text has every digit of the scale. */
static void draw_decimal(rng *r, unsigned size, unsigned scale, drawn *d) {
  char *to = d->text;
  unsigned whole = size - scale, n = whole ? (unsigned)rng_below(r, whole + 1) : 0;
  bool nines = rng_below(r, 8) == 0;
  if (nines) n = whole;
  if (rng_below(r, 2)) *to++ = '-';
  if (n == 0) *to++ = '0';
  for (unsigned i = 0; i < n; i++) *to++ = (char)('0' + (nines ? 9 : i == 0 ? 1 + rng_below(r, 9) : rng_below(r, 10)));
  if (scale) *to++ = '.';
  for (unsigned i = 0; i < scale; i++) *to++ = (char)('0' + (nines ? 9 : rng_below(r, 10)));
  *to = 0;
  if (d->text[0] == '-' && strspn(d->text + 1, "0.") == strlen(d->text + 1)) memmove(d->text, d->text + 1, ROOM - 1);
  as_number(d);
}

/* A text that only a floating-point number can hold until it is rounded: to nothing. */
static void draw_tiny(rng *r, unsigned scale, drawn *d) {
  static const char *const texts[] = {"1e-400", " 76.174618E-95", "-0.3e-90", "+2.e-300"};
  snprintf(d->text, sizeof d->text, "%.*f", (int)scale, 0.0);
  as_number(d);
  const char *text = texts[rng_below(r, sizeof texts / sizeof *texts)];
  d->value = shunt_text(text, strlen(text));
}

/* Between others, floating-point numbers, which give the statement's parameter another type. */
static void draw_mixed(rng *r, unsigned size, unsigned scale, drawn *d) {
  const size_t how = rng_below(r, 4);
  if (how > 1) {
    draw_decimal(r, size, scale, d);
    return;
  }
  if (how == 1) {
    draw_tiny(r, scale, d);
    return;
  }
  double number = (double)((int64_t)rng_below(r, 20001) - 10000) / 1000;
  snprintf(d->text, sizeof d->text, "%.*f", (int)scale, number);
  as_number(d);
  d->value = shunt_float(number);
}

static void draw_double(rng *r, unsigned unused, unsigned unused_too, drawn *d) {
  (void)unused, (void)unused_too;
  static const double extremes[] = {0.0,  1.7976931348623157e308, -2.2250738585072014e-308, 0.1,
                                    1e15, 9007199254740993.0};
  uint64_t word = rng_next(r);
  double number;
  memcpy(&number, &word, sizeof number);
  if (!(number - number == 0) || (number < 1e-300 && number > -1e-300)) number = extremes[word % 6];
  snprintf(d->text, sizeof d->text, "%.17g", number);
  as_number(d);
  d->value = shunt_float(number);
}

static size_t put_fraction(rng *r, unsigned digits, char *to) {
  size_t n = 0;
  if (digits) to[n++] = '.';
  for (unsigned i = 0; i < digits; i++) to[n++] = (char)('0' + rng_below(r, 10));
  to[n] = 0;
  return n;
}

static int pick(rng *r, int from, int to) { return from + (int)rng_below(r, (size_t)(to - from + 1)); }

static void draw_date(rng *r, unsigned from, unsigned to, drawn *d) {
  int year = rng_below(r, 5) ? pick(r, (int)from, (int)to) : (int)(rng_below(r, 2) ? from : to);
  snprintf(d->text, sizeof d->text, "%04d-%02d-%02d", year, pick(r, 1, 12), pick(r, 1, 28));
  as_text(d);
}

static void put_clock(rng *r, unsigned digits, char *to) {
  int n = sprintf(to, " %02d:%02d:%02d", pick(r, 0, 23), pick(r, 0, 59), pick(r, 0, 59));
  put_fraction(r, digits, to + n);
}

static void draw_datetime(rng *r, unsigned digits, unsigned from, drawn *d) {
  draw_date(r, from, from == 1971 ? 2037 : 9998, d);
  put_clock(r, digits, d->text + strlen(d->text));
  as_text(d);
}

static void draw_time(rng *r, unsigned digits, unsigned unused, drawn *d) {
  (void)unused;
  int n =
      sprintf(d->text, "%s%02d:%02d:%02d", rng_below(r, 3) ? "" : "-", pick(r, 0, 837), pick(r, 0, 59), pick(r, 1, 59));
  put_fraction(r, digits, d->text + n);
  as_text(d);
}

static void draw_year(rng *r, unsigned unused, unsigned unused_too, drawn *d) {
  (void)unused, (void)unused_too;
  int year = pick(r, 1901, 2155);
  snprintf(d->text, sizeof d->text, "%d", year);
  as_number(d);
  d->value = shunt_integer(year);
}

static void draw_letters(rng *r, unsigned most, unsigned latin, drawn *d) {
  static const char *const letters[] = {"a", "B", "0", "-", ".", "\u00e4", "\u00df", "\u20ac", "\u6f22", "\U0001f600"};
  d->text[0] = 0;
  for (size_t n = rng_below(r, most + 1); n; n--) strcat(d->text, letters[rng_below(r, latin ? 7 : 10)]);
  as_text(d);
}

static void draw_hex(rng *r, unsigned most, unsigned fixed, drawn *d) {
  static char bytes[ROOM / 4];
  size_t n = fixed ? most : rng_below(r, most + 1);
  d->text[0] = 0;
  for (size_t i = 0; i < n; i++) {
    bytes[i] = (char)rng_next(r);
    sprintf(d->text + 2 * i, "%02X", (unsigned char)bytes[i]);
  }
  d->value = shunt_blob(bytes, n);
  snprintf(d->literal, sizeof d->literal, "x'%.*s'", ROOM - 4, d->text);
}

/* ---- the types ---- */

static const struct kind {
  const char *type;
  void (*draw)(rng *r, unsigned a, unsigned b, drawn *d);
  unsigned a, b;
} kinds[] = {
    {"TINYINT", draw_signed, 8, 0},
    {"SMALLINT", draw_signed, 16, 0},
    {"MEDIUMINT", draw_signed, 24, 0},
    {"INT", draw_signed, 32, 0},
    {"BIGINT", draw_signed, 64, 0},
    {"TINYINT UNSIGNED", draw_unsigned, 8, 0},
    {"MEDIUMINT UNSIGNED", draw_unsigned, 24, 0},
    {"INT UNSIGNED", draw_unsigned, 32, 0},
    {"BIGINT UNSIGNED", draw_unsigned, 64, 0},
    {"BIT(1)", draw_bits, 1, 0},
    {"BIT(13)", draw_bits, 13, 0},
    {"BIT(64)", draw_bits, 64, 0},
    {"DECIMAL(1,0)", draw_decimal, 1, 0},
    {"DECIMAL(12,2)", draw_decimal, 12, 2},
    {"DECIMAL(20,0)", draw_decimal, 20, 0},
    {"DECIMAL(30,30)", draw_decimal, 30, 30},
    {"DECIMAL(38,10)", draw_decimal, 38, 10},
    {"DECIMAL(65,0)", draw_decimal, 65, 0},
    {"DECIMAL(65,30)", draw_decimal, 65, 30},
    {"DECIMAL(40,5)", draw_mixed, 40, 5},
    {"DOUBLE", draw_double, 0, 0},
    {"YEAR", draw_year, 0, 0},
    {"DATE", draw_date, 1, 9999},
    {"DATETIME", draw_datetime, 0, 1000},
    {"DATETIME(6)", draw_datetime, 6, 1000},
    {"TIMESTAMP(3) NULL", draw_datetime, 3, 1971},
    {"TIME", draw_time, 0, 0},
    {"TIME(6)", draw_time, 6, 0},
    {"VARCHAR(30) CHARACTER SET utf8mb4", draw_letters, 30, 0},
    {"VARCHAR(30) CHARACTER SET latin1", draw_letters, 30, 1},
    {"TEXT CHARACTER SET utf8mb4", draw_letters, 50, 0},
    {"BINARY(7)", draw_hex, 7, 1},
    {"VARBINARY(30)", draw_hex, 30, 0},
    {"LONGBLOB", draw_hex, 50, 0},
};

/* ---- writing and reading ---- */

static void write_both(server *d, int id, const drawn *v) {
  char sql[ROOM + 128];
  shunt_value params[] = {shunt_integer(id), v->value};
  snprintf(sql, sizeof sql, "INSERT INTO %s (id, p) VALUES (?, ?)", d->table);
  if (try_run(d, sql, params, 2)) fail_msg("%s: %s", v->text, d->err.message);
  snprintf(sql, sizeof sql, "UPDATE %s SET l = %s WHERE id = %d", d->table, v->literal, id);
  if (mysqldb_control(mysql_of(d->conn), sql, &d->err)) fail_msg("%s: %s", sql, d->err.message);
}

static void write_value(const shunt_value *v, char room[2 * ROOM]) {
  room[0] = 0;
  if (v->type == SHUNT_INTEGER) snprintf(room, 2 * ROOM, "%" PRId64, v->as.integer);
  if (v->type == SHUNT_FLOAT) snprintf(room, 2 * ROOM, "%.17g", v->as.number);
  if (v->type == SHUNT_TEXT) snprintf(room, 2 * ROOM, "%s", v->as.bytes);
  for (size_t i = 0; v->type == SHUNT_BLOB && i < v->size; i++)
    sprintf(room + 2 * i, "%02X", (unsigned char)v->as.bytes[i]);
}

static void check(server *d, const struct kind *k, int id, const drawn *v) {
  char sql[ROOM], room[2 * ROOM];
  shunt_value key = shunt_integer(id);
  const char *form = k->draw == draw_hex    ? "HEX(%s)"
                     : k->draw == draw_bits ? "CAST(%s + 0 AS CHAR)"
                                            : "CAST(%s AS CHAR)";
  char p[64], l[64];
  snprintf(p, sizeof p, form, "p");
  snprintf(l, sizeof l, form, "l");
  snprintf(sql, sizeof sql, "SELECT p, l, %s, %s, p <=> l FROM %s WHERE id = ?", p, l, d->table);
  if (try_run(d, sql, &key, 1)) fail_msg("%s", d->err.message);
  const shunt_value *row = rows_row(d->rows, 0);
  if (row[4].as.integer != 1) fail_msg("%s: %s as parameter is %s", k->type, v->literal, row[2].as.bytes);
  for (int i = 0; i < 2; i++) {
    write_value(&row[i], room);
    if (strcmp(room, v->text) != 0) fail_msg("%s: %s is read as %s", k->type, v->text, room);
    if (k->draw != draw_double && strcmp(room, row[2 + i].as.bytes) != 0)
      fail_msg("%s: the server's %s is read as %s", k->type, row[2 + i].as.bytes, room);
  }
}

static void values_are_kept_to_their_last_digit(void **state) {
  server *d = the_server(state);
  rng r = rng_start("mysql values");
  static drawn v[VALUES];
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    char sql[160];
    snprintf(sql, sizeof sql, "CREATE TABLE %%s (id INTEGER PRIMARY KEY, p %s, l %s)", kinds[i].type, kinds[i].type);
    run(d, "DROP TABLE %s");
    run(d, sql);
    assert_int_equal(e->begin(d->conn, NULL, false, &d->err), SHUNT_OK);
    for (int id = 0; id < VALUES; id++) {
      kinds[i].draw(&r, kinds[i].a, kinds[i].b, &v[id]);
      write_both(d, id, &v[id]);
      check(d, &kinds[i], id, &v[id]);
    }
    assert_int_equal(e->commit(d->conn, &d->err), SHUNT_OK);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {TEST(values_are_kept_to_their_last_digit)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
