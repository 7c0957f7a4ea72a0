/* A JSON Schema (draft-07) of the app config, for editors. Like the check it refuses unknown keys and wrong types, as
 * far as one file shows them: the keys of a `connection` are known only if its client names an engine. Null, which
 * unsets, is allowed everywhere, and so is ${…} in place of a value, because it is filled in later. No key is required,
 * so that the schema fits overlays too. Bounds of durations and sizes are missing: JSON Schema can't express them. */
#include "base/buf.h"
#include "catalog/settings.h"
#include "config/config.h"

#define FILLED "{\"$ref\":\"#/definitions/filled\"}"
#define SCALARS "[\"string\",\"number\",\"boolean\",\"null\"]"

static void put_text(buf *b, const char *text) {
  buf_putc(b, '"');
  for (; *text; text++) {
    if (*text == '"' || *text == '\\') buf_putc(b, '\\');
    buf_putc(b, *text);
  }
  buf_putc(b, '"');
}

/* A pattern for a name whose case, - and _ make no difference. */
static void put_loose(buf *b, const char *name) {
  for (; *name; name++)
    if (*name != '_' && *name != '-') {
      char upper = *name >= 'a' && *name <= 'z' ? (char)(*name - 'a' + 'A') : *name;
      buf_printf(b, "[-_]*[%c%c]", *name, upper);
    }
  buf_puts(b, "[-_]*");
}

/* ---- values ---- */

static void put_bounds(buf *b, const schema_field *f) {
  int64_t unit = f->bare_ms ? f->bare_ms : 1;
  if (f->least >= f->most) return;
  buf_printf(b, ",\"minimum\":%lld", (long long)(f->least / unit));
  if (f->most != INT64_MAX) buf_printf(b, ",\"maximum\":%lld", (long long)(f->most / unit));
}

/* Words in every spelling with the same meaning; "" is the same as no value. */
static void put_loose_words(buf *b, const char *const *words) {
  buf_puts(b, "{\"type\":\"string\",\"pattern\":\"^$|\\\\$\\\\{");
  for (; *words; words++) {
    buf_puts(b, "|^");
    put_loose(b, *words);
    buf_putc(b, '$');
  }
  buf_puts(b, "\"}");
}

static void put_words(buf *b, const schema *s, const schema_field *f) {
  buf_puts(b, "\"anyOf\":[{\"enum\":[");
  for (const char *const *word = f->words; *word; word++) {
    put_text(b, *word);
    buf_putc(b, ',');
  }
  buf_puts(b, s->spelled ? "\"\",null]}," : "null]},");
  if (s->loose)
    put_loose_words(b, f->words);
  else
    buf_puts(b, FILLED);
  buf_puts(b, "]");
}

static void put_boolean(buf *b, const schema *s) {
  static const char *const words[] = {"true", "false", "1", "0", NULL};
  buf_puts(b, "\"anyOf\":[{\"type\":[\"boolean\",\"null\"]},");
  if (s->spelled) {
    buf_puts(b, "{\"enum\":[0,1]},");
    put_loose_words(b, words);
  } else {
    buf_puts(b, FILLED);
  }
  buf_puts(b, "]");
}

/* A number with its unit; for a server also a bare number, in quotes or not. */
static void put_amount(buf *b, const schema_field *f, const char *units) {
  if (f->bare_ms)
    buf_printf(b, "\"type\":[\"integer\",\"string\",\"null\"],\"pattern\":\"^(-?[0-9]+|[0-9]+(%s))?$|\\\\$\\\\{\"",
               units);
  else
    buf_printf(b, "\"type\":[\"string\",\"null\"],\"pattern\":\"^[0-9]+(%s)$|\\\\$\\\\{\"", units);
  if (f->bare_ms) put_bounds(b, f);
}

/* An integer in quotes. A pattern can't compare: few values are listed. */
static void put_spelled_integer(buf *b, const schema_field *f) {
  enum { FEW = 16 };
  const bool few = !f->list && f->least < f->most && f->least >= 0 && f->most - f->least < FEW;
  buf_puts(b, "},{\"type\":\"string\",\"pattern\":\"^(");
  for (int64_t n = f->least; few && n <= f->most; n++) buf_printf(b, "%s%lld", n == f->least ? "" : "|", (long long)n);
  if (!few) buf_printf(b, "-?[0-9]+%s", f->list ? "(,-?[0-9]*)*" : "");
  buf_puts(b, ")?$|\\\\$\\\\{\"}]");
}

static void put_integer(buf *b, const schema *s, const schema_field *f) {
  buf_puts(b, "\"anyOf\":[{\"type\":[\"integer\",\"null\"]");
  put_bounds(b, f);
  if (s->spelled)
    put_spelled_integer(b, f);
  else
    buf_puts(b, "}," FILLED "]");
}

static void put_scalar(buf *b, const schema *s, const schema_field *f) {
  switch (f->type) {
  case SCHEMA_BOOLEAN:
    put_boolean(b, s);
    break;
  case SCHEMA_INTEGER:
    put_integer(b, s, f);
    break;
  case SCHEMA_NUMBER:
    buf_puts(b, "\"anyOf\":[{\"type\":[\"number\",\"null\"]");
    put_bounds(b, f);
    buf_puts(b, "}," FILLED "]");
    break;
  case SCHEMA_DURATION:
    put_amount(b, f, "ms|s|m|h");
    break;
  case SCHEMA_SIZE:
    put_amount(b, f, "KiB|MiB|GiB");
    break;
  case SCHEMA_WORD:
    put_words(b, s, f);
    break;
  default:
    buf_puts(b, s->spelled ? "\"type\":" SCALARS : "\"type\":[\"string\",\"null\"]");
    if (f->type != SCHEMA_TEXT) buf_puts(b, ",\"minLength\":1");
  }
}

/* ---- maps ---- */

static void put_map(buf *b, const schema *s);

static void put_texts(buf *b, const char *bound) {
  buf_printf(b, "\"anyOf\":[{\"type\":[\"string\",\"null\"]%s},{\"type\":\"array\",\"items\":{\"type\":\"string\"%s}}]",
             bound, bound);
}

static void put_value(buf *b, const schema *s, const schema_field *f) {
  switch (f->type) {
  case SCHEMA_TEXTS:
    put_texts(b, f->filled ? ",\"minLength\":1" : "");
    break;
  case SCHEMA_SCALARS:
    buf_puts(b, "\"type\":[\"object\",\"null\"],\"additionalProperties\":{\"type\":" SCALARS "}");
    break;
  case SCHEMA_FREE:
    buf_puts(b, "\"type\":[\"object\",\"null\"]");
    break;
  case SCHEMA_MAP:
    buf_puts(b, "\"type\":[\"object\",\"null\"],");
    put_map(b, f->of);
    break;
  case SCHEMA_NAMED:
    buf_puts(b, "\"type\":[\"object\",\"null\"],\"additionalProperties\":{\"type\":[\"object\",\"null\"],");
    put_map(b, f->of);
    buf_putc(b, '}');
    break;
  case SCHEMA_MAPS:
    buf_puts(b, "\"type\":[\"array\",\"null\"],\"items\":{\"type\":\"object\",");
    put_map(b, f->of);
    buf_putc(b, '}');
    break;
  default:
    if (f->of) buf_puts(b, "\"anyOf\":[{");
    put_scalar(b, s, f);
    if (!f->of) break;
    buf_puts(b, "},{\"type\":\"object\",\"minProperties\":1,");
    put_map(b, f->of);
    buf_puts(b, "}]");
  }
}

static void put_default(buf *b, const schema_field *f) {
  bool bare = f->type == SCHEMA_INTEGER || f->type == SCHEMA_NUMBER || f->type == SCHEMA_BOOLEAN;
  if (!f->fallback) return;
  buf_puts(b, ",\"default\":");
  if (bare)
    buf_puts(b, f->fallback);
  else
    put_text(b, f->fallback);
}

static void put_property(buf *b, const schema *s, const schema_field *f, const char *key) {
  put_text(b, key);
  buf_puts(b, ":{");
  put_value(b, s, f);
  put_default(b, f);
  buf_puts(b, ",\"description\":");
  put_text(b, f->sentence);
  buf_puts(b, "}");
}

static void put_pattern(buf *b, const schema_field *f, const char *name) {
  buf_puts(b, "\"^");
  put_loose(b, name);
  buf_printf(b, "$\":{\"$ref\":\"#/definitions/mysql/properties/%s\"}", f->key);
}

/* The names that differ from the key in case, - and _ alone. */
static void put_patterns(buf *b, const schema *s) {
  buf_puts(b, ",\"patternProperties\":{");
  for (const schema_field *f = s->fields; f->key; f++) {
    if (f != s->fields) buf_puts(b, ",\n");
    put_pattern(b, f, f->key);
    if (!f->alias) continue;
    buf_puts(b, ",\n");
    put_pattern(b, f, f->alias);
  }
  buf_puts(b, "}");
}

/* The engine says which keys a connection has. */
static void put_connections(buf *b) {
  buf_puts(b, ",\"allOf\":[");
  for (const char *const *engine = settings_engines; *engine; engine++)
    buf_printf(
        b,
        "%s{\"if\":{\"type\":\"object\",\"properties\":{\"engine\":{\"const\":\"%s\"}},\"required\":[\"engine\"]},"
        "\"then\":{\"properties\":{\"connection\":{\"$ref\":\"#/definitions/%s\"}}}}",
        engine == settings_engines ? "" : ",\n", *engine, *engine);
  buf_puts(b, "]");
}

static void put_map(buf *b, const schema *s) {
  buf_puts(b, "\"properties\":{\n");
  for (const schema_field *f = s->fields; f->key; f++) {
    if (f != s->fields) buf_puts(b, ",\n");
    put_property(b, s, f, f->key);
    if (!f->alias || s->loose) continue;
    buf_puts(b, ",\n");
    put_property(b, s, f, f->alias);
  }
  buf_puts(b, "}");
  if (s->loose) put_patterns(b, s);
  if (schema_field_of(s, "engine")) put_connections(b);
  buf_puts(b, s->engine ? ",\"additionalProperties\":{\"type\":\"null\"}" : ",\"additionalProperties\":false");
}

shunt_status config_schema(char **json, shunt_error *err) {
  buf b = {0};
  buf_puts(&b,
           "{\"$schema\":\"http://json-schema.org/draft-07/schema#\",\"title\":\"shunt.yaml\",\"type\":\"object\",");
  put_map(&b, &schema_config);
  buf_puts(&b, ",\n\"definitions\":{\n\"filled\":{\"type\":\"string\",\"pattern\":\"\\\\$\\\\{\"}");
  for (const char *const *engine = settings_engines; *engine; engine++) {
    buf_printf(&b, ",\n\"%s\":{\"type\":[\"object\",\"null\"],", *engine);
    put_map(&b, settings_of_connection(*engine));
    buf_puts(&b, "}");
  }
  buf_puts(&b, "}}\n");
  *json = buf_take(&b);
  buf_free(&b);
  return *json ? SHUNT_OK : error_memory(err);
}
