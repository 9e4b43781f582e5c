/* Members, ports and times. */
#include "ctl/ctl_sections.h"
#include "ctl/table.h"

#include <string.h>
#include <time.h>

const char *section_text(const json_t *object, const char *key, const char *none)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : none;
}

uint64_t section_number(const json_t *object, const char *key)
{
	json_int_t number = json_integer_value(json_object_get(object, key));

	return number > 0 ? (uint64_t)number : 0;
}

const char *section_port(struct arena *arena, const json_t *port)
{
	const char *bind = json_string_value(json_object_get(port, "bind"));
	const char *protocol = json_string_value(json_object_get(port, "protocol"));

	if (!bind || !protocol)
		return "-";
	return arena_printf(arena, strchr(bind, ':') ? "[%s]:%d->%d/%s" : "%s:%d->%d/%s", bind,
			    (int)json_integer_value(json_object_get(port, "host_port")),
			    (int)json_integer_value(json_object_get(port, "guest_port")), protocol);
}

const char *section_ago(struct arena *arena, const char *text)
{
	struct tm utc = { 0 };
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &utc);
	time_t then = rest ? timegm(&utc) : 0, now = time(NULL);

	return !rest ? "-" : table_duration(arena, now > then ? (uint64_t)(now - then) * 1000 : 0);
}
