#include "query/comment.h"

#include <string.h>

#include "session/traceparent.h"

/* As sqlcommenter has it. A line comment would swallow the other one. */
static bool may_have_comment(const char *sql) { return strstr(sql, "--") || strstr(sql, "/*") || strchr(sql, '#'); }

shunt_status comment_add(const call *c, bool by_hand, const char **sql, size_t *size) {
  if (memchr(*sql, 0, *size)) return SHUNT_OK; /* the engine refuses it */
  if (by_hand && may_have_comment(*sql)) return SHUNT_OK;
  const char *text = arena_printf(c->arena, "%s /*" TRACEPARENT "='%s'*/", *sql, c->s->traceparent);
  if (!text) return error_memory(c->err);
  *sql = text;
  *size = strlen(text);
  return SHUNT_OK;
}
