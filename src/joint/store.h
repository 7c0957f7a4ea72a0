/* For: the table shunt_transactions of a database, its store: the decisions of joint commits that this database
 * coordinates, and for participants whose ids were given when they began, who decides.
 * Owner: the caller's connection runs the statements. Use: joint_store_make(conn, &store, err) before;
 * joint_store_write(conn, &(joint_row){id, JOINT_COMMITTED, participants}, err) in the transaction that decides;
 * joint_store_fence(conn, id, &commits, err) in recovery.
 *
 * A row with the id and `committed` is the decision to commit: its transaction commits it. Recovery inserts a row with
 * the same id and `rolled back`. The primary key lets one of them in, and the second waits while the first is not
 * committed. So recovery is right whether or not the coordinator lives, and so is a second recovery. */
#ifndef SHUNT_JOINT_STORE_H
#define SHUNT_JOINT_STORE_H

#include "driver/driver.h"
#include "joint/name.h"

#define JOINT_TABLE "shunt_transactions"
#define JOINT_COMMITTED "committed"
#define JOINT_ROLLED_BACK "rolled back"
#define JOINT_PREPARED "prepared" /* a participant's own row; its detail is the id that decides */

enum {
  JOINT_KEEP_DAYS = 30, /* a decision that nothing has cleared */
  JOINT_DETAIL_ROOM = 1000
};

typedef struct joint_row {
  const char *id, *state, *detail;
} joint_row;

/* A row that was read; state "": no row was found. */
typedef struct joint_found {
  char state[16], detail[JOINT_DETAIL_ROOM];
} joint_found;

/* The identity of the store: of its table, and of the database in which it lies, so that a copy is another store.
 * NOT_FOUND: there is no table. */
shunt_status joint_store_find(driver_conn *conn, uint64_t *store, shunt_error *err);
/* The same; makes the table if it is missing, and drops decisions that are too old. Outside of a transaction, unless
 * the engine can undo DDL. */
shunt_status joint_store_make(driver_conn *conn, uint64_t *store, shunt_error *err);

/* CONSTRAINT: there is a row with this id. */
shunt_status joint_store_write(driver_conn *conn, const joint_row *row, shunt_error *err);
shunt_status joint_store_read(driver_conn *conn, const char *id, joint_found *found, shunt_error *err);
/* Decides, if nothing has decided before. */
shunt_status joint_store_fence(driver_conn *conn, const char *id, bool *commits, shunt_error *err);
/* Of a participant whose id names no store: the row in its own prepared transaction. decides is "" without a row. */
shunt_status joint_store_peek(driver_conn *conn, const char *id, char decides[JOINT_ID_ROOM], shunt_error *err);
/* Drops rows of this process that are not needed any more: those before the number. */
shunt_status joint_store_clear(driver_conn *conn, uint64_t store, uint32_t before, shunt_error *err);

#endif
