/* Calls one fuzzer, where libFuzzer doesn't: with every file of its corpus, then with changed ones.
 * Use, in the project's folder: build/fuzz/NAME [--runs N] [--seconds S]   tests/fuzz/corpus/NAME and
 * tests/fuzz/NAME.dict build/fuzz/NAME FILE...                    these inputs alone, without a process around it The
 * inputs depend on SHUNT_SEED alone, which is 1 where it is not set. A child process runs them: however it dies, its
 * last input is kept in a file. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuzz/fuzz.h"
#include "fuzz/mutate.h"
#include "unit/faults.h"

/* The linker puts the fuzzer's function in its place. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST_FILES = 256, SECONDS_EACH = 10 /* of processor time */, NS_EACH_S = 1000000000 };

/* What parent and child share. */
typedef struct shared {
  mutate_text input;
  size_t runs;
  bool done;
} shared;

typedef struct fuzzer {
  const char *program, *name;
  size_t runs;    /* 0: without end */
  double seconds; /* 0: without end */
  mutate_text *corpus;
  size_t ncorpus;
  mutate_dictionary dictionary;
  shared *shared;
  faults *blocks;
} fuzzer;

static void die(const char *what) {
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  exit(2);
}

/* ---- reading ---- */

static void read_input(const char *path, mutate_text *to) {
  FILE *file = fopen(path, "rb");
  if (!file) die(path);
  to->size = fread(to->bytes, 1, sizeof to->bytes, file);
  if (ferror(file)) die(path);
  if (fgetc(file) != EOF) {
    fprintf(stderr, "%s: more than %d bytes\n", path, MUTATE_MOST);
    exit(2);
  }
  fclose(file);
}

static int is_visible(const struct dirent *entry) { return entry->d_name[0] != '.'; }

/* In the order of the names, which is the same everywhere. */
static void read_corpus(fuzzer *f) {
  char folder[256], path[1024];
  struct dirent **list;
  snprintf(folder, sizeof folder, "tests/fuzz/corpus/%s", f->name);
  const int count = scandir(folder, &list, is_visible, alphasort);
  if (count < 1 || count > MOST_FILES) die(folder);
  f->corpus = calloc((size_t)count, sizeof *f->corpus);
  if (!f->corpus) die(folder);
  for (int i = 0; i < count; i++) {
    snprintf(path, sizeof path, "%s/%s", folder, list[i]->d_name);
    read_input(path, &f->corpus[f->ncorpus++]);
    free(list[i]);
  }
  free(list);
  snprintf(path, sizeof path, "tests/fuzz/%s.dict", f->name);
  mutate_read_dictionary(&f->dictionary, path);
}

/* ---- running ---- */

static void run_input(const mutate_text *input) {
  char *exact = fuzz_copy(input->bytes, input->size);
  char *unended = realloc(exact, input->size ? input->size : 1); /* the sanitizer sees a step beyond the last byte */
  if (!unended) abort();
  LLVMFuzzerTestOneInput((const uint8_t *)unended, input->size);
  free(unended);
}

/* Something may be made once in the life of a process: a block that is left by a second run too is a leak. */
static void check_blocks(fuzzer *f, long before) {
  if (f->blocks->live == before) return;
  before = f->blocks->live;
  run_input(&f->shared->input);
  FUZZ_HOLDS(f->blocks->live == before, "a run leaves %ld blocks of memory", (long)f->blocks->live - before);
}

static void run_shared(fuzzer *f) {
  const struct itimerval limit = {.it_value.tv_sec = SECONDS_EACH};
  const long before = f->blocks->live;
  setitimer(ITIMER_PROF, &limit, NULL);
  run_input(&f->shared->input);
  check_blocks(f, before);
  f->shared->runs++;
}

static double now_s(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / NS_EACH_S;
}

static void run_child(fuzzer *f) {
  const double until = now_s() + f->seconds;
  rng r = rng_start(f->name);
  fflush(stdout);
  for (size_t i = 0; i < f->ncorpus; i++) {
    f->shared->input = f->corpus[i];
    run_shared(f);
  }
  while ((!f->runs || f->shared->runs < f->runs) && (f->seconds <= 0 || now_s() < until)) {
    f->shared->input = f->corpus[rng_below(&r, f->ncorpus)];
    mutate(&r, &f->shared->input, &f->dictionary, &f->corpus[rng_below(&r, f->ncorpus)]);
    run_shared(f);
  }
  f->shared->done = true;
}

/* ---- what was found ---- */

/* FNV-1a, so that two findings have two files. */
static uint32_t hash_of(const mutate_text *t) {
  uint32_t hash = 2166136261u;
  for (size_t i = 0; i < t->size; i++) hash = (hash ^ t->bytes[i]) * 16777619u;
  return hash;
}

static int report(const fuzzer *f, int status) {
  char path[1024];
  const mutate_text *input = &f->shared->input;
  snprintf(path, sizeof path, "%s.found-%08x", f->program, hash_of(input));
  FILE *file = fopen(path, "wb");
  if (!file || fwrite(input->bytes, 1, input->size, file) != input->size || fclose(file)) die(path);
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGPROF)
    printf("run %zu took more than %d s of processor time", f->shared->runs + 1, SECONDS_EACH);
  else
    printf("run %zu ended with %s %d", f->shared->runs + 1, WIFSIGNALED(status) ? "signal" : "status",
           WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
  printf("; again: %s %s\n0 passed, 1 failed\n", f->program, path);
  return 1;
}

static int run_supervised(fuzzer *f) {
  int status;
  fflush(NULL);
  const pid_t child = fork();
  if (child < 0) die("fork");
  if (child == 0) {
    const struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    run_child(f);
    exit(0); /* where the sanitizer looks for leaks */
  }
  if (waitpid(child, &status, 0) != child) die("waitpid");
  if (f->shared->done && status) {
    printf("after %zu runs, the process ended with status %d\n0 passed, 1 failed\n", f->shared->runs, status);
    return 1;
  }
  if (status) return report(f, status);
  printf("fuzz %s: %zu inputs, made of %zu files and %zu words\n1 passed, 0 failed\n", f->name, f->shared->runs,
         f->ncorpus, f->dictionary.count);
  return 0;
}

static int run_files(fuzzer *f, char **paths) {
  for (; *paths; paths++) {
    read_input(*paths, &f->shared->input);
    run_shared(f);
  }
  printf("%zu inputs: nothing failed\n", f->shared->runs);
  return 0;
}

int main(int argc, char **argv) {
  static fuzzer f;
  static faults blocks;
  const char *slash = strrchr(argv[0], '/');
  f.program = argv[0];
  f.name = slash ? slash + 1 : argv[0];
  f.blocks = &blocks;
  f.shared = mmap(NULL, sizeof *f.shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (f.shared == MAP_FAILED) die("mmap");
  faults_on(&blocks);
  setenv("SHUNT_SEED", "1", 0);
  int i = 1;
  for (; i + 1 < argc && strncmp(argv[i], "--", 2) == 0; i += 2) {
    if (strcmp(argv[i], "--runs") == 0) f.runs = strtoul(argv[i + 1], NULL, 10);
    if (strcmp(argv[i], "--seconds") == 0) f.seconds = strtod(argv[i + 1], NULL);
  }
  if (i < argc) return run_files(&f, argv + i);
  read_corpus(&f);
  return run_supervised(&f);
}
