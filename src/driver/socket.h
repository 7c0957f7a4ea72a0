/* For: what can be told of a connection by its socket alone.
 * Use: if (!socket_is_quiet(fd)) the server has said something unasked, or is gone. */
#ifndef SHUNT_DRIVER_SOCKET_H
#define SHUNT_DRIVER_SOCKET_H

#include <stdbool.h>

/* Waits for nothing. */
bool socket_is_quiet(int fd);

#endif
