/* For: what an application consists of: datasources, instances, models, relations and rules, as plain frozen structs.
 * Owner: the catalog's arena owns every struct and string; they live until catalog_free. Frozen after catalog_build,
 * so any thread may read. Names of one kind are unique; `id` is the position in the catalog's array of that kind.
 * Use: config and rule fill a catalog_source with nodes; catalog_build(&source, &problems, &c) checks it as a whole. */
#ifndef SHUNT_CATALOG_CATALOG_H
#define SHUNT_CATALOG_CATALOG_H

#include "base/arena.h"
#include "base/error.h"
#include "base/map.h"
#include "base/suggest.h"
#include "catalog/node.h"
#include "shunt.h"

#define CATALOG_NO_FUNCTION (-1)
#define CATALOG_INHERIT "_inherit_"
#define CATALOG_INITIAL "_initial_"
#define CATALOG_AUTO "_auto_"
/* In place of a client's name: the default client of the session's instance. */
#define CATALOG_DEFAULT "default"
/* The client of the job queues if jobs.client is not set, and its file. */
#define CATALOG_QUEUE "jobs.db"
enum {
  CATALOG_MOST_REMEMBERED = 1 << 24, /* decisions of a generation in the cache */
  CATALOG_MOST_LEVELS = 1000,
  CATALOG_MOST_PARTS = 4096,                     /* of a model */
  CATALOG_LONGEST_LEASE_MS = 24 * 60 * 60 * 1000 /* of a job */
};

/* One row per engine: its symbol, its name in the configuration and in symbols, and what must be known of it without
 * its driver (cat_engine_traits). src/driver/driver.h says how to add one. */
#define CAT_ENGINE_MAP(X)                                                                                              \
  X(SQLITE3, sqlite3, .file = true, .queue = true)                                                                     \
  X(PG, pg, .levels = true, .queue = true)                                                                             \
  X(MYSQL, mysql, .levels = true)

typedef enum cat_engine {
#define CAT_ENGINE_ENUM(symbol, name, ...) CAT_##symbol,
  CAT_ENGINE_MAP(CAT_ENGINE_ENUM)
#undef CAT_ENGINE_ENUM
      CAT_NENGINES
} cat_engine;

typedef struct cat_engine_traits {
  const char *name;
  bool file;   /* a client is a file, which its filename names; otherwise it is a server, which its options describe */
  bool levels; /* several connections may write at the same time: each level has pools of its own. Without, all levels
                * share the pool of level 0 */
  bool queue;  /* jobs can be kept there: the driver has a dialect for the queue */
} cat_engine_traits;

const cat_engine_traits *cat_engine_of(cat_engine engine);

typedef struct cat_pool {
  int min;
  int max;
  int64_t acquire_timeout_ms;
  int64_t idle_timeout_ms;
  int64_t max_lifetime_ms;
} cat_pool;

typedef struct cat_option {
  const char *name;
  const char *value;
  bool secret; /* the whole value. Another text may contain a password (a URL does): show_masked hides it */
} cat_option;

/* A variable of the connection that each session sets (`session`). */
typedef struct cat_variable {
  const char *name;
  shunt_value value; /* a text is a template (template.h) */
  bool is_list;      /* of identifiers, with commas between them: a placeholder is a part of one of them */
} cat_variable;

typedef struct cat_client {
  const char *name;
  uint32_t id;
  cat_engine engine;
  bool replica;         /* role: replica */
  bool trace_comments;  /* statements of sampled traces say so in a comment */
  const char *server;   /* whose limit its connections count under; NULL: none */
  const char *filename; /* absolute or relative to the working folder, ready to open; NULL: the engine has no files */
  bool create;          /* sqlite3: make the file if it does not exist */
  bool read_only;       /* sqlite3 */
  int64_t busy_timeout_ms;
  const cat_option *options;  /* pg, mysql: the keys of connection */
  const char *const *folders; /* of each option: the folder of the file that names it, where its relative paths begin.
                                 "", or ends in a slash. NULL: the working folder, for all options */
  size_t noptions;
  const cat_variable *variables; /* pg, mysql */
  size_t nvariables;
  cat_pool pool;
  int64_t max_result_bytes; /* that the rows of one statement may take; 0: no limit */
  place at;
} cat_client;

/* A deep copy in the arena. False when out of memory. */
bool cat_client_copy(arena *a, const cat_client *from, cat_client *to);
/* Whether connections of one client can serve the other. */
bool cat_client_equal(const cat_client *a, const cat_client *b);

/* A server that several clients are on, with one limit for their connections. */
typedef struct cat_server {
  const char *name;
  int max; /* 0: no limit */
} cat_server;

typedef struct cat_instance {
  const char *name;
  uint32_t id; /* position; not the tenant's id */
  bool has_number;
  int64_t number; /* the tenant's id, the value of instance columns */
  const char *title;
  bool isolate;
  const cat_client *isolate_client; /* NULL unless isolate */
  const node *config;               /* or NULL */
  place at;
} cat_instance;

typedef struct cat_model cat_model;

typedef struct cat_relation {
  shunt_relation as;     /* with its defaults filled in: key, client, through_client */
  const char *full_name; /* "user.orders" */
  uint32_t id;
  const cat_model *source;
  const cat_model *target;
  const cat_model *through; /* or NULL */
  place at;
} cat_relation;

/* One of the places over which the rows of a model are spread. What it does not name, the rules choose. */
typedef struct cat_part {
  const struct cat_client *client; /* or NULL */
  const char *table;               /* or NULL */
} cat_part;

/* What a column's values are in Lua and C, whatever the engine keeps them as. */
#define CAT_TYPE_MAP(X)                                                                                                \
  X(INTEGER, "integer")                                                                                                \
  X(NUMBER, "number")                                                                                                  \
  X(DECIMAL, "decimal")                                                                                                \
  X(BOOLEAN, "boolean")                                                                                                \
  X(TEXT, "text")                                                                                                      \
  X(BLOB, "blob")                                                                                                      \
  X(DATE, "date")                                                                                                      \
  X(TIME, "time")                                                                                                      \
  X(DATETIME, "datetime")                                                                                              \
  X(JSON, "json")                                                                                                      \
  X(UUID, "uuid")

typedef enum cat_type {
#define CAT_TYPE_ENUM(name, text) CAT_TYPE_##name,
  CAT_TYPE_MAP(CAT_TYPE_ENUM)
#undef CAT_TYPE_ENUM
      CAT_NTYPES
} cat_type;

const char *cat_type_name(cat_type type);

typedef struct cat_typed {
  const char *column;
  cat_type type;
} cat_typed;

struct cat_model {
  const char *name;
  uint32_t id;
  const char *table;  /* NULL if there is a table_function */
  int table_function; /* CATALOG_NO_FUNCTION, or the rule host's reference */
  const char *client; /* a client's name, "default", or NULL */
  int client_function;
  const char *primary_key[SHUNT_KEY_MOST]; /* the first NULL ends it */
  const char *instance_column;             /* or NULL */
  const char *soft_delete;                 /* the column that a delete sets to the time, or NULL */
  const char *created, *updated; /* columns that get the time of the row's insert, and of its last write; or NULL */
  const cat_part *parts;         /* all places of its rows, if it is partitioned */
  size_t nparts;
  bool whole; /* the one part is a table or view with all rows, also those that the rules send elsewhere by a value */
  cat_relation **relations;
  size_t nrelations;
  const cat_typed *types;
  size_t ntypes;
  place at;
};

#define CAT_STAGE_MAP(X)                                                                                               \
  X(OVERRIDE, "override")                                                                                              \
  X(EXPLICIT, "explicit")                                                                                              \
  X(RELATION, "relation")                                                                                              \
  X(MODEL, "model")                                                                                                    \
  X(CURRENT, "current")                                                                                                \
  X(DEFAULT, "default")                                                                                                \
  X(REFINE, "refine")                                                                                                  \
  X(GUARD, "guard")

typedef enum cat_stage {
#define CAT_STAGE_ENUM(name, text) CAT_STAGE_##name,
  CAT_STAGE_MAP(CAT_STAGE_ENUM)
#undef CAT_STAGE_ENUM
      CAT_NSTAGES
} cat_stage;

const char *cat_stage_name(cat_stage stage);

typedef enum cat_dimension { CAT_MODEL, CAT_RELATION, CAT_INSTANCE, CAT_OP, CAT_CLIENT, CAT_NDIMENSIONS } cat_dimension;

/* One pattern of a condition: a name, or with `prefix` the beginning of a name. */
typedef struct cat_pattern {
  const char *text; /* without the * */
  size_t size;
  bool prefix;
} cat_pattern;

/* A condition holds if, for every dimension with patterns, one pattern matches. */
typedef struct cat_condition {
  const cat_pattern *patterns;
  size_t count; /* 0: no condition */
} cat_condition;

typedef struct cat_rule {
  const char *name;
  uint32_t id; /* load order */
  cat_stage stage;
  bool standard;
  double priority;
  cat_condition conditions[CAT_NDIMENSIONS];
  int when_function;
  const char *client; /* or NULL */
  int client_function;
  const char *table; /* a constant table and level, from client = {client=, table=, level=} */
  int level;         /* -1: not given */
  const char *deny;  /* or NULL */
  int check_function;
  const char *source; /* "rules/residency.lua:3" */
  place at;
} cat_rule;

/* ---- attributes of sessions ---- */

#define CAT_ATTRIBUTE_MAP(X)                                                                                           \
  X(TEXT, "text")                                                                                                      \
  X(INTEGER, "integer")                                                                                                \
  X(NUMBER, "number")                                                                                                  \
  X(BOOLEAN, "boolean")

typedef enum cat_attribute_type {
#define CAT_ATTRIBUTE_ENUM(name, text) CAT_ATTRIBUTE_##name,
  CAT_ATTRIBUTE_MAP(CAT_ATTRIBUTE_ENUM)
#undef CAT_ATTRIBUTE_ENUM
      CAT_ATTRIBUTE_LISTED /* one of its values */
} cat_attribute_type;

/* "text"; "list" for CAT_ATTRIBUTE_LISTED */
const char *cat_attribute_type_name(cat_attribute_type type);

/* An attribute that the app config declares. */
typedef struct cat_attribute {
  const char *name;
  cat_attribute_type type;
  const shunt_value *values;
  size_t nvalues;
} cat_attribute;

/* How a rule uses a column or an attribute: reads it, compares it with the value, orders it against the value, or asks
 * for one of so many parts, by mod or by bucket. */
typedef enum cat_use_kind {
  CAT_USE_READ,
  CAT_USE_EQUAL,
  CAT_USE_ORDER,
  CAT_USE_PREFIX,
  CAT_USE_PARTS,
  CAT_USE_BUCKETS
} cat_use_kind;

/* A use in the code of a rule file, or a text or number that its functions hold. */
typedef struct cat_use {
  const char *path; /* "attrs.plan", "where.user_id"; "": not known */
  cat_use_kind kind;
  shunt_value value; /* null for CAT_USE_READ, and for an unknown number of parts */
  place at;
} cat_use;

enum { CATALOG_MOST_USES = 4096, CATALOG_MOST_LOOSE = 1024, CATALOG_LONGEST_USE = 1024 /* bytes */ };

typedef struct cat_uses {
  cat_use *list;
  size_t count;
  size_t capacity;
  size_t loose;                       /* how many have no path */
  uint16_t order[CATALOG_MOST_LOOSE]; /* their positions in the list, by value */
  bool cut;                           /* there are more */
} cat_uses;

/* The settings of the application as a whole, filled from their rows in settings.c. */
/* What a transaction does with work on another datasource, in the order of the words in settings.c. */
typedef enum cat_spanning { CAT_SPANNING_ERROR, CAT_SPANNING_RUN, CAT_SPANNING_JOIN } cat_spanning;

typedef struct cat_settings {
  int max_connections; /* of all clients; 0: no limit */
  int max_level;       /* the highest level of a session; 0: there are no levels, all work is at level 0 */
  int spanning;        /* a cat_spanning */
  bool strict_isolation;
  bool watch;
  bool standard_rules;
  int64_t instructions, memory_bytes, timeout_ms; /* the limits of one decision */
  int64_t remember;                               /* most decisions in the cache */
  double audit;                                   /* the share of cached decisions that is decided again, to compare */
  int64_t lease_ms;                               /* of a job */
  int64_t keep_ms;                                /* a job that is done; 0: it is deleted at once */
  int64_t slow_statement_ms, slow_rule_ms;        /* from this duration on, an event reports it; 0: never */
} cat_settings;

/* Where jobs are stored and declared. */
typedef struct cat_jobs {
  const cat_client *client;
  bool own; /* the client is the file jobs.db: it is not in client_names, and stands behind the others: its id is
               nclients */
  const char **paths; /* files and folders with the jobs of a Lua host */
  size_t npaths;
} cat_jobs;

/* The kinds of handles. */
typedef enum cat_kind { CAT_KIND_MODEL, CAT_KIND_RELATION, CAT_KIND_INSTANCE, CAT_KIND_CLIENT, CAT_NKINDS } cat_kind;

typedef struct catalog {
  arena arena;
  const char *env;
  const char *folder; /* the app config's folder, "" for the working folder, else ending in a slash */
  const char *default_client;
  cat_settings settings;
  const node *merged; /* the merged configuration, for shunt_config */
  cat_client **clients;
  size_t nclients;
  cat_server *servers;
  size_t nservers;
  cat_instance **instances;
  size_t ninstances;
  cat_model **models;
  size_t nmodels;
  cat_relation **relations; /* of all models */
  size_t nrelations;
  cat_rule **rules; /* in load order */
  size_t nrules;
  cat_jobs jobs;
  bool closed_attributes; /* the app config has `attributes`: sessions have no others */
  cat_attribute *attributes;
  size_t nattributes;
  cat_uses uses;
  map client_names;
  map instance_names;
  map model_names;
  map relation_names; /* by full name */
  map attribute_names;
  uint64_t names; /* depends on the names of clients, models and relations, not on their order: two processes compare
                     what they know */
} catalog;

/* A declaration in a rule file. */
typedef struct cat_declaration {
  const char *name;
  node *body; /* a map */
  place at;
  bool standard; /* from rules/standard/ */
} cat_declaration;

typedef struct cat_declarations {
  cat_declaration *list;
  size_t count;
  size_t capacity;
} cat_declarations;

bool cat_declare(cat_declarations *to, cat_declaration what); /* false when out of memory */

/* The input of catalog_build. The nodes live in the arena, which the catalog takes over. */
typedef struct catalog_source {
  arena arena;
  const char *env;
  const char *folder;
  node *config;          /* the merged app config; config has checked keys and types. Sections may be absent */
  cat_settings settings; /* config fills them from the app config */
  cat_declarations datasources, instances, models, rules;
  cat_uses uses; /* each one once; in the arena */
} catalog_source;

/* Copies the use, unless it is known or there are too many. False when out of memory. */
bool cat_note_use(catalog_source *to, const cat_use *use);
/* After the last one: puts those without a path behind the others, by their values. False when out of memory. */
bool cat_order_uses(arena *a, cat_uses *u);

void catalog_source_free(catalog_source *source);

/* Joins the declarations with the app config, which wins, checks the whole and freezes it. Adds every mistake to
 * problems. Sets *out only if there is no mistake. Uses up the source in either case. */
shunt_status catalog_build(catalog_source *source, problems *problems, catalog **out);
void catalog_free(catalog *c);

/* NULL if the name is unknown. */
const cat_client *catalog_client(const catalog *c, const char *name);
const cat_instance *catalog_instance(const catalog *c, const char *name);
const cat_model *catalog_model(const catalog *c, const char *name);
const cat_relation *catalog_relation(const catalog *c, const char *full_name);
const cat_relation *cat_model_relation(const cat_model *m, const char *name);
/* The model's relation whose name is nearest to an unknown one: suggest_text says it. */
suggest cat_model_suggest(const cat_model *m, const char *name);

/* The same; for an unknown name NOT_FOUND, with the nearest name in the message. */
shunt_status catalog_find_client(const catalog *c, const char *name, const cat_client **out, shunt_error *err);
shunt_status catalog_find_instance(const catalog *c, const char *name, const cat_instance **out, shunt_error *err);
shunt_status catalog_find_model(const catalog *c, const char *name, const cat_model **out, shunt_error *err);
shunt_status catalog_find_relation(const catalog *c, const char *full_name, const cat_relation **out, shunt_error *err);

/* Whether sessions may have the attribute, and with that value; value may be NULL. Errors: NOT_FOUND, USAGE. */
shunt_status catalog_check_attribute(const catalog *c, const char *name, const shunt_value *value, shunt_error *err);

const char *cat_engine_name(cat_engine engine);
/* Whether two names mean the same column: ASCII letters compare without case. */
bool cat_same_column(const char *a, const char *b);

/* A duration ("5s", "1500ms") in ms, a size ("64MiB") in bytes. False if the text is not one. */
bool cat_parse_duration_ms(const char *text, int64_t *ms);
bool cat_parse_size_bytes(const char *text, int64_t *bytes);
/* Whether the value of the key must not be printed: password, secret, token and the like. */
bool cat_secret_key(const char *key);

#endif
