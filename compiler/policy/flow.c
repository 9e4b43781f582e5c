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

/* ---- the parts of a flow ---- */

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
		if (near)
			diag->label = arena_printf(diags->arena, "did you mean `%s`?", near);
		else if (!strncasecmp(word, "allow", 5) || !strncasecmp(word, "deny", 4))
			diag->help = "a rule says what is allowed, a flow is one attempt: egress@github.com:tcp:443";
		return false;
	}
	return true;
}

static bool is_group(const char *word)
{
	enum addr_class class;

	return addr_class_parse(word, &class) || !strcasecmp(word, "any") || !strcasecmp(word, "dns");
}

static bool resolve_address(const struct ast_word *word, struct addr *out)
{
	struct addr addr;

	if (!addr_parse(word->text, &addr) || (addr.family == ADDR_V6) != word->bracketed)
		return false;
	*out = addr_unmap(addr);
	return true;
}

static bool resolve_name(struct arena *arena, const struct ast_word *word, struct diags *diags, struct flow *out)
{
	if (word->bracketed || word->unclosed)
		return report(diags, word->span, "no IPv6 address in the brackets", NULL);
	if (name_looks_like_address(word->text))
		return report(
			diags, word->span,
			arena_printf(arena, "`%s` is no address and no name", escape_text(diags->arena, word->text)),
			NULL);
	out->name = word->text[0] ? name_from_query(arena, word->text) : NULL;
	if (!out->name)
		return report(diags, word->span,
			      arena_printf(arena, "`%s` is no name", escape_text(diags->arena, word->text)), NULL);
	return true;
}

/* "egress@2606:4700::1111:tcp:443" falls apart at its colons: the second field is no protocol then. */
static bool looks_like_bare_v6(const struct ast_flow *ast)
{
	enum policy_proto proto;

	return !ast->target.bracketed && ast->target.text && ast->trailing.end > ast->trailing.start &&
	       strspn(ast->target.text, "0123456789abcdefABCDEF") == strlen(ast->target.text) && ast->proto.text &&
	       !parse_proto(ast->proto.text, &proto);
}

static bool resolve_target(struct arena *arena, const struct ast_flow *ast, struct diags *diags, struct flow *out)
{
	const struct ast_word *word = &ast->target;

	if (looks_like_bare_v6(ast))
		return report(diags, word->span, "an IPv6 address is written in brackets",
			      "egress@[2606:4700::1111]:tcp:443");
	if (!word->text)
		return report(diags, ast->span, "no flow: an address or a name follows `@`", NULL);
	if (word->after.end > word->after.start)
		return report(diags, word->after, "nothing goes between `]` and `:`", NULL);
	if (out->kind != FLOW_DNS && resolve_address(word, &out->addr))
		return true;
	if (out->kind == FLOW_ANSWER)
		return report(diags, word->span, "an answer is an address: answer@10.0.0.5, answer@[fd00::5]", NULL);
	if (out->kind == FLOW_CONNECTION) {
		if (!word->bracketed && is_group(word->text))
			return report(diags, word->span,
				      arena_printf(arena, "`%s` is many addresses, a flow has one", word->text),
				      "egress@93.184.216.34:tcp:443");
		out->to_name = true;
	}
	return resolve_name(arena, word, diags, out);
}

static bool resolve_transport(const struct ast_flow *ast, struct diags *diags, struct flow *out)
{
	const char *word = ast->proto.text;

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
	if (ast->port.text)
		return report(diags, ast->port.span, "a query has no port", NULL);
	return true;
}

static bool resolve_connection(const struct ast_flow *ast, struct diags *diags, struct flow *out)
{
	const struct ast_word *proto = &ast->proto, *port = &ast->port;
	const char *shown = proto->text ? escape_text(diags->arena, proto->text) : "";
	uint16_t number;

	const char *target = span_text(diags->arena, diags->sources, ast->target.span);
	if (!proto->text)
		return report(diags, ast->span, "no flow: the protocol is missing",
			      arena_printf(diags->arena, "%s:tcp:443", target));
	if (!parse_proto(proto->text, &out->proto)) {
		if (!units_port(proto->text, strlen(proto->text), false, &number))
			return report(
				diags, proto->span,
				arena_printf(diags->arena, "`%s` is no protocol: tcp, udp, icmpv4, icmpv6", shown),
				NULL);
		return report(diags, proto->span, arena_printf(diags->arena, "`%s` is where the protocol goes", shown),
			      arena_printf(diags->arena, "%s@%s:tcp:%s", escape_text(diags->arena, ast->kind.text),
					   escape_text(diags->arena, target), shown));
	}
	out->has_port = policy_proto_has_ports(out->proto);
	if (!out->has_port && port->text)
		return report(diags, port->span, arena_printf(diags->arena, "%s has no ports", shown), NULL);
	if (out->has_port && !port->text)
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

/* ---- whole flows ---- */

bool flow_resolve(struct arena *arena, const struct ast_flow *ast, struct diags *diags, struct flow *out)
{
	struct flow flow = { .span = ast->span, .text = span_text(arena, diags->sources, ast->span) };
	const char *why;

	if (!resolve_kind(ast, diags, &flow) || !resolve_target(arena, ast, diags, &flow))
		return false;
	if (flow.kind == FLOW_DNS && !resolve_transport(ast, diags, &flow))
		return false;
	if (flow.kind == FLOW_CONNECTION && !resolve_connection(ast, diags, &flow))
		return false;
	if (flow.kind == FLOW_ANSWER && ast->proto.text)
		return report(diags, ast->proto.span, "nothing follows the address of an answer", NULL);
	if (ast->trailing.end > ast->trailing.start)
		return report(diags, ast->trailing, "nothing follows the port of a flow", NULL);
	if (ast->resolve.text && !flow_add_resolve(arena, &flow, ast->resolve.text, &why))
		return report(diags, ast->resolve.span, why, NULL);
	flow.sni = ast->sni.text;
	*out = flow;
	return true;
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

const char *flow_format_connection(struct arena *arena, enum policy_direction direction, struct addr addr,
				   enum policy_proto proto, bool has_port, uint16_t port)
{
	char text[ADDR_TEXT_MAX];
	const char *flow = arena_printf(arena, "%s@%s:%s", policy_direction_name(direction),
					addr_format_bracketed(addr, text), policy_proto_name(proto));

	return has_port ? arena_printf(arena, "%s:%u", flow, port) : flow;
}
