/* Lines of msb-run on standard error, written whole, one write each; bytes that could steer a terminal are
 * printed as \xNN. errno is preserved. */
#pragma once
#include <stdarg.h>

void log_line(const char *fmt, ...) __attribute__((format(printf, 1, 2)));  /* "msb-run: …" */
void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2))); /* "msb-run: error: …" */
void log_help(const char *fmt, ...) __attribute__((format(printf, 1, 2)));  /* "  help: …" */
