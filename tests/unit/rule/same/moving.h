/* For: an allocator that moves everything: each block that grows or shrinks gets another address, at a random distance
 * from its neighbours; new memory and freed memory hold garbage.
 * Use: shunt_set_allocator(same_moving, NULL); */
#ifndef TESTS_UNIT_RULE_SAME_MOVING_H
#define TESTS_UNIT_RULE_SAME_MOVING_H

#include <stddef.h>

void *same_moving(void *ud, void *block, size_t old_bytes, size_t new_bytes);

#endif
