/* 1,000 of 10,000 users with their orders (of 100,000) and lines (of 300,000), users in one SQLite file, orders and
 * lines in another, against a program that runs the same IN queries and builds the same arrays: time, and peak memory.
 */
#include "bench/bench.h"

#include <sys/wait.h>

enum { USERS = 1000, FIRST_USER = 4001, MAX_COLUMNS = 6 };

static const char config[] = "database:\n"
                             "  defaultClient: main\n"
                             "  clients:\n"
                             "    main: {engine: sqlite3, connection: {filename: main.db}}\n"
                             "    orders: {engine: sqlite3, connection: {filename: orders.db}}\n"
                             "rules: {path: [rules]}\n";
static const char rules[] =
    "model \"user\" { table = \"users\", relations = { orders = has_many(\"order\", \"user_id\") } }\n"
    "model \"order\" { table = \"orders\", client = \"orders\", relations = { lines = has_many(\"line\", \"order_id\") "
    "} }\n"
    "model \"line\" { table = \"lines\", client = \"orders\" }\n";

typedef struct totals {
  uint64_t users, orders, lines, sum;
} totals;

typedef struct world {
  sqlite3 *users, *orders;
  shunt_app *app;
  shunt_session *session;
  totals raw, shunt;
} world;

static void fill(void) {
  sqlite3 *db = bench_database("main.db");
  bench_sql(db, "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT, city TEXT, age INTEGER)");
  bench_sql(db, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000) "
                "INSERT INTO users SELECT i, 'User number ' || i, 'user' || i || '@example.org', "
                "CASE i % 3 WHEN 0 THEN 'Oslo' WHEN 1 THEN 'Bergen' ELSE 'Trondheim' END, i % 90 FROM n");
  bench_sql(db, "PRAGMA wal_checkpoint(TRUNCATE)");
  sqlite3_close(db);
  db = bench_database("orders.db");
  bench_sql(
      db,
      "CREATE TABLE orders (id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL, state TEXT, total REAL, placed INTEGER)");
  bench_sql(db, "CREATE TABLE lines (id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL, product TEXT, quantity "
                "INTEGER, price REAL)");
  bench_sql(
      db,
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) INSERT INTO orders "
      "SELECT i, i * 7919 % 10000 + 1, CASE i % 3 WHEN 0 THEN 'paid' WHEN 1 THEN 'shipped' ELSE 'open' END, i / 3.0, "
      "1700000000 + i FROM n");
  bench_sql(db, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000) INSERT INTO lines "
                "SELECT i, i * 104729 % 100000 + 1, 'Product ' || i % 500, i % 5 + 1, i / 9.0 FROM n");
  bench_sql(db, "CREATE INDEX orders_user ON orders (user_id)");
  bench_sql(db, "CREATE INDEX lines_order ON lines (order_id)");
  bench_sql(db, "PRAGMA wal_checkpoint(TRUNCATE)");
  sqlite3_close(db);
}

/* Order does not matter within a parent, but whose row it is does. */
static uint64_t row_sum(const shunt_value *cells, size_t n, int64_t parent) {
  uint64_t sum = 0;
  for (size_t c = 0; c < n; c++) {
    const shunt_value *v = &cells[c];
    if (v->type == SHUNT_INTEGER)
      sum += (uint64_t)v->as.integer;
    else if (v->type == SHUNT_FLOAT)
      sum += (uint64_t)v->as.number;
    else if (v->type == SHUNT_TEXT)
      sum += v->size + (unsigned char)v->as.bytes[0];
  }
  return sum * (uint64_t)(parent + 1);
}

/* ---- the raw side: rows of cells, texts in blocks, and children grouped by their parent's position ---- */

typedef struct block {
  struct block *next;
  size_t used;
  char bytes[65536 - sizeof(struct block *) - sizeof(size_t)];
} block;

typedef struct table {
  size_t ncolumns, count, capacity;
  shunt_value *cells;
  block *texts;
  uint32_t *starts, *items; /* of the parents' rows: the positions of their children here */
} table;

static const char *keep_text(table *t, const void *text, size_t size) {
  if (!t->texts || sizeof t->texts->bytes - t->texts->used < size + 1) {
    block *b = bench_alloc(sizeof *b);
    b->next = t->texts;
    b->used = 0;
    t->texts = b;
  }
  char *to = t->texts->bytes + t->texts->used;
  memcpy(to, text, size);
  to[size] = 0;
  t->texts->used += size + 1;
  return to;
}

static shunt_value read_cell(table *t, sqlite3_stmt *stmt, int column) {
  switch (sqlite3_column_type(stmt, column)) {
  case SQLITE_INTEGER:
    return shunt_integer(sqlite3_column_int64(stmt, column));
  case SQLITE_FLOAT:
    return shunt_float(sqlite3_column_double(stmt, column));
  case SQLITE_TEXT: {
    const void *text = sqlite3_column_text(stmt, column);
    size_t size = (size_t)sqlite3_column_bytes(stmt, column);
    return shunt_text(keep_text(t, text, size), size);
  }
  default:
    return shunt_null();
  }
}

static void read_rows(table *t, sqlite3 *db, sqlite3_stmt *stmt) {
  int status;
  t->ncolumns = (size_t)sqlite3_column_count(stmt);
  while ((status = sqlite3_step(stmt)) == SQLITE_ROW) {
    if (t->count == t->capacity) {
      t->capacity = t->capacity ? t->capacity * 2 : 1024;
      t->cells = realloc(t->cells, t->capacity * t->ncolumns * sizeof *t->cells);
      if (!t->cells) bench_die("out of memory");
    }
    shunt_value *row = t->cells + t->count++ * t->ncolumns;
    for (int c = 0; c < (int)t->ncolumns; c++) row[c] = read_cell(t, stmt, c);
  }
  if (status != SQLITE_DONE) bench_die("%s", sqlite3_errmsg(db));
  sqlite3_finalize(stmt);
}

static sqlite3_stmt *prepare_in(sqlite3 *db, const char *select, const table *parents) {
  size_t length = strlen(select);
  char *sql = bench_alloc(length + parents->count * 2 + 2);
  memcpy(sql, select, length);
  for (size_t i = 0; i < parents->count; i++) {
    sql[length++] = '?';
    sql[length++] = ',';
  }
  sql[length - 1] = ')';
  sql[length] = 0;
  sqlite3_stmt *stmt = bench_prepare(db, sql);
  for (size_t i = 0; i < parents->count; i++)
    sqlite3_bind_int64(stmt, (int)i + 1, parents->cells[i * parents->ncolumns].as.integer);
  free(sql);
  return stmt;
}

/* Groups children by the parent whose first column their second one names: an open hash of the parents, then a count,
 * a running sum and a distribution. */
static void group(table *children, const table *parents) {
  size_t size = 16;
  while (size < parents->count * 2) size *= 2;
  uint32_t *slots = bench_alloc(size * sizeof *slots), *owner = bench_alloc((children->count + 1) * sizeof *owner);
  memset(slots, 0, size * sizeof *slots);
  for (size_t i = 0; i < parents->count; i++) {
    size_t at = (uint64_t)parents->cells[i * parents->ncolumns].as.integer * 0x9E3779B97F4A7C15U >> 32 & (size - 1);
    while (slots[at]) at = (at + 1) & (size - 1);
    slots[at] = (uint32_t)i + 1;
  }
  children->starts = calloc(parents->count + 2, sizeof *children->starts);
  children->items = bench_alloc((children->count + 1) * sizeof *children->items);
  if (!children->starts) bench_die("out of memory");
  for (size_t i = 0; i < children->count; i++) {
    int64_t key = children->cells[i * children->ncolumns + 1].as.integer;
    size_t at = (uint64_t)key * 0x9E3779B97F4A7C15U >> 32 & (size - 1);
    while (parents->cells[(slots[at] - 1) * parents->ncolumns].as.integer != key) at = (at + 1) & (size - 1);
    owner[i] = slots[at] - 1;
    children->starts[owner[i] + 2]++;
  }
  for (size_t i = 2; i < parents->count + 2; i++) children->starts[i] += children->starts[i - 1];
  for (size_t i = 0; i < children->count; i++) children->items[children->starts[owner[i] + 1]++] = (uint32_t)i;
  free(slots);
  free(owner);
}

static void free_table(table *t) {
  while (t->texts) {
    block *next = t->texts->next;
    free(t->texts);
    t->texts = next;
  }
  free(t->cells);
  free(t->starts);
  free(t->items);
}

static void raw_sums(const table *users, const table *orders, const table *lines, totals *sums) {
  *sums = (totals){users->count, orders->count, lines->count, 0};
  for (size_t u = 0; u < users->count; u++) {
    const shunt_value *user = users->cells + u * users->ncolumns;
    sums->sum += row_sum(user, users->ncolumns, 0);
    for (uint32_t i = orders->starts[u]; i < orders->starts[u + 1]; i++) {
      const shunt_value *order = orders->cells + orders->items[i] * orders->ncolumns;
      sums->sum += row_sum(order, orders->ncolumns, user[0].as.integer);
      for (uint32_t k = lines->starts[orders->items[i]]; k < lines->starts[orders->items[i] + 1]; k++)
        sums->sum += row_sum(lines->cells + lines->items[k] * lines->ncolumns, lines->ncolumns, order[0].as.integer);
    }
  }
}

static void raw_round(void *ud) {
  world *w = ud;
  table users = {0}, orders = {0}, lines = {0};
  sqlite3_stmt *stmt = bench_prepare(w->users, "SELECT id, name, email, city, age FROM users WHERE id BETWEEN ? AND ?");
  sqlite3_bind_int64(stmt, 1, FIRST_USER);
  sqlite3_bind_int64(stmt, 2, FIRST_USER + USERS - 1);
  read_rows(&users, w->users, stmt);
  read_rows(&orders, w->orders,
            prepare_in(w->orders, "SELECT id, user_id, state, total, placed FROM orders WHERE user_id IN (", &users));
  group(&orders, &users);
  read_rows(
      &lines, w->orders,
      prepare_in(w->orders, "SELECT id, order_id, product, quantity, price FROM lines WHERE order_id IN (", &orders));
  group(&lines, &orders);
  raw_sums(&users, &orders, &lines, &w->raw);
  free_table(&users);
  free_table(&orders);
  free_table(&lines);
}

/* ---- shunt's side ---- */

static void shunt_sums(const shunt_rows *users, totals *sums) {
  const shunt_rows *orders = shunt_rows_loaded(users, 0).rows, *lines = shunt_rows_loaded(orders, 0).rows;
  size_t ncolumns = shunt_rows_ncolumns(users), norder = shunt_rows_ncolumns(orders),
         nline = shunt_rows_ncolumns(lines);
  *sums = (totals){shunt_rows_count(users), shunt_rows_count(orders), shunt_rows_count(lines), 0};
  for (size_t u = 0; u < shunt_rows_count(users); u++) {
    size_t count, nlines;
    const shunt_value *user = shunt_rows_at(users, u);
    const uint32_t *of_user = shunt_rows_related(users, 0, u, &count);
    sums->sum += row_sum(user, ncolumns, 0);
    for (size_t i = 0; i < count; i++) {
      const shunt_value *order = shunt_rows_at(orders, of_user[i]);
      const uint32_t *of_order = shunt_rows_related(orders, 0, of_user[i], &nlines);
      sums->sum += row_sum(order, norder, user[0].as.integer);
      for (size_t k = 0; k < nlines; k++)
        sums->sum += row_sum(shunt_rows_at(lines, of_order[k]), nline, order[0].as.integer);
    }
  }
}

static void shunt_round(void *ud) {
  world *w = ud;
  shunt_value ends[2] = {shunt_integer(FIRST_USER), shunt_integer(FIRST_USER + USERS - 1)};
  shunt_where where = {.op = SHUNT_BETWEEN, .column = "id", .values = ends, .nvalues = 2};
  shunt_include lines = {.relation = "lines"};
  shunt_include orders = {.relation = "orders", .query = {.include = &lines, .ninclude = 1}};
  shunt_rows *rows;
  shunt_error err;
  if (shunt_select(w->session, "user", &(shunt_query){.where = &where, .include = &orders, .ninclude = 1}, &rows, &err))
    bench_die("%s", err.message);
  shunt_sums(rows, &w->shunt);
  shunt_rows_free(rows);
}

/* ---- opening, and what it takes in memory ---- */

static void open_raw(world *w) {
  w->users = bench_database("main.db");
  w->orders = bench_database("orders.db");
}

static void open_shunt(world *w) {
  shunt_error err;
  w->app = bench_open();
  if (shunt_session_open(w->app, NULL, &w->session, &err)) bench_die("%s", err.message);
}

static long status_kib(const char *key) {
  char line[256];
  long kib = -1;
  FILE *file = fopen("/proc/self/status", "r");
  if (!file) bench_die("/proc/self/status: %s", strerror(errno));
  while (fgets(line, sizeof line, file))
    if (strncmp(line, key, strlen(key)) == 0) kib = strtol(line + strlen(key) + 1, NULL, 10);
  fclose(file);
  return kib;
}

/* In a process of its own, so that nothing that filling leaves in the heap is used again by a side that is measured. */
static void fill_elsewhere(void) {
  int status;
  pid_t child = fork();
  if (child < 0) bench_die("fork: %s", strerror(errno));
  if (child == 0) {
    fill();
    _exit(0);
  }
  if (waitpid(child, &status, 0) < 0 || status) bench_die("include: the databases could not be filled");
}

/* How far a process of its own grows from before it opens anything until it has loaded everything once, in KiB. */
static long peak_kib(void (*open)(world *), void (*round)(void *)) {
  int ends[2];
  long kib = -1;
  fflush(NULL);
  if (pipe(ends)) bench_die("pipe: %s", strerror(errno));
  pid_t child = fork();
  if (child < 0) bench_die("fork: %s", strerror(errno));
  if (child == 0) {
    world w = {0};
    long before = status_kib("VmRSS");
    open(&w);
    round(&w);
    kib = status_kib("VmHWM") - before;
    _exit(write(ends[1], &kib, sizeof kib) != sizeof kib);
  }
  close(ends[1]);
  bool read_it = read(ends[0], &kib, sizeof kib) == sizeof kib;
  close(ends[0]);
  int status;
  if (waitpid(child, &status, 0) < 0 || status || !read_it)
    bench_die("include: the process that measures memory failed");
  return kib;
}

int main(void) {
  world w = {0};
  bench_pairs pairs;
  bench_folder();
  bench_write("shunt.yaml", config);
  bench_write("rules/models.lua", rules);
  fill_elsewhere();
  long raw_kib = peak_kib(open_raw, raw_round), shunt_kib = peak_kib(open_shunt, shunt_round);
  open_raw(&w);
  open_shunt(&w);
  bench_measure(raw_round, shunt_round, &w, &pairs);
  if (memcmp(&w.raw, &w.shunt, sizeof w.raw))
    bench_die("include: raw read %ju users, %ju orders, %ju lines, sum %ju; shunt %ju, %ju, %ju, sum %ju",
              (uintmax_t)w.raw.users, (uintmax_t)w.raw.orders, (uintmax_t)w.raw.lines, (uintmax_t)w.raw.sum,
              (uintmax_t)w.shunt.users, (uintmax_t)w.shunt.orders, (uintmax_t)w.shunt.lines, (uintmax_t)w.shunt.sum);
  bench_report_pairs("include_ratio", &pairs, 1.5, 1, "IN queries", "shunt_select with include");
  printf("# %ju users, %ju orders, %ju lines\n", (uintmax_t)w.raw.users, (uintmax_t)w.raw.orders,
         (uintmax_t)w.raw.lines);
  bench_report("include_memory_ratio", (double)shunt_kib / (double)raw_kib, 2.0);
  printf("# IN queries: %ld KiB, shunt_select with include: %ld KiB (peaks)\n", raw_kib, shunt_kib);
  shunt_session_close(w.session);
  shunt_close(w.app);
  sqlite3_close(w.users);
  sqlite3_close(w.orders);
  bench_clean();
  return 0;
}
