/* Every mistake in an app config comes with its place, all of them at once, and each only once. */
#define _POSIX_C_SOURCE 200809L
#include "unit/config/app.h"

typedef struct mistake {
  const char *about;
  const char *yaml;
  const char *told;
} mistake;

#define GOOD "database: {defaultClient: a, clients: {a: {engine: sqlite3, connection: {filename: a.db}}}}\n"
#define CLIENT(text)                                                                                                   \
  "database:\n  defaultClient: a\n  clients:\n    a: {engine: sqlite3, connection: {filename: a.db}}\n" text

static const mistake mistakes[] = {
    {"nothing is wrong", GOOD, ""},
    {"an empty file", "",
     "app.yaml:1:1: database.defaultClient is missing: name the client an access goes to by default\n"},
    {"an unknown section", GOOD "rule: {}\n",
     "app.yaml:2:1: unknown key 'rule' in the configuration; did you mean 'rules'?\n"},
    {"a misspelled section hides no more than itself",
     "databse: {defaultClient: a}\ninstance: {instances: {x: {isolateClient: b}}}\n",
     "app.yaml:1:1: unknown key 'databse' in the configuration; did you mean 'database'?\n"},
    {"an unknown key of a client", CLIENT("    b: {engine: pg, pol: {}}\n"),
     "app.yaml:5:21: unknown key 'pol' in database.clients.b; did you mean 'pool'?\n"},
    {"an unknown key of a pool", CLIENT("    b: {engine: pg, pool: {mxa: 3}}\n"),
     "app.yaml:5:28: unknown key 'mxa' in database.clients.b.pool; did you mean 'max'?\n"},
    {"an unknown key far from any", CLIENT("    b: {engine: pg, zzzzzzz: 1}\n"),
     "app.yaml:5:21: unknown key 'zzzzzzz' in database.clients.b\n"},
    {"a misspelled engine key is one mistake", CLIENT("    b: {enigne: pg}\n"),
     "app.yaml:5:9: unknown key 'enigne' in database.clients.b; did you mean 'engine'?\n"},
    {"a misspelled filename is one mistake", CLIENT("    b: {engine: sqlite3, connection: {filenam: x}}\n"),
     "app.yaml:5:39: unknown key 'filenam' in connection (sqlite3); did you mean 'filename'?\n"},
    {"no engine", CLIENT("    b: {connection: {}}\n"),
     "app.yaml:5:5: the client 'b' has no engine: add engine: sqlite3, pg or mysql\n"},
    {"no filename", CLIENT("    b: {engine: sqlite3}\n"),
     "app.yaml:5:5: the client 'b' has no filename: add connection: {filename: FILE}\n"},
    {"an unknown engine", CLIENT("    b: {engine: sqlite, connection: {filename: x}}\n"),
     "app.yaml:5:17: database.clients.b.engine takes sqlite3, pg or mysql, not 'sqlite'; did you mean 'sqlite3'?\n"},
    {"an unknown role", CLIENT("    b: {engine: pg, role: master}\n"),
     "app.yaml:5:27: database.clients.b.role takes primary or replica, not 'master'\n"},
    {"no default client", "database:\n  clients: {a: {engine: pg}}\n",
     "app.yaml:1:1: database.defaultClient is missing: name the client an access goes to by default\n"},
    {"a default client that is not there", "database:\n  defaultClient: man\n  clients: {main: {engine: pg}}\n",
     "app.yaml:2:18: database: defaultClient names the client 'man', which is not defined; did you mean 'main'?\n"},
    {"a client with a word's name", CLIENT("    default: {engine: pg}\n    _auto_: {engine: pg}\n"),
     "app.yaml:5:5: a client can't be called 'default': the word is reserved\n"
     "app.yaml:6:5: a client can't be called '_auto_': the word is reserved\n"},
    {"a client without a name", CLIENT("    '': {engine: pg}\n"), "app.yaml:5:5: a client needs a name\n"},
    {"a clone of itself", CLIENT("    b: {clone: b}\n"), "app.yaml:5:16: the client 'b' is a clone of itself\n"},
    {"a clone of itself by way of others",
     CLIENT("    b: {clone: c}\n    c: {clone: d}\n    d: {clone: b}\n    e: {clone: d}\n"),
     "app.yaml:5:16: the client 'b' is a clone of itself, by way of 'c'\n"},
    {"the default client as a clone of the default", "database: {defaultClient: a, clients: {a: {clone: default}}}\n",
     "app.yaml:1:51: the client 'a' is a clone of itself\n"},
    {"a clone of nothing", CLIENT("    b: {clone: bb}\n    aaa: {engine: pg}\n"),
     "app.yaml:5:16: client 'b': clone names the client 'bb', which is not defined; did you mean 'b'?\n"},
    {"a clone repeats no mistake of its original",
     CLIENT("    b: {engine: sqlite3, connection: {filename: x, timeout: 3}}\n    c: {clone: b}\n"),
     "app.yaml:5:52: unknown key 'timeout' in connection (sqlite3)\n"},
    {"a bad duration", CLIENT("    b: {engine: pg, pool: {idleTimeout: 5 seconds}}\n"),
     "app.yaml:5:41: database.clients.b.pool.idleTimeout takes a duration, not '5 seconds'; write it as 500ms, 5s, 2m "
     "or 1h\n"},
    {"a duration without its unit", CLIENT("    b: {engine: pg, pool: {idleTimeout: 0}}\n"),
     "app.yaml:5:41: database.clients.b.pool.idleTimeout takes a duration, not 0; write it as 500ms, 5s, 2m or 1h\n"},
    {"a queue that is not there", GOOD "jobs: {client: b}\n",
     "app.yaml:2:16: jobs: client names the client 'b', which is not defined; did you mean 'a'?\n"},
    {"job queues on an engine without them", CLIENT("    b: {engine: mysql}\njobs: {client: b}\n"),
     "app.yaml:6:16: jobs.client: 'b' is a mysql client; jobs are stored on sqlite3 or pg\n"},
    {"a queue that can't be written", CLIENT("    b: {engine: pg, role: replica}\njobs: {client: b}\n"),
     "app.yaml:6:16: jobs.client: 'b' is a replica, and jobs are written\n"},
    {"a server that is not there", CLIENT("    b: {engine: pg, server: eu-2}\nservers: {eu-1: {max: 3}}\n"),
     "app.yaml:5:5: client 'b': server names the server 'eu-2', which is not defined; did you mean 'eu-1'?\n"},
    {"a limit for nothing", CLIENT("    b: {engine: pg, server: eu}\nservers: {eu: {max: 0, min: 1}}\n"),
     "app.yaml:6:21: servers.eu.max takes an integer from 1 to 2147483647, not 0\n"
     "app.yaml:6:24: unknown key 'min' in servers.eu\n"},
    {"a queue that is another one for each session",
     CLIENT("    b: {engine: pg, session: {search_path: '${instance}'}}\njobs: {client: b}\n"),
     "app.yaml:6:16: jobs.client: 'b' has other session variables for each session, and all workers and tenants share "
     "the queues; name another client, say {clone: b, session: null}\n"},
    {"a queue with the same variables for all",
     CLIENT("    b: {engine: pg, session: {search_path: jobs, a.b: 'x$${y'}}\njobs: {client: b}\n"), ""},
    {"session variables of a file", CLIENT("    b: {clone: a, session: {search_path: x}}\n"),
     "app.yaml:5:28: session: sqlite3 has no session variables; remove it from the client 'b'\n"},
    {"placeholders that are not of the session", CLIENT("    b: {engine: pg, session: {a.b: '${instance.name}'}}\n"),
     "app.yaml:5:36: write ${VAR}, ${VAR:-fallback} or ${file:PATH}; for a literal ${ write $${\n"},
    {"placeholders that a filled-in value or a fallback would change",
     CLIENT("    b: {engine: pg, session: {a.b: '${SHUNT_NOPE:-a$}${instance}', a.c: '${SHUNT_NOPE:-${instance}}'}}\n"),
     "app.yaml:5:36: a value that ends in $ stands before ${instance}, and $${ means ${; write a text between them\n"
     "app.yaml:5:73: the fallback of ${SHUNT_NOPE:-…} ends at the first }, and can't contain ${\n"},
    {"placeholders of the session outside of its variables",
     CLIENT("    b: {engine: pg, connection: {host: '${attrs.h}'}}\n"),
     "app.yaml:5:40: write ${VAR}, ${VAR:-fallback} or ${file:PATH}; for a literal ${ write $${\n"},
    {"names that are not of a variable",
     CLIENT("    b: {engine: pg, session: {\"a'b\": x, a..b: x, '@a': x}}\n"
            "    c: {engine: mysql, session: {'a b': x, '@a.b': x, '@': x}}\n"),
     "app.yaml:5:31: session: 'a'b' is no name of a variable; write NAME or PREFIX.NAME\n"
     "app.yaml:5:41: session: 'a..b' is no name of a variable; write NAME or PREFIX.NAME\n"
     "app.yaml:5:50: session: '@a' is no name of a variable; write NAME or PREFIX.NAME\n"
     "app.yaml:6:34: session: 'a b' is no name of a variable; write NAME of a system variable, or @NAME\n"
     "app.yaml:6:55: session: '@' is no name of a variable; write NAME of a system variable, or @NAME\n"},
    {"instances whose names PostgreSQL keeps for itself",
     CLIENT("    b: {engine: pg, session: {search_path: '${instance}, public'}}\n    c: {clone: b}\n"
            "    d: {engine: pg, session: {search_path: 'pg_temp, x_${attrs.x}${instance}', a.b: '${instance}'}}\n"
            "instance:\n  instances:\n    $user: {id: 1}\n    pg_temp: {id: 2, isolate: true, isolateClient: a}\n"
            "    pg_catalog: {id: 3}\n    information_schema: {id: 4, isolate: true, isolateClient: c}\n"
            "    a23456789a23456789a23456789a23456789a23456789a23456789a23456789: {id: 5, isolate: true, "
            "isolateClient: d}\n"),
     "app.yaml:10:5: session.search_path of the client 'b' makes of the instance '$user' the name '$user', which "
     "stands "
     "for the role in PostgreSQL; give the instance another name\n"
     "app.yaml:12:5: session.search_path of the client 'b' makes of the instance 'pg_catalog' the name 'pg_catalog', "
     "which belongs to PostgreSQL itself; give the instance another name\n"
     "app.yaml:13:5: session.search_path of the client 'c' makes of the instance 'information_schema' the name "
     "'information_schema', which belongs to PostgreSQL itself; give the instance another name\n"
     "app.yaml:14:5: session.search_path of the client 'd' makes of the instance "
     "'a23456789a23456789a23456789a23456789a23456789a23456789a23456789' the name "
     "'x_xa23456789a23456789a23456789a23456789a23456789a23456789a23456789', which is longer than 63 bytes, and "
     "PostgreSQL "
     "cuts it; give the instance another name\n"},
    {"variables that shunt sets",
     CLIENT("    b: {engine: pg, session: {TimeZone: x}}\n    c: {engine: mysql, session: {sql_mode: x}}\n"),
     "app.yaml:5:31: session: shunt itself sets TimeZone, and reads values by it; remove it\n"
     "app.yaml:6:34: session: shunt itself sets sql_mode, and reads values by it; remove it\n"},
    {"a lease that can't be renewed in time", GOOD "jobs: {lease: 10ms}\n",
     "app.yaml:2:15: jobs.lease takes a duration from 1s to 24h, not '10ms'\n"},
    {"a lease that is as good as none", GOOD "jobs: {lease: 25h}\n",
     "app.yaml:2:15: jobs.lease takes a duration from 1s to 24h, not '25h'\n"},
    {"an unknown key of jobs", GOOD "jobs: {paths: jobs}\n",
     "app.yaml:2:8: unknown key 'paths' in jobs; did you mean 'path'?\n"},
    {"jobs that are no map", GOOD "jobs: jobs\n", "app.yaml:2:7: jobs takes a map, not 'jobs'\n"},
    {"a bad size", GOOD "rules: {memory: 64MB}\n",
     "app.yaml:2:17: rules.memory takes a size, not '64MB'; write it as 512KiB, 64MiB or 1GiB\n"},
    {"a list for a size", GOOD "rules: {memory: [1]}\n", "app.yaml:2:17: rules.memory takes a size, not a list\n"},
    {"a pool with more at least than at most", CLIENT("    b: {engine: pg, pool: {min: 9}}\n"),
     "app.yaml:5:33: a pool's min (9) is greater than its max (8)\n"},
    {"a pool of nothing", CLIENT("    b: {engine: pg, pool: {max: 0}}\n"),
     "app.yaml:5:33: database.clients.b.pool.max takes an integer from 1 to 32767, not 0\n"},
    {"a pool of too many", CLIENT("    b: {engine: pg, pool: {max: 1000000}}\n"),
     "app.yaml:5:33: database.clients.b.pool.max takes an integer from 1 to 32767, not 1000000\n"},
    {"a busy timeout without a unit", CLIENT("    b: {engine: sqlite3, connection: {filename: b, busyTimeout: 5}}\n"),
     "app.yaml:5:65: connection.busyTimeout takes a duration, not 5; write it as 500ms, 5s, 2m or 1h\n"},
    {"a list in a connection", CLIENT("    b: {engine: pg, connection: {host: [a, b]}}\n"),
     "app.yaml:5:40: database.clients.b.connection.host takes text, a number or a boolean, not a list\n"},
    {"readonly and create",
     CLIENT("    b: {engine: sqlite3, connection: {filename: b, create: true, readonly: true}}\n"),
     "app.yaml:5:60: connection: readonly and create exclude each other; remove one of them\n"},
    {"yes is no boolean", GOOD "instance: {instances: {x: {isolate: yes}}}\n",
     "app.yaml:2:37: instance.instances.x.isolate takes true or false, not 'yes'\n"},
    {"a number for a text", GOOD "instance: {instances: {x: {title: 5}}}\n",
     "app.yaml:2:35: instance.instances.x.title takes text, not 5; put it in quotes\n"},
    {"an id that is no integer",
     GOOD "instance: {instances: {x: {id: '5'}, y: {id: 1e3}, z: {id: 99999999999999999999}}}\n",
     "app.yaml:2:32: instance.instances.x.id takes an integer, not '5'\n"
     "app.yaml:2:46: instance.instances.y.id takes an integer, not 1e3; write a whole number of at most 64 bits\n"
     "app.yaml:2:60: instance.instances.z.id takes an integer, not 99999999999999999999; write a whole number of at "
     "most 64 bits\n"},
    {"an isolated instance with neither", GOOD "instance:\n  instances:\n    x: {isolate: true}\n",
     "app.yaml:4:5: the isolated instance 'x' has no id: give it one\n"
     "app.yaml:4:5: the isolated instance 'x' has no isolateClient: name its client\n"},
    {"an isolated instance on a client that is not there",
     GOOD "instance: {instances: {x: {id: 1, isolate: true, isolateClient: aa}}}\n",
     "app.yaml:2:65: instance 'x': isolateClient names the client 'aa', which is not defined; did you mean 'a'?\n"},
    {"two instances with one id", GOOD "instance: {instances: {x: {id: 7}, y: {id: 8}, z: {id: 7}}}\n",
     "app.yaml:2:56: the instance 'z' has the id 7 of the instance 'x'\n"},
    {"an unknown isolation", GOOD "instance: {isolation: srict}\n",
     "app.yaml:2:23: instance.isolation takes loose or strict, not 'srict'; did you mean 'strict'?\n"},
    {"a model that no rule file declares", GOOD "models: {usr: {client: a}}\n",
     "app.yaml:2:10: no rule file declares the model 'usr', and it has no table here\n"},
    {"a model on a client that is not there", GOOD "models: {usr: {table: t, client: bb}}\n",
     "app.yaml:2:34: model 'usr': client names the client 'bb', which is not defined\n"},
    {"a relation to a model that is not there",
     GOOD "models: {user: {table: t, relations: {x: {kind: has_one, target: usr, foreign_key: k, client: b}}}}\n",
     "app.yaml:2:66: relation 'user.x': target names the model 'usr', which is not defined; did you mean 'user'?\n"
     "app.yaml:2:95: relation 'user.x': client names the client 'b', which is not defined; did you mean 'a'?\n"},
    {"a relation of nothing", GOOD "models: {user: {table: t, relations: {x: {}}}}\n",
     "app.yaml:2:39: relation 'user.x': foreign_key is missing: the column that refers to the other end\n"
     "app.yaml:2:39: relation 'user.x': kind is missing: has_one, belongs_to, has_many or belongs_to_many\n"
     "app.yaml:2:39: relation 'user.x': target is missing: the model that the relation leads to\n"},
    {"a condition with an unknown operator",
     GOOD
     "models: {u: {table: t, relations: {x: {kind: has_one, target: u, foreign_key: k, where: {age: {gtt: 1}}}}}}\n",
     "app.yaml:2:89: relation 'u.x': where.age: unknown operator 'gtt'; did you mean 'gt'?\n"},
    {"functions are no words of YAML", GOOD "models: {u: {table: {a: 1}}}\n",
     "app.yaml:2:21: model 'u': table: unknown key 'a' beside schema and name\n"},
    {"a key twice", GOOD "rules: {standard: true}\nrules: {}\n",
     "app.yaml:3:1: the key 'rules' is given twice: the first one is on line 2\n"},
    {"a tag", GOOD "rules: {standard: !!bool true}\n",
     "app.yaml:2:19: tags (!…) are not supported: remove the tag, or put a text that begins with '!' in quotes\n"},
    {"a variable that is not set", GOOD "rules: {instructions: \"${SHUNT_NOPE}\"}\n",
     "app.yaml:2:23: the environment variable SHUNT_NOPE is not set: set it, or write ${SHUNT_NOPE:-fallback}\n"},
    {"one that can't be filled in is one mistake",
     "database:\n  defaultClient: ${SHUNT_NOPE}\n  clients:\n    a:\n      engine: ${SHUNT_NOPE}\n      pool: {min: "
     "0}\n",
     "app.yaml:2:18: the environment variable SHUNT_NOPE is not set: set it, or write ${SHUNT_NOPE:-fallback}\n"
     "app.yaml:5:15: the environment variable SHUNT_NOPE is not set: set it, or write ${SHUNT_NOPE:-fallback}\n"},
    {"a file that is not there", CLIENT("    b: {engine: pg, connection: {password: \"${file:nope/x}\"}}\n"),
     "app.yaml:5:44: can't read the file 'nope/x': No such file or directory\n"},
    {"a brace without its end", GOOD "rules: {path: \"${X\"}\n",
     "app.yaml:2:15: a '${' without '}'; for a literal ${ write $${\n"},
    {"no name in braces", GOOD "rules: {path: \"${1X}\"}\n",
     "app.yaml:2:15: write ${VAR}, ${VAR:-fallback} or ${file:PATH}; for a literal ${ write $${\n"},
    {"a message is one line whatever is quoted", GOOD "\"ru\\nles\": {}\n",
     "app.yaml:2:1: unknown key 'ru?les' in the configuration; did you mean 'rules'?\n"},
    {"an empty path", GOOD "rules: {path: \"${SHUNT_NOPE:-}\"}\njobs: {path: [jobs, ''], client: a}\n",
     "app.yaml:2:15: rules.path is empty: give it a value, or leave it out\n"
     "app.yaml:3:21: jobs.path is empty: give it a value, or leave it out\n"},
    {"a NUL", GOOD "rules: {path: \"a\\0b\"}\n",
     "app.yaml:2:15: the text that begins with 'a' contains a NUL character: remove it\n"},
};

static void tells_every_mistake_with_its_place(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
    app a;
    app_begin(&a);
    app_file(&a, "app.yaml", mistakes[i].yaml);
    app_open(&a, "dev");
    if (strcmp(a.told, mistakes[i].told) != 0) print_error("%s:\n%s", mistakes[i].about, a.told);
    assert_string_equal(a.told, mistakes[i].told);
    assert_int_equal(a.catalog != NULL, *mistakes[i].told == 0);
    assert_int_equal(a.built, *mistakes[i].told ? SHUNT_E_CONFIG : SHUNT_OK);
    app_end(&a);
  }
}

static void tells_seven_mistakes_in_seven_lines(void **state) {
  (void)state;
  app a;
  app_begin(&a);
  app_file(&a, "app.yaml",
           "database:\n"
           "  defaultClient: mian\n"
           "  clients:\n"
           "    main: {engine: sqlite3, connection: {filename: a.db}, pool: {max: ten}}\n"
           "    copy: {clone: copy}\n"
           "instance:\n"
           "  instances:\n"
           "    a: {id: 1}\n"
           "    b: {id: 1}\n"
           "    c: {id: 2, isolate: true}\n"
           "rules: {timeout: 50, sandard: true}\n");
  app_open(&a, "dev");
  assert_string_equal(
      a.told,
      "app.yaml:2:18: database: defaultClient names the client 'mian', which is not defined; did you mean 'main'?\n"
      "app.yaml:4:71: database.clients.main.pool.max takes an integer from 1 to 32767, not 'ten'\n"
      "app.yaml:5:19: the client 'copy' is a clone of itself\n"
      "app.yaml:9:13: the instance 'b' has the id 1 of the instance 'a'\n"
      "app.yaml:10:5: the isolated instance 'c' has no isolateClient: name its client\n"
      "app.yaml:11:18: rules.timeout takes a duration, not 50; write it as 500ms, 5s, 2m or 1h\n"
      "app.yaml:11:22: unknown key 'sandard' in rules; did you mean 'standard'?\n");
  app_end(&a);
}

static void tells_mistakes_in_the_overlay_at_their_places_there(void **state) {
  (void)state;
  app a;
  app_begin(&a);
  app_file(&a, "app.yaml", GOOD "rule: {}\n");
  app_file(&a, "app.prod.yaml", "database:\n  clients:\n    a: {pool: {max: lots}}\n  defaultClient: b\n");
  app_open(&a, "prod");
  assert_string_equal(
      a.told,
      "app.prod.yaml:3:21: database.clients.a.pool.max takes an integer from 1 to 32767, not 'lots'\n"
      "app.prod.yaml:4:18: database: defaultClient names the client 'b', which is not defined; did you mean 'a'?\n"
      "app.yaml:2:1: unknown key 'rule' in the configuration; did you mean 'rules'?\n");
  app_end(&a);
}

static void refuses_what_is_no_configuration(void **state) {
  (void)state;
  static const mistake cases[] = {
      {"a list", "- a\n", "app.yaml:1:1: a configuration is a map of keys, not a list\n"},
      {"a text", "hello\n", "app.yaml:1:1: a configuration is a map of keys, not text\n"},
      {"two documents", "a: 1\n---\nb: 2\n", "app.yaml:3:1: a second document: a configuration is one document\n"},
      {"an alias of nothing", "a: *x\n",
       "app.yaml:1:4: an alias (*…) of an unknown anchor; put a text that begins with '*' in quotes\n"},
      {"an alias inside of itself", "a: &x {b: *x}\n", "app.yaml:1:11: an alias inside its own anchor\n"},
      {"a bad byte", "a: 1\nb: \xFF\n", "app.yaml:2:4: not YAML: invalid leading UTF-8 octet\n"},
      {"bad indentation", "a:\n  b: 1\n c: 2\n",
       "app.yaml:3:2: not YAML: did not find expected key (while parsing a block mapping, from line 1)\n"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    app a;
    app_begin(&a);
    app_file(&a, "app.yaml", cases[i].yaml);
    app_read(&a, "dev");
    char *told = app_lines(&a, &a.problems);
    assert_string_equal(told, cases[i].told);
    assert_int_equal(a.read, SHUNT_E_CONFIG);
    assert_null(a.source.config);
    base_free(told);
    app_end(&a);
  }
}

static void refuses_a_file_that_is_missing_or_a_folder(void **state) {
  (void)state;
  app a;
  app_begin(&a);
  app_read(&a, "dev");
  char *told = app_lines(&a, &a.problems);
  assert_int_equal(a.read, SHUNT_E_CONFIG);
  assert_string_equal(told, "app.yaml:0:0: can't read the configuration: No such file or directory\n");
  base_free(told);
  app_close(&a);
  problems p = {0};
  assert_int_equal(config_read(a.folder, "dev", &a.source, &a.rules, &p), SHUNT_E_CONFIG);
  assert_int_equal(p.count, 1);
  assert_string_equal(p.list[0].message, "can't read the configuration: Is a directory");
  problems_free(&p);
  app_end(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(tells_every_mistake_with_its_place),
      cmocka_unit_test(tells_seven_mistakes_in_seven_lines),
      cmocka_unit_test(tells_mistakes_in_the_overlay_at_their_places_there),
      cmocka_unit_test(refuses_what_is_no_configuration),
      cmocka_unit_test(refuses_a_file_that_is_missing_or_a_folder),
  };
  return cmocka_run_group_tests_name("mistakes in an app config", tests, NULL, NULL);
}
