/* For: the differences that audits find: the host's function gets each of them, and the last one is kept as text.
 * Owner: the app; its generations all report their differences here. Any thread.
 * Use: differences_init(&d, fn, ud); route_on_difference(r, differences_note, &d); differences_last(&d, &text, err). */
#ifndef SHUNT_APP_DIFFERENCE_H
#define SHUNT_APP_DIFFERENCE_H

#include <pthread.h>

#include "shunt.h"

typedef struct differences {
  void (*tell)(void *ud, const shunt_difference *difference); /* the host's, or NULL */
  void *ud;
  pthread_mutex_t lock;
  char *last; /* NULL: no difference yet */
} differences;

void differences_init(differences *d, void (*tell)(void *ud, const shunt_difference *difference), void *ud);
void differences_end(differences *d);
void differences_note(void *differences, const shunt_difference *difference);
/* *text is NULL if there was no difference; otherwise the caller ends it with base_free. Errors: MEMORY. */
shunt_status differences_last(differences *d, char **text, shunt_error *err);

#endif
