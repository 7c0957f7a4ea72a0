/* For: reading a whole small file of any kind. A pipe without a writer is an error, not an endless wait.
 * Owner: the caller frees the text with base_free.
 * Use: if (read_whole(path, MOST, &text, &size, &why)) … why is the reason. */
#ifndef SHUNT_BASE_READ_H
#define SHUNT_BASE_READ_H

#include <stddef.h>

typedef enum read_result { READ_DONE, READ_ABSENT, READ_UNREADABLE, READ_NO_MEMORY } read_result;

/* The text ends in a NUL that size does not count. Unless the result is READ_DONE, *why is the reason: static
 * text, or the text of errno.
 */
read_result read_whole(const char *path, size_t most_bytes, char **text, size_t *size, const char **why);

#endif
