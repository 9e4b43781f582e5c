/* Writing lines. */
#include "core/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LOG_LINE_MAX 1024

/* A line longer than the buffer is cut: it keeps its newline. */
static void write_line(const char *prefix, const char *fmt, va_list args)
{
	char text[LOG_LINE_MAX], line[4 * LOG_LINE_MAX + 64];
	int saved = errno;
	size_t len = (size_t)snprintf(line, sizeof line, "%s", prefix);

	vsnprintf(text, sizeof text, fmt, args);
	for (const unsigned char *byte = (unsigned char *)text; *byte; byte++)
		if (*byte < 0x20 || *byte == 0x7f)
			len += (size_t)snprintf(line + len, sizeof line - len, "\\x%02x", *byte);
		else
			line[len++] = (char)*byte;
	if (*prefix != '\r')
		line[len++] = '\n';
	/* Nothing useful can be done about a standard error that is gone */
	ssize_t written = write(STDERR_FILENO, line, len);
	(void)written;
	errno = saved;
}

#define LOG_FUNCTION(name, prefix)             \
	void name(const char *fmt, ...)        \
	{                                      \
		va_list args;                  \
		va_start(args, fmt);           \
		write_line(prefix, fmt, args); \
		va_end(args);                  \
	}
LOG_FUNCTION(log_line, "msb-run: ")
LOG_FUNCTION(log_error, "msb-run: error: ")
LOG_FUNCTION(log_help, "  help: ")
#define CLEAR_LINE "\r\033[K"
LOG_FUNCTION(log_progress, CLEAR_LINE "msb-run: ")

void log_progress_end(void)
{
	ssize_t written = write(STDERR_FILENO, CLEAR_LINE, strlen(CLEAR_LINE));
	(void)written;
}
