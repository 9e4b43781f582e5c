/* Findings for people: gcc's first line, which editors jump to, then the source line and carets, then the
 * second places as notes of the same form, then help. */
#include "diag/diag.h"
#include "base/escape.h"
#include "base/utf8.h"

#include <string.h>

#define LINE_CELLS 240 /* of a longer line a part around the span is shown */
#define LEAD_CELLS 80
#define SHOWN_MAX 20 /* bytes of one character as it is shown, with its NUL */
#define LINE_BYTES (LINE_CELLS * SHOWN_MAX)

static const char RED[] = "\033[1;31m", YELLOW[] = "\033[1;33m", CYAN[] = "\033[1;36m", BOLD[] = "\033[1m",
		  PLAIN[] = "\033[0m";

struct printer {
	const struct diags *diags;
	struct arena *arena;
	FILE *out;
	bool color;
};

static void paint(const struct printer *printer, const char *code, const char *text)
{
	if (printer->color)
		fprintf(printer->out, "%s%s%s", code, text, PLAIN);
	else
		fputs(text, printer->out);
}

static const char *level_color(enum diag_level level)
{
	return level == DIAG_ERROR ? RED : level == DIAG_WARNING ? YELLOW : CYAN;
}

/* One character of a source line as it is shown, and its width in cells. A tab is one blank, so that
 * columns and cells agree. Returns the bytes it took. */
static size_t show_character(const char *bytes, size_t len, char shown[static SHOWN_MAX], unsigned *cells)
{
	uint32_t character = 0;
	size_t size = utf8_decode(bytes, len, &character), used = 0;
	if (bytes[0] == '\t') {
		strcpy(shown, " ");
		*cells = 1;
		return 1;
	}
	if (size && utf8_printable(character)) {
		memcpy(shown, bytes, size);
		shown[size] = '\0';
		*cells = utf8_width(character);
		return size;
	}
	size = size ? size : 1;
	for (size_t i = 0; i < size; i++)
		used += (size_t)sprintf(shown + used, "\\x%02x", (unsigned char)bytes[i]);
	*cells = (unsigned)used;
	return size;
}

/* A line cut to what fits, and where the carets go, in cells. */
struct quote {
	char *text;
	unsigned caret_from, caret_to;
};

/* Start of the part to show: few cells before the span, at a character's first byte. */
static uint32_t window_start(const struct source *source, struct span line, uint32_t span_start)
{
	if (span_start - line.start <= LEAD_CELLS || line.end - line.start <= LINE_CELLS)
		return line.start;
	uint32_t start = span_start - LEAD_CELLS;
	while (start < span_start && ((unsigned char)source->text[start] & 0xc0) == 0x80)
		start++;
	return start;
}

static struct quote quote_line(const struct printer *printer, const struct source *source, struct span line,
			       struct span span)
{
	uint32_t at = window_start(source, line, span.start);
	char *text = arena_alloc(printer->arena, LINE_BYTES), *full = text + LINE_BYTES - 2 * SHOWN_MAX;
	struct quote quote = { .text = text };
	unsigned cells = 0;
	if (at > line.start) {
		text += sprintf(text, "…");
		cells++;
	}
	quote.caret_from = cells;
	while (at < line.end && cells < LINE_CELLS && text < full) { /* combining characters take no cell */
		unsigned width;
		if (at == span.start)
			quote.caret_from = quote.caret_to = cells;
		size_t size = show_character(source->text + at, line.end - at, text, &width);
		text += strlen(text);
		cells += width;
		at += (uint32_t)size;
		if (at <= span.end)
			quote.caret_to = cells;
	}
	if (span.start >= at)
		quote.caret_from = cells;
	if (quote.caret_to <= quote.caret_from)
		quote.caret_to = quote.caret_from + 1;
	if (at < line.end)
		sprintf(text, "…");
	return quote;
}

static void print_margin(const struct printer *printer, const struct source *source, uint32_t line)
{
	if (line && source->kind == SOURCE_FILE)
		fprintf(printer->out, "%4u | ", line);
	else
		fputs("     | ", printer->out);
}

/* The line and, below, carets with `label` behind them. */
static void print_quote(const struct printer *printer, struct span span, const char *code, const char *label)
{
	const struct source *source = sources_get(printer->diags->sources, span.source);
	if (!source || !source->quotable || !source->len)
		return;
	struct place place = span_place(printer->diags->sources, span);
	struct quote quote = quote_line(printer, source, span_line(printer->diags->sources, span), span);
	print_margin(printer, source, place.line);
	fprintf(printer->out, "%s\n", quote.text);
	print_margin(printer, source, 0);
	fprintf(printer->out, "%*s", (int)quote.caret_from, "");
	char *carets = arena_alloc(printer->arena, quote.caret_to - quote.caret_from + 1);
	memset(carets, '^', quote.caret_to - quote.caret_from);
	paint(printer, code, carets);
	if (label)
		fprintf(printer->out, " %s", escape_text(printer->arena, label));
	fputc('\n', printer->out);
}

static void print_head(const struct printer *printer, struct span span, enum diag_level level, const char *message)
{
	if (sources_get(printer->diags->sources, span.source)) {
		paint(printer, BOLD, span_format(printer->arena, printer->diags->sources, span));
		fputs(": ", printer->out);
	}
	paint(printer, level_color(level), diag_level_name(level));
	fprintf(printer->out, ": %s", escape_text(printer->arena, message));
}

/* What is printed behind the carets: a label, an example flow and its verdict, or both. */
static const char *caret_label(struct arena *arena, const struct diag *diag)
{
	if (!diag->example)
		return diag->label;
	return arena_printf(arena, "%s%se.g. %s %s", diag->label ? diag->label : "", diag->label ? "; " : "",
			    diag->example, diag->example_verdict ? diag->example_verdict : "");
}

static void print_help(const struct printer *printer, const char *help)
{
	paint(printer, BOLD, "  help:");
	for (const char *line = help; line;) {
		const char *newline = strchr(line, '\n');
		size_t len = newline ? (size_t)(newline - line) : strlen(line);
		fprintf(printer->out, "%s%s\n", line == help ? " " : "        ",
			escape_terminal(printer->arena, line, len));
		line = newline ? newline + 1 : NULL;
	}
}

static void print_finding(const struct printer *printer, const struct diag *diag)
{
	print_head(printer, diag->span, diag->level, diag->message);
	fprintf(printer->out, " [%s]\n", diag->id);
	print_quote(printer, diag->span, level_color(diag->level), caret_label(printer->arena, diag));
	for (size_t i = 0; i < diag->related.count; i++) {
		const struct diag_related *related = &diag->related.items[i];
		print_head(printer, related->span, DIAG_NOTE, related->message);
		fputc('\n', printer->out);
		print_quote(printer, related->span, CYAN, NULL);
	}
	if (diag->help)
		print_help(printer, diag->help);
}

void diags_print_text(const struct diags *diags, FILE *out, bool color)
{
	struct printer printer = { .diags = diags, .arena = arena_new(), .out = out, .color = color };
	const struct diag **sorted = diags_sorted(diags);
	for (size_t i = 0; i < diags->list.count; i++)
		print_finding(&printer, sorted[i]);
	size_t all = diags->errors + diags->warnings + diags->notes;
	if (all > diags->list.count)
		fprintf(out, "… and %zu more\n", all - diags->list.count);
	arena_free(printer.arena);
}
