/* For: finding out what a Lua 5.4 function does to what lies outside of it, from its dump.
 * Owner: the dump is borrowed, and read with every bound checked; a dump of another version is BYTECODE_BROKEN.
 * Use: lua_dump(L, writer, &b, 0); if (bytecode_check(b.data, b.size, &report) == BYTECODE_WRITES) … report.name */
#ifndef SHUNT_RULE_BYTECODE_H
#define SHUNT_RULE_BYTECODE_H

#include <stddef.h>

typedef enum bytecode_result { BYTECODE_PURE, BYTECODE_WRITES, BYTECODE_BROKEN } bytecode_result;

typedef struct bytecode_report {
  char name[64];       /* BYTECODE_WRITES: the upvalue's, as the source calls it, or "?" */
  int line;            /* and where it is assigned to */
  size_t longest_text; /* the longest constant text in the function and those within it, in bytes */
} bytecode_report;

/* Looks for an assignment to an upvalue of the function, in its own code or in that of the functions written within it.
 * Assignments that stay among its own locals are fine. Of several, the report has the one in the first line. */
bytecode_result bytecode_check(const char *dump, size_t size, bytecode_report *report);

#endif
