/* For: the values of session variables that are lists of identifiers, as PostgreSQL's search_path is: "${instance},
 * public". What stands for placeholders is a part of one identifier, which is then quoted and means a thing of this
 * name, or is refused.
 * Owner: the caller's buf gets the list.
 * Use: status = identifiers_fill(&(identifiers){.ud = …, .put = …, .refuse = …}, template, &list). */
#ifndef SHUNT_CATALOG_IDENTIFIERS_H
#define SHUNT_CATALOG_IDENTIFIERS_H

#include "base/buf.h"
#include "base/error.h"
#include "catalog/template.h"

typedef struct identifiers {
  void *ud;
  shunt_status (*put)(void *ud, const template_piece *placeholder, buf *to); /* adds one byte or more, without a NUL */
  shunt_status (*refuse)(void *ud, const char *name, const char *why);       /* why: "which PostgreSQL cuts" */
} identifiers;

/* Errors: those of put and refuse. A list whose memory ran out has failed. */
shunt_status identifiers_fill(const identifiers *by, const char *list, buf *to);

#endif
