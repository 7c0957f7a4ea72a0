/* For: the joint commits of this process that are under way, or that are decided and left to recovery.
 * Owner: the list owns its entries; joint_going_begin lends one until joint_going_end. Any thread.
 * Use: g = joint_going_begin(id, number); … joint_going_end(g, left); */
#ifndef SHUNT_JOINT_GOING_H
#define SHUNT_JOINT_GOING_H

#include "base/process.h"
#include "joint/name.h"

typedef struct joint_going {
  char id[JOINT_ID_ROOM];
  uint32_t first;   /* the lowest number among the ids of its participants */
  bool commits;     /* what was decided; false: nothing yet */
  uint64_t left_at; /* 0: under way. Otherwise recovery has to finish it; a number that grows */
  struct joint_going *next;
} joint_going;

/* NULL: out of memory. */
joint_going *joint_going_begin(const char *id, uint32_t first);
/* left: a participant was not reached. */
void joint_going_end(joint_going *g, bool left);
/* Whether this id is under way, so that recovery must not touch it. */
bool joint_going_is(const char *id);
/* Whether this id was left after the decision to commit. */
bool joint_going_commits(const char *id);
/* The rows of all lower numbers are not needed any more. */
uint32_t joint_going_oldest(uint32_t number);
/* What is left now, and later: that all of it up to then has been finished. */
uint64_t joint_going_left(void);
void joint_going_finished(uint64_t left);
/* What is under way stays the parent's. */
void joint_going_at_fork(process_step step);

#endif
