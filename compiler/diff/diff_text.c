/* The diff for people: what opens, what closes, who decided before and who decides now. */
#include "diff/diff.h"
#include "base/escape.h"
#include "base/text.h"

#include <string.h>

#define DECIDER_MAX 60 /* a longer rule does not push the places of all others aside */

static const struct policy_default *default_of(const struct policy *policy, enum policy_direction direction)
{
	return direction == POLICY_EGRESS ? &policy->egress : &policy->ingress;
}

static const struct policy_rule *rule_of(const struct diff *diff, const struct diff_region *region, int side)
{
	const struct policy *policy = diff->policies[side];

	return region->decider[side] < policy->rules.count ? &policy->rules.items[region->decider[side]] : NULL;
}

const char *diff_decider_text(struct arena *arena, const struct diff *diff, const struct diff_region *region, int side)
{
	const struct policy *policy = diff->policies[side];
	const struct policy_rule *rule = rule_of(diff, region, side);

	if (rule)
		return escape_text(arena, rule->text);
	switch (region->decider[side] - policy->rules.count) {
	case DIFF_BY_FLOOR:
		return "multi-tenant floor";
	case DIFF_BY_REBIND:
		return policy->rebind_protection ? "rebind protection" : "rebind protection off";
	default:
		return escape_text(arena, default_of(policy, region->direction)->text);
	}
}

const char *diff_decider_place(struct arena *arena, const struct diff *diff, const struct diff_region *region, int side)
{
	const struct policy *policy = diff->policies[side];
	const struct policy_rule *rule = rule_of(diff, region, side);

	if (rule)
		return span_format_line(arena, policy->sources, rule->span);
	if (region->decider[side] > policy->rules.count)
		return "-";
	return span_format_line(arena, policy->sources, default_of(policy, region->direction)->span);
}

const char *diff_decider_because(const struct diff *diff, const struct diff_region *region, int side)
{
	const struct policy_rule *rule = rule_of(diff, region, side);

	return rule ? rule->because : NULL;
}

static const char *reach(const struct policy_publish *publish)
{
	if (addr_classify(publish->bind, NULL) == ADDR_CLASS_LOOPBACK)
		return "reachable from this host only";
	return addr_is_unspecified(publish->bind) ? "reachable from any network of this host" :
						    "reachable from the network of that address";
}

const char *diff_publish_text(struct arena *arena, const struct diff_publish *change, bool markdown)
{
	const struct policy_publish *publish = change->publish;
	const char *proto = policy_proto_name(publish->proto), *tick = markdown ? "`" : "";
	char buf[ADDR_TEXT_MAX];
	const char *port = publish->host_port ? arena_printf(arena, "%u", publish->host_port) : "a free port";

	return arena_printf(arena, "%spublish %s:%s%s to %s %s%s:%u%s%s%s", tick,
			    addr_format_bracketed(publish->bind, buf), port, tick, markdown ? "guest" : "the guest's",
			    tick, proto, publish->guest_port, tick, markdown ? "" : ", ",
			    markdown ? "" : reach(publish));
}

static void add_decider(struct arena *arena, struct text *text, const struct diff *diff,
			const struct diff_region *region, int side, size_t width)
{
	const char *because = side ? diff_decider_because(diff, region, side) : NULL;

	text_addf(text, "    %s  %-*s %s", side ? "now" : "was", (int)width,
		  diff_decider_text(arena, diff, region, side), diff_decider_place(arena, diff, region, side));
	if (because)
		text_addf(text, "   because \"%s\"", escape_text(arena, because));
	text_add(text, "\n");
}

static size_t decider_width(struct arena *arena, const struct diff *diff)
{
	size_t width = 0;

	for (size_t i = 0; i < 2 * diff->regions.count; i++) {
		size_t len = strlen(diff_decider_text(arena, diff, &diff->regions.items[i / 2], i % 2));

		if (len > width && len <= DECIDER_MAX)
			width = len;
	}
	return width;
}

static void add_region(struct arena *arena, struct text *text, const struct diff *diff,
		       const struct diff_region *region, size_t width)
{
	text_addf(text, "%s %s", region->now == POLICY_ALLOW ? "+ allow" : "- deny ",
		  escape_text(arena, region->words));
	if (region->except)
		text_addf(text, " except %s", escape_text(arena, region->except));
	if (region->by_server_name)
		text_add(text, ", by server name");
	if (region->together)
		text_addf(text, ", bound to %s too", escape_text(arena, region->together));
	text_addf(text, "   e.g. %s\n", escape_text(arena, region->example_text));
	add_decider(arena, text, diff, region, 0, width);
	add_decider(arena, text, diff, region, 1, width);
}

static const char *counted(struct arena *arena, size_t count, const char *word)
{
	return arena_printf(arena, "%zu %s%s", count, word, count == 1 ? "" : "s");
}

static const char *both(struct arena *arena, size_t regions, size_t ports)
{
	if (!ports)
		return counted(arena, regions, "region");
	if (!regions)
		return counted(arena, ports, "port");
	return arena_printf(arena, "%s and %s", counted(arena, regions, "region"), counted(arena, ports, "port"));
}

/* "opens 2 regions and 1 port, closes 1 region" */
static void add_counts(struct arena *arena, struct text *text, const struct diff *diff)
{
	bool opens = diff->opened || diff->published, closes = diff->closed || diff->unpublished;

	if (opens)
		text_addf(text, "opens %s", both(arena, diff->opened, diff->published));
	if (closes)
		text_addf(text, "%scloses %s", opens ? ", " : "", both(arena, diff->closed, diff->unpublished));
	text_add(text, "\n");
}

const char *diff_text(struct arena *arena, const struct diff *diff)
{
	struct text text = { .arena = arena };
	size_t width = decider_width(arena, diff);

	for (size_t i = 0; i < diff->regions.count; i++)
		add_region(arena, &text, diff, &diff->regions.items[i], width);
	for (size_t i = 0; i < diff->publishes.count; i++) {
		const struct diff_publish *change = &diff->publishes.items[i];

		text_addf(&text, "%s %s   %s\n", change->added ? "+" : "-", diff_publish_text(arena, change, false),
			  span_format_line(arena, diff->policies[change->added]->sources, change->publish->span));
	}
	if (!diff->regions.count && !diff->publishes.count)
		return "no change: both decide every flow alike\n";
	text_add(&text, "\n");
	add_counts(arena, &text, diff);
	return text_get(&text);
}
