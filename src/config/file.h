/* For: reading a whole small file, and paths beside another file.
 * Owner: what is read is ended with base_free; paths live in the arena.
 * Use: if (file_read(path, MOST, &text, &size, &why)) … why says in words what is wrong. */
#ifndef SHUNT_CONFIG_FILE_H
#define SHUNT_CONFIG_FILE_H

#include "base/arena.h"
#include "shunt.h"

typedef enum file_result { FILE_READ, FILE_ABSENT, FILE_UNREADABLE, FILE_NO_MEMORY } file_result;

/* The text ends in a NUL that size does not count. Where it is not FILE_READ, *why says why: static or errno's words.
 */
file_result file_read(const char *path, size_t most_bytes, char **text, size_t *size, const char **why);

/* "dir/" of "dir/app.yaml", "" of "app.yaml"; NULL when out of memory. */
const char *file_folder(arena *a, const char *path);
/* path as it is where absolute, else relative to the folder of beside. */
const char *file_beside(arena *a, const char *beside, const char *path);
bool file_is_folder(const char *path);

#endif
