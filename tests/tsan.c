/* For: programs under the thread sanitizer that call Lua. Debian's liblua5.4 leaves C functions through __longjmp_chk,
 * which the sanitizer does not know: its record of the call stack would grow with every Lua error, without end. This
 * one stands in for libc's, and leaves by the longjmp that it knows. */
#include <setjmp.h>

/* NOLINTNEXTLINE(bugprone-reserved-identifier): the name is libc's */
__attribute__((visibility("default"), noreturn)) void __longjmp_chk(jmp_buf env, int value);

void __longjmp_chk(jmp_buf env, int value) { longjmp(env, value); }
