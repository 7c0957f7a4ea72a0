/* Everyday tasks with shunt: README.md shows them beside the same with sqlite3 and libpq. Use: shunt SHUNT_YAML */
#include <inttypes.h>
#include <shunt.h>
#include <stdio.h>
#include <stdlib.h>

static shunt_app *app;
static shunt_session *session;
static shunt_error err;

static void die(void) {
  fprintf(stderr, "%s\n", err.message);
  exit(1);
}

static void open_it(const char *where) {
  /* open */
  if (shunt_open(where, NULL, &app, &err)) die();
  if (shunt_session_open(app, NULL, &session, &err)) die();
  /* end */
}

static void read_one(int64_t id) {
  /* read one row */
  shunt_rows *rows;
  if (shunt_get(session, "user", shunt_integer(id), NULL, &rows, &err)) die();
  if (shunt_rows_count(rows)) puts(shunt_rows_get(rows, 0, "name")->as.bytes);
  shunt_rows_free(rows);
  /* end */
}

static void read_related(int64_t id) {
  /* read with a relation */
  shunt_rows *rows;
  const uint32_t *at;
  size_t n;
  const shunt_query with_orders = {SHUNT_INCLUDE({.relation = "orders"})};
  if (shunt_get(session, "user", shunt_integer(id), &with_orders, &rows, &err)) die();
  const shunt_rows *orders = shunt_rows_children(rows, 0, "orders", &at, &n);
  for (size_t i = 0; i < n; i++) puts(shunt_rows_get(orders, at[i], "item")->as.bytes);
  shunt_rows_free(rows);
  /* end */
}

static void write_one(int64_t user, const char *item) {
  /* write */
  shunt_rows *rows;
  const shunt_record order = SHUNT_RECORD({"user_id", shunt_integer(user)}, {"item", shunt_str(item)});
  if (shunt_insert(session, "order", &order, NULL, &rows, &err)) die();
  printf("%" PRId64 "\n", shunt_rows_get(rows, 0, "id")->as.integer);
  shunt_rows_free(rows);
  /* end */
}

/* transaction */
static shunt_status add(shunt_session *s, int64_t id, int64_t amount, shunt_error *problem) {
  const shunt_field by = {"balance", shunt_integer(amount)};
  const shunt_write change = {
      .where = &SHUNT_WHERE("id", SHUNT_EQ, shunt_integer(id)), .increments = &by, .nincrements = 1};
  return shunt_update(s, "account", NULL, &change, NULL, problem);
}
static shunt_status move(void *ud, shunt_session *s, shunt_error *problem) {
  const int64_t *of = ud;
  shunt_status status = add(s, of[0], -of[2], problem);
  return status ? status : add(s, of[1], of[2], problem);
}
/* end */

static void transfer(int64_t from, int64_t to, int64_t amount) {
  /* transaction */
  if (shunt_transaction(session, NULL, move, (int64_t[]){from, to, amount}, &err)) die();
  /* end */
}

static void resolve(const char *model) {
  /* resolve */
  const shunt_decision *decision;
  if (shunt_resolve(session, &(shunt_request){.model = model}, &decision, &err)) die();
  puts(decision->client);
  /* end */
}

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  open_it(argv[1]);
  read_one(7);
  read_related(7);
  write_one(7, "tea");
  transfer(1, 2, 30);
  resolve("invoice");
  shunt_session_close(session);
  shunt_close(app);
}
