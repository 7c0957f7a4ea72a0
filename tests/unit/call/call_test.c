/* Calls in JSON: what they take and give, what they refuse, and where; what they open is ended in its order. */
#define _XOPEN_SOURCE 700
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "shunt.h"
#include "unit/faults.h"
#include "unit/files.h"

static const char config[] = "database:\n"
                             "  defaultClient: main\n"
                             "  clients:\n"
                             "    main: {engine: sqlite3, connection: {filename: ':memory:'}}\n"
                             "    side: {engine: sqlite3, connection: {filename: ':memory:'}}\n"
                             "instance: {instances: {'': {id: 1}, acme: {id: 2}}}\n"
                             "jobs: {client: main}\n"
                             "rules: {path: [rules.lua]}\n";

static const char rules[] =
    "model 'user' { table = 'users', relations = { orders = has_many('order', 'user_id', { order = 'id' }),\n"
    "  card = has_one('card', 'user_id') } }\n"
    "model 'order' { table = 'orders', relations = { user = belongs_to('user', 'user_id') } }\n"
    "model 'card' { table = 'cards' }\n"
    "model 'pair' { table = 'pairs', primary_key = { 'a', 'b' } }\n"
    "rule 'the paying write' { stage = 'guard', model = 'card', op = 'write',\n"
    "  check = function(req) if req.attrs.plan ~= 'pro' then return deny 'it needs the plan pro' end end }\n";

static const char *const tables[] = {
    "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, big INTEGER, score REAL, photo BLOB)",
    "CREATE TABLE orders (id INTEGER PRIMARY KEY, user_id INTEGER, item TEXT)",
    "CREATE TABLE cards (id INTEGER PRIMARY KEY, user_id INTEGER)",
    "CREATE TABLE pairs (a INTEGER, b INTEGER, PRIMARY KEY (a, b))",
    "INSERT INTO users VALUES (1, 'Ada', 9007199254740993, 1.0, x'00FF10'), (2, 'Bo', NULL, 0.1, x'')",
    "INSERT INTO orders VALUES (1, 1, 'Compass'), (2, 1, 'Skis')",
    "INSERT INTO pairs VALUES (1, 1), (1, 2)"};

typedef struct world {
  char folder[64], config[96], rules[96];
  shunt_app *app;
  shunt_session *session;
  shunt_error err;
} world;

static void fine(world *w, shunt_status status) {
  if (status) fail_msg("%s: %s", shunt_status_name(status), w->err.message);
}

static void open_session(world *w, const char *options) {
  shunt_session_close(w->session);
  fine(w, shunt_call_session(w->app, options, &w->session, &w->err));
}

static int setup(void **state) {
  world *w = calloc(1, sizeof *w);
  assert_non_null(w);
  snprintf(w->folder, sizeof w->folder, "/tmp/shunt-call-XXXXXX");
  assert_non_null(mkdtemp(w->folder));
  snprintf(w->config, sizeof w->config, "%s/app.yaml", w->folder);
  snprintf(w->rules, sizeof w->rules, "%s/rules.lua", w->folder);
  write_file(w->config, config);
  write_file(w->rules, rules);
  fine(w, shunt_open(w->config, NULL, &w->app, &w->err));
  open_session(w, NULL);
  for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
    fine(w, shunt_sql(w->session, tables[i], NULL, NULL, NULL, &w->err));
  *state = w;
  return 0;
}

static int teardown(void **state) {
  world *w = *state;
  shunt_session_close(w->session);
  shunt_close(w->app);
  unlink(w->config);
  unlink(w->rules);
  rmdir(w->folder);
  free(w);
  return 0;
}

static void gives(world *w, const char *call, const char *expected) {
  char *reply = NULL;
  shunt_status status = shunt_call(w->session, call, &reply, &w->err);
  if (status) fail_msg("%s: %s: %s", call, shunt_status_name(status), w->err.message);
  if (strcmp(reply, expected) != 0) fail_msg("%s gives\n%s, not\n%s", call, reply, expected);
  shunt_free(reply);
}

/* The message, or a part of it. */
static void refuses(world *w, const char *call, shunt_status code, const char *message) {
  char *reply = "";
  shunt_status status = shunt_call(w->session, call, &reply, &w->err);
  if (status != code || !strstr(w->err.message, message))
    fail_msg("%s: %s: %s", call, shunt_status_name(status), status ? w->err.message : reply);
  assert_null(reply);
}

static void gives_every_form_of_reply(void **state) {
  world *w = *state;
  static const char *const calls[][2] = {
      {"{\"select\":\"user\",\"columns\":[\"id\",\"name\"],\"order\":\"-id\"}",
       "[{\"id\":2,\"name\":\"Bo\"},{\"id\":1,\"name\":\"Ada\"}]"},
      {"{\"select\":\"user\",\"where\":{\"id\":9}}", "[]"},
      {"{\"select\":\"user\",\"columns\":\"id\",\"include\":{\"orders\":{\"columns\":\"id\"},\"card\":true}}",
       "[{\"id\":1,\"orders\":[{\"id\":1},{\"id\":2}],\"card\":null},{\"id\":2,\"orders\":[],\"card\":null}]"},
      {"{\"select\":\"user\",\"columns\":\"id\",\"include\":{\"orders\":{\"count\":true}}}",
       "[{\"id\":1,\"orders\":2},{\"id\":2,\"orders\":0}]"},
      {"{\"get\":\"user\",\"id\":1,\"columns\":\"name\"}", "{\"name\":\"Ada\"}"},
      {"{\"get\":\"user\",\"where\":{\"name\":\"Bo\"},\"columns\":\"id\"}", "{\"id\":2}"},
      {"{\"get\":\"user\",\"id\":9}", "null"},
      {"{\"get\":\"pair\",\"id\":{\"b\":2,\"a\":1}}", "{\"a\":1,\"b\":2}"},
      {"{\"mget\":\"pair\",\"ids\":[{\"a\":1,\"b\":2},{\"a\":1,\"b\":1}]}", "[{\"a\":1,\"b\":2},{\"a\":1,\"b\":1}]"},
      {"{\"mget\":\"user\",\"ids\":[]}", "[]"},
      {"{\"count\":\"user\"}", "2"},
      {"{\"aggregate\":\"order\",\"count\":true,\"max\":\"id\"}", "{\"count\":2,\"max_id\":2}"},
      {"{\"aggregate\":\"order\",\"count\":true,\"group\":\"user_id\"}", "[{\"user_id\":1,\"count\":2}]"},
      {"{\"insert\":\"order\",\"row\":{\"item\":\"x\"}}", "{\"id\":3,\"user_id\":null,\"item\":\"x\"}"},
      {"{\"insert_bulk\":\"order\",\"rows\":[{\"item\":\"y\"},{\"item\":\"z\"}]}", "2"},
      {"{\"insert_bulk\":\"order\",\"rows\":[{\"item\":\"w\"}],\"returning\":true}",
       "[{\"id\":6,\"user_id\":null,\"item\":\"w\"}]"},
      {"{\"update\":\"order\",\"row\":{\"id\":6,\"item\":\"v\"}}", "1"},
      {"{\"update_bulk\":\"order\",\"rows\":[{\"id\":6,\"item\":\"u\"},{\"id\":99,\"item\":\"u\"}]}", "1"},
      {"{\"increment\":\"order\",\"where\":{\"id\":6},\"by\":{\"user_id\":1},\"set\":{\"item\":\"t\"}}", "1"},
      {"{\"delete\":\"order\",\"where\":{\"id\":{\"gt\":2}}}", "4"},
      {"{\"query\":\"SELECT ? AS a, ? AS a\",\"params\":[1,2.5],\"client\":\"side\"}", "[{\"a\":2.5}]"},
      {"{\"execute\":\"UPDATE users SET name = name WHERE id = ?\",\"params\":[1]}", "1"},
      {"{\"table_columns\":\"cards\",\"client\":\"main\"}",
       "[{\"name\":\"id\",\"type\":\"INTEGER\",\"nullable\":false,\"key\":1,\"unique\":null,\"equates\":null},"
       "{\"name\":\"user_id\",\"type\":\"INTEGER\",\"nullable\":true,\"key\":0,\"unique\":null,\"equates\":null}]"},
      {"{\"push\":\"mail\",\"data\":{\"a\": [1, \"]}\"]},\"unique\":\"k\"}", "{\"id\":1,\"existed\":false}"},
      {"{\"push\":\"mail\",\"unique\":\"k\"}", "{\"id\":1,\"existed\":true}"},
      {"{\"jobs_retry\":true}", "0"},
      {"{\"jobs_purge\":true,\"state\":\"done\",\"older\":\"1h\"}", "0"}};
  for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) gives(w, calls[i][0], calls[i][1]);
}

/* The data of a job is what was written, and no blob is looked for in it. */
static void gives_a_job_its_data_as_it_was_written(void **state) {
  world *w = *state;
  gives(w, "{\"push\":\"mail\",\n \"data\" : {\"_blob\": \"no base64\", \"n\": 1e2}\n, \"retry\":0}",
        "{\"id\":1,\"existed\":false}");
  gives(w, "{\"query\":\"SELECT data, retry FROM shunt_jobs\"}",
        "[{\"data\":\"{\\\"_blob\\\": \\\"no base64\\\", \\\"n\\\": 1e2}\",\"retry\":0}]");
}

static void keeps_every_value(void **state) {
  world *w = *state;
  gives(w, "{\"get\":\"user\",\"id\":1}",
        "{\"id\":1,\"name\":\"Ada\",\"big\":9007199254740993,\"score\":1.0,\"photo\":\"AP8Q\"}");
  static const char *const names[] = {"\\u0000\\u001f", "\\\"\\\\\\/", "\\ud83d\\ude00"};
  static const char *const shown[] = {"\"\\u0000\\u001f\"", "\"\\\"\\\\/\"", "\"\xf0\x9f\x98\x80\""};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    char call[200], reply[200];
    snprintf(call, sizeof call, "{\"query\":\"SELECT ? AS a\",\"params\":[\"%s\"]}", names[i]);
    snprintf(reply, sizeof reply, "[{\"a\":%s}]", shown[i]);
    gives(w, call, reply);
  }
  static const char *const values[] = {
      "9223372036854775807", "-9223372036854775808", "0", "0.1", "1e+300", "-0.0", "5e-324", "null"};
  for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
    char call[200], reply[200];
    snprintf(call, sizeof call, "{\"query\":\"SELECT ? AS a\",\"params\":[%s]}", values[i]);
    snprintf(reply, sizeof reply, "[{\"a\":%s}]", values[i]);
    gives(w, call, reply);
  }
}

static void takes_blobs_everywhere(void **state) {
  world *w = *state;
  gives(w, "{\"count\":\"user\",\"where\":{\"photo\":{\"_blob\":\"AP8Q\"}}}", "1");
  gives(w, "{\"count\":\"user\",\"where\":{\"photo\":{\"in\":[{\"_blob\":\"AP8Q\"},{\"_blob\":\"\"}]}}}", "2");
  gives(w, "{\"update\":\"user\",\"row\":{\"id\":1,\"photo\":{\"_blob\":\"//79/A==\"}}}", "1");
  gives(w, "{\"query\":\"SELECT hex(photo) AS h FROM users WHERE photo = ?\",\"params\":[{\"_blob\":\"//79/A==\"}]}",
        "[{\"h\":\"FFFEFDFC\"}]");
  static const char *const wrong[] = {"\"A\"",    "\"A===\"", "\"AA=A\"",     "\"AB==\"", "\"AAB=\"",
                                      "\"====\"", "\"A*==\"", "\"AA==AA==\"", "\"=\"",    "5"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    char call[200];
    snprintf(call, sizeof call, "{\"count\":\"user\",\"where\":{\"photo\":{\"_blob\":%s}}}", wrong[i]);
    refuses(w, call, SHUNT_E_USAGE, "line 1 column 43: _blob takes base64");
  }
}

static void says_where_a_mistake_is(void **state) {
  world *w = *state;
  static const struct {
    const char *call, *message;
    int line, column;
  } wrong[] = {
      {"{\"select\":\"user\",\"wher\":{}}", "line 1 column 18: select: unknown option 'wher'; did you mean 'where'?", 1,
       18},
      {"{\"select\":\"user\",\n \"where\":{\"id\":{\"gtt\":1}}}", "line 2 column 17: where.id: unknown operator 'gtt'",
       2, 17},
      {"{\"select\":\"user\",\n\n  \"include\":{\"orders\":{\"limi\":1}}}",
       "line 3 column 24: orders: unknown option 'limi'", 3, 24},
      {"{\"select\":\"user\",\"limit\":\"x\"}", "line 1 column 26: limit must be a whole number", 1, 26},
      {"{\"select\":\"user\",\"table\":{\"schem\":1}}", "line 1 column 27: table: unknown key 'schem'", 1, 27},
      {"{\"select\":7}", "line 1 column 11: select takes a model's name, not an integer", 1, 11},
      {"{\"commit\":1}", "line 1 column 11: commit takes true, not an integer", 1, 11},
      {"{\"commit\":false}", "line 1 column 11: commit takes true, not a boolean", 1, 11},
      {"{\"slect\":\"user\"}",
       "line 1 column 2: the call names nothing to do: unknown name 'slect'; did you mean 'select'?", 1, 2},
      {"{}", "line 1 column 1: the call names nothing to do, such as select", 1, 1},
      {"[]", "line 1 column 1: a call is an object", 1, 1},
      {"{\"select\":\"user\",\"delete\":\"user\"}",
       "line 1 column 18: a call does one thing, and this one names 'select' and 'delete'", 1, 18},
      {"{\"insert\":\"user\",\"row\":{\"name\":[1]}}", "line 1 column 32: 'name' is a list, which a column can't hold",
       1, 32},
      {"{\"insert\":\"user\",\"row\":5}", "line 1 column 24: a row must be an object of columns, not an integer", 1,
       24},
      {"{\"insert\":\"user\",\"include\":\"orders\",\"row\":{\"orders\":5}}",
       "line 1 column 53: 'orders' is included, so it must hold a row or a list of rows", 1, 53},
      {"{\"update_bulk\":\"user\",\"rows\":{}}", "line 1 column 30: update_bulk needs rows: a list", 1, 30},
      {"{\"query\":\"x\",\"params\":{}}", "line 1 column 23: params must be a list of values, not a map", 1, 23},
      {"{\"push_wait\":\"mail\",\"wait\":\"0s\"}", "line 1 column 28: wait: '0s' leaves a call no time", 1, 28},
      {"{\"push\":\"mail\",\"concurrency\":0}", "line 1 column 30: concurrency must be a whole number from 1", 1, 30},
      {"{\"select\":\"user\",\"where\":{\"id\":1,\"id\":2}}", "line 1 column 34: an object has the name 'id' twice", 1,
       34},
      {"{\"select\":\"user\",}", "line 1 column 18: a name in quotes is expected", 1, 18},
      {"{\"insert\":\"user\"}", "insert needs a row", 0, 0},
      {"{\"mget\":\"user\"}", "mget needs ids", 0, 0},
      {"{\"get\":\"user\"}", "get needs a primary key, a where, or an order", 0, 0},
      {"{\"increment\":\"user\",\"by\":{\"big\":1}}", "increment without where changes every row", 0, 0},
      {"{\"update\":\"user\",\"row\":{\"name\":\"x\"},\"where\":{}}", "an update without where changes every row", 0,
       0}};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    refuses(w, wrong[i].call, SHUNT_E_USAGE, wrong[i].message);
    assert_int_equal(w->err.line, wrong[i].line);
    assert_int_equal(w->err.column, wrong[i].column);
  }
  refuses(w, NULL, SHUNT_E_USAGE, "json is NULL");
  refuses(w, "{\"select\":\"usr\"}", SHUNT_E_NOT_FOUND, "there is no model 'usr'; did you mean 'user'?");
  char *reply = "";
  assert_int_equal(shunt_call(w->session, "{\"x\":1}", &reply, NULL), SHUNT_E_USAGE);
  assert_null(reply);
}

static void opens_sessions(void **state) {
  world *w = *state;
  shunt_session *s = NULL;
  static const char *const wrong[][2] = {
      {"{\"instanc\":\"acme\"}", "line 1 column 2: session: unknown option 'instanc'; did you mean 'instance'?"},
      {"{\"level\":-1}", "line 1 column 10: level must be from 0"},
      {"{\"attrs\":{\"a\":[]}}", "line 1 column 15: attrs.a must be text, a number or a boolean, not a list"},
      {"7", "session: options must be a table"},
      {"{", "line 1 column 2: a name in quotes is expected"}};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    assert_int_equal(shunt_call_session(w->app, wrong[i][0], &s, &w->err), SHUNT_E_USAGE);
    if (!strstr(w->err.message, wrong[i][1])) fail_msg("%s: %s", wrong[i][0], w->err.message);
    assert_null(s);
  }
  assert_int_equal(shunt_call_session(w->app, "{\"instance\":\"acm\"}", &s, &w->err), SHUNT_E_NOT_FOUND);
  refuses(w, "{\"insert\":\"card\",\"row\":{}}", SHUNT_E_DENIED, "it needs the plan pro");
  open_session(w,
               "{\"instance\":\"acme\",\"attrs\":{\"plan\":\"pro\"},\"level\":1,\"timeout\":\"5s\",\"follow\":true}");
  gives(w, "{\"insert\":\"card\",\"row\":{}}", "{\"id\":1,\"user_id\":null}");
  gives(w, "{\"level\":true}", "1");
}

static void shows_decisions(void **state) {
  world *w = *state;
  char *reply = NULL;
  static const char
      denied[] = "{\"model\":\"card\",\"relation\":null,\"denied\":\"it needs the plan pro\",\"engine\":null,",
      step[] = "{\"stage\":\"guard\",\"rule\":\"the paying write\",\"source\":\"rules.lua:6\",\"result\":"
               "\"denied: it needs the plan pro\",\"verdict\":\"denied\",\"detail\":\"it needs the plan pro\"}]}";
  fine(w, shunt_call(w->session, "{\"resolve\":\"card\",\"op\":\"write\"}", &reply, &w->err));
  if (strncmp(reply, denied, strlen(denied)) != 0 || !strstr(reply, step)) fail_msg("%s", reply);
  shunt_free(reply);
  fine(w, shunt_call(w->session, "{\"explain\":null,\"relation\":\"user.orders\"}", &reply, &w->err));
  if (!strstr(reply, "\"client\":\"main\"") || strstr(reply, "\"denied\"")) fail_msg("%s", reply);
  shunt_free(reply);
  refuses(w, "{\"resolve\":null}", SHUNT_E_USAGE, "the request must name a model or a relation");
  refuses(w, "{\"resolve\":\"card\",\"op\":\"delete\"}", SHUNT_E_USAGE, "op is \"read\" or \"write\"");
}

static void ends_what_was_opened_in_its_order(void **state) {
  world *w = *state;
  refuses(w, "{\"commit\":true}", SHUNT_E_USAGE, "no call of this session has opened a transaction");
  refuses(w, "{\"switch_pop\":true}", SHUNT_E_USAGE, "no call of this session has opened a switch");
  refuses(w, "{\"level_pop\":true}", SHUNT_E_USAGE, "no call of this session has opened a level");
  gives(w, "{\"begin\":true,\"client\":\"main\"}", "true");
  gives(w, "{\"begin\":true}", "false");
  gives(w, "{\"switch_push\":\"side\"}", "null");
  refuses(w, "{\"commit\":true}", SHUNT_E_USAGE, "a switch was opened last: end it first, with switch_pop");
  gives(w, "{\"query\":\"SELECT count(*) AS n FROM sqlite_master\",\"client\":\"default\"}", "[{\"n\":5}]");
  gives(w, "{\"switch_pop\":true}", "null");
  gives(w, "{\"commit\":true}", "null");
  gives(w, "{\"delete\":\"order\",\"all\":true}", "2");
  gives(w, "{\"rollback\":true}", "null");
  gives(w, "{\"count\":\"order\"}", "2");
  gives(w, "{\"level_push\":true}", "1");
  gives(w, "{\"begin\":true}", "true");
  refuses(w, "{\"level_pop\":true}", SHUNT_E_USAGE,
          "a transaction was opened last: end it first, with commit or rollback");
  gives(w, "{\"delete\":\"order\",\"all\":true}", "2");
  open_session(w, NULL); /* closes the other one, with its transaction */
  gives(w, "{\"count\":\"order\"}", "2");
}

/* The host's own handles stay its own. */
static void leaves_the_hosts_transactions_alone(void **state) {
  world *w = *state;
  shunt_tx *tx = NULL;
  fine(w, shunt_begin(w->session, NULL, &tx, &w->err));
  refuses(w, "{\"rollback\":true}", SHUNT_E_USAGE, "no call of this session has opened a transaction");
  gives(w, "{\"delete\":\"order\",\"all\":true}", "2");
  fine(w, shunt_rollback(tx, &w->err));
  gives(w, "{\"count\":\"order\"}", "2");
}

static void says_that_a_write_is_done_if_its_reply_is_not(void **state) {
  world *w = *state;
  fine(w, shunt_sql(w->session,
                    "CREATE TRIGGER t AFTER INSERT ON users BEGIN UPDATE users SET score = 9e999 WHERE id = "
                    "new.id; END",
                    NULL, NULL, NULL, &w->err));
  refuses(w, "{\"insert\":\"user\",\"row\":{\"id\":7}}", SHUNT_E_USAGE,
          "JSON: NaN and the infinities can't be written: column 'score'");
  assert_int_equal(w->err.outcome, SHUNT_DONE);
  gives(w, "{\"count\":\"user\",\"where\":{\"id\":7}}", "1");
  refuses(w, "{\"get\":\"user\",\"id\":7}", SHUNT_E_USAGE, "column 'score'");
  assert_int_equal(w->err.outcome, SHUNT_NOT_DONE);
  gives(w, "{\"begin\":true}", "true");
  refuses(w, "{\"insert\":\"user\",\"row\":{\"id\":8}}", SHUNT_E_USAGE, "column 'score'");
  assert_int_equal(w->err.outcome, SHUNT_UNKNOWN);
  gives(w, "{\"rollback\":true}", "null");
  gives(w, "{\"count\":\"user\",\"where\":{\"id\":8}}", "0");
}

/* Each allocation of each call fails in turn: then it has failed, and the session goes on. */
static void survives_a_lack_of_memory(void **state) {
  world *w = *state;
  static const char *const calls[] = {"{\"begin\":true}",
                                      "{\"rollback\":true}",
                                      "{\"switch_push\":\"side\"}",
                                      "{\"switch_pop\":true}",
                                      "{\"explain\":\"user\",\"where\":{\"id\":1}}",
                                      "{\"get\":\"pair\",\"id\":{\"a\":1,\"b\":2}}",
                                      "{\"query\":\"SELECT ? AS a\",\"params\":[{\"_blob\":\"AAAA\"}]}",
                                      "{\"select\":\"user\",\"wher\":1}"};
  faults f;
  shunt_session_close(w->session);
  shunt_close(w->app);
  faults_on(&f);
  w->session = NULL;
  fine(w, shunt_open(w->config, NULL, &w->app, &w->err));
  open_session(w, NULL);
  for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
    fine(w, shunt_sql(w->session, tables[i], NULL, NULL, NULL, &w->err));
  for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
    shunt_status status = SHUNT_E_MEMORY;
    for (size_t at = 1; status == SHUNT_E_MEMORY; at++) {
      char *reply = NULL;
      f.seen = 0;
      f.failed = false;
      f.fail_at = at;
      status = shunt_call(w->session, calls[i], &reply, &w->err);
      f.fail_at = 0;
      assert_true(!status == (reply != NULL));
      assert_true(at < 10000);
      shunt_free(reply);
    }
    assert_int_equal(status, strstr(calls[i], "wher\"") ? SHUNT_E_USAGE : SHUNT_OK);
  }
  shunt_session_close(w->session);
  shunt_close(w->app);
  assert_int_equal(f.live, 0);
  faults_off();
  w->session = NULL;
  w->app = NULL;
}

static void prints_rows_of_other_calls(void **state) {
  world *w = *state;
  shunt_rows *rows = NULL;
  char *json = NULL;
  static const char *const id[] = {"id"};
  fine(w, shunt_select(w->session, "user", &(shunt_query){.columns = id, .ncolumns = 1, .order = id, .norder = 1},
                       &rows, &w->err));
  fine(w, shunt_rows_json(rows, &json, &w->err));
  assert_string_equal(json, "[{\"id\":1},{\"id\":2}]");
  shunt_free(json);
  shunt_rows_free(rows);
  fine(w, shunt_sql(w->session, "SELECT 9e999 AS big", NULL, &rows, NULL, &w->err));
  assert_int_equal(shunt_rows_json(rows, &json, &w->err), SHUNT_E_USAGE);
  assert_null(json);
  shunt_rows_free(rows);
}

static void *call_beside(void *ud) {
  world *w = ud;
  shunt_session *s = NULL;
  shunt_error err;
  char *reply;
  if (shunt_call_session(w->app, NULL, &s, &err)) return err.message[0] ? "no session" : "";
  for (int i = 0; i < 200; i++) {
    if (shunt_call(s, "{\"query\":\"SELECT 1 AS a\",\"client\":\"side\"}", &reply, &err)) return "no reply";
    shunt_free(reply);
  }
  shunt_session_close(s);
  return NULL;
}

static void runs_in_threads_each_with_a_session(void **state) {
  world *w = *state;
  pthread_t threads[4];
  for (size_t i = 0; i < 4; i++) assert_int_equal(pthread_create(&threads[i], NULL, call_beside, w), 0);
  for (size_t i = 0; i < 4; i++) {
    void *wrong = NULL;
    assert_int_equal(pthread_join(threads[i], &wrong), 0);
    assert_null(wrong);
  }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {TEST(gives_every_form_of_reply),
                                     TEST(gives_a_job_its_data_as_it_was_written),
                                     TEST(keeps_every_value),
                                     TEST(takes_blobs_everywhere),
                                     TEST(says_where_a_mistake_is),
                                     TEST(opens_sessions),
                                     TEST(shows_decisions),
                                     TEST(ends_what_was_opened_in_its_order),
                                     TEST(leaves_the_hosts_transactions_alone),
                                     TEST(says_that_a_write_is_done_if_its_reply_is_not),
                                     TEST(survives_a_lack_of_memory),
                                     TEST(prints_rows_of_other_calls),
                                     TEST(runs_in_threads_each_with_a_session)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
