/* For: the pieces that rules are made of: the functions in rules/lib, each of which uses some functions of the sandbox.
 * The generator finds a new function there by itself.
 * Use: same_pieces p; same_read_pieces(&p); … same_free_pieces(&p); */
#ifndef TESTS_UNIT_RULE_SAME_PIECES_H
#define TESTS_UNIT_RULE_SAME_PIECES_H

#include <stdbool.h>
#include <stddef.h>

#define SAME_LIB "tests/unit/rule/same/rules/lib"

/* The modules of rules/lib. The shape says how the functions of one are called. */
typedef enum same_shape {
  SAME_TEXT,  /* (text, number, request), gives a text */
  SAME_MAKE,  /* (text, number), gives a table */
  SAME_TABLE, /* (table, number), gives a text */
  SAME_NSHAPES
} same_shape;

typedef struct same_piece {
  char name[64]; /* "text.cases" */
} same_piece;

typedef struct same_pieces {
  same_piece *of[SAME_NSHAPES];
  size_t count[SAME_NSHAPES];
} same_pieces;

void same_read_pieces(same_pieces *p);
void same_free_pieces(same_pieces *p);

#endif
