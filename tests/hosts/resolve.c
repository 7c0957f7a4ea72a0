/* The smallest host program: says where reads of a model go. Use: resolve SHUNT_YAML MODEL */
#include <shunt.h>
#include <stdio.h>

static int fail(const shunt_error *err) {
  fprintf(stderr, "%s: %s\n", shunt_status_name(err->status), err->message);
  return 1;
}

int main(int argc, char **argv) {
  shunt_app *app = NULL;
  shunt_session *session = NULL;
  const shunt_decision *decision;
  shunt_error err;
  int exit_status = 0;

  if (argc != 3) {
    fputs("use: resolve SHUNT_YAML MODEL\n", stderr);
    return 2;
  }
  if (shunt_open(argv[1], NULL, &app, &err) || shunt_session_open(app, NULL, &session, &err) ||
      shunt_resolve(session, &(shunt_request){.model = argv[2]}, &decision, &err))
    exit_status = fail(&err);
  else
    printf("%s: %s\n", decision->model, decision->client);
  shunt_session_close(session);
  shunt_close(app);
  return exit_status;
}
