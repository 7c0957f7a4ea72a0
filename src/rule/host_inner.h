/* For: what the files of the rule host share, and nobody else sees. */
#ifndef SHUNT_RULE_HOST_INNER_H
#define SHUNT_RULE_HOST_INNER_H

#include <lauxlib.h>
#include <lua.h>

#include "base/arena.h"
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

struct rule_host {
  sandbox *sb;
  /* while loading */
  bool loading;
  catalog_source *source;
  problems *problems;
  const rule_load *what;
  size_t bytes_before; /* of the source's arena, when loading began */
  bool standard_file;  /* the file under way is one of the standard ones */
  host_function *functions;
  size_t nfunctions, functions_capacity;
  size_t freezing; /* position in functions */
  host_pending *pending;
  size_t npending, pending_capacity;
  /* while deciding */
  rule_request *request;
  rule_read *reads;
  size_t nreads, reads_capacity;
  uint32_t read_mask;    /* of the fields that are not below where and attrs */
  char uncacheable[256]; /* "" where no rule said so; a longer reason is cut */
  shunt_status (*body)(void *ud);
  void *ud;
  shunt_status body_status;
  /* for good */
  host_slot slots[HOST_SLOTS]; /* of field and method names, by address */
  int request_ref;             /* the request's userdata */
  arena names;
  map where_names; /* column to "where.column" */
  map attr_names;
};

static inline rule_host *host_of(lua_State *L) { return sandbox_of(L)->owner; }

/* Each fills the state within a protected call. */
void host_open_words(lua_State *L, rule_host *h);
void host_open_request(lua_State *L, rule_host *h);
void host_open_require(lua_State *L, rule_host *h);

/* Reports the words of the file that never got a body. */
void host_check_pending(rule_host *h);

/* Pushes the value of the field at a path: "where.user_id". Raises where there is no such field. */
void host_push_path(lua_State *L, rule_host *h, const char *path);
/* The same value, NULL where it is absent; below where and attrs no more counts as read than the predicate tells of it.
 * May leave a value on the stack, or in room. */
const shunt_value *host_subject(lua_State *L, rule_host *h, const char *path, rule_predicate predicate, int64_t parts,
                                shunt_value *room);

#define HOST_DENY "shunt.deny"
#define HOST_PICK "shunt.pick"

void host_open_answers(lua_State *L, rule_host *h);
/* mod, bucket, one_of, prefix and model_client: the request's methods. */
extern const luaL_Reg host_predicates[];

/* The hash that req:bucket and pick's hash policy share: 1, 1.0 and "1" are one key. */
uint64_t host_hash(const shunt_value *value);
/* A Lua value as a shunt_value; false for what is none. Text is borrowed from the Lua stack. */
bool host_value(lua_State *L, int index, shunt_value *value);
void host_push_value(lua_State *L, const shunt_value *value);

#endif
