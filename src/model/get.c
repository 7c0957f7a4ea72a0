/* shunt_get: the short form of shunt_mget for one key of one column. */
#include "shunt.h"

shunt_status shunt_get(shunt_session *session, const char *model, shunt_value key, const shunt_query *query,
                       shunt_rows **rows, shunt_error *err) {
  return shunt_mget(session, model, &(shunt_keys){.values = &key, .n = 1, .ncolumns = 1}, query, rows, err);
}
