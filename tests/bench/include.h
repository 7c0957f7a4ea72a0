/* For: what the measuring programs of `include` share: users with orders and their lines, as rows of cells on the raw
 * side and through shunt_select on shunt's; and how much memory each of them takes.
 * Owner: include_world is its program's, which begins its own struct with it; what a raw round reads is freed in it.
 * Use: a program fills databases, gives the two functions of its raw side and calls include_measure. */
#ifndef SHUNT_BENCH_INCLUDE_H
#define SHUNT_BENCH_INCLUDE_H

#include "bench/servers.h"

#include <sys/wait.h>

enum { USERS = 1000, FIRST_USER = 4001 };

static const char include_rules[] =
    "model \"user\" { table = \"users\", relations = { orders = has_many(\"order\", \"user_id\") } }\n"
    "model \"order\" { table = \"orders\", client = \"orders\", relations = { lines = has_many(\"line\", "
    "\"order_id\") } }\n"
    "model \"line\" { table = \"order_lines\", client = \"orders\" }\n";

typedef struct totals {
  uint64_t users, orders, lines, sum;
} totals;

typedef struct include_world {
  shunt_app *app;
  shunt_session *session;
  totals raw, shunt;
} include_world;

/* Order does not matter within a parent, but whose row it is does. */
static inline uint64_t row_sum(const shunt_value *cells, size_t n, int64_t parent) {
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

static inline const char *keep_text(table *t, const void *text, size_t size) {
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

/* Room for one more row. */
static inline shunt_value *add_row(table *t) {
  if (t->count == t->capacity) {
    t->capacity = t->capacity ? t->capacity * 2 : 1024;
    t->cells = realloc(t->cells, t->capacity * t->ncolumns * sizeof *t->cells);
    if (!t->cells) bench_die("out of memory");
  }
  return t->cells + t->count++ * t->ncolumns;
}

/* Groups children by the parent whose first column their second one names: an open hash of the parents, then a count,
 * a running sum and a distribution. */
static inline void group(table *children, const table *parents) {
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

static inline void free_table(table *t) {
  while (t->texts) {
    block *next = t->texts->next;
    free(t->texts);
    t->texts = next;
  }
  free(t->cells);
  free(t->starts);
  free(t->items);
}

static inline void raw_sums(const table *users, const table *orders, const table *lines, totals *sums) {
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

/* ---- shunt's side ---- */

static inline void shunt_sums(const shunt_rows *users, totals *sums) {
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

static inline shunt_rows *include_select(const include_world *w) {
  shunt_value ends[2] = {shunt_integer(FIRST_USER), shunt_integer(FIRST_USER + USERS - 1)};
  shunt_where where = {.op = SHUNT_BETWEEN, .column = "id", .values = ends, .nvalues = 2};
  shunt_include lines = {.relation = "lines"};
  shunt_include orders = {.relation = "orders", .query = &(shunt_query){.include = &lines, .ninclude = 1}};
  shunt_rows *rows;
  shunt_error err;
  if (shunt_select(w->session, "user", &(shunt_query){.where = &where, .include = &orders, .ninclude = 1}, &rows, &err))
    bench_die("%s", err.message);
  return rows;
}

static inline void include_round(void *ud) {
  include_world *w = ud;
  shunt_rows *rows = include_select(w);
  shunt_sums(rows, &w->shunt);
  shunt_rows_free(rows);
}

static inline void include_open(void *ud) {
  include_world *w = ud;
  shunt_error err;
  w->app = bench_open();
  if (shunt_session_open(w->app, NULL, &w->session, &err)) bench_die("%s", err.message);
}

/* ---- measuring ---- */

/* In a process of its own, so that nothing that filling leaves in the heap is used again by a side that is measured. */
static inline void include_fill(void (*fill)(void *), void *ud) {
  int status;
  fflush(NULL);
  pid_t child = fork();
  if (child < 0) bench_die("fork: %s", strerror(errno));
  if (child == 0) {
    fill(ud);
    _exit(0);
  }
  if (waitpid(child, &status, 0) < 0 || status) bench_die("include: the databases could not be filled");
}

/* How far a process of its own grows from before it opens anything until it has loaded everything once, in KiB. */
static inline long peak_kib(void (*open)(void *), void (*round)(void *), void *ud) {
  int ends[2];
  long kib = -1;
  fflush(NULL);
  if (pipe(ends)) bench_die("pipe: %s", strerror(errno));
  pid_t child = fork();
  if (child < 0) bench_die("fork: %s", strerror(errno));
  if (child == 0) {
    long before = bench_status_kib("VmRSS");
    open(ud);
    round(ud);
    kib = bench_status_kib("VmHWM") - before;
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

/* A raw side: what it opens (in ud, which begins with an include_world) and what it does in a round. */
typedef struct include_side {
  void (*open)(void *ud), (*round)(void *ud);
} include_side;

typedef struct include_peaks {
  long raw_kib, shunt_kib;
} include_peaks;

/* Before this process has measured anything: what it leaves in the heap would be used again. */
static inline include_peaks include_measure_peaks(const include_side *raw, void *ud) {
  include_peaks peaks;
  peaks.raw_kib = peak_kib(raw->open, raw->round, ud);
  peaks.shunt_kib = peak_kib(include_open, include_round, ud);
  return peaks;
}

/* Opens both sides, and leaves the raw one open. */
static inline void include_measure(const include_side *raw, void *ud, bench_pairs *pairs) {
  include_world *w = ud;
  raw->open(ud);
  include_open(ud);
  bench_measure(raw->round, include_round, ud, pairs);
  if (memcmp(&w->raw, &w->shunt, sizeof w->raw))
    bench_die("include: raw read %ju users, %ju orders, %ju lines, sum %ju; shunt %ju, %ju, %ju, sum %ju",
              (uintmax_t)w->raw.users, (uintmax_t)w->raw.orders, (uintmax_t)w->raw.lines, (uintmax_t)w->raw.sum,
              (uintmax_t)w->shunt.users, (uintmax_t)w->shunt.orders, (uintmax_t)w->shunt.lines,
              (uintmax_t)w->shunt.sum);
  shunt_session_close(w->session);
  shunt_close(w->app);
}

static inline void include_report(const char *name, const include_world *w, const bench_pairs *pairs, double limit,
                                  const include_peaks *peaks, double memory_limit) {
  char full[64];
  snprintf(full, sizeof full, "%s_ratio", name);
  bench_report_pairs(full, pairs, limit, 1, "IN queries", "shunt_select with include");
  printf("# %ju users, %ju orders, %ju lines\n", (uintmax_t)w->raw.users, (uintmax_t)w->raw.orders,
         (uintmax_t)w->raw.lines);
  snprintf(full, sizeof full, "%s_memory_ratio", name);
  bench_report(full, (double)peaks->shunt_kib / (double)peaks->raw_kib, memory_limit);
  printf("# IN queries: %ld KiB, shunt_select with include: %ld KiB (peaks)\n", peaks->raw_kib, peaks->shunt_kib);
}

#endif
