#include <limits.h>
#include <string.h>

#include "base/alloc.h"
#include "driver/sqlite3_conn.h"

/* Eight bytes a step: the text is hashed at every execution, so FNV's one byte a step would show. */
static uint64_t hash_sql(const char *sql, size_t size) {
  uint64_t hash = size * 0x9E3779B97F4A7C15u;
  while (size >= 8) {
    uint64_t word;
    memcpy(&word, sql, 8);
    hash = (hash ^ word) * 0x9FB21C651E98DF25u;
    hash ^= hash >> 32;
    sql += 8;
    size -= 8;
  }
  uint64_t last = 0;
  if (size) memcpy(&last, sql, size);
  hash = (hash ^ last) * 0x9FB21C651E98DF25u;
  return hash ^ (hash >> 29);
}

static statement **bucket(statement_cache *cache, uint64_t hash) { return &cache->buckets[hash % CACHE_BUCKETS]; }

static void unlink_from_age(statement_cache *cache, statement *s) {
  *(s->newer ? &s->newer->older : &cache->newest) = s->older;
  *(s->older ? &s->older->newer : &cache->oldest) = s->newer;
}

static void make_newest(statement_cache *cache, statement *s) {
  s->newer = NULL;
  s->older = cache->newest;
  *(cache->newest ? &cache->newest->newer : &cache->oldest) = s;
  cache->newest = s;
}

static void drop(statement_cache *cache, statement *s) {
  statement **at = bucket(cache, s->hash);
  while (*at != s) at = &(*at)->chain;
  *at = s->chain;
  unlink_from_age(cache, s);
  cache->count--;
  cache->sql_bytes -= s->sql_size;
  sqlite3_finalize(s->stmt);
  base_free(s);
}

static void add(statement_cache *cache, statement *s) {
  while (cache->oldest && (cache->count >= CACHE_STATEMENTS || cache->sql_bytes + s->sql_size > (size_t)CACHE_BYTES))
    drop(cache, cache->oldest);
  statement **at = bucket(cache, s->hash);
  s->chain = *at;
  *at = s;
  make_newest(cache, s);
  cache->count++;
  cache->sql_bytes += s->sql_size;
}

void cache_free(statement_cache *cache) {
  while (cache->oldest) drop(cache, cache->oldest);
}

/* ---- preparing ---- */

/* Past white space, comments and semicolons. */
static const char *skip_blank(const char *at, const char *end) {
  for (;;) {
    while (at < end && (strchr(" \t\r\n\f;", *at) && *at)) at++;
    if (end - at < 2) return at;
    if (at[0] == '-' && at[1] == '-') {
      const char *line = memchr(at, '\n', (size_t)(end - at));
      at = line ? line + 1 : end;
    } else if (at[0] == '/' && at[1] == '*') {
      at += 2;
      while (at < end && !(at[0] == '*' && end - at > 1 && at[1] == '/')) at++;
      at = at < end ? at + 2 : end;
    } else {
      return at;
    }
  }
}

static shunt_status prepare(sqlite_conn *conn, statement *s, shunt_error *err) {
  const char *end = s->sql + s->sql_size, *start = skip_blank(s->sql, end), *tail = end;
  if (memchr(s->sql, 0, s->sql_size)) return error_set(err, SHUNT_E_USAGE, "there is a NUL byte in the SQL");
  if (start == end) return error_set(err, SHUNT_E_USAGE, "there is no statement in the SQL");
  int rc = sqlite3_prepare_v3(conn->db, s->sql, (int)s->sql_size + 1, SQLITE_PREPARE_PERSISTENT, &s->stmt, &tail);
  if (rc != SQLITE_OK) return sqlite_fail(conn, rc, s->sql, err);
  if (!s->stmt || skip_blank(tail, end) != end) {
    sqlite3_finalize(s->stmt);
    return error_set(err, SHUNT_E_USAGE, "one statement at a time: more follows on the first one (in: %.300s)", s->sql);
  }
  s->nparams = (size_t)sqlite3_bind_parameter_count(s->stmt);
  s->reads = sqlite3_stmt_readonly(s->stmt);
  return SHUNT_OK;
}

shunt_status cache_statement(sqlite_conn *conn, const char *sql, size_t size, statement **out, shunt_error *err) {
  statement_cache *cache = &conn->cache;
  uint64_t hash = hash_sql(sql, size);
  for (statement *s = *bucket(cache, hash); s; s = s->chain) {
    if (s->hash != hash || s->sql_size != size || memcmp(s->sql, sql, size) != 0) continue;
    if (s != cache->newest) {
      unlink_from_age(cache, s);
      make_newest(cache, s);
    }
    *out = s;
    return SHUNT_OK;
  }
  if (size >= INT_MAX) return error_set(err, SHUNT_E_USAGE, "the SQL is longer than SQLite takes");
  statement *s = base_zalloc(sizeof *s + size + 1);
  if (!s) return error_memory(err);
  if (size) memcpy(s->sql, sql, size);
  s->sql_size = size;
  s->hash = hash;
  shunt_status status = prepare(conn, s, err);
  if (status) {
    base_free(s);
    return status;
  }
  add(cache, s);
  *out = s;
  return SHUNT_OK;
}
