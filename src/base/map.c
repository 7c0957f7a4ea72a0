#include "base/map.h"

#include <string.h>
#include <sys/random.h>

#include "base/alloc.h"
#include "base/clock.h"

/* Keys may come from users, who must not be able to choose keys that collide. */
static uint64_t seed;

__attribute__((constructor)) static void make_seed(void) {
  if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != (ssize_t)sizeof seed) seed = (uint64_t)clock_monotonic_ns();
}

uint64_t map_hash(const char *key, size_t size) {
  uint64_t hash = 14695981039346656037u;
  for (size_t i = 0; i < size; i++) hash = (hash ^ (unsigned char)key[i]) * 1099511628211u;
  hash ^= hash >> 32;
  hash *= 0x9E3779B97F4A7C15u;
  return hash ^ (hash >> 29);
}

static uint64_t load_8(const char *at) {
  uint64_t word;
  memcpy(&word, at, sizeof word);
  return word;
}

static uint64_t load_4(const char *at) {
  uint32_t word;
  memcpy(&word, at, sizeof word);
  return word;
}

static uint64_t stir(uint64_t hash, uint64_t word) {
  hash = (hash ^ word) * 0x9E3779B97F4A7C15u;
  return hash ^ (hash >> 32);
}

/* The hash stays inside of this process: so it may take eight bytes at a time, and the last ones twice. */
static uint64_t spread(const char *key, size_t size) {
  uint64_t hash = seed ^ size;
  if (size >= 8) {
    const char *last = key + size - 8;
    for (; key < last; key += 8) hash = stir(hash, load_8(key));
    return stir(hash, load_8(last));
  }
  if (size >= 4) return stir(hash, load_4(key) | load_4(key + size - 4) << 32);
  uint64_t word = 0;
  for (size_t i = 0; i < size; i++) word = word << 8 | (unsigned char)key[i];
  return stir(hash, word);
}

static map_entry *find(const map *m, const char *key, size_t size, uint64_t hash) {
  if (m->nslots == 0) return NULL;
  for (size_t i = hash & (m->nslots - 1); m->slots[i]; i = (i + 1) & (m->nslots - 1)) {
    map_entry *e = &m->entries[m->slots[i] - 1];
    if (e->hash == hash && e->size == size && memcmp(e->key, key, size) == 0) return e;
  }
  return NULL;
}

static void place(map *m, size_t position) {
  size_t i = m->entries[position].hash & (m->nslots - 1);
  while (m->slots[i]) i = (i + 1) & (m->nslots - 1);
  m->slots[i] = (uint32_t)(position + 1);
}

static bool widen(map *m) {
  size_t nslots = m->nslots ? m->nslots * 2 : 16;
  uint32_t *slots = base_zalloc(nslots * sizeof *slots);
  if (!slots) return false;
  base_free(m->slots);
  m->slots = slots;
  m->nslots = nslots;
  for (size_t i = 0; i < m->count; i++) place(m, i);
  return true;
}

void *map_get_n(const map *m, const char *key, size_t size) {
  map_entry *e = find(m, key, size, spread(key, size));
  return e ? e->value : NULL;
}

void *map_get(const map *m, const char *key) { return map_get_n(m, key, strlen(key)); }

bool map_put_n(map *m, const char *key, size_t size, void *value) {
  uint64_t hash = spread(key, size);
  map_entry *e = find(m, key, size, hash);
  if (e) {
    e->value = value;
    return true;
  }
  if (!base_grow(&m->entries, &m->capacity, m->count + 1, sizeof *m->entries)) return false;
  if ((m->count + 1) * 4 > m->nslots * 3 && !widen(m)) return false;
  m->entries[m->count] = (map_entry){key, size, hash, value};
  place(m, m->count++);
  return true;
}

bool map_put(map *m, const char *key, void *value) { return map_put_n(m, key, strlen(key), value); }

void map_reset(map *m) {
  m->count = 0;
  if (m->slots) memset(m->slots, 0, m->nslots * sizeof *m->slots);
}

void map_free(map *m) {
  base_free(m->entries);
  base_free(m->slots);
  memset(m, 0, sizeof *m);
}
