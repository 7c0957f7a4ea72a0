/* For: HTTP for those who collect metrics: GET /metrics, and nothing else.
 * Owner: the caller closes the server before its app. One thread serves; it takes no part in the work of the app.
 * Use: if (serve_open(app, "127.0.0.1:9100", &s, why, sizeof why)) … serve_address(s) … serve_close(s);
 *
 * A client can be slow or hostile. There is room for a fixed number of clients and for a request of fixed size, and
 * each client has a deadline for all of it. When all places are taken, a new client takes the place of the oldest, so
 * that clients that only hold connections can't keep others out. */
#ifndef SHUNT_CLI_SERVE_H
#define SHUNT_CLI_SERVE_H

#include <stdbool.h>
#include <stddef.h>

#include "shunt.h"

typedef struct serve serve;

/* Where it listens: HOST:PORT, [HOST]:PORT for IPv6; port 0: a free one. False: why has the reason. */
bool serve_open(shunt_app *app, const char *address, serve **out, char *why, size_t room);
/* The address that it listens at, with the number of the port. */
const char *serve_address(const serve *s);
/* Accepts NULL. */
void serve_close(serve *s);

#endif
