/* For: the rows of one statement, some of them at a time, so that any number of them needs the same memory.
 * Owner: shunt_stream_close frees the stream, which owns its statement and outlives the call that made it.
 * Use: stream_start(c, &at, &options, &stream); the host reads it with shunt_stream_next. */
#ifndef SHUNT_QUERY_STREAM_H
#define SHUNT_QUERY_STREAM_H

#include "query/site.h"

typedef struct stream_start_options {
  const sql_text *sql; /* NULL: there are no rows */
  shunt_rows *columns; /* no rows, but the names of the columns; taken over, even if it fails */
  bool whole;          /* the call's deadline ends the stream, too; otherwise each step has the session's timeout */
} stream_start_options;

/* Sends the statement and fetches the first rows. A connection that is lost before that is replaced, outside of a
 * transaction. Errors: those of statement_read. */
shunt_status stream_start(call *c, const site *at, const stream_start_options *o, shunt_stream **out);

#endif
