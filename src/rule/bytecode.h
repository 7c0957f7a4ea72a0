/* For: finding assignments to upvalues in the dump of a Lua 5.4 function, and literals beside fields of the request.
 * Owner: the dump is borrowed, and read with every bound checked; a dump of another version is BYTECODE_BROKEN.
 * Use: lua_dump(L, writer, &b, 0); if (bytecode_check(b.data, b.size, NULL, &report) == BYTECODE_WRITES) … report.name
 */
#ifndef SHUNT_RULE_BYTECODE_H
#define SHUNT_RULE_BYTECODE_H

#include "rule/bytecode_use.h"

typedef enum bytecode_result { BYTECODE_PURE, BYTECODE_WRITES, BYTECODE_BROKEN } bytecode_result;

typedef struct bytecode_report {
  char name[64];       /* BYTECODE_WRITES: the upvalue's name in the source, or "?" */
  int line;            /* the line of the assignment */
  size_t longest_text; /* the longest constant text in the function and those within it, in bytes */
} bytecode_report;

/* Gets each use of a column or an attribute with a literal: its text is borrowed for the call. */
typedef struct bytecode_watcher {
  void (*found)(void *ud, const bytecode_use *use, int line);
  void *ud;
} bytecode_watcher;

/* Looks for an assignment to an upvalue of the function, in its own code and in nested functions. Assignments to its
 * own locals are allowed. If there are several, the report has the one with the lowest line. watcher may be NULL. */
bytecode_result bytecode_check(const char *dump, size_t size, const bytecode_watcher *watcher, bytecode_report *report);

#endif
