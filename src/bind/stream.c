#include "bind/bind.h"

#include <string.h>

enum { STREAM_SESSION = 1, STREAM_NAMES, STREAM_NVALUES = STREAM_NAMES };

struct bind_stream {
  bind_held held;       /* must be the first field: a bind_held is cast to it */
  shunt_stream *stream; /* NULL: it has ended */
};

static void close_stream(bind_stream *s) {
  bind_let_go(&s->held);
  shunt_stream_close(s->stream);
  s->stream = NULL;
}

static void end_held(lua_State *L, bind_held *h, int session_index) {
  (void)L;
  (void)session_index;
  close_stream((bind_stream *)h);
}

bind_stream *bind_stream_new(lua_State *L, int session_index) {
  bind_stream *s = lua_newuserdatauv(L, sizeof *s, STREAM_NVALUES);
  memset(s, 0, sizeof *s);
  s->held.end = end_held;
  luaL_setmetatable(L, BIND_STREAM);
  lua_pushvalue(L, session_index);
  lua_setiuservalue(L, -2, STREAM_SESSION);
  return s;
}

shunt_stream **bind_stream_place(bind_stream *s) { return &s->stream; }

/* The names of the columns, so that each row is made without copying them. */
static void push_names(lua_State *L, const shunt_stream *stream) {
  size_t n = shunt_stream_ncolumns(stream);
  lua_createtable(L, (int)n, 0);
  for (size_t i = 0; i < n; i++) {
    lua_pushstring(L, shunt_stream_column(stream, i));
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
}

static void push_row(lua_State *L, const shunt_stream *stream, const shunt_value *row) {
  size_t n = shunt_stream_ncolumns(stream);
  if (lua_getiuservalue(L, 1, STREAM_NAMES) != LUA_TTABLE) {
    lua_pop(L, 1);
    push_names(L, stream);
    lua_pushvalue(L, -1);
    lua_setiuservalue(L, 1, STREAM_NAMES);
  }
  lua_createtable(L, 0, (int)n);
  for (size_t i = 0; i < n; i++) {
    lua_rawgeti(L, -2, (lua_Integer)i + 1);
    bind_push_value(L, &row[i]);
    lua_rawset(L, -3);
  }
}

/* The iterator: the next row, or nil after the last one. An error ends the stream. */
static int stream_next(lua_State *L) {
  lua_settop(L, 1);
  bind_stream *s = bind_check(L, 1, BIND_STREAM, "a stream");
  if (!s->stream) return 0;
  const shunt_value *row = NULL;
  lua_getiuservalue(L, 1, STREAM_SESSION);
  bind_call *c = bind_enter(L, 2);
  bind_busy(L, c);
  shunt_status st = shunt_stream_next(s->stream, &row, &c->err);
  if (!row) close_stream(s);
  bind_done(L, c, st);
  if (row)
    push_row(L, s->stream, row);
  else
    lua_pushnil(L);
  bind_leave(L, c);
  return 1;
}

/* A loop that is left early closes its stream. */
static int stream_close(lua_State *L) {
  bind_stream *s = bind_check(L, 1, BIND_STREAM, "a stream");
  lua_settop(L, 1);
  lua_getiuservalue(L, 1, STREAM_SESSION);
  bind_session *session = luaL_checkudata(L, 2, BIND_SESSION);
  bool observed = s->stream && session->session && !session->busy;
  if (observed) {
    session->busy = true;
    session->L = L;
    session->index = 2;
  }
  close_stream(s);
  if (!observed) return 0;
  session->busy = false;
  session->L = NULL;
  return 0;
}

static int stream_gc(lua_State *L) {
  close_stream(luaL_checkudata(L, 1, BIND_STREAM));
  return 0;
}

int bind_stream_loop(lua_State *L) {
  bind_stream *s = lua_touserdata(L, -1);
  lua_getiuservalue(L, -1, STREAM_SESSION);
  bind_hold(L, &s->held, lua_touserdata(L, -1));
  lua_pop(L, 1);
  lua_pushcfunction(L, stream_next);
  lua_insert(L, -2);
  lua_pushnil(L);
  lua_pushvalue(L, -2);
  return 4;
}

void bind_stream_register(lua_State *L) {
  static const luaL_Reg metamethods[] = {{"__gc", stream_gc}, {"__close", stream_close}, {NULL, NULL}};
  bind_class(L, BIND_STREAM, metamethods, NULL, NULL);
}
