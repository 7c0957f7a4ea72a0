/* Calls of any bytes to shunt_call, with RS (0x1e) between them, in one transaction on SQLite. What is not JSON is
 * refused with its place; a reply is JSON that jansson reads; a read gives the same again. SQL by hand is left out,
 * since it reaches any file, and so is waiting for jobs. */
#define _POSIX_C_SOURCE 200809L
#include <jansson.h>

#include "base/json.h"
#include "fuzz/files.h"
#include "shunt.h"

static const char config[] = "database:\n"
                             "  defaultClient: main\n"
                             "  clients: {main: {engine: sqlite3, connection: {filename: ':memory:'}}}\n"
                             "jobs: {client: main}\n"
                             "rules: {path: [rules.lua]}\n";

static const char rules[] =
    "model 'user' { table = 'users', relations = { orders = has_many('order', 'user_id'),\n"
    "  roles = belongs_to_many('member', 'role', 'user_id', 'role_id'), card = has_one('card', 'user_id') } }\n"
    "model 'order' { table = 'orders', relations = { user = belongs_to('user', 'user_id') } }\n"
    "model 'role' { table = 'roles' } model 'member' { table = 'members' }\n"
    "model 'card' { table = 'cards', soft_delete = 'gone' }\n";

static const char *const tables[] = {
    "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT UNIQUE, age INTEGER, score REAL, photo BLOB)",
    "CREATE TABLE orders (id INTEGER PRIMARY KEY, user_id INTEGER, item TEXT NOT NULL)",
    "CREATE TABLE roles (id INTEGER PRIMARY KEY, name TEXT)",
    "CREATE TABLE members (id INTEGER PRIMARY KEY, user_id INTEGER, role_id INTEGER)",
    "CREATE TABLE cards (id INTEGER PRIMARY KEY, user_id INTEGER, gone DATETIME)",
    "INSERT INTO users VALUES (1, 'Ada', 36, 1.5, x'0001'), (2, 'Bo', NULL, -0.0, NULL)",
    "INSERT INTO users VALUES (3, 'a \"quoted\" \\ one', 4, 9e999, x'')",
    "INSERT INTO orders VALUES (1, 1, 'Compass'), (2, 1, 'Skis')",
    "INSERT INTO roles VALUES (1, 'admin')",
    "INSERT INTO members VALUES (1, 1, 1), (2, 2, 1), (3, 1, 1)"};

static shunt_app *app;

static void close_app(void) { shunt_close(app); }

static void fine(shunt_status status, const shunt_error *err) { FUZZ_HOLDS(!status, "%s", err->message); }

static shunt_session *open_session(void) {
  shunt_session *s;
  shunt_error err;
  fine(shunt_call_session(app, "{\"timeout\":\"5s\"}", &s, &err), &err);
  return s;
}

static void open_app(void) {
  shunt_error err;
  if (app) return;
  files_write(FILES_APP, (fuzz_input){(const uint8_t *)config, sizeof config - 1});
  files_write(FILES_RULES, (fuzz_input){(const uint8_t *)rules, sizeof rules - 1});
  fine(shunt_open(files_path(FILES_APP), NULL, &app, &err), &err);
  atexit(close_app);
  shunt_session *s = open_session();
  for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
    fine(shunt_sql(s, tables[i], &(shunt_sql_options){.client = "main"}, NULL, NULL, &err), &err);
  fine(shunt_push(s, "first", NULL, NULL, NULL, &err), &err);
  shunt_session_close(s);
}

static bool has_any(const json_t *call, const char *const *names) {
  for (; *names; names++)
    if (json_object_get(call, *names)) return true;
  return false;
}

static void check_refused(const char *text, shunt_status status, const shunt_error *err) {
  char begins[64];
  FUZZ_HOLDS(status == err->status && err->message[0], "%s: %d", text, (int)status);
  FUZZ_HOLDS(status != SHUNT_E_INTERNAL && status != SHUNT_E_MEMORY && status != SHUNT_E_CONFIG, "%s: %s", text,
             err->message);
  if (!err->line || err->file[0]) return;
  snprintf(begins, sizeof begins, "line %d column %d: ", err->line, err->column);
  FUZZ_HOLDS(strncmp(err->message, begins, strlen(begins)) == 0, "%s: %s", text, err->message);
  for (int line = 1; line < err->line; line++) {
    text = strchr(text, '\n');
    FUZZ_HOLDS(text++, "no such line: %s", err->message);
  }
  FUZZ_HOLDS((size_t)err->column <= strlen(text) + 1, "no such column: %s", err->message);
}

static void check_again(shunt_session *s, const char *text, const char *reply) {
  char *again = NULL;
  shunt_error err;
  const shunt_status status = shunt_call(s, text, &again, &err);
  FUZZ_HOLDS(!status && strcmp(reply, again) == 0, "%s gives\n%s\nand then\n%s", text, reply,
             status ? err.message : again);
  shunt_free(again);
}

static void run(shunt_session *s, const char *text) {
  static const char *const left_out[] = {"query", "execute", "push_wait", NULL};
  static const char *const reads[] = {"select", "get", "mget", "aggregate", "table_columns", NULL};
  char *reply = NULL;
  shunt_error err;
  json_t *call = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, NULL);
  if (!has_any(call, left_out)) {
    const shunt_status status = shunt_call(s, text, &reply, &err);
    FUZZ_HOLDS(!status == (reply != NULL), "%s: %d", text, (int)status);
    FUZZ_HOLDS(call || status == SHUNT_E_USAGE, "%s: %d", text, (int)status);
    if (status) {
      check_refused(text, status, &err);
    } else {
      json_t *got = json_loads(reply, JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, NULL);
      FUZZ_HOLDS(got, "%s gives %s", text, reply);
      json_decref(got);
      if (has_any(call, reads)) check_again(s, text, reply);
    }
    shunt_free(reply);
  }
  json_decref(call);
}

int shunt_fuzz_call(const uint8_t *data, size_t size) {
  fuzz_input in = {data, size};
  shunt_tx *tx;
  shunt_error err;
  open_app();
  shunt_session *s = open_session();
  fine(shunt_begin(s, &(shunt_tx_options){.client = "main"}, &tx, &err), &err);
  do {
    const fuzz_input one = fuzz_until(&in, '\x1e');
    char *text = fuzz_copy(one.data, one.size);
    run(s, text);
    free(text);
  } while (in.size);
  (void)shunt_rollback(tx, NULL);
  shunt_session_close(s);
  return 0;
}
