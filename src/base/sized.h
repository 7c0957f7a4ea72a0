/* For: option structs, which a caller may have compiled against another version of shunt.h: each begins with its size,
 * and a member that the caller does not know is 0, which means its default.
 * Owner: the view is the caller's struct, or a copy in `room`, which must live as long as the view.
 * Use: shunt_query room; query = SIZED(shunt_query, query, &room, err); if (!query) return SHUNT_E_USAGE; */
#ifndef SHUNT_BASE_SIZED_H
#define SHUNT_BASE_SIZED_H

#include "shunt.h"

/* The size that a struct had when only the members up to `last` were there. */
#define SIZED_END(type, last)                                                                                          \
  ((offsetof(type, last) + sizeof(((type *)0)->last) + _Alignof(type) - 1) / _Alignof(type) * _Alignof(type))

/* The sizes in shunt 0.1, which a size of 0 stands for. They stay when members are added. New members go to the end,
 * with no padding before, between or behind them: the bytes of padding are not always 0. */
enum {
  SIZED_FIRST_shunt_options = SIZED_END(shunt_options, offline),
  SIZED_FIRST_shunt_session_options = SIZED_END(shunt_session_options, nattrs),
  SIZED_FIRST_shunt_request = SIZED_END(shunt_request, no_model),
  SIZED_FIRST_shunt_relation = SIZED_END(shunt_relation, autoload),
  SIZED_FIRST_shunt_query = SIZED_END(shunt_query, skip_locked),
  SIZED_FIRST_shunt_link = SIZED_END(shunt_link, where),
  SIZED_FIRST_shunt_conflict = SIZED_END(shunt_conflict, update_all),
  SIZED_FIRST_shunt_write = SIZED_END(shunt_write, nincrements),
  SIZED_FIRST_shunt_sql_options = SIZED_END(shunt_sql_options, where),
  SIZED_FIRST_shunt_tx_options = SIZED_END(shunt_tx_options, retry),
  SIZED_FIRST_shunt_push_options = SIZED_END(shunt_push_options, existed),
  SIZED_FIRST_shunt_worker_options = SIZED_END(shunt_worker_options, lease_ms),
  SIZED_FIRST_shunt_jobs_filter = SIZED_END(shunt_jobs_filter, limit)
};

typedef struct sized_type {
  const char *name;
  size_t now;   /* here */
  size_t first; /* in shunt 0.1 */
} sized_type;

/* Zeros: the options of a caller who gives none. */
extern const void *const sized_nothing;

#define SIZED_TYPE(type) (&(const sized_type){#type, sizeof(type), SIZED_FIRST_##type})

/* Whether the struct can be used as it is. */
static inline bool sized_fits(const void *given, const sized_type *type) {
  const size_t size = *(const size_t *)given;
  return size == type->now || (size == 0 && type->now == type->first);
}
/* Copies the struct into room, with zeros for members that the caller does not know. NULL: USAGE, because its size is
 * not valid, or it uses members of a later version. */
const void *sized_copy(const void *given, void *room, const sized_type *type, shunt_error *err);

static inline const void *sized_view(const void *given, void *room, const sized_type *type, shunt_error *err) {
  if (!given) return sized_nothing;
  return sized_fits(given, type) ? given : sized_copy(given, room, type, err);
}

/* The struct as this version of the library has it; zeros for NULL. NULL: USAGE. */
#define SIZED(type, given, room, err)                                                                                  \
  ((const type *)sized_view(1 ? (given) : (const type *)0, 1 ? (room) : (type *)0, SIZED_TYPE(type), err))

#endif
