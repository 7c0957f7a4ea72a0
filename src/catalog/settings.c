/* The settings, one row each: key, type and bounds, default, place in a struct, effect of a reload, and one sentence
 * for the manual. A new setting is one row here and one member of the struct that it fills; the code that uses it reads
 * the member. The idea is from PgBouncer (CfKey) and Redis (standardConfig). A row holds no function: a check that
 * needs more than one value is code in build_*.c, where the other values are. Not here: an offset written by hand.
 * SCHEMA_AT takes offset and type from the member, so a row can't disagree with its struct. */
#include "catalog/settings.h"

#include <string.h>

#include "catalog/catalog.h"

#define INTEGER(from, to) .type = SCHEMA_INTEGER, .least = (from), .most = (to)
#define DURATION .type = SCHEMA_DURATION
#define SIZE .type = SCHEMA_SIZE
#define BOOLEAN .type = SCHEMA_BOOLEAN
#define NAME .type = SCHEMA_NAME
#define TEXT .type = SCHEMA_TEXT
#define TEXTS .type = SCHEMA_TEXTS
#define PATHS .type = SCHEMA_TEXTS, .filled = true
#define WORD(list) .type = SCHEMA_WORD, .words = (list)
#define MAP(rows) .type = SCHEMA_MAP, .of = (rows)
#define NAMED(rows) .type = SCHEMA_NAMED, .of = (rows)
#define IS(yaml) .fallback = (yaml)
#define UNSET(words) .unset = (words)
#define AT(record, member) SCHEMA_AT(record, member)
#define POOLS .reload = SCHEMA_POOLS
#define SAYS(text) .sentence = (text)
#define SEE(link) .see = (link)
#define END                                                                                                            \
  { .key = NULL }

const char *const settings_engines[] = {
#define ENGINE(symbol, name, ...) #name,
    CAT_ENGINE_MAP(ENGINE)
#undef ENGINE
        NULL};
static const char *const roles[] = {"primary", "replica", NULL};
static const char *const isolations[] = {"loose", "strict", NULL};
static const char *const kinds[] = {"has_one", "has_many", "belongs_to", "belongs_to_many", NULL};
static const char *const spannings[] = {"error", "run", "join", NULL};
static const char *const ops[] = {"read", "write", NULL};

/* ---- database ---- */

static const schema_field pool_rows[] = {
    {"min", INTEGER(0, INT16_MAX), IS("0"), AT(cat_client, pool.min), POOLS,
     SAYS("Connections per level that stay open when idle. None is opened in advance."),
     SEE("[Connection pools](pools.md)")},
    {"max", INTEGER(1, INT16_MAX), IS("8"), AT(cat_client, pool.max), POOLS, SAYS("Most connections per level."),
     SEE("[Connection pools](pools.md)")},
    {"acquireTimeout", DURATION, IS("5s"), AT(cat_client, pool.acquire_timeout_ms), POOLS,
     SAYS("How long to wait for a free connection; 0s: not at all.")},
    {"idleTimeout", DURATION, IS("60s"), AT(cat_client, pool.idle_timeout_ms), POOLS,
     SAYS("When to close an unused connection; 0s: never.")},
    {"maxLifetime", DURATION, IS("30m"), AT(cat_client, pool.max_lifetime_ms), POOLS,
     SAYS("When to close any connection, measured from its opening; 0s: never.")},
    END};
static const schema pool = {pool_rows, .record = "cat_client"};

/* clone comes first: database.base has the other rows. */
static const schema_field client_rows[] = {
    {"clone", NAME, POOLS,
     SAYS("A client, or `default`: start from the settings of that client. This client's own settings win.")},
    {"engine", WORD(settings_engines), UNSET("required"), POOLS, SAYS("The database engine. MariaDB is mysql.")},
    {"connection", .type = SCHEMA_SCALARS, POOLS, SAYS("How to connect. The keys depend on the engine."),
     SEE("[Connecting](#connecting)")},
    {"pool", MAP(&pool), POOLS, SAYS("The connection pools, one per level.")},
    {"maxResult", SIZE, IS("1GiB"), AT(cat_client, max_result_bytes), POOLS,
     SAYS("How much memory the rows of one statement may take; 0KiB: no limit. A larger result is an error."),
     SEE("[Servers](servers.md#memory)")},
    {"session", .type = SCHEMA_SCALARS, POOLS,
     SAYS("pg, mysql: variables that each session sets on its connections. Texts may have ${instance}, ${instance.id}, "
          "${env} and ${attrs.NAME}."),
     SEE("[Session variables](pools.md#session-variables)")},
    {"server", NAME, AT(cat_client, server), POOLS,
     SAYS("One of `servers`: the connections of its clients count together."),
     SEE("[Limits for several pools](pools.md#limits-for-several-pools)")},
    {"traceComments", BOOLEAN, IS("false"), AT(cat_client, trace_comments),
     SAYS("pg, mysql: statements of a session whose attribute `traceparent` is sampled end in it, as an SQL comment."),
     SEE("[Tracing](sessions.md#tracing)")},
    {"role", WORD(roles), IS("primary"), AT(cat_client, replica),
     SAYS("Shown in the decision's role. A replica takes no writes.")},
    END};
const schema schema_client = {client_rows, .record = "cat_client"};
static const schema base = {client_rows + 1, .record = "cat_client"};

static const schema_field database_rows[] = {
    {"defaultClient", NAME, UNSET("required"), SAYS("The default client.")},
    {"maxLevel", INTEGER(0, CATALOG_MOST_LEVELS), IS("8"), AT(cat_settings, max_level),
     SAYS("The highest level of a session; 0: there are no levels."), SEE("[Levels](sessions.md#levels)")},
    {"maxConnections", INTEGER(0, INT32_MAX), IS("0"), AT(cat_settings, max_connections),
     SAYS("Most connections of all clients together; 0: no limit."),
     SEE("[Limits for several pools](pools.md#limits-for-several-pools)")},
    {"spanning", WORD(spannings), IS("error"), AT(cat_settings, spanning),
     SAYS("What a transaction does with work on another datasource: `error` refuses it, `run` does it outside of the "
          "transaction, `join` takes the datasource in, and all of them commit as one."),
     SEE("[Several datasources](sessions.md#several-datasources)")},
    {"base", MAP(&base), SAYS("The settings that every client starts from: those of a client without `clone`.")},
    {"clients", NAMED(&schema_client),
     SAYS("The clients by name. A name contains no `*`, and is not `default`, `_inherit_`, `_initial_` or `_auto_`.")},
    END};
const schema schema_database = {database_rows, .record = "cat_settings"};

/* ---- instance ---- */

static const schema_field instance_rows[] = {
    {"id", .type = SCHEMA_INTEGER, UNSET("required if isolated"),
     SAYS("The tenant's id, the value of instance columns. Unique.")},
    {"title", TEXT, UNSET("the name"), AT(cat_instance, title), SAYS("A title for people.")},
    {"isolate", BOOLEAN, IS("false"), AT(cat_instance, isolate),
     SAYS("Isolate the instance: isolateClient is its default client.")},
    {"isolateClient", NAME, UNSET("required if isolated"), SAYS("The default client of the isolated instance.")},
    {"config", .type = SCHEMA_FREE, SAYS("Any map. Rules read it as `req.instance.config`.")},
    END};
const schema schema_instance = {instance_rows, .record = "cat_instance"};

static const schema_field instance_section_rows[] = {
    {"isolation", WORD(isolations), IS("loose"), AT(cat_settings, strict_isolation),
     SAYS("strict denies each access of an isolated instance to another client than its isolateClient."),
     SEE("[Instances](rules.md#instances-and-isolation)")},
    {"instances", NAMED(&schema_instance),
     SAYS("The instances by name. \"\" is the default instance; it exists even if it is not listed.")},
    END};
static const schema instance_section = {instance_section_rows, .record = "cat_settings"};

/* ---- models ---- */

static const schema_field table_rows[] = {
    {"schema", NAME, UNSET("required"), SAYS("The schema, on MySQL the database, that the table is in.")},
    {"name", NAME, UNSET("required"), SAYS("The table.")},
    END};
static const schema table_schema = {.fields = table_rows};

static const schema_field relation_rows[] = {
    {"kind", WORD(kinds), UNSET("required"), SAYS("The kind of relation.")},
    {"target", NAME, UNSET("required"), SAYS("The model that the relation leads to.")},
    {"foreign_key", TEXTS, UNSET("required"), SAYS("The column that refers to the other end, or a list of columns.")},
    {"through", NAME, SAYS("belongs_to_many: the model between the two ends.")},
    {"through_key", TEXTS, SAYS("belongs_to_many: the same in that model, to the target's primary key.")},
    {"key", TEXTS, UNSET("the primary key"), SAYS("The columns that the foreign key refers to, in the same order.")},
    {"client", NAME, IS("_auto_"), SAYS("A client, `default`, `_inherit_`, `_initial_` or `_auto_`.")},
    {"through_client", NAME, IS("_auto_"), SAYS("belongs_to_many: the same for the model between.")},
    {"table", NAME, .of = &table_schema, UNSET("the table of the target"), SAYS("The table to read instead.")},
    {"columns", TEXTS, UNSET("all"), SAYS("The columns to read.")},
    {"where", .type = SCHEMA_FREE, SAYS("A condition on the rows of the target.")},
    {"order", TEXTS, SAYS("Columns to order by; -COLUMN is descending.")},
    {"limit", INTEGER(0, INT64_MAX), UNSET("none"), SAYS("Most rows for each parent row.")},
    {"autoload", BOOLEAN, IS("false"), AT(cat_relation, as.autoload), SAYS("Load the relation with every read.")},
    END};
const schema schema_relation = {relation_rows, .record = "cat_relation"};

static const schema_field timestamps_rows[] = {
    {"created", NAME, AT(cat_model, created), SAYS("The column that gets the time when a row is inserted.")},
    {"updated", NAME, AT(cat_model, updated), SAYS("The column that gets the time when a row is inserted or updated.")},
    END};
static const schema timestamps_schema = {timestamps_rows, .record = "cat_model"};
static const schema_field parts_rows[] = {
    {"tables", TEXTS, SAYS("Names of tables, or one name with %d (or %02d) for numbers from 0 to n - 1.")},
    {"n", INTEGER(1, CATALOG_MOST_PARTS), SAYS("The number of tables.")},
    {"clients", TEXTS, SAYS("Clients. With tables: each client has each table.")},
    END};
const schema schema_parts = {.fields = parts_rows};

static const schema_field part_rows[] = {{"client", NAME, SAYS("A client. Without it, the rules choose.")},
                                         {"table", NAME, SAYS("A table. Without it, the rules choose.")},
                                         END};
const schema schema_part = {.fields = part_rows};

static const schema_field model_rows[] = {
    {"client", .type = SCHEMA_TEXT_OR_FUNCTION, AT(cat_model, client),
     SAYS("The client of the model; wins over the model's rule file.")},
    {"table", .type = SCHEMA_TEXT_OR_FUNCTION, .of = &table_schema, UNSET("the name"),
     SAYS("The table. Required for a model that no rule file declares.")},
    {"primary_key", TEXTS, IS("id"), SAYS("The column of the primary key, or a list of columns.")},
    {"instance_column", NAME, AT(cat_model, instance_column),
     SAYS("The column that holds the instance's id: shunt filters and stamps by it.")},
    {"soft_delete", NAME, AT(cat_model, soft_delete),
     SAYS("A column for times: a delete sets it, and reads leave rows out in which it is not null.")},
    {"timestamps", .type = SCHEMA_MAP, .of = &timestamps_schema, SAYS("Columns for times that shunt sets.")},
    {"parts", .type = SCHEMA_ANY,
     SAYS("All places over which the rows are spread: {tables, n, clients}, or a list of {client, table}.")},
    {"types", .type = SCHEMA_SCALARS,
     SAYS("What columns are in Lua and C, on every engine: integer, number, decimal, boolean, text, blob, date, time, "
          "datetime, json or uuid.")},
    {"relations", NAMED(&schema_relation), SAYS("The relations of the model by name.")},
    END};
const schema schema_model = {model_rows, .record = "cat_model"};

/* ---- rules ---- */

static const schema_field expect_rows[] = {{"client", NAME, SAYS("The client.")},
                                           {"table", NAME, SAYS("The table.")},
                                           {"level", INTEGER(0, INT64_MAX), SAYS("The level.")},
                                           {"denied", BOOLEAN, SAYS("Whether the access is denied.")},
                                           END};
static const schema expect = {.fields = expect_rows};

/* By the kind of the request's field. */
#define TYPE_MODEL NAME, SAYS("A model.")
#define TYPE_RELATION NAME, SAYS("A relation, MODEL.RELATION.")
#define TYPE_CLIENT NAME, SAYS("A client.")
#define TYPE_MODE NAME, SAYS("A client, `_inherit_`, `_initial_` or `_auto_`.")
#define TYPE_OP WORD(ops), SAYS("The kind of access.")
#define TYPE_LEVEL INTEGER(0, INT64_MAX), SAYS("A level.")
#define TYPE_VALUES .type = SCHEMA_SCALARS, SAYS("Names and values.")
#define OPTION(kind, id, member, name, option) {option, TYPE_##kind},
static const schema_field selftest_rows[] = {SHUNT_REQUEST_MAP(OPTION) /* the fields of a request */
                                             {"instance", TEXT, SAYS("The instance of the session.")},
                                             {"attrs", .type = SCHEMA_SCALARS, SAYS("The attributes of the session.")},
                                             {"expect", MAP(&expect), SAYS("The decision that the rules must give.")},
                                             END};
#undef OPTION
static const schema selftest = {.fields = selftest_rows};

static const schema_field rules_rows[] = {
    {"path", PATHS, UNSET("rules, if that folder exists"),
     SAYS("Folders (every .lua in them, by name, without subfolders) and files.")},
    {"standard", BOOLEAN, IS("true"), AT(cat_settings, standard_rules), SAYS("Load the standard policy.")},
    {"instructions", INTEGER(1, INT64_MAX), IS("1000000"), AT(cat_settings, instructions),
     SAYS("Limit of one decision, in Lua instructions.")},
    {"memory", SIZE, IS("64MiB"), AT(cat_settings, memory_bytes), SAYS("Limit of each Lua state that runs the rules.")},
    {"timeout", DURATION, IS("50ms"), AT(cat_settings, timeout_ms), SAYS("Limit of one decision, in CPU time.")},
    {"remember", INTEGER(0, CATALOG_MOST_REMEMBERED), IS("65536"), AT(cat_settings, remember),
     SAYS("How many decisions are remembered at most; 0: none."),
     SEE("[Remembered decisions](decisions.md#remembered-decisions)")},
    {"audit", .type = SCHEMA_NUMBER, .least = 0, .most = 1, IS("0"), AT(cat_settings, audit),
     SAYS("The share of remembered decisions that the rules decide again, to compare.")},
    {"selftest", .type = SCHEMA_MAPS, .of = &selftest,
     SAYS("Requests and the decisions they must get. A wrong answer stops loading."), SEE("[Self-test](#self-test)")},
    END};
static const schema rules = {rules_rows, .record = "cat_settings"};

/* ---- jobs, and the whole ---- */

static const schema_field jobs_rows[] = {
    {"client", NAME, UNSET("the file jobs.db beside the app config"),
     SAYS("Where jobs are stored: a client on sqlite3 or pg."), SEE("[Queues](jobs.md#queues)")},
    {"path", PATHS, IS("jobs"), SAYS("Folders and files with the jobs of a Lua host.")},
    {"lease", DURATION, .least = 1000, .most = CATALOG_LONGEST_LEASE_MS, IS("30s"), AT(cat_settings, lease_ms),
     .reload = SCHEMA_WORKER,
     SAYS("After this time without a sign of life from its worker, another worker may claim the job.")},
    {"keep", DURATION, IS("0s"), AT(cat_settings, keep_ms), .reload = SCHEMA_WORKER,
     SAYS("How long jobs that are done stay in the list; 0s: they are deleted at once.")},
    END};
static const schema jobs = {jobs_rows, .record = "cat_settings"};

static const schema_field events_rows[] = {
    {"slowStatement", DURATION, IS("1s"), AT(cat_settings, slow_statement_ms),
     SAYS("A statement that takes this long causes the event statement.slow; 0s: none does.")},
    {"slowRule", DURATION, IS("10ms"), AT(cat_settings, slow_rule_ms),
     SAYS("A rule that takes this long causes the event rule.slow; 0s: none does.")},
    END};
static const schema events = {events_rows, .record = "cat_settings"};

static const schema_field server_rows[] = {{"max", INTEGER(1, INT32_MAX), AT(cat_server, max), UNSET("no limit"),
                                            SAYS("Most connections of all clients that name the server.")},
                                           END};
const schema schema_server = {server_rows, .record = "cat_server"};

static const schema_field config_rows[] = {
    {"database", MAP(&schema_database), SAYS("The datasources.")},
    {"servers", NAMED(&schema_server), SAYS("Servers by name: limits for the clients on them.")},
    {"instance", MAP(&instance_section), SAYS("The tenants.")},
    {"attributes", .type = SCHEMA_FREE, UNSET("any"),
     SAYS("The attributes of sessions by name: text, integer, number or boolean, or a list of values. There are no "
          "others."),
     SEE("[Attributes](rules.md#attributes)")},
    {"models", NAMED(&schema_model),
     SAYS("Models by name, as in a rule file but without functions. What is set here wins over the rule file."),
     SEE("[Rule files](rules.md#rule-files)")},
    {"rules", MAP(&rules), SAYS("The routing rules and the limits of their sandbox.")},
    {"jobs", MAP(&jobs), SAYS("The job queues.")},
    {"events", MAP(&events), SAYS("What is reported as slow.")},
    {"watch", BOOLEAN, IS("false"), AT(cat_settings, watch),
     SAYS("Reload automatically when the app config or a rule file changes."), SEE("[Reloading](#reloading)")},
    END};
const schema schema_config = {config_rows, .record = "cat_settings"};

/* ---- connection: sqlite3 ---- */

static const schema_field sqlite3_rows[] = {
    {"filename", NAME, UNSET("required"), AT(cat_client, filename), POOLS,
     SAYS("The database file. `:memory:` is one private connection.")},
    {"create", BOOLEAN, IS("false"), AT(cat_client, create), POOLS, SAYS("Create the file if it does not exist.")},
    {"readonly", BOOLEAN, IS("false"), AT(cat_client, read_only), POOLS, SAYS("Open the file for reading only.")},
    {"busyTimeout", DURATION, IS("5s"), AT(cat_client, busy_timeout_ms), POOLS,
     SAYS("How long to wait for another connection's lock.")},
    END};
const schema schema_sqlite3 = {sqlite3_rows, .record = "cat_client", .engine = "sqlite3"};

const schema *settings_of_connection(const char *engine) {
  static const schema *const all[] = {
#define ROWS(symbol, name, ...) &schema_##name,
      CAT_ENGINE_MAP(ROWS)
#undef ROWS
  };
  for (size_t i = 0; i < CAT_NENGINES; i++)
    if (strcmp(all[i]->engine, engine) == 0) return all[i];
  return NULL;
}
