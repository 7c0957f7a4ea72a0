/* For: finding where the code of a function uses a column or an attribute of the request with a literal beside it:
 * req.attrs.plan == "pro", req:mod("where.user_id", 16). And every text and number in the code, without
 * a path, because a field may meet it by way of a local variable, an argument or a table. Names behind a dot are left
 * out. Owner: all is borrowed from the dump; nothing outside of it is read. Use: bytecode_find_uses(&code, found, ud);
 * found gets each use, with the number of its instruction. */
#ifndef SHUNT_RULE_BYTECODE_USE_H
#define SHUNT_RULE_BYTECODE_USE_H

#include <stddef.h>

#include "catalog/catalog.h"

typedef struct bytecode_code {
  const unsigned char *code; /* instructions */
  size_t ncode;
  const unsigned char *constants, *end;
  size_t nconstants;
} bytecode_code;

typedef struct bytecode_use {
  const char *path; /* "attrs.plan", "where.user_id"; "" for a literal anywhere */
  cat_use_kind kind;
  shunt_value value; /* null for CAT_USE_READ, and for parts whose number is not a literal; the text is not terminated
                        by a NUL */
  size_t instruction;
} bytecode_use;

typedef void (*bytecode_found)(void *ud, const bytecode_use *use);

void bytecode_find_uses(const bytecode_code *c, bytecode_found found, void *ud);

#endif
