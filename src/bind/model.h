/* For: between model.c and write.c: the model that a method is called on.
 * Use: bind_model *m; bind_call *c = bind_model_enter(L, 3, &m); … bind_leave(L, c); */
#ifndef SHUNT_BIND_MODEL_H
#define SHUNT_BIND_MODEL_H

#include "bind/bind.h"

enum { MODEL_SESSION = 1, MODEL_NAME, MODEL_CLIENT, MODEL_TABLE, MODEL_NVALUES = MODEL_TABLE };

/* The user values hold the texts. */
typedef struct bind_model {
  const char *name;
  const char *client; /* or NULL */
  const char *table;  /* or NULL */
} bind_model;

/* Every method has the model first and nargs arguments in all. Behind them this pushes the session and the call. */
bind_call *bind_model_enter(lua_State *L, int nargs, bind_model **m);
/* Raises c->err unless status is SHUNT_OK. */
void bind_check_status(lua_State *L, bind_call *c, shunt_status status);
/* The where argument of get and delete; other is the one among the options. */
const shunt_where *bind_model_where(lua_State *L, bind_call *c, int index, const shunt_where *other, const char *of);

#endif
