/* For: what connect_mariadb.c and listen_mariadb.c share: the state of a connection of MariaDB's client library that is
 * being made.
 * Owner: the caller of mysqldb_real_connect has the listener on its stack; the connection points at it meanwhile.
 * Use: mysql_listener l; mysqldb_listen(conn, &l, to); connect; conn->listener = NULL;
 * then conn->refused says why the server was not let go on. */
#ifndef SHUNT_DRIVER_MYSQL_LISTEN_H
#define SHUNT_DRIVER_MYSQL_LISTEN_H

#include "driver/mysql/options.h"
#include "driver/mysql/wait.h"

#ifdef MARIADB_BASE_VERSION

struct mysql_listener {
  const mysql_target *to;
  bool greeted;                    /* the greeting has come */
  bool accepted;                   /* the server has said that it wants no more of the password */
  char plugin[MYSQL_PLUGIN_BYTES]; /* that answers the server now */
  /* the message that is coming in */
  uint32_t size;            /* of its body, by its header */
  size_t at;                /* bytes of header and body so far */
  unsigned char *body;      /* where the library reads it from; valid once a byte of it is there */
  unsigned char head[1024]; /* its first bytes */
};

/* Hears what the server says on this connection from now on. False: out of memory. */
bool mysqldb_listen(mysql_conn *conn, mysql_listener *l, const mysql_target *to);

#endif

#endif
