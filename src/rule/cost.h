/* For: the price list of the sandbox: the work of C functions and of the allocator, in instructions of Lua. One stands
 * for about 10 ns. No instruction hook runs in C, so each function charges for its work before it does it.
 * Owner: none. Use: sandbox_charge(L, cost_read(size)); read the text; */
#ifndef SHUNT_RULE_COST_H
#define SHUNT_RULE_COST_H

#include <stddef.h>
#include <stdint.h>

enum {
  COST_STEPS = 4,  /* steps of a pattern to an instruction */
  COST_LENGTH = 8, /* of a list: doubling and halving */
  COST_LOOK = 100  /* a search among names, a line of a message */
};

/* Bytes that memcpy, memcmp or memchr touches. */
static inline int64_t cost_copied(size_t bytes) { return (int64_t)(bytes / 64); }
/* Bytes that a loop reads one by one: digits of a number, characters of UTF-8. */
static inline int64_t cost_read(size_t bytes) { return (int64_t)(bytes / 16); }
/* Bytes that a loop makes one by one. */
static inline int64_t cost_made(size_t bytes) { return (int64_t)(bytes / 8); }
/* Bytes of a pattern that is compiled: each may become an item. */
static inline int64_t cost_compiled(size_t bytes) { return 1 + (int64_t)bytes * 4; }
/* Values that are pushed, arguments that are looked at. */
static inline int64_t cost_values(size_t n) { return (int64_t)(n / 4); }
/* n slots of a table that are read, written or both. */
static inline int64_t cost_slots(size_t n) { return (int64_t)n; }

static inline int64_t cost_sorted(size_t n) {
  int64_t cost = cost_slots(n);
  for (size_t left = n; left > 1; left >>= 1) cost += cost_values(n);
  return cost;
}

/* A block: to get it, to mark it, to sweep it, to free it; and its bytes, which may be new to the process. */
static inline int64_t cost_memory(size_t bytes) { return 8 + (int64_t)(bytes / 64); }
/* After a refusal Lua collects all garbage. */
static inline int64_t cost_collection(size_t bytes_in_use) { return (int64_t)(bytes_in_use / 1024); }

#endif
