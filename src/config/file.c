#define _POSIX_C_SOURCE 200809L
#include "config/file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"

static file_result read_stream(FILE *stream, size_t most_bytes, char **text, size_t *size, const char **why) {
  char *data = NULL;
  size_t capacity = 0, used = 0, got = 0;
  do {
    if (used > most_bytes) {
      base_free(data);
      *why = "it is too large";
      return FILE_UNREADABLE;
    }
    if (!base_grow(&data, &capacity, used + 4096, 1)) {
      base_free(data);
      return FILE_NO_MEMORY;
    }
    got = fread(data + used, 1, capacity - used - 1, stream);
    used += got;
  } while (got > 0);
  if (ferror(stream)) {
    *why = strerror(errno);
    base_free(data);
    return FILE_UNREADABLE;
  }
  data[used] = 0;
  *text = data;
  *size = used;
  return FILE_READ;
}

file_result file_read(const char *path, size_t most_bytes, char **text, size_t *size, const char **why) {
  *why = "out of memory";
  FILE *stream = fopen(path, "rb");
  if (!stream) {
    *why = strerror(errno);
    return errno == ENOENT || errno == ENOTDIR ? FILE_ABSENT : FILE_UNREADABLE;
  }
  file_result result = read_stream(stream, most_bytes, text, size, why);
  fclose(stream);
  return result;
}

const char *file_folder(arena *a, const char *path) {
  const char *slash = strrchr(path, '/');
  return arena_strndup(a, path, slash ? (size_t)(slash + 1 - path) : 0);
}

const char *file_beside(arena *a, const char *beside, const char *path) {
  const char *slash = strrchr(beside, '/');
  if (path[0] == '/' || !slash) return arena_strdup(a, path);
  return arena_printf(a, "%.*s%s", (int)(slash + 1 - beside), beside, path);
}

bool file_is_folder(const char *path) {
  struct stat about;
  return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}
