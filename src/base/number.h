/* For: floating-point numbers as text that every engine reads and writes, independently of the locale.
 * Use: char room[NUMBER_BYTES]; size = number_write(0.1, room); d = number_read("0.1", 3); */
#ifndef SHUNT_BASE_NUMBER_H
#define SHUNT_BASE_NUMBER_H

#include <stddef.h>

enum { NUMBER_BYTES = 40, NUMBER_LONGEST = 400 };

/* The shortest text that reads back as the same number: "0.1", "1e+20", "NaN", "Infinity". Returns its size. */
size_t number_write(double number, char room[NUMBER_BYTES]);
/* Reads a number of at most NUMBER_LONGEST bytes. */
double number_read(const char *text, size_t size);
/* The number that a column of 32 bits gives for what it holds: the shortest decimal that is stored as the same ("0.1"
 * is 0.1), but a whole number exactly. */
double number_of_single(float number);

#endif
