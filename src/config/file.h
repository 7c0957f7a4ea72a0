/* For: paths beside another file.
 * Owner: paths live in the arena.
 * Use: path = file_beside(a, "dir/shunt.yaml", "main.db"); if (!path) … */
#ifndef SHUNT_CONFIG_FILE_H
#define SHUNT_CONFIG_FILE_H

#include <stdbool.h>

#include "base/arena.h"

/* "dir/" of "dir/app.yaml", "" of "app.yaml"; NULL when out of memory. */
const char *file_folder(arena *a, const char *path);
/* path as it is where absolute, else relative to the folder of beside. */
const char *file_beside(arena *a, const char *beside, const char *path);
bool file_is_folder(const char *path);

#endif
