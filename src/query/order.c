#include "query/order.h"

#include <string.h>
#include <strings.h>

/* Whether the name, of size bytes, ends in the words. */
static bool ends_in(const char *name, size_t size, const char *words) {
  size_t n = strlen(words);
  return size > n && strncasecmp(name + size - n, words, n) == 0;
}

shunt_status order_read(call *c, const char *term, order_term *out) {
  static const char first[] = " nulls first", last[] = " nulls last";
  bool descending = term && term[0] == '-';
  const char *name = !term ? "" : term + descending;
  size_t size = strlen(name);
  bool is_first = ends_in(name, size, first), is_last = ends_in(name, size, last);
  *out = (order_term){name, descending, descending ? is_first : is_last};
  if (!is_first && !is_last) return SHUNT_OK;
  size -= is_first ? sizeof first - 1 : sizeof last - 1;
  out->name = arena_strndup(c->arena, name, size);
  return out->name ? SHUNT_OK : error_memory(c->err);
}

shunt_status order_merges(call *c, const site *at, const driver_column *column) {
  if (!compare_is_label(column) || column->rank) return SHUNT_OK;
  return error_set(c->err, SHUNT_E_USAGE,
                   "model '%s': rows of several places or statements can't be ordered by '%s': values of its type (%s) "
                   "have an order only within one table; order by another column",
                   at->model->name, column->name, column->type);
}

/* Not every engine has NULLS FIRST, so a column in front, whether it is null, does the same. Where a null is the
 * greatest value, it moves by leaving out the words that sql_direction would add. */
void order_write(const comparison *w, const operand *o, bool nullable, const order_term *term) {
  bool moved = nullable && term->nulls_moved, least = !w->at->engine->nulls_last;
  if (moved && least) {
    compare_name(w, o);
    sql_puts(w->q, term->descending ? " IS NOT NULL, " : " IS NULL, ");
  }
  compare_name(w, o);
  sql_direction(w->q, w->at->engine, nullable && !moved, term->descending);
}
