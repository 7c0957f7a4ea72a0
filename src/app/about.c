/* The library about itself: its version, and what this build can do. */
#include <string.h>

#include "driver/driver.h"

const char *shunt_version(void) { return SHUNT_VERSION; }
int shunt_version_number(void) { return SHUNT_VERSION_NUMBER; }

bool shunt_feature(const char *name) {
#define ENGINE(symbol, ...) driver_for(CAT_##symbol),
  const driver_engine *const engines[] = {CAT_ENGINE_MAP(ENGINE)};
#undef ENGINE
  for (size_t i = 0; name && i < sizeof engines / sizeof *engines; i++) {
    if (strcmp(name, engines[i]->name) == 0) return true;
    for (const char *const *feature = engines[i]->features; *feature; feature++)
      if (strcmp(name, *feature) == 0) return true;
  }
  return false;
}
