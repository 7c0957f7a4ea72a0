/* For: folding letters of names and keywords independently of the locale: only ASCII letters, as SQL engines do. */
#ifndef SHUNT_BASE_ASCII_H
#define SHUNT_BASE_ASCII_H

static inline char ascii_lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c; }
static inline char ascii_upper(char c) { return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c; }

#endif
