/* For: how many jobs of each queue are in each state, asked of the queues' database.
 * Owner: none. Use: status = jobs_count(session, fn, ud, err); */
#ifndef SHUNT_JOBS_COUNT_H
#define SHUNT_JOBS_COUNT_H

#include "session/session.h"

#define JOB_STATE_MAP(X)                                                                                               \
  X("ready")                                                                                                           \
  X("running")                                                                                                         \
  X("done")                                                                                                            \
  X("dead")

#define JOB_STATE_COUNT(name) +1
enum { JOB_NSTATES = 0 JOB_STATE_MAP(JOB_STATE_COUNT) };
#undef JOB_STATE_COUNT

/* Calls fn for each queue with jobs, in the order of their names, with a count for each of these states. Queues beyond
 * JOB_TALLY_QUEUES count as one. Neither the database nor its tables are made. Errors: NOT_FOUND: there are no tables;
 * DATASOURCE, TIMEOUT, CONFLICT, MEMORY. */
shunt_status jobs_count(shunt_session *s, void (*fn)(void *ud, const char *queue, const int64_t *states), void *ud,
                        shunt_error *err);

#endif
