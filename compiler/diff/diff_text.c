/* The diff for people: what opens, what closes, who decided before and who decides now. */
#include "diff/diff_print.h"
#include "base/escape.h"
#include "policy/policy_facts.h"

#include <string.h>

#define DECIDER_MAX 60 /* a longer rule does not push the places of all others aside */

/* ---- who decided ---- */

static const struct policy_rule *rule_of(const struct diff *diff, const struct diff_region *region, int side)
{
	struct decider by = region->by[side];

	return by.kind == DECIDER_RULE ? &diff->policies[side]->rules.items[by.rule] : NULL;
}

const char *diff_decider_text(struct arena *arena, const struct diff *diff, const struct diff_region *region, int side)
{
	const struct policy *policy = diff->policies[side];
	const struct policy_rule *rule = rule_of(diff, region, side);

	if (rule)
		return escape_text(arena, rule->text);
	switch (region->by[side].kind) {
	case DECIDER_FLOOR:
		return escape_text(arena, eval_floor_words(policy, region->by[side], region->direction).text);
	case DECIDER_HIDDEN:
		return arena_printf(arena, "name hidden from %s",
				    escape_text(arena, policy->rules.items[region->by[side].rule].text));
	case DECIDER_REBIND:
		return policy->rebind_protection ? "rebind protection" : "rebind protection off";
	case DECIDER_LABEL:
		return policy_dns_limit_text(arena, policy, POLICY_DNS_LABEL);
	default:
		return escape_text(arena, policy_default_of(policy, region->direction)->text);
	}
}

struct span diff_decider_span(const struct diff *diff, const struct diff_region *region, int side)
{
	const struct policy_rule *rule = rule_of(diff, region, side);

	if (rule)
		return rule->span;
	if (region->by[side].kind == DECIDER_HIDDEN)
		return diff->policies[side]->rules.items[region->by[side].rule].span;
	if (region->by[side].kind == DECIDER_FLOOR)
		return eval_floor_words(diff->policies[side], region->by[side], region->direction).span;
	if (region->by[side].kind == DECIDER_LABEL)
		return diff->policies[side]->dns_label.span;
	if (region->by[side].kind != DECIDER_DEFAULT)
		return SPAN_NONE;
	return policy_default_of(diff->policies[side], region->direction)->span;
}

const char *diff_decider_because(const struct diff *diff, const struct diff_region *region, int side)
{
	const struct policy_rule *rule = rule_of(diff, region, side);

	return rule ? rule->because : NULL;
}

/* ---- the text ---- */

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

struct printer {
	struct arena *arena;
	const struct diff *diff;
	struct text text;
	int width; /* of deciders, so that their places stand in one column */
};

static void add_decider(struct printer *to, const struct diff_region *region, int side)
{
	const char *because = side ? diff_decider_because(to->diff, region, side) : NULL;

	text_addf(&to->text, "    %s  %-*s %s%s", side ? "now" : "was", to->width,
		  diff_decider_text(to->arena, to->diff, region, side),
		  place_or_dash(span_format_line(to->arena, to->diff->policies[side]->sources,
						 diff_decider_span(to->diff, region, side))),
		  !side && to->diff->before_note ? to->diff->before_note : "");
	if (because)
		text_addf(&to->text, "   because \"%s\"", escape_text(to->arena, because));
	text_add(&to->text, "\n");
}

static int decider_width(struct arena *arena, const struct diff *diff)
{
	size_t width = 0;

	for (size_t i = 0; i < 2 * diff->regions.count; i++) {
		size_t len = strlen(diff_decider_text(arena, diff, &diff->regions.items[i / 2], i % 2));

		if (len > width && len <= DECIDER_MAX)
			width = len;
	}
	return (int)width;
}

static void add_region(struct printer *to, const struct diff_region *region)
{
	text_addf(&to->text, "%s %s", diff_now(region) == POLICY_ALLOW ? "+ allow" : "- deny ",
		  escape_text(to->arena, region->words));
	if (region->except)
		text_addf(&to->text, " except %s", escape_text(to->arena, region->except));
	if (region->by_server_name)
		text_add(&to->text, ", by server name");
	if (region->together)
		text_addf(&to->text, ", bound to %s too", escape_text(to->arena, region->together));
	text_addf(&to->text, "   e.g. %s\n", escape_text(to->arena, region->example_text));
	add_decider(to, region, 0);
	add_decider(to, region, 1);
}

/* ---- counts ---- */

/* "2 regions, 1 port and 3 settings" */
static void add_counted(struct text *text, const size_t counts[static 3])
{
	static const char *const words[] = { "region", "port", "setting" };
	size_t left = 0;
	bool first = true;

	for (size_t i = 0; i < 3; i++)
		left += counts[i] > 0;
	for (size_t i = 0; i < 3; i++) {
		if (!counts[i])
			continue;
		if (!first)
			text_add(text, left == 1 ? " and " : ", ");
		text_addf(text, "%zu %s%s", counts[i], words[i], counts[i] == 1 ? "" : "s");
		first = false;
		left--;
	}
}

void diff_sum_add(struct diff_sum *sum, const struct diff *diff)
{
	for (int opens = 0; opens < 2; opens++) {
		sum->regions[opens] += diff_count_regions(diff, opens ? POLICY_ALLOW : POLICY_DENY);
		sum->ports[opens] += diff_count_publishes(diff, opens);
		sum->settings[opens] += diff_count_settings(diff, opens ? DIFF_OPENS : DIFF_CLOSES);
	}
	sum->changes += diff_count_settings(diff, DIFF_CHANGES);
}

const char *diff_sum_text(struct arena *arena, const struct diff_sum *sum)
{
	struct text text = { .arena = arena };

	for (int opens = 1; opens >= 0; opens--) {
		const size_t counts[] = { sum->regions[opens], sum->ports[opens], sum->settings[opens] };

		if (!counts[0] && !counts[1] && !counts[2])
			continue;
		text_addf(&text, "%s%s ", text.count ? ", " : "", opens ? "opens" : "closes");
		add_counted(&text, counts);
	}
	if (sum->changes)
		text_addf(&text, "%schanges %zu setting%s", text.count ? ", " : "", sum->changes,
			  sum->changes == 1 ? "" : "s");
	return text_get(&text);
}

/* ---- the whole ---- */

static void add_publish(struct printer *to, const struct diff_publish *change)
{
	const struct policy *policy = to->diff->policies[change->added];

	text_addf(&to->text, "%s %s   %s\n", change->added ? "+" : "-", diff_publish_text(to->arena, change, false),
		  place_or_dash(span_format_line(to->arena, policy->sources, change->publish->span)));
}

static void add_setting(struct printer *to, const struct diff_setting *setting)
{
	static const char signs[] = { [DIFF_OPENS] = '+', [DIFF_CLOSES] = '-', [DIFF_CHANGES] = '~' };
	int side = diff_setting_side(setting);

	text_addf(&to->text, "%c setting: %s   %s\n", signs[setting->effect], diff_setting_text(to->arena, setting),
		  place_or_dash(span_format_line(to->arena, to->diff->policies[side]->sources, setting->spans[side])));
}

void diff_add_absence(struct text *text, const struct diff *diff)
{
	for (int side = 0; side < 2; side++)
		if (diff->policies[side]->absent)
			text_addf(text, "! no policy %s: compared as one under which nothing passes\n",
				  side ? "afterwards" : "before");
}

void diff_add_changes(struct text *text, const struct diff *diff)
{
	struct printer to = { .arena = text->arena,
			      .diff = diff,
			      .text = { .arena = text->arena },
			      .width = decider_width(text->arena, diff) };

	for (size_t i = 0; i < diff->regions.count; i++)
		add_region(&to, &diff->regions.items[i]);
	for (size_t i = 0; i < diff->publishes.count; i++)
		add_publish(&to, &diff->publishes.items[i]);
	for (size_t i = 0; i < diff->settings.count; i++)
		add_setting(&to, &diff->settings.items[i]);
	for (size_t i = 0; i < diff->networks.count; i++)
		text_addf(&to.text, "! %s\n", diff_network_text(to.arena, &diff->networks.items[i], false));
	text_add(text, text_get(&to.text));
}

const char *diff_text(struct arena *arena, const struct diff *diff)
{
	struct text text = { .arena = arena };
	struct diff_sum sum = { 0 };

	diff_add_absence(&text, diff);
	diff_add_changes(&text, diff);
	diff_sum_add(&sum, diff);
	if (*diff_sum_text(arena, &sum))
		text_addf(&text, "\n%s\n", diff_sum_text(arena, &sum));
	else
		text_add(&text, "no change: both decide every flow alike\n");
	return text_get(&text);
}
