#include "query/key_time.h"

#include <stdio.h>
#include <string.h>

enum { DIGITS_OF_A_SECOND = 6, TEXT_BYTES = 64 };

/* The parts of a text: what was there is written as engines write it. */
typedef struct moment {
  bool date, clock, zone;
  int year, month, day, hour, minute, second, offset; /* minutes */
  bool negative;                                      /* the clock */
  char fraction[DIGITS_OF_A_SECOND + 1];              /* without zeros at the end */
} moment;

typedef struct reader {
  const char *at, *end;
} reader;

/* ---- reading ---- */

static bool take(reader *r, char c) {
  if (r->at == r->end || *r->at != c) return false;
  r->at++;
  return true;
}

static bool take_number(reader *r, int least, int most, int *out) {
  int n = 0;
  *out = 0;
  for (; r->at < r->end && n < most && *r->at >= '0' && *r->at <= '9'; n++) *out = *out * 10 + (*r->at++ - '0');
  return n >= least;
}

static bool is_day(const moment *m) {
  static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  bool leap = (m->year % 4 == 0 && m->year % 100 != 0) || m->year % 400 == 0;
  return m->month >= 1 && m->month <= 12 && m->day >= 1 && m->day <= days[m->month - 1] + (leap && m->month == 2);
}

static bool read_date(reader *r, moment *m) {
  m->date = true;
  return take_number(r, 4, 6, &m->year) && take(r, '-') && take_number(r, 2, 2, &m->month) && take(r, '-') &&
         take_number(r, 2, 2, &m->day);
}

/* False if the fraction has more digits than any engine keeps. */
static bool read_fraction(reader *r, moment *m) {
  size_t n = 0, kept = 0;
  for (; r->at < r->end && *r->at >= '0' && *r->at <= '9'; r->at++, n++) {
    if (n < DIGITS_OF_A_SECOND) m->fraction[n] = *r->at;
    if (*r->at != '0') kept = n + 1;
  }
  if (kept > DIGITS_OF_A_SECOND) return false;
  m->fraction[kept] = 0;
  return n > 0;
}

static bool read_clock(reader *r, moment *m) {
  m->clock = true;
  m->negative = !m->date && take(r, '-');
  if (!take_number(r, 2, m->date ? 2 : 3, &m->hour) || !take(r, ':') || !take_number(r, 2, 2, &m->minute)) return false;
  if (take(r, ':') && !take_number(r, 2, 2, &m->second)) return false;
  return !take(r, '.') || read_fraction(r, m);
}

static bool read_zone(reader *r, moment *m) {
  int hours, minutes = 0;
  bool east = r->at < r->end && *r->at == '+';
  if (r->at == r->end) return true;
  m->zone = true;
  if (take(r, 'Z')) return true;
  if (!take(r, '+') && !take(r, '-')) return false;
  if (!take_number(r, 2, 2, &hours)) return false;
  take(r, ':');
  if (r->at < r->end && !take_number(r, 2, 2, &minutes)) return false;
  m->offset = (hours * 60 + minutes) * (east ? 1 : -1);
  return true;
}

static bool has_date(const reader *r) {
  const char *at = r->at;
  while (at < r->end && *at >= '0' && *at <= '9') at++;
  return at - r->at >= 4 && at < r->end && *at == '-';
}

static bool read(const shunt_value *v, moment *m) {
  reader r = {v->as.bytes, v->as.bytes + v->size};
  *m = (moment){.date = false};
  if (v->type != SHUNT_TEXT || v->size == 0) return false;
  if (has_date(&r) && !read_date(&r, m)) return false;
  bool more = !m->date || take(&r, ' ') || take(&r, 'T');
  if (more && !(read_clock(&r, m) && read_zone(&r, m))) return false;
  return r.at == r.end;
}

/* ---- writing ---- */

static bool is_midnight(const moment *m) { return !m->hour && !m->minute && !m->second && !m->fraction[0]; }

static size_t write_date(const moment *m, char *room) {
  return (size_t)snprintf(room, TEXT_BYTES, "%04d-%02d-%02d", m->year, m->month, m->day);
}

static size_t write_clock(const moment *m, char *room) {
  return (size_t)snprintf(room, TEXT_BYTES / 2, "%s%02d:%02d:%02d%s%s", m->negative && !is_midnight(m) ? "-" : "",
                          m->hour, m->minute, m->second, m->fraction[0] ? "." : "", m->fraction);
}

static size_t write_all(driver_time kind, const moment *m, char *room) {
  size_t size = kind == DRIVER_CLOCK ? 0 : write_date(m, room);
  if (kind == DRIVER_DATE) return size;
  if (size) room[size++] = ' ';
  size += write_clock(m, room + size);
  if (kind != DRIVER_MOMENT) return size;
  int away = m->offset < 0 ? -m->offset : m->offset;
  return size +
         (size_t)snprintf(room + size, TEXT_BYTES / 4, "%c%02d:%02d", m->offset < 0 ? '-' : '+', away / 60, away % 60);
}

/* A time of day ends with 24:00:00. MySQL's TIME, which takes every text, is a span of up to 838:59:59 both ways. */
static bool is_of_the_clock(const driver_column *column, const moment *m) {
  if (!column->takes) return m->hour <= 838;
  bool ends = m->hour == 24 && !m->minute && !m->second && !m->fraction[0];
  return (!m->negative || is_midnight(m)) && (m->hour < 24 || ends);
}

static bool loses(const driver_column *column, const moment *m) {
  bool midnight = is_midnight(m);
  if (m->date && !is_day(m)) return true;
  if (m->offset && column->time != DRIVER_MOMENT) return true;
  if (column->time == DRIVER_DATE) return !m->date || !midnight;
  if (column->time == DRIVER_CLOCK ? m->date || !is_of_the_clock(column, m) : !m->date) return true;
  if (m->minute > 59 || m->second > 59 || (m->date && m->hour > 23)) return true;
  return strlen(m->fraction) > (size_t)column->digits;
}

key_time_fitting key_time_fit(arena *a, const driver_column *column, const shunt_value *value, shunt_value *out) {
  moment m;
  if (!read(value, &m)) return KEY_TIME_UNKNOWN;
  if (loses(column, &m)) return KEY_TIME_LOSES;
  char *room = arena_alloc(a, TEXT_BYTES);
  if (!room) return KEY_TIME_NO_MEMORY;
  *out = shunt_text(room, write_all(column->time, &m, room));
  return KEY_TIME_FITS;
}
