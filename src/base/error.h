/* For: filling a caller's shunt_error, and collecting mistakes, so that all of them are reported.
 * Owner: the error is the caller's and may be NULL; problems own their copies.
 * Use: return error_set(err, SHUNT_E_USAGE, "model '%s' has no column '%s'", model, column); */
#ifndef SHUNT_BASE_ERROR_H
#define SHUNT_BASE_ERROR_H

#include "shunt.h"

/* These functions return the status, so that a failing function can end in one line. */
__attribute__((format(printf, 3, 4))) shunt_status error_set(shunt_error *err, shunt_status status, const char *format,
                                                             ...);
shunt_status error_text(shunt_error *err, shunt_status status, const char *text); /* not a format */
shunt_status error_memory(shunt_error *err);
/* USAGE: a public function did not get what it needs. */
shunt_status error_null(shunt_error *err, const char *what);
/* Another message for the error that is there. Keeps its client, codes and outcome. */
__attribute__((format(printf, 3, 4))) shunt_status error_reword(shunt_error *err, shunt_status status,
                                                                const char *format, ...);
/* Appends to the message, and cuts it if there is no room. */
void error_add(shunt_error *err, const char *text);
/* The outcome of this name (shunt_outcome_name). NOT_DONE: none has it, or name is NULL. */
shunt_outcome error_outcome_named(const char *name);
void error_place(shunt_error *err, const char *file, int line, int column);
void error_client(shunt_error *err, const char *client);

/* A place in a file. */
typedef struct place {
  const char *file;
  int line;   /* from 1; 0: unknown */
  int column; /* from 1; 0: unknown */
} place;

/* USAGE at this place, which may be unknown. */
__attribute__((format(printf, 3, 4))) shunt_status error_usage_at(shunt_error *err, place at, const char *format, ...);

enum { PROBLEMS_KEPT = 100 };

/* Mistakes, each with its place; beyond PROBLEMS_KEPT they are only counted. */
typedef struct problems {
  shunt_error *list;
  size_t count;
  size_t more; /* that are not in the list */
  size_t capacity;
  bool out_of_memory;
} problems;

__attribute__((format(printf, 4, 5))) void problems_add(problems *p, shunt_status status, place at, const char *format,
                                                        ...);
void problems_add_error(problems *p, const shunt_error *err);
/* SHUNT_OK if there are none. Otherwise fills err with the first one, says how many more there are, and returns its
 * status. After a lack of memory it returns only that. */
shunt_status problems_status(const problems *p, shunt_error *err);
void problems_free(problems *p);

#endif
