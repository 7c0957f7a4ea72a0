/* A schedule of any bytes: shunt.cron takes what a second reading takes, as bits of its five fields, and gives a reason
 * for the rest. It matches the minutes that those bits do, over a calendar that counts days. */
#include <ctype.h>
#include <lauxlib.h>
#include <lualib.h>

#include "fuzz/fuzz.h"

enum { MINUTE, HOUR, DAY, MONTH, WEEKDAY, FIELDS, TIMES = 64, DAYS = 50000 /* to the year 2106 */ };

typedef struct schedule {
  uint64_t bits[FIELDS];
  bool star[FIELDS];
} schedule;

/* ---- the second reading ---- */

static const int least[FIELDS] = {0, 0, 1, 1, 0}, most[FIELDS] = {59, 23, 31, 12, 7};

static bool is_text(fuzz_input in, const char *text) {
  bool same = in.size == strlen(text);
  for (size_t i = 0; same && i < in.size; i++) same = tolower(in.data[i]) == text[i];
  return same;
}

static int named(int field, fuzz_input in) {
  static const char *const months[] = {"jan", "feb", "mar", "apr", "may", "jun",
                                       "jul", "aug", "sep", "oct", "nov", "dec"};
  static const char *const days[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};
  for (int i = 0; field == MONTH && i < 12; i++)
    if (is_text(in, months[i])) return i + 1;
  for (int i = 0; field == WEEKDAY && i < 7; i++)
    if (is_text(in, days[i])) return i;
  return -1;
}

/* -1: it is no value of the field. */
static int value_of(int field, fuzz_input in) {
  int value = named(field, in);
  if (value < 0 && (in.size == 1 || in.size == 2) && isdigit(in.data[0]) && isdigit(in.data[in.size - 1]))
    value = in.size == 1 ? in.data[0] - '0' : (in.data[0] - '0') * 10 + in.data[1] - '0';
  return value >= least[field] && value <= most[field] ? value : -1;
}

/* 0: it is no step. A large one is as good as 100. */
static int step_of(fuzz_input in) {
  int64_t step = 0;
  for (size_t i = 0; i < in.size; i++) {
    if (!isdigit(in.data[i]) || step > (INT64_MAX - (in.data[i] - '0')) / 10) return 0;
    step = step * 10 + (in.data[i] - '0');
  }
  return step > 100 ? 100 : (int)step;
}

static bool has(fuzz_input in, char c) { return in.size && memchr(in.data, c, in.size); }

static bool range_of(int field, fuzz_input in, bool stepped, int *first, int *last) {
  if (is_text(in, "*")) {
    *first = least[field], *last = most[field];
    return true;
  }
  const bool pair = has(in, '-');
  const fuzz_input left = fuzz_until(&in, '-');
  *first = value_of(field, left);
  *last = pair ? value_of(field, in) : stepped ? most[field] : *first;
  if (pair && field == WEEKDAY && *last == 0 && *first > 0) *last = 7;
  return *first >= 0 && *last >= *first;
}

static bool add_item(schedule *s, int field, fuzz_input in) {
  const bool stepped = has(in, '/');
  const fuzz_input range = fuzz_until(&in, '/');
  const int step = stepped ? step_of(in) : 1;
  int first, last;
  if (!step || !range_of(field, range, stepped, &first, &last)) return false;
  for (int value = first; value <= last; value += step) s->bits[field] |= (uint64_t)1 << value;
  return true;
}

static bool read_field(schedule *s, int field, fuzz_input in) {
  s->star[field] = in.data[0] == '*';
  for (bool more = true; more;) {
    more = has(in, ',');
    if (!add_item(s, field, fuzz_until(&in, ','))) return false;
  }
  if (field == WEEKDAY && s->bits[field] >> 7) s->bits[field] |= 1;
  return true;
}

static bool is_either(const schedule *s) { return !s->star[DAY] && !s->star[WEEKDAY]; }

static bool ever(const schedule *s) {
  static const int longest[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  for (int month = 1; month <= 12; month++)
    for (int day = 1; day <= longest[month - 1]; day++)
      if (s->bits[MONTH] >> month & 1 && (is_either(s) || s->bits[DAY] >> day & 1)) return true;
  return false;
}

static const char *meant(fuzz_input in) {
  static const char *const words[][2] = {
      {"@hourly", "0 * * * *"},  {"@daily", "0 0 * * *"},  {"@midnight", "0 0 * * *"}, {"@weekly", "0 0 * * 0"},
      {"@monthly", "0 0 1 * *"}, {"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"}};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (in.size == strlen(words[i][0]) && memcmp(in.data, words[i][0], in.size) == 0) return words[i][1];
  return NULL;
}

static bool read_schedule(schedule *s, fuzz_input in) {
  int n = 0;
  while (in.size && isspace(in.data[0])) in.data++, in.size--;
  while (in.size && isspace(in.data[in.size - 1])) in.size--;
  const char *word = meant(in);
  if (word) in = (fuzz_input){(const uint8_t *)word, strlen(word)};
  while (in.size) {
    fuzz_input field = {in.data, 0};
    while (in.size && !isspace(in.data[0])) in.data++, in.size--, field.size++;
    while (in.size && isspace(in.data[0])) in.data++, in.size--;
    if (n == FIELDS || !read_field(s, n++, field)) return false;
  }
  return n == FIELDS && ever(s);
}

/* ---- the calendar ---- */

static bool is_leap(int year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

static bool is_day(const schedule *s, int days) {
  const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}, weekday = (days + 4) % 7;
  int year = 1970, month = 0;
  for (; days >= 365 + is_leap(year); year++) days -= 365 + is_leap(year);
  for (; days >= lengths[month] + (month == 1 && is_leap(year)); month++)
    days -= lengths[month] + (month == 1 && is_leap(year));
  const bool by_day = s->bits[DAY] >> (days + 1) & 1, by_weekday = s->bits[WEEKDAY] >> weekday & 1;
  if (!(s->bits[MONTH] >> (month + 1) & 1)) return false;
  return is_either(s) ? by_day || by_weekday : by_day && by_weekday;
}

/* ---- the comparison ---- */

static lua_State *L;

/* The one value that stays on the stack is the module. */
static void make_state(void) {
  if (L) return;
  L = luaL_newstate();
  if (!L) abort();
  luaL_openlibs(L);
  if (luaL_dofile(L, "lua/shunt/cron.lua")) abort();
}

/* The schedule is on top. */
static bool matches(int64_t time) {
  lua_getfield(L, 1, "matches");
  lua_pushvalue(L, 2);
  lua_pushinteger(L, time);
  lua_call(L, 2, 1);
  const bool does = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return does;
}

/* Any minute, or one that its first two fields name. */
static void check_matches(const schedule *s, uint64_t random) {
  for (int i = 0; i < TIMES; i++) {
    random = random * 6364136223846793005u + 1442695040888963407u;
    const int day = (int)((random >> 33) % DAYS);
    int minute = (int)((random >> 20) % 60), hour = (int)((random >> 26) % 24);
    while (i % 2 && !(s->bits[MINUTE] >> minute & 1)) minute = (minute + 1) % 60;
    while (i % 2 && !(s->bits[HOUR] >> hour & 1)) hour = (hour + 1) % 24;
    const bool should = s->bits[MINUTE] >> minute & 1 && s->bits[HOUR] >> hour & 1 && is_day(s, day);
    const int64_t time = ((int64_t)day * 24 + hour) * 3600 + minute * 60 + (int)((random >> 40) % 60);
    FUZZ_HOLDS(matches(time) == should, "at %lld, expected %d", (long long)time, should);
  }
}

int shunt_fuzz_cron(const uint8_t *data, size_t size) {
  schedule s = {.bits = {0}};
  const bool should = read_schedule(&s, (fuzz_input){data, size});
  make_state();
  lua_getfield(L, 1, "parse");
  lua_pushlstring(L, (const char *)data, size);
  lua_call(L, 1, 2);
  const bool does = lua_istable(L, 2);
  FUZZ_HOLDS(does == should, "read: %d, expected %d: %s", does, should, lua_tostring(L, 3));
  FUZZ_HOLDS(does || (lua_type(L, 3) == LUA_TSTRING && lua_rawlen(L, 3)), "refused without a reason");
  uint64_t seed = size;
  for (size_t i = 0; i < size; i++) seed = seed * 31 + data[i];
  if (does) check_matches(&s, seed);
  lua_settop(L, 1);
  return 0;
}
