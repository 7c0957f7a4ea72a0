/* For: programs under the thread sanitizer. Those that call Lua: Debian's liblua5.4 leaves C functions through
 * __longjmp_chk, which the sanitizer does not know: its record of the call stack would grow with every Lua error,
 * without end. This one stands in for libc's, and leaves by the longjmp that it knows. */
#include <setjmp.h>

/* The thread that cancels a statement has a table of file descriptors of its own, which the sanitizer does not know: a
 * socket there has the number of another one here. */
/* NOLINTNEXTLINE(bugprone-reserved-identifier): the name is the sanitizer's */
__attribute__((visibility("default"))) const char *__tsan_default_suppressions(void);

const char *__tsan_default_suppressions(void) { return "race:PQcancel\n"; }

/* NOLINTNEXTLINE(bugprone-reserved-identifier): the name is libc's */
__attribute__((visibility("default"), noreturn)) void __longjmp_chk(jmp_buf env, int value);

void __longjmp_chk(jmp_buf env, int value) { longjmp(env, value); }
