/* For: what the files of the rule host share, and nobody else sees. */
#ifndef SHUNT_RULE_HOST_INNER_H
#define SHUNT_RULE_HOST_INNER_H

#include <lauxlib.h>
#include <lua.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/map.h"
#include "rule/host.h"
#include "rule/sandbox.h"

/* A function that a rule file declared. */
typedef struct host_function {
  int ref;
  place at;
} host_function;

/* A word that waits for its body: model "user" was read, and { … } is still to come. */
typedef struct host_pending {
  const char *word;
  const char *name;
  place at;
  bool done;
} host_pending;

typedef struct host_slot {
  const char *text; /* the address of the state's own copy: a short text is one object, so that addresses compare */
  int field;        /* a rule_field, or -1 - the position of a method */
} host_slot;

enum { HOST_SLOTS = 128 };

/* A text that was run. */
typedef struct host_text {
  const char *name;   /* as messages show it */
  const char *module; /* what require calls it; NULL for a rule file */
  const char *text;
  size_t size;
  bool standard;
} host_text;

/* All of them, in the order in which they were read: what another host is made of. */
typedef struct host_program {
  arena arena;
  host_text *texts;
  size_t count, capacity;
  const char *env;
} host_program;

struct rule_host {
  sandbox *sb;
  /* while loading */
  bool loading;
  catalog_source *source;
  problems *problems;
  const rule_load *what;
  size_t bytes_before;   /* of the source's arena, when loading began */
  bool standard_file;    /* the file under way is one of the standard ones */
  host_program *program; /* being filled; a clone's is complete, and borrowed */
  bool cloning;
  host_function *functions;
  size_t nfunctions, functions_capacity;
  size_t freezing; /* position in functions */
  host_pending *pending;
  size_t npending, pending_capacity;
  /* while deciding */
  const rule_view *view; /* NULL between runs */
  const rule_read **reads;
  size_t nreads, reads_capacity;
  uint32_t read_mask;    /* of the fields whose value was read, but for those below where and attrs */
  char uncacheable[256]; /* "" where no rule said so; a longer reason is cut */
  shunt_status (*body)(void *ud);
  void *ud;
  shunt_status body_status;
  /* for good */
  host_slot slots[HOST_SLOTS]; /* of field and method names, by address */
  int request_ref;             /* the request's userdata */
  arena names;
  map columns, attrs;  /* by name: the rule_read of the value */
  map parts;           /* by its bytes: a rule_read that asks less than the value */
  map lists, prefixes; /* bytes to rule_operand */
  size_t operand_bytes;
  buf scratch;
};

static inline rule_host *host_of(lua_State *L) { return sandbox_of(L)->owner; }

/* Each fills the state within a protected call. */
void host_open_words(lua_State *L, rule_host *h);
void host_open_request(lua_State *L, rule_host *h);
void host_open_require(lua_State *L, rule_host *h);

/* Reports the words of the file that never got a body. */
void host_check_pending(rule_host *h);

/* fields.c: the fields of the request, and which of them were read. */
extern const char *const host_field_names[RULE_NFIELDS];
extern const char *const host_instance_names[];
enum { HOST_INSTANCE_FIELDS = RULE_INSTANCE_TITLE - RULE_INSTANCE_NAME + 1 };

const rule_view *host_view(lua_State *L, rule_host *h); /* raises between runs */
/* Counts the value of a field as read; below where and attrs, that of the name. */
void host_read(lua_State *L, rule_host *h, rule_field field);
void host_read_named(lua_State *L, rule_host *h, rule_field field, const char *name);
/* The value of the field at a path, "where.user_id", NULL where it is absent; counts as read what the predicate asks
 * of it, and completes the read. May lie in room. Raises where there is no such field. */
const shunt_value *host_subject(lua_State *L, rule_host *h, const char *path, rule_read *read, shunt_value *room);

/* operand.c: values as Lua compares them. */
bool host_equal(const shunt_value *a, const shunt_value *b);
bool host_begins(const shunt_value *value, const char *prefix, size_t size);

enum { HOST_OPERAND_BYTES = 1 << 20 }; /* of all that a host keeps */

/* Adds a value to the bytes of a list. */
void host_list_add(buf *bytes, const shunt_value *value);
/* The host's own copy of what one_of or prefix was given; of the same bytes it is the same one. NULL where there are
 * too many already. Raises. */
const rule_operand *host_operand(lua_State *L, rule_host *h, rule_predicate predicate, const char *bytes, size_t size);
bool host_operand_is(const rule_operand *a, const rule_operand *b);
bool host_list_has(const rule_operand *list, const shunt_value *value);
bool host_prefix_holds(const rule_operand *prefix, const shunt_value *value);

#define HOST_DENY "shunt.deny"
#define HOST_PICK "shunt.pick"

void host_open_answers(lua_State *L, rule_host *h);
/* mod, bucket, one_of, prefix and model_client: the request's methods. */
extern const luaL_Reg host_predicates[];

/* program.c */
struct rule_standard_file;
enum { HOST_FILE_BYTES = 16 << 20 /* at most, of a rule file or module */ };
void host_program_free(host_program *p);
/* Takes the text over. module is NULL for a rule file. */
bool host_keep_text(rule_host *h, const char *name, const char *module, char *text, size_t size);
bool host_keep_standard(rule_host *h, const struct rule_standard_file *f);
const host_text *host_module(const rule_host *h, const char *name); /* NULL if it was not read yet */
/* The path on disk: rules paths are relative to the folder of the app config. */
char *host_path(rule_host *h, const char *path);

/* The hash that req:bucket and pick's hash policy share: 1, 1.0 and "1" are one key. */
uint64_t host_hash(const shunt_value *value);
/* A Lua value as a shunt_value; false for what is none. Text is borrowed from the Lua stack. */
bool host_value(lua_State *L, int index, shunt_value *value);
void host_push_value(lua_State *L, const shunt_value *value);

#endif
