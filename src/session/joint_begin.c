#include "session/joint_begin.h"

shunt_status joint_ask(call *c, driver_conn *conn) {
  const driver_two_phase *two = conn->engine->two_phase;
  pool_facts *facts = pool_facts_of(conn);
  if (!two)
    return error_set(c->err, SHUNT_E_TRANSACTION, "client '%s': SQLite can't prepare transactions", conn->client->name);
  if (atomic_load(&facts->prepares)) return SHUNT_OK;
  shunt_status status = two->check(conn, c->err);
  if (!status) atomic_store(&facts->prepares, true);
  return status;
}

/* A transaction that can't be prepared may still coordinate: so the reason is no error here. */
shunt_status joint_begin(call *c, transaction *t) {
  const driver_engine *engine = t->conn->engine;
  call quiet = *c;
  quiet.err = NULL;
  t->joint.prepares = t->joint.asked && !t->read_only && engine->two_phase && joint_ask(&quiet, t->conn) == SHUNT_OK;
  if (!t->joint.prepares || !engine->two_phase->begin)
    return engine->begin(t->conn, t->isolation, t->read_only, c->err);
  const joint_name name = joint_name_new(JOINT_STORE_UNKNOWN);
  joint_name_write(&name, 0, t->joint.id);
  t->joint.number = name.number;
  return engine->two_phase->begin(t->conn, t->joint.id, t->isolation, c->err);
}
