/* For: paths relative to another file.
 * Owner: paths live in the arena.
 * Use: path = file_beside(a, "dir/shunt.yaml", "main.db"); if (!path) return SHUNT_E_MEMORY; */
#ifndef SHUNT_CONFIG_FILE_H
#define SHUNT_CONFIG_FILE_H

#include <stdbool.h>

#include "base/arena.h"

/* "dir/" of "dir/app.yaml", "" of "app.yaml"; NULL when out of memory. */
const char *file_folder(arena *a, const char *path);
/* path unchanged if it is absolute, otherwise relative to the folder of `beside`. NULL when out of memory. */
const char *file_beside(arena *a, const char *beside, const char *path);
bool file_is_folder(const char *path);

#endif
