/* For: what the measuring programs of streams share: a million rows, shunt's side, and the memory that it takes.
 * Owner: stream_world is its program's, which begins its own struct with it.
 * Use: bench_db db = stream_fill(BENCH_PG); stream_open(&w.stream); stream_measure("stream_pg_ratio", &w.stream,
 * raw_round); */
#ifndef SHUNT_BENCH_STREAM_H
#define SHUNT_BENCH_STREAM_H

#include "bench/servers.h"

enum { STREAM_POWER = 6, STREAM_ROWS = 1000000, STREAM_COLUMNS = 4, STREAM_ROUNDS = 5, STREAM_TEXT = 64 };

#define STREAM_SELECT "SELECT id, kind, score, name FROM events"

typedef struct stream_world {
  shunt_app *app;
  shunt_session *session;
  uint64_t raw_sum, shunt_sum;
  int64_t rows;
  long kib_early, kib_late; /* VmRSS of shunt's side, after a tenth of the rows and before the last one */
} stream_world;

/* A row of the raw side: the program may use it until the next one. */
typedef struct stream_row {
  int64_t id, kind;
  double score;
  size_t name_size;
  char name[STREAM_TEXT];
} stream_row;

static inline uint64_t stream_sum(int64_t id, int64_t kind, double score, const char *name, size_t size) {
  return (uint64_t)id + (uint64_t)kind + (uint64_t)score + size + (unsigned char)name[size - 1];
}

static inline void stream_take(stream_world *w, stream_row *row, const char *name, size_t size) {
  memcpy(row->name, name, size);
  row->name[size] = 0;
  row->name_size = size;
  w->raw_sum += stream_sum(row->id, row->kind, row->score, row->name, row->name_size);
}

static inline bench_db stream_fill(bench_engine engine) {
  bench_db db = bench_db_make(engine, "main");
  bench_db_numbers(&db, STREAM_POWER);
  bench_db_run(&db, "CREATE TABLE events (id bigint PRIMARY KEY, kind integer, score double precision, name "
                    "varchar(60))");
  if (engine == BENCH_SQLITE)
    bench_db_run(&db, "INSERT INTO events SELECT i, i % 7, i / 8.0, 'The event number ' || i FROM numbers");
  else
    bench_db_run(&db, "INSERT INTO events SELECT i, i % 7, i / 8.0, CONCAT('The event number ', i) FROM numbers");
  if (engine != BENCH_SQLITE) bench_db_settle(&db, "events");
  bench_config((const bench_db *[]){&db}, 1);
  return db;
}

static inline void stream_open(stream_world *w) {
  shunt_error err;
  bench_write("rules/models.lua", "model \"event\" { table = \"events\" }\n");
  w->app = bench_open();
  if (shunt_session_open(w->app, NULL, &w->session, &err)) bench_die("%s", err.message);
}

static inline void stream_round(void *ud) {
  stream_world *w = ud;
  shunt_stream *stream;
  shunt_error err;
  const shunt_value *row;
  if (shunt_each(w->session, "event", NULL, &stream, &err)) bench_die("%s", err.message);
  for (w->rows = 0; !shunt_stream_next(stream, &row, &err) && row; w->rows++) {
    w->shunt_sum += stream_sum(row[0].as.integer, row[1].as.integer, row[2].as.number, row[3].as.bytes, row[3].size);
    if (w->rows == STREAM_ROWS / 10) w->kib_early = bench_status_kib("VmRSS");
    if (w->rows == STREAM_ROWS - 1) w->kib_late = bench_status_kib("VmRSS");
  }
  if (row || w->rows != STREAM_ROWS) bench_die("%lld rows: %s", (long long)w->rows, err.message);
  shunt_stream_close(stream);
}

static inline void stream_measure(const char *name, stream_world *w, void (*raw)(void *)) {
  bench_pairs pairs = {.rounds = STREAM_ROUNDS};
  char memory[64];
  stream_round(w); /* before the raw side has taken memory that it could use again */
  w->shunt_sum = 0;
  snprintf(memory, sizeof memory, "%.*s_memory_ratio", (int)(strlen(name) - strlen("_ratio")), name);
  bench_report(memory, (double)w->kib_late / (double)w->kib_early, 1.05);
  printf("# VmRSS: %ld KiB after 100,000 rows, %ld KiB before the last of 1,000,000\n", w->kib_early, w->kib_late);
  bench_rounds(raw, stream_round, w, &pairs);
  if (w->raw_sum != w->shunt_sum) bench_die("%s: the two sides read different rows", name);
  bench_report_pairs(name, &pairs, 1.10, STREAM_ROWS, "the raw loop", "shunt_each");
  shunt_session_close(w->session);
  shunt_close(w->app);
}

#endif
