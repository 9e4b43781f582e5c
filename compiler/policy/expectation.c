/* What an `expect` line means. Where its words are one address or one name, with a protocol and a port, it is a flow; a
 * rule's other targets, lists, and what leaves protocol or ports out, mean every flow that such a rule would take in. */
#include "policy/expectation.h"
#include "base/text.h"
#include "policy/flow.h"
#include "policy/policy_facts.h"
#include "syntax/parse.h"

#include <string.h>
#include <strings.h>

#define BAD_FLOW "bad-flow"

static bool report(const struct rule_scope *scope, struct span span, const char *message, const char *help)
{
	diag_error(scope->diags, BAD_FLOW, span, "%s", message)->help = help;
	return false;
}

/* ---- one flow or many ---- */

static bool starts_with(const char *text, const char *prefix)
{
	return !strncmp(text, prefix, strlen(prefix));
}

static const struct ast_word *only_word(const struct ast_words *field)
{
	return field->present && !field->braced && field->count ? &field->items[0] : NULL;
}

static bool is_one_target(const struct ast_word *word)
{
	struct addr addr;

	if (word->bracketed || !word->text || !word->text[0])
		return !word->text || !strchr(word->text, '/');
	if (addr_parse(word->text, &addr) || starts_with(word->text, "domain="))
		return true;
	return strchr(word->text, '.') && !strpbrk(word->text, "/*") && !starts_with(word->text, "suffix=");
}

static bool is_one_port(const struct ast_flow *flow)
{
	const struct ast_word *proto = only_word(&flow->proto), *port = only_word(&flow->port);
	bool has_ports = proto && proto->text && (!strcasecmp(proto->text, "tcp") || !strcasecmp(proto->text, "udp"));

	if (!proto || !proto->text || !strcmp(proto->text, "any") || (has_ports && !port))
		return false;
	return !port || !port->text || (strcmp(port->text, "any") != 0 && !strchr(port->text, '-'));
}

static bool is_connection(const struct ast_flow *flow)
{
	return flow->kind.text && (!strcasecmp(flow->kind.text, "egress") || !strcasecmp(flow->kind.text, "ingress"));
}

/* What goes wrong is left to the one flow's errors. */
static bool is_single(const struct ast_flow *flow)
{
	bool connection = is_connection(flow);
	bool known = connection || (flow->kind.text &&
				    (!strcasecmp(flow->kind.text, "dns") || !strcasecmp(flow->kind.text, "answer")));

	if (!known || !flow->target.present || flow->trailing.end > flow->trailing.start)
		return true;
	if (flow->target.braced || flow->proto.braced || flow->port.braced)
		return false;
	return is_one_target(&flow->target.items[0]) && (!connection || is_one_port(flow));
}

/* ---- many flows ---- */

/* The rule that takes them in; without an error of its own of protocol and ports where these are not of a rule */
static bool resolve_rule_of(const struct rule_scope *scope, const struct ast_flow *flow, bool whole,
			    struct policy_rule *out)
{
	struct ast_rule ast = {
		.span = flow->span,
		.action = { .span = flow->kind.span, .text = policy_action_name(out->action) },
		.direction = { .span = flow->kind.span,
			       .text = !strcasecmp(flow->kind.text, "ingress") ? "ingress" : "egress" },
		.has_at = true,
		.target = flow->target,
		.trailing = flow->trailing,
	};
	struct rule_scope with = *scope;

	if (whole) {
		ast.proto = flow->proto;
		ast.ports = flow->port;
	}
	with.rule = &ast;
	return rule_resolve(&with, out);
}

static bool is_dns_word(const struct ast_flow *flow)
{
	const struct ast_word *word = only_word(&flow->target);

	return word && word->text && !word->bracketed && !strcmp(word->text, "dns");
}

static bool resolve_transports(const struct rule_scope *scope, const struct ast_flow *flow, unsigned *out)
{
	static const char *const words[] = { [FLOW_DNS_UDP] = "udp", [FLOW_DNS_TCP] = "tcp", [FLOW_DNS_DOT] = "dot" };

	*out = flow->proto.count ? 0 : 1u << FLOW_DNS_UDP | 1u << FLOW_DNS_TCP;
	for (size_t i = 0; i < flow->proto.count; i++) {
		unsigned bit = 0;

		for (unsigned k = 0; k < FLOW_TRANSPORTS; k++)
			if (flow->proto.items[i].text && !strcasecmp(flow->proto.items[i].text, words[k]))
				bit = 1u << k;
		if (!bit)
			return report(scope, flow->proto.items[i].span, "queries go by udp, tcp or dot", NULL);
		*out |= bit;
	}
	if (flow->port.present)
		return report(scope, flow->port.span, "a query has no port", NULL);
	return true;
}

/* Lookups are of names, answers hold addresses; `any` is all of either */
static bool check_targets(const struct rule_scope *scope, const struct ast_flow *flow, const struct policy_rule *rule,
			  bool names)
{
	for (size_t i = 0; i < rule->targets.count; i++) {
		const struct policy_target *target = &rule->targets.items[i];

		if (target->kind == TARGET_ANY || policy_target_is_name(target) == names)
			continue;
		return report(scope, flow->target.span,
			      arena_printf(scope->arena,
					   names ? "`%s` is no name, and nobody looks it up" :
						   "`%s` is no address, and no answer holds it",
					   policy_target_format(scope->arena, target)),
			      names ? "dns@example.com, dns@*.example.com or dns@any" :
				      "answer@10.0.0.0/8, answer@private or answer@any");
	}
	return true;
}

static bool resolve_region(const struct rule_scope *scope, const struct ast_flow *flow, struct policy_region *out)
{
	bool dns = !strcasecmp(flow->kind.text, "dns"), answer = !strcasecmp(flow->kind.text, "answer");

	out->kind = dns ? FLOW_DNS : answer ? FLOW_ANSWER : FLOW_CONNECTION;
	if ((dns || answer) && is_dns_word(flow))
		return report(scope, flow->target.span, "`dns` is no name and no address",
			      dns ? "dns@any: lookups of every name" : "answer@host");
	if (!resolve_rule_of(scope, flow, !dns && !answer, &out->rule))
		return false;
	if (answer && flow->proto.present)
		return report(scope, flow->proto.span, "nothing follows the addresses of an answer", NULL);
	if (dns && !resolve_transports(scope, flow, &out->transports))
		return false;
	return (!dns && !answer) || check_targets(scope, flow, &out->rule, dns);
}

/* ---- its text ---- */

static void add_field(struct text *text, const struct diags *diags, const struct ast_words *field, const char *before)
{
	if (!field->present)
		return;
	text_addf(text, "%s%s", before, field->braced ? "{" : "");
	for (size_t i = 0; i < field->count; i++)
		text_addf(text, "%s%s", i ? "," : "", span_text(text->arena, diags->sources, field->items[i].span));
	text_add(text, field->braced ? "}" : "");
}

/* As written, without the blanks and comments that braces allow */
static const char *flow_text(const struct rule_scope *scope, const struct ast_flow *flow)
{
	struct text text = { .arena = scope->arena };

	text_addf(&text, "%s@", flow->kind.text);
	add_field(&text, scope->diags, &flow->target, "");
	add_field(&text, scope->diags, &flow->proto, ":");
	add_field(&text, scope->diags, &flow->port, ":");
	return text_get(&text);
}

const char *expectation_spell(struct arena *arena, const struct policy_expect *expect)
{
	static const char *const transports[] = { "udp", "tcp", "dot" };
	struct text text = { .arena = arena };
	struct policy_rule rule;

	if (!expect->region)
		return expect->flow.text;
	rule = expect->region->rule;
	rule.group_name = NULL;
	if (expect->region->kind == FLOW_CONNECTION)
		text_addf(&text, "%s@%s", policy_direction_name(expect->flow.direction),
			  strchr(policy_rule_format(arena, &rule), '@') + 1);
	else
		text_addf(&text, "%s@%s", expect->region->kind == FLOW_DNS ? "dns" : "answer",
			  strchr(policy_rule_format(arena, &rule), '@') + 1);
	if (expect->region->kind == FLOW_DNS)
		for (unsigned i = 0, seen = 0; i < FLOW_TRANSPORTS; i++)
			if (expect->region->transports & 1u << i)
				text_addf(&text, "%s%s", seen++ ? "," : ":{", transports[i]);
	text_add(&text, expect->region->kind == FLOW_DNS ? "}" : "");
	return text_get(&text);
}

/* ---- an expectation ---- */

/* What holds of nothing is no expectation: a server name where none is sent, addresses of other flows */
static bool check_options(const struct rule_scope *scope, const struct ast_flow *ast, const struct flow *flow)
{
	bool own = flow->to_name || !flow->resolve.count;

	if (flow->sni && (flow->proto != PROTO_TCP || flow->direction != POLICY_EGRESS))
		return report(scope, ast->sni.span, "no server name is looked at but of TCP out of the sandbox", NULL);
	for (size_t i = 0; i < flow->resolve.count && !own; i++)
		for (size_t k = 0; k < flow->resolve.items[i].addrs.count; k++)
			own = own || addr_equal(addr_unmap(flow->resolve.items[i].addrs.items[k]), flow->addr);
	return own || report(scope, ast->resolve.span, "none of these addresses is the flow's own", NULL);
}

bool expectation_resolve(const struct rule_scope *scope, enum policy_action action, const struct ast_flow *ast,
			 struct policy_expect *out)
{
	struct policy_expect made = { .action = action, .span = out->span };
	struct policy_region region = { .rule = { .action = action } }, *kept;

	if (is_single(ast)) {
		if (!flow_resolve(scope->arena, ast, scope->diags, &made.flow) ||
		    !check_options(scope, ast, &made.flow))
			return false;
		*out = made;
		return true;
	}
	if (ast->resolve.text || ast->sni.text)
		return report(scope, ast->resolve.text ? ast->resolve.span : ast->sni.span,
			      "resolve= and sni= go with one flow, and here are many", NULL);
	if (!resolve_region(scope, ast, &region))
		return false;
	made.region = kept = arena_alloc(scope->arena, sizeof *kept);
	*kept = region;
	made.flow = (struct flow){
		.kind = region.kind,
		.direction =
			region.kind == FLOW_CONNECTION ? (enum policy_direction)region.rule.directions : POLICY_EGRESS,
		.span = ast->span,
		.text = flow_text(scope, ast),
	};
	*out = made;
	return true;
}

bool expectation_parse(const struct rule_scope *scope, enum policy_action action, const char *text,
		       struct policy_expect *out)
{
	size_t before = scope->diags->errors;
	struct flow unused;
	struct ast_flow *ast;

	if (!strchr(text, '@')) /* says what to write */
		return flow_parse(scope->arena, scope->diags->sources, text, scope->diags, &unused);
	ast = parse_flow(scope->diags, sources_add(scope->diags->sources, SOURCE_ARG, "flow", text, strlen(text)));
	return ast && scope->diags->errors == before && expectation_resolve(scope, action, ast, out);
}
