/* For: a disk whose nth write, sync or other call fails: a SQLite VFS in front of the system's own.
 * Owner: the program; while `disk_begin` is in force, new connections use it.
 * Use: disk_begin(); … disk.fails_at = disk.calls + 3; disk.way = DISK_HALF; … disk_end();
 * disk.kinds are the calls that count, as bits; at first those that change a file. */
#ifndef TESTS_UNIT_DRIVER_SQLITE3_DISK_H
#define TESTS_UNIT_DRIVER_SQLITE3_DISK_H

#include <errno.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <string.h>

/* The part of a failing write that reaches the disk. */
typedef enum disk_way {
  DISK_NOTHING,
  DISK_HALF,
  DISK_WHOLE,
  DISK_FULL /* half of it, and no room for more */
} disk_way;

/* What fails, and how SQLite's own VFS would say so. */
#define DISK_KIND_MAP(X)                                                                                               \
  X(WRITE, SQLITE_IOERR_WRITE)                                                                                         \
  X(TRUNCATE, SQLITE_IOERR_TRUNCATE)                                                                                   \
  X(SYNC, SQLITE_IOERR_FSYNC)                                                                                          \
  X(OPEN, SQLITE_CANTOPEN)                                                                                             \
  X(READ, SQLITE_IOERR_READ)                                                                                           \
  X(SIZE, SQLITE_IOERR_FSTAT)                                                                                          \
  X(LOCK, SQLITE_IOERR_LOCK)                                                                                           \
  X(DELETE, SQLITE_IOERR_DELETE)                                                                                       \
  X(ACCESS, SQLITE_IOERR_ACCESS)                                                                                       \
  X(SHM_MAP, SQLITE_IOERR_SHMMAP)                                                                                      \
  X(SHM_LOCK, SQLITE_IOERR_SHMLOCK)

typedef enum disk_kind {
#define DISK_ENUM(name, rc) DISK_##name,
  DISK_KIND_MAP(DISK_ENUM)
#undef DISK_ENUM
      DISK_KINDS
} disk_kind;

static const int disk_codes[] = {
#define DISK_CODE(name, rc) rc,
    DISK_KIND_MAP(DISK_CODE)
#undef DISK_CODE
};

static struct {
  _Atomic unsigned kinds; /* that count */
  _Atomic int calls;      /* so far, of any thread */
  _Atomic int fails_at;   /* the number of the call; 0: none */
  _Atomic bool stays;     /* so do all after it */
  _Atomic disk_way way;
  sqlite3_vfs own, *real;
} disk;

typedef struct disk_file {
  sqlite3_file base;
  sqlite3_file *real; /* behind this struct */
} disk_file;

static sqlite3_file *disk_real(sqlite3_file *f) { return ((disk_file *)(void *)f)->real; }

static bool disk_fails(disk_kind kind) {
  if (!(disk.kinds & 1U << kind)) return false;
  int call = ++disk.calls;
  if (!disk.fails_at || !(call == disk.fails_at || (disk.stays && call > disk.fails_at))) return false;
  errno = disk.way == DISK_FULL ? ENOSPC : EIO; /* which SQLite asks for */
  return true;
}

static int disk_close(sqlite3_file *f) { return disk_real(f)->pMethods->xClose(disk_real(f)); }
/* Only writes find a disk full. */
static bool disk_breaks(disk_kind kind) { return disk.way != DISK_FULL && disk_fails(kind); }

static int disk_read(sqlite3_file *f, void *to, int n, sqlite3_int64 at) {
  if (disk_breaks(DISK_READ)) return disk_codes[DISK_READ];
  return disk_real(f)->pMethods->xRead(disk_real(f), to, n, at);
}
static int disk_write(sqlite3_file *f, const void *from, int n, sqlite3_int64 at) {
  sqlite3_file *real = disk_real(f);
  if (!disk_fails(DISK_WRITE)) return real->pMethods->xWrite(real, from, n, at);
  if (disk.way != DISK_NOTHING) real->pMethods->xWrite(real, from, disk.way == DISK_WHOLE ? n : n / 2, at);
  return disk.way == DISK_FULL ? SQLITE_FULL : SQLITE_IOERR_WRITE;
}
static int disk_truncate(sqlite3_file *f, sqlite3_int64 size) {
  return disk_breaks(DISK_TRUNCATE) ? SQLITE_IOERR_TRUNCATE : disk_real(f)->pMethods->xTruncate(disk_real(f), size);
}
static int disk_sync(sqlite3_file *f, int flags) {
  return disk_breaks(DISK_SYNC) ? SQLITE_IOERR_FSYNC : disk_real(f)->pMethods->xSync(disk_real(f), flags);
}
static int disk_size(sqlite3_file *f, sqlite3_int64 *size) {
  if (disk_breaks(DISK_SIZE)) return disk_codes[DISK_SIZE];
  return disk_real(f)->pMethods->xFileSize(disk_real(f), size);
}
static int disk_lock(sqlite3_file *f, int level) {
  if (disk_breaks(DISK_LOCK)) return disk_codes[DISK_LOCK];
  return disk_real(f)->pMethods->xLock(disk_real(f), level);
}
static int disk_unlock(sqlite3_file *f, int level) { return disk_real(f)->pMethods->xUnlock(disk_real(f), level); }
static int disk_reserved(sqlite3_file *f, int *out) {
  return disk_real(f)->pMethods->xCheckReservedLock(disk_real(f), out);
}
static int disk_control(sqlite3_file *f, int op, void *arg) {
  return disk_real(f)->pMethods->xFileControl(disk_real(f), op, arg);
}
static int disk_sector(sqlite3_file *f) { return disk_real(f)->pMethods->xSectorSize(disk_real(f)); }
static int disk_traits(sqlite3_file *f) { return disk_real(f)->pMethods->xDeviceCharacteristics(disk_real(f)); }
static int disk_map(sqlite3_file *f, int page, int size, int extend, void volatile **to) {
  if (disk_breaks(DISK_SHM_MAP)) return disk_codes[DISK_SHM_MAP];
  return disk_real(f)->pMethods->xShmMap(disk_real(f), page, size, extend, to);
}
static int disk_shm_lock(sqlite3_file *f, int at, int n, int flags) {
  if (flags & SQLITE_SHM_LOCK && disk_breaks(DISK_SHM_LOCK)) return disk_codes[DISK_SHM_LOCK];
  return disk_real(f)->pMethods->xShmLock(disk_real(f), at, n, flags);
}
static void disk_barrier(sqlite3_file *f) { disk_real(f)->pMethods->xShmBarrier(disk_real(f)); }
static int disk_unmap(sqlite3_file *f, int delete_it) {
  return disk_real(f)->pMethods->xShmUnmap(disk_real(f), delete_it);
}

static int disk_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out) {
  static const sqlite3_io_methods methods = {.iVersion = 2,
                                             .xClose = disk_close,
                                             .xRead = disk_read,
                                             .xWrite = disk_write,
                                             .xTruncate = disk_truncate,
                                             .xSync = disk_sync,
                                             .xFileSize = disk_size,
                                             .xLock = disk_lock,
                                             .xUnlock = disk_unlock,
                                             .xCheckReservedLock = disk_reserved,
                                             .xFileControl = disk_control,
                                             .xSectorSize = disk_sector,
                                             .xDeviceCharacteristics = disk_traits,
                                             .xShmMap = disk_map,
                                             .xShmLock = disk_shm_lock,
                                             .xShmBarrier = disk_barrier,
                                             .xShmUnmap = disk_unmap};
  disk_file *own = (disk_file *)(void *)f;
  (void)vfs;
  own->real = (sqlite3_file *)(void *)(own + 1);
  own->base.pMethods = NULL;
  if (disk_breaks(DISK_OPEN)) return disk_codes[DISK_OPEN];
  int rc = disk.real->xOpen(disk.real, name, own->real, flags, out);
  if (rc == SQLITE_OK) own->base.pMethods = &methods;
  return rc;
}

static int disk_delete(sqlite3_vfs *vfs, const char *name, int sync) {
  (void)vfs;
  return disk_breaks(DISK_DELETE) ? disk_codes[DISK_DELETE] : disk.real->xDelete(disk.real, name, sync);
}

static int disk_access(sqlite3_vfs *vfs, const char *name, int flags, int *out) {
  (void)vfs;
  return disk_breaks(DISK_ACCESS) ? disk_codes[DISK_ACCESS] : disk.real->xAccess(disk.real, name, flags, out);
}

static inline void disk_begin(void) {
  disk.real = sqlite3_vfs_find(NULL);
  disk.own = *disk.real;
  disk.own.zName = "disk";
  disk.own.szOsFile = (int)sizeof(disk_file) + disk.real->szOsFile;
  disk.own.xOpen = disk_open;
  disk.own.xDelete = disk_delete;
  disk.own.xAccess = disk_access;
  disk.kinds = 1U << DISK_WRITE | 1U << DISK_TRUNCATE | 1U << DISK_SYNC;
  disk.calls = disk.fails_at = 0;
  sqlite3_vfs_register(&disk.own, 1);
}

static inline void disk_end(void) { sqlite3_vfs_unregister(&disk.own); }

#endif
