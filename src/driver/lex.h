/* For: splitting SQL into words, parameters, literals, quoted names and comments, by the rules of the engine. Each
 * engine's folder has its dialect. SQL that the engine refuses may be split differently.
 * Owner: tokens point into the text, which belongs to the caller. Nothing is allocated. Copy a lex to look ahead.
 * Use: lex l = lex_of(engine->lex, sql, size); for (lex_token t = lex_next(&l); t.kind; t = lex_next(&l)) … */
#ifndef SHUNT_DRIVER_LEX_H
#define SHUNT_DRIVER_LEX_H

#include <stdbool.h>
#include <stddef.h>

typedef struct lex_dialect {
  const char *strings;     /* the quotes of string literals */
  const char *names;       /* the quotes of names; '[' is closed by ']' */
  bool backslashes;        /* in a string literal a backslash escapes the next character */
  bool escape_strings;     /* the same, but only in E'…', which continues at a quote on the next line */
  bool dollar_quotes;      /* $$…$$, $tag$…$tag$ */
  bool nested_comments;    /* comments nest */
  bool hash_comments;      /* # begins a comment */
  bool dashes_and_blank;   /* -- begins a comment only before a blank or the end */
  bool executable;         /* comments that begin with ! or M! contain code */
  bool return_ends_line;   /* CR ends a -- comment, as LF does */
  bool numbers_end;        /* a number ends before a letter: 1AND is 1 and AND. Otherwise it is one word */
  bool numbered_params;    /* ?1 is one parameter */
  bool question_operators; /* ?? is an operator's question mark (shunt's own rule, since ? is a parameter) */
  bool byte_order_mark;    /* counts as a blank */
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
  const char *behind;  /* of the last executable comment: where a server goes on that does not run its code */
  bool in_executable;  /* it is open */
  bool saw_executable; /* one was opened: the server's version decides whether its code runs */
  bool diverges;       /* a server that runs the code goes on elsewhere: it may read the rest as something else */
} lex;

lex lex_of(const lex_dialect *dialect, const char *sql, size_t size);
/* LEX_END at the end of the text, also when called again. An unclosed quote or comment reaches to the end. */
lex_token lex_next(lex *l);
/* The next token other than these characters: with ";" or ";(", the first word of a statement. */
lex_token lex_first(lex *l, const char *passed_over);
/* After lex_first: the first word if the server does not run the executable comment that is open. False: none is. */
bool lex_first_behind(lex *l, const char *passed_over, lex_token *t);

/* Whether the token is the word, given in lower case, or one of the words, which end with NULL. */
bool lex_is(lex_token t, const char *word);
bool lex_is_any(lex_token t, const char *const *words);
bool lex_is_char(lex_token t, char c); /* LEX_OTHER, this character alone */
/* Whether a word may contain it. */
bool lex_in_word(char c);

#endif
