/* The methods of a request: predicates, which depend on less than the whole value, and model_client. */
#include <lauxlib.h>
#include <math.h>
#include <string.h>

#include "rule/cost.h"
#include "rule/host_inner.h"
#include "rule/lib.h"
#include "rule/sandbox_inner.h"

/* The value as a whole number: 7, 7.0 and "7" are the same. */
static bool whole(const shunt_value *value, int64_t *n) {
  if (value->type == SHUNT_INTEGER) {
    *n = value->as.integer;
    return true;
  }
  if (value->type == SHUNT_FLOAT) {
    double d = value->as.number;
    if (!(d >= -9223372036854775808.0 && d < 9223372036854775808.0) || d != floor(d)) return false;
    *n = (int64_t)d;
    return true;
  }
  if (value->type != SHUNT_TEXT && value->type != SHUNT_BLOB) return false;
  bool negative = value->size > 0 && value->as.bytes[0] == '-';
  if (value->size == negative || value->size > 19U + negative) return false;
  uint64_t sum = 0, most = (uint64_t)INT64_MAX + negative;
  for (size_t i = negative; i < value->size; i++) { /* nineteen digits fit */
    unsigned char digit = (unsigned char)(value->as.bytes[i] - '0');
    if (digit > 9) return false;
    sum = sum * 10 + digit;
  }
  if (sum > most) return false;
  *n = negative ? (int64_t)-sum : (int64_t)sum;
  return true;
}

static bool part(const rule_read *read, const shunt_value *value, int64_t *said) {
  int64_t n, parts = read->of.parts;
  if (!value) return false;
  if (read->predicate == RULE_BUCKET) {
    *said = (int64_t)(host_hash(value) % (uint64_t)parts);
    return true;
  }
  if (!whole(value, &n)) return false;
  *said = n % parts;
  if (*said < 0) *said += parts;
  return true;
}

bool rule_tell(const rule_read *read, const shunt_value *value, int64_t *said) {
  switch (read->predicate) {
  case RULE_MOD:
  case RULE_BUCKET:
    return part(read, value, said);
  case RULE_ONE_OF:
    *said = value && host_list_has(read->of.operand, value);
    return true;
  case RULE_PREFIX:
    *said = value && host_prefix_holds(read->of.operand, value);
    return true;
  case RULE_VALUE:
  case RULE_CLASS:
    break;
  }
  return false;
}

/* The message shows the value and the model, and a rule may catch it: so the decision depends on all of both. */
static int not_whole(lua_State *L, const char *path) {
  rule_host *h = host_of(L);
  const cat_model *model = host_view(L, h)->request->model;
  rule_read read = {.predicate = RULE_VALUE};
  shunt_value room;
  const shunt_value *value = host_subject(L, h, path, &read, &room);
  host_read(L, h, RULE_FIELD_MODEL);
  host_push_value(L, value);
  return luaL_error(L, "mod: %s is %s, not a whole number (model '%s'): use bucket, which takes any value", path,
                    host_shown(L, -1), model ? model->name : "");
}

/* For a look at each of its bytes. */
static void charge_value(lua_State *L, const shunt_value *value) {
  if (value && (value->type == SHUNT_TEXT || value->type == SHUNT_BLOB)) sandbox_charge(L, cost_read(value->size));
}

/* Pushes a part from 0 to parts - 1; nil if the field is absent. */
static int push_part(lua_State *L, const char *method, rule_predicate predicate) {
  const char *path = host_text_of(L, 2, method, "the field");
  int64_t said;
  rule_read read = {.predicate = predicate, .of = {.parts = lib_integer(L, 3)}};
  if (read.of.parts < 1)
    return luaL_error(L, "%s of %s: the number of parts is %I: give 1 or more", method, path,
                      (LUAI_UACINT)read.of.parts);
  shunt_value room;
  const shunt_value *value = host_subject(L, host_of(L), path, &read, &room);
  charge_value(L, value);
  if (!value)
    lua_pushnil(L);
  else if (rule_tell(&read, value, &said))
    lua_pushinteger(L, said);
  else
    return not_whole(L, path);
  return 1;
}

/* req:mod(field, n): the remainder. */
static int mod(lua_State *L) { return push_part(L, "mod", RULE_MOD); }

/* req:bucket(field, n): by a hash that is the same on every machine. */
static int bucket(lua_State *L) { return push_part(L, "bucket", RULE_BUCKET); }

/* Writes the list at index 3 as bytes. False if they are too many to be kept. */
static bool list_bytes(lua_State *L, rule_host *h, const char *path) {
  const char *attribute = strncmp(path, "attrs.", 6) == 0 ? path + 6 : NULL;
  buf *bytes = &h->scratch;
  buf_reset(bytes);
  buf_add(bytes, "", 0);
  for (lua_Integer i = 1; bytes->size <= HOST_OPERAND_BYTES && lua_geti(L, 3, i) != LUA_TNIL; i++) {
    shunt_value value;
    sandbox_charge(L, 1);
    if (host_value(L, -1, &value)) {
      if (attribute) host_check_attribute(L, h, attribute, &value);
      charge_value(L, &value);
      host_list_add(bytes, &value); /* other values never equal a field */
    }
    lua_pop(L, 1);
  }
  if (bytes->failed) sandbox_raise_memory(L);
  return bytes->size <= HOST_OPERAND_BYTES;
}

static bool list_has(lua_State *L, const shunt_value *value) {
  bool found = false;
  for (lua_Integer i = 1; !found && lua_geti(L, 3, i) != LUA_TNIL; i++) {
    shunt_value item;
    sandbox_charge(L, 1);
    const bool is_value = host_value(L, -1, &item);
    if (is_value) charge_value(L, &item);
    found = is_value && host_equal(&item, value);
    lua_pop(L, 1);
  }
  return found;
}

/* req:one_of(field, set): whether the value is in the list. */
static int one_of(lua_State *L) {
  rule_host *h = host_of(L);
  const char *path = host_text_of(L, 2, "one_of", "the field");
  luaL_checktype(L, 3, LUA_TTABLE);
  const rule_operand *list =
      list_bytes(L, h, path) ? host_operand(L, h, RULE_ONE_OF, h->scratch.data, h->scratch.size) : NULL;
  rule_read read = {.predicate = list ? RULE_ONE_OF : RULE_VALUE, .of = {.operand = list}};
  shunt_value room;
  const shunt_value *value = host_subject(L, h, path, &read, &room);
  lua_pushboolean(L, value && (list ? host_list_has(list, value) : list_has(L, value)));
  return 1;
}

/* req:prefix(field, p): whether the value is text that begins with p. */
static int prefix(lua_State *L) {
  rule_host *h = host_of(L);
  size_t size;
  const char *path = host_text_of(L, 2, "prefix", "the field"), *p = luaL_checklstring(L, 3, &size);
  sandbox_charge(L, cost_read(size)); /* it is hashed */
  const rule_operand *kept = host_operand(L, h, RULE_PREFIX, p, size);
  rule_read read = {.predicate = kept ? RULE_PREFIX : RULE_VALUE, .of = {.operand = kept}};
  shunt_value room;
  const shunt_value *value = host_subject(L, h, path, &read, &room);
  lua_pushboolean(L, value && host_begins(value, p, size));
  return 1;
}

/* req:model_client(): the client that the model is bound to, by the app config or in its own rule file. */
static int model_client(lua_State *L) {
  rule_host *h = host_of(L);
  const cat_model *model = host_view(L, h)->request->model;
  rule_host_read(h, RULE_FIELD_MODEL);
  if (model && model->client_function != CATALOG_NO_FUNCTION) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, model->client_function);
    lua_pushvalue(L, 1);
    lua_call(L, 1, 1);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, h);
    h->model_function = model->client_function;
  } else if (model && model->client) {
    lua_pushstring(L, model->client);
  } else {
    lua_pushnil(L);
  }
  return 1;
}

const luaL_Reg host_predicates[] = {
    {"mod", mod}, {"bucket", bucket}, {"one_of", one_of}, {"prefix", prefix}, {"model_client", model_client},
    {NULL, NULL}};
