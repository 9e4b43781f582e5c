/* What /etc/hosts of a guest lacks: `localhost` and the guest's own name resolve in every guest, whatever its root file
 * system holds. Used in the guest (agent.c) and, for --vmm none, outside. */
#pragma once
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define HOSTS_BLANKS " \t\r"

/* Whether the line up to `end` gives `name`, of `length`, an address. What follows a # is none of it. */
static inline bool hosts_line_names(const char *line, const char *end, const char *name, size_t length)
{
	const char *comment = memchr(line, '#', (size_t)(end - line));
	bool address = true; /* the first word is one */

	end = comment ? comment : end;
	while (line < end) {
		const char *word = line += strspn(line, HOSTS_BLANKS);
		while (line < end && !strchr(HOSTS_BLANKS, *line))
			line++;
		if (word >= end)
			return false;
		if (!address && (size_t)(line - word) == length && !strncasecmp(word, name, length))
			return true;
		address = false;
	}
	return false;
}

static inline bool hosts_names(const char *text, const char *name, size_t length)
{
	for (const char *end; *text; text = *end ? end + 1 : end) {
		end = strchrnul(text, '\n');
		if (hosts_line_names(text, end, name, length))
			return true;
	}
	return false;
}

/* Writes those lines of `wanted`, each "ADDRESS NAME\n", whose name `have` does not know, and whether there was one. Both are
 * strings; what is in `have` stays whoever wrote it's choice. */
static inline bool hosts_add(FILE *out, const char *have, const char *wanted)
{
	bool any = false;

	for (const char *end; *wanted; wanted = end + 1) {
		end = strchrnul(wanted, '\n');
		const char *name = memchr(wanted, ' ', (size_t)(end - wanted));
		if (!name || !*end)
			break;
		name++;
		if (hosts_names(have, name, (size_t)(end - name)))
			continue;
		any = true;
		fprintf(out, "%.*s\n", (int)(end - wanted), wanted);
	}
	return any;
}
