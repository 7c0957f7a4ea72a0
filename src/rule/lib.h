/* For: the functions of the sandbox's libraries. C code runs no instruction hook, so each function charges for its work
 * (sandbox_charge), and the functions that could run for long are implemented here.
 * Owner: the state. A lib_text lives on the C stack; if it grows, in a userdata at its slot of the Lua stack.
 * Use: lua_newtable(L); lib_add_string(L); each lib_add_… fills the table on top. */
#ifndef SHUNT_RULE_LIB_H
#define SHUNT_RULE_LIB_H

#include <lua.h>
#include <stddef.h>

void lib_add_base(lua_State *L);    /* assert error pairs … */
void lib_add_string(lua_State *L);  /* byte char len lower rep reverse sub upper, and the functions of the next two */
void lib_add_pattern(lua_State *L); /* find match gmatch gsub */
void lib_add_format(lua_State *L);  /* format */
void lib_add_table(lua_State *L);
void lib_add_sort(lua_State *L); /* sort */
void lib_add_math(lua_State *L);
void lib_add_utf8(lua_State *L);

/* Copies the named values of the table at index (one of Lua's own libraries) into the table on top. Its functions first
 * charge for their arguments: for the number of them, and for texts that they may convert to numbers or walk through.
 */
void lib_borrow(lua_State *L, int from, const char *const *names);
/* Such a function; upvalue: Lua's own. */
int lib_borrowed(lua_State *L);

/* Arguments, as luaL_checkinteger and its like read them, with a charge for a text that is converted. */
lua_Integer lib_integer(lua_State *L, int arg);
lua_Integer lib_opt_integer(lua_State *L, int arg, lua_Integer otherwise);
lua_Number lib_number(lua_State *L, int arg);

enum { LIB_VALUES_MOST = 8000 /* values that one call gives: to copy them all takes no instruction */ };
/* Charges and makes room for n values on the stack. Raises "too_many" if they are more than LIB_VALUES_MOST. */
void lib_values(lua_State *L, size_t n, const char *too_many);

/* A position that may count from the end, as an offset from 1 that is at least 1; and the end of a range: at most size.
 */
size_t lib_from_start(lua_Integer at, size_t size);
size_t lib_from_end(lua_Integer at, size_t size);

enum { LIB_LOOK_AFTER = 64 /* keys of a table between two looks at the clock */ };
/* A table for a list of n values. */
void lib_new_list(lua_State *L, size_t n);

/* The length of the table at index, which is not locked: found by doubling, then by halving, so that it
 * depends on the contents alone, with holes too. Lua's own depends on the parts in which the table lies. */
lua_Integer lib_length(lua_State *L, int index);
/* The text that stands for the operator # in the chunks that run: mark ^ value is the length. */
#define LIB_LENGTH_MARK "\0#"
enum { LIB_LENGTH_MARK_BYTES = 2 };
/* The ^ of texts, which gives the length to the mark. Upvalue: Lua's own. */
int lib_text_power(lua_State *L);
/* The next operator # of a chunk that Lua can read, or end. s is not inside of a text or comment. */
const char *lib_next_length(const char *s, const char *end);

/* Iterators whose closures keep a state. */
int lib_gmatch_next(lua_State *L);
int lib_pairs_next(lua_State *L);

/* The result of tostring: for values without a text the name of the type, never an address. Pushes it. */
const char *lib_tostring(lua_State *L, int index, size_t *size);

/* A text that is being made. */
typedef struct lib_text {
  lua_State *L;
  int slot;
  char *data;
  size_t size;
  size_t capacity;
  char first[512];
} lib_text;

void lib_text_open(lua_State *L, lib_text *t); /* pushes its slot, which must stay in place */
char *lib_text_room(lib_text *t, size_t size); /* room for size more bytes; the caller then adds to t->size. Raises */
void lib_text_add(lib_text *t, const char *bytes, size_t size);
void lib_text_push(lib_text *t); /* pushes the result */

#endif
