/* For: what a socket alone says of its connection.
 * Use: if (!socket_is_quiet(fd)) the server has sent something unasked, or has closed;
 * if (!socket_wait(fd, POLLIN, deadline_ns)) the deadline has passed. */
#ifndef SHUNT_DRIVER_SOCKET_H
#define SHUNT_DRIVER_SOCKET_H

#include <stdbool.h>
#include <stdint.h>

/* Doesn't wait. */
bool socket_is_quiet(int fd);

/* Waits for one of poll's events. An error of the socket counts as one: the next use of the socket reports it. False:
 * deadline_ns of clock_monotonic_ns has passed; 0: no deadline. */
bool socket_wait(int fd, short events, int64_t deadline_ns);
/* The same until one of the two is readable. */
bool socket_wait_either(int fd, int other, int64_t deadline_ns);

/* Bytes that have come in on a TCP connection; -1: another kind of socket. */
int64_t socket_received(int fd);
/* Bytes that can be read without waiting. */
int64_t socket_ready(int fd);

/* Detects within a minute that the other end of a TCP connection is gone: keepalives after 30 s of silence, and an
 * error if data stays unacknowledged for 30 s. No effect on other sockets, which don't need it. */
void socket_keep_alive(int fd);

/* No program that the host starts inherits the socket. For sockets that a client library has made without that. */
void socket_close_on_exec(int fd);

/* Puts `nowhere` in place of the socket, which belongs to the parent process. Does nothing for -1. */
void socket_leave(int socket, int nowhere);

#endif
