#include "base/suggest.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { LONGEST = 64 };

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

static size_t distance(const char *a, size_t na, const char *b, size_t nb) {
  size_t rows[3][LONGEST + 1];
  for (size_t j = 0; j <= nb; j++) rows[0][j] = j;
  for (size_t i = 1; i <= na; i++) {
    size_t *row = rows[i % 3], *up = rows[(i + 2) % 3], *up2 = rows[(i + 1) % 3];
    row[0] = i;
    for (size_t j = 1; j <= nb; j++) {
      row[j] = least(least(up[j], row[j - 1]) + 1, up[j - 1] + (a[i - 1] != b[j - 1]));
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = least(row[j], up2[j - 2] + 1);
    }
  }
  return rows[na % 3][nb];
}

suggest suggest_for(const char *name) {
  size_t size = strlen(name);
  size_t allowed = size < 6 ? 1 : size / 3; /* letters that may differ */
  suggest s = {.name = name, .best = NULL, .distance = allowed + 1};
  return s;
}

void suggest_try(suggest *s, const char *known) {
  size_t na = strlen(s->name), nb = strlen(known);
  if (na == 0 || nb == 0 || na > LONGEST || nb > LONGEST) return;
  size_t d = distance(s->name, na, known, nb);
  bool better = d < s->distance || (s->best && d == s->distance && strcmp(known, s->best) < 0);
  if (better) {
    s->distance = d;
    s->best = known;
  }
}

const char *suggest_text(suggest *s) {
  s->text[0] = 0;
  if (s->best) snprintf(s->text, sizeof s->text, "; did you mean '%s'?", s->best);
  return s->text;
}
