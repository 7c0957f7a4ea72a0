#include "jobs/held.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "pool/wait.h"
#include "session/transaction.h"

/* What identifies a unique key in its queue. Texts that follow each other end in a NUL. */
typedef struct held {
  const cat_client *client; /* of the session's generation, which lives as long as the transaction */
  const transaction *in;
  const wait_party *party;
  pthread_t thread;
  struct held *next, *before;
  size_t size;
  char key[];
} held;

static struct {
  pthread_mutex_t lock;
  held *first;
} all = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* ---- keys ---- */

static size_t add(char *to, size_t used, const char *text) {
  const size_t size = strlen(text) + 1;
  if (to) memcpy(to + used, text, size);
  return used + size;
}

/* Writes the key, or only counts its bytes. A key of scope queue is compared with those of all names and instances. */
static size_t write_key(const job_store *store, const push *p, char *to) {
  const shunt_push_options *o = &p->options;
  size_t used = add(to, 0, store->env);
  used = add(to, used, o->queue);
  used = add(to, used, o->unique_scope);
  used = add(to, used, o->unique_key);
  if (strcmp(o->unique_scope, "queue") == 0) return used;
  used = add(to, used, o->instance);
  return add(to, used, p->job);
}

static held *new_held(const job_store *store, const push *p) {
  const size_t size = write_key(store, p, NULL);
  held *h = base_zalloc(sizeof *h + size);
  if (!h) return NULL;
  const shunt_session *s = store->c.s;
  h->client = store->client;
  h->in = transaction_find(s, store->client, store->level);
  h->party = &s->party;
  h->thread = pthread_self();
  h->size = write_key(store, p, h->key);
  return h;
}

static bool blocks(const held *other, const held *mine) {
  return other->in != mine->in && pthread_equal(other->thread, mine->thread) && other->size == mine->size &&
         memcmp(other->key, mine->key, mine->size) == 0 && cat_client_equal(other->client, mine->client);
}

/* ---- checking ---- */

static shunt_status refuse(const job_store *store, const push *p, const held *other) {
  char name[160];
  error_set(store->c.err, SHUNT_E_CONFLICT,
            "job '%.64s' was not pushed: %s has pushed the unique key '%.64s' in a transaction that is still open in "
            "this thread, and could not end while this push waits for it; end that transaction first, or push in it",
            p->job,
            other->party == &store->c.s->party ? "this session" : wait_party_name(other->party, name, sizeof name),
            p->options.unique_key);
  error_client(store->c.err, store->client->name);
  return SHUNT_E_CONFLICT;
}

shunt_status held_check(const job_store *store, const push *p) {
  held *mine = new_held(store, p);
  if (!mine) return error_memory(store->c.err);
  pthread_mutex_lock(&all.lock);
  const held *other = all.first;
  while (other && !blocks(other, mine)) other = other->next;
  shunt_status status = other ? refuse(store, p, other) : SHUNT_OK;
  pthread_mutex_unlock(&all.lock);
  base_free(mine);
  return status;
}

/* ---- noting ---- */

static shunt_status stay(void *ud, shunt_error *err) {
  (void)ud, (void)err;
  return SHUNT_OK;
}

static void drop(void *ud) {
  held *h = ud;
  pthread_mutex_lock(&all.lock);
  *(h->before ? &h->before->next : &all.first) = h->next;
  if (h->next) h->next->before = h->before;
  pthread_mutex_unlock(&all.lock);
  base_free(h);
}

shunt_status held_note(const job_store *store, const push *p) {
  held *h = new_held(store, p);
  if (!h) return error_memory(store->c.err);
  if (!h->in) {
    base_free(h);
    return SHUNT_OK;
  }
  pthread_mutex_lock(&all.lock);
  h->next = all.first;
  if (h->next) h->next->before = h;
  all.first = h;
  pthread_mutex_unlock(&all.lock);
  return shunt_on_commit(store->c.s, stay, h, drop, store->c.err);
}

void held_at_fork(process_step step) {
  if (step == PROCESS_CHILD) all.first = NULL;
  process_step_lock(&all.lock, step);
}
