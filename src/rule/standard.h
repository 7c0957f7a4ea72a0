/* For: the standard policy: the files of rules/standard, which the build puts into the library.
 * Owner: static.
 * Use: for (i = 0; i < rule_standard_count; i++) … rule_standard_files[i].text */
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

/* The file that implements instance.isolation: strict. It is not part of the policy. */
#define RULE_STRICT_ISOLATION "rules/standard/isolation.lua"

#endif
