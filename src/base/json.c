#include "base/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/ascii.h"
#include "base/error.h"
#include "base/plain_locale.h"
#include "base/utf8.h"

typedef struct reader {
  const char *start, *at, *end;
  const json_sink *sink; /* NULL: only checks */
  void *ud;
  buf *scratch; /* of a text with escapes */
  int depth;
  bool nul; /* the text has one, as an escape */
  shunt_error *err;
  shunt_status status;
} reader;

/* ---- mistakes ---- */

/* At r->at. */
static bool refuse(reader *r, const char *what) {
  int line = 1;
  const char *first = r->start;
  for (const char *at = r->start; at < r->at; at++)
    if (*at == '\n') {
      line++;
      first = at + 1;
    }
  const place at = {NULL, line, (int)(r->at - first) + 1};
  r->status = error_usage_at(r->err, at, "line %d column %d: %s", at.line, at.column, what);
  return false;
}

static bool refuse_at(reader *r, const char *at, const char *what) {
  r->at = at;
  return refuse(r, what);
}

static bool lacks_memory(reader *r) {
  r->status = error_memory(r->err);
  return false;
}

static void begins(const reader *r) {
  if (r->sink && r->sink->at) r->sink->at(r->ud, r->at);
}

static bool give(reader *r, shunt_value v) { return !r->sink || r->sink->value(r->ud, &v) || lacks_memory(r); }

/* ---- scalars ---- */

static void skip_blanks(reader *r) { r->at += strspn(r->at, " \t\n\r"); }
static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static bool read_word(reader *r, const char *word, shunt_value v) {
  const size_t size = strlen(word);
  if (strncmp(r->at, word, size) != 0) return refuse(r, "a value is expected");
  r->at += size;
  return give(r, v);
}

static bool skip_digits(reader *r) {
  if (!is_digit(*r->at)) return refuse(r, "a digit is expected");
  while (is_digit(*r->at)) r->at++;
  return true;
}

/* The point of strtod is the locale's. */
static bool give_real(reader *r, const char *from) {
  if (!plain_locale_ready()) return lacks_memory(r);
  void *was = plain_locale_enter();
  const double d = strtod(from, NULL);
  plain_locale_leave(was);
  return isfinite(d) ? give(r, shunt_float(d)) : refuse_at(r, from, "the number is too large for a double");
}

static bool give_integer(reader *r, const char *from) {
  const bool negative = *from == '-';
  uint64_t n = 0;
  for (const char *at = from + negative; at < r->at; at++) {
    const unsigned digit = (unsigned)(*at - '0');
    if (n > (UINT64_MAX - digit) / 10) return refuse_at(r, from, "the integer does not fit into 64 bits");
    n = n * 10 + digit;
  }
  if (n > (uint64_t)INT64_MAX + negative) return refuse_at(r, from, "the integer does not fit into 64 bits");
  return give(r, shunt_integer(negative ? (int64_t)(0 - n) : (int64_t)n));
}

static bool read_number(reader *r) {
  const char *from = r->at;
  bool real = false;
  if (*r->at == '-') r->at++;
  if (*r->at == '0')
    r->at++;
  else if (!skip_digits(r))
    return false;
  if (is_digit(*r->at)) return refuse(r, "a number has no zeros before it");
  if (*r->at == '.') {
    real = true;
    r->at++;
    if (!skip_digits(r)) return false;
  }
  if (*r->at == 'e' || *r->at == 'E') {
    real = true;
    r->at++;
    if (*r->at == '+' || *r->at == '-') r->at++;
    if (!skip_digits(r)) return false;
  }
  return real ? give_real(r, from) : give_integer(r, from);
}

/* ---- texts ---- */

/* Four hexadecimal digits; -1: they are not. */
static long hex4(const char *at) {
  long code = 0;
  for (int i = 0; i < 4; i++) {
    const int digit = ascii_hex(at[i]);
    if (digit < 0) return -1;
    code = code * 16 + digit;
  }
  return code;
}

static void add_code(buf *to, long code) {
  char bytes[UTF8_MOST];
  buf_add(to, bytes, (size_t)(utf8_put(bytes, (unsigned)code) - bytes));
}

/* At the digits behind \u. Half of a surrogate pair is no character. */
static bool read_code(reader *r) {
  const char *from = r->at;
  long code = hex4(from);
  if (code < 0) return refuse(r, "four hexadecimal digits are expected after \\u");
  r->at += 4;
  if (code >= 0xD800 && code <= 0xDBFF && r->at[0] == '\\' && r->at[1] == 'u') {
    const long low = hex4(r->at + 2);
    if (low >= 0xDC00 && low <= 0xDFFF) {
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
      r->at += 6;
    }
  }
  if (code >= 0xD800 && code <= 0xDFFF) return refuse_at(r, from, "half of a surrogate pair is no character");
  r->nul = r->nul || code == 0;
  if (r->sink) add_code(r->scratch, code);
  return true;
}

static bool read_escape(reader *r) {
  static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
  const char letter = r->at[1];
  if (letter == 'u') {
    r->at += 2;
    return read_code(r);
  }
  const char *found = letter ? strchr(letters, letter) : NULL;
  if (!found) return refuse(r, "no such escape");
  if (r->sink) buf_putc(r->scratch, meant[found - letters]);
  r->at += 2;
  return true;
}

/* Up to the next quote, escape or control character. */
static bool read_plain(reader *r, const char **from) {
  *from = r->at;
  while ((unsigned char)*r->at >= 0x20 && *r->at != '"' && *r->at != '\\') r->at++;
  if (!utf8_valid(*from, (size_t)(r->at - *from))) return refuse_at(r, *from, "the text is not UTF-8");
  if (r->at < r->end && (unsigned char)*r->at < 0x20)
    return refuse(r, "a control character in a text is written as \\u…");
  return r->at < r->end || refuse(r, "the text has no end");
}

/* At its quote. A text without escapes lies in the source, others in the scratch. */
static bool read_text(reader *r, const char **text, size_t *size) {
  r->at++;
  if (!read_plain(r, text)) return false;
  *size = (size_t)(r->at - *text);
  if (*r->at == '\\') {
    if (r->sink) buf_reset(r->scratch);
    if (r->sink) buf_add(r->scratch, *text, *size);
    while (*r->at == '\\') {
      if (!read_escape(r) || !read_plain(r, text)) return false;
      if (r->sink) buf_add(r->scratch, *text, (size_t)(r->at - *text));
    }
    if (r->sink && r->scratch->failed) return lacks_memory(r);
    if (r->sink) *text = r->scratch->data, *size = r->scratch->size;
  }
  r->at++;
  return true;
}

static bool read_string(reader *r) {
  const char *text, *from = r->at;
  size_t size;
  if (!read_text(r, &text, &size)) return false;
  return size <= UINT32_MAX ? give(r, shunt_text(text, size)) : refuse_at(r, from, "the text is longer than 4 GiB");
}

/* A name that holds a NUL would be cut there. */
static bool read_key(reader *r) {
  const char *name, *from = r->at;
  size_t size;
  if (*r->at != '"') return refuse(r, "a name in quotes is expected");
  r->nul = false;
  begins(r);
  if (!read_text(r, &name, &size)) return false;
  if (r->nul) return refuse_at(r, from, "a name holds no NUL");
  if (r->sink && !r->sink->key(r->ud, name, size)) return lacks_memory(r);
  skip_blanks(r);
  if (*r->at != ':') return refuse(r, "a colon is expected");
  r->at++;
  return true;
}

/* ---- objects and lists ---- */

static bool read_value(reader *r);

static bool read_members(reader *r, bool object) {
  const char close = object ? '}' : ']';
  r->at++;
  skip_blanks(r);
  if (*r->at == close) return true;
  for (;;) {
    skip_blanks(r);
    if (object && !read_key(r)) return false;
    if (!read_value(r)) return false;
    if (*r->at == close) return true;
    if (*r->at != ',') return refuse(r, object ? "a comma or } is expected" : "a comma or ] is expected");
    r->at++;
  }
}

static bool read_group(reader *r) {
  const bool object = *r->at == '{';
  if (++r->depth > JSON_DEEPEST) return refuse(r, "it is nested too deep");
  if (r->sink && !r->sink->begin(r->ud, object)) return lacks_memory(r);
  if (!read_members(r, object)) return false;
  r->at++;
  r->depth--;
  return !r->sink || r->sink->end(r->ud, object) || lacks_memory(r);
}

/* With the blanks around it. */
static bool read_value(reader *r) {
  bool fine;
  skip_blanks(r);
  begins(r);
  switch (*r->at) {
  case '{':
  case '[':
    fine = read_group(r);
    break;
  case '"':
    fine = read_string(r);
    break;
  case 't':
    fine = read_word(r, "true", shunt_boolean(true));
    break;
  case 'f':
    fine = read_word(r, "false", shunt_boolean(false));
    break;
  case 'n':
    fine = read_word(r, "null", shunt_null());
    break;
  default:
    fine = *r->at == '-' || is_digit(*r->at) ? read_number(r) : refuse(r, "a value is expected");
  }
  skip_blanks(r);
  return fine;
}

shunt_status json_read(const char *text, size_t size, const json_sink *sink, void *ud, buf *scratch, shunt_error *err) {
  reader r = {.start = text, .at = text, .end = text + size, .sink = sink, .ud = ud, .scratch = scratch, .err = err};
  if (read_value(&r) && r.at < r.end) (void)refuse(&r, "something follows the value");
  return r.status;
}

shunt_status json_check(const char *text, size_t size, shunt_error *err) {
  return json_read(text, size, NULL, NULL, NULL, err);
}

static const char *end_of_text(const char *at) {
  for (at++; *at != '"'; at++)
    if (*at == '\\') at++;
  return at + 1;
}

const char *json_end_of(const char *value) {
  int depth = 0;
  const char *at = value;
  if (!strchr("{[\"", *value)) return value + strcspn(value, ",]} \t\n\r");
  do {
    if (*at == '"') {
      at = end_of_text(at);
    } else {
      depth += (*at == '{' || *at == '[') - (*at == '}' || *at == ']');
      at++;
    }
  } while (depth > 0);
  return at;
}
