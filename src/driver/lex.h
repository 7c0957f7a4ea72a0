/* For: reading SQL as the engine does, as far as that decides what is code, what is a literal or a quoted name, and
 * what is a comment. Each engine's folder has its dialect. Text that the engine will refuse anyway may be read
 * otherwise. Owner: tokens point into the text, which belongs to the caller. Nothing is allocated. A lex may be copied,
 * to look ahead. Use: lex l = lex_of(engine->lex, sql, size); for (lex_token t = lex_next(&l); t.kind; t =
 * lex_next(&l)) … */
#ifndef SHUNT_DRIVER_LEX_H
#define SHUNT_DRIVER_LEX_H

#include <stdbool.h>
#include <stddef.h>

typedef struct lex_dialect {
  const char *strings;     /* the quotes around string literals */
  const char *names;       /* the quotes around names; '[' is closed by ']' */
  bool backslashes;        /* a backslash in a string literal escapes what follows it */
  bool escape_strings;     /* only in E'…', which goes on at a quote on the next line */
  bool dollar_quotes;      /* $$…$$, $tag$…$tag$ */
  bool nested_comments;    /* a comment within a comment has an end of its own */
  bool hash_comments;      /* # begins a comment, too */
  bool dashes_and_blank;   /* -- begins a comment only in front of a blank or the end */
  bool executable;         /* what stands in a comment that begins with an exclamation mark, or M and one, is code */
  bool return_ends_line;   /* a lone CR ends a -- comment */
  bool numbers_end;        /* before the first letter: 1AND is 1 and AND. Otherwise it is one word */
  bool numbered_params;    /* ?1 is one parameter */
  bool question_operators; /* ?? is an operator with a question mark (shunt's own rule: ? is a parameter) */
  bool byte_order_mark;    /* is a blank */
} lex_dialect;

typedef enum lex_kind {
  LEX_END,
  LEX_WORD,   /* a keyword, or a name without quotes; a number, too, unless numbers_end */
  LEX_NUMBER, /* digits alone */
  LEX_STRING, /* with its quotes */
  LEX_NAME,   /* with its quotes */
  LEX_PARAM,  /* ? */
  LEX_OTHER   /* one character of an operator, a parenthesis, … */
} lex_kind;

typedef struct lex_token {
  lex_kind kind;
  const char *at;
  size_t size;
} lex_token;

typedef struct lex {
  const lex_dialect *dialect;
  const char *at, *end;
  bool in_executable;  /* the next end of a comment is that of an executable one */
  bool saw_executable; /* one has begun: the server's version decides whether it runs */
} lex;

lex lex_of(const lex_dialect *dialect, const char *sql, size_t size);
/* LEX_END at the end, again and again. What is never closed goes on to the end. */
lex_token lex_next(lex *l);
/* The first token that is none of these characters: with ";" or ";(" that of a statement. */
lex_token lex_first(lex *l, const char *passed_over);

/* Whether the token is this word, which is in lower case, or one of these, which end in NULL. */
bool lex_is(lex_token t, const char *word);
bool lex_is_any(lex_token t, const char *const *words);
bool lex_is_char(lex_token t, char c); /* LEX_OTHER of this character alone */
/* Whether a word goes on with it. */
bool lex_in_word(char c);

#endif
