/* Columns for people, which fit the terminal. */
#pragma once
#include "base/arena.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define TABLE_COLUMNS_MAX 10
struct table;
/* The last column has what is left; `wide` is the index of the column that is cut first where the terminal is too narrow */
struct table *table_new(struct arena *, const char *const *heads, size_t columns, size_t wide);
void table_align_right(struct table *, size_t column);
/* A cell of the row that is being filled; any bytes, which are escaped. A row is full with its last column. */
void table_cell(struct table *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Prints heads and rows; `width` 0: nothing is cut */
void table_print(const struct table *, FILE *, size_t width);

/* Columns of the terminal that standard output is; 0: it is none */
size_t table_terminal_width(void);
/* As much of the text, escaped, as a line of the terminal has room for with `beside` columns for the rest; the whole where it is none */
const char *table_cut(struct arena *, const char *text, size_t beside);
/* "4s", "12m", "3h", "9d" */
const char *table_duration(struct arena *, uint64_t ms);
/* "512", "1.2K", "3.4M" */
const char *table_size(struct arena *, uint64_t number);
