/* Flow expressions: from raw words to a flow with its meaning, and back to text. Given an AST flow, or
 * text; returns a struct flow, or reports one error with what to write instead. */
#include "policy/flow.h"
#include "policy/policy_facts.h"
#include "base/escape.h"
#include "base/name.h"
#include "base/units.h"
#include "syntax/parse.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BAD_FLOW "bad-flow"
#define RESOLVE_MAX 256 /* addresses that one flow may bind */

/* ---- numbers and words ---- */

static bool parse_proto(const char *text, enum policy_proto *out)
{
	bool other = !strcasecmp(text, "sctp") || !strcasecmp(text, "gre") || !strcasecmp(text, "esp");

	for (size_t i = 0; i < POLICY_PROTOS; i++)
		if (other ? policy_protos[i] == PROTO_OTHER : !strcasecmp(text, policy_proto_name(policy_protos[i]))) {
			*out = policy_protos[i];
			return true;
		}
	return false;
}

/* ---- what was meant ---- */

/* What somebody who wrote `github.com:443` or `https://github.com/x` may have meant: a flow to paste */
static const char *suggest_flow(struct arena *arena, const char *text)
{
	const char *rest = strstr(text, "://"), *port = "443", *proto = "tcp", *host, *colon;
	size_t len;

	if (rest) {
		if (!strncasecmp(text, "http://", 7))
			port = "80";
		else if (!strncasecmp(text, "ssh://", 6))
			port = "22";
		rest += 3;
	} else {
		rest = text;
	}
	len = strcspn(rest, "/?# \t");
	host = arena_strndup(arena, rest, len);
	if (host[0] == '[') {
		colon = strchr(host, ']');
		colon = colon && colon[1] == ':' ? colon + 1 : NULL;
	} else {
		colon = strchr(host, ':');
		if (colon && strchr(colon + 1, ':')) { /* a bare IPv6 address */
			host = arena_printf(arena, "[%s]", host);
			colon = NULL;
		}
	}
	if (colon) {
		uint16_t number;

		if (units_port(colon + 1, strlen(colon + 1), false, &number))
			port = colon + 1;
		host = arena_strndup(arena, host, (size_t)(colon - host));
	}
	if (!host[0] || strpbrk(host, "{}@*\"'"))
		host = "github.com";
	return arena_printf(arena, "egress@%s:%s:%s", host, proto, port);
}

static bool report(struct diags *diags, struct span span, const char *message, const char *help)
{
	struct diag *diag = diag_error(diags, BAD_FLOW, span, "%s", message);

	diag->help = help;
	return false;
}

/* With the flow that was meant, whole, to paste */
static bool report_instead(struct diags *diags, const struct ast_flow *ast, struct span span, const char *message,
			   const char *flow)
{
	struct diag *diag = diag_error(diags, BAD_FLOW, span, "%s", message);

	diag->help = escape_text(diags->arena, flow);
	diag_edit(diags, diag, ast->span, flow);
	return false;
}

/* ---- the parts of a flow ---- */

/* A field of one flow: its only word, NULL where the field is absent */
static const struct ast_word *only_word(const struct ast_words *field)
{
	return field->present && !field->braced && field->count ? &field->items[0] : NULL;
}

static const char *word_text(const struct ast_words *field)
{
	const struct ast_word *word = only_word(field);

	return word ? word->text : NULL;
}

/* A list is many flows. false: an error was reported */
static bool check_single(const struct ast_flow *ast, struct diags *diags)
{
	const struct ast_words *fields[] = { &ast->target, &ast->proto, &ast->port };

	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		if (fields[i]->braced)
			return report(diags, fields[i]->span, "a list is many flows, here is one to judge",
				      "one of its members; an `expect` line of a policy may have the list");
	return true;
}

static bool report_no_flow(struct diags *diags, struct span span, const char *text)
{
	diag_error(diags, BAD_FLOW, span, "no flow: write %s",
		   escape_text(diags->arena, suggest_flow(diags->arena, text)));
	return false;
}

static bool resolve_kind(const struct ast_flow *ast, struct diags *diags, struct flow *out)
{
	static const char *const words[] = { "egress", "ingress", "dns", "answer", NULL };
	const char *word = ast->kind.text ? ast->kind.text : "", *near;
	struct diag *diag;

	if (!strcasecmp(word, "egress") || !strcasecmp(word, "ingress")) {
		out->kind = FLOW_CONNECTION;
		out->direction = tolower((unsigned char)word[0]) == 'e' ? POLICY_EGRESS : POLICY_INGRESS;
	} else if (!strcasecmp(word, "dns")) {
		out->kind = FLOW_DNS;
	} else if (!strcasecmp(word, "answer")) {
		out->kind = FLOW_ANSWER;
	} else if (!strchr(out->text, '@')) {
		return report_no_flow(diags, ast->span, out->text);
	} else {
		diag = diag_error(diags, BAD_FLOW, ast->kind.text ? ast->kind.span : ast->span,
				  "`%s` starts no flow: egress@, ingress@, dns@ or answer@ does",
				  escape_text(diags->arena, word));
		near = diag_nearest(word, words);
		diag_did_you_mean(diags, diag, diag->span, near);
		if (!near && (!strncasecmp(word, "allow", 5) || !strncasecmp(word, "deny", 4)))
			diag->help = "a rule says what is allowed, a flow is one attempt: egress@github.com:tcp:443";
		return false;
	}
	return true;
}

/* One address of a group that a flow may be meant for; NULL: the word is no group */
static const char *address_of_group(const char *word)
{
	static const char *const members[ADDR_CLASS_COUNT] = {
		[ADDR_CLASS_PUBLIC] = "93.184.216.34", [ADDR_CLASS_PRIVATE] = "10.0.0.1",
		[ADDR_CLASS_LOOPBACK] = "127.0.0.1",   [ADDR_CLASS_LINK_LOCAL] = "169.254.1.1",
		[ADDR_CLASS_META] = "169.254.169.254", [ADDR_CLASS_MULTICAST] = "224.0.0.251",
		[ADDR_CLASS_HOST] = NAME_HOST_ALIAS,
	};
	enum addr_class class;

	if (addr_class_parse(word, &class))
		return members[class];
	return !strcasecmp(word, "any") || !strcasecmp(word, "dns") ? members[ADDR_CLASS_PUBLIC] : NULL;
}

static bool resolve_address(const struct ast_word *word, struct addr *out)
{
	struct addr addr;

	if (!addr_parse(word->text, &addr) || (addr.family == ADDR_V6) != word->bracketed)
		return false;
	*out = addr_unmap(addr);
	return true;
}

/* The flow with another target, whole: what help offers to paste */
static const char *with_target(const struct ast_flow *ast, struct diags *diags, const char *target)
{
	const struct ast_word *word = &ast->target.items[0];
	struct span rest = { ast->span.source, word->span.end, ast->span.end };
	const char *behind = span_text(diags->arena, diags->sources, rest);

	if (!strcasecmp(ast->kind.text, "dns") || !strcasecmp(ast->kind.text, "answer"))
		return arena_printf(diags->arena, "%s@%s%s", ast->kind.text, target, behind);
	return arena_printf(diags->arena, "%s@%s%s", ast->kind.text, target,
			    only_word(&ast->proto) ? behind : ":tcp:443");
}

static bool report_many(const struct ast_flow *ast, struct diags *diags, const char *what, const char *target)
{
	const struct ast_word *word = &ast->target.items[0];
	const char *shown = escape_text(diags->arena, span_text(diags->arena, diags->sources, word->span));

	return report_instead(diags, ast, word->span,
			      arena_printf(diags->arena, "`%s` is many %s, a flow has one", shown, what),
			      with_target(ast, diags, target));
}

/* What a rule takes as a target and a flow does not: a group, a network, a name with a star */
static bool report_rule_target(const struct ast_flow *ast, const struct flow *flow, struct diags *diags)
{
	const struct ast_word *word = &ast->target.items[0];
	const char *group = word->bracketed ? NULL : address_of_group(word->text);
	struct addr_prefix prefix;
	char text[ADDR_TEXT_MAX];

	if (group)
		return report_many(ast, diags, flow->kind == FLOW_DNS ? "names" : "addresses",
				   flow->kind == FLOW_DNS ? "example.com" : group);
	if (strchr(word->text, '/') && addr_prefix_parse(word->text, &prefix))
		return report_many(ast, diags, "addresses",
				   flow->kind == FLOW_DNS ? "example.com" : addr_format_bracketed(prefix.addr, text));
	if (strchr(word->text, '*') || !strncmp(word->text, "suffix=", strlen("suffix="))) {
		const char *below = strrchr(word->text, '*');
		below = below ? below + 1 : word->text + strlen("suffix=");
		below += *below == '.';
		return report_many(ast, diags, "names",
				   arena_printf(diags->arena, "www.%s", *below ? below : "example.com"));
	}
	return true;
}

/* A name without a dot is mostly a word that was meant otherwise: a group, a part of a name. Of a query, as events tell
 * it with its transport, it is what a guest asked for. */
static bool check_dots(const struct ast_flow *ast, const struct flow *flow, struct diags *diags)
{
	const struct ast_word *word = &ast->target.items[0];

	if (strchr(word->text, '.') || !word->text[0] || (flow->kind == FLOW_DNS && only_word(&ast->proto)))
		return true;
	return report_instead(diags, ast, word->span,
			      arena_printf(diags->arena, "`%s` is no address, and a name without a dot",
					   escape_text(diags->arena, word->text)),
			      with_target(ast, diags, arena_printf(diags->arena, "domain=%s", word->text)));
}

static bool resolve_name(struct arena *arena, const struct ast_flow *ast, struct diags *diags, struct flow *out)
{
	const struct ast_word *word = &ast->target.items[0];
	const char *shown = escape_text(arena, word->text), *text = word->text;
	bool exact = !strncmp(text, "domain=", strlen("domain="));

	if (word->bracketed || word->unclosed)
		return report(diags, word->span, "no IPv6 address in the brackets", NULL);
	if (exact)
		text += strlen("domain=");
	if (name_looks_like_address(text) ||
	    (strchr(text, '/') && addr_parse(arena_strndup(arena, text, strcspn(text, "/")), &out->addr)))
		return report(diags, word->span, arena_printf(arena, "`%s` is no address and no name", shown), NULL);
	if (!exact && !check_dots(ast, out, diags))
		return false;
	out->name = text[0] ? name_from_query(arena, text) : NULL;
	if (!out->name)
		return report(diags, word->span, arena_printf(arena, "`%s` is no name", shown), NULL);
	return true;
}

/* "egress@2606:4700::1111:tcp:443" falls apart at its colons: the second field is no protocol then. */
static bool looks_like_bare_v6(const struct ast_flow *ast)
{
	const char *target = word_text(&ast->target), *second = word_text(&ast->proto);
	enum policy_proto proto;

	return target && !ast->target.items[0].bracketed && ast->trailing.end > ast->trailing.start &&
	       strspn(target, "0123456789abcdefABCDEF") == strlen(target) && second && !parse_proto(second, &proto);
}

static bool resolve_target(struct arena *arena, const struct ast_flow *ast, struct diags *diags, struct flow *out)
{
	const struct ast_word *word = only_word(&ast->target);

	if (looks_like_bare_v6(ast))
		return report(diags, word->span, "an IPv6 address is written in brackets",
			      "egress@[2606:4700::1111]:tcp:443");
	if (!word || !word->text)
		return report(diags, ast->span, "no flow: an address or a name follows `@`", NULL);
	if (word->after.end > word->after.start)
		return report(diags, word->after, "nothing goes between `]` and `:`", NULL);
	if (out->kind != FLOW_DNS && resolve_address(word, &out->addr))
		return true;
	if (!report_rule_target(ast, out, diags))
		return false;
	if (out->kind == FLOW_ANSWER)
		return report(diags, word->span, "an answer is an address: answer@10.0.0.5, answer@[fd00::5]", NULL);
	out->to_name = out->kind == FLOW_CONNECTION;
	return resolve_name(arena, ast, diags, out);
}

static bool resolve_transport(const struct ast_flow *ast, struct diags *diags, struct flow *out)
{
	const char *word = word_text(&ast->proto);

	if (!word || !strcasecmp(word, "udp"))
		out->transport = FLOW_DNS_UDP;
	else if (!strcasecmp(word, "tcp"))
		out->transport = FLOW_DNS_TCP;
	else if (!strcasecmp(word, "dot"))
		out->transport = FLOW_DNS_DOT;
	else
		return report(diags, ast->proto.span,
			      arena_printf(diags->arena, "`%s` carries no query: udp, tcp or dot does",
					   escape_text(diags->arena, word)),
			      NULL);
	if (ast->port.present)
		return report(diags, ast->port.span, "a query has no port", NULL);
	return true;
}

static bool resolve_connection(const struct ast_flow *ast, struct diags *diags, struct flow *out)
{
	const struct ast_word *proto = only_word(&ast->proto), *port = only_word(&ast->port);
	const char *shown = proto && proto->text ? escape_text(diags->arena, proto->text) : "";
	uint16_t number;

	const char *target = span_text(diags->arena, diags->sources, ast->target.span);
	if (!proto || !proto->text)
		return report_instead(diags, ast, ast->span, "no flow: the protocol is missing",
				      arena_printf(diags->arena, "%s@%s:tcp:443", ast->kind.text, target));
	if (!parse_proto(proto->text, &out->proto)) {
		if (!units_port(proto->text, strlen(proto->text), false, &number))
			return report(
				diags, proto->span,
				arena_printf(diags->arena, "`%s` is no protocol: tcp, udp, icmpv4, icmpv6", shown),
				NULL);
		return report_instead(diags, ast, proto->span,
				      arena_printf(diags->arena, "`%s` is where the protocol goes", shown),
				      arena_printf(diags->arena, "%s@%s:tcp:%s", ast->kind.text, target, proto->text));
	}
	out->has_port = policy_proto_has_ports(out->proto);
	if (!out->has_port && port)
		return report(diags, port->span, arena_printf(diags->arena, "%s has no ports", shown), NULL);
	if (out->has_port && !port)
		return report(diags, proto->span, "the port is missing", NULL);
	if (out->has_port && !units_port(port->text, strlen(port->text), false, &out->port))
		return report(diags, port->span,
			      arena_printf(diags->arena, "`%s` is no port: a flow has one, 0 to 65535",
					   escape_text(diags->arena, port->text)),
			      NULL);
	return true;
}

/* ---- bindings ---- */

static struct flow_binding *get_binding(struct arena *arena, struct flow *flow, const char *name)
{
	struct flow_binding *binding;

	for (size_t i = 0; i < flow->resolve.count; i++)
		if (name_equal(flow->resolve.items[i].name, name))
			return &flow->resolve.items[i];
	binding = arena_push(arena, &flow->resolve);
	binding->name = name;
	return binding;
}

static bool add_addresses(struct arena *arena, struct flow_binding *binding, char *list, const char **why)
{
	for (char *item; (item = strsep(&list, ","));) {
		struct addr addr;
		size_t len = strlen(item);

		if (item[0] == '[' && len > 1 && item[len - 1] == ']') {
			item[len - 1] = '\0';
			item++;
		}
		if (!addr_parse(item, &addr)) {
			*why = "an address follows `=` and `,` in NAME=ADDR,…";
			return false;
		}
		if (binding->addrs.count == RESOLVE_MAX) {
			*why = "more than 256 addresses for one name";
			return false;
		}
		*arena_push(arena, &binding->addrs) = addr;
	}
	return true;
}

bool flow_add_resolve(struct arena *arena, struct flow *flow, const char *text, const char **why)
{
	char *rest = arena_strdup(arena, text);

	for (char *part; (part = strsep(&rest, ";"));) {
		char *equals = strchr(part, '=');
		const char *name;

		if (!equals) {
			*why = "a binding is written NAME=ADDR,…";
			return false;
		}
		*equals = '\0';
		name = part[0] ? name_from_query(arena, part) : NULL;
		if (!name) {
			*why = "a name goes before `=` in NAME=ADDR,…";
			return false;
		}
		if (flow->resolve.count > RESOLVE_MAX) {
			*why = "more than 256 names";
			return false;
		}
		if (!add_addresses(arena, get_binding(arena, flow, name), equals + 1, why))
			return false;
	}
	return true;
}

/* ---- what goes with a flow ---- */

static bool share_address(const struct flow_binding *a, const struct flow_binding *b)
{
	for (size_t i = 0; i < a->addrs.count; i++)
		for (size_t k = 0; k < b->addrs.count; k++)
			if (addr_equal(addr_unmap(a->addrs.items[i]), addr_unmap(b->addrs.items[k])))
				return true;
	return false;
}

/* A flow to a name goes where that name's own answer says; another name counts where it has one of the same addresses.
 * A flow to an address may be told all that was resolved. */
static bool check_resolve(struct span span, struct diags *diags, const struct flow *flow)
{
	const struct flow_binding *own = NULL;

	if (flow->kind != FLOW_CONNECTION)
		return report(diags, span, "resolve= goes with a connection: egress@github.com:tcp:443", NULL);
	for (size_t i = 0; i < flow->resolve.count; i++)
		if (flow->to_name && name_equal(flow->resolve.items[i].name, flow->name))
			own = &flow->resolve.items[i];
	for (size_t i = 0; flow->to_name && i < flow->resolve.count; i++) {
		const struct flow_binding *binding = &flow->resolve.items[i];

		if (own && (binding == own || share_address(binding, own)))
			continue;
		return report(diags, span,
			      arena_printf(diags->arena, "the flow does not concern `%s`",
					   escape_text(diags->arena, binding->name)),
			      arena_printf(diags->arena, "resolve=%s=ADDRESS", escape_text(diags->arena, flow->name)));
	}
	return true;
}

/* A server name is any text that a client sends, an address too; what means many of them is a mistake */
static bool check_sni(struct span span, struct diags *diags, const struct flow *flow)
{
	if (flow->kind != FLOW_CONNECTION || !flow->has_port)
		return report(diags, span, "sni= goes with a TCP connection: egress@github.com:tcp:443", NULL);
	if (strpbrk(flow->sni, "*/{}@,") || address_of_group(flow->sni))
		return report(diags, span,
			      arena_printf(diags->arena, "`%s` is no server name: a client sends one name",
					   escape_text(diags->arena, flow->sni)),
			      "sni=github.com");
	return true;
}

/* A hello with ECH says an outer name, and hides another */
static bool check_ech(struct span span, struct diags *diags, const struct flow *flow)
{
	if (!flow->sni || flow->proto != PROTO_TCP || flow->direction != POLICY_EGRESS)
		return report(diags, span, "ech goes with the outer name of a TLS hello: sni=cdn.example.com ech",
			      NULL);
	return true;
}

/* ---- whole flows ---- */

bool flow_resolve(struct arena *arena, const struct ast_flow *ast, struct diags *diags, struct flow *out)
{
	struct flow flow = { .span = ast->span, .text = span_text(arena, diags->sources, ast->span) };
	const char *why;

	if (!resolve_kind(ast, diags, &flow) || !check_single(ast, diags) || !resolve_target(arena, ast, diags, &flow))
		return false;
	if (flow.kind == FLOW_DNS && !resolve_transport(ast, diags, &flow))
		return false;
	if (flow.kind == FLOW_CONNECTION && !resolve_connection(ast, diags, &flow))
		return false;
	if (flow.kind == FLOW_ANSWER && ast->proto.present)
		return report(diags, ast->proto.span, "nothing follows the address of an answer", NULL);
	if (ast->trailing.end > ast->trailing.start)
		return report(diags, ast->trailing, "nothing follows the port of a flow", NULL);
	if (ast->resolve.text && !flow_add_resolve(arena, &flow, ast->resolve.text, &why))
		return report(diags, ast->resolve.span, why, NULL);
	flow.sni = ast->sni.text;
	flow.ech = ast->ech.text;
	if (flow.ech && !check_ech(ast->ech.span, diags, &flow))
		return false;
	if ((ast->resolve.text && !check_resolve(ast->resolve.span, diags, &flow)) ||
	    (flow.sni && !check_sni(ast->sni.span, diags, &flow)))
		return false;
	*out = flow;
	return true;
}

bool flow_check_options(struct diags *diags, const struct flow *flow)
{
	return (!flow->resolve.count || check_resolve(SPAN_NONE, diags, flow)) &&
	       (!flow->sni || check_sni(SPAN_NONE, diags, flow)) && (!flow->ech || check_ech(SPAN_NONE, diags, flow));
}

bool flow_parse(struct arena *arena, struct sources *sources, const char *text, struct diags *diags, struct flow *out)
{
	size_t before = diags->errors;
	uint32_t source;
	struct ast_flow *ast;

	if (!strchr(text, '@'))
		return report_no_flow(diags, SPAN_NONE, text);
	source = sources_add(sources, SOURCE_ARG, "flow", text, strlen(text));
	ast = parse_flow(diags, source);
	return ast && diags->errors == before && flow_resolve(arena, ast, diags, out);
}

const char *flow_name_text(struct arena *arena, const char *name)
{
	if (!name[0])
		return ".";
	return strchr(name, '.') ? name : arena_printf(arena, "domain=%s", name);
}

const char *flow_format_connection(struct arena *arena, enum policy_direction direction, struct addr addr,
				   enum policy_proto proto, bool has_port, uint16_t port)
{
	char text[ADDR_TEXT_MAX];
	const char *flow = arena_printf(arena, "%s@%s:%s", policy_direction_name(direction),
					addr_format_bracketed(addr, text), policy_proto_name(proto));

	return has_port ? arena_printf(arena, "%s:%u", flow, port) : flow;
}

const char *flow_format_query(struct arena *arena, const char *name, enum flow_transport transport)
{
	static const char *const words[] = { [FLOW_DNS_UDP] = "udp", [FLOW_DNS_TCP] = "tcp", [FLOW_DNS_DOT] = "dot" };

	return arena_printf(arena, "dns@%s:%s", flow_name_text(arena, name), words[transport]);
}
