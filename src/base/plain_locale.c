#define _POSIX_C_SOURCE 200809L
#include "base/plain_locale.h"

#include <locale.h>
#include <pthread.h>
#include <stddef.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static locale_t plain;

static void make(void) { plain = newlocale(LC_ALL_MASK, "C", (locale_t)0); }

bool plain_locale_ready(void) {
  pthread_once(&once, make);
  return plain != (locale_t)0;
}

void *plain_locale_enter(void) { return (void *)uselocale(plain); }

void plain_locale_leave(void *was) { uselocale((locale_t)was); }
