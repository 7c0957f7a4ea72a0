/* For: reading a whole small file, whatever it is: a pipe that nobody writes into is an error, not a wait for ever.
 * Owner: what is read is ended with base_free.
 * Use: if (read_whole(path, MOST, &text, &size, &why)) … why says in words what is wrong. */
#ifndef SHUNT_BASE_READ_H
#define SHUNT_BASE_READ_H

#include <stddef.h>

typedef enum read_result { READ_DONE, READ_ABSENT, READ_UNREADABLE, READ_NO_MEMORY } read_result;

/* The text ends in a NUL that size does not count. Where it is not READ_DONE, *why says why: static or errno's words.
 */
read_result read_whole(const char *path, size_t most_bytes, char **text, size_t *size, const char **why);

#endif
