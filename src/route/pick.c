#include "route/pick.h"

#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"

bool picker_init(picker *p, size_t nrules, unsigned first, bool shared, const pick_load *load) {
  p->turns = base_zalloc(nrules * sizeof *p->turns);
  p->load = load;
  p->shared = shared;
  atomic_init(&p->random, (uint64_t)clock_monotonic_ns() * (first + 1));
  for (size_t i = 0; p->turns && i < nrules; i++) atomic_init(&p->turns[i], first);
  return p->turns != NULL;
}

void picker_free(picker *p) { base_free(p->turns); }

/* SplitMix64 (Steele, Lea, Flood, 2014): its state is a counter, which threads can share. Only balance matters here. */
static uint64_t next_random(picker *p) {
  uint64_t z = tally_add(&p->random, 0x9E3779B97F4A7C15u, p->shared);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

/* Whether all clients hold the same rows, as far as the choice shows it. */
static bool are_copies(const pick_choice *from) {
  size_t primaries = 0;
  for (size_t i = 0; i < from->n && from->policy == RULE_HASH; i++) primaries += !from->clients[i]->replica;
  return primaries <= 1;
}

/* The positions of those to draw from, up to n: clients that are not down. If all are down, or each of them holds rows
 * of its own, all of them. */
static size_t candidates(const picker *p, const pick_choice *from, size_t list[RULE_PICK_MOST]) {
  const pick_load *load = p->load;
  size_t n = 0;
  if (load->is_down && are_copies(from))
    for (size_t i = 0; i < from->n; i++)
      if (!load->is_down(load->ud, from->clients[i])) list[n++] = i;
  if (n) return n;
  for (; n < from->n; n++) list[n] = n;
  return n;
}

/* Rendezvous hashing (Thaler and Ravishankar, 1998): if a client is removed, or is down, only its own keys move. */
static size_t by_hash(const pick_choice *from, const size_t *list, size_t n) {
  size_t best = 0;
  uint64_t most = 0;
  for (size_t i = 0; i < n; i++) {
    const char *c = from->clients[list[i]]->name;
    uint64_t weight = from->key_hash;
    for (; *c; c++) weight = (weight ^ (unsigned char)*c) * 1099511628211u;
    weight ^= weight >> 32;
    weight *= 0x9E3779B97F4A7C15u;
    weight ^= weight >> 29;
    if (i > 0 && weight <= most) continue;
    most = weight;
    best = i;
  }
  return list[best];
}

static uint64_t next_turn(picker *p, const pick_choice *from) { return tally_add(&p->turns[from->rule], 1, p->shared); }

/* Equally busy clients take turns. */
static size_t least_busy(picker *p, const pick_choice *from) {
  const pick_load *load = p->load;
  size_t start = (size_t)(next_turn(p, from) % from->n), best = start;
  int least = load->fn ? load->fn(load->ud, from->clients[start]) : 0;
  for (size_t k = 1; k < from->n && load->fn; k++) {
    size_t i = (start + k) % from->n;
    int busy = load->fn(load->ud, from->clients[i]);
    if (busy >= least) continue;
    least = busy;
    best = i;
  }
  return best;
}

static size_t draw(picker *p, const pick_choice *from) {
  size_t list[RULE_PICK_MOST];
  if (from->policy == RULE_LEAST_BUSY) return least_busy(p, from);
  const size_t n = candidates(p, from, list);
  if (from->policy == RULE_HASH) return by_hash(from, list, n);
  return list[(from->policy == RULE_RANDOM ? next_random(p) : next_turn(p, from)) % n];
}

/* ---- repeating ---- */

static bool offers(const pick_choice *from, const cat_client *client) {
  for (size_t i = 0; i < from->n; i++)
    if (from->clients[i] == client) return true;
  return false;
}

/* The first that is offered, so that equal choices lead to one client, whatever was drawn between them. */
static const cat_client *first_copy(const pick_choice *from, const cat_client *const *clients, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (offers(from, clients[i])) return are_copies(from) ? clients[i] : NULL;
  return NULL;
}

const cat_client *pick_held(const pick_choice *from, const rule_transaction *held) {
  return held ? first_copy(from, held->held, held->nheld) : NULL;
}

static const cat_client *drawn_in_access(const pick_choice *from, const pick_memo *memo) {
  return memo ? first_copy(from, memo->clients, memo->n) : NULL;
}

static bool keep(pick_memo *memo, const cat_client *client) {
  if (!arena_grow(memo->arena, &memo->clients, &memo->room, memo->n + 1, sizeof(const cat_client *))) return false;
  memo->clients[memo->n++] = client;
  return true;
}

const cat_client *pick_draw(picker *p, const pick_choice *from, pick_memo *memo) {
  const cat_client *client = drawn_in_access(from, memo);
  if (client) return client;
  client = from->clients[draw(p, from)];
  return !memo || !are_copies(from) || keep(memo, client) ? client : NULL;
}

static const cat_client *offered_again(const pick_choice *from, const pick_drawn *drawn) {
  return drawn->from.rule == from->rule && offers(from, drawn->client) ? drawn->client : NULL;
}

/* The client that the walk drew at this point, if the rule still offers it. */
static const cat_client *drawn_before(const pick_choice *from, const pick_draws *draws) {
  return draws->count < draws->walked ? offered_again(from, &draws->list[draws->count]) : NULL;
}

static const cat_client *drawn_there(const pick_choice *from, const pick_draws *like) {
  const cat_client *client = NULL;
  for (size_t i = 0; i < like->count && i < PICK_MOST_DRAWS && !client; i++)
    client = offered_again(from, &like->list[i]);
  return client;
}

static const cat_client *drawn_already(const pick_choice *from, const pick_draws *draws) {
  if (draws->like) return drawn_there(from, draws->like);
  const cat_client *client = pick_held(from, draws->held);
  if (!client) client = drawn_in_access(from, draws->memo);
  return client ? client : drawn_before(from, draws);
}

const cat_client *pick_draw_noted(picker *p, const pick_choice *from, pick_draws *draws, size_t nreads, arena *a) {
  const cat_client *client = drawn_already(from, draws);
  if (!client) {
    draws->walked = draws->count; /* the walk's later draws belong to another path */
    client = pick_draw(p, from, draws->memo);
    if (!client) return NULL;
  }
  if (draws->count < PICK_MOST_DRAWS) {
    const cat_client **clients = arena_array(a, const cat_client *, from->n);
    if (!clients) return NULL;
    memcpy(clients, from->clients, from->n * sizeof *clients);
    pick_drawn *drawn = &draws->list[draws->count];
    *drawn = (pick_drawn){*from, client, nreads};
    drawn->from.clients = clients;
  }
  draws->count++;
  return client;
}

bool pick_same_choice(const pick_choice *a, const pick_choice *b) {
  return a->rule == b->rule && a->policy == b->policy && a->key_hash == b->key_hash && a->n == b->n &&
         memcmp(a->clients, b->clients, a->n * sizeof(const cat_client *)) == 0;
}
