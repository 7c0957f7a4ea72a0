/* Uses each macro of shunt.h that a program may use: it is compiled as every C there is. Returns 0 if they make what
 * they say. */
#include <shunt.h>

#define COUNT_NAME(...) +1
#define TEXT_OF(name, text) text,
#define SEVERITY_NAME(severity, name) name,
#define EVENT_NAME(kind, severity, name, text) name,
#define REQUEST_NAME(kind, id, member, name, option) name,
#define DECISION_NAME(kind, member) #member,

static const char *const texts[] = {SHUNT_STATUS_MAP(TEXT_OF) SHUNT_OUTCOME_MAP(TEXT_OF) SHUNT_NODE_MAP(TEXT_OF)
                                        SHUNT_VERDICT_MAP(TEXT_OF) SHUNT_SEVERITY_MAP(SEVERITY_NAME)
                                            SHUNT_EVENT_MAP(EVENT_NAME) SHUNT_REQUEST_MAP(REQUEST_NAME)
                                                SHUNT_DECISION_MAP(DECISION_NAME) SHUNT_VERSION,
                                    SHUNT_METRICS_TYPE};

/* A struct with the members of a request, made as shunt.h makes it. */
struct request {
#define REQUEST_MEMBER(kind, id, member, name, option) SHUNT_MEMBER_##kind(member)
#define REQUEST_HANDLE(kind, id, member, name, option) SHUNT_HANDLE_##kind(member)
  SHUNT_REQUEST_MAP(REQUEST_MEMBER)
  SHUNT_REQUEST_MAP(REQUEST_HANDLE)
};
struct decision {
#define DECISION_MEMBER(kind, member) SHUNT_DECISION_##kind(member)
  SHUNT_DECISION_MAP(DECISION_MEMBER)
};

static int of_where(const shunt_where *w) { return (int)(w->nvalues + w->nitems); }

static int wrong_lists(void) {
  const shunt_query q = {SHUNT_NAMES(columns, "id", "name"), SHUNT_NAMES(order, "-id"),
                         SHUNT_INCLUDE({.relation = "orders"}, {.relation = "roles"}), .limit = SHUNT_NO_ROWS};
  const shunt_sql_options sql = {SHUNT_VALUES(params, shunt_integer(1), shunt_str("x"), shunt_null())};
  const shunt_tx_options tx = SHUNT_WITH(tx_options, SHUNT_LIST(char *const, clients, "a", "b"), .retry = 3);
  const shunt_record row = SHUNT_RECORD({"name", shunt_str("Ada")}, {"age", shunt_integer(36)});
  const shunt_push_options push = {.retry = SHUNT_NO_RETRY};
  return q.ncolumns != 2 || q.norder != 1 || q.ninclude != 2 || q.include[1].relation[0] != 'r' || q.limit >= 0 ||
         sql.nparams != 3 || sql.params[1].size != 1 || tx.size != sizeof tx || tx.nclients != 2 || tx.retry != 3 ||
         row.nfields != 2 || row.fields[1].value.as.integer != 36 || push.retry >= 0;
}

static int wrong_conditions(void) {
  const shunt_where *is = &SHUNT_WHERE("id", SHUNT_EQ, shunt_integer(7)),
                    *both = &SHUNT_ALL(SHUNT_WHERE("age", SHUNT_BETWEEN, shunt_integer(18), shunt_integer(64)),
                                       SHUNT_ANY(SHUNT_WHERE("city", SHUNT_EQ, shunt_str("Oslo")),
                                                 SHUNT_WHERE("city", SHUNT_EQ, shunt_null())));
  return of_where(is) != 1 || is->op != SHUNT_EQ || of_where(both) != 2 || both->op != SHUNT_AND ||
         of_where(&both->items[0]) != 2 || of_where(&both->items[1]) != 2 || both->items[1].op != SHUNT_OR;
}

static int wrong_values(void) {
  return shunt_boolean(true).type != SHUNT_BOOL || shunt_float(1.5).as.number < 1 || shunt_text("ab", 1).size != 1 ||
         shunt_blob("ab", 2).type != SHUNT_BLOB || shunt_str("abc").size != 3 || shunt_null().type != SHUNT_NULL;
}

int main(void) {
  return wrong_lists() || wrong_conditions() || wrong_values() || SHUNT_VERSION_NUMBER < 1000 || !texts[0][0] ||
         (0 SHUNT_STATUS_MAP(COUNT_NAME)) != SHUNT_E_INTERNAL || sizeof(struct request) > sizeof(shunt_request) ||
         sizeof(struct decision) != sizeof(shunt_decision);
}
