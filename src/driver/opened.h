/* For: opening and closing connections, so that a fork knows all that are open.
 * Owner: the caller of driver_open owns the connection, and ends it with driver_close. Any thread.
 * Use: driver_open(driver_for(client->engine), client, deadline_ns, &conn, err); … driver_close(conn). */
#ifndef SHUNT_DRIVER_OPENED_H
#define SHUNT_DRIVER_OPENED_H

#include "base/process.h"
#include "driver/driver.h"

/* Errors: those of the engine's open; USAGE, if this is the child of a process that used a database file when it was
 * forked, and the client has one. */
shunt_status driver_open(const driver_engine *engine, const cat_client *client, int64_t deadline_ns, driver_conn **conn,
                         shunt_error *err);
void driver_close(driver_conn *conn); /* accepts NULL */

/* In the child, connections of the parent are broken, and reach nothing of the parent's (driver_engine.leave). */
void opened_at_fork(process_step step);

#endif
