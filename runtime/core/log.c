/* Writing lines. */
#include "core/log.h"
#include "base/utf8.h"
#include "core/write_now.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LOG_LINE_MAX 1000 /* four bytes each at most, and a prefix: a pipe takes a line whole */
_Static_assert(4 * LOG_LINE_MAX + 64 <= PIPE_BUF, "");

#define CLEAR_LINE "\r\033[K"

static bool to_file;
static const char *own_name = "msb-run";
static size_t lost; /* lines, since there was no room */

void log_name(const char *program)
{
	own_name = program;
}

void log_open(void)
{
	to_file = write_now_is_file(STDERR_FILENO);
}

/* Whether there was room for it. Nothing useful can be done about a standard error that is gone. */
static bool write_at_once(const char *text, size_t len)
{
	return write_now(STDERR_FILENO, to_file, text, len) != -EAGAIN;
}

static void write_whole(const char *text, size_t len)
{
	char note[96];

	if (lost) {
		int size = snprintf(note, sizeof note, "%s: %zu lines were lost: nobody read standard error\n",
				    own_name, lost);
		if (!write_at_once(note, (size_t)size)) {
			lost++;
			return;
		}
		lost = 0;
	}
	lost += !write_at_once(text, len);
}

void log_flush(void)
{
	if (lost)
		write_whole("", 0);
}

/* What a terminal shows, as it is; any other byte, C1 controls and what is no UTF-8 among them, as \xNN. `to` has room for
 * four bytes a byte. */
static size_t escape(char *to, const char *text, size_t left)
{
	size_t len = 0;

	while (left) {
		uint32_t character;
		size_t size = utf8_decode(text, left, &character);
		if (size && utf8_printable(character)) {
			memcpy(to + len, text, size);
			len += size;
		} else {
			size = 1;
			len += (size_t)sprintf(to + len, "\\x%02x", (unsigned char)*text);
		}
		text += size;
		left -= size;
	}
	return len;
}

/* A line longer than the buffer is cut: it keeps its newline. */
static void write_line(const char *prefix, const char *fmt, va_list args)
{
	char text[LOG_LINE_MAX], line[4 * LOG_LINE_MAX + 64];
	int saved = errno;
	const char *rest = *prefix == ' ' ? NULL : strchr(prefix, ':');
	size_t len = rest ? (size_t)snprintf(line, sizeof line, "%.*s%s%s",
					     *prefix == '\r' ? (int)strlen(CLEAR_LINE) : 0, prefix, own_name, rest) :
			    (size_t)snprintf(line, sizeof line, "%s", prefix);

	vsnprintf(text, sizeof text, fmt, args);
	len += escape(line + len, text, strlen(text));
	if (*prefix != '\r')
		line[len++] = '\n';
	write_whole(line, len);
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
LOG_FUNCTION(log_more, "  ")
LOG_FUNCTION(log_help, "  help: ")
LOG_FUNCTION(log_progress, CLEAR_LINE "msb-run: ")

void log_progress_end(void)
{
	write_at_once(CLEAR_LINE, strlen(CLEAR_LINE));
}
