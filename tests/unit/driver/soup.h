/* For: random SQL that is hard to read: quotes, comments and ? in all sorts of disorder.
 * Use: size = soup_of(&r, parts, text, room); soup_statement(&r, CAT_PG, sql, room); soup_params(CAT_PG, sql) */
#ifndef TESTS_UNIT_DRIVER_SOUP_H
#define TESTS_UNIT_DRIVER_SOUP_H

#include <string.h>

#include "driver/driver.h"
#include "unit/random.h"

static inline size_t soup_add(char *text, size_t size, size_t room, const char *part) {
  size_t more = strlen(part);
  if (size + more + 1 > room) return size;
  memcpy(text + size, part, more + 1);
  return size + more;
}

/* Ends in NUL, and holds none. */
static inline size_t soup_of(rng *r, size_t parts, char *text, size_t room) {
  static const char *const list[] = {"'",
                                     "''",
                                     "\"",
                                     "\"\"",
                                     "`",
                                     "[",
                                     "]",
                                     "?",
                                     "?",
                                     "??",
                                     "?1",
                                     "-",
                                     "--",
                                     "-- ",
                                     "#",
                                     "/",
                                     "*",
                                     "/*",
                                     "*/",
                                     "/*!",
                                     "/*!50000",
                                     "/*M!",
                                     "/*!1",
                                     "\\",
                                     "e",
                                     "E'",
                                     "e'",
                                     "$",
                                     "$$",
                                     "$a$",
                                     "$1",
                                     "a",
                                     "ab1",
                                     "1",
                                     "\n",
                                     "\r",
                                     " ",
                                     "\t",
                                     "\v",
                                     "\x01",
                                     "\xC3\xA4",
                                     "\xEF\xBB\xBF",
                                     "@",
                                     ";",
                                     "(",
                                     ")",
                                     "E'a'\n",
                                     "'\n'",
                                     "E'\\'",
                                     "get_lock",
                                     "U&'",
                                     "u&\"",
                                     "N'",
                                     "x'",
                                     "$\xC3\xA4_1$",
                                     "1e",
                                     "/*/",
                                     "--\r",
                                     "/*M!999999 ",
                                     "'\\?'"};
  size_t size = 0;
  text[0] = 0;
  while (parts--) size = soup_add(text, size, room, list[rng_below(r, sizeof list / sizeof *list)]);
  return size;
}

/* A statement without a table that the engine takes often enough: "SELECT ?, 'soup' /soup comment/ …". */
static inline void soup_statement(rng *r, cat_engine engine, char *sql, size_t room) {
  static const char *const common[][2] = {{"", "?"},       {"'", "'"},        {"/*", "*/ 1"},
                                          {"-- ", "\n 1"}, {"1 AS \"", "\""}, {"1--", "\n"},
                                          {"?--", "\n"},   {"1/*", "*/"},     {"?/*/", "*/"}};
  static const char *const own[CAT_NENGINES][8][2] = {
      [CAT_SQLITE3] = {{"1 AS [", "]"},
                       {"1 AS `", "`"},
                       {"1--\r", "\n"},
                       {"'\\'/*", "*/"},
                       {"\xEF\xBB\xBF?--", "\n"},
                       {"1", ""},
                       {"x'", "'"},
                       {"?--\r", "\n"}},
      [CAT_PG] = {{"E'", "'"},
                  {"$a$", "$a$"},
                  {"$$", "$$"},
                  {"E'a'\n'", "'"},
                  {"1/*/*", "*/*/"},
                  {"E'a'--x\r\n '", "'"},
                  {"U&'", "'"},
                  {"$\xC3\xA4_1$", "$\xC3\xA4_1$"}},
      [CAT_MYSQL] = {{"\"", "\""},
                     {"1 AS `", "`"},
                     {"1#", "\n"},
                     {"1 /*!,", "*/"},
                     {"?/*M!+", "*/"},
                     {"1--", "1"},
                     {"1/*!999999 ", "*/"},
                     {"N'", "'"}},
  };
  size_t size = soup_add(sql, 0, room, "SELECT ");
  for (size_t left = 1 + rng_below(r, 4); left; left--) {
    char middle[64];
    const char *const *around =
        rng_below(r, 2) ? own[engine][rng_below(r, 8)] : common[rng_below(r, sizeof common / sizeof *common)];
    soup_of(r, rng_below(r, 4), middle, sizeof middle);
    size = soup_add(sql, size, room, around[0]);
    if (around[0][0]) size = soup_add(sql, size, room, middle);
    size = soup_add(sql, size, room, around[1]);
    if (left > 1) size = soup_add(sql, size, room, ",");
  }
}

/* As many as the lexer sees. */
static inline size_t soup_params(cat_engine engine, const char *sql) {
  lex l = lex_of(driver_for(engine)->lex, sql, strlen(sql));
  size_t count = 0;
  for (lex_token t = lex_next(&l); t.kind; t = lex_next(&l)) count += t.kind == LEX_PARAM;
  return count;
}

#endif
