/* For: static probes (USDT), at which bpftrace, SystemTap and perf look into a running process. The provider is
 * "shunt"; the manual lists the probes. Each is one instruction that does nothing. Without <sys/sdt.h> there are none.
 * Owner: none. Use: PROBE(statement__done, 2, client->name, took_ns); */
#ifndef SHUNT_BASE_PROBE_H
#define SHUNT_BASE_PROBE_H

#if defined(__has_include)
#if __has_include(<sys/sdt.h>)
#include <sys/sdt.h>
#endif
#endif

#if !defined(DTRACE_PROBE1)
#define PROBE(name, n, ...) ((void)0)
#elif defined(__clang__) /* which warns of the macros of that header where they are used */
#define PROBE(name, n, ...)                                                                                            \
  do {                                                                                                                 \
    _Pragma("clang diagnostic push") _Pragma("clang diagnostic ignored \"-Wgnu-zero-variadic-macro-arguments\"")       \
        DTRACE_PROBE##n(shunt, name, __VA_ARGS__);                                                                     \
    _Pragma("clang diagnostic pop")                                                                                    \
  } while (0)
#else
#define PROBE(name, n, ...) DTRACE_PROBE##n(shunt, name, __VA_ARGS__)
#endif

#endif
