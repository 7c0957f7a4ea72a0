#include "app/difference.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/error.h"

void differences_init(differences *d, void (*tell)(void *ud, const shunt_difference *difference), void *ud) {
  *d = (differences){.tell = tell, .ud = ud};
  pthread_mutex_init(&d->lock, NULL);
}

void differences_end(differences *d) {
  base_free(d->last);
  pthread_mutex_destroy(&d->lock);
}

/* ---- as text ---- */

static void write_outcome(buf *b, const shunt_decision *d) {
  if (d->denied)
    buf_printf(b, "denied: %s", d->denied);
  else
    buf_printf(b, "%s, table %s, level %d", d->client ? d->client : "", d->table ? d->table : "", d->level);
  if (d->rule) buf_printf(b, ", by the rule '%s' (%s)", d->rule, d->source);
}

static void write_way(buf *b, const shunt_decision *d) {
  for (size_t i = 0; i < d->ntrace; i++) {
    const shunt_trace *t = &d->trace[i];
    const char *verdict = shunt_verdict_text(t->verdict);
    bool what = t->verdict == SHUNT_VERDICT_CHOSE || t->verdict == SHUNT_VERDICT_CHANGED;
    buf_printf(b, "\n  %s: %s (%s): %s%s%s", t->stage, t->rule, t->source, verdict,
               !t->detail ? ""
               : what     ? " "
                          : ": ",
               t->detail ? t->detail : "");
  }
  buf_puts(b, d->ndepends_on ? "\n  depends on" : "\n  depends on nothing");
  for (size_t i = 0; i < d->ndepends_on; i++) buf_printf(b, "%s %s", i ? "," : "", d->depends_on[i]);
}

/* Without the values of the request, which may be private. NULL when out of memory. */
static char *text_of(const shunt_difference *difference) {
  const shunt_decision *before = difference->remembered, *now = difference->asked;
  buf b = {0};
  buf_printf(&b, "generation %llu, %s of model '%s'%s%s\nremembered: ", (unsigned long long)now->generation,
             now->op == SHUNT_WRITE ? "write" : "read", now->model ? now->model : "",
             now->relation ? " by the relation " : "", now->relation ? now->relation : "");
  write_outcome(&b, before);
  write_way(&b, before);
  buf_puts(&b, "\nnow: ");
  if (difference->status && difference->status != SHUNT_E_DENIED)
    buf_printf(&b, "%s: %s", shunt_status_name(difference->status), difference->err->message);
  else
    write_outcome(&b, now);
  write_way(&b, now);
  char *text = buf_take(&b);
  buf_free(&b);
  return text;
}

/* ---- kept, and told ---- */

void differences_note(void *ud, const shunt_difference *difference) {
  differences *d = ud;
  char *text = text_of(difference);
  pthread_mutex_lock(&d->lock);
  if (text) { /* out of memory: the text of the previous difference stays, and only the count shows this one */
    base_free(d->last);
    d->last = text;
  }
  pthread_mutex_unlock(&d->lock);
  if (d->tell) d->tell(d->ud, difference);
}

shunt_status differences_last(differences *d, char **text, shunt_error *err) {
  pthread_mutex_lock(&d->lock);
  bool any = d->last != NULL;
  *text = any ? base_strdup(d->last) : NULL;
  pthread_mutex_unlock(&d->lock);
  return *text || !any ? SHUNT_OK : error_memory(err);
}
