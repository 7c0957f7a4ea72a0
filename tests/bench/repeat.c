/* What a session asks again and again, with handles: its memo, against a hash table that a program of its own has from
 * the names of a request to a client. */
#include "bench/policy.h" /* first: it asks the system for what it needs */

enum { ASKED = 8, TIMES = 16384, SLOTS = 32, NAMES = 4 };

/* The instance, the model, the relation and the client asked for. "": none. */
typedef struct question {
  char names[NAMES][20];
  shunt_op op;
} question;

static const question questions[ASKED] = {
    {{"globex-1", "user", "", ""}, SHUNT_READ},
    {{"globex-1", "user", "", ""}, SHUNT_WRITE},
    {{"globex-1", "line", "", ""}, SHUNT_READ},
    {{"globex-1", "line", "", "other"}, SHUNT_WRITE},
    {{"globex-1", "product", "", ""}, SHUNT_READ},
    {{"globex-1", "product", "", ""}, SHUNT_WRITE},
    {{"globex-1", "", "user.favourites", ""}, SHUNT_READ},
    {{"globex-1", "product", "", "other"}, SHUNT_READ},
};

typedef struct slot {
  const question *asked;
  const char *client;
} slot;

typedef struct world {
  shunt_session *session;
  shunt_request requests[ASKED];
  question asked[ASKED]; /* copies, as a host has them that reads names somewhere */
  slot slots[SLOTS];
  uint64_t plain_sum, shunt_sum;
} world;

/* ---- the plain side ---- */

/* FNV-1a. */
static uint32_t hash_of(const question *q) {
  uint32_t hash = 2166136261U ^ (uint32_t)q->op;
  for (int i = 0; i < NAMES; i++, hash *= 16777619U)
    for (const char *c = q->names[i]; *c; c++) hash = (hash ^ (unsigned char)*c) * 16777619U;
  return hash;
}

static bool same(const question *a, const question *b) {
  bool same = a->op == b->op;
  for (int i = 0; i < NAMES && same; i++) same = strcmp(a->names[i], b->names[i]) == 0;
  return same;
}

static slot *find(world *w, const question *q) {
  uint32_t i = hash_of(q) % SLOTS;
  while (w->slots[i].asked && !same(w->slots[i].asked, q)) i = (i + 1) % SLOTS;
  return &w->slots[i];
}

static void plain_round(void *ud) {
  world *w = ud;
  for (int n = 0; n < TIMES; n++)
    for (int i = 0; i < ASKED; i++) w->plain_sum += (unsigned char)find(w, &w->asked[i])->client[0];
}

/* ---- shunt's side ---- */

static const char *resolve(world *w, int i) {
  const shunt_decision *d;
  shunt_error err;
  if (shunt_resolve(w->session, &w->requests[i], &d, &err)) bench_die("%s", err.message);
  return d->client;
}

static void shunt_round(void *ud) {
  world *w = ud;
  for (int n = 0; n < TIMES; n++)
    for (int i = 0; i < ASKED; i++) w->shunt_sum += (unsigned char)resolve(w, i)[0];
}

/* ---- both ---- */

static shunt_handle handle_of(shunt_app *app, shunt_handle_kind kind, const char *name) {
  shunt_handle handle = 0;
  shunt_error err;
  if (*name && shunt_handle_of(app, kind, name, &handle, &err)) bench_die("%s", err.message);
  return handle;
}

static void ask(world *w, shunt_app *app) {
  for (int i = 0; i < ASKED; i++) {
    const question *q = &questions[i];
    w->asked[i] = *q;
    w->requests[i] = (shunt_request){.model_handle = handle_of(app, SHUNT_HANDLE_MODEL, q->names[1]),
                                     .relation_handle = handle_of(app, SHUNT_HANDLE_RELATION, q->names[2]),
                                     .explicit_client_handle = handle_of(app, SHUNT_HANDLE_CLIENT, q->names[3]),
                                     .op = q->op};
    *find(w, q) = (slot){q, resolve(w, i)};
  }
}

int main(void) {
  static world w;
  bench_pairs pairs;
  shunt_error err;
  bench_folder();
  shunt_app *app = policy_open(POLICY_FIVE, policy_config, "");
  const shunt_session_options options = {.instance = "globex-1", .attrs = policy_plans[0], .nattrs = 2};
  if (shunt_session_open(app, &options, &w.session, &err)) bench_die("%s", err.message);
  ask(&w, app);
  bench_measure(plain_round, shunt_round, &w, &pairs);
  bench_report_pairs("resolve_again_ratio", &pairs, 1.5, ASKED * TIMES, "a hash table by names",
                     "shunt_resolve with handles");
  if (w.plain_sum != w.shunt_sum) bench_die("repeat: the two sides gave different answers");
  shunt_session_close(w.session);
  shunt_close(app);
  bench_clean();
  return 0;
}
