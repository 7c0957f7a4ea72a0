/* For: which options the url of a connection gives, so that layers of settings can be merged, and what would be taken
 * for another part of it than was meant. Only drivers connect with it, and report its other mistakes.
 * Owner: names and values live in the arena.
 * Use: url_options given; if (!url_options_read(a, url, &given)) return false; … given.list[i].name … */
#ifndef SHUNT_CATALOG_URL_H
#define SHUNT_CATALOG_URL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

typedef struct url_option {
  const char *name, *value; /* decoded */
} url_option;

typedef struct url_options {
  url_option *list;
  size_t count;
} url_options;

/* ENGINE://USER:PASSWORD@HOST:PORT/DATABASE?OPTION=VALUE, or libpq's OPTION=VALUE …, as the engine's driver reads it.
 * Of several values of one option, the first in the list counts. Empty values are left out. False when out of memory.
 */
bool url_options_read(arena *a, const char *url, url_options *out);

/* Why a part of the password would be taken for a host, a port or a database, and appear in errors: an @, / or ? in it
 * is not percent-encoded. The text quotes nothing of the url. NULL: all is well, or it has another form. */
const char *url_mistake(const char *url);
/* The first colon in HOST:PORT,… without a port behind it. NULL: each has one. */
const char *url_odd_port(const char *hosts, const char *end);

#endif
