/* For: writing a rule set: a folder with shunt.yaml, a rule file, and the modules of rules/lib.
 * Use: same_write_rules(&set, &pieces); … same_remove(set.folder); */
#ifndef TESTS_UNIT_RULE_SAME_RULES_H
#define TESTS_UNIT_RULE_SAME_RULES_H

#include "unit/rule/same/pieces.h"
#include "unit/rule/same/set.h"

/* set->folder is an empty folder. */
void same_write_rules(const same_set *set, const same_pieces *pieces);
/* Removes a folder and all that is in it. */
void same_remove(const char *folder);

#endif
