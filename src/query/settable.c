/* Which fields of a row are written: those given, without the columns that the database computes, and the times that
 * shunt sets. All get the declared types of their columns. */
#define _POSIX_C_SOURCE 200809L /* gmtime_r, strncasecmp */
#include <inttypes.h>
#include <stdio.h>
#include <strings.h>
#include <time.h>

#include "base/clock.h"
#include "query/types.h"
#include "query/write_inner.h"

enum { DIGITS = 6, US_PER_S = 1000000, LONGEST = sizeof "2026-11-29 10:00:00.000000", MOST_TIMES = 3 };

/* ---- the time ---- */

static bool holds_times(const driver_column *column) {
  bool named = strncasecmp(column->type, "date", 4) == 0 || strncasecmp(column->type, "time", 4) == 0;
  if (column->kind == DRIVER_OTHERS || column->kind == DRIVER_ANYTHING) return named || !column->numeric;
  return column->kind == DRIVER_TEXTS || column->kind == DRIVER_STRINGS;
}

/* In UTC, with as many digits as the column keeps. */
shunt_status write_now(call *c, const site *at, const driver_column *column, shunt_value *v) {
  if (!holds_times(column))
    return error_set(c->err, SHUNT_E_USAGE, "model '%s': column '%s' (%s) can't hold the time that shunt sets",
                     at->model->name, column->name, column->type);
  if (!c->now_us) c->now_us = clock_real_us();
  time_t seconds = (time_t)(c->now_us / US_PER_S);
  struct tm t;
  char *text = arena_alloc(c->arena, LONGEST), day[LONGEST];
  if (!text || !gmtime_r(&seconds, &t)) return error_memory(c->err);
  strftime(day, sizeof day, "%Y-%m-%d %H:%M:%S", &t);
  int size = snprintf(text, LONGEST, "%s.%06" PRId64, day, c->now_us % US_PER_S);
  int digits = column->rounds && column->digits < DIGITS ? column->digits : DIGITS;
  size -= DIGITS - digits + (digits ? 0 : 1);
  text[size] = 0;
  *v = shunt_text(text, (size_t)size);
  return SHUNT_OK;
}

/* ---- the fields ---- */

typedef struct settable {
  const site *at;
  write_kind kind;
  shunt_field *list;
  size_t n;
} settable;

/* An update replaces the value given: a row that was read and is written back has the old time. */
static bool is_replaced(const settable *s, const char *name) {
  const char *updated = s->at->model->updated;
  return s->kind == WRITE_UPDATE && updated && cat_same_column(updated, name);
}

static shunt_status keep_given(call *c, settable *s, const shunt_field *fields, size_t n) {
  for (size_t i = 0; i < n; i++) {
    const driver_column *column;
    shunt_status status = site_column(c, s->at, fields[i].name, &column);
    if (status) return status;
    if (!column->computed && !is_replaced(s, fields[i].name)) s->list[s->n++] = fields[i];
  }
  return SHUNT_OK;
}

static bool is_given(const settable *s, const char *name) {
  for (size_t i = 0; i < s->n; i++)
    if (cat_same_column(s->list[i].name, name)) return true;
  return false;
}

static shunt_status add_time(call *c, settable *s, const char *name) {
  const driver_column *column;
  if (!name || is_given(s, name)) return SHUNT_OK;
  shunt_status status = site_column(c, s->at, name, &column);
  shunt_field *f = &s->list[s->n];
  f->name = name;
  if (!status) status = write_now(c, s->at, column, &f->value);
  if (!status) s->n++;
  return status;
}

/* An upsert that meets a row marked as deleted takes the mark off. */
static void add_mark(settable *s) {
  const char *mark = s->at->model->soft_delete;
  if (s->kind == WRITE_UPSERT && mark && !is_given(s, mark)) s->list[s->n++] = (shunt_field){mark, shunt_null()};
}

static shunt_status choose(call *c, const site *at, write_kind kind, const shunt_field **fields, size_t *n) {
  const cat_model *m = at->model;
  if (!at->table->shape->computes && !m->created && !m->updated && !m->soft_delete) return SHUNT_OK;
  settable s = {at, kind, arena_array(c->arena, shunt_field, *n + MOST_TIMES), 0};
  shunt_status status = s.list ? keep_given(c, &s, *fields, *n) : error_memory(c->err);
  if (!status && kind == WRITE_UPDATE && *n && s.n == 0 && !m->updated)
    return error_set(c->err, SHUNT_E_USAGE, "model '%s': the database computes all the columns to be set", m->name);
  if (!status && kind != WRITE_UPDATE) status = add_time(c, &s, m->created);
  if (!status) status = add_time(c, &s, m->updated);
  if (!status) add_mark(&s);
  *fields = s.list;
  *n = s.n;
  return status;
}

shunt_status write_settable(call *c, const site *at, write_kind kind, const shunt_field **fields, size_t *n) {
  shunt_status status = choose(c, at, kind, fields, n);
  return status ? status : types_fields(c, at, fields, *n);
}
