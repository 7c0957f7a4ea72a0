/* For: a connection of its own, beside the pools, on which a server tells of what others notify it of.
 * Owner: whoever opened the listener; used by one thread at a time.
 * Use: listener_open(client, "channel", &l, err); listener_wait(l, wake_fd, until_ns, &heard, err); listener_close(l).
 */
#ifndef SHUNT_SESSION_LISTEN_H
#define SHUNT_SESSION_LISTEN_H

#include "driver/driver.h"

typedef struct listener listener;

/* *out is NULL, with SHUNT_OK, where the engine has no such thing. Errors: DATASOURCE, TIMEOUT, MEMORY. */
shunt_status listener_open(const cat_client *client, const char *channel, listener **out, shunt_error *err);
/* Until something was heard, wake_fd is readable, or until_ns (of clock_monotonic_ns). Errors: DATASOURCE: it is of no
 * more use. */
shunt_status listener_wait(listener *l, int wake_fd, int64_t until_ns, bool *heard, shunt_error *err);
void listener_close(listener *l); /* accepts NULL */

#endif
