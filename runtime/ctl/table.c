/* Rows of escaped cells; widths are counted in characters of one column, which printable ASCII and most letters are. */
#include "ctl/table.h"
#include "base/escape.h"
#include "base/text.h"

#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define GAP 2
#define LEAST_CUT 8 /* a column that is cut keeps so many */

struct row {
	const char *cells[TABLE_COLUMNS_MAX];
};

struct table {
	struct arena *arena;
	size_t columns, wide, filled;
	bool right[TABLE_COLUMNS_MAX];
	LIST_OF(struct row) rows; /* the first has the heads */
};

struct table *table_new(struct arena *arena, const char *const *heads, size_t columns, size_t wide)
{
	struct table *table = arena_alloc(arena, sizeof *table);

	*table = (struct table){ .arena = arena, .columns = columns, .wide = wide, .filled = columns };
	for (size_t i = 0; i < columns; i++)
		table_cell(table, "%s", heads[i]);
	return table;
}

void table_align_right(struct table *table, size_t column)
{
	table->right[column] = true;
}

void table_cell(struct table *table, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	const char *text = arena_vprintf(table->arena, fmt, args);
	va_end(args);
	if (table->filled == table->columns) {
		arena_push(table->arena, &table->rows);
		table->filled = 0;
	}
	table->rows.items[table->rows.count - 1].cells[table->filled++] = escape_text(table->arena, text);
}

/* Characters: bytes that do not go on with one */
static size_t width_of(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

static const char *cut(struct arena *arena, const char *text, size_t width)
{
	const char *end = text;

	if (width_of(text) <= width)
		return text;
	for (size_t left = width - 2; *end; end++)
		if (((unsigned char)*end & 0xc0) != 0x80 && left-- == 0)
			break;
	return arena_printf(arena, "%.*s..", (int)(end - text), text);
}

const char *table_cut(struct arena *arena, const char *text, size_t beside)
{
	size_t width = table_terminal_width();

	text = escape_text(arena, text);
	return !width ? text : cut(arena, text, width > beside + LEAST_CUT ? width - beside : LEAST_CUT);
}

static size_t measure(const struct table *table, size_t *widths)
{
	size_t all = 0;

	for (size_t column = 0; column < table->columns; column++) {
		widths[column] = 0;
		for (size_t i = 0; i < table->rows.count; i++) {
			size_t width = width_of(table->rows.items[i].cells[column]);
			if (width > widths[column])
				widths[column] = width;
		}
		all += widths[column] + (column ? GAP : 0);
	}
	return all;
}

static void print_row(const struct table *table, const struct row *row, const size_t *widths, FILE *file)
{
	struct text line = { .arena = table->arena };

	for (size_t column = 0; column < table->columns; column++) {
		const char *cell = cut(table->arena, row->cells[column], widths[column]);
		int space = (int)(widths[column] - width_of(cell));
		if (table->right[column])
			text_addf(&line, "%*s%s%*s", space, "", cell, GAP, "");
		else
			text_addf(&line, "%s%*s", cell, space + GAP, "");
	}
	const char *text = text_get(&line);
	size_t len = strlen(text);
	while (len && text[len - 1] == ' ')
		len--;
	fprintf(file, "%.*s\n", (int)len, text);
}

/* Takes what is too much from a column, which keeps a little; what is still too much */
static size_t shrink(size_t *width, size_t excess)
{
	size_t most = *width > LEAST_CUT ? *width - LEAST_CUT : 0, less = excess < most ? excess : most;

	*width -= less;
	return excess - less;
}

void table_print(const struct table *table, FILE *file, size_t width)
{
	size_t widths[TABLE_COLUMNS_MAX];
	size_t all = measure(table, widths), excess = width && all > width ? all - width : 0;

	excess = shrink(&widths[table->wide], excess);
	shrink(&widths[table->columns - 1], excess);
	for (size_t i = 0; i < table->rows.count; i++)
		print_row(table, &table->rows.items[i], widths, file);
}

size_t table_terminal_width(void)
{
	struct winsize size;

	return isatty(STDOUT_FILENO) && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) ? size.ws_col : 0;
}

const char *table_duration(struct arena *arena, uint64_t ms)
{
	uint64_t s = ms / 1000;

	if (s < 60)
		return arena_printf(arena, "%us", (unsigned)s);
	if (s < 3600)
		return arena_printf(arena, "%um", (unsigned)(s / 60));
	return s < 86400 ? arena_printf(arena, "%uh", (unsigned)(s / 3600)) :
			   arena_printf(arena, "%lud", (unsigned long)(s / 86400));
}

const char *table_size(struct arena *arena, uint64_t number)
{
	static const char units[] = "KMGTPE";
	double value = (double)number;
	size_t unit = 0;

	if (number < 1024)
		return arena_printf(arena, "%u", (unsigned)number);
	for (value /= 1024; value >= 1000 && unit < sizeof units - 2; unit++)
		value /= 1024;
	return arena_printf(arena, value < 10 ? "%.1f%c" : "%.0f%c", value, units[unit]);
}
