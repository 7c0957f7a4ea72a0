/* For: shunt console: a line edited on a terminal, and Ctrl-C.
 * Owner: libedit owns the line being edited and the history; both last as long as the process.
 * Use: the functions are fields of shunt.cli.host: read_line, add_history, interruptible, private_file. */
#ifndef SHUNT_CLI_CONSOLE_H
#define SHUNT_CLI_CONSOLE_H

#include <lauxlib.h>

extern const luaL_Reg console_functions[];

#endif
