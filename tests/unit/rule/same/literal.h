/* For: random constants of Lua and YAML, written to a file. */
#ifndef TESTS_UNIT_RULE_SAME_LITERAL_H
#define TESTS_UNIT_RULE_SAME_LITERAL_H

#include <stdio.h>

#include "unit/random.h"

/* A table constructor with items and keys of all kinds, nested up to depth. */
void same_lua_table(FILE *out, rng *r, int depth);
/* The config of an instance in flow style: a map with sub, list and holes. */
void same_yaml_config(FILE *out, rng *r);

#endif
