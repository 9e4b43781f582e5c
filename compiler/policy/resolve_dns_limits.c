/* Bounds on lookups as a way out of the sandbox, off unless they are given: how long a label may be, how many different names
 * below one domain there may be in a time, and how many questions may go to a nameserver. */
#include "base/units.h"
#include "policy/resolve_help.h"

#include <inttypes.h>
#include <string.h>

enum { INTERVAL_LEAST_MS = 1000, INTERVAL_MOST_MS = 24 * 60 * 60 * 1000, RATE_MOST = 1000000 };

static void report(struct resolver *r, struct span span, const char *what, const char *value, const char *label)
{
	diag_error(r->diags, "bad-limit", span, "%s: `%s`", what, value)->label = label;
}

static void set_label(struct resolver *r, struct span span, const char *value)
{
	struct policy_limit limit = { .span = span };

	if (!units_number(value, &limit.size) || !limit.size || limit.size > POLICY_LABEL_MOST)
		report(r, span, "no length of a label", value, "1 to 63 octets, which DNS has room for");
	else if (resolver_set_once(r, SETTING_DNS_LABEL, span, "this limit", value))
		r->policy->dns_label = limit;
}

/* false, with an error, where it is no rate or one that would bound nothing */
static bool read_rate(struct resolver *r, struct span span, const char *value, uint64_t most, struct policy_limit *out)
{
	if (!units_rate(r->arena, value, &out->size, &out->refill_ms))
		report(r, span, "no rate", value, "like 50/1m or 20/1s");
	else if (out->size > most)
		report(r, span, "too high to be a bound", value, arena_printf(r->arena, "at most %" PRIu64, most));
	else if (out->refill_ms < INTERVAL_LEAST_MS || out->refill_ms > INTERVAL_MOST_MS)
		report(r, span, "too short or too long a time", value, "between 1s and 1440m");
	else
		return true;
	return false;
}

static void set_names(struct resolver *r, struct span span, const char *value)
{
	struct policy_limit limit = { .span = span };

	if (!read_rate(r, span, value, POLICY_DNS_NAMES_MOST, &limit))
		return;
	if (resolver_set_once(r, SETTING_DNS_NAMES, span, "this limit",
			      arena_printf(r->arena, "%" PRIu64 "/%" PRIu64, limit.size, limit.refill_ms)))
		r->policy->dns_names = limit;
}

static void set_rate(struct resolver *r, struct span span, const char *value, const char *burst)
{
	struct policy_limit limit = { .span = span };

	if (!read_rate(r, span, value, RATE_MOST, &limit))
		return;
	if (burst && (!units_size(burst, &limit.burst) || limit.burst > RATE_MOST))
		report(r, span, "no burst", burst, "like 40");
	else if (resolver_set_once(r, SETTING_DNS_RATE, span, "this limit",
				   arena_printf(r->arena, "%" PRIu64 "/%" PRIu64 "+%" PRIu64, limit.size,
						limit.refill_ms, limit.burst)))
		r->policy->dns_rate = limit;
}

void resolver_set_dns_limit(struct resolver *r, enum setting setting, struct span span, const char *value,
			    const char *burst)
{
	if (setting == SETTING_DNS_LABEL)
		set_label(r, span, value);
	else if (setting == SETTING_DNS_NAMES)
		set_names(r, span, value);
	else
		set_rate(r, span, value, burst);
}

void resolver_apply_dns_limit(struct resolver *r, const struct ast_statement *statement)
{
	static const struct {
		const char *word, *like;
		enum setting setting;
	} kinds[] = {
		{ "label", "limit dns label 32", SETTING_DNS_LABEL },
		{ "names", "limit dns names 50/1m", SETTING_DNS_NAMES },
		{ "rate", "limit dns rate 20/1s burst 40", SETTING_DNS_RATE },
	};
	const struct ast_word *words = statement->words.items;
	size_t count = statement->words.count, kind = 0;

	while (count > 1 && kind < sizeof kinds / sizeof *kinds && strcmp(words[1].text, kinds[kind].word) != 0)
		kind++;
	if (kind == sizeof kinds / sizeof *kinds) {
		report(r, words[1].span, "no such limit", words[1].text, "`label`, `names` or `rate`");
		return;
	}
	bool burst = kinds[kind].setting == SETTING_DNS_RATE && count == 5 && !strcmp(words[3].text, "burst");
	if (count != 3 && !burst)
		diag_error(r->diags, "bad-limit", statement->span, "`limit dns` takes a kind and how much")->help =
			kinds[kind].like;
	else
		resolver_set_dns_limit(r, kinds[kind].setting, statement->span, words[2].text,
				       burst ? words[4].text : NULL);
}
