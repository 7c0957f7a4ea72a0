#define _DEFAULT_SOURCE

#include "joint/name.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/read.h"

#define PREFIX "shunt_"

enum { MOST_BYTES = 4096, START_FIELD = 22 /* of /proc/PID/stat */, MOST_PID = 0xffffff };

/* ---- processes ---- */

/* A process id is one process only together with the boot and the time of its start. 0: there is no such process. */
static uint32_t start_of(uint32_t pid) {
  char path[64], *stat = NULL, *boot = NULL;
  size_t size;
  const char *why;
  uint64_t hash = 0;
  snprintf(path, sizeof path, "/proc/%" PRIu32 "/stat", pid);
  bool known = read_whole(path, MOST_BYTES, &stat, &size, &why) == READ_DONE &&
               read_whole("/proc/sys/kernel/random/boot_id", MOST_BYTES, &boot, &size, &why) == READ_DONE;
  const char *at = known ? strrchr(stat, ')') : NULL; /* behind the name, which may contain anything */
  if (at && strlen(at) > 2 && (at[2] == 'Z' || at[2] == 'X'))
    at = NULL; /* it has ended, and its parent has not looked */
  for (int field = 2; at && field < START_FIELD; field++) at = strchr(at + 1, ' ');
  if (at) hash = map_hash(boot, strlen(boot)) ^ map_hash(at + 1, strcspn(at + 1, " "));
  base_free(stat);
  base_free(boot);
  return at ? (uint32_t)hash | 1 : 0;
}

/* Process ids are unique in one namespace of one host. */
static uint32_t host_here(void) {
  char text[512] = "";
  if (gethostname(text, sizeof text / 2)) text[0] = 0;
  text[sizeof text / 2 - 1] = 0;
  size_t size = strlen(text);
  ssize_t more = readlink("/proc/self/ns/pid", text + size, sizeof text - size);
  return (uint32_t)map_hash(text, size + (more > 0 ? (size_t)more : 0));
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void joint_name_at_fork(process_step step) { process_step_lock(&lock, step); }

/* A fork is a process of its own. */
static joint_name here(void) {
  static joint_name own;
  pthread_mutex_lock(&lock);
  uint32_t pid = (uint32_t)getpid() & MOST_PID;
  if (own.pid != pid) own = (joint_name){.host = host_here(), .pid = pid, .start = start_of(pid)};
  joint_name n = own;
  pthread_mutex_unlock(&lock);
  return n;
}

joint_process joint_name_process(const joint_name *n) {
  joint_name own = here();
  if (n->host != own.host) return JOINT_ELSEWHERE;
  if (n->pid == own.pid && n->start == own.start) return JOINT_HERE;
  return start_of(n->pid) == n->start ? JOINT_RUNS : JOINT_ENDED;
}

/* ---- ids ---- */

joint_name joint_name_new(uint64_t store) {
  static atomic_uint number;
  joint_name n = here();
  n.store = store;
  n.number = ++number;
  n.time_s = (uint32_t)(clock_real_ms() / 1000);
  return n;
}

void joint_name_write(const joint_name *n, unsigned branch, char room[JOINT_ID_ROOM]) {
  int size = snprintf(room, JOINT_ID_ROOM,
                      PREFIX "%016" PRIx64 "%08" PRIx32 "%06" PRIx32 "%08" PRIx32 "%08" PRIx32 "%08" PRIx32, n->store,
                      n->host, n->pid & MOST_PID, n->start, n->number, n->time_s);
  if (branch) snprintf(room + size, JOINT_ID_ROOM - (size_t)size, "_%03x", branch & JOINT_MOST_BRANCHES);
}

void joint_name_bound(uint64_t store, uint32_t number, char room[JOINT_ID_ROOM]) {
  joint_name n = here();
  n.store = store;
  n.number = number;
  joint_name_write(&n, 0, room);
}

static bool take(const char **at, size_t digits, uint64_t *value) {
  *value = 0;
  for (size_t i = 0; i < digits; i++) {
    static const char hex[] = "0123456789abcdef";
    const char *digit = **at ? strchr(hex, **at) : NULL;
    if (!digit) return false;
    *value = *value << 4 | (uint64_t)(digit - hex);
    ++*at;
  }
  return true;
}

bool joint_name_read(const char *id, size_t size, joint_name *n) {
  enum { STORE, HOST, PID, START, NUMBER, TIME, FIELDS };
  static const size_t digits[FIELDS] = {16, 8, 6, 8, 8, 8};
  char text[JOINT_ID_ROOM] = "";
  uint64_t field[FIELDS], branch = 0;
  const size_t prefix = sizeof PREFIX - 1;
  if (size >= sizeof text || size < prefix || memcmp(id, PREFIX, prefix) != 0) return false;
  memcpy(text, id, size);
  const char *at = text + prefix;
  for (int i = 0; i < FIELDS; i++)
    if (!take(&at, digits[i], &field[i])) return false;
  if (*at == '_') {
    at++;
    if (!take(&at, 3, &branch) || !branch) return false;
  }
  *n = (joint_name){.store = field[STORE],
                    .host = (uint32_t)field[HOST],
                    .pid = (uint32_t)field[PID],
                    .start = (uint32_t)field[START],
                    .number = (uint32_t)field[NUMBER],
                    .time_s = (uint32_t)field[TIME],
                    .branch = (unsigned)branch};
  return at == text + size;
}
