/* For: finding the prepared transactions of joint commits on all datasources, and ending those whose coordinator is
 * gone. Owner: nothing outlives the call; it opens connections of its own, one after the other, and closes them.
 * Use: joint_recover(&(joint_look){.catalog = c, .resolve = true}, rows, &left, err);
 *
 * Without `id`, the transactions of processes that run are left alone, and those of other hosts for JOINT_PATIENCE_S
 * (age.h). That is only politeness: the fence in the store makes recovery right in any case, and a coordinator that was
 * overtaken fails. */
#ifndef SHUNT_JOINT_RECOVER_H
#define SHUNT_JOINT_RECOVER_H

#include "base/event.h"
#include "joint/store.h"

enum { JOINT_PATIENCE_S = 300, JOINT_CONNECT_S = 5, JOINT_STATEMENT_S = 10 };

typedef struct joint_look {
  const catalog *catalog;
  event_sink *events;      /* may be NULL */
  bool resolve;            /* otherwise it only looks */
  const char *id;          /* only this one, in any case; NULL: all */
  const atomic_bool *stop; /* ends early once it is set; may be NULL */
} joint_look;

/* Appends a row for each prepared transaction, and one for each datasource that could not be asked. *left: how many of
 * them stay. Errors: MEMORY; what a datasource fails with is in its row. */
shunt_status joint_recover(const joint_look *look, shunt_rows *rows, size_t *left, shunt_error *err);

/* Ends a prepared transaction on a connection. It is no error if another recovery has ended it already. Waits a little
 * while it is bound to the connection that prepared it and that the server has not ended yet. Errors: CONFLICT: it is
 * bound for longer; those of the driver. */
shunt_status joint_finish(driver_conn *conn, const char *id, bool commit, shunt_error *err);

/* A connection of its own, for a statement that must not wait for a pool. */
shunt_status joint_connect(const cat_client *client, driver_conn **conn, shunt_error *err);

#endif
