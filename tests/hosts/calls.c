/* A host that knows nothing of models: it takes calls as JSON, one on a line, and prints each reply on a line. A
 * failure is a line that begins with "!": code, outcome, SQLSTATE, the engine's code and the message, with tabs between
 * them. Use: calls SHUNT_YAML [SESSION] <calls, where SESSION is the session's options as JSON */
#define _POSIX_C_SOURCE 200809L
#include <shunt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fail(const shunt_error *err) {
  fprintf(stderr, "%s: %s\n", shunt_status_name(err->status), err->message);
  return 1;
}

static void print_error(shunt_error *err) {
  for (char *c = err->message; (c = strpbrk(c, "\n\t"));) *c = ' ';
  printf("!%s\t%s\t%s\t%d\t%s\n", shunt_status_name(err->status), shunt_outcome_name(err->outcome), err->sqlstate,
         err->engine_code, err->message);
}

int main(int argc, char **argv) {
  shunt_app *app = NULL;
  shunt_session *session = NULL;
  shunt_error err;
  char *line = NULL, *reply;
  size_t room = 0;
  int exit_status = 0;

  if (argc != 2 && argc != 3) {
    fputs("use: calls SHUNT_YAML [SESSION] <calls\n", stderr);
    return 2;
  }
  if (shunt_open(argv[1], NULL, &app, &err) || shunt_call_session(app, argv[2], &session, &err)) {
    exit_status = fail(&err);
  } else {
    while (getline(&line, &room, stdin) > 0) {
      if (shunt_call(session, line, &reply, &err))
        print_error(&err);
      else
        puts(reply);
      shunt_free(reply);
    }
  }
  free(line);
  shunt_session_close(session);
  shunt_close(app);
  return exit_status;
}
