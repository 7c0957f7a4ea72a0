/* For: inputs that the library reads from files: in a folder of the process, in memory where that is possible.
 * Owner: files_path's text is kept; folder and files are removed when the process ends well.
 * Use: files_write(files_path(APP), text); … unlink(files_path(APP)); */
#ifndef TESTS_FUZZ_FILES_H
#define TESTS_FUZZ_FILES_H

#include <unistd.h>

#include "fuzz/fuzz.h"

typedef enum files_name { FILES_APP, FILES_OVERLAY, FILES_RULES, FILES_DATABASE, FILES_NAMES } files_name;

static char files_folder[32], files_paths[FILES_NAMES][64];

static inline void files_end(void) {
  for (int i = 0; i < FILES_NAMES; i++) unlink(files_paths[i]);
  rmdir(files_folder);
}

static inline const char *files_path(files_name which) {
  static const char *const names[] = {"app.yaml", "app.dev.yaml", "rules.lua", "main.db"};
  if (!files_folder[0]) {
    snprintf(files_folder, sizeof files_folder, "%s/shunt-fuzz-XXXXXX", access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
    if (!mkdtemp(files_folder)) abort();
    for (int i = 0; i < FILES_NAMES; i++)
      snprintf(files_paths[i], sizeof files_paths[i], "%s/%s", files_folder, names[i]);
    atexit(files_end);
  }
  return files_paths[which];
}

static inline void files_write(files_name which, fuzz_input text) {
  FILE *file = fopen(files_path(which), "wb");
  if (!file || fwrite(text.data, 1, text.size, file) != text.size || fclose(file)) abort();
}

#endif
