/* Lines of msb-run on standard error, written whole, one write each; bytes that could steer a terminal are
 * printed as \xNN. Where nobody reads them they are lost, and counted once somebody does. errno is preserved. */
#pragma once
#include <stdarg.h>

/* Looks at what standard error is, before any line */
void log_open(void);
/* Whose lines these are, in place of "msb-run"; the text is kept */
void log_name(const char *program);
/* Says how many lines were lost, if there is room: at the end, when no line may follow */
void log_flush(void);
void log_line(const char *fmt, ...) __attribute__((format(printf, 1, 2)));  /* "msb-run: …" */
void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2))); /* "msb-run: error: …" */
void log_more(const char *fmt, ...) __attribute__((format(printf, 1, 2)));  /* "  …", of the line before */
void log_help(const char *fmt, ...) __attribute__((format(printf, 1, 2)));  /* "  help: …" */
/* "msb-run: …" on a terminal, in place of the line before, without an end; log_progress_end() wipes it out. */
void log_progress(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_progress_end(void);
