/* For: letters and digits independently of the locale: only ASCII letters are folded, as SQL engines do. */
#ifndef SHUNT_BASE_ASCII_H
#define SHUNT_BASE_ASCII_H

static inline char ascii_lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c; }
static inline char ascii_upper(char c) { return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c; }

/* The value of a hexadecimal digit, or -1. */
static inline int ascii_hex(char c) {
  c = ascii_lower(c);
  return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

#endif
