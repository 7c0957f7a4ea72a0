/* A rule file of any bytes loads within its limits, or is refused with its place: so is each that Lua's parser refuses.
 * If it loads, it loads once more the same, and decisions with its rules end. Of a decision that may be remembered, the
 * second answer is the first. */
#define _POSIX_C_SOURCE 200809L
#include <lauxlib.h>

#include "config/yaml.h"
#include "fuzz/complete.h"
#include "fuzz/files.h"
#include "route/route.h"
#include "rule/host.h"

/* Time is for other tests: what happens here must not depend on it. */
static const sandbox_limits limits = {.instructions = 20000, .memory_bytes = 8 << 20, .timeout_ns = INT64_MAX / 2000};

static const char config[] = "database:\n"
                             "  defaultClient: main\n"
                             "  clients:\n"
                             "    main: {engine: sqlite3, connection: {filename: main.db}}\n"
                             "    copy: {engine: pg, connection: {host: h}, role: replica}\n"
                             "instance: {instances: {\"\": {id: 1}, acme-eu: {id: 2, config: {region: eu}}}}\n"
                             "attributes: {plan: [free, pro]}\n";

/* ---- Lua's parser ---- */

/* Which knows no byte order mark. */
static bool is_lua(fuzz_input text) {
  const size_t mark = text.size >= 3 && memcmp(text.data, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
  lua_State *L = luaL_newstate();
  if (!L) abort();
  const bool is = luaL_loadbufferx(L, (const char *)text.data + mark, text.size - mark, "@rules.lua", "t") == LUA_OK;
  lua_close(L);
  return is;
}

static int lines_of(fuzz_input text) {
  int lines = 1;
  for (size_t i = 0; i < text.size; i++) lines += text.data[i] == '\n' || text.data[i] == '\r';
  return lines;
}

static bool is_in_rules(const shunt_error *e) { return strcmp(e->file, files_path(FILES_RULES)) == 0; }

static void check_problems(const problems *found, fuzz_input text) {
  bool placed = false;
  for (size_t i = 0; i < found->count; i++) {
    const shunt_error *e = &found->list[i];
    FUZZ_HOLDS(e->message[0] && e->file[0], "'%s' in '%s'", e->message, e->file);
    if (!is_in_rules(e)) continue;
    FUZZ_HOLDS(e->line > 0 && e->line <= lines_of(text), "line %d: %s", e->line, e->message);
    placed = true;
  }
  if (!is_lua(text)) FUZZ_HOLDS(placed, "Lua's parser refuses it, and %zu problems do not say where", found->count);
}

/* ---- decisions ---- */

/* One access, so that what is drawn is drawn again. */
static void decide(route *r, const route_request *request, bool remember) {
  route_decision one = {0}, two = {0};
  shunt_error err = {0};
  arena a = {0};
  pick_memo memo = {.arena = &a};
  route_request q = *request;
  q.picks = &memo;
  route_remember(r, remember);
  const shunt_status first = route_decide(r, &q, &one, &err);
  FUZZ_HOLDS(!first || err.message[0], "status %d without a message", (int)first);
  const shunt_status second = route_decide(r, &q, &two, &err);
  const bool answers = (!first || first == SHUNT_E_DENIED) && !one.as.uncacheable;
  if (answers && !two.as.uncacheable)
    FUZZ_HOLDS(first == second && one.client == two.client, "status %d, then %d: %s", (int)first, (int)second,
               err.message);
  route_decision_clear(&one);
  route_decision_clear(&two);
  arena_free(&a);
}

static void decide_all(route *r, const catalog *c) {
  const shunt_field where[] = {{"user_id", shunt_integer(7)}, {"name", shunt_text("x", 1)}, {"gone", shunt_null()}};
  const shunt_field attrs[] = {{"plan", shunt_text("pro", 3)}};
  for (size_t i = 0; i < c->nmodels && i < 4; i++)
    for (int way = 0; way < 4; way++) {
      const route_request q = {.model = c->models[i],
                               .op = way % 2 ? SHUNT_WRITE : SHUNT_READ,
                               .where = where,
                               .nwhere = way ? 3 : 0,
                               .attrs = attrs,
                               .nattrs = way > 1,
                               .instance = catalog_instance(c, way % 2 ? "acme-eu" : "")};
      decide(r, &q, way > 0);
    }
}

/* The route takes the host. */
static void check_route(const catalog *c, rule_host *h) {
  complete_check(c);
  route *r;
  shunt_error err = {0};
  if (route_new(c, h, 1, NULL, &r, &err))
    FUZZ_HOLDS(err.message[0], "no route, without a reason");
  else {
    decide_all(r, c);
    route_free(r);
  }
}

static void check_clone(const rule_host *h) {
  rule_host *again;
  shunt_error err = {0};
  const shunt_status status = rule_host_clone(h, &again, &err);
  FUZZ_HOLDS(!status, "loaded once, and not again: %s", err.message);
  rule_host_free(again);
}

/* ---- loading ---- */

static catalog *build(catalog_source *source, problems *found) {
  catalog *c;
  if (yaml_read(&source->arena, found, "app.yaml", config, sizeof config - 1, &source->config)) abort();
  return catalog_build(source, found, &c) ? NULL : c;
}

int shunt_fuzz_rule(const uint8_t *data, size_t size) {
  const fuzz_input text = {data, size};
  const char *path = files_path(FILES_RULES);
  const place at = {"app.yaml", 1, 1};
  const rule_load what = {.paths = &path, .places = &at, .npaths = 1};
  catalog_source source = {.env = "dev", .folder = ""};
  problems found = {0};
  rule_host *h;
  files_write(FILES_RULES, text);
  if (rule_host_new(&limits, &h, NULL)) abort();
  rule_host_load(h, &what, &source, &found);
  if (!found.count) check_clone(h);
  catalog *c = build(&source, &found);
  check_problems(&found, text);
  if (c)
    check_route(c, h);
  else
    rule_host_free(h);
  catalog_free(c);
  problems_free(&found);
  return 0;
}
