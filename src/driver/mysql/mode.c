/* The SQL mode of a connection: what shunt relies on, and what the setting sql_mode chooses. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "driver/mysql/conn.h"
#include "driver/mysql/options.h"

/* Strict: the server stores a value exactly, or fails. */
static const char always[] = "STRICT_ALL_TABLES,STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION,"
                             "NO_AUTO_VALUE_ON_ZERO";
static const char *const chosen[] = {"NO_ZERO_IN_DATE", "NO_ZERO_DATE", "ONLY_FULL_GROUP_BY", "ALLOW_INVALID_DATES",
                                     "NO_UNSIGNED_SUBTRACTION"};
static const char by_default[] = "NO_ZERO_IN_DATE,NO_ZERO_DATE,ONLY_FULL_GROUP_BY";

/* Whether the list, words with commas between them, has the word. */
static bool has(const char *list, const char *word, size_t size) {
  for (const char *at = list; *at; at += strcspn(at, ","), at += *at == ',')
    if (strcspn(at, ",") == size && strncasecmp(at, word, size) == 0) return true;
  return false;
}

static bool is_known(const char *word, size_t size) {
  for (size_t i = 0; i < sizeof chosen / sizeof *chosen; i++)
    if (strlen(chosen[i]) == size && strncasecmp(chosen[i], word, size) == 0) return true;
  return has(always, word, size);
}

bool mysqldb_mode_is_valid(const char *modes) {
  for (const char *at = modes; *at; at += strcspn(at, ","), at += *at == ',')
    if (!is_known(at, strcspn(at, ","))) return false;
  return true;
}

void mysqldb_mode_set(mysql_conn *conn, const char *modes) {
  if (!modes) modes = by_default;
  for (size_t i = 0; i < sizeof chosen / sizeof *chosen; i++)
    if (has(modes, chosen[i], strlen(chosen[i]))) conn->modes |= 1U << i;
}

void mysqldb_mode_write(const mysql_conn *conn, char *room, size_t size) {
  size_t used = (size_t)snprintf(room, size, "%s", always);
  for (size_t i = 0; i < sizeof chosen / sizeof *chosen; i++)
    if (conn->modes & 1U << i) used += (size_t)snprintf(room + used, size - used, ",%s", chosen[i]);
}

const char *mysqldb_mode_hint(unsigned error) {
  enum { NOT_IN_GROUP_BY = 1055, NOT_GROUPED = 1140 };
  return error == NOT_IN_GROUP_BY || error == NOT_GROUPED
             ? "; the connection setting sqlMode may leave ONLY_FULL_GROUP_BY out"
             : "";
}
