/* systemd.io/JOURNAL_NATIVE_PROTOCOL: NAME=VALUE lines; a value with a newline has its length in front. */
#include "report/event_journal.h"
#include "report/event_text.h"

#include <ctype.h>
#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define DATAGRAM_MAX 16384
#define FIELD_NAME_MAX 64 /* journald's own bound */

static const struct sockaddr_un journal = { .sun_family = AF_UNIX, .sun_path = EVENT_JOURNAL_SOCKET };

int event_journal_open(void)
{
	if (access(EVENT_JOURNAL_SOCKET, F_OK) < 0)
		return -1;
	return socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

struct datagram {
	char *bytes;
	size_t size, len;
	bool full;
};

static void put(struct datagram *out, const void *bytes, size_t len)
{
	out->full = out->full || len > out->size - out->len;
	if (out->full)
		return;
	memcpy(out->bytes + out->len, bytes, len);
	out->len += len;
}

static void put_field(struct datagram *out, const char *name, const char *value, size_t len)
{
	uint64_t size = htole64(len);
	bool lines = memchr(value, '\n', len);

	put(out, name, strlen(name));
	put(out, lines ? "\n" : "=", 1);
	if (lines)
		put(out, &size, sizeof size);
	put(out, value, len);
	put(out, "\n", 1);
}

/* Member "place" is field MSB_PLACE */
static void put_member(struct datagram *out, const char *key, const json_t *value)
{
	char name[FIELD_NAME_MAX + 1] = "MSB_", number[24];
	size_t at = strlen(name);

	for (; *key && at < FIELD_NAME_MAX; key++)
		name[at++] = isalnum((unsigned char)*key) ? (char)toupper((unsigned char)*key) : '_';
	name[at] = '\0';
	if (json_is_string(value)) {
		put_field(out, name, json_string_value(value), json_string_length(value));
	} else if (json_is_integer(value)) {
		snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
		put_field(out, name, number, strlen(number));
	}
}

/* syslog's: what was refused or lost is worth a notice, the rest is information */
static const char *priority(const json_t *event)
{
	static const char *const refused[] = { "deny", "rebind", "limit", "quota" };
	const char *kind = json_string_value(json_object_get(event, "kind"));

	if (!kind || !strcmp(kind, "lost"))
		return "4";
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
		if (!strcmp(kind, refused[i]))
			return "5";
	return "6";
}

size_t event_journal_fields(const json_t *event, char *bytes, size_t size)
{
	struct datagram out = { bytes, size, 0, false };
	struct arena *arena = arena_new();
	const char *message = event_text(arena, event, false), *key;
	json_t *value;

	put_field(&out, "MESSAGE", message, strlen(message));
	put_field(&out, "PRIORITY", priority(event), 1);
	put_field(&out, "SYSLOG_IDENTIFIER", "msb-run", strlen("msb-run"));
	json_object_foreach((json_t *)event, key, value) put_member(&out, key, value);
	arena_free(arena);
	return out.full ? 0 : out.len;
}

int event_journal_write(int fd, const json_t *event)
{
	char bytes[DATAGRAM_MAX];
	size_t len = event_journal_fields(event, bytes, sizeof bytes);

	if (!len)
		return -EMSGSIZE;
	ssize_t sent =
		sendto(fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)&journal, sizeof journal);
	return sent < 0 ? -errno : 0;
}
