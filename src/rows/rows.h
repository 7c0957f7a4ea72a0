/* For: rows that own their bytes, in blocks: a driver writes each cell once. A result of one row is one allocation.
 * Owner: the code that holds the rows; related rows belong to the rows they hang on. One thread at a time.
 * Use: shunt_rows *r = rows_new(); rows_set_columns(r, names, n); shunt_value *cells = rows_add(r); cells[0] = …;
 * rows_own(r, &cells[1]); */
#ifndef SHUNT_ROWS_ROWS_H
#define SHUNT_ROWS_ROWS_H

#include <string.h>

#include "base/arena.h"
#include "base/map.h"
#include "shunt.h"

/* Where a run of rows came from: a relation may follow its parents' datasource. */
typedef struct rows_origin {
  size_t first;    /* number of a row; the run ends at the next origin's first */
  uint32_t client; /* the catalog's id */
} rows_origin;

/* Relations that hang on rows: for parent row i the positions items[starts[i]] to items[starts[i + 1] - 1] in rows. */
typedef struct rows_relation {
  const char *name; /* in the parent's arena */
  shunt_kind kind;
  shunt_rows *rows;
  uint32_t *starts; /* count of parents + 1 */
  uint32_t *items;
  uint64_t *counts; /* of each parent, if the rows were only counted: then rows, starts and items are NULL */
} rows_relation;

/* Column names in one piece, so that they are copied and compared at once. */
typedef struct rows_names {
  const char **list;
  size_t count;
  const char *text; /* the names one behind the other, each with its NUL */
  size_t bytes;
} rows_names;

enum {
  ROWS_PER_BLOCK = 256,
  ROWS_FEW_BLOCKS = 4,
  ROWS_INLINE_BYTES = 800 /* makes the struct a size that malloc serves fast, with room for a result of one row */
};

struct shunt_rows {
  arena bytes; /* names, text, blobs, packed: only rows.c allocates from it. It begins with room[] */
  const char *
      *columns;       /* the visible ones, then those fetched only for loading relations; their text is in one piece */
  size_t ncolumns;    /* all of them */
  size_t names_bytes; /* of their text */
  size_t visible;     /* the first ones, which the user sees */
  shunt_value **blocks; /* ROWS_PER_BLOCK rows each; only the first one begins smaller and moves */
  size_t nblocks, block_capacity;
  size_t room_in_blocks; /* rows */
  size_t count;
  rows_origin *origins;
  size_t norigins, origin_capacity;
  rows_relation *loaded;
  size_t nloaded;
  shunt_rows *next;   /* while they are being freed */
  const void *source; /* the reader's: where the rows came from, until they are given to the caller; or NULL */
  bool sole;          /* the reader's: the statement gives one row at most, and no more are wanted */
  shunt_value *few[ROWS_FEW_BLOCKS];
  _Alignas(16) char room[ROWS_INLINE_BYTES];
};

shunt_rows *rows_new(void); /* NULL when out of memory; free with shunt_rows_free */
/* Names the columns (copied), once; a later call only checks their number. All are visible. False when out of memory or
 * if the number differs. */
bool rows_set_columns(shunt_rows *r, const char *const *names, size_t n);
/* The same for names that many rows share. They live in the arena. False when out of memory. */
bool rows_names_init(rows_names *names, arena *a, const char *const *list, size_t n);
bool rows_set_names(shunt_rows *r, const rows_names *names);
bool rows_have_names(const shunt_rows *r, const rows_names *names);
/* Removes the last row; there must be one. */
void rows_drop_last(shunt_rows *r);
/* Replaces the value's bytes with a copy that lives as long as the rows. False when out of memory. */
bool rows_own(shunt_rows *r, shunt_value *value);
bool rows_add_origin(shunt_rows *r, uint32_t client);         /* for the rows that follow */
uint32_t rows_origin_of(const shunt_rows *r, size_t row);     /* UINT32_MAX if none was given */
int rows_column_index(const shunt_rows *r, const char *name); /* -1 if there is no such column */
/* Attaches a relation; takes over child, starts and items (if it fails, they are freed). */
bool rows_attach(shunt_rows *r, const char *name, shunt_kind kind, shunt_rows *child, uint32_t *starts,
                 uint32_t *items);
/* The same for a relation whose rows were only counted. */
bool rows_attach_counts(shunt_rows *r, const char *name, shunt_kind kind, uint64_t *counts);

static inline shunt_value *rows_row(const shunt_rows *r, size_t row) {
  return r->blocks[row / ROWS_PER_BLOCK] + (row % ROWS_PER_BLOCK) * r->ncolumns;
}

/* ---- what drivers do for each row and cell, inline for their sake ---- */

/* For rows_add and rows_room. */
bool rows_more_room(shunt_rows *r);
char *rows_room_elsewhere(shunt_rows *r, size_t size);

/* Adds a row of nulls; NULL when out of memory. The next rows_add may move the cells (not the bytes that they point
 * to), so finish a row first. Once all rows are there nothing moves any more. */
static inline shunt_value *rows_add(shunt_rows *r) {
  if (r->count == r->room_in_blocks && !rows_more_room(r)) return NULL;
  shunt_value *cells = rows_row(r, r->count++);
  memset(cells, 0, r->ncolumns * sizeof *cells);
  return cells;
}

/* Room for size bytes and a NUL, as long-lived as the rows; NULL when out of memory. */
static inline char *rows_room(shunt_rows *r, size_t size) {
  char *room = r->bytes.at;
  if (size >= (size_t)(r->bytes.end - room)) return rows_room_elsewhere(r, size);
  r->bytes.at += size + 1;
  room[size] = 0;
  return room;
}

/* A copy of bytes with a NUL, as long-lived as the rows; NULL when out of memory. */
static inline const char *rows_bytes(shunt_rows *r, const void *bytes, size_t size) {
  char *copy = rows_room(r, size);
  if (copy && size) memcpy(copy, bytes, size);
  return copy;
}

#endif
