/* For: the session's open transactions on datasources, their savepoints, and which of them are in force.
 * Owner: the session; a transaction holds a connection until it is closed. scope.c begins and ends them for the host,
 * unit.c for nested writes. Use: transaction_open(c, client, level, &options, &t); …; status =
 * transaction_commit(c, t); transaction_close(c->s, t); */
#ifndef SHUNT_SESSION_TRANSACTION_H
#define SHUNT_SESSION_TRANSACTION_H

#include <string.h>

#include "joint/name.h"
#include "session/call.h"

enum { NOT_DOOMED = -1 };

/* What of a transaction can't be kept, because a part of it was rolled back, or could not be rolled back alone. */
typedef struct doom {
  int at;          /* the innermost level: a savepoint, 0 for the whole, or NOT_DOOMED */
  shunt_status by; /* why the part could not be rolled back alone; OK: a transaction that had joined was rolled back */
} doom;

struct scope {
  cat_spanning spanning; /* of accesses to other datasources */
  bool joint;            /* its transactions are to be committed as one */
  rule_transaction seen; /* what the rules see of it: isolation, read_only, and its clients */
  size_t capacity;       /* of seen.held */
  int session_level;     /* the session's when it began */
  uint64_t number;       /* counts up in a session */
  int suspended;         /* number of handles that went up a level since, and suspend it */
  int savepoints;        /* open ones, numbered from 1, the outermost first */
  doom doomed;
  scope *next; /* begun before it */
};

/* What it is to a commit of several (joint.h). */
typedef struct transaction_joint {
  bool asked;             /* spanning = "join": it is begun so that it can be prepared */
  bool wrote;             /* something that must be committed */
  bool prepares;          /* it can be prepared */
  bool prepared;          /* it is, and its connection holds it no more */
  char id[JOINT_ID_ROOM]; /* its branch. Given when it begins, or when it is prepared */
  uint32_t number;        /* of that id; 0: it has no id yet */
} transaction_joint;

struct transaction {
  const cat_client *client;
  int level; /* of its pool */
  driver_conn *conn;
  const char *isolation; /* as requested; NULL: the engine's default */
  bool read_only;
  scope *of;      /* the host's transaction that it is a part of; NULL: a nested write's own */
  int born;       /* with a scope: how many of its savepoints were open when it began */
  int savepoints; /* open ones, numbered from 1, the outermost first */
  doom doomed;    /* without a scope */
  transaction_joint joint;
  shunt_outcome outcome; /* how it has ended, when it is closed */
  transaction *next;     /* begun before it */
};

/* A statement on this connection may write: if it is a transaction's, that has to be committed. */
static inline void transaction_note_write(const shunt_session *s, const driver_conn *conn) {
  for (transaction *t = s->transactions; t; t = t->next)
    if (t->conn == conn) t->joint.wrote = true;
}

/* The transaction that accesses to this client and level run in: the newest that is not suspended. NULL: none. */
transaction *transaction_find(const shunt_session *s, const cat_client *client, int level);
/* TRANSACTION if a stream is open on the transaction's connection: that takes no other statement. */
shunt_status transaction_check_free(const call *c, const driver_conn *conn);
/* The connection of a transaction that is open already. Nothing begins, and nothing is received. */
driver_conn *transaction_peek(const shunt_session *s, const cat_client *client, int level);
/* Whether these options ask for a transaction that can be committed with others as one. */
static inline bool transaction_is_joint(const shunt_tx_options *o) {
  return o->spanning && strcmp(o->spanning, "join") == 0;
}

/* Errors: those of pool_acquire and of the driver; TRANSACTION if a suspended transaction is in its way. */
shunt_status transaction_open(call *c, const cat_client *client, int level, const shunt_tx_options *o,
                              transaction **out);
/* Whatever it returns, the transaction has ended on the database and must be closed. */
shunt_status transaction_commit(call *c, transaction *t);
/* Gives its connection back to the pool, which rolls back what is still open. */
void transaction_close(shunt_session *s, transaction *t);

/* `by`: as in doom. */
void transaction_doom(transaction *t, int savepoint, shunt_status by);
/* Fills err with the reason, and returns its status. what: "the transaction"; client: where it is, or "". */
shunt_status transaction_refuse_doomed(const doom *d, const char *what, const char *client, shunt_error *err);
shunt_status transaction_save(call *c, transaction *t, int *savepoint);
/* Releases the savepoint and those inside. If that fails, it can still be undone. */
shunt_status transaction_release(call *c, transaction *t, int savepoint);
/* Rolls back the savepoint and those inside. If that fails, the transaction is doomed. */
void transaction_undo(shunt_session *s, transaction *t, int savepoint);

/* The client for SQL or a transaction. name NULL: the session's current datasource, else its default; "default": the
 * instance's default, even after a switch. Rules are asked for these two only. Errors: those of session_named_client
 * and route_decide. */
shunt_status transaction_client(call *c, const char *name, shunt_op op, const cat_client **client, int *level);

#endif
