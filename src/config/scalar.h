/* For: the value of a YAML scalar, with the types of YAML 1.2's core schema, and with ${…} filled in.
 * Owner: filled-in text lives in the arena.
 * Use: v = scalar_plain("5432", 4); scalar_fill(a, problems, at, text, size, &filled). */
#ifndef SHUNT_CONFIG_SCALAR_H
#define SHUNT_CONFIG_SCALAR_H

#include "base/arena.h"
#include "base/error.h"
#include "shunt.h"

/* The value of an unquoted scalar; a text borrows its bytes. */
shunt_value scalar_plain(const char *text, size_t size);

typedef struct scalar_filled {
  const char *text; /* the original text if there was nothing to fill in */
  size_t size;
  bool changed;
  bool secret; /* it came from a ${file:}, or from a variable with a secret's name */
  bool failed; /* a mistake was reported */
} scalar_filled;

/* Fills in ${VAR}, ${VAR:-fallback} and ${file:PATH}, PATH being relative to at.file; $${ stands for ${. False when out
 * of memory. */
bool scalar_fill(arena *a, problems *p, place at, const char *text, size_t size, scalar_filled *out);
/* The same for the value of a session variable: $${ and placeholders of the session (cat_placeholder_of) stay. */
bool scalar_fill_template(arena *a, problems *p, place at, const char *text, size_t size, scalar_filled *out);

#endif
