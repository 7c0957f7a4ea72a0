#define _POSIX_C_SOURCE 200809L
#include "unit/rule/same/elsewhere.h"

#include <locale.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit/rule/same/moving.h"
#include "unit/rule/same/rules.h"

#define GERMAN "de_DE.UTF-8"

extern char **environ;

const char *const same_place_names[] = {"another process", "another process whose allocator moves everything",
                                        ("another process in the locale " GERMAN)};

static char locale_folder[] = "/tmp/shunt-locale-XXXXXX";

shunt_app *same_open(const same_set *set) {
  char path[512];
  shunt_app *app;
  shunt_error err;
  snprintf(path, sizeof path, "%s/shunt.yaml", set->folder);
  if (shunt_open(path, &(shunt_options){.offline = true}, &app, &err) == SHUNT_OK) return app;
  fprintf(stderr, "SHUNT_SEED=%llu, set %zu: %s can't be opened: %s:%d: %s\n", (unsigned long long)set->seed,
          set->number, path, err.file, err.line, err.message);
  exit(1);
}

/* ---- the child ---- */

/* PROGRAM --elsewhere PLACE SEED NUMBER FIRST END FOLDER */
enum { ARG_WORD = 1, ARG_PLACE, ARG_SEED, ARG_NUMBER, ARG_FIRST, ARG_END, ARG_FOLDER, ARGS };

#define WORD "--elsewhere"

static void answers_path(char *path, size_t room, const same_set *set, same_place place) {
  snprintf(path, room, "%s/answers.%d", set->folder, (int)place);
}

bool same_is_elsewhere(int argc, char **argv) { return argc == ARGS && strcmp(argv[ARG_WORD], WORD) == 0; }

static void change(same_place place) {
  if (place == SAME_MOVING) shunt_set_allocator(same_moving, NULL);
  if (place != SAME_GERMAN) return;
  char number[8];
  if (setlocale(LC_ALL, GERMAN)) snprintf(number, sizeof number, "%.1f", 1.5);
  if (strcmp(number, "1,5") == 0) return;
  fprintf(stderr, "the locale " GERMAN " is not in force\n");
  exit(1);
}

int same_decide_elsewhere(char **argv) {
  static same_request requests[SAME_REQUESTS];
  static same_answers answers;
  same_place place = (same_place)strtoul(argv[ARG_PLACE], NULL, 10);
  same_set set = {.seed = strtoull(argv[ARG_SEED], NULL, 10),
                  .number = strtoull(argv[ARG_NUMBER], NULL, 10),
                  .first = strtoull(argv[ARG_FIRST], NULL, 10),
                  .end = strtoull(argv[ARG_END], NULL, 10)};
  char path[512];
  snprintf(set.folder, sizeof set.folder, "%s", argv[ARG_FOLDER]);
  answers_path(path, sizeof path, &set, place);
  change(place);
  same_make_requests(&set, requests);
  shunt_app *app = same_open(&set);
  same_decide(app, &set, requests, 100 + (size_t)place, &answers);
  shunt_close(app);
  same_save(&answers, &set, path);
  same_free_answers(&answers);
  if (place == SAME_GERMAN) _exit(0); /* libc loses its copy of LOCPATH, which the leak sanitizer would report */
  return 0;
}

/* ---- the parent ---- */

static bool build_locale(void) {
  char command[256];
  if (!mkdtemp(locale_folder)) return false;
  snprintf(command, sizeof command, "localedef -i de_DE -f UTF-8 %s/" GERMAN " >%s/log 2>&1", locale_folder,
           locale_folder);
  return system(command) == 0;
}

int same_begin_elsewhere(void) {
  if (build_locale()) return SAME_NPLACES;
  printf("localedef can't build " GERMAN " (Debian has it in the package locales): no process runs in that locale\n");
  return SAME_GERMAN;
}

void same_end_elsewhere(void) { same_remove(locale_folder); }

pid_t same_start(const same_set *set, same_place place) {
  char number[ARGS][24];
  const char *argv[ARGS + 1] = {[0] = "same_test", [ARG_WORD] = WORD, [ARG_FOLDER] = set->folder};
  const uint64_t values[ARGS] = {[ARG_PLACE] = place,
                                 [ARG_SEED] = set->seed,
                                 [ARG_NUMBER] = set->number,
                                 [ARG_FIRST] = set->first,
                                 [ARG_END] = set->end};
  for (int i = ARG_PLACE; i <= ARG_END; i++) {
    snprintf(number[i], sizeof number[i], "%llu", (unsigned long long)values[i]);
    argv[i] = number[i];
  }
  pid_t child;
  if (place == SAME_GERMAN) setenv("LOCPATH", locale_folder, 1);
  int failed = posix_spawn(&child, "/proc/self/exe", NULL, NULL, (char **)argv, environ);
  unsetenv("LOCPATH");
  if (!failed) return child;
  fprintf(stderr, "posix_spawn: %s\n", strerror(failed));
  abort();
}

bool same_wait(pid_t child, const same_set *set, same_place place, same_answers *out) {
  char path[512];
  int status;
  if (waitpid(child, &status, 0) != child) abort();
  answers_path(path, sizeof path, set, place);
  if (status == 0) {
    same_load(out, set, path);
    return true;
  }
  fprintf(stderr, "%s failed with status %d, of set %zu in %s\n", same_place_names[place], status, set->number,
          set->folder);
  memset(out, 0, sizeof *out);
  return false;
}
