/* For: describing the tables that a session uses, each once per generation.
 * Owner: the session; a table_info lives as long as the session's generation.
 * Use: table_find(c, client, level, "users", false, &table); … table->shape … */
#ifndef SHUNT_QUERY_TABLE_H
#define SHUNT_QUERY_TABLE_H

#include "session/call.h"

/* again: asks the database even if the table is known. Errors: NOT_FOUND, and those of pool_acquire and of the driver.
 */
shunt_status table_find(call *c, const cat_client *client, int level, const char *name, bool again, table_info **out);
/* Forgets all tables, because they have changed. */
void table_forget_all(shunt_session *s);

#endif
