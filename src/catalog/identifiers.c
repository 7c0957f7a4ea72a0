#include "catalog/identifiers.h"

#include <string.h>

enum { LONGEST = 63 /* bytes: PostgreSQL cuts longer ones, so that two could become one */ };

/* One of the list, as it grows. */
typedef struct identifier {
  buf text;
  size_t from, to; /* from the first placeholder's value to the end of the last one's; to is 0 without placeholders */
} identifier;

/* Quotes don't keep PostgreSQL from giving these a meaning of its own. No schema of a tenant can have such a name:
 * pg_ is reserved, pg_temp is the connection's, and $user stands for the role. */
static const char *trouble(const char *name, size_t size) {
  if (size > LONGEST) return "is longer than 63 bytes, and PostgreSQL cuts it";
  if (strcmp(name, "$user") == 0) return "stands for the role in PostgreSQL";
  if (strncmp(name, "pg_", 3) == 0 || strcmp(name, "information_schema") == 0) return "belongs to PostgreSQL itself";
  return NULL;
}

static bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/* The template's blanks and quotes around a name are syntax. Those of a value are a part of the name. */
static shunt_status end_filled(const identifiers *by, identifier *one, buf *to) {
  char *text = one->text.data;
  size_t from = 0, end = one->text.size;
  while (from < one->from && is_blank(text[from])) from++;
  while (end > one->to && is_blank(text[end - 1])) end--;
  if (from < one->from && end > one->to && text[from] == '"' && text[end - 1] == '"') from++, end--;
  buf_putc(&one->text, 0);
  if (one->text.failed) return SHUNT_OK;
  text = one->text.data;
  text[end] = 0;
  const char *why = trouble(text + from, end - from);
  if (why) return by->refuse(by->ud, text + from, why);
  buf_quoted(to, text + from, '"');
  return SHUNT_OK;
}

static shunt_status end_one(const identifiers *by, identifier *one, buf *to) {
  shunt_status status = SHUNT_OK;
  if (one->to)
    status = end_filled(by, one, to);
  else if (one->text.size)
    buf_add(to, one->text.data, one->text.size);
  to->failed |= one->text.failed;
  buf_reset(&one->text);
  one->from = one->to = 0;
  return status;
}

static shunt_status add_literal(const identifiers *by, const template_piece *piece, identifier *one, buf *to) {
  shunt_status status = SHUNT_OK;
  for (size_t i = 0; i < piece->size && !status; i++) {
    if (piece->text[i] != ',') {
      buf_putc(&one->text, piece->text[i]);
      continue;
    }
    status = end_one(by, one, to);
    buf_putc(to, ',');
  }
  return status;
}

static shunt_status add_value(const identifiers *by, const template_piece *piece, identifier *one) {
  if (!one->to) one->from = one->text.size;
  shunt_status status = by->put(by->ud, piece, &one->text);
  one->to = one->text.size;
  return status;
}

shunt_status identifiers_fill(const identifiers *by, const char *list, buf *to) {
  template_piece piece;
  identifier one = {0};
  shunt_status status = SHUNT_OK;
  while (!status && template_next(&list, &piece))
    status = piece.is == CAT_NO_PLACEHOLDER ? add_literal(by, &piece, &one, to) : add_value(by, &piece, &one);
  if (!status) status = end_one(by, &one, to);
  buf_free(&one.text);
  return status;
}
