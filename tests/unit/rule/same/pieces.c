#include "unit/rule/same/pieces.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct {
  const char *module;
  same_shape shape;
} modules[] = {
    {"text", SAME_TEXT}, {"numbers", SAME_TEXT}, {"calls", SAME_TEXT}, {"unicode", SAME_TEXT},
    {"asks", SAME_TEXT}, {"state", SAME_TEXT},   {"make", SAME_MAKE},  {"tables", SAME_TABLE},
};

static void add(same_pieces *p, same_shape shape, const char *module, const char *function) {
  same_piece new;
  snprintf(new.name, sizeof new.name, "%s.%.*s", module, (int)strcspn(function, "("), function);
  p->of[shape] = realloc(p->of[shape], (p->count[shape] + 1) * sizeof new);
  assert_non_null(p->of[shape]);
  p->of[shape][p->count[shape]++] = new;
}

static void read_module(same_pieces *p, const char *module, same_shape shape) {
  char path[128], line[512];
  snprintf(path, sizeof path, SAME_LIB "/%s.lua", module);
  FILE *file = fopen(path, "r");
  if (!file) fail_msg("can't read %s: run this in the project's folder", path);
  static const char begin[] = "function M.";
  while (fgets(line, sizeof line, file))
    if (strncmp(line, begin, sizeof begin - 1) == 0) add(p, shape, module, line + sizeof begin - 1);
  fclose(file);
}

void same_read_pieces(same_pieces *p) {
  memset(p, 0, sizeof *p);
  for (size_t i = 0; i < sizeof modules / sizeof *modules; i++) read_module(p, modules[i].module, modules[i].shape);
  for (int shape = 0; shape < SAME_NSHAPES; shape++) assert_true(p->count[shape] > 0);
}

void same_free_pieces(same_pieces *p) {
  for (int shape = 0; shape < SAME_NSHAPES; shape++) free(p->of[shape]);
}
