/* For: running code as in the C locale on this thread, whatever locale the process has: numbers with a '.', texts in
 * the order of their bytes.
 * Owner: the locale is the process's. Any thread.
 * Use: if (!plain_locale_ready()) return SHUNT_E_MEMORY; … void *was = plain_locale_enter(); …
 * plain_locale_leave(was); */
#ifndef SHUNT_BASE_PLAIN_LOCALE_H
#define SHUNT_BASE_PLAIN_LOCALE_H

#include <stdbool.h>

bool plain_locale_ready(void); /* false if there is no memory. Before the others */
void *plain_locale_enter(void);
void plain_locale_leave(void *was);

#endif
