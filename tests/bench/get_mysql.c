/* One row by its primary key through shunt_select on MariaDB or MySQL, against the client library: a prepared
 * statement with its parameter and its cells bound, copied out. One connection each, on the same Unix socket. */
#include "bench/get.h"

enum { ROOM = 128 }; /* more than any of the texts has */

typedef struct cell {
  union {
    long long integer;
    double number;
    char text[ROOM];
  } as;
  unsigned long size;
  bench_mysql_flag is_null;
} cell;

typedef struct world {
  get_world get;
  MYSQL *mysql;
  MYSQL_STMT *stmt;
  long long id;
  cell cells[GET_COLUMNS];
} world;

/* A program of its own knows its columns. */
static const enum enum_field_types types[GET_COLUMNS] = {MYSQL_TYPE_LONGLONG, MYSQL_TYPE_STRING,   MYSQL_TYPE_STRING,
                                                         MYSQL_TYPE_STRING,   MYSQL_TYPE_LONGLONG, MYSQL_TYPE_DOUBLE,
                                                         MYSQL_TYPE_LONGLONG, MYSQL_TYPE_STRING};

/* Once: the statement keeps where its parameter and its cells are. */
static void prepare(world *w) {
  MYSQL_BIND param = {.buffer_type = MYSQL_TYPE_LONGLONG, .buffer = &w->id}, cells[GET_COLUMNS];
  w->stmt = bench_mysql_prepare(w->mysql, GET_SELECT "?");
  memset(cells, 0, sizeof cells);
  for (int c = 0; c < GET_COLUMNS; c++) {
    cells[c].buffer_type = types[c];
    cells[c].buffer = &w->cells[c].as;
    cells[c].buffer_length = sizeof w->cells[c].as;
    cells[c].length = &w->cells[c].size;
    cells[c].is_null = &w->cells[c].is_null;
  }
  if (mysql_stmt_bind_param(w->stmt, &param) || mysql_stmt_bind_result(w->stmt, cells))
    bench_die("%s", mysql_stmt_error(w->stmt));
}

static shunt_value read_cell(const cell *from, enum enum_field_types type, char **to) {
  if (from->is_null) return shunt_null();
  if (type == MYSQL_TYPE_LONGLONG) return shunt_integer(from->as.integer);
  if (type == MYSQL_TYPE_DOUBLE) return shunt_float(from->as.number);
  return get_text(to, from->as.text, from->size);
}

static get_row *copy_row(const cell *cells) {
  size_t bytes = 0;
  for (int c = 0; c < GET_COLUMNS; c++)
    if (types[c] == MYSQL_TYPE_STRING && !cells[c].is_null) bytes += cells[c].size + 1;
  get_row *row = bench_alloc(sizeof *row + bytes);
  char *to = (char *)(row + 1);
  for (int c = 0; c < GET_COLUMNS; c++) row->cells[c] = read_cell(&cells[c], types[c], &to);
  return row;
}

static void raw_round(void *ud) {
  world *w = ud;
  for (int i = 0; i < w->get.gets; i++) {
    w->id = get_id(i);
    if (mysql_stmt_execute(w->stmt) || mysql_stmt_fetch(w->stmt)) bench_die("%s", mysql_stmt_error(w->stmt));
    get_row *row = copy_row(w->cells);
    mysql_stmt_free_result(w->stmt);
    get_sum_raw(&w->get, row);
    free(row);
  }
}

int main(void) {
  world w = {.get.gets = 5000};
  bench_folder();
  bench_db db = get_fill(BENCH_MYSQL);
  w.mysql = bench_mysql_open(&db);
  prepare(&w);
  get_open(&w.get);
  get_measure("get_mysql_ratio", &w.get, raw_round, 1.10);
  printf("# MySQL or MariaDB %s\n", mysql_get_server_info(w.mysql));
  mysql_stmt_close(w.stmt);
  mysql_close(w.mysql);
  bench_clean();
  return 0;
}
