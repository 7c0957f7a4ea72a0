/* What threads are to one another that decide in one application: how much more two of them get done than one, and what
 * one that decides sees of another that reloads. */
#define _GNU_SOURCE       /* RUSAGE_THREAD */
#include "bench/decide.h" /* first of all others: it asks the system for what it needs */

#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>

/* How often the calling thread has waited: for a lock, for memory to come, for anything but its turn. */
static long waits(void) {
  struct rusage usage;
  getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_nvcsw;
}

/* How often it was made to. */
static long preemptions(void) {
  struct rusage usage;
  getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_nivcsw;
}

/* ---- two threads ---- */

enum { THREAD_ROUNDS = 8 /* of decisions, a measurement */, TIMES = 30 };

typedef struct worker {
  pthread_t thread;
  pthread_barrier_t *start;
  world own; /* sessions are one thread's; the application is shared */
  int64_t began_ns, ended_ns;
  double cpu_ns;
  long waits;
} worker;

static double thread_cpu_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void *decide_much(void *ud) {
  worker *me = ud;
  pthread_barrier_wait(me->start);
  double start = thread_cpu_ns();
  long before = waits();
  me->began_ns = bench_now_ns();
  for (int n = 0; n < THREAD_ROUNDS; n++) handles_round(&me->own);
  me->ended_ns = bench_now_ns();
  me->waits = waits() - before;
  me->cpu_ns = thread_cpu_ns() - start;
  return NULL;
}

/* What n threads took for the same work each: of the clock on the wall, and of a processor. */
typedef struct taken {
  double wall_ns, cpu_ns;
  long waits;
} taken;

static taken decide_with(worker *workers, int n) {
  pthread_barrier_t start;
  taken t = {0, 0, 0};
  if (pthread_barrier_init(&start, NULL, (unsigned)n + 1)) bench_die("no barrier");
  for (int i = 0; i < n; i++) {
    workers[i].start = &start;
    if (pthread_create(&workers[i].thread, NULL, decide_much, &workers[i])) bench_die("no thread");
  }
  pthread_barrier_wait(&start);
  int64_t began_ns = INT64_MAX, ended_ns = 0;
  for (int i = 0; i < n; i++) {
    pthread_join(workers[i].thread, NULL);
    t.cpu_ns += workers[i].cpu_ns / n;
    t.waits += workers[i].waits;
    if (workers[i].began_ns < began_ns) began_ns = workers[i].began_ns;
    if (workers[i].ended_ns > ended_ns) ended_ns = workers[i].ended_ns;
  }
  t.wall_ns = (double)(ended_ns - began_ns);
  pthread_barrier_destroy(&start);
  return t;
}

static double less(double a, double b) { return a < b ? a : b; }

static void two_threads(void) {
  static worker workers[2];
  taken one, two, least_one = {1e18, 1e18, 0}, least_two = least_one;
  long waited = 0;
  shunt_app *app = decide_open(&workers[0].own, POLICY_FIVE, policy_config, "");
  decide_join(&workers[1].own, app, POLICY_FIVE);
  decide_with(workers, 2); /* makes what each thread needs */
  for (int i = 0; i < TIMES; i++) {
    one = decide_with(workers, 1);
    two = decide_with(workers, 2);
    least_one = (taken){less(least_one.wall_ns, one.wall_ns), less(least_one.cpu_ns, one.cpu_ns), 0};
    least_two = (taken){less(least_two.wall_ns, two.wall_ns), less(least_two.cpu_ns, two.cpu_ns), 0};
    waited += two.waits;
  }
  double gain = 2 * least_one.cpu_ns / least_two.cpu_ns;
  printf("decide_threads_gain %.2f 1.90 %s\n", gain, gain >= 1.9 && waited == 0 ? "ok" : "short");
  printf(
      "# at least 1.90: what two threads decide in the time of one, by the processor's time that a decision takes; by "
      "the clock, %.2f (the least of %d measurements each); the threads waited %ld times\n",
      2 * least_one.wall_ns / least_two.wall_ns, TIMES, waited);
  for (int i = 0; i < 2; i++) decide_close(&workers[i].own);
  shunt_close(app);
}

/* ---- reloading ---- */

enum { RELOADS = 200, CALM_MS = 1000, SPREAD_NS = 100000 };

/* Times of single decisions, by the nanosecond. */
typedef struct times {
  uint32_t counts[SPREAD_NS]; /* the last holds all that are longer */
  uint64_t n;
  int64_t worst_ns;
  long waits;
} times;

typedef struct reader {
  pthread_t thread;
  world w;
  atomic_bool done;
  uint64_t generations[SESSIONS]; /* of each session's last decision */
  times hits;                     /* what was remembered, in a session that is where it was */
  times others;                   /* the session moves to a newer generation, or the rules are asked */
  long preempted;
} reader;

static void add_time(times *t, int64_t ns, long waited) {
  t->counts[ns < SPREAD_NS ? ns : SPREAD_NS - 1]++;
  t->n++;
  t->waits += waited;
  if (ns > t->worst_ns) t->worst_ns = ns;
}

static int64_t time_of_share(const times *t, double share) {
  uint64_t seen = 0;
  int64_t ns = 0;
  while (ns < SPREAD_NS && (double)(seen += t->counts[ns]) < share * (double)t->n) ns++;
  return ns;
}

static void *read_on(void *ud) {
  reader *me = ud;
  world *w = &me->w;
  long waited = waits(), preempted = preemptions();
  while (!atomic_load_explicit(&me->done, memory_order_relaxed)) {
    const native *q = &w->natives[any(&w->shunt_order)];
    int64_t start_ns = bench_now_ns();
    const shunt_decision *d = by_handles(w, q);
    int64_t ns = bench_now_ns() - start_ns;
    long now = waits();
    bool hit = d->remembered && me->generations[q->session] == d->generation;
    add_time(hit ? &me->hits : &me->others, ns, now - waited);
    me->generations[q->session] = d->generation;
    waited = now;
  }
  me->preempted = preemptions() - preempted;
  return NULL;
}

static void read_while(shunt_app *app, reader *r, int reloads) {
  struct timespec calm = {CALM_MS / 1000, CALM_MS % 1000 * 1000000};
  shunt_error err;
  memset(&r->hits, 0, sizeof r->hits);
  memset(&r->others, 0, sizeof r->others);
  atomic_store(&r->done, false);
  if (pthread_create(&r->thread, NULL, read_on, r)) bench_die("no thread");
  if (!reloads) nanosleep(&calm, NULL);
  for (int i = 0; i < reloads; i++)
    if (shunt_reload(app, NULL, &err)) bench_die("%s", err.message);
  atomic_store(&r->done, true);
  pthread_join(r->thread, NULL);
}

static void tell(const char *what, const times *t) {
  printf("# %s: %lld ns (median), %lld ns (99.9 %%), %lld us (the longest of %llu); waited %ld times\n", what,
         (long long)time_of_share(t, 0.5), (long long)time_of_share(t, 0.999), (long long)(t->worst_ns / 1000),
         (unsigned long long)t->n, t->waits);
}

static void while_another_reloads(void) {
  static reader r;
  shunt_app *app = decide_open(&r.w, POLICY_FIVE, policy_config, "");
  decide_close(&r.w);
  policy_open_sessions(app, r.w.sessions, true);
  read_while(app, &r, 0);
  tell("a hit, and the clock read twice, without reloads", &r.hits);
  int64_t start_ns = bench_now_ns();
  read_while(app, &r, RELOADS);
  double reload_ms = (double)(bench_now_ns() - start_ns) / 1e6 / RELOADS;
  printf("decide_reload_waits %ld 0 %s\n", r.hits.waits, r.hits.waits ? "short" : "ok");
  tell("a hit while another thread reloads 200 times", &r.hits);
  tell("a decision that is not a hit, or for which the session moves", &r.others);
  printf("# a reload took %.1f ms; the thread that decides was preempted %ld times\n", reload_ms, r.preempted);
  decide_close(&r.w);
  shunt_close(app);
}

int main(void) {
  bench_folder();
  two_threads();
  while_another_reloads();
  bench_clean();
  return 0;
}
