#include "relate/nested.h"

#include <string.h>

const plan_relation *nested_relation(const plan *p, const char *name) {
  for (size_t i = 0; i < p->count; i++)
    if (name && strcmp(p->list[i].relation->as.name, name) == 0) return &p->list[i];
  return NULL;
}

static shunt_status check_plan(const writing *w, const plan *p) {
  shunt_status status = SHUNT_OK;
  for (size_t i = 0; i < p->count && !status; i++) {
    const cat_relation *r = p->list[i].relation;
    key_names foreign_key = key_names_of(r->as.foreign_key);
    if (r->as.kind == SHUNT_BELONGS_TO)
      return error_set(w->c->err, SHUNT_E_USAGE,
                       "relation '%s' leads to the row that this one belongs to: write that one first, and set '%s'",
                       r->full_name, key_names_text(w->c->arena, &foreign_key));
    status = check_plan(w, &p->list[i].children);
  }
  return status;
}

static shunt_status check_record(const writing *w, const cat_model *model, const shunt_record *record, const plan *p) {
  for (size_t i = 0; i < record->nrelated; i++) {
    const shunt_related *related = &record->related[i];
    const plan_relation *in = nested_relation(p, related->relation);
    if (!in)
      return error_set(
          w->c->err, SHUNT_E_USAGE,
          "model '%s': the record has rows of '%.128s'; include that relation, so that they are written along",
          model->name, related->relation ? related->relation : "");
    for (size_t k = 0; k < related->nrecords; k++) {
      if (related->records[k].link && !in->relation->through)
        return error_set(w->c->err, SHUNT_E_USAGE,
                         "relation '%s': a row gives columns of its link, but only a belongs_to_many has links",
                         in->relation->full_name);
      shunt_status status = check_record(w, in->relation->target, &related->records[k], &in->children);
      if (status) return status;
      if (related->records[k].deleted && related->records[k].nrelated)
        return error_set(w->c->err, SHUNT_E_USAGE,
                         "relation '%s': a row that is deleted has no rows to be written along with it",
                         in->relation->full_name);
      if (related->records[k].deleted && related->records[k].is_new)
        return error_set(w->c->err, SHUNT_E_USAGE, "relation '%s': a row can't be both new and deleted",
                         in->relation->full_name);
    }
  }
  return SHUNT_OK;
}

shunt_status nested_check(const writing *w, const cat_model *model, const shunt_record *record, const plan *p) {
  if (record->link)
    return error_set(w->c->err, SHUNT_E_USAGE,
                     "model '%s': the record gives columns of a link, which only a row of a belongs_to_many has",
                     model->name);
  shunt_status status = check_plan(w, p);
  return status ? status : check_record(w, model, record, p);
}
