/* An HTTP service with tenants: GET /users/7?include=orders answers for the tenant in the header X-Tenant, GET /healthz
 * says that it serves, GET /metrics gives its figures as OpenMetrics text. SIGHUP reloads configuration and rules,
 * SIGTERM ends the service when all requests are answered. Use: http SHUNT_YAML [PORT [THREADS]]; it prints its port.
 */
#define _XOPEN_SOURCE 700 /* strdup, sigwait */

#include <inttypes.h>
#include <jansson.h>
#include <pthread.h>
#include <shunt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rows.h"
#include "server.h"

enum { MOST_RELATIONS = 8, TIMEOUT_MS = 5000, NAME_BYTES = 64 };

/* What a client of the service may know of an error. The service's log has the rest. */
static unsigned http_status(shunt_status status) {
  switch (status) {
  case SHUNT_E_NOT_FOUND:
    return 404;
  case SHUNT_E_USAGE:
    return 400;
  case SHUNT_E_DENIED:
    return 403;
  case SHUNT_E_CONFLICT:
    return 409;
  case SHUNT_E_DATASOURCE:
    return 503;
  case SHUNT_E_TIMEOUT:
    return 504;
  default:
    return 500;
  }
}

static void fail(http_reply *out, unsigned status, const char *code) {
  json_t *body = json_pack("{s:s}", "error", code);
  out->status = status;
  out->body = body ? json_dumps(body, JSON_COMPACT) : NULL;
  json_decref(body);
}

static void fail_with(http_reply *out, const shunt_error *err) {
  fprintf(stderr, "%s: %s\n", shunt_status_name(err->status), err->message);
  fail(out, http_status(err->status), shunt_status_name(err->status));
}

/* "orders,profile" as includes; false if there are too many names, or one is too long. */
static bool read_includes(const char *text, char names[][NAME_BYTES], shunt_include *list, size_t *n) {
  for (*n = 0; text && *text; ++*n) {
    size_t size = strcspn(text, ",");
    if (*n == MOST_RELATIONS || size >= NAME_BYTES) return false;
    memcpy(names[*n], text, size);
    names[*n][size] = '\0';
    list[*n] = (shunt_include){.relation = names[*n]};
    text += size + (text[size] == ',');
  }
  return true;
}

static shunt_status select_user(shunt_session *session, const http_request *in, http_reply *out, shunt_error *err) {
  char names[MOST_RELATIONS][NAME_BYTES];
  shunt_include includes[MOST_RELATIONS];
  size_t n;
  shunt_rows *rows;

  if (!read_includes(in->include, names, includes, &n)) {
    fail(out, 400, "too many relations");
    return SHUNT_OK;
  }
  shunt_status status = shunt_get(session, "user", shunt_integer(in->id),
                                  &SHUNT_WITH(query, .include = includes, .ninclude = n), &rows, err);
  if (status) return status;
  if (shunt_rows_count(rows) == 0) {
    fail(out, 404, "no such user");
  } else {
    json_t *body = rows_object(rows, 0);
    out->status = body ? 200 : 500;
    out->body = body ? json_dumps(body, JSON_COMPACT) : NULL;
    json_decref(body);
  }
  shunt_rows_free(rows);
  return SHUNT_OK;
}

static void answer_user(void *ud, const http_request *in, http_reply *out) {
  shunt_session_options options = SHUNT_WITH(session_options, .instance = in->tenant, .timeout_ms = TIMEOUT_MS);
  shunt_session *session;
  shunt_error err;
  out->type = "application/json";
  if (!in->tenant || !*in->tenant) {
    fail(out, 400, "the header X-Tenant is missing");
    return;
  }
  if (shunt_session_open(ud, &options, &session, &err)) {
    fail_with(out, &err);
    return;
  }
  if (select_user(session, in, out, &err)) fail_with(out, &err);
  shunt_session_close(session);
}

static void answer_metrics(shunt_app *app, http_reply *out) {
  shunt_error err;
  char *text;
  out->type = SHUNT_METRICS_TYPE;
  if (shunt_metrics(app, &text, &err)) {
    out->status = http_status(err.status);
    return;
  }
  out->status = 200;
  out->body = strdup(text); /* the server frees it as malloc's */
  if (!out->body) out->status = 500;
  shunt_free(text);
}

static bool answer_page(void *ud, const char *path, bool drains, http_reply *out) {
  if (strcmp(path, "/metrics") == 0) {
    answer_metrics(ud, out);
    return true;
  }
  if (strcmp(path, "/healthz") != 0) return false;
  json_t *body = json_pack("{s:b, s:I}", "serves", !drains, "generation", (json_int_t)shunt_generation(ud));
  out->type = "application/json";
  out->status = drains ? 503 : 200;
  out->body = body ? json_dumps(body, JSON_COMPACT) : NULL;
  json_decref(body);
  return true;
}

static void print_problem(void *ud, const shunt_error *problem) {
  (void)ud;
  fprintf(stderr, "%s:%d:%d: %s\n", problem->file, problem->line, problem->column, problem->message);
}

/* Until SIGTERM or SIGINT, which the caller has blocked in all threads. */
static void serve(shunt_app *app, http_server *server, const sigset_t *signals) {
  shunt_options options = SHUNT_WITH(options, .problem = print_problem);
  shunt_error err;
  int signal;
  while (sigwait(signals, &signal) == 0 && signal == SIGHUP) {
    if (shunt_reload(app, &options, &err)) fprintf(stderr, "nothing was reloaded: %s\n", err.message);
  }
  http_drain(server);
}

int main(int argc, char **argv) {
  http_options options = {.threads = 8, .user = answer_user, .page = answer_page};
  shunt_app *app;
  shunt_error err;
  sigset_t signals;

  if (argc < 2 || argc > 4) {
    fputs("use: http SHUNT_YAML [PORT [THREADS]]\n", stderr);
    return 2;
  }
  if (argc > 2) options.port = (uint16_t)strtoul(argv[2], NULL, 10);
  if (argc > 3) options.threads = (unsigned)strtoul(argv[3], NULL, 10);
  sigemptyset(&signals);
  sigaddset(&signals, SIGHUP);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, NULL);

  if (shunt_open(argv[1], &SHUNT_WITH(options, .problem = print_problem), &app, &err)) return 3;
  options.ud = app;
  http_server *server = http_start(&options);
  if (!server) {
    fprintf(stderr, "the server can't start on port %u\n", (unsigned)options.port);
    shunt_close(app);
    return 1;
  }
  printf("%u\n", (unsigned)http_port(server));
  fflush(stdout);
  serve(app, server, &signals);
  http_stop(server);
  shunt_close(app);
  return 0;
}
