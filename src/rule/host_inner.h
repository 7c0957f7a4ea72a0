/* For: declarations that are private to the files of the rule host. */
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

/* A declaration without its body so far: model "user" was called, and { … } comes next. */
typedef struct host_pending {
  const char *word;
  const char *name;
  place at;
  bool done;
} host_pending;

typedef struct host_slot {
  const char *text; /* the address of the state's own copy: Lua keeps one copy of a short text, so that addresses can be
                       compared */
  int field;        /* a rule_field, or -1 - the position of a method */
} host_slot;

enum { HOST_SLOTS = 128 };

/* A text that was run. */
typedef struct host_text {
  const char *name;   /* in messages */
  const char *module; /* its name for require; NULL for a rule file */
  const char *text;
  size_t size;
  bool standard;
  const char *wrong; /* why there is no text: a module that could not be read */
} host_text;

/* All texts in the order in which they were read. A clone is made from them. */
typedef struct host_program {
  arena arena;
  host_text *texts;
  size_t count, capacity;
  size_t text_bytes; /* of the texts, which are kept for clones */
  const char *env;
} host_program;

struct rule_host {
  sandbox *sb;
  /* while loading */
  bool loading;
  catalog_source *source;
  problems *problems;
  const rule_load *what;
  size_t bytes_before;           /* of the source's arena, when loading began */
  _Atomic(const char *) running; /* the name of the file that is loaded, or NULL */
  const char *last_file;         /* of a declaration */
  bool standard_file;            /* the current file is a standard one */
  host_program *program;         /* being filled; a clone borrows a complete one */
  bool cloning;
  host_function *functions;
  size_t nfunctions, functions_capacity;
  size_t freezing; /* position in functions */
  bool freezing_standard;
  host_pending *pending;
  size_t npending, pending_capacity;
  /* while deciding */
  const rule_view *view; /* NULL between runs */
  const rule_read **reads;
  size_t nreads, reads_capacity;
  size_t nnamed;         /* of the reads, those of columns, attributes and their like */
  size_t npassing;       /* of the reads, those that lie in the view's arena */
  bool missed;           /* rule_host_missed */
  uint32_t read_mask;    /* of the fields whose value was read, except those with names */
  char uncacheable[256]; /* the first reason; "" if there is no reason; a long one is cut */
  int model_function;    /* called by req:model_client for the rule's function that runs; CATALOG_NO_FUNCTION: none was.
                          * Its result is in the registry, under the host's address */
  place model_at;        /* rule_host_model_at */
  shunt_status (*body)(void *ud);
  void *ud;
  shunt_status body_status;
  /* for the host's lifetime */
  host_slot slots[HOST_SLOTS]; /* of field and method names, by address */
  int request_ref;             /* the request's userdata */
  arena names;
  map columns, attrs, transaction, wrote; /* by name: the rule_read of the value */
  map parts;                              /* by its bytes: a rule_read of a part of the value */
  map lists, prefixes;                    /* bytes to rule_operand */
  size_t operand_bytes;
  buf scratch;
};

static inline rule_host *host_of(lua_State *L) { return sandbox_of(L)->owner; }

/* Each defines globals; call them in a protected call. */
void host_open_words(lua_State *L, rule_host *h);
void host_open_request(lua_State *L, rule_host *h);
void host_open_require(lua_State *L, rule_host *h);
/* After loading: what rules can reach of the modules they hold themselves. */
void host_drop_modules(lua_State *L);

/* Declarations and the texts of files lie outside of the state, and count against the same limit. */
bool host_over_memory(const rule_host *h);
/* Ends the evaluation if they exceed it. */
void host_check_memory(lua_State *L, const rule_host *h);

/* Reports the declarations of the file that have no body. */
void host_check_pending(rule_host *h);

/* fields.c: the fields of the request, and which of them were read. */
extern const char *const host_field_names[RULE_NFIELDS];
extern const char *const host_transaction_names[]; /* ends in a NULL */
extern const char *const host_instance_names[];
enum { HOST_INSTANCE_FIELDS = RULE_INSTANCE_TITLE - RULE_INSTANCE_NAME + 1 };

const rule_view *host_view(lua_State *L, rule_host *h); /* raises between runs */
/* Records that the value of a field was read; host_read_named: of a column or attribute. */
void host_read(lua_State *L, rule_host *h, rule_field field);
void host_read_named(lua_State *L, rule_host *h, rule_field field, const char *name);
/* Raises if the app config excludes the attribute, or that value of it; value may be NULL. */
void host_check_attribute(lua_State *L, rule_host *h, const char *name, const shunt_value *value);
/* The value of the field at a path such as "where.user_id", or NULL if it is absent. Fills in read and records it. The
 * value may lie in room. Raises if there is no such field. */
const shunt_value *host_subject(lua_State *L, rule_host *h, const char *path, rule_read *read, shunt_value *room);

/* operand.c: values as Lua compares them. */
bool host_equal(const shunt_value *a, const shunt_value *b);
bool host_begins(const shunt_value *value, const char *prefix, size_t size);

enum { HOST_OPERAND_BYTES = 1 << 20 }; /* at most, of all lists and prefixes of a host */

/* Adds a value to the bytes of a list. */
void host_list_add(buf *bytes, const shunt_value *value);
/* The text at index for C, where a NUL would cut it; a name is not empty either. Raise "WHO: THING …". */
const char *host_text_of(lua_State *L, int index, const char *who, const char *thing);
const char *host_name_of(lua_State *L, int index, const char *who, const char *thing);
/* The host's own copy of the argument of one_of or prefix; equal arguments share one copy. NULL if there are too many.
 * Raises. */
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
/* Notes that a module can't be read, so that every clone says the same. */
bool host_keep_failure(rule_host *h, const char *module, const char *wrong);
bool host_keep_standard(rule_host *h, const struct rule_standard_file *f);
const host_text *host_module(const rule_host *h, const char *name); /* NULL if it was not read yet */
/* The path on disk: rules paths are relative to the folder of the app config. */
char *host_path(rule_host *h, const char *path);

/* The hash that req:bucket and pick's hash policy share: 1, 1.0 and "1" are one key. */
uint64_t host_hash(const shunt_value *value);
/* Converts a Lua value to a shunt_value; false for other types. Text is borrowed from the Lua stack. */
bool host_value(lua_State *L, int index, shunt_value *value);
void host_push_value(lua_State *L, const shunt_value *value);
/* The Lua value at index for a message: the beginning of a text, otherwise a number, a boolean, nil or "a table". It
 * may lie on the stack's top. */
const char *host_shown(lua_State *L, int index);

#endif
