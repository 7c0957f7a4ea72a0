/* Says where reads of a model go. Use: resolve SHUNT_YAML MODEL */
#include <shunt.h>
#include <stdio.h>

int main(int argc, char **argv) {
  shunt_app *app = NULL;
  shunt_session *session = NULL;
  const shunt_decision *decision = NULL;
  shunt_error err = {.message = "use: resolve SHUNT_YAML MODEL"};
  bool ok = argc == 3 && !shunt_open(argv[1], NULL, &app, &err) && !shunt_session_open(app, NULL, &session, &err) &&
            !shunt_resolve(session, &(shunt_request){.model = argv[2]}, &decision, &err);
  ok ? printf("%s: %s\n", decision->model, decision->client) : fprintf(stderr, "%s\n", err.message);
  shunt_session_close(session);
  shunt_close(app);
  return !ok;
}
