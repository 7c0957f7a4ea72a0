/* For: JSON documents as text: whether a text is one, and what a column would lose of it that keeps members and numbers
 * rather than the text. Owner: the part that has the fault lies in the text. Use: document d = document_for(column,
 * &value); if (d.fault == DOCUMENT_ROUNDED) … */
#ifndef SHUNT_QUERY_DOCUMENT_H
#define SHUNT_QUERY_DOCUMENT_H

#include "base/arena.h"
#include "driver/driver.h"

typedef enum document_fault {
  DOCUMENT_FINE,
  DOCUMENT_INVALID,
  DOCUMENT_REPEATS, /* an object has two members of one name: `part` is the name, with its quotes */
  DOCUMENT_ROUNDED, /* `part` is a number that the column would round */
  DOCUMENT_NO_MEMORY
} document_fault;

/* The text of one number or name. */
typedef struct document_part {
  const char *text;
  size_t size;
} document_part;

typedef struct document {
  document_fault fault;
  document_part part;     /* of the fault */
  document_part *numbers; /* those of the document, in its order */
  size_t nnumbers;
  size_t depth;    /* of arrays and objects */
  bool nul, alone; /* a text has \u0000, half of a pair of surrogates */
} document;

/* As RFC 8259 defines it. The lists live in the arena. */
document document_read(arena *a, const shunt_value *text);
/* The column keeps members and numbers, and not the text. */
static inline bool document_is_parsed(const driver_column *column) {
  return column->form == DRIVER_FORM_MEMBERS || column->form == DRIVER_FORM_DOUBLES;
}
/* What the column would lose of the value, and the engine not report. DOCUMENT_FINE: nothing. It lists no numbers. */
document document_for(const driver_column *column, const shunt_value *v);

#endif
