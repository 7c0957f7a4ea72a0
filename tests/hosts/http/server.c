#define _XOPEN_SOURCE 700 /* nanosleep */

#include "server.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { IDLE_SECONDS = 60, DRAIN_STEPS = 600, STEP_MS = 50, QUIET_STEPS = 20 };

struct http_server {
  http_options options;
  struct MHD_Daemon *daemon;
  atomic_bool drains;
  atomic_int active; /* requests whose answer was not sent yet */
};

static enum MHD_Result send_reply(const http_server *s, struct MHD_Connection *connection, const http_reply *out) {
  size_t size = out->body ? strlen(out->body) : 0;
  struct MHD_Response *response = size ? MHD_create_response_from_buffer(size, out->body, MHD_RESPMEM_MUST_FREE)
                                       : MHD_create_response_from_buffer(0, "", MHD_RESPMEM_PERSISTENT);
  if (!response) {
    free(out->body);
    return MHD_NO;
  }
  if (!size) free(out->body);
  if (size) MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, out->type);
  if (out->status == MHD_HTTP_METHOD_NOT_ALLOWED)
    MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, MHD_HTTP_METHOD_GET);
  if (atomic_load(&s->drains)) MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
  enum MHD_Result result = MHD_queue_response(connection, out->status, response);
  MHD_destroy_response(response);
  return result;
}

/* "/users/7": the number, or false. */
static bool user_of(const char *path, int64_t *id) {
  static const char start[] = "/users/";
  if (strncmp(path, start, sizeof start - 1) != 0) return false;
  const char *digits = path + sizeof start - 1;
  size_t n = strspn(digits, "0123456789");
  if (n == 0 || n > 18 || digits[n]) return false;
  *id = strtoll(digits, NULL, 10);
  return true;
}

/* libmicrohttpd calls this twice for each request: once when the headers are there, and once when it wants the answer.
 */
static enum MHD_Result handle(void *ud, struct MHD_Connection *connection, const char *url, const char *method,
                              const char *version, const char *data, size_t *data_size, void **mark) {
  http_server *s = ud;
  http_reply out = {.status = MHD_HTTP_NOT_FOUND, .type = "text/plain"};
  http_request in = {0};
  (void)version;
  (void)data;
  if (!*mark) {
    *mark = s;
    atomic_fetch_add(&s->active, 1);
    return MHD_YES;
  }
  if (*data_size) { /* the body of a method that is refused below */
    *data_size = 0;
    return MHD_YES;
  }
  if (strcmp(method, MHD_HTTP_METHOD_GET) != 0) {
    out.status = MHD_HTTP_METHOD_NOT_ALLOWED;
  } else if (user_of(url, &in.id)) {
    in.tenant = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "X-Tenant");
    in.include = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "include");
    s->options.user(s->options.ud, &in, &out);
  } else if (!s->options.page(s->options.ud, url, atomic_load(&s->drains), &out)) {
    out.status = MHD_HTTP_NOT_FOUND;
  }
  return send_reply(s, connection, &out);
}

static void completed(void *ud, struct MHD_Connection *connection, void **mark, enum MHD_RequestTerminationCode how) {
  http_server *s = ud;
  (void)connection;
  (void)how;
  if (*mark) atomic_fetch_sub(&s->active, 1);
}

http_server *http_start(const http_options *options) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(options->port)};
  http_server *s = calloc(1, sizeof *s);
  if (!s) return NULL;
  s->options = *options;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  s->daemon = MHD_start_daemon(MHD_USE_AUTO_INTERNAL_THREAD | MHD_USE_ITC, options->port, NULL, NULL, handle, s,
                               MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_THREAD_POOL_SIZE, options->threads,
                               MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS, MHD_OPTION_NOTIFY_COMPLETED,
                               completed, s, MHD_OPTION_END);
  if (s->daemon) return s;
  free(s);
  return NULL;
}

uint16_t http_port(const http_server *s) {
  const union MHD_DaemonInfo *info = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_BIND_PORT);
  return info ? info->port : 0;
}

static unsigned connections(const http_server *s) {
  const union MHD_DaemonInfo *info = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);
  return info ? info->num_connections : 0;
}

void http_drain(http_server *s) {
  struct timespec step = {.tv_nsec = STEP_MS * 1000000L};
  int listens = MHD_quiesce_daemon(s->daemon);
  if (listens >= 0) close(listens);
  atomic_store(&s->drains, true);
  for (int i = 0, quiet = 0; i < DRAIN_STEPS && quiet < QUIET_STEPS && connections(s); i++) {
    quiet = atomic_load(&s->active) ? 0 : quiet + 1;
    nanosleep(&step, NULL);
  }
}

bool http_drains(const http_server *s) { return atomic_load(&s->drains); }

void http_stop(http_server *s) {
  MHD_stop_daemon(s->daemon);
  free(s);
}
