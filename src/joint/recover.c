#define _POSIX_C_SOURCE 200809L
#include "joint/recover.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/clock.h"
#include "driver/opened.h"
#include "joint/age.h"
#include "joint/going.h"

typedef struct peer {
  const cat_client *client;
  driver_conn *conn; /* NULL: none is open */
  uint64_t store;    /* JOINT_STORE_UNKNOWN: it has none, or was not asked */
  bool looked;       /* for its store */
} peer;

/* A prepared transaction. */
typedef struct branch {
  peer *at;
  peer **listed; /* those that list it: clients of one server all do */
  size_t nlisted, listed_room;
  char id[JOINT_ID_ROOM];  /* its own */
  char all[JOINT_ID_ROOM]; /* of the whole commit; "" if nothing names it */
  joint_name name;         /* of the whole, or its own */
  peer *coordinator;       /* NULL: unknown, or a database in memory */
  const char *decision, *process;
  char participants[JOINT_DETAIL_ROOM];
  bool ended; /* by this run */
  bool failed;
  shunt_error why; /* failed: why it was left */
} branch;

typedef struct recovery {
  const joint_look *look;
  arena arena;
  peer *peers;
  size_t npeers;
  branch **list;
  size_t count, capacity;
  size_t unreachable;
  shunt_rows *rows;
  shunt_error *err;
} recovery;

static bool is_stopped(const recovery *r) { return r->look->stop && atomic_load(r->look->stop); }

/* ---- connections ---- */

shunt_status joint_connect(const cat_client *client, driver_conn **conn, shunt_error *err) {
  shunt_status status =
      driver_open(driver_for(client->engine), client, clock_monotonic_ns() + JOINT_CONNECT_S * NS_PER_S, conn, err);
  if (status)
    *conn = NULL;
  else
    (*conn)->deadline_ns = clock_monotonic_ns() + JOINT_STATEMENT_S * NS_PER_S;
  return status;
}

static void hang_up(peer *p) {
  driver_close(p->conn);
  p->conn = NULL;
}

/* Each use gets new time. */
static shunt_status connect_to(peer *p, shunt_error *err) {
  if (p->conn && p->conn->broken) hang_up(p);
  if (!p->conn) return joint_connect(p->client, &p->conn, err);
  p->conn->deadline_ns = clock_monotonic_ns() + JOINT_STATEMENT_S * NS_PER_S;
  return SHUNT_OK;
}

/* ---- one prepared transaction ---- */

static shunt_status is_listed(driver_conn *conn, const char *id, bool *listed, shunt_error *err) {
  shunt_rows *ids = rows_new();
  *listed = false;
  if (!ids) return error_memory(err);
  shunt_status status = conn->engine->two_phase->list(conn, ids, err);
  for (size_t i = 0; i < ids->count && !status; i++) {
    const shunt_value *v = rows_row(ids, i);
    *listed = *listed || (v->size == strlen(id) && memcmp(v->as.bytes, id, v->size) == 0);
  }
  shunt_rows_free(ids);
  return status;
}

/* MariaDB says NOT_FOUND as long as it has not ended the connection of a process that was killed. */
shunt_status joint_finish(driver_conn *conn, const char *id, bool commit, shunt_error *err) {
  enum { TRIES = 40 };
  const struct timespec pause = {.tv_nsec = 50 * NS_PER_MS};
  bool listed = true;
  for (int i = 0; i < TRIES && listed; i++) {
    if (i) nanosleep(&pause, NULL);
    shunt_status status = conn->engine->two_phase->finish(conn, id, commit, err);
    if (status != SHUNT_E_NOT_FOUND) return status;
    status = is_listed(conn, id, &listed, err);
    if (status) return status;
  }
  if (!listed) return SHUNT_OK;
  return error_set(err, SHUNT_E_CONFLICT, "client '%s': the connection that prepared %s has not ended yet",
                   conn->client->name, id);
}

/* ---- finding them ---- */

static branch *find_branch(const recovery *r, const char *id) {
  for (size_t i = 0; i < r->count; i++)
    if (strcmp(r->list[i]->id, id) == 0) return r->list[i];
  return NULL;
}

static branch *new_branch(recovery *r, const char *id, const joint_name *name) {
  branch *b = arena_new(&r->arena, branch);
  if (!b || !arena_grow(&r->arena, &r->list, &r->capacity, r->count + 1, sizeof(branch *))) return NULL;
  b->name = *name;
  snprintf(b->id, sizeof b->id, "%s", id);
  if (name->store != JOINT_STORE_UNKNOWN) joint_name_write(name, 0, b->all);
  return r->list[r->count++] = b;
}

static shunt_status add_branch(recovery *r, peer *p, const shunt_value *id) {
  joint_name name;
  char text[JOINT_ID_ROOM];
  if (id->type != SHUNT_TEXT || !joint_name_read(id->as.bytes, id->size, &name)) return SHUNT_OK;
  snprintf(text, sizeof text, "%.*s", (int)id->size, id->as.bytes);
  branch *b = find_branch(r, text);
  if (!b && !(b = new_branch(r, text, &name))) return error_memory(r->err);
  if (!arena_grow(&r->arena, &b->listed, &b->listed_room, b->nlisted + 1, sizeof(peer *))) return error_memory(r->err);
  b->listed[b->nlisted++] = p;
  b->at = b->listed[0];
  return SHUNT_OK;
}

static shunt_status note_unreachable(recovery *r, const peer *p, const shunt_error *why);

static shunt_status look_at(recovery *r, peer *p) {
  const driver_two_phase *two = driver_for(p->client->engine)->two_phase;
  shunt_error why = {.status = SHUNT_OK};
  if (!two || p->client->replica || is_stopped(r)) return SHUNT_OK;
  shunt_rows *ids = rows_new();
  if (!ids) return error_memory(r->err);
  shunt_status status = connect_to(p, &why);
  if (!status) status = two->list(p->conn, ids, &why);
  size_t before = r->count;
  if (status) status = note_unreachable(r, p, &why);
  for (size_t i = 0; i < ids->count && !status; i++) status = add_branch(r, p, rows_row(ids, i));
  if (r->count == before) hang_up(p);
  shunt_rows_free(ids);
  return status;
}

/* ---- whose they are ---- */

/* Whether the client is the participant, which got its id when it began. */
static bool names_whole(branch *b, peer *p) {
  shunt_status status = connect_to(p, &b->why);
  if (!status) status = joint_store_peek(p->conn, b->id, b->all, &b->why);
  b->failed = b->failed || status;
  return !status && joint_name_read(b->all, strlen(b->all), &b->name);
}

static void find_whole(branch *b) {
  for (size_t i = 0; i < b->nlisted && !b->all[0]; i++)
    if (names_whole(b, b->listed[i])) b->at = b->listed[i];
  if (b->all[0]) b->failed = false;
}

static void learn_store(peer *p) {
  shunt_error why;
  if (p->looked || driver_is_private(p->client)) return;
  p->looked = true;
  if (connect_to(p, &why) == SHUNT_OK && joint_store_find(p->conn, &p->store, &why)) p->store = JOINT_STORE_UNKNOWN;
}

static peer *find_store(recovery *r, uint64_t store) {
  for (size_t i = 0; i < r->npeers; i++)
    if (r->peers[i].store == store) return &r->peers[i];
  for (size_t i = 0; i < r->npeers && !is_stopped(r); i++) {
    peer *p = &r->peers[i];
    if (p->looked) continue;
    const bool open = p->conn != NULL;
    learn_store(p);
    if (p->store == store) return p;
    if (!open) hang_up(p);
  }
  return NULL;
}

static const char *process_of(const branch *b) {
  static const char *const words[] = {
      [JOINT_HERE] = "here", [JOINT_RUNS] = "running", [JOINT_ENDED] = "ended", [JOINT_ELSEWHERE] = "elsewhere"};
  return words[joint_name_process(&b->name)];
}

static void learn(recovery *r, branch *b) {
  find_whole(b);
  b->process = process_of(b);
  b->decision = "unknown";
  if (!b->all[0]) return;
  if (b->name.store == JOINT_STORE_PRIVATE) {
    b->decision = "undecided";
    return;
  }
  b->coordinator = find_store(r, b->name.store);
}

/* ---- ending them ---- */

static void leave(branch *b, const char *why) {
  b->failed = true;
  error_set(&b->why, SHUNT_E_TRANSACTION, "%s", why);
}

/* Whether it is this run's to end. */
static bool is_due(const recovery *r, branch *b) {
  const int64_t age_s = joint_age_s(b->all, b->name.time_s);
  const joint_process process = joint_name_process(&b->name);
  const bool private_store = b->name.store == JOINT_STORE_PRIVATE;
  if (!b->all[0])
    leave(b, "nothing on this datasource names the commit that it belongs to");
  else if (!private_store && !b->coordinator)
    leave(b, "none of the clients that could be asked has its decision; its coordinator is another application's, or "
             "was not reached");
  else if (process == JOINT_HERE && joint_going_is(b->all))
    leave(b, "its commit is under way in this process");
  else if (process == JOINT_RUNS && (private_store || !r->look->id))
    leave(b, "the process that commits it is running");
  else if (process == JOINT_ELSEWHERE && !r->look->id && (private_store || age_s < JOINT_PATIENCE_S))
    leave(b, "a process of another host or container may be committing it");
  return !b->failed;
}

/* The decision, which is made here if there was none. A database in memory ends with its process: then the others
 * undo their parts, too. */
static shunt_status decide(branch *b, bool *commits) {
  *commits = b->name.store == JOINT_STORE_PRIVATE && joint_going_commits(b->all);
  if (b->name.store == JOINT_STORE_PRIVATE) return SHUNT_OK;
  shunt_status status = connect_to(b->coordinator, &b->why);
  return status ? status : joint_store_fence(b->coordinator->conn, b->all, commits, &b->why);
}

static void end_branch(const recovery *r, branch *b) {
  bool commits;
  shunt_status status = decide(b, &commits);
  if (!status) {
    b->decision = commits ? JOINT_COMMITTED : JOINT_ROLLED_BACK;
    status = connect_to(b->at, &b->why);
  }
  if (!status) status = joint_finish(b->at->conn, b->id, commits, &b->why);
  b->ended = !status;
  b->failed = !b->ended;
  if (b->ended)
    events_emit(r->look->events, SHUNT_EVENT_TRANSACTION_RECOVERED, {"client", event_text(b->at->client->name)},
                {"id", event_text(b->all)}, {"decision", event_text(b->decision)});
}

/* Without deciding anything. */
static void read_decision(branch *b) {
  joint_found found;
  if (!b->coordinator) return;
  shunt_status status = connect_to(b->coordinator, &b->why);
  if (!status) status = joint_store_read(b->coordinator->conn, b->all, &found, &b->why);
  b->failed = status != SHUNT_OK;
  if (status) return;
  b->decision = strcmp(found.state, JOINT_COMMITTED) == 0     ? JOINT_COMMITTED
                : strcmp(found.state, JOINT_ROLLED_BACK) == 0 ? JOINT_ROLLED_BACK
                                                              : "undecided";
  snprintf(b->participants, sizeof b->participants, "%s", found.detail);
}

static bool is_wanted(const recovery *r, const branch *b) {
  return !r->look->id || strcmp(r->look->id, b->all) == 0 || strcmp(r->look->id, b->id) == 0;
}

static void handle(recovery *r, branch *b) {
  if (!b->failed) read_decision(b);
  if (r->look->resolve && !b->failed && !is_stopped(r) && is_due(r, b)) end_branch(r, b);
}

/* ---- rows ---- */

enum { ID, CLIENT, COORDINATOR, PARTICIPANTS, DECISION, ENDED, AGE, PID, PROCESS, ERROR, COLUMNS };

static const char *const columns[COLUMNS] = {[ID] = "id",
                                             [CLIENT] = "client",
                                             [COORDINATOR] = "coordinator",
                                             [PARTICIPANTS] = "participants",
                                             [DECISION] = "decision",
                                             [ENDED] = "ended",
                                             [AGE] = "age_ms",
                                             [PID] = "pid",
                                             [PROCESS] = "process",
                                             [ERROR] = "error"};

static bool set(recovery *r, shunt_value *cell, const char *text) {
  if (!text || !text[0]) return true;
  *cell = shunt_text(text, strlen(text));
  return rows_own(r->rows, cell);
}

static shunt_status note_unreachable(recovery *r, const peer *p, const shunt_error *why) {
  r->unreachable++;
  shunt_value *cells = rows_add(r->rows);
  bool ok = cells && set(r, &cells[CLIENT], p->client->name) && set(r, &cells[ERROR], why->message);
  return ok ? SHUNT_OK : error_memory(r->err);
}

static shunt_status note_branch(recovery *r, const branch *b) {
  shunt_value *cells = rows_add(r->rows);
  bool ok = cells && set(r, &cells[ID], b->all[0] ? b->all : b->id) && set(r, &cells[CLIENT], b->at->client->name) &&
            set(r, &cells[COORDINATOR], b->coordinator ? b->coordinator->client->name : NULL) &&
            set(r, &cells[PARTICIPANTS], b->participants) && set(r, &cells[DECISION], b->decision) &&
            set(r, &cells[PROCESS], b->process) && set(r, &cells[ERROR], b->failed ? b->why.message : NULL);
  if (!ok) return error_memory(r->err);
  cells[ENDED] = shunt_boolean(b->ended);
  cells[AGE] = shunt_integer(clock_real_ms() - (int64_t)b->name.time_s * 1000);
  cells[PID] = shunt_integer(b->name.pid);
  return SHUNT_OK;
}

/* ---- the run ---- */

static shunt_status begin(recovery *r) {
  const catalog *c = r->look->catalog;
  const size_t n = c->nclients + c->jobs.own;
  r->peers = arena_array(&r->arena, peer, n);
  r->npeers = r->peers ? n : 0;
  if (!r->peers || !rows_set_columns(r->rows, columns, COLUMNS)) return error_memory(r->err);
  for (size_t i = 0; i < r->npeers; i++) r->peers[i] = (peer){.client = c->clients[i]};
  return SHUNT_OK;
}

static shunt_status run(recovery *r, size_t *left) {
  shunt_status status = begin(r);
  for (size_t i = 0; i < r->npeers && !status; i++) status = look_at(r, &r->peers[i]);
  *left = r->unreachable;
  for (size_t i = 0; i < r->count && !status; i++) {
    learn(r, r->list[i]);
    if (!is_wanted(r, r->list[i])) continue;
    handle(r, r->list[i]);
    *left += !r->list[i]->ended;
    status = note_branch(r, r->list[i]);
  }
  for (size_t i = 0; i < r->npeers; i++) hang_up(&r->peers[i]);
  return status;
}

shunt_status joint_recover(const joint_look *look, shunt_rows *rows, size_t *left, shunt_error *err) {
  recovery r = {.look = look, .rows = rows, .err = err};
  const uint64_t before = joint_going_left();
  *left = 0;
  shunt_status status = run(&r, left);
  if (!status && !*left && look->resolve && !is_stopped(&r)) joint_going_finished(before);
  arena_free(&r.arena);
  return status;
}
