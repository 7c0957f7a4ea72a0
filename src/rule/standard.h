/* For: the standard policy, the files of rules/standard, as the build put it into the library. */
#ifndef SHUNT_RULE_STANDARD_H
#define SHUNT_RULE_STANDARD_H

#include <stddef.h>

typedef struct rule_standard_file {
  const char *path; /* "rules/standard/explicit.lua" */
  const char *text;
  size_t size;
} rule_standard_file;

extern const rule_standard_file rule_standard_files[];
extern const size_t rule_standard_count;

/* The one file that is not part of the policy's stages: it makes instance.isolation: strict what it is. */
#define RULE_STRICT_ISOLATION "rules/standard/isolation.lua"

#endif
