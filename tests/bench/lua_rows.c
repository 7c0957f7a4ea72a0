/* A graph of 41,000 rows, 1,000 users with orders and their lines on one datasource, as a Lua host gets it (tables)
 * and as a C host does (shunt_rows): on SQLite and on PostgreSQL. */
#include "bench/include.h" /* first: it asks the system for what it needs */
#include "bench/lua_host.h"

typedef struct world {
  include_world c;
  lua_State *L;
} world;

/* totals adds up what shunt_sums does. */
static const char chunk[] =
    "local user = session:model 'user'\n"
    "local options = {\n"
    "  where = { id = { between = { 4001, 5000 } } },\n"
    "  include = { orders = { include = { lines = true } } },\n"
    "}\n"
    "local function row_sum(row, parent)\n"
    "  local sum = 0\n"
    "  for _, value in pairs(row) do\n"
    "    if type(value) == 'number' then sum = sum + (value // 1 | 0)\n"
    "    elseif type(value) == 'string' then sum = sum + #value + value:byte() end\n"
    "  end\n"
    "  return sum * (parent + 1)\n"
    "end\n"
    "return {\n"
    "  select = function() user:select(options) end,\n"
    "  totals = function()\n"
    "    local users, norders, nlines, sum = user:select(options), 0, 0, 0\n"
    "    for _, u in ipairs(users) do\n"
    "      sum = sum + row_sum(u, 0)\n"
    "      for _, o in ipairs(u.orders) do\n"
    "        norders, sum = norders + 1, sum + row_sum(o, u.id)\n"
    "        for _, l in ipairs(o.lines) do nlines, sum = nlines + 1, sum + row_sum(l, o.id) end\n"
    "      end\n"
    "    end\n"
    "    return #users, norders, nlines, sum\n"
    "  end,\n"
    "}\n";

static void fill(const bench_db *db) {
  static const char *const tables[] = {"users", "orders", "order_lines", NULL};
  bench_db_numbers(db, 5);
  bench_db_run(db, "CREATE TABLE users (id bigint PRIMARY KEY, name varchar(60) NOT NULL, email varchar(60), "
                   "city varchar(20), age integer)");
  bench_db_run(db, "CREATE TABLE orders (id bigint PRIMARY KEY, user_id bigint NOT NULL, state varchar(20), "
                   "total double precision, placed bigint)");
  bench_db_run(db, "CREATE TABLE order_lines (id bigint PRIMARY KEY, order_id bigint NOT NULL, product varchar(40), "
                   "quantity integer, price double precision)");
  bench_db_run(db, "INSERT INTO users SELECT 4000 + i, 'User number ' || i, 'user' || i || '@example.org', CASE i % 3 "
                   "WHEN 0 THEN 'Oslo' WHEN 1 THEN 'Bergen' ELSE 'Trondheim' END, i % 90 FROM numbers WHERE i <= 1000");
  bench_db_run(db, "INSERT INTO orders SELECT i, 4001 + i * 7919 % 1000, CASE i % 3 WHEN 0 THEN 'paid' WHEN 1 THEN "
                   "'shipped' ELSE 'open' END, i / 3.0, 1700000000 + i FROM numbers WHERE i <= 10000");
  bench_db_run(db, "INSERT INTO order_lines SELECT i, i * 104729 % 10000 + 1, 'Product ' || i % 500, i % 5 + 1, "
                   "i / 9.0 FROM numbers WHERE i <= 30000");
  bench_db_run(db, "CREATE INDEX orders_user ON orders (user_id)");
  bench_db_run(db, "CREATE INDEX lines_order ON order_lines (order_id)");
  for (const char *const *t = tables; *t; t++)
    if (db->engine == BENCH_PG) bench_db_settle(db, *t);
}

static void c_round(void *ud) { shunt_rows_free(include_select(&((world *)ud)->c)); }

static void lua_round(void *ud) { lua_host_call(((world *)ud)->L, "select", 0); }

static void compare(world *w) {
  include_round(&w->c);
  lua_host_call(w->L, "totals", 4);
  const totals *c = &w->c.shunt;
  const totals lua = {(uint64_t)lua_tointeger(w->L, -4), (uint64_t)lua_tointeger(w->L, -3),
                      (uint64_t)lua_tointeger(w->L, -2), (uint64_t)lua_tointeger(w->L, -1)};
  if (memcmp(c, &lua, sizeof lua))
    bench_die("lua_rows: C read %ju users, %ju orders, %ju lines, sum %ju; Lua %ju, %ju, %ju, sum %ju",
              (uintmax_t)c->users, (uintmax_t)c->orders, (uintmax_t)c->lines, (uintmax_t)c->sum, (uintmax_t)lua.users,
              (uintmax_t)lua.orders, (uintmax_t)lua.lines, (uintmax_t)lua.sum);
}

/* Both hosts have an app of their own, on the same database. */
static void measure(bench_engine engine, const char *name) {
  world w = {0};
  bench_pairs pairs;
  const bench_db db = bench_db_make(engine, "orders");
  bench_config((const bench_db *[]){&db}, 1);
  fill(&db);
  include_open(&w.c);
  w.L = lua_host_begin();
  lua_host_open(w.L, chunk);
  bench_measure(c_round, lua_round, &w, &pairs);
  compare(&w);
  const double nrows = (double)(w.c.shunt.users + w.c.shunt.orders + w.c.shunt.lines);
  bench_report_pairs(name, &pairs, 1.25, nrows, "a row of shunt_select in C", "of model:select in Lua");
  lua_host_close(w.L);
  shunt_session_close(w.c.session);
  shunt_close(w.c.app);
}

int main(void) {
  bench_folder();
  bench_write("rules/models.lua", include_rules);
  measure(BENCH_SQLITE, "lua_rows_sqlite_ratio");
  measure(BENCH_PG, "lua_rows_pg_ratio");
  bench_clean();
  return 0;
}
