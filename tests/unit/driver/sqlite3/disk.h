/* For: a disk whose nth write, sync or other change of a file fails: a SQLite VFS in front of the system's own.
 * Owner: the program; while `disk_begin` is in force, new connections use it.
 * Use: disk_begin(); … disk.fails_at = disk.calls + 3; disk.way = DISK_HALF; … disk_end(); */
#ifndef TESTS_UNIT_DRIVER_SQLITE3_DISK_H
#define TESTS_UNIT_DRIVER_SQLITE3_DISK_H

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

static struct {
  int calls;    /* so far */
  int fails_at; /* the number of the call; 0: none */
  bool stays;   /* so do all after it */
  disk_way way;
  sqlite3_vfs own, *real;
} disk;

typedef struct disk_file {
  sqlite3_file base;
  sqlite3_file *real; /* behind this struct */
} disk_file;

static sqlite3_file *disk_real(sqlite3_file *f) { return ((disk_file *)(void *)f)->real; }

static bool disk_fails(void) {
  int call = ++disk.calls;
  return disk.fails_at && (call == disk.fails_at || (disk.stays && call > disk.fails_at));
}

static int disk_close(sqlite3_file *f) { return disk_real(f)->pMethods->xClose(disk_real(f)); }
static int disk_read(sqlite3_file *f, void *to, int n, sqlite3_int64 at) {
  return disk_real(f)->pMethods->xRead(disk_real(f), to, n, at);
}
static int disk_write(sqlite3_file *f, const void *from, int n, sqlite3_int64 at) {
  sqlite3_file *real = disk_real(f);
  if (!disk_fails()) return real->pMethods->xWrite(real, from, n, at);
  if (disk.way != DISK_NOTHING) real->pMethods->xWrite(real, from, disk.way == DISK_WHOLE ? n : n / 2, at);
  return disk.way == DISK_FULL ? SQLITE_FULL : SQLITE_IOERR_WRITE;
}
/* Only writes find a disk full. */
static bool disk_breaks(void) { return disk.way != DISK_FULL && disk_fails(); }

static int disk_truncate(sqlite3_file *f, sqlite3_int64 size) {
  return disk_breaks() ? SQLITE_IOERR_TRUNCATE : disk_real(f)->pMethods->xTruncate(disk_real(f), size);
}
static int disk_sync(sqlite3_file *f, int flags) {
  return disk_breaks() ? SQLITE_IOERR_FSYNC : disk_real(f)->pMethods->xSync(disk_real(f), flags);
}
static int disk_size(sqlite3_file *f, sqlite3_int64 *size) {
  return disk_real(f)->pMethods->xFileSize(disk_real(f), size);
}
static int disk_lock(sqlite3_file *f, int level) { return disk_real(f)->pMethods->xLock(disk_real(f), level); }
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
  return disk_real(f)->pMethods->xShmMap(disk_real(f), page, size, extend, to);
}
static int disk_shm_lock(sqlite3_file *f, int at, int n, int flags) {
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
  int rc = disk.real->xOpen(disk.real, name, own->real, flags, out);
  if (rc == SQLITE_OK) own->base.pMethods = &methods;
  return rc;
}

static inline void disk_begin(void) {
  disk.real = sqlite3_vfs_find(NULL);
  disk.own = *disk.real;
  disk.own.zName = "disk";
  disk.own.szOsFile = (int)sizeof(disk_file) + disk.real->szOsFile;
  disk.own.xOpen = disk_open;
  disk.calls = disk.fails_at = 0;
  sqlite3_vfs_register(&disk.own, 1);
}

static inline void disk_end(void) { sqlite3_vfs_unregister(&disk.own); }

#endif
