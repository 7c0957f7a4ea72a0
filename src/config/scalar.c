#include "config/scalar.h"

#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/read.h"
#include "base/utf8.h"
#include "catalog/catalog.h"
#include "catalog/report.h"
#include "catalog/template.h"
#include "config/file.h"

/* ---- types ---- */

static bool is(const char *text, size_t size, const char *a, const char *b, const char *c) {
  return (size == strlen(a) && memcmp(text, a, size) == 0) || (size == strlen(b) && memcmp(text, b, size) == 0) ||
         (size == strlen(c) && memcmp(text, c, size) == 0);
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static int digit_of(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : 16;
}

/* Digits only, at least one. False if it is not a number or does not fit. */
static bool whole(const char *text, size_t size, int base, bool negative, int64_t *out) {
  uint64_t value = 0, most = (uint64_t)INT64_MAX + (negative ? 1 : 0);
  if (size == 0) return false;
  for (size_t i = 0; i < size; i++) {
    int digit = digit_of(text[i]);
    if (digit >= base || value > (most - (uint64_t)digit) / (uint64_t)base) return false;
    value = value * (uint64_t)base + (uint64_t)digit;
  }
  *out = negative ? (int64_t)(0 - value) : (int64_t)value;
  return true;
}

static bool integer(const char *text, size_t size, int64_t *out) {
  if (size > 2 && text[0] == '0' && text[1] == 'o') return whole(text + 2, size - 2, 8, false, out);
  if (size > 2 && text[0] == '0' && text[1] == 'x') return whole(text + 2, size - 2, 16, false, out);
  size_t sign = size > 0 && (text[0] == '-' || text[0] == '+');
  return whole(text + sign, size - sign, 10, sign && text[0] == '-', out);
}

/* [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)? */
static bool looks_like_float(const char *text, size_t size) {
  size_t i = size > 0 && (text[0] == '-' || text[0] == '+'), digits = 0, fraction = 0, exponent = 0;
  for (; i < size && is_digit(text[i]); i++) digits++;
  if (i < size && text[i] == '.')
    for (i++; i < size && is_digit(text[i]); i++) fraction++;
  if (digits + fraction == 0) return false;
  if (i == size) return true;
  if (text[i] != 'e' && text[i] != 'E') return false;
  i++;
  if (i < size && (text[i] == '-' || text[i] == '+')) i++;
  for (; i < size && is_digit(text[i]); i++) exponent++;
  return exponent > 0 && i == size;
}

static bool floating(const char *text, size_t size, double *out) {
  char copy[512];
  size_t sign = size > 0 && (text[0] == '-' || text[0] == '+');
  if (is(text + sign, size - sign, ".inf", ".Inf", ".INF")) {
    *out = text[0] == '-' ? -INFINITY : INFINITY;
    return true;
  }
  if (is(text, size, ".nan", ".NaN", ".NAN")) {
    *out = NAN;
    return true;
  }
  if (!looks_like_float(text, size) || size >= sizeof copy - 8) return false;
  /* strtod follows the host's locale, YAML does not */
  const char *point = localeconv()->decimal_point;
  const char *dot = memchr(text, '.', size);
  if (dot && strlen(point) < 8)
    snprintf(copy, sizeof copy, "%.*s%s%.*s", (int)(dot - text), text, point, (int)(text + size - dot - 1), dot + 1);
  else
    snprintf(copy, sizeof copy, "%.*s", (int)size, text);
  *out = strtod(copy, NULL);
  return true;
}

shunt_value scalar_plain(const char *text, size_t size) {
  int64_t i;
  double d;
  if (size == 0 || is(text, size, "null", "Null", "NULL") || is(text, size, "~", "~", "~")) return shunt_null();
  if (is(text, size, "true", "True", "TRUE")) return shunt_boolean(true);
  if (is(text, size, "false", "False", "FALSE")) return shunt_boolean(false);
  if (integer(text, size, &i)) return shunt_integer(i);
  if (floating(text, size, &d)) return shunt_float(d);
  return shunt_text(text, size);
}

/* ---- filling in ---- */

enum { LARGEST_FILE = 1 << 20 };

typedef struct filler {
  arena *a;
  problems *p;
  place at;
  buf text;
  scalar_filled *out;
  bool keeps_session; /* its placeholders are filled in for each session */
} filler;

__attribute__((format(printf, 2, 3))) static void tell(filler *f, const char *format, ...);

static void tell(filler *f, const char *format, ...) {
  char message[768];
  va_list args;
  va_start(args, format);
  vsnprintf(message, sizeof message, format, args);
  va_end(args);
  report(f->p, SHUNT_E_CONFIG, f->at, "%s", message);
  f->out->failed = true;
}

static bool ends_in_dollar(const buf *text) { return text->size && text->data[text->size - 1] == '$'; }

/* A ${ that comes about here is no placeholder of the session. */
static void add_text(filler *f, const char *text, size_t size) {
  for (size_t i = 0; i < size; i++) {
    if (f->keeps_session && text[i] == '{' && ends_in_dollar(&f->text)) buf_putc(&f->text, '$');
    buf_putc(&f->text, text[i]);
  }
}

static void add_value(filler *f, const char *what, const char *value, size_t size) {
  if (strlen(value) != size || !utf8_valid(value, size))
    tell(f, "%s contains a NUL character or is not UTF-8", what);
  else
    add_text(f, value, size);
}

static void add_placeholder(filler *f, const char *inner) {
  if (ends_in_dollar(&f->text))
    tell(f, "a value that ends in $ stands before ${%s}, and $${ means ${; write a text between them", inner);
  else
    buf_printf(&f->text, "${%s}", inner);
}

static bool add_file(filler *f, const char *path) {
  char *text = NULL;
  const char *why;
  size_t size = 0;
  const char *full = f->at.file ? file_beside(f->a, f->at.file, path) : path;
  if (!full) return false;
  read_result result = read_whole(full, LARGEST_FILE, &text, &size, &why);
  if (result == READ_NO_MEMORY) return false;
  f->out->secret = true;
  if (result != READ_DONE) {
    tell(f, "can't read the file '%s': %s", full, why);
    return true;
  }
  if (size && text[size - 1] == '\n') size--;
  if (size && text[size - 1] == '\r') size--;
  text[size] = 0;
  add_value(f, full, text, size);
  base_free(text);
  return true;
}

static bool is_variable(const char *name) {
  if (*name == 0 || is_digit(*name)) return false;
  for (; *name; name++)
    if (!(is_digit(*name) || (*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z') || *name == '_'))
      return false;
  return true;
}

static void add_variable(filler *f, const char *name, const char *fallback) {
  if (!is_variable(name)) {
    tell(f, "write ${VAR}, ${VAR:-fallback} or ${file:PATH}; for a literal ${ write $${");
    return;
  }
  if (fallback && strstr(fallback, "${")) {
    tell(f, "the fallback of ${%s:-…} ends at the first }, and can't contain ${", name);
    return;
  }
  const char *value = getenv(name);
  if (cat_secret_key(name)) f->out->secret = true;
  if (value && (*value || !fallback))
    add_value(f, name, value, strlen(value));
  else if (fallback)
    add_text(f, fallback, strlen(fallback));
  else
    tell(f, "the environment variable %s is not set: set it, or write ${%s:-fallback}", name, name);
}

/* The text between the braces. */
static bool add_reference(filler *f, const char *inner, size_t size) {
  char *copy = arena_strndup(f->a, inner, size);
  if (!copy) return false;
  if (f->keeps_session && cat_placeholder_of(copy, size) != CAT_NO_PLACEHOLDER) {
    add_placeholder(f, copy);
    return true;
  }
  if (strncmp(copy, "file:", 5) == 0) return add_file(f, copy + 5);
  char *fallback = strstr(copy, ":-");
  if (fallback) {
    *fallback = 0;
    fallback += 2;
  }
  add_variable(f, copy, fallback);
  return true;
}

static bool fill(filler *f, const char *text, size_t size) {
  const char *at = text, *end = text + size;
  while (at < end) {
    size_t left = (size_t)(end - at);
    if (left >= 3 && memcmp(at, "$${", 3) == 0) {
      buf_puts(&f->text, f->keeps_session ? "$${" : "${");
      at += 3;
    } else if (left >= 2 && memcmp(at, "${", 2) == 0) {
      const char *close = memchr(at, '}', left);
      if (!close) {
        tell(f, "a '${' without '}'; for a literal ${ write $${");
        return true;
      }
      if (!add_reference(f, at + 2, (size_t)(close - at - 2))) return false;
      at = close + 1;
    } else {
      add_text(f, at++, 1);
    }
  }
  return true;
}

static bool has_reference(const char *text, size_t size) {
  for (size_t i = 0; i + 1 < size; i++)
    if (text[i] == '$' && text[i + 1] == '{') return true;
  return false;
}

static bool fill_whole(filler *f, const char *text, size_t size, scalar_filled *out) {
  *out = (scalar_filled){.text = text, .size = size};
  if (!has_reference(text, size)) return true;
  f->out = out;
  bool fine = fill(f, text, size) && !f->text.failed;
  if (fine && !out->failed) {
    out->changed = true;
    out->size = f->text.size;
    out->text = arena_strndup(f->a, f->text.data ? f->text.data : "", f->text.size);
    fine = out->text != NULL;
  }
  buf_free(&f->text);
  return fine;
}

bool scalar_fill(arena *a, problems *p, place at, const char *text, size_t size, scalar_filled *out) {
  filler f = {.a = a, .p = p, .at = at};
  return fill_whole(&f, text, size, out);
}

bool scalar_fill_template(arena *a, problems *p, place at, const char *text, size_t size, scalar_filled *out) {
  filler f = {.a = a, .p = p, .at = at, .keeps_session = true};
  return fill_whole(&f, text, size, out);
}
