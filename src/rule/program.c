/* The texts that a host has run. A clone is made from them. */
#include <string.h>

#include "base/alloc.h"
#include "rule/host_inner.h"
#include "rule/standard.h"

char *host_path(rule_host *h, const char *path) {
  return arena_printf(&h->source->arena, "%s%s", path[0] == '/' ? "" : h->source->folder, path);
}

static bool add(host_program *p, host_text text) {
  if (!base_grow(&p->texts, &p->capacity, p->count + 1, sizeof *p->texts)) return false;
  p->texts[p->count++] = text;
  return true;
}

bool host_keep_text(rule_host *h, const char *name, const char *module, char *text, size_t size) {
  host_program *p = h->program;
  host_text kept = {.name = arena_strdup(&p->arena, name), .text = text, .size = size};
  if (module) kept.module = arena_strdup(&p->arena, module);
  const bool fine = kept.name && (!module || kept.module) && add(p, kept);
  if (fine)
    p->text_bytes += size;
  else
    base_free(text);
  return fine;
}

bool host_keep_standard(rule_host *h, const rule_standard_file *f) {
  return add(h->program, (host_text){.name = f->path, .text = f->text, .size = f->size, .standard = true});
}

bool host_keep_failure(rule_host *h, const char *module, const char *wrong) {
  host_program *p = h->program;
  host_text kept = {.name = "", .module = arena_strdup(&p->arena, module), .wrong = arena_strdup(&p->arena, wrong)};
  return kept.module && kept.wrong && add(p, kept);
}

void host_program_free(host_program *p) {
  if (!p) return;
  for (size_t i = 0; i < p->count; i++) {
    char *text;
    memcpy(&text, &p->texts[i].text, sizeof text);
    if (!p->texts[i].standard) base_free(text);
  }
  base_free(p->texts);
  arena_free(&p->arena);
  base_free(p);
}

const host_text *host_module(const rule_host *h, const char *name) {
  for (size_t i = 0; i < h->program->count; i++) {
    const host_text *t = &h->program->texts[i];
    if (t->module && strcmp(t->module, name) == 0) return t;
  }
  return NULL;
}
