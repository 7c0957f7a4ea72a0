/* For: what can be told of a connection by its socket alone.
 * Use: if (!socket_is_quiet(fd)) the server has said something unasked, or is gone;
 * if (!socket_wait(fd, POLLIN, deadline_ns)) it is too late. */
#ifndef SHUNT_DRIVER_SOCKET_H
#define SHUNT_DRIVER_SOCKET_H

#include <stdbool.h>
#include <stdint.h>

/* Waits for nothing. */
bool socket_is_quiet(int fd);

/* Until one of the events (poll's) is there, or something is wrong with the socket, which whoever uses it next is told.
 * False once deadline_ns, of clock_monotonic_ns, has passed without; 0: it never does. */
bool socket_wait(int fd, short events, int64_t deadline_ns);
/* The same until one of the two can be read. */
bool socket_wait_either(int fd, int other, int64_t deadline_ns);

/* A connection over TCP of which only this end is left is found out within a minute: asked after when it has been quiet
 * for 30 s, and given up when what was sent has not been taken for 30 s. Other sockets don't need it, and refuse it. */
void socket_keep_alive(int fd);

#endif
