/* For: what the pools of an app have in common, in all its generations: which of them have connections, and the thread
 * that closes connections on time.
 * Owner: the pools of each generation have a share; the last share frees the house. Any thread. Its lock is acquired
 * before the lock of a pool.
 * Use: house_enter(pl) before a connection is opened; house_leave(pl) when it is closed, or was not opened. */
#ifndef SHUNT_POOL_HOUSE_H
#define SHUNT_POOL_HOUSE_H

#include <pthread.h>
#include <stdatomic.h>

#include "pool/keeper.h"

struct pool;

typedef struct house {
  pthread_mutex_t lock;
  atomic_int shares;
  struct pool *populated; /* pools with connections, also with those that are being opened or closed */
  keeper keeper;
} house;

/* With one share. close_due is the work of the keeper. NULL: out of memory. */
house *house_new(int64_t (*close_due)(void *house));
house *house_share(house *h);
void house_drop(house *h);

/* The caller holds no lock. */
void house_enter(struct pool *pl);
void house_leave(struct pool *pl);

#endif
