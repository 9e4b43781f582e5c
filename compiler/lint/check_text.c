/* Checks that look at what is written, not at flows. */
#include "lint/checks.h"
#include "base/name.h"
#include "base/name_rentable.h"
#include "base/units.h"

#include <string.h>

#define SOON_DAYS 30

/* Places already reported: a group's member is seen again in every rule and group that uses the group. */
struct seen {
	LIST_OF(struct span) spans;
};

static bool seen_before(struct lint *lint, struct seen *seen, struct span span)
{
	for (size_t i = 0; i < seen->spans.count; i++)
		if (seen->spans.items[i].source == span.source && seen->spans.items[i].start == span.start)
			return true;
	*arena_push(lint->arena, &seen->spans) = span;
	return false;
}

/* ---- masked-cidr ---- */

static void check_masked(struct lint *lint, struct seen *seen, const struct policy_target *target)
{
	struct addr_prefix masked = target->prefix;
	char written[ADDR_TEXT_MAX], meant[ADDR_TEXT_MAX];
	const char *text;
	struct diag *diag;

	if (target->kind != TARGET_CIDR)
		return;
	masked.addr.value = addr_prefix_range(target->prefix).lo;
	if (masked.addr.value == target->prefix.addr.value || (seen && seen_before(lint, seen, target->span)))
		return;
	addr_format(masked.addr, meant);
	text = arena_printf(lint->arena, masked.addr.family == ADDR_V4 ? "%s/%u" : "[%s/%u]", meant, masked.len);
	diag = lint_warn(lint, "masked-cidr", lint_place(lint, target->span), "host bits are set: %s/%u means %s",
			 addr_format(target->prefix.addr, written), masked.len, text);
	offer_replace(lint, lint_offer(lint, diag, "%s", text), target->span, text);
}

static void masked_cidrs(struct lint *lint)
{
	struct seen seen = { { NULL, 0, 0 } };
	const struct policy *policy = lint->policy;

	for (size_t i = 0; i < policy->groups.count; i++)
		for (size_t j = 0; j < policy->groups.items[i].members.count; j++)
			check_masked(lint, &seen, &policy->groups.items[i].members.items[j]);
	for (size_t i = 0; i < policy->rules.count; i++)
		for (size_t j = 0; j < policy->rules.items[i].targets.count; j++) {
			const struct policy_rule *rule = &policy->rules.items[i];

			if (lint_is_literal(rule, rule->targets.items[j].span))
				check_masked(lint, NULL, &rule->targets.items[j]);
		}
	for (size_t i = 0; i < policy->rules.count; i++)
		for (size_t j = 0; j < policy->rules.items[i].within.count; j++)
			check_masked(lint, &seen, &policy->rules.items[i].within.items[j]);
}

/* ---- wildcard-public-suffix ---- */

static void suggest_site(struct lint *lint, struct diag *diag, const struct policy_rule *rule,
			 const struct policy_target *target)
{
	const char *rentable = name_rentable_below(target->name);
	const char *site = arena_printf(lint->arena, "SITE.%s", rentable + (strncmp(rentable, "*.", 2) ? 0 : 2));
	const char *mended = lint_mend(lint, rule, target->span, site);

	diag->help = arena_printf(lint->arena, "name the site: %s", mended ? mended : site);
}

/* A client that goes to somebody's name, if the rest of the policy lets it */
static void show_anybody(struct lint *lint, struct diag *diag, const struct policy_rule *rule, const char *suffix)
{
	static const enum policy_proto protos[] = { PROTO_TCP, PROTO_UDP, PROTO_ICMPV4 };
	const char *name = arena_printf(lint->arena, "anybody.%s%s", strncmp(suffix, "*.", 2) ? "" : "any.",
					suffix + (strncmp(suffix, "*.", 2) ? 0 : 2));
	struct witness query = { .kind = FLOW_DNS, .name = name };

	for (size_t i = 0; i < sizeof protos / sizeof *protos; i++) {
		struct witness flow = {
			.kind = FLOW_CONNECTION,
			.direction = POLICY_EGRESS,
			.proto = protos[i],
			.has_port = protos[i] != PROTO_ICMPV4,
			.port = rule->ports.count ? rule->ports.items[0].lo : 443,
			.addr = eval_unnamed_public(lint->policy, ADDR_V4),
			.bound = { name },
		};

		if ((rule->protos && !(rule->protos & protos[i])) ||
		    witness_eval(&lint->context, &query).action != POLICY_ALLOW ||
		    witness_eval(&lint->context, &flow).action != POLICY_ALLOW)
			continue;
		lint_example(lint, diag, &flow);
		return;
	}
	if (witness_eval(&lint->context, &query).action == POLICY_ALLOW)
		lint_example(lint, diag, &query);
}

static struct diag *report_suffix(struct lint *lint, const struct policy_target *target)
{
	const char *rentable = name_rentable_below(target->name);

	if (!strcmp(rentable, target->name))
		return lint_warn(lint, "wildcard-public-suffix", lint_place(lint, target->span),
				 "anybody can have a name under `%s`", rentable);
	return lint_warn(lint, "wildcard-public-suffix", lint_place(lint, target->span),
			 "anybody can have a name under `%s`, which is below `%s`", rentable, target->name);
}

static void public_suffixes(struct lint *lint)
{
	struct seen seen = { { NULL, 0, 0 } };

	for (size_t i = 0; i < lint->policy->rules.count; i++) {
		const struct policy_rule *rule = &lint->policy->rules.items[i];

		for (size_t j = 0; lint_is_own(rule) && rule->action == POLICY_ALLOW && j < rule->targets.count; j++) {
			const struct policy_target *target = &rule->targets.items[j];
			struct diag *diag;

			if (target->kind != TARGET_SUFFIX || !name_rentable_below(target->name) ||
			    (!lint_is_literal(rule, target->span) && seen_before(lint, &seen, target->span)))
				continue;
			diag = report_suffix(lint, target);
			show_anybody(lint, diag, rule, name_rentable_below(target->name));
			suggest_site(lint, diag, rule, target);
		}
	}
}

/* ---- dates, groups, peers that are never class host ---- */

static void expiring_rules(struct lint *lint)
{
	for (size_t i = 0; lint->options->today.year && i < lint->policy->rules.count; i++) {
		const struct policy_rule *rule = &lint->policy->rules.items[i];
		long days = date_days(rule->until) - date_days(lint->options->today);

		if (!rule->until.year || days < 0 || days > SOON_DAYS)
			continue;
		lint_warn(lint, "expires-soon", lint_place(lint, rule->until_span), "expires %s",
			  days == 0 ? "at the end of today" :
			  days == 1 ? "tomorrow" :
				      arena_printf(lint->arena, "in %ld days", days))
			->help = "renew the date, or plan for the rule to go";
	}
}

/* Of the policy's own file: what it includes is for others, too */
static void unused_groups(struct lint *lint)
{
	uint32_t top = lint_top_source(lint);

	for (size_t i = 0; i < lint->policy->groups.count; i++) {
		const struct policy_group *group = &lint->policy->groups.items[i];

		struct diag *diag;

		if (group->used || group->span.source != top || lint->policy->is_library)
			continue;
		diag = lint_warn(lint, "unused-group", lint_place(lint, group->span), "no rule uses group `%s`",
				 group->name);
		diag->help = "use it in a rule, or remove it with what else is for it alone";
		offer_remove(lint, lint_offer(lint, diag, "remove the line, or use it in a rule"), group->span);
	}
}

static void ingress_hosts(struct lint *lint)
{
	for (size_t i = 0; i < lint->policy->rules.count; i++) {
		const struct policy_rule *rule = &lint->policy->rules.items[i];

		if (!lint_is_own(rule) || rule->directions != POLICY_INGRESS)
			continue;
		for (size_t j = 0; j < rule->targets.count; j++) {
			const struct policy_target *target = &rule->targets.items[j];
			struct span span = lint_is_literal(rule, target->span) ? target->span : rule->span;
			const char *mended = lint_mend(lint, rule, target->span, "loopback");
			struct diag *diag;

			if (target->kind != TARGET_GROUP || target->group != ADDR_CLASS_HOST)
				continue;
			diag = lint_warn(lint, "ingress-host", lint_place(lint, span),
					 "no client is class host: those on the host come from loopback");
			diag->help = "clients on the host are group `loopback`";
			offer_replace(lint, lint_offer(lint, diag, "%s", mended ? mended : "loopback"), target->span,
				      "loopback");
			offer_remove_item(lint, lint_offer(lint, diag, "remove `host` from the list"), target->span);
			offer_remove(lint, lint_offer(lint, diag, "remove %s", lint_where(lint, rule)), rule->span);
			break;
		}
	}
}

/* ---- port-zero ---- */

/* Other tools say "every port" by it: a deny of port 0 refuses nothing */
static void port_zeros(struct lint *lint)
{
	for (size_t i = 0; i < lint->policy->rules.count; i++) {
		const struct policy_rule *rule = &lint->policy->rules.items[i];
		for (size_t k = 0; k < rule->ports.count; k++) {
			const struct policy_port_range *ports = &rule->ports.items[k];
			if (ports->lo || ports->hi)
				continue;
			struct span colon = { ports->span.source, ports->span.start - 1, ports->span.end };
			const char *without = rule->ports.count == 1 ? lint_mend(lint, rule, colon, "") : NULL;
			lint_warn(lint, "port-zero", lint_place(lint, ports->span), "no service has port 0")->help =
				without ? arena_printf(lint->arena, "every port is meant where none is written: %s",
						       without) :
					  "every port is meant where none is written";
		}
	}
}

/* ---- bytes-never-used-up ---- */

/* A rule's limit counts both ways, so both of the sandbox's have to end it first. */
static void unreachable_bytes(struct lint *lint)
{
	const struct policy *policy = lint->policy;
	uint64_t out = policy->egress_bytes.size, in = policy->ingress_bytes.size, most;

	if (!out || !in || __builtin_add_overflow(out, in, &most))
		return;
	for (size_t i = 0; i < policy->rules.count; i++) {
		const struct policy_rule *rule = &policy->rules.items[i];

		if (rule->bytes < most || !lint_is_own(rule))
			continue;
		struct diag *diag = lint_warn(lint, "bytes-never-used-up", lint_place(lint, rule->bytes_span),
					      "never used up: the sandbox may move %s in all",
					      units_size_format(lint->arena, most));
		diag_relate(lint->diags, diag, policy->egress_bytes.span, "so much out");
		diag_relate(lint->diags, diag, policy->ingress_bytes.span, "so much in");
		diag->help = "give the rule less, or the sandbox more";
	}
}

void check_text(struct lint *lint)
{
	unreachable_bytes(lint);
	masked_cidrs(lint);
	public_suffixes(lint);
	expiring_rules(lint);
	unused_groups(lint);
	ingress_hosts(lint);
	port_zeros(lint);
}
