/* Server names in TLS: rules that have every connection behind them looked at (names-defer), names that nothing can look at
 * since they are in QUIC (quic-unjudged) or in clear HTTP (http-unjudged), and names that are not to be looked at
 * (names-unenforced). */
#include "lint/checks.h"

#include <string.h>

/* What a connection pays that goes through the relay */
#define RELAY_COST "some 60 us more for each connection, and half as many a second"

#define HTTPS_PORT EVAL_QUIC_PORT

static bool judges_tcp(const struct policy_rule *rule)
{
	return policy_rule_has_names(rule) && policy_rule_fits(rule, POLICY_EGRESS, PROTO_TCP);
}

static bool lists_port(const struct policy_rule *rule, uint16_t port, struct span *span)
{
	for (size_t i = 0; i < rule->ports.count; i++)
		if (rule->ports.items[i].lo == port && rule->ports.items[i].hi == port) {
			*span = rule->ports.items[i].span;
			return true;
		}
	return false;
}

static const char *and_more(struct lint *lint, size_t more)
{
	return more ? arena_printf(lint->arena, "and %zu more rule%s", more, more > 1 ? "s" : "") : NULL;
}

/* ---- names-defer ---- */

/* A connection to a port that is not TLS's, which an address lets pass and which waits for a server name all the same */
static bool find_deferred(struct lint *lint, size_t index, struct witness *out)
{
	static const uint16_t others[] = { 22, 80, 5432, 1024 };
	const struct rule_facts *facts = facts_of_rule(lint->facts, index);
	struct eval_connection connection = { .direction = POLICY_EGRESS, .proto = PROTO_TCP, .has_port = true };

	if (!facts->bypass || facts->bypass_flow.proto != PROTO_TCP)
		return false;
	connection.addr = facts->bypass_flow.addr;
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		connection.port = others[i];
		if (eval_syn(&lint->context, &connection) != EVAL_SYN_DEFER ||
		    eval_connection(&lint->context, &connection).action != POLICY_ALLOW)
			continue;
		*out = facts->bypass_flow;
		out->port = others[i];
		return true;
	}
	return false;
}

static bool defers_every_port(const struct policy_rule *rule)
{
	return lint_is_own(rule) && rule->action == POLICY_DENY && judges_tcp(rule) && !rule->ports.count;
}

/* The ports of TLS behind the token, QUIC's too where the rule is for UDP as well */
static void offer_ports(struct lint *lint, struct lint_offer *offer, const struct policy_rule *rule)
{
	struct span end = { rule->span.source, rule->span.end, rule->span.end };

	offer_replace(lint, offer, end, rule->protos ? ":443" : ":{tcp,udp}:443");
}

static void check_deferring(struct lint *lint)
{
	const struct policy *policy = lint->policy;
	const struct policy_rule *first = NULL;
	struct lint_offer *offer = NULL;
	struct diag *diag = NULL;
	size_t more = 0;

	for (size_t i = 0; i < policy->rules.count && fuel_use(&lint->fuel, 1); i++) {
		const struct policy_rule *rule = &policy->rules.items[i];
		struct witness flow;

		if (!defers_every_port(rule) || (!first && !find_deferred(lint, i, &flow)))
			continue;
		if (!first) {
			first = rule;
			diag = lint_note(
				lint, "names-defer", lint_place(lint, rule->span),
				"every TCP connection behind it, whatever the port, goes through the relay for its "
				"server name: " RELAY_COST);
			lint_example(lint, diag, &flow);
			diag->help = "give the rule ports, or put before it what is allowed by address";
			offer = lint_offer(lint, diag, "deny it on the port of TLS and QUIC alone: `:{tcp,udp}:443`");
		} else {
			more++;
		}
		offer_ports(lint, offer, rule);
	}
	if (first)
		diag->label = and_more(lint, more);
}

/* ---- quic-unjudged ---- */

static bool matches_quic(const struct policy_rule *rule)
{
	return policy_rule_fits(rule, POLICY_EGRESS, PROTO_UDP) && eval_rule_matches_port(rule, true, EVAL_QUIC_PORT);
}

/* Where the rule's token says this, as a part of it */
static struct span part_of(struct lint *lint, const struct policy_rule *rule, const char *part, size_t skip)
{
	const struct source *source = sources_get(lint->policy->sources, rule->span.source);
	const char *text = source ? source->text + rule->span.start : "";
	const char *found = strstr(text, part);
	uint32_t at = found ? rule->span.start + (uint32_t)(found - text + (ptrdiff_t)skip) : 0;

	return found && at < rule->span.end ? (struct span){ rule->span.source, at, at + 3 } : SPAN_NONE;
}

static void report_udp_alone(struct lint *lint, const struct policy_rule *rule)
{
	struct diag *diag =
		lint_note(lint, "quic-unjudged", lint_place(lint, rule->span),
			  "the server name in QUIC is not looked at: over UDP alone, the addresses that the "
			  "guest was given for the name decide");

	diag->help = "over TCP the server name is looked at, and clients fall back to that";
	offer_replace(lint, lint_offer(lint, diag, "over TCP the name is looked at: `tcp` in place of `udp`"),
		      part_of(lint, rule, ":udp:", 1), "tcp");
}

/* A name is denied over TCP, and QUIC goes past it */
static void report_quic_beside(struct lint *lint, const struct policy_rule *rule)
{
	struct witness flow = {
		.kind = FLOW_CONNECTION,
		.direction = POLICY_EGRESS,
		.proto = PROTO_UDP,
		.addr = eval_unnamed_public(lint->policy, ADDR_V4),
		.has_port = true,
		.port = EVAL_QUIC_PORT,
	};
	struct diag *diag;

	if (witness_eval(&lint->context, &flow).action != POLICY_ALLOW)
		return;
	diag = lint_note(lint, "quic-unjudged", lint_place(lint, rule->span),
			 "the name is denied over TCP alone, and clients may say it in QUIC");
	lint_example(lint, diag, &flow);
	diag->help = "deny it over UDP as well: QUIC is refused then";
	offer_replace(lint, lint_offer(lint, diag, "deny it over both, so that QUIC is refused: `{tcp,udp}`"),
		      part_of(lint, rule, ":tcp", 1), "{tcp,udp}");
}

static void check_quic(struct lint *lint, const struct policy_rule *rule)
{
	struct span unused;

	if (!policy_rule_has_names(rule))
		return;
	if (matches_quic(rule) && !judges_tcp(rule) && lists_port(rule, EVAL_QUIC_PORT, &unused))
		report_udp_alone(lint, rule);
	else if (rule->action == POLICY_DENY && judges_tcp(rule) && !matches_quic(rule) &&
		 eval_rule_matches_port(rule, true, HTTPS_PORT))
		report_quic_beside(lint, rule);
}

/* ---- http-unjudged ---- */

/* Who lists the ports of HTTP and HTTPS side by side may think that both are judged alike. */
static void check_http(struct lint *lint)
{
	const struct policy *policy = lint->policy;
	struct diag *diag = NULL;
	size_t more = 0;

	for (size_t i = 0; i < policy->rules.count && fuel_use(&lint->fuel, 1); i++) {
		const struct policy_rule *rule = &policy->rules.items[i];
		struct span http, https;

		if (!lint_is_own(rule) || !judges_tcp(rule) || !lists_port(rule, 80, &http) ||
		    !lists_port(rule, HTTPS_PORT, &https))
			continue;
		if (diag) {
			more++;
			continue;
		}
		diag = lint_note(
			lint, "http-unjudged", lint_is_literal(rule, http) ? http : lint_place(lint, rule->span),
			"clear HTTP is judged by its address alone: nothing looks at the Host header, so another "
			"site of the same server may be asked for");
		diag->help = "leave out port 80, where the clients speak TLS";
		if (rule->action == POLICY_ALLOW)
			offer_remove_item(
				lint, lint_offer(lint, diag, "leave out port 80, where the clients speak TLS"), http);
	}
	if (diag)
		diag->label = and_more(lint, more);
}

/* ---- names-unenforced ---- */

static void check_unenforced(struct lint *lint)
{
	const struct policy *policy = lint->policy;
	const struct policy_rule *first = NULL;
	size_t more = 0;
	struct diag *diag;

	for (size_t i = 0; i < policy->rules.count; i++)
		if (lint_is_own(&policy->rules.items[i]) && judges_tcp(&policy->rules.items[i])) {
			more += first != NULL;
			first = first ? first : &policy->rules.items[i];
		}
	if (!first)
		return;
	diag = lint_note(lint, "names-unenforced", lint_place(lint, first->span),
			 "server names are not enforced (--no-server-names): a client may say another name at the "
			 "addresses of this one%s",
			 policy->deny_ech ? ", and ECH is not looked for" : "");
	diag->label = and_more(lint, more);
	diag->help = "leave out --no-server-names";
}

void check_server_names(struct lint *lint)
{
	if (!lint->policy->server_names) {
		check_unenforced(lint);
		return;
	}
	check_deferring(lint);
	for (size_t i = 0; i < lint->policy->rules.count && fuel_use(&lint->fuel, 1); i++)
		if (lint_is_own(&lint->policy->rules.items[i]))
			check_quic(lint, &lint->policy->rules.items[i]);
	check_http(lint);
}
