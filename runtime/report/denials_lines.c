/* A line an event, in columns that a person can read down. */
#include "report/denials_lines.h"
#include "base/fnv.h"
#include "core/log.h"
#include "report/hello_words.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void denials_lines_init(struct denials_lines *lines, bool quiet)
{
	lines->quiet = quiet;
	lines->waits = isatty(STDIN_FILENO);
}

void denials_lines_free(struct denials_lines *lines)
{
	for (size_t i = 0; i < lines->held_count; i++) {
		free(lines->held[i].denial);
		free(lines->held[i].hint);
	}
	lines->held_count = 0;
}

static uint64_t hash_text(uint64_t hash, const char *text)
{
	return fnv_byte(fnv_text(hash, text), 0); /* the zero is the bound between two texts */
}

static uint64_t hash_event(const struct event *event)
{
	uint64_t hash = hash_text(FNV_START, event->search ? event->search : event->flow);

	hash = hash_text(hash_text(hash, place_or_dash(event->reason->place)), event->reason->text);
	if (event->hello)
		hash = hash_text(hash_text(hash, event->hello), event->sni ? event->sni : "");
	return hash | 1;
}

bool denials_lines_is_first(struct denials_lines *lines, const struct event *event)
{
	uint64_t hash = hash_event(event);
	for (size_t i = 0; i < DENIALS_KNOWN_MAX / 2; i++) {
		uint64_t *known = &lines->known[(hash / 2 + i) % DENIALS_KNOWN_MAX];
		if (*known == hash)
			return false;
		if (*known == 0) {
			if (lines->known_count >= DENIALS_KNOWN_MAX / 2)
				return false;
			lines->known_count++;
			*known = hash;
			return true;
		}
	}
	return false;
}

static const char *line_of(struct arena *arena, const char *what, const struct event *event)
{
	const struct reason *reason = event->reason;
	const char *because = reason->because ? arena_printf(arena, " \"%s\"", reason->because) : "";
	const char *name = event->name ? arena_printf(arena, "  %s", event->name) : "";
	if (event->search)
		name = arena_printf(arena, "  and others below the search domain %s", event->search);
	if (event->ended)
		name = arena_printf(arena, "%s, whose binding ended %" PRIu64 " s ago", name,
				    event->ended_ago_ms / 1000);
	const char *hello =
		event->hello ? arena_printf(arena, "  %s", hello_words(arena, event->hello, event->sni)) : "";
	return arena_printf(arena, "%s %-29s   %s%s%s%s", what, event->flow, reason_placed(arena, reason), because,
			    name, hello);
}

static void print_now(const char *line, const char *hint)
{
	log_line("%s", line);
	if (hint)
		log_more("to allow: %s", hint);
}

static void print(struct denials_lines *lines, const char *line, const char *hint)
{
	if (!lines->waits) {
		print_now(line, hint);
	} else if (lines->held_count < sizeof lines->held / sizeof *lines->held) {
		lines->held[lines->held_count].denial = strdup(line);
		lines->held[lines->held_count++].hint = hint ? strdup(hint) : NULL;
	}
}

void denials_lines_flow(struct denials_lines *lines, struct arena *arena, const char *what, const struct event *event,
			const char *hint)
{
	if (lines->quiet || lines->flow_lines >= DENIALS_FLOW_LINES)
		return;
	lines->flow_lines++;
	print(lines, line_of(arena, what, event), hint);
}

void denials_lines_limit(struct denials_lines *lines, const char *line)
{
	if (!lines->quiet)
		print(lines, line, NULL);
}

void denials_lines_finish(struct denials_lines *lines)
{
	for (size_t i = 0; i < lines->held_count; i++)
		if (lines->held[i].denial)
			print_now(lines->held[i].denial, lines->held[i].hint);
	denials_lines_free(lines);
}
