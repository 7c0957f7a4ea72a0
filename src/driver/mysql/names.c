/* The names of the options of a connection, and messages that name one. */
#include <stdio.h>

#include "base/error.h"
#include "base/suggest.h"
#include "catalog/settings.h"
#include "driver/mysql/options.h"

static const char *const keys[NSETTINGS] = {
#define SETTING_KEY(name, key) key,
    MYSQL_SETTING_MAP(SETTING_KEY)
#undef SETTING_KEY
};

const schema_field *mysqldb_setting_row(mysql_setting which) { return schema_field_of(&schema_mysql, keys[which]); }

mysql_setting mysqldb_setting_named(const char *name) {
  const schema_field *row = schema_field_of(&schema_mysql, name);
  int i = 0;
  while (i < NSETTINGS && row != mysqldb_setting_row((mysql_setting)i)) i++;
  return (mysql_setting)i;
}

shunt_status mysqldb_bad_setting(const mysql_settings *s, const char *name, const char *what) {
  error_set(s->err, SHUNT_E_CONFIG, "client '%s', connection, %s: %s", s->client->name, name, what);
  error_client(s->err, s->client->name);
  error_place(s->err, s->client->at.file, s->client->at.line, s->client->at.column);
  return SHUNT_E_CONFIG;
}

/* The catalog has found those beside the url. A name in the url that resembles no option may be the end of a password
 * whose & is not percent-encoded. */
shunt_status mysqldb_unknown_setting(const mysql_settings *s, const char *name) {
  char what[256];
  suggest near = suggest_for(name);
  for (int i = 0; i < NSETTINGS; i++) suggest_try(&near, keys[i]);
  if (!near.best) return mysqldb_bad_setting(s, "url", "it has an unknown option of mysql");
  snprintf(what, sizeof what, "unknown option of mysql%s", suggest_text(&near));
  return mysqldb_bad_setting(s, name, what);
}
