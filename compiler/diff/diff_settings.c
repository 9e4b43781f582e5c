/* Settings side by side, each by what a change of it means: a limit that is lifted opens, a reason that is reworded only
 * changes. fields.def lists what is looked at, here or by the verdicts. */
#include "diff/diff_settings.h"
#include "diff/diff_state.h"
#include "base/units.h"

#include <assert.h>
#include <inttypes.h>
#include <stddef.h>
#include <string.h>

/* a row for what is no longer a field fails the build; fields without a row fail tests/source/diff-fields.sh */
#define DIFF_FIELD(type, field, where) \
	static_assert(offsetof(struct type, field) < sizeof(struct type), #type " has " #field);
#include "diff/fields.def"
#undef DIFF_FIELD

static const struct span nowhere[2] = { { SPAN_NO_SOURCE, 0, 0 }, { SPAN_NO_SOURCE, 0, 0 } };

/* ---- rules that correspond ---- */

static const char *date_text(struct arena *arena, struct date date)
{
	return date.year ? arena_printf(arena, "%04d-%02d-%02d", date.year, date.month, date.day) : NULL;
}

static enum diff_effect until_effect(const struct date dates[2])
{
	if (!dates[0].year)
		return DIFF_CLOSES;
	/* past it the policy no longer compiles, whatever the rule says */
	return !dates[1].year || date_days(dates[1]) > date_days(dates[0]) ? DIFF_OPENS : DIFF_CLOSES;
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static const char *quoted(struct arena *arena, const char *text)
{
	return text ? arena_printf(arena, "\"%s\"", text) : NULL;
}

static const char *bytes_text(struct arena *arena, uint64_t bytes)
{
	return bytes ? units_size_format(arena, bytes) : NULL;
}

static enum diff_effect bytes_effect(uint64_t was, uint64_t now)
{
	return was && (!now || now > was) ? DIFF_OPENS : DIFF_CLOSES;
}

static void compare_rules(struct diff *diff, const struct policy_rule *was, const struct policy_rule *now)
{
	struct arena *arena = diff->arena;
	const struct date dates[2] = { was->until, now->until };
	const struct span spans[2] = { was->span, now->span };
	const char *until[2] = { date_text(arena, was->until), date_text(arena, now->until) };

	if (!same_text(until[0], until[1]))
		diff_add_setting(diff, until_effect(dates), arena_printf(arena, "until of %s", now->text), until,
				 spans);
	if (was->log != now->log)
		diff_add_setting(diff, was->log ? DIFF_OPENS : DIFF_CLOSES, arena_printf(arena, "log of %s", now->text),
				 (const char *[2]){ was->log ? "" : NULL, now->log ? "" : NULL }, spans);
	if (was->no_ech != now->no_ech)
		diff_add_setting(diff, was->no_ech ? DIFF_OPENS : DIFF_CLOSES,
				 arena_printf(arena, "no-ech of %s", now->text),
				 (const char *[2]){ was->no_ech ? "" : NULL, now->no_ech ? "" : NULL }, spans);
	if (was->bytes != now->bytes)
		diff_add_setting(
			diff, bytes_effect(was->bytes, now->bytes), arena_printf(arena, "bytes of %s", now->text),
			(const char *[2]){ bytes_text(arena, was->bytes), bytes_text(arena, now->bytes) }, spans);
	if (!same_text(was->because, now->because))
		diff_add_setting(diff, DIFF_CHANGES, arena_printf(arena, "reason of %s", now->text),
				 (const char *[2]){ quoted(arena, was->because), quoted(arena, now->because) }, spans);
}

static bool same_target(const struct policy_target *a, const struct policy_target *b)
{
	if (a->kind != b->kind)
		return false;
	switch (a->kind) {
	case TARGET_ANY:
		return true;
	case TARGET_GROUP:
		return a->group == b->group;
	case TARGET_CIDR:
		return addr_equal(a->prefix.addr, b->prefix.addr) && a->prefix.len == b->prefix.len;
	default:
		return !strcmp(a->name, b->name);
	}
}

static bool shares_target(const struct policy_rule *a, const struct policy_rule *b)
{
	for (size_t i = 0; i < a->targets.count; i++)
		for (size_t j = 0; j < b->targets.count; j++)
			if (same_target(&a->targets.items[i], &b->targets.items[j]))
				return true;
	return false;
}

struct rules {
	const struct policy_rule **items;
	size_t count, cap;
};

/* A rule that changed and, with that, lost its date, its log, its no-ech or its limit of bytes: the first of the rules without counterpart that does the
 * same to a target of its. */
static const struct policy_rule *successor(const struct rules *candidates, const struct policy_rule *was,
					   struct fuel *fuel)
{
	for (size_t i = 0; i < candidates->count; i++) {
		const struct policy_rule *now = candidates->items[i];

		if (!fuel_use(fuel, 1 + was->targets.count * now->targets.count))
			return NULL;
		if (now->action == was->action && now->directions == was->directions && shares_target(was, now))
			return now;
	}
	return NULL;
}

static void compare_all_rules(struct diff *diff, struct fuel *fuel)
{
	const struct policy *before = diff->policies[0], *after = diff->policies[1];
	struct rules candidates = { 0 };

	for (size_t i = 0; i < after->rules.count; i++)
		if (diff->match[1][i] == ANALYSIS_NONE)
			*arena_push(diff->arena, &candidates) = &after->rules.items[i];
	for (size_t i = 0; i < before->rules.count && !fuel->out; i++) {
		const struct policy_rule *was = &before->rules.items[i], *now = NULL;
		uint32_t match = diff->match[0][i];

		if (match != ANALYSIS_NONE)
			now = &after->rules.items[match];
		else if (was->until.year || was->log || was->no_ech || was->bytes)
			now = successor(&candidates, was, fuel);
		if (now)
			compare_rules(diff, was, now);
	}
}

/* ---- numbers ---- */

static const char *duration_text(struct arena *arena, uint64_t ms)
{
	return ms % 1000 ? arena_printf(arena, "%" PRIu64 "ms", ms) : arena_printf(arena, "%" PRIu64 "s", ms / 1000);
}

static const char *limit_text(struct arena *arena, const struct policy_limit *limit)
{
	const char *rate;

	if (!limit->size)
		return NULL;
	if (!limit->refill_ms) /* of bytes in all */
		return units_size_format(arena, limit->size);
	rate = arena_printf(arena, "%s/%s", units_size_format(arena, limit->size),
			    duration_text(arena, limit->refill_ms));
	return limit->burst ? arena_printf(arena, "%s burst %s", rate, units_size_format(arena, limit->burst)) : rate;
}

/* Whether the second lets more through, at any time */
static bool limit_is_looser(const struct policy_limit *was, const struct policy_limit *now)
{
	if (!was->size || !now->size)
		return !now->size;
	return (unsigned __int128)now->size * was->refill_ms > (unsigned __int128)was->size * now->refill_ms ||
	       now->size > was->size || now->burst > was->burst;
}

static void compare_limits(struct diff *diff)
{
	static const struct {
		const char *name;
		size_t at;
	} limits[] = {
		{ "limit egress bandwidth", offsetof(struct policy, egress_bandwidth) },
		{ "limit egress ops", offsetof(struct policy, egress_ops) },
		{ "limit ingress bandwidth", offsetof(struct policy, ingress_bandwidth) },
		{ "limit ingress ops", offsetof(struct policy, ingress_ops) },
		{ "limit egress bytes", offsetof(struct policy, egress_bytes) },
		{ "limit ingress bytes", offsetof(struct policy, ingress_bytes) },
		{ "limit dns label", offsetof(struct policy, dns_label) },
		{ "limit dns names", offsetof(struct policy, dns_names) },
		{ "limit dns rate", offsetof(struct policy, dns_rate) },
	};

	for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
		const struct policy_limit *both[2];
		const char *texts[2];

		for (int side = 0; side < 2; side++) {
			both[side] = (const void *)((const char *)diff->policies[side] + limits[i].at);
			texts[side] = limit_text(diff->arena, both[side]);
		}
		if (!same_text(texts[0], texts[1]))
			diff_add_setting(diff, limit_is_looser(both[0], both[1]) ? DIFF_OPENS : DIFF_CLOSES,
					 limits[i].name, texts,
					 (struct span[2]){ both[0]->size ? both[0]->span : SPAN_NONE,
							   both[1]->size ? both[1]->span : SPAN_NONE });
	}
}

static void compare_bounds(struct diff *diff)
{
	static const struct {
		const char *name;
		size_t at;
	} bounds[] = {
		{ "max-tcp-connections", offsetof(struct policy, max_tcp) },
		{ "max-udp-connections", offsetof(struct policy, max_udp) },
		{ "max-connection-rate", offsetof(struct policy, connection_rate) },
	};

	for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
		const struct policy_bound *both[2];
		const char *texts[2];

		for (int side = 0; side < 2; side++) {
			both[side] = (const void *)((const char *)diff->policies[side] + bounds[i].at);
			texts[side] =
				both[side]->most ? arena_printf(diff->arena, "%" PRIu32, both[side]->most) : "no bound";
		}
		if (both[0]->most != both[1]->most)
			/* 0 is no bound, and one less than it the greatest of all */
			diff_add_setting(diff, both[1]->most - 1 > both[0]->most - 1 ? DIFF_OPENS : DIFF_CLOSES,
					 bounds[i].name, texts, (struct span[2]){ both[0]->span, both[1]->span });
	}
}

/* ---- the rest, one value each ---- */

static void compare_times(struct diff *diff)
{
	const struct policy *was = diff->policies[0], *now = diff->policies[1];
	struct arena *arena = diff->arena;

	if (was->dns_timeout_ms != now->dns_timeout_ms)
		diff_add_setting(diff, DIFF_CHANGES, "dns timeout",
				 (const char *[2]){ duration_text(arena, was->dns_timeout_ms),
						    duration_text(arena, now->dns_timeout_ms) },
				 nowhere);
	/* an address that was answered may be connected to for longer */
	if (was->binding_minimum_ms != now->binding_minimum_ms)
		diff_add_setting(diff, now->binding_minimum_ms > was->binding_minimum_ms ? DIFF_OPENS : DIFF_CLOSES,
				 "dns binding-minimum",
				 (const char *[2]){ duration_text(arena, was->binding_minimum_ms),
						    duration_text(arena, now->binding_minimum_ms) },
				 nowhere);
}

static void compare_switches(struct diff *diff)
{
	const struct policy *was = diff->policies[0], *now = diff->policies[1];
	bool told = false;

	/* where answers fare otherwise by it, they tell it */
	for (size_t i = 0; i < diff->regions.count; i++)
		told = told || (diff->regions.items[i].kind == DIFF_ANSWERS &&
				(diff->regions.items[i].by[0].kind == DECIDER_REBIND ||
				 diff->regions.items[i].by[1].kind == DECIDER_REBIND));
	if (was->rebind_protection != now->rebind_protection && !told)
		diff_add_setting(diff, now->rebind_protection ? DIFF_CLOSES : DIFF_OPENS, "dns rebind-protection",
				 (const char *[2]){ was->rebind_protection ? "on" : "off",
						    now->rebind_protection ? "on" : "off" },
				 nowhere);
	/* where it follows from the rules, they tell it */
	if (was->ech_answers != now->ech_answers && policy_strips_ech(was) != policy_strips_ech(now))
		diff_add_setting(diff, policy_strips_ech(now) ? DIFF_CLOSES : DIFF_OPENS, "dns ech",
				 (const char *[2]){ policy_strips_ech(was) ? "strip" : "keep",
						    policy_strips_ech(now) ? "strip" : "keep" },
				 nowhere);
	if (was->deny_ech != now->deny_ech)
		diff_add_setting(
			diff, now->deny_ech ? DIFF_CLOSES : DIFF_OPENS, "tls ech",
			(const char *[2]){ was->deny_ech ? "deny" : "allow", now->deny_ech ? "deny" : "allow" },
			nowhere);
	if (was->multi_tenant != now->multi_tenant)
		diff_add_setting(diff, now->multi_tenant ? DIFF_CLOSES : DIFF_OPENS, "deployment",
				 (const char *[2]){ was->multi_tenant ? "multi-tenant" : "single-tenant",
						    now->multi_tenant ? "multi-tenant" : "single-tenant" },
				 nowhere);
	/* whatever else the rules say of ingress */
	if (policy_shuts_node_out(was) != policy_shuts_node_out(now))
		diff_add_setting(diff, policy_shuts_node_out(now) ? DIFF_CLOSES : DIFF_OPENS, "a pod's node",
				 (const char *[2]){ policy_shuts_node_out(was) ? "kept out" : "let in",
						    policy_shuts_node_out(now) ? "kept out" : "let in" },
				 nowhere);
}

static const char *pool_text(struct arena *arena, const struct policy_pool *pool)
{
	char buf[ADDR_TEXT_MAX];

	return pool->set ? arena_printf(arena, "%s/%u", addr_format(pool->prefix.addr, buf), pool->prefix.len) : NULL;
}

static const char *address_text(struct arena *arena, const struct policy_address *address)
{
	char buf[ADDR_TEXT_MAX];

	return address->set ? arena_strdup(arena, addr_format(address->addr, buf)) : NULL;
}

static const char *mac_text(struct arena *arena, const struct policy_interface *interface)
{
	const uint8_t *mac = interface->mac;

	return interface->has_mac ? arena_printf(arena, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
						 mac[4], mac[5]) :
				    NULL;
}

static void compare_texts(struct diff *diff, const char *name, const char *was, const char *now, struct span before,
			  struct span after)
{
	if (!same_text(was, now))
		diff_add_setting(diff, DIFF_CHANGES, name, (const char *[2]){ was, now },
				 (struct span[2]){ was ? before : SPAN_NONE, now ? after : SPAN_NONE });
}

static void compare_card(struct diff *diff)
{
	struct arena *arena = diff->arena;
	const struct policy *was = diff->policies[0], *now = diff->policies[1];
	const struct policy_interface *before = &was->interface, *after = &now->interface;

	compare_texts(diff, "IPv4 pool", pool_text(arena, &was->pool4), pool_text(arena, &now->pool4), was->pool4.span,
		      now->pool4.span);
	compare_texts(diff, "IPv6 pool", pool_text(arena, &was->pool6), pool_text(arena, &now->pool6), was->pool6.span,
		      now->pool6.span);
	compare_texts(diff, "guest's IPv4 address", address_text(arena, &before->address4),
		      address_text(arena, &after->address4), before->address4.span, after->address4.span);
	compare_texts(diff, "guest's IPv6 address", address_text(arena, &before->address6),
		      address_text(arena, &after->address6), before->address6.span, after->address6.span);
	compare_texts(diff, "guest's MAC", mac_text(arena, before), mac_text(arena, after), before->mac_span,
		      after->mac_span);
	compare_texts(diff, "guest's MTU", before->mtu ? arena_printf(arena, "%u", before->mtu) : NULL,
		      after->mtu ? arena_printf(arena, "%u", after->mtu) : NULL, SPAN_NONE, SPAN_NONE);
	if (was->accept_queue != now->accept_queue)
		compare_texts(diff, "tcp-accept-queue-size", arena_printf(arena, "%" PRIu32, was->accept_queue),
			      arena_printf(arena, "%" PRIu32, now->accept_queue), SPAN_NONE, SPAN_NONE);
}

/* ---- the whole ---- */

/* What opens first, then what closes, then the rest */
static void order(struct diff *diff)
{
	struct diff_setting *sorted = arena_alloc(diff->arena, (diff->settings.count + 1) * sizeof *sorted);
	size_t count = 0;

	for (enum diff_effect effect = DIFF_OPENS; effect <= DIFF_CHANGES; effect++)
		for (size_t i = 0; i < diff->settings.count; i++)
			if (diff->settings.items[i].effect == effect)
				sorted[count++] = diff->settings.items[i];
	diff->settings.items = sorted;
	diff->settings.cap = count + 1;
}

void diff_settings(struct diff *diff, struct fuel *fuel)
{
	if (diff->policies[1]->absent)
		return; /* with the policy all of it is gone, and nothing passes */
	diff_nameservers(diff);
	compare_times(diff);
	compare_switches(diff);
	compare_limits(diff);
	compare_bounds(diff);
	compare_card(diff);
	compare_all_rules(diff, fuel);
	diff_expects(diff);
	diff_silenced(diff);
	order(diff);
}
