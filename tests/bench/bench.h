/* For: what the measuring programs share: a scratch folder, clocks, and the line that says how a figure came out.
 * Owner: the scratch folder is made by bench_folder and removed when the program ends, by bench_clean.
 * Use: bench_folder(); bench_write("shunt.yaml", text); …; bench_report("get_ratio", ratio, 1.5, "…"); */
#ifndef SHUNT_BENCH_BENCH_H
#define SHUNT_BENCH_BENCH_H

#define _XOPEN_SOURCE 700 /* mkdtemp, clock_gettime: so include this header first */

#include <errno.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "shunt.h"

enum { BENCH_PATH = 512 };

static char bench_root[BENCH_PATH];

static inline void bench_clean(void) {
  static const char *const names[] = {"shunt.yaml", "rules/models.lua", "main.db",       "main.db-wal", "main.db-shm",
                                      "orders.db",  "orders.db-wal",    "orders.db-shm", "rules",       ""};
  char path[BENCH_PATH + 64];
  for (size_t i = 0; i < sizeof names / sizeof *names && *bench_root; i++) {
    snprintf(path, sizeof path, "%s/%s", bench_root, names[i]);
    remove(path);
  }
}

__attribute__((format(printf, 1, 2), noreturn)) static inline void bench_die(const char *format, ...) {
  va_list args;
  va_start(args, format);
  fputs("bench: ", stderr);
  vfprintf(stderr, format, args);
  fputc('\n', stderr);
  va_end(args);
  bench_clean();
  exit(1);
}

static inline void bench_path(char path[BENCH_PATH + 64], const char *name) {
  snprintf(path, BENCH_PATH + 64, "%s/%s", bench_root, name);
}

static inline void bench_folder(void) {
  char path[BENCH_PATH + 64];
  const char *tmp = getenv("TMPDIR");
  snprintf(bench_root, sizeof bench_root, "%.400s/shunt-bench-XXXXXX", tmp && *tmp ? tmp : "/tmp");
  if (!mkdtemp(bench_root)) bench_die("no folder can be made in %s: %s", tmp && *tmp ? tmp : "/tmp", strerror(errno));
  bench_path(path, "rules");
  if (mkdir(path, 0700)) bench_die("%s: %s", path, strerror(errno));
}

static inline void bench_write(const char *name, const char *text) {
  char path[BENCH_PATH + 64];
  bench_path(path, name);
  FILE *file = fopen(path, "w");
  if (!file || fputs(text, file) < 0 || fclose(file)) bench_die("%s: %s", path, strerror(errno));
}

static inline shunt_app *bench_open(void) {
  char path[BENCH_PATH + 64];
  shunt_app *app;
  shunt_error err;
  bench_path(path, "shunt.yaml");
  if (shunt_open(path, NULL, &app, &err)) bench_die("%s:%d: %s", err.file, err.line, err.message);
  return app;
}

/* A database as the library opens it: one thread at a time, WAL. */
static inline sqlite3 *bench_database(const char *name) {
  char path[BENCH_PATH + 64];
  sqlite3 *db;
  bench_path(path, name);
  if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL) ||
      sqlite3_exec(db, "PRAGMA journal_mode = WAL; PRAGMA foreign_keys = ON", NULL, NULL, NULL))
    bench_die("%s: %s", path, sqlite3_errmsg(db));
  return db;
}

static inline void bench_sql(sqlite3 *db, const char *sql) {
  if (sqlite3_exec(db, sql, NULL, NULL, NULL)) bench_die("%s in: %s", sqlite3_errmsg(db), sql);
}

static inline sqlite3_stmt *bench_prepare(sqlite3 *db, const char *sql) {
  sqlite3_stmt *stmt;
  if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL)) bench_die("%s in: %s", sqlite3_errmsg(db), sql);
  return stmt;
}

static inline void *bench_alloc(size_t bytes) {
  void *block = malloc(bytes);
  if (!block) bench_die("out of memory");
  return block;
}

static inline uint64_t bench_random(uint64_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 7;
  *state ^= *state << 17;
  return *state;
}

static inline int64_t bench_now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* "VmRSS", "VmHWM": of this process. */
static inline long bench_status_kib(const char *key) {
  char line[256];
  long kib = -1;
  FILE *file = fopen("/proc/self/status", "r");
  if (!file) bench_die("/proc/self/status: %s", strerror(errno));
  while (fgets(line, sizeof line, file))
    if (strncmp(line, key, strlen(key)) == 0) kib = strtol(line + strlen(key) + 1, NULL, 10);
  fclose(file);
  return kib;
}

/* Rounds of two sides, one after the other, so that other load on the machine affects both. */
enum { BENCH_ROUNDS = 15 };

typedef struct bench_pairs {
  int rounds;                                    /* BENCH_ROUNDS at most */
  double raw[BENCH_ROUNDS], shunt[BENCH_ROUNDS]; /* each round's time in ns */
} bench_pairs;

static inline int bench_compare(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static inline double bench_median(const double *list, int n) {
  double sorted[BENCH_ROUNDS];
  memcpy(sorted, list, (size_t)n * sizeof *sorted);
  qsort(sorted, (size_t)n, sizeof *sorted, bench_compare);
  return sorted[n / 2];
}

/* out->rounds of them, and one that does not count. */
static inline void bench_rounds(void (*raw)(void *), void (*shunt)(void *), void *ud, bench_pairs *out) {
  raw(ud);
  shunt(ud);
  for (int i = 0; i < out->rounds; i++) {
    int64_t start = bench_now_ns();
    raw(ud);
    int64_t middle = bench_now_ns();
    shunt(ud);
    out->raw[i] = (double)(middle - start);
    out->shunt[i] = (double)(bench_now_ns() - middle);
  }
}

static inline void bench_measure(void (*raw)(void *), void (*shunt)(void *), void *ud, bench_pairs *out) {
  out->rounds = BENCH_ROUNDS;
  bench_rounds(raw, shunt, ud, out);
}

static inline void bench_report(const char *name, double value, double limit) {
  printf("%s %.2f %.2f %s\n", name, value, limit, value <= limit ? "ok" : "short");
}

/* The median of the rounds' ratios; then, as comments, what one operation took on each side. */
static inline void bench_report_pairs(const char *name, const bench_pairs *pairs, double limit, double operations,
                                      const char *raw, const char *shunt) {
  double ratios[BENCH_ROUNDS];
  int n = pairs->rounds;
  for (int i = 0; i < n; i++) ratios[i] = pairs->shunt[i] / pairs->raw[i];
  bench_report(name, bench_median(ratios, n), limit);
  printf("# %s: %.0f ns, %s: %.0f ns (medians of %d rounds)\n", raw, bench_median(pairs->raw, n) / operations, shunt,
         bench_median(pairs->shunt, n) / operations, n);
}

#endif
