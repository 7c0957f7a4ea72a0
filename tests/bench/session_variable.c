/* What a session variable that does not change costs: one row by its primary key through shunt_select on PostgreSQL, on
 * a client with a session variable and on one without. */
#include "bench/get.h"

static void add_cells(const shunt_rows *rows, uint64_t *sum) {
  const shunt_value *cells = shunt_rows_at(rows, 0);
  for (size_t c = 0; c < shunt_rows_ncolumns(rows); c++) *sum += get_value_sum(&cells[c]);
}

static void round_of(get_world *w, const char *model, uint64_t *sum) {
  for (int i = 0; i < w->gets; i++) {
    shunt_value id = shunt_integer(get_id(i));
    shunt_where where = {.op = SHUNT_EQ, .column = "id", .values = &id, .nvalues = 1};
    shunt_rows *rows;
    shunt_error err;
    if (shunt_select(w->session, model, &(shunt_query){.where = &where, .limit = 1}, &rows, &err))
      bench_die("%s", err.message);
    add_cells(rows, sum);
    shunt_rows_free(rows);
  }
}

static void without(void *ud) { round_of(ud, "plain", &((get_world *)ud)->raw_sum); }
static void with(void *ud) { round_of(ud, "user", &((get_world *)ud)->shunt_sum); }

int main(void) {
  get_world w = {.gets = 5000};
  char config[4096];
  shunt_error err;
  bench_pairs pairs;
  bench_folder();
  bench_db db = get_fill(BENCH_PG);
  snprintf(config, sizeof config,
           "rules: {path: [rules]}\ninstance: {instances: {acme: {id: 7}}}\ndatabase:\n  defaultClient: main\n"
           "  clients:\n    main: {engine: pg, connection: {url: \"%s\"}}\n    tenants:\n      clone: main\n"
           "      session: {search_path: \"${instance}, public\", app.tenant: \"${instance.id}\"}\n",
           db.url);
  bench_write("shunt.yaml", config);
  bench_write("rules/models.lua", "model \"user\" { table = \"users\", client = \"tenants\" }\n"
                                  "model \"plain\" { table = \"users\" }\n");
  w.app = bench_open();
  if (shunt_session_open(w.app, &(shunt_session_options){.instance = "acme"}, &w.session, &err))
    bench_die("%s", err.message);
  bench_measure(without, with, &w, &pairs);
  if (w.raw_sum != w.shunt_sum) bench_die("session_variable_ratio: the two sides read different rows");
  bench_report_pairs("session_variable_ratio", &pairs, 1.02, w.gets, "without a variable", "with one");
  shunt_session_close(w.session);
  shunt_close(w.app);
  bench_clean();
  return 0;
}
