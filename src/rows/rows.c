#include "rows/rows.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"

enum { ALIGNMENT = 16, FIRST_ON_HEAP = 8, GROWTH = 8, LARGE_BYTES = 4096 };

_Static_assert(ROWS_INLINE_BYTES % ALIGNMENT == 0, "the arena's end must be aligned, as the arena expects");
_Static_assert(sizeof(shunt_rows) <= 1032, "glibc's fast lists end at 1032 bytes");

shunt_rows *rows_new(void) {
  shunt_rows *r = base_alloc(sizeof *r);
  if (!r) return NULL;
  /* one by one: for so few bytes the compiler would use an instruction that is made for many */
  r->bytes = (arena){.at = r->room, .end = r->room + ROWS_INLINE_BYTES};
  r->columns = NULL;
  r->ncolumns = r->names_bytes = r->visible = 0;
  r->blocks = r->few;
  r->nblocks = r->room_in_blocks = r->count = 0;
  r->block_capacity = ROWS_FEW_BLOCKS;
  r->origins = NULL;
  r->norigins = r->origin_capacity = 0;
  r->loaded = NULL;
  r->nloaded = 0;
  r->source = NULL;
  r->sole = false;
  return r;
}

static bool is_inline(const shunt_rows *r, const void *block) {
  const char *at = block;
  return at >= r->room && at < r->room + ROWS_INLINE_BYTES;
}

/* Frees one set of rows; its relations are put on the list of those still to free. */
static shunt_rows *free_one(shunt_rows *r, shunt_rows *list) {
  for (size_t i = 0; i < r->nloaded; i++) {
    rows_relation *rel = &r->loaded[i];
    if (rel->rows) {
      rel->rows->next = list;
      list = rel->rows;
    }
    base_free(rel->starts);
    base_free(rel->items);
    base_free(rel->counts);
  }
  for (size_t i = 0; i < r->nblocks; i++)
    if (!is_inline(r, r->blocks[i])) base_free(r->blocks[i]);
  if (r->blocks != r->few) base_free(r->blocks);
  base_free(r->loaded);
  base_free(r->origins);
  arena_free(&r->bytes);
  base_free(r);
  return list;
}

void shunt_rows_free(shunt_rows *rows) {
  if (!rows) return;
  rows->next = NULL;
  while (rows) rows = free_one(rows, rows->next);
}

/* ---- bytes ---- */

/* Text is packed without gaps, so anything that needs alignment aligns first. The end is always aligned. */
static void *take_aligned(shunt_rows *r, size_t bytes) {
  size_t off = (uintptr_t)r->bytes.at % ALIGNMENT;
  if (off) r->bytes.at += ALIGNMENT - off;
  char *got = r->bytes.at;
  if (bytes > (size_t)(r->bytes.end - got)) return arena_alloc(&r->bytes, bytes);
  r->bytes.at += bytes;
  return got;
}

/* A block of its own, so that the rest of the current block isn't lost. */
static char *take_large(shunt_rows *r, size_t bytes) {
  arena saved = r->bytes;
  r->bytes.at = r->bytes.end;
  r->bytes.next_bytes = 1;
  char *got = arena_alloc(&r->bytes, bytes);
  r->bytes.at = saved.at;
  r->bytes.end = saved.end;
  r->bytes.next_bytes = saved.next_bytes;
  return got;
}

/* The current block has too little room left. */
static char *take_from_next(shunt_rows *r, size_t bytes) {
  if (bytes >= LARGE_BYTES) return take_large(r, bytes);
  r->bytes.at = r->bytes.end;
  char *got = arena_alloc(&r->bytes, bytes);
  if (got) r->bytes.at = got + bytes;
  return got;
}

char *rows_room_elsewhere(shunt_rows *r, size_t size) {
  char *room = size < SIZE_MAX ? take_from_next(r, size + 1) : NULL;
  if (room) room[size] = 0;
  return room;
}

bool rows_own(shunt_rows *r, shunt_value *value) {
  if (value->type != SHUNT_TEXT && value->type != SHUNT_BLOB) return true;
  const char *copy = rows_bytes(r, value->as.bytes, value->size);
  if (!copy) return false;
  value->as.bytes = copy;
  return true;
}

/* ---- columns and cells ---- */

static size_t text_bytes(const char *const *names, size_t n) {
  size_t bytes = 0;
  for (size_t i = 0; i < n; i++) bytes += strlen(names[i]) + 1;
  return bytes;
}

/* A list of n names with its text behind it: to be filled in. */
static const char **take_names(shunt_rows *r, size_t n, size_t bytes) {
  const char **columns = take_aligned(r, n * sizeof *columns + bytes);
  if (!columns) return NULL;
  r->columns = columns;
  r->ncolumns = r->visible = n;
  r->names_bytes = bytes;
  return columns;
}

static void pack(const char **list, char *text, const char *const *names, size_t n) {
  for (size_t i = 0; i < n; i++) {
    size_t size = strlen(names[i]) + 1;
    list[i] = memcpy(text, names[i], size);
    text += size;
  }
}

bool rows_set_columns(shunt_rows *r, const char *const *names, size_t n) {
  if (r->columns) return r->ncolumns == n;
  const char **columns = take_names(r, n, text_bytes(names, n));
  if (columns) pack(columns, (char *)(columns + n), names, n);
  return columns != NULL;
}

bool rows_names_init(rows_names *names, arena *a, const char *const *list, size_t n) {
  size_t bytes = text_bytes(list, n);
  const char **copies = arena_alloc(a, n * sizeof *copies + bytes);
  if (!copies) return false;
  *names = (rows_names){copies, n, (char *)(copies + n), bytes};
  pack(copies, (char *)(copies + n), list, n);
  return true;
}

bool rows_set_names(shunt_rows *r, const rows_names *names) {
  if (r->columns) return r->ncolumns == names->count;
  const char **columns = take_names(r, names->count, names->bytes);
  if (!columns) return false;
  const char *text = memcpy(columns + names->count, names->text, names->bytes);
  for (size_t i = 0; i < names->count; i++) columns[i] = text + (names->list[i] - names->text);
  return true;
}

bool rows_have_names(const shunt_rows *r, const rows_names *names) {
  return r->ncolumns == names->count && r->names_bytes == names->bytes &&
         memcmp(r->columns + r->ncolumns, names->text, names->bytes) == 0;
}

static size_t row_bytes(const shunt_rows *r) { return (r->ncolumns ? r->ncolumns : 1) * sizeof(shunt_value); }

static bool add_block(shunt_rows *r, shunt_value *block, size_t rows) {
  if (!block) return false;
  r->blocks[r->nblocks++] = block;
  r->room_in_blocks += rows;
  return true;
}

/* As many rows as fit into half of the inline room; the other half is for their text. */
static bool add_first_block(shunt_rows *r) {
  size_t left = (size_t)(r->bytes.end - r->bytes.at), bytes = row_bytes(r);
  if (r->bytes.block || left < bytes + ALIGNMENT)
    return bytes <= SIZE_MAX / ROWS_PER_BLOCK && add_block(r, base_alloc(bytes * FIRST_ON_HEAP), FIRST_ON_HEAP);
  size_t rows = left / 2 / bytes;
  if (rows == 0) rows = 1;
  return add_block(r, take_aligned(r, rows * bytes), rows);
}

static bool grow_first_block(shunt_rows *r) {
  size_t rows = r->room_in_blocks * GROWTH;
  if (rows > ROWS_PER_BLOCK) rows = ROWS_PER_BLOCK;
  shunt_value *old = r->blocks[0];
  bool inside = is_inline(r, old);
  shunt_value *grown = base_realloc(inside ? NULL : old, rows * row_bytes(r));
  if (!grown) return false;
  if (inside) memcpy(grown, old, r->count * row_bytes(r));
  r->blocks[0] = grown;
  r->room_in_blocks = rows;
  return true;
}

bool rows_more_room(shunt_rows *r) {
  if (r->nblocks == 0) return add_first_block(r);
  if (r->room_in_blocks < ROWS_PER_BLOCK) return grow_first_block(r);
  if (r->nblocks == r->block_capacity) {
    bool few = r->blocks == r->few;
    shunt_value **blocks = base_realloc(few ? NULL : r->blocks, r->block_capacity * 2 * sizeof(shunt_value *));
    if (!blocks) return false;
    if (few) memcpy(blocks, r->few, sizeof r->few);
    r->blocks = blocks;
    r->block_capacity *= 2;
  }
  return add_block(r, base_alloc(row_bytes(r) * ROWS_PER_BLOCK), ROWS_PER_BLOCK);
}

void rows_drop_last(shunt_rows *r) {
  assert(r->count > 0);
  r->count--;
}

int rows_column_index(const shunt_rows *r, const char *name) {
  for (size_t i = 0; i < r->ncolumns; i++)
    if (strcmp(r->columns[i], name) == 0) return (int)i;
  return -1;
}

/* ---- where they came from, and what hangs on them ---- */

bool rows_add_origin(shunt_rows *r, uint32_t client) {
  rows_origin *last = r->norigins ? &r->origins[r->norigins - 1] : NULL;
  if (last && last->client == client) return true;
  if (last && last->first == r->count) { /* its run stayed empty */
    last->client = client;
    return true;
  }
  if (!base_grow(&r->origins, &r->origin_capacity, r->norigins + 1, sizeof *r->origins)) return false;
  r->origins[r->norigins++] = (rows_origin){r->count, client};
  return true;
}

uint32_t rows_origin_of(const shunt_rows *r, size_t row) {
  size_t low = 0, high = r->norigins; /* the origins before low begin at or before row */
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (r->origins[middle].first <= row)
      low = middle + 1;
    else
      high = middle;
  }
  return low ? r->origins[low - 1].client : UINT32_MAX;
}

static bool attach(shunt_rows *r, const char *name, rows_relation relation) {
  relation.name = rows_bytes(r, name, strlen(name));
  rows_relation *loaded = relation.name ? base_realloc(r->loaded, (r->nloaded + 1) * sizeof *loaded) : NULL;
  if (!loaded) {
    shunt_rows_free(relation.rows);
    base_free(relation.starts);
    base_free(relation.items);
    base_free(relation.counts);
    return false;
  }
  r->loaded = loaded;
  loaded[r->nloaded++] = relation;
  return true;
}

bool rows_attach(shunt_rows *r, const char *name, shunt_kind kind, shunt_rows *child, uint32_t *starts,
                 uint32_t *items) {
  return attach(r, name, (rows_relation){.kind = kind, .rows = child, .starts = starts, .items = items});
}

bool rows_attach_counts(shunt_rows *r, const char *name, shunt_kind kind, uint64_t *counts) {
  return attach(r, name, (rows_relation){.kind = kind, .counts = counts});
}

/* ---- what users see ---- */

size_t shunt_rows_count(const shunt_rows *rows) { return rows ? rows->count : 0; }
size_t shunt_rows_ncolumns(const shunt_rows *rows) { return rows ? rows->visible : 0; }

const char *shunt_rows_column(const shunt_rows *rows, size_t column) {
  return rows && column < rows->visible ? rows->columns[column] : NULL;
}

const shunt_value *shunt_rows_at(const shunt_rows *rows, size_t row) {
  return rows && row < rows->count ? rows_row(rows, row) : NULL;
}

int shunt_rows_find(const shunt_rows *rows, const char *column) {
  const int i = rows && column ? rows_column_index(rows, column) : -1;
  return i >= 0 && (size_t)i < rows->visible ? i : -1;
}

const shunt_value *shunt_rows_get(const shunt_rows *rows, size_t row, const char *column) {
  const int i = shunt_rows_find(rows, column);
  return i >= 0 && row < rows->count ? &rows_row(rows, row)[i] : NULL;
}

size_t shunt_rows_nloaded(const shunt_rows *rows) { return rows ? rows->nloaded : 0; }

shunt_loaded shunt_rows_loaded(const shunt_rows *rows, size_t relation) {
  if (!rows || relation >= rows->nloaded) return (shunt_loaded){NULL, SHUNT_HAS_ONE, NULL};
  const rows_relation *rel = &rows->loaded[relation];
  return (shunt_loaded){rel->name, rel->kind, rel->rows};
}

const uint32_t *shunt_rows_related(const shunt_rows *rows, size_t relation, size_t row, size_t *count) {
  size_t own;
  if (!count) count = &own;
  *count = 0;
  if (!rows || relation >= rows->nloaded || row >= rows->count) return NULL;
  const rows_relation *rel = &rows->loaded[relation];
  if (rel->counts) {
    *count = (size_t)rel->counts[row];
    return NULL;
  }
  *count = rel->starts[row + 1] - rel->starts[row];
  return *count ? rel->items + rel->starts[row] : NULL;
}

const shunt_rows *shunt_rows_children(const shunt_rows *rows, size_t row, const char *relation, const uint32_t **at,
                                      size_t *n) {
  const uint32_t *no_positions;
  size_t no_count, i = 0;
  if (!at) at = &no_positions;
  if (!n) n = &no_count;
  if (!rows) {
    *at = NULL;
    *n = 0;
    return NULL;
  }
  while (i < rows->nloaded && relation && strcmp(rows->loaded[i].name, relation) != 0) i++;
  *at = shunt_rows_related(rows, i, row, n);
  return relation && i < rows->nloaded ? rows->loaded[i].rows : NULL;
}
