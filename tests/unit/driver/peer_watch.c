/* The client's process, and what it must not do. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "unit/driver/peer.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED
#endif
#endif

#ifdef SANITIZED
enum { AT_ONCE = 16, TIMES_MEMORY = 8, TIMES_SLACK = 4 };
#else
enum { AT_ONCE = 32, TIMES_MEMORY = 1, TIMES_SLACK = 1 };
#endif
enum { LONGEST_OUTPUT = 2000 };

static const char on_stdin[] = "what a user types\n";

typedef struct trial {
  const peer_case *c;
  peer_report *report;
  pid_t server, client;
  int typed;  /* what the client could read */
  int output; /* what it prints */
  int64_t since_ns;
  long most_kib;
  char harm[256]; /* "": none */
} trial;

void peer_note(peer_report *r, const char *form, ...) {
  va_list args;
  va_start(args, form);
  int n = vsnprintf(r->notes + r->size, sizeof r->notes - r->size, form, args);
  va_end(args);
  if (n > 0) r->size += (size_t)n;
  if (r->size >= sizeof r->notes) r->size = sizeof r->notes - 1;
}

/* ---- starting ---- */

static int listen_anywhere(uint16_t *port) {
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof at;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || bind(fd, (struct sockaddr *)&at, size) || listen(fd, 16) ||
      getsockname(fd, (struct sockaddr *)&at, &size))
    fail_msg("no port to listen on");
  *port = ntohs(at.sin_port);
  return fd;
}

static void run_client(const peer_engine *e, trial *t, uint16_t port) {
  const struct rlimit no_core = {0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  dup2(t->typed, 0);
  dup2(t->output, 1);
  dup2(t->output, 2);
  int64_t began_ns = clock_monotonic_ns();
  e->use(t->c, port, t->report);
  t->report->took_ms = (clock_monotonic_ns() - began_ns) / NS_PER_MS + 1;
  fflush(NULL);
  _exit(0); /* a thread that cancels may still run */
}

/* cmocka's handlers would end a child as a test that has failed. */
static void crash_openly(void) {
  static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGSYS};
  for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) signal(faults[i], SIG_DFL);
}

static void start(const peer_engine *e, const peer_case *c, trial *t) {
  int typing[2];
  uint16_t port;
  int listener = listen_anywhere(&port);
  *t = (trial){.c = c};
  t->report = mmap(NULL, sizeof *t->report, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  t->output = memfd_create("output", MFD_CLOEXEC);
  if (t->report == MAP_FAILED || t->output < 0 || pipe2(typing, O_CLOEXEC) ||
      write(typing[1], on_stdin, sizeof on_stdin - 1) < 0)
    fail_msg("no report, output or input");
  t->typed = typing[0];
  fflush(NULL);
  pid_t parent = getpid();
  if ((t->server = fork()) == 0) {
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    crash_openly();
    if (getppid() == parent) peer_serve(e, c, t->report, listener);
    _exit(1);
  }
  setpgid(t->server, t->server);
  t->since_ns = clock_monotonic_ns();
  if ((t->client = fork()) == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    crash_openly();
    close(listener);
    if (getppid() == parent) run_client(e, t, port);
    _exit(1);
  }
  if (t->server < 0 || t->client < 0) fail_msg("no process");
  close(listener);
  close(typing[1]);
}

/* ---- watching ---- */

static void accuse(trial *t, const char *form, ...) {
  va_list args;
  if (t->harm[0]) return;
  va_start(args, form);
  vsnprintf(t->harm, sizeof t->harm, form, args);
  va_end(args);
}

static long resident_kib(pid_t process) {
  char path[40];
  long pages = 0;
  snprintf(path, sizeof path, "/proc/%ld/statm", (long)process);
  FILE *f = fopen(path, "r");
  if (!f) return 0;
  if (fscanf(f, "%*d %ld", &pages) != 1) pages = 0;
  fclose(f);
  return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* False: it has ended, or has been ended. */
static bool goes_on(const peer_engine *e, trial *t) {
  int status;
  struct rusage usage;
  const int64_t late_ms = e->deadline_ms + 2 * e->slack_ms * TIMES_SLACK;
  const long most_kib = e->most_mib * 1024 * TIMES_MEMORY;
  if (wait4(t->client, &status, WNOHANG, &usage) == t->client) {
    if (WIFSIGNALED(status)) accuse(t, "the client died of signal %d", WTERMSIG(status));
    if (WIFEXITED(status) && WEXITSTATUS(status)) accuse(t, "the client exited with %d", WEXITSTATUS(status));
    t->most_kib = usage.ru_maxrss;
    return false;
  }
  bool late = clock_monotonic_ns() > t->since_ns + late_ms * NS_PER_MS, large = resident_kib(t->client) > most_kib;
  if (!late && !large) return true;
  if (late) accuse(t, "the client had not ended after %lld ms", (long long)late_ms);
  kill(t->client, SIGKILL);
  wait4(t->client, &status, 0, &usage);
  t->most_kib = usage.ru_maxrss;
  return false;
}

static void judge(const peer_engine *e, trial *t) {
  const peer_case *c = t->c;
  const size_t heard = t->report->heard_size, room = sizeof t->report->heard;
  int typed = 0;
  if (t->most_kib > e->most_mib * 1024 * TIMES_MEMORY) accuse(t, "the client took %ld MiB", t->most_kib / 1024);
  if (t->report->took_ms > e->deadline_ms + e->slack_ms * TIMES_SLACK)
    accuse(t, "the client took %lld ms", (long long)t->report->took_ms);
  if (lseek(t->output, 0, SEEK_END) > 0) accuse(t, "the client printed");
  if (ioctl(t->typed, FIONREAD, &typed) || (size_t)typed != sizeof on_stdin - 1)
    accuse(t, "the client read from its standard input");
  if (c->want && !strstr(t->report->notes, c->want)) accuse(t, "the client didn't say \"%s\"", c->want);
  if (c->unwanted && strstr(t->report->notes, c->unwanted)) accuse(t, "the client said \"%s\"", c->unwanted);
  if (c->unheard && memmem(t->report->heard, heard < room ? heard : room, c->unheard, strlen(c->unheard)))
    accuse(t, "the client sent \"%s\"", c->unheard);
}

static void print_output(const trial *t) {
  char output[LONGEST_OUTPUT + 1];
  ssize_t n = pread(t->output, output, LONGEST_OUTPUT, 0);
  output[n > 0 ? n : 0] = 0;
  if (n > 0) fprintf(stderr, "  it printed: %s\n", output);
}

static const char *words_of(peer_mutation m) {
  static const char *const words[] = {
#define PEER_WORDS(symbol, text) text,
      PEER_MUTATIONS(PEER_WORDS)
#undef PEER_WORDS
  };
  return words[m];
}

/* Returns whether it did harm. */
static bool end(const peer_engine *e, trial *t) {
  kill(-t->server, SIGKILL);
  waitpid(t->server, NULL, 0);
  judge(e, t);
  if (t->harm[0]) {
    fprintf(stderr, "%s: %s", e->name, t->c->behaviour ? t->c->behaviour : "message");
    if (t->c->mutation) fprintf(stderr, " %u %s", t->c->at, words_of(t->c->mutation));
    fprintf(stderr, ": %s\n  it noted: %s\n", t->harm, t->report->notes);
    print_output(t);
  }
  munmap(t->report, sizeof *t->report);
  close(t->output);
  close(t->typed);
  return t->harm[0] != 0;
}

size_t peer_run(const peer_engine *e, const peer_case *cases, size_t n) {
  static trial trials[AT_ONCE];
  size_t next = 0, running = 0, harms = 0;
  while (next < n || running) {
    while (next < n && running < AT_ONCE) start(e, &cases[next++], &trials[running++]);
    usleep(2000);
    for (size_t i = 0; i < running;) {
      if (goes_on(e, &trials[i])) {
        i++;
        continue;
      }
      harms += end(e, &trials[i]);
      trials[i] = trials[--running];
    }
  }
  return harms;
}

/* ---- cases ---- */

static unsigned messages_of(const peer_engine *e) {
  const peer_case valid = {.mutation = PEER_NOTHING};
  trial t;
  start(e, &valid, &t);
  while (goes_on(e, &t)) usleep(2000);
  unsigned said = t.report->said;
  bool fine = said && !strstr(t.report->notes, "failed");
  if (!fine) accuse(&t, "the valid conversation failed");
  if (end(e, &t)) fail_msg("%s: a valid server does harm", e->name);
  return said;
}

peer_list peer_cases(const peer_engine *e, const peer_case *own, size_t n, size_t most) {
  const char *given = getenv("SHUNT_PEERS");
  rng r = rng_start(e->name);
  if (given) most = strtoull(given, NULL, 10);
  peer_list list = {calloc(n + most, sizeof *list.cases), n + most};
  if (!list.cases) fail_msg("out of memory");
  unsigned messages = messages_of(e);
  for (size_t i = 0; i < n; i++) {
    list.cases[i] = own[i];
    list.cases[i].seed = rng_next(&r);
  }
  for (size_t i = n; i < list.count; i++) {
    peer_mutation m = (peer_mutation)(1 + rng_below(&r, PEER_NMUTATIONS - 1));
    list.cases[i] = (peer_case){.mutation = m, .at = (unsigned)rng_below(&r, messages), .seed = rng_next(&r)};
  }
  return list;
}
