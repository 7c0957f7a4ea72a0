/* Finding rule files, running them within their limits, and freezing their values. The texts stay with the host's
 * program; file names lie in the catalog_source's arena. */
#define _POSIX_C_SOURCE 200809L
#include <dirent.h>
#include <errno.h>
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/read.h"
#include "rule/host_inner.h"
#include "rule/sandbox_inner.h"
#include "rule/standard.h"

static void report(rule_host *h, shunt_error *err, place at) {
  if (!err->file[0]) error_place(err, at.file, at.line, at.column);
  problems_add_error(h->problems, err);
}

/* ---- running ---- */

/* False if a limit was hit: the later files are then not run, so that many such files take no longer than one. */
static bool run_text(rule_host *h, const char *name, const char *text, size_t size) {
  shunt_error err;
  place at = {name, 1, 0};
  char *chunk = arena_printf(&h->source->arena, "@%s", name);
  if (!chunk) {
    h->problems->out_of_memory = true;
    return false;
  }
  atomic_store(&h->running, name);
  sandbox_start(h->sb, SANDBOX_LOAD_FACTOR);
  int loaded = sandbox_load(h->sb, chunk, text, size);
  if (loaded != LUA_OK) {
    sandbox_error(h->sb, loaded, &err);
    report(h, &err, at);
    return err.status != SHUNT_E_LIMIT;
  }
  shunt_status status = sandbox_call(h->sb, 0, 0, &err);
  atomic_store(&h->sb->deadline_ns, 0); /* what comes before the next start is not the file's */
  if (status) report(h, &err, at);
  host_check_pending(h);
  return status != SHUNT_E_LIMIT;
}

static bool within_memory(rule_host *h, place named) {
  if (!host_over_memory(h)) return true;
  problems_add(h->problems, SHUNT_E_LIMIT, named,
               "the rule files are over the limit of %lld bytes of memory: make them smaller, or raise rules.memory",
               (long long)h->sb->limits.memory_bytes);
  return false;
}

/* The name is for messages: the path as the app config gives it, and the file in it. */
static bool run_file(rule_host *h, const char *path, const char *name, place named) {
  char *text = NULL;
  size_t size = 0;
  const char *why;
  bool on = true;
  read_result result = read_whole(path, HOST_FILE_BYTES, &text, &size, &why);
  if (result == READ_DONE && host_keep_text(h, name, NULL, text, size))
    on = within_memory(h, named) && run_text(h, name, text, size);
  else if (result == READ_DONE || result == READ_NO_MEMORY)
    h->problems->out_of_memory = true;
  else
    problems_add(h->problems, SHUNT_E_CONFIG, named, "the rule file %s can't be read: %s", path, why);
  return on;
}

static int is_rule_file(const struct dirent *e) {
  size_t size = strlen(e->d_name);
  return e->d_name[0] != '.' && size > 4 && strcmp(e->d_name + size - 4, ".lua") == 0;
}

/* Not alphasort, which depends on the locale: the load order decides between rules. */
static int by_name(const struct dirent **a, const struct dirent **b) { return strcmp((*a)->d_name, (*b)->d_name); }

static bool run_folder(rule_host *h, const char *folder, const char *name, place named) {
  struct dirent **list;
  int n = scandir(folder, &list, is_rule_file, by_name);
  if (n < 0 && errno == ENOMEM) {
    h->problems->out_of_memory = true;
    return false;
  }
  if (n < 0) {
    problems_add(h->problems, SHUNT_E_CONFIG, named, "the rules folder %s can't be read: %s", folder, strerror(errno));
    return true;
  }
  size_t size = strlen(name);
  const char *slash = size && name[size - 1] == '/' ? "" : "/";
  bool on = true;
  for (int i = 0; i < n; i++) {
    char *path = arena_printf(&h->source->arena, "%s/%s", folder, list[i]->d_name);
    char *shown = arena_printf(&h->source->arena, "%s%s%s", name, slash, list[i]->d_name);
    if (!path || !shown) h->problems->out_of_memory = true;
    on = on && path && shown && run_file(h, path, shown, named);
    free(list[i]);
  }
  free(list);
  return on;
}

static bool run_path(rule_host *h, const char *name, place named) {
  struct stat st;
  char *path = host_path(h, name);
  if (!path) {
    h->problems->out_of_memory = true;
    return false;
  }
  if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) return run_folder(h, path, name, named);
  return run_file(h, path, name, named);
}

static bool run_standard(rule_host *h, const rule_load *what) {
  bool on = true;
  h->standard_file = true;
  for (size_t i = 0; i < rule_standard_count && on; i++) {
    const rule_standard_file *f = &rule_standard_files[i];
    if (!(strcmp(f->path, RULE_STRICT_ISOLATION) == 0 ? what->strict : what->standard)) continue;
    if (!host_keep_standard(h, f)) h->problems->out_of_memory = true;
    on = run_text(h, f->path, f->text, f->size);
  }
  h->standard_file = false;
  return on;
}

static bool is_standard(const rule_host *h, const char *file) {
  for (size_t i = 0; i < h->program->count; i++)
    if (h->program->texts[i].standard && strcmp(h->program->texts[i].name, file) == 0) return true;
  return false;
}

/* Literals beside attributes and columns, which the catalog compares with the app config, and all texts and numbers
 * that the function holds: `shunt check` tries them. */
static void note_use(void *owner, const char *file, int line, const bytecode_use *use) {
  rule_host *h = owner;
  const cat_use made = {use->path, use->kind, use->value, {file, line, 0}};
  if (!h->source || h->cloning || h->freezing_standard || cat_note_use(h->source, &made)) return;
  h->problems->out_of_memory = true;
}

static int freeze(lua_State *L) {
  rule_host *h = lua_touserdata(L, 1);
  lua_rawgeti(L, LUA_REGISTRYINDEX, h->functions[h->freezing].ref);
  sandbox_freeze(L, -1);
  return 0;
}

static int drop_modules(lua_State *L) {
  host_drop_modules(L);
  return 0;
}

/* Freezes all values that the rules' functions can reach: they keep no state between calls. */
static void freeze_all(rule_host *h) {
  shunt_error err;
  atomic_store(&h->running, NULL);
  shunt_status status = SHUNT_OK;
  ((sandbox_inner *)h->sb)->found = note_use;
  sandbox_start(h->sb, SANDBOX_LOAD_FACTOR);
  sandbox_push_work(h->sb->L, drop_modules, h);
  status = sandbox_call(h->sb, 1, 0, &err);
  if (status) problems_add_error(h->problems, &err);
  for (h->freezing = 0; h->freezing < h->nfunctions && status != SHUNT_E_LIMIT; h->freezing++) {
    h->freezing_standard = is_standard(h, h->functions[h->freezing].at.file);
    sandbox_start(h->sb, SANDBOX_LOAD_FACTOR);
    sandbox_push_work(h->sb->L, freeze, h);
    status = sandbox_call(h->sb, 1, 0, &err);
    if (status) report(h, &err, h->functions[h->freezing].at);
  }
}

static void begin_load(rule_host *h, const rule_load *what, catalog_source *source, problems *found) {
  h->loading = true;
  h->source = source;
  h->problems = found;
  h->what = what;
  h->bytes_before = source->arena.total_bytes;
}

static void end_load(rule_host *h) {
  h->loading = false;
  h->source = NULL;
  h->problems = NULL;
  h->what = NULL;
}

void rule_host_load(rule_host *h, const rule_load *what, catalog_source *source, problems *found) {
  begin_load(h, what, source, found);
  h->program->env = arena_strdup(&h->program->arena, source->env);
  if (!h->program->env) found->out_of_memory = true;
  bool on = run_standard(h, what);
  for (size_t i = 0; i < what->npaths && on; i++) on = run_path(h, what->paths[i], what->places[i]);
  if (on) freeze_all(h);
  end_load(h);
}

/* ---- the same once more ---- */

static void run_program(rule_host *h, catalog_source *source, problems *found) {
  const host_program *p = h->program;
  bool on = true;
  begin_load(h, NULL, source, found);
  for (size_t i = 0; i < p->count && on; i++) {
    const host_text *t = &p->texts[i];
    h->standard_file = t->standard;
    if (!t->module) on = run_text(h, t->name, t->text, t->size); /* a module is run by require */
  }
  h->standard_file = false;
  if (on) freeze_all(h);
  end_load(h);
}

static bool same_functions(const rule_host *a, const rule_host *b) {
  if (a->nfunctions != b->nfunctions) return false;
  for (size_t i = 0; i < a->nfunctions; i++)
    if (a->functions[i].ref != b->functions[i].ref || a->functions[i].at.line != b->functions[i].at.line) return false;
  return true;
}

shunt_status rule_host_clone(const rule_host *first, rule_host **out, shunt_error *err) {
  rule_host *h;
  problems found = {0};
  shunt_status status = rule_host_new(&first->sb->limits, &h, err);
  if (status) return status;
  host_program_free(h->program);
  h->program = first->program;
  h->cloning = true;
  catalog_source source = {.env = first->program->env, .folder = ""};
  run_program(h, &source, &found);
  status = problems_status(&found, err);
  if (!status && !same_functions(first, h))
    status = error_set(err, SHUNT_E_INTERNAL,
                       "the rule files declare other functions when they run again for another thread");
  problems_free(&found);
  catalog_source_free(&source);
  if (status) {
    rule_host_free(h);
    return status;
  }
  *out = h;
  return SHUNT_OK;
}
