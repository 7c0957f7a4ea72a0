#define _POSIX_C_SOURCE 200809L
#include "cli/console.h"

#include <stdio.h> /* before readline.h, which needs FILE */

#include <editline/readline.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The characters between words; a word is what is completed. */
#define BREAKS " \t\n\"'`\\=<>~!,;:#(){}[]+*/%^&|"

static lua_State *reading; /* the state whose line is being read; its stack holds the completer at COMPLETER */
static volatile sig_atomic_t interrupted;

enum { PROMPT = 1, COMPLETER };

/* ---- completion ---- */

/* Candidates of one completion: the list at the top of the stack. */
static char *next_candidate(const char *text, int again) {
  static lua_Integer at;
  (void)text;
  at = again ? at + 1 : 1;
  char *copy = NULL;
  if (lua_rawgeti(reading, -1, at) == LUA_TSTRING) copy = strdup(lua_tostring(reading, -1));
  lua_pop(reading, 1);
  return copy;
}

/* Calls completer(line, first, word) -> list of words; first is the 1-based position of the word, in characters. */
static char **complete(const char *word, int first, int last) {
  lua_State *L = reading;
  char **matches = NULL;
  (void)last;
  rl_attempted_completion_over = 1; /* no names of files */
  lua_pushvalue(L, COMPLETER);
  lua_pushstring(L, rl_line_buffer);
  lua_pushinteger(L, first + 1);
  lua_pushstring(L, word);
  if (lua_pcall(L, 3, 1, 0) == LUA_OK && lua_istable(L, -1)) matches = rl_completion_matches(word, next_candidate);
  lua_settop(L, COMPLETER);
  return matches;
}

/* ---- reading ---- */

/* libedit drops characters that the thread's locale does not have, and the command runs in C's. */
static locale_t enter_utf8(void) {
  static locale_t utf8;
  if (!utf8) utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
  if (!utf8) utf8 = newlocale(LC_CTYPE_MASK, "", (locale_t)0);
  return uselocale(utf8);
}

/* Before anything else of libedit, which takes its streams at its first use. The command's own stdout has no
 * descriptor, which libedit needs. */
static void open_terminal(lua_State *L) {
  if (rl_outstream) return;
  rl_readline_name = "shunt";
  const int fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  rl_outstream = fd < 0 ? NULL : fdopen(fd, "w");
  if (rl_outstream) return;
  if (fd >= 0) close(fd);
  luaL_error(L, "the terminal can't be opened");
}

static void note_interrupt(int number) {
  (void)number;
  interrupted = 1;
}

static char *read_interruptible(const char *prompt) {
  struct sigaction on = {.sa_handler = note_interrupt}, before; /* not SA_RESTART: the read ends */
  sigemptyset(&on.sa_mask);
  interrupted = 0;
  const locale_t plain = enter_utf8();
  sigaction(SIGINT, &on, &before);
  char *line = readline(prompt);
  sigaction(SIGINT, &before, NULL);
  uselocale(plain);
  return line;
}

/* read_line(prompt, completer): a line, edited on the terminal that standard input and output are; nil at the end of
 * the input; false after Ctrl-C. */
static int read_line(lua_State *L) {
  const char *prompt = luaL_checkstring(L, PROMPT);
  luaL_checktype(L, COMPLETER, LUA_TFUNCTION);
  lua_settop(L, COMPLETER);
  luaL_checkstack(L, LUA_MINSTACK, "a completion");
  open_terminal(L);
  fflush(stdout);
  rl_attempted_completion_function = complete;
  rl_completer_word_break_characters = BREAKS;
  rl_basic_word_break_characters = BREAKS;
  rl_completion_append_character = '\0';
  reading = L;
  char *line = read_interruptible(prompt);
  reading = NULL;
  if (line)
    lua_pushstring(L, line);
  else if (interrupted)
    lua_pushboolean(L, 0);
  else
    lua_pushnil(L);
  free(line);
  return 1;
}

/* add_history(line): the arrow keys find it. */
static int add_line(lua_State *L) {
  const char *line = luaL_checkstring(L, 1);
  open_terminal(L);
  const locale_t plain = enter_utf8();
  add_history(line);
  uselocale(plain);
  return 0;
}

/* ---- Ctrl-C while Lua runs ---- */

static lua_State *running;

static void raise_interrupt(lua_State *L, lua_Debug *at) {
  (void)at;
  lua_sethook(L, NULL, 0, 0);
  lua_pushliteral(L, "interrupted");
  lua_error(L);
}

/* As lua.c does it: the hook raises the error at the next instruction. A second Ctrl-C before that ends the program. */
static void interrupt(int number) {
  struct sigaction plain = {.sa_handler = SIG_DFL};
  sigemptyset(&plain.sa_mask);
  sigaction(number, &plain, NULL);
  lua_sethook(running, raise_interrupt, LUA_MASKCALL | LUA_MASKRET | LUA_MASKLINE | LUA_MASKCOUNT, 1);
}

/* interruptible(fn, …): calls fn; Ctrl-C raises "interrupted" in it. Returns what pcall returns. */
static int interruptible(lua_State *L) {
  struct sigaction on = {.sa_handler = interrupt, .sa_flags = SA_RESTART}, before;
  luaL_checktype(L, 1, LUA_TFUNCTION);
  sigemptyset(&on.sa_mask);
  running = L;
  sigaction(SIGINT, &on, &before);
  const int status = lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0);
  sigaction(SIGINT, &before, NULL);
  lua_sethook(L, NULL, 0, 0);
  lua_pushboolean(L, status == LUA_OK);
  lua_insert(L, 1);
  return lua_gettop(L);
}

/* private_file(path): makes the file if it is missing, so that its owner alone can read it. nil and a message if it
 * can't be opened. */
static int private_file(lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  const int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  const int result = luaL_fileresult(L, fd >= 0, path);
  if (fd >= 0) close(fd);
  return result;
}

const luaL_Reg console_functions[] = {{"read_line", read_line},
                                      {"add_history", add_line},
                                      {"interruptible", interruptible},
                                      {"private_file", private_file},
                                      {NULL, NULL}};
