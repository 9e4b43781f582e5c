/* The DNS allowlist as a reviewer reads it: one line for each name or pattern, in the order the rules are tried,
 * then what happens to answers. From the policy alone. */
#include "emit/emit.h"
#include "base/escape.h"
#include "base/text.h"
#include "eval/eval.h"
#include "eval/builtin.h"

#include <inttypes.h>
#include <string.h>

struct line {
	enum policy_action action;
	const char *names, *origin, *text;
};

struct lines {
	struct line *items;
	size_t count, cap;
};

enum { OVER_UDP = PROTO_UDP, OVER_TCP = PROTO_TCP, OVER_BOTH = PROTO_UDP | PROTO_TCP };

/* The transports over which a rule takes in every query, whatever the name */
static unsigned query_transports(const struct policy_rule *rule)
{
	return (eval_rule_matches_query(rule, NULL, FLOW_DNS_UDP) ? OVER_UDP : 0) |
	       (eval_rule_matches_query(rule, NULL, FLOW_DNS_TCP) ? OVER_TCP : 0);
}

static const char *every_name(unsigned transports, bool first)
{
	switch (transports) {
	case OVER_UDP:
		return first ? "any name, by UDP" : "any other name, by UDP";
	case OVER_TCP:
		return first ? "any name, by TCP" : "any other name, by TCP";
	default:
		return first ? "any name" : "any other name";
	}
}

static void add_line(struct arena *arena, struct lines *lines, enum policy_action action, const char *names,
		     const char *origin, const char *text)
{
	*arena_push(arena, lines) =
		(struct line){ action, escape_text(arena, names), origin, escape_text(arena, text) };
}

/* Returns the transports for which no later line is ever read. */
static unsigned add_rule(struct arena *arena, const struct policy *policy, const struct policy_rule *rule,
			 unsigned open, struct lines *lines)
{
	const char *origin = policy_origin(arena, policy, rule->span);
	unsigned closed = query_transports(rule) & open;

	for (size_t i = 0; i < rule->targets.count; i++) {
		const struct policy_target *target = &rule->targets.items[i];
		const char *pattern = target->kind == TARGET_SUFFIX ? "*.%s" : "%s";
		if (policy_target_is_name(target))
			add_line(arena, lines, rule->action, arena_printf(arena, pattern, target->name), origin,
				 rule->text);
	}
	if (closed)
		add_line(arena, lines, rule->action, every_name(open == closed ? OVER_BOTH : closed, !lines->count),
			 origin, rule->text);
	return closed;
}

static struct lines list_names(struct arena *arena, const struct policy *policy)
{
	struct lines lines = { 0 };
	unsigned open = OVER_BOTH;

	for (size_t i = 0; open && i < policy->rules.count; i++) {
		if (policy->rules.items[i].directions & POLICY_EGRESS)
			open &= ~add_rule(arena, policy, &policy->rules.items[i], open, &lines);
	}
	if (open)
		add_line(arena, &lines, policy->egress.action, every_name(OVER_BOTH, !lines.count),
			 policy_origin(arena, policy, policy->egress.span), policy->egress.text);
	return lines;
}

static void print_lines(struct text *out, const struct lines *lines)
{
	size_t names = 0, origin = 0;

	for (size_t i = 0; i < lines->count; i++) {
		size_t len = strlen(lines->items[i].names), place = strlen(lines->items[i].origin);
		names = len > names ? len : names;
		origin = place > origin ? place : origin;
	}
	for (size_t i = 0; i < lines->count; i++) {
		const struct line *line = &lines->items[i];
		text_addf(out, "%-5s  %-*s  %-*s  %s\n", policy_action_name(line->action), (int)names, line->names,
			  (int)origin, line->origin, line->text);
	}
}

/* Whether a rule may let reserved addresses through rebind protection. A connection to them is by TCP or UDP. */
static bool is_exception(const struct policy *policy, const struct policy_rule *rule)
{
	if (rule->within.count)
		return true;
	if (rule->action != POLICY_ALLOW || (rule->protos && !(rule->protos & OVER_BOTH)))
		return false;
	for (size_t i = 0; i < rule->targets.count; i++)
		if (eval_rule_excepts(policy, rule, &rule->targets.items[i]))
			return true;
	return false;
}

static void print_exceptions(struct text *out, const struct policy *policy, const char *what)
{
	for (size_t i = 0; i < policy->rules.count; i++) {
		const struct policy_rule *rule = &policy->rules.items[i];
		if (is_exception(policy, rule))
			text_addf(out, "#   %s: %s  %s\n", what, policy_origin(out->arena, policy, rule->span),
				  escape_text(out->arena, rule->text));
	}
}

static void print_rebind(struct text *out, const struct policy *policy)
{
	if (!policy->rebind_protection) {
		text_add(out, "# No rebind protection: an answer may hold any address.\n");
		return;
	}
	text_add(out,
		 "# Rebind protection: an answer with a private, metadata or other reserved address is NXDOMAIN.\n");
	print_exceptions(out, policy, "but for what this rule allows");
	for (size_t i = 0; i < policy->floors.count; i++)
		if (!policy->floors.items[i]->is_tenancy)
			print_exceptions(out, policy->floors.items[i], "as far as the floor allows it too");
}

static const char *nameserver_text(struct arena *arena, const struct policy_nameserver *server)
{
	bool port = server->port != FLOW_DNS_PORT;

	if (server->is_name)
		return escape_text(arena,
				   port ? arena_printf(arena, "%s:%u", server->name, server->port) : server->name);
	if (!port)
		return policy_nameserver_host(arena, server, false);
	return arena_printf(arena, "%s:%u", policy_nameserver_host(arena, server, true), server->port);
}

static void print_ech(struct text *out, const struct policy *policy)
{
	if (policy->ech_answers == POLICY_ECH_STRIP)
		text_add(out, "# What would encrypt a server name (ECH) is taken out of HTTPS and SVCB answers.\n");
	if (policy->ech_answers == POLICY_ECH_KEEP)
		text_add(out, "# HTTPS and SVCB answers keep what encrypts a server name (ECH).\n");
}

static void print_nameservers(struct text *out, const struct policy *policy)
{
	unsigned long long ms = policy->dns_timeout_ms;

	text_add(out, "# Nameservers: ");
	for (size_t i = 0; i < policy->nameservers.count; i++)
		text_addf(out, "%s%s", i ? ", " : "", nameserver_text(out->arena, &policy->nameservers.items[i]));
	text_add(out, policy->nameservers.count ? "" : "the host's resolv.conf");
	text_addf(out, ms % 1000 ? ". Timeout %llums.\n" : ". Timeout %llus.\n", ms % 1000 ? ms : ms / 1000);
	ms = policy->binding_minimum_ms;
	if (ms != POLICY_BINDING_MINIMUM_MS)
		text_addf(out,
			  ms ? "# An address that was answered holds for %llums at least.\n" :
			       "# An address that was answered holds for its TTL.\n",
			  ms);
}

static const char *every(struct arena *arena, uint64_t ms)
{
	return arena_printf(arena, ms % 1000 ? "%" PRIu64 "ms" : "%" PRIu64 "s", ms % 1000 ? ms : ms / 1000);
}

static void print_limits(struct text *out, const struct policy *policy)
{
	const struct policy_limit *names = &policy->dns_names, *rate = &policy->dns_rate;

	if (policy->dns_label.size)
		text_addf(out, "# A name with a label of more than %" PRIu64 " octets is denied.\n",
			  policy->dns_label.size);
	if (names->size)
		text_addf(out, "# Of different names below one domain %" PRIu64 " in any %s, the rest is SERVFAIL.\n",
			  names->size, every(out->arena, names->refill_ms));
	if (rate->size)
		text_addf(out, "# Questions to nameservers: %" PRIu64 " every %s%s, the rest is SERVFAIL.\n",
			  rate->size, every(out->arena, rate->refill_ms),
			  rate->burst ? arena_printf(out->arena, " and %" PRIu64 " once", rate->burst) : "");
}

void emit_note_limits(struct text *out, const struct policy *policy, const char *comment)
{
	if (policy->dns_label.size || policy->dns_names.size || policy->dns_rate.size)
		text_addf(out, "%s Not in here: the policy's bounds on lookups (limit dns).\n", comment);
}

const char *emit_dns(struct arena *arena, const struct policy *policy)
{
	struct text out = { .arena = arena };
	struct lines lines = list_names(arena, policy);

	text_addf(&out, "# Names that %s lets the guest look up: read downwards, the first line that fits answers.\n",
		  basename(escape_text(arena, policy->name)));
	text_add(&out, "# `*.x` is x and every name below it. "
		       "A denied name is answered NXDOMAIN and never leaves this host.\n");
	print_lines(&out, &lines);
	for (size_t i = 0; i < policy->floors.count; i++) {
		const struct policy *floor = policy->floors.items[i];
		if (floor->is_tenancy) /* any name */
			continue;
		lines = list_names(arena, floor);
		text_addf(&out, "# The floor %s: it has to let a name be looked up as well.\n",
			  basename(escape_text(arena, floor->name)));
		print_lines(&out, &lines);
	}
	print_rebind(&out, policy);
	print_nameservers(&out, policy);
	print_ech(&out, policy);
	print_limits(&out, policy);
	return text_get(&out);
}
