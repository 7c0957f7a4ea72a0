/* For: the ids of transactions that several databases commit together. An id names the store that holds its decision
 * and the process that coordinates it, so that recovery knows where to ask, and leaves the work of others alone.
 * Owner: a name is a value. Any thread.
 * Use: joint_name n = joint_name_new(store); joint_name_write(&n, 0, id); … if (joint_name_read(id, size, &n)) …
 *
 * shunt_SSSSSSSSSSSSSSSSHHHHHHHHPPPPPPTTTTTTTTNNNNNNNNAAAAAAAA_BBB, all hexadecimal: the store, the host, the process
 * id, the start of the process, a number, seconds since 1970, and the branch: one for each participant. The ids of one
 * store and process sort by their number. */
#ifndef SHUNT_JOINT_NAME_H
#define SHUNT_JOINT_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/process.h"

enum {
  JOINT_ID_ROOM = 65,  /* with its NUL */
  JOINT_ID_BYTES = 60, /* without the branch: the transaction as a whole */
  JOINT_MOST_BRANCHES = 0xfff
};

/* Special stores. */
#define JOINT_STORE_UNKNOWN UINT64_C(0) /* the participant's own table names it */
#define JOINT_STORE_PRIVATE UINT64_MAX  /* a database in the memory of the process */

typedef struct joint_name {
  uint64_t store;
  uint32_t host, pid, start, number, time_s;
  unsigned branch;
} joint_name;

void joint_name_at_fork(process_step step);

/* A name of this process that has not been used. */
joint_name joint_name_new(uint64_t store);
/* The id of a branch; 0: of the whole, without a branch. */
void joint_name_write(const joint_name *n, unsigned branch, char room[JOINT_ID_ROOM]);
/* False if it is not such an id. */
bool joint_name_read(const char *id, size_t size, joint_name *n);
/* The lowest id that this process has for the store from `number` on. */
void joint_name_bound(uint64_t store, uint32_t number, char room[JOINT_ID_ROOM]);

typedef enum joint_process {
  JOINT_HERE,     /* this process */
  JOINT_RUNS,     /* another one of this host, which runs */
  JOINT_ENDED,    /* one of this host, which does not run any more */
  JOINT_ELSEWHERE /* of another host, or of another container: whether it runs is not known */
} joint_process;

joint_process joint_name_process(const joint_name *n);

#endif
