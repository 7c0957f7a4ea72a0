/* Which authentication plugins a server may ask for. A plugin may send the password in clear, so the server alone must
 * not choose it. */
#include <string.h>

#include "driver/mysql/options.h"

/* None of them sends the password in clear; the sha ones may do so over TLS or a Unix socket. */
const char mysqldb_usual_plugins[] = "mysql_native_password,client_ed25519,parsec," MYSQL_CACHING_SHA2 "," MYSQL_SHA256;

/* Prints the server's text, and reads the answer from the terminal. */
static const char never[] = "dialog";

static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";

/* Whether the list, names with commas between them, has the name. The library looks for exactly that name, too. */
static bool has(const char *list, const char *name, size_t size) {
  for (const char *at = list; *at; at += strcspn(at, ","), at += *at == ',')
    if (strcspn(at, ",") == size && memcmp(at, name, size) == 0) return true;
  return false;
}

bool mysqldb_plugins_are_valid(const char *list) {
  for (const char *at = list; *at; at += strcspn(at, ","), at += *at == ',') {
    size_t size = strcspn(at, ",");
    if (!size || size >= MYSQL_PLUGIN_BYTES || strspn(at, letters) != size) return false;
  }
  return !has(list, never, sizeof never - 1);
}

bool mysqldb_plugin_is_allowed(const char *name, const char *named) {
  size_t size = strlen(name);
  if (!size || strspn(name, letters) != size || strcmp(name, never) == 0) return false;
  return has(mysqldb_usual_plugins, name, size) || (named && has(named, name, size));
}
