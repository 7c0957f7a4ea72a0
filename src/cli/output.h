/* For: the command's standard output. A write that fails is reported with its reason, however the program ends.
 * Owner: the process; main calls it once, before anything else opens a file.
 * Use: output_begin(); then C's and Lua's functions write as usual. */
#ifndef SHUNT_CLI_OUTPUT_H
#define SHUNT_CLI_OUTPUT_H

/* If standard output could not take everything, exit then prints why on standard error, and its status is not 0. After
 * the first failure nothing more is written: the output would have a hole. Standard files that are closed are opened so
 * that each use of them fails; otherwise the next socket or file would get their numbers, and the output. */
void output_begin(void);

#endif
