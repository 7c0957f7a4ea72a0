#define _POSIX_C_SOURCE 200809L
#include "config/file.h"

#include <string.h>
#include <sys/stat.h>

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
