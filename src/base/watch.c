#define _GNU_SOURCE
#include "base/watch.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/thread.h"

enum { DEEPEST = 16 };

static const uint32_t events =
    IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;

struct watch {
  watch_calls calls;
  pthread_t thread;
  pthread_mutex_t lock; /* protects inotify */
  int inotify;          /* replaced when the folders are: no old watch stays */
  bool missed;          /* the replaced one had events that were not read */
  int stop, renew;      /* eventfds */
};

/* ---- folders ---- */

static bool add_below(int inotify, const char *folder, int depth) {
  if (inotify_add_watch(inotify, folder, events) < 0) return errno != ENOSPC && errno != ENOMEM;
  if (depth == DEEPEST) return true;
  DIR *dir = opendir(folder);
  bool ok = dir || (errno != ENOMEM && errno != EMFILE && errno != ENFILE);
  for (struct dirent *entry; dir && ok && (entry = readdir(dir));) {
    char path[PATH_MAX];
    if (entry->d_name[0] == '.' || (entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN)) continue;
    if (snprintf(path, sizeof path, "%s/%s", folder, entry->d_name) < (int)sizeof path)
      ok = add_below(inotify, path, depth + 1);
  }
  if (dir) closedir(dir);
  return ok;
}

/* An event without a name is about the folder itself, or says that events were lost. */
static bool is_news(const watch *w, const struct inotify_event *e) {
  return e->mask & IN_ISDIR || e->len == 0 || w->calls.matters(w->calls.ud, e->name);
}

/* Whether an event mattered. */
static bool take_news(const watch *w, int inotify) {
  _Alignas(struct inotify_event) char room[4096];
  bool any = false;
  ssize_t size;
  while ((size = read(inotify, room, sizeof room)) > 0)
    for (const char *at = room; at < room + size;) {
      const struct inotify_event *e = (const void *)at;
      any = any || is_news(w, e);
      at += sizeof *e + e->len;
    }
  return any;
}

static void drain(int eventfd) {
  uint64_t count;
  while (read(eventfd, &count, sizeof count) < 0 && errno == EINTR) continue;
}

static void wake(int fd) {
  const uint64_t one = 1;
  while (write(fd, &one, sizeof one) < 0 && errno == EINTR) continue;
}

/* By errno: the limit on instances of inotify is EMFILE, too. */
static shunt_status refuse(shunt_error *err) {
  if (errno == ENOMEM) return error_memory(err);
  return error_set(err, SHUNT_E_CONFIG,
                   "watch: the system's limit of watches or of open files is reached; raise "
                   "fs.inotify.max_user_watches, max_user_instances or the limit on open files");
}

shunt_status watch_folders(watch *w, const char *const *folders, size_t n, shunt_error *err) {
  int fresh = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  bool ok = fresh >= 0;
  for (size_t i = 0; i < n && ok; i++) ok = add_below(fresh, folders[i], 0);
  if (!ok) {
    const shunt_status status = refuse(err);
    if (fresh >= 0) close(fresh);
    return status;
  }
  pthread_mutex_lock(&w->lock);
  int old = w->inotify;
  w->inotify = fresh;
  if (old >= 0 && take_news(w, old)) w->missed = true;
  pthread_mutex_unlock(&w->lock);
  if (old >= 0) close(old);
  wake(w->renew);
  return SHUNT_OK;
}

/* ---- the thread ---- */

static bool has_changed(watch *w) {
  pthread_mutex_lock(&w->lock);
  bool any = (w->inotify >= 0 && take_news(w, w->inotify)) || w->missed;
  w->missed = false;
  pthread_mutex_unlock(&w->lock);
  return any;
}

static int inotify_of(watch *w) {
  pthread_mutex_lock(&w->lock);
  int fd = w->inotify;
  pthread_mutex_unlock(&w->lock);
  return fd;
}

static void *run(void *ud) {
  watch *w = ud;
  bool pending = false;
  for (;;) {
    struct pollfd on[] = {{w->stop, POLLIN, 0}, {w->renew, POLLIN, 0}, {inotify_of(w), POLLIN, 0}};
    int n = poll(on, sizeof on / sizeof *on, pending ? WATCH_QUIET_MS : -1);
    if (on[0].revents) return NULL;
    if (on[1].revents) drain(w->renew);
    if (n > 0) pending = has_changed(w) || pending;
    if (n != 0 || !pending) continue;
    pending = false;
    w->calls.changed(w->calls.ud);
  }
}

static void end(watch *w) {
  if (w->inotify >= 0) close(w->inotify);
  if (w->stop >= 0) close(w->stop);
  if (w->renew >= 0) close(w->renew);
  pthread_mutex_destroy(&w->lock);
  base_free(w);
}

shunt_status watch_new(const watch_calls *calls, watch **out, shunt_error *err) {
  watch *w = base_zalloc(sizeof *w);
  shunt_status status = SHUNT_OK;
  if (!w) return error_memory(err);
  w->calls = *calls;
  w->inotify = -1;
  pthread_mutex_init(&w->lock, NULL);
  w->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  w->renew = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (w->stop < 0 || w->renew < 0)
    status = refuse(err);
  else if (thread_start(&w->thread, 0, run, w))
    status = error_set(err, SHUNT_E_MEMORY, "watch: no thread can be started: raise the limit on threads");
  if (status)
    end(w);
  else
    *out = w;
  return status;
}

void watch_free(watch *w) {
  if (!w) return;
  wake(w->stop);
  pthread_join(w->thread, NULL);
  end(w);
}
