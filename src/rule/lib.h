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

/* Copies the named functions of the table at index (one of Lua's own libraries) into the table on top. */
void lib_copy(lua_State *L, int from, const char *const *names);
/* Replaces the function on top by one that first charges a sixteenth of its first argument's bytes. */
void lib_wrap_charged(lua_State *L);

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
