#include "unit/rule/same/literal.h"

#include <stdbool.h>

#include "unit/rule/same/pieces.h"

static const char *const lua_texts[] = {"\"\"",     "\"a\"",         "\"B\"",        "\"Ärger\"", "\"zo\\xEB\"",
                                        "\"\\0x\"", "\"1.5\"",       "\"1,5\"",      "\"7\"",     "[[two\nlines]]",
                                        "'é'",      "\"\\u{20AC}\"", "('x'):rep(50)"};
static const char *const lua_numbers[] = {
    "0", "1", "-7", "42", "1.5", "0x1p-3", "-0.0", "1e100", "3.0", "2^53", "1/0", "0x7fffffffffffffff", "1e15", "0.1"};
static const char *const yaml_scalars[] = {"a",  "B",    "Ärger", "\"1.5\"", "1.5",  "7",
                                           "-3", "true", "1e3",   "0.1",     "\"\"", "zoë"};

#define ONE_OF(r, list) (list)[rng_below(r, sizeof(list) / sizeof *(list))]

static void lua_scalar(FILE *out, rng *r) {
  switch (rng_below(r, 5)) {
  case 0:
    fputs(rng_below(r, 2) ? "true" : "false", out);
    break;
  case 1:
  case 2:
    fputs(ONE_OF(r, lua_numbers), out);
    break;
  default:
    fputs(ONE_OF(r, lua_texts), out);
  }
}

static void lua_value(FILE *out, rng *r, int depth) {
  if (depth > 0 && rng_below(r, 5) == 0)
    same_lua_table(out, r, depth - 1);
  else
    lua_scalar(out, r);
}

void same_lua_table(FILE *out, rng *r, int depth) {
  size_t items = rng_below(r, 9) ? rng_below(r, 12) : 120, keys = rng_below(r, 6);
  fputs("{ ", out);
  for (size_t i = 0; i < items; i++) {
    if (rng_below(r, 4) == 0)
      fputs("nil", out);
    else
      lua_value(out, r, depth);
    fputs(", ", out);
  }
  for (size_t i = 0; i < keys; i++) {
    fprintf(out, "k%zu = ", rng_below(r, 50));
    lua_value(out, r, depth);
    fprintf(out, ", [\"é%zu\"] = %zu, [%zu.5] = true, ", rng_below(r, 9), i, rng_below(r, 9));
    fprintf(out, "[%zu] = %zu, ", rng_below(r, 30), i);
  }
  fputs("}", out);
}

static void yaml_list(FILE *out, rng *r, bool holes) {
  size_t items = 1 + rng_below(r, 9);
  fputs("[", out);
  for (size_t i = 0; i < items; i++)
    fprintf(out, "%s%s", i ? ", " : "", holes && rng_below(r, 2) ? "null" : ONE_OF(r, yaml_scalars));
  fputs("]", out);
}

void same_yaml_config(FILE *out, rng *r) {
  fprintf(out, "{rate: %s, sub: {deep: {x: %s, \"é\": [1, {y: %s}]}, \"7\": %s}, list: ", ONE_OF(r, yaml_scalars),
          ONE_OF(r, yaml_scalars), ONE_OF(r, yaml_scalars), ONE_OF(r, yaml_scalars));
  yaml_list(out, r, false);
  fputs(", holes: ", out);
  yaml_list(out, r, true);
  fputs("}", out);
}
