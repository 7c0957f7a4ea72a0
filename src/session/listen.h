/* For: a connection outside of the pools, on which a server sends notifications.
 * Owner: the code that opened the listener; used by one thread at a time.
 * Use: listener_open(client, "channel", &l, err); listener_wait(l, wake_fd, until_ns, &heard, err); listener_close(l).
 */
#ifndef SHUNT_SESSION_LISTEN_H
#define SHUNT_SESSION_LISTEN_H

#include "driver/driver.h"

typedef struct listener listener;

/* *out is NULL, with SHUNT_OK, if the engine has no notifications. Errors: DATASOURCE, TIMEOUT, MEMORY. */
shunt_status listener_open(const cat_client *client, const char *channel, listener **out, shunt_error *err);
/* Waits for a notification, for wake_fd to become readable, or until until_ns (of clock_monotonic_ns). Errors:
 * DATASOURCE: close the listener. */
shunt_status listener_wait(listener *l, int wake_fd, int64_t until_ns, bool *heard, shunt_error *err);
void listener_close(listener *l); /* accepts NULL */

#endif
