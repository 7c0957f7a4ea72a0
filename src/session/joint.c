#include "session/joint.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "driver/opened.h"
#include "joint/going.h"
#include "joint/recover.h"
#include "session/joint_begin.h"
#include "session/outcome.h"
#include "session/stream.h"

static const int64_t AFTER_NS = 10000000000; /* to end what is decided, even if the call's deadline is over */

static const int64_t CLEAR_NS = 2000000000;

enum { CLEAR_AFTER = 64 /* decisions */ };

typedef struct joint {
  call *c;
  transaction **list;
  size_t n;
  transaction *lead;
  uint64_t store;         /* the lead's */
  char id[JOINT_ID_ROOM]; /* of the whole */
  joint_going *going;     /* NULL: nothing is prepared */
  const transaction *failed;
  bool unknown; /* whether the decision was committed */
  bool left;    /* a participant was not reached */
} joint;

static bool is_private(const transaction *t) { return driver_is_private(t->client); }

static shunt_status fail_at(joint *j, const transaction *t, shunt_status status) {
  if (status && !j->failed) j->failed = t;
  if (status) error_client(j->c->err, t->client->name);
  return status;
}

static void give_time(const call *c, driver_conn *conn) {
  const int64_t until_ns = clock_monotonic_ns() + AFTER_NS;
  if (c->deadline_ns) conn->deadline_ns = until_ns > c->deadline_ns ? until_ns : c->deadline_ns;
}

/* ---- before the first phase ---- */

static shunt_status check_doomed(joint *j) {
  for (size_t i = 0; i < j->n; i++)
    if (j->list[i]->doomed.at != NOT_DOOMED) return fail_at(j, j->list[i], transaction_commit(j->c, j->list[i]));
  return SHUNT_OK;
}

/* Those that only read may still fail: under serializable isolation it is the commit that says so. */
static shunt_status commit_readers(joint *j) {
  shunt_status status = SHUNT_OK;
  for (size_t i = 0; i < j->n && !status; i++)
    if (!j->list[i]->joint.wrote) status = fail_at(j, j->list[i], transaction_commit(j->c, j->list[i]));
  return status;
}

static size_t count_writers(const joint *j) {
  size_t n = 0;
  for (size_t i = 0; i < j->n; i++) n += j->list[i]->joint.wrote;
  return n;
}

static shunt_status refuse_two(call *c, const char *a, const char *b) {
  return error_set(
      c->err, SHUNT_E_TRANSACTION,
      "'%s' and '%s' can't be committed as one: neither can prepare a transaction (SQLite never can; "
      "PostgreSQL needs max_prepared_transactions, and MySQL the privilege XA_RECOVER_ADMIN); write to one "
      "of them outside of this transaction",
      a, b);
}

/* One whose id was given at its beginning makes the better coordinator: as a participant it needs a row of its own. */
static int rank(const transaction *t) { return !t->joint.prepares ? 2 : t->joint.number ? 1 : 0; }

static shunt_status choose_lead(joint *j) {
  for (size_t i = 0; i < j->n; i++) {
    transaction *t = j->list[i];
    if (!t->joint.wrote) continue;
    if (j->lead && !t->joint.prepares && !j->lead->joint.prepares)
      return fail_at(j, t, refuse_two(j->c, j->lead->client->name, t->client->name));
    if (!j->lead || rank(t) > rank(j->lead)) j->lead = t;
  }
  return SHUNT_OK;
}

/* ---- stores ---- */

/* On a connection of its own where DDL would commit, or could meet another's. */
static shunt_status make_apart(const transaction *t, uint64_t *store, shunt_error *err) {
  driver_conn *conn;
  shunt_status status = joint_connect(t->client, &conn, err);
  if (status) return status;
  status = joint_store_make(conn, store, err);
  driver_close(conn);
  return status;
}

static shunt_status find_store(joint *j, const transaction *t, uint64_t *store) {
  *store = is_private(t) ? JOINT_STORE_PRIVATE : atomic_load(&pool_facts_of(t->conn)->store);
  if (*store != JOINT_STORE_UNKNOWN) return SHUNT_OK;
  if (!t->conn->engine->two_phase) return joint_store_make(t->conn, store, j->c->err);
  shunt_status status = make_apart(t, store, j->c->err);
  if (!status) atomic_store(&pool_facts_of(t->conn)->store, *store);
  return status;
}

static shunt_status write_row(joint *j, const transaction *t, const joint_row *row) {
  shunt_status status = joint_store_write(t->conn, row, j->c->err);
  if (status == SHUNT_E_NOT_FOUND)
    atomic_store(&pool_facts_of(t->conn)->store, JOINT_STORE_UNKNOWN); /* made again next time */
  return status;
}

/* ---- the first phase ---- */

static bool takes_part(const joint *j, const transaction *t) { return t->joint.wrote && t != j->lead; }

static shunt_status name_it(joint *j) {
  shunt_status status = fail_at(j, j->lead, find_store(j, j->lead, &j->store));
  if (status) return status;
  const joint_name name = joint_name_new(j->store);
  uint32_t first = name.number;
  unsigned branch = 0;
  joint_name_write(&name, 0, j->id);
  for (size_t i = 0; i < j->n; i++) {
    transaction *t = j->list[i];
    if (!takes_part(j, t)) continue;
    if (t->joint.number && t->joint.number < first) first = t->joint.number;
    if (!t->joint.number) joint_name_write(&name, ++branch, t->joint.id);
  }
  if (branch > JOINT_MOST_BRANCHES)
    return error_set(j->c->err, SHUNT_E_USAGE, "a transaction of several datasources has at most %d of them",
                     JOINT_MOST_BRANCHES);
  j->going = joint_going_begin(j->id, first);
  return j->going ? SHUNT_OK : error_memory(j->c->err);
}

/* One that got its id when it began says itself who decides: recovery reads that from the prepared transaction. */
static shunt_status prepare(joint *j, transaction *t) {
  uint64_t own;
  shunt_status status = t->joint.number ? find_store(j, t, &own) : SHUNT_OK;
  if (!status && t->joint.number) status = write_row(j, t, &(joint_row){t->joint.id, JOINT_PREPARED, j->id});
  if (!status) status = t->conn->engine->two_phase->prepare(t->conn, t->joint.id, j->c->err);
  const bool lost = status && t->conn->broken; /* the answer: then the server may prepare it, perhaps later */
  t->joint.prepared = !status || lost;
  j->left = j->left || lost;
  return fail_at(j, t, status);
}

static shunt_status prepare_all(joint *j) {
  shunt_status status = SHUNT_OK;
  for (size_t i = 0; i < j->n && !status; i++)
    if (takes_part(j, j->list[i])) status = prepare(j, j->list[i]);
  return status;
}

/* ---- the decision ---- */

static void list_participants(const joint *j, char *room, size_t size) {
  size_t at = 0;
  room[0] = 0;
  for (size_t i = 0; i < j->n && at < size; i++)
    if (j->list[i]->joint.wrote)
      at += (size_t)snprintf(room + at, size - at, "%s%s", at ? ", " : "", j->list[i]->client->name);
}

/* The answer to the commit was lost: the fence finds the decision, or keeps it out. */
static shunt_status ask_again(joint *j, bool *commits) {
  driver_conn *conn;
  shunt_status status = joint_connect(j->lead->client, &conn, NULL);
  if (status) return status;
  status = joint_store_fence(conn, j->id, commits, NULL);
  driver_close(conn);
  return status;
}

static shunt_status commit_lead(joint *j) {
  transaction *t = j->lead;
  bool commits = false;
  give_time(j->c, t->conn);
  shunt_status status = t->conn->engine->commit(t->conn, j->c->err);
  if (status && j->store != JOINT_STORE_PRIVATE && t->conn->broken) j->unknown = ask_again(j, &commits) != SHUNT_OK;
  if (commits) return SHUNT_OK;
  return fail_at(j, t, status);
}

static shunt_status decide(joint *j) {
  char participants[JOINT_DETAIL_ROOM / 4]; /* bytes, of characters that may take four */
  shunt_status status = SHUNT_OK;
  list_participants(j, participants, sizeof participants);
  if (j->store != JOINT_STORE_PRIVATE)
    status = write_row(j, j->lead, &(joint_row){j->id, JOINT_COMMITTED, participants});
  if (status == SHUNT_E_CONSTRAINT)
    status = error_set(j->c->err, SHUNT_E_TRANSACTION,
                       "recovery has overtaken this transaction, and rolled it back: do it again");
  if (status) return fail_at(j, j->lead, status);
  status = commit_lead(j);
  j->going->commits = !status;
  if (!status && j->store != JOINT_STORE_PRIVATE) atomic_store(&pool_facts_of(j->lead->conn)->store, j->store);
  return status;
}

/* ---- the second phase ---- */

/* A connection that was lost is replaced once. */
static shunt_status finish(const joint *j, const transaction *t, bool commit, shunt_error *why) {
  driver_conn *other = NULL;
  give_time(j->c, t->conn);
  if (!t->conn->broken) {
    shunt_status status = joint_finish(t->conn, t->joint.id, commit, why);
    if (!t->conn->broken) return status;
  }
  shunt_status status = joint_connect(t->client, &other, why);
  if (!status) status = joint_finish(other, t->joint.id, commit, why);
  driver_close(other);
  return status;
}

static void end_part(joint *j, transaction *t, bool commit) {
  shunt_error why;
  if (!finish(j, t, commit, &why)) {
    t->joint.prepared = false;
    return;
  }
  t->conn->broken = true;
  j->left = true;
  events_emit(j->c->s->generation.events, SHUNT_EVENT_TRANSACTION_LEFT, {"client", event_text(t->client->name)},
              {"id", event_text(j->id)}, EVENT_ERROR(&why));
}

static void end_parts(joint *j, bool commit) {
  for (size_t i = 0; i < j->n; i++)
    if (j->list[i]->joint.prepared) end_part(j, j->list[i], commit);
}

/* Now and then, so that it costs little. What is not cleared now is cleared another time. */
static void clear(const joint *j, const transaction *t, uint64_t store) {
  pool_facts *facts = pool_facts_of(t->conn);
  if (t->conn->broken || store == JOINT_STORE_PRIVATE) return;
  if (atomic_fetch_add(&facts->decided, 1) % CLEAR_AFTER != CLEAR_AFTER - 1) return;
  t->conn->deadline_ns = clock_monotonic_ns() + CLEAR_NS;
  (void)joint_store_clear(t->conn, store, joint_going_oldest(j->going->first), NULL);
}

static void clear_all(const joint *j) {
  clear(j, j->lead, j->store);
  for (size_t i = 0; i < j->n; i++)
    if (takes_part(j, j->list[i]) && j->list[i]->joint.number) clear(j, j->list[i], JOINT_STORE_UNKNOWN);
}

static void wake_recovery(const joint *j, bool now) {
  const session_generation *g = &j->c->s->generation;
  if (g->recover) g->recover(g, now);
}

static shunt_status in_two_phases(joint *j) {
  shunt_status status = name_it(j);
  if (status) return status;
  wake_recovery(j, false);
  status = prepare_all(j);
  if (!status) status = decide(j);
  outcome_note(j->c, status, j->unknown ? SHUNT_UNKNOWN : SHUNT_NOT_DONE, "been committed");
  if (!j->unknown) end_parts(j, !status);
  if (!status) clear_all(j);
  return status;
}

/* ---- the whole ---- */

/* "some: failed: …; main: rolled back; users: only read" */
static shunt_status report(const joint *j, shunt_status status) {
  shunt_error *err = j->c->err;
  char others[512] = "";
  size_t at = 0;
  if (!err || !j->failed || j->n == 1) return status;
  for (size_t i = 0; i < j->n && at < sizeof others; i++) {
    const transaction *t = j->list[i];
    if (t == j->failed) continue;
    const char *did = !t->joint.wrote ? "wrote nothing" : j->unknown ? "left to recovery" : "rolled back";
    at += (size_t)snprintf(others + at, sizeof others - at, "; %s: %s", t->client->name, did);
  }
  error_reword(err, status, "%s: failed: %.440s%s%s", j->failed->client->name, err->message,
               j->unknown ? ", and recovery will do the same with all of them" : "", others);
  error_client(err, j->failed->client->name);
  return status;
}

static void roll_back(const joint *j) {
  for (size_t i = 0; i < j->n; i++) {
    driver_conn *conn = j->list[i]->conn;
    give_time(j->c, conn);
    if (conn->in_transaction) conn->engine->rollback(conn);
    if (j->list[i]->joint.prepared) conn->broken = true; /* nothing else may run on it */
  }
}

shunt_status joint_commit(call *c, transaction **list, size_t n) {
  joint j = {.c = c, .list = list, .n = n};
  for (size_t i = 0; i < n; i++) {
    stream_end_all(c->s, list[i], 0);
    list[i]->conn->deadline_ns = c->deadline_ns;
  }
  shunt_status status = check_doomed(&j);
  if (!status) status = choose_lead(&j);
  if (!status) status = commit_readers(&j);
  if (!status && count_writers(&j) > 1)
    status = in_two_phases(&j);
  else if (!status && j.lead)
    status = fail_at(&j, j.lead, transaction_commit(c, j.lead));
  if (status) status = report(&j, status);
  if (status) roll_back(&j);
  for (size_t i = 0; i < n; i++)
    if (!status || j.unknown) list[i]->outcome = status ? SHUNT_UNKNOWN : SHUNT_DONE;
  const bool left = j.left || j.unknown;
  if (j.going) joint_going_end(j.going, left);
  if (left) wake_recovery(&j, true);
  return status;
}

/* ---- before ---- */

static const transaction *find_unprepared(transaction *const *list, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (!list[i]->read_only && !list[i]->joint.prepares) return list[i];
  return NULL;
}

shunt_status joint_check(call *c, transaction *const *list, size_t n, const cat_client *joining) {
  const transaction *other = find_unprepared(list, n);
  driver_conn *conn;
  if (!other) return SHUNT_OK;
  const int level = session_level_of(joining, c->s->level.now);
  shunt_status status = SHUNT_E_TRANSACTION;
  call quiet = *c;
  quiet.err = NULL;
  if (driver_for(joining->engine)->two_phase) {
    status = call_connect(c, joining, level, &conn);
    if (status) return status;
    status = joint_ask(&quiet, conn);
    pool_release(conn, level);
  }
  if (!status) return SHUNT_OK;
  status = refuse_two(c, other->client->name, joining->name);
  error_client(c->err, joining->name);
  return status;
}
