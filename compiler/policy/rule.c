/* One rule's meaning: from the raw words of a token to a typed rule. The checks come in the order of
 * precedence that the token vectors show, and the first that fails decides the error's class:
 * the "@", action, direction, then target (or the dns macro), protocol, ports, and what goes together. */
#include "policy/rule.h"
#include "policy/words.h"
#include "base/units.h"
#include "policy/policy_facts.h"
#include "policy/rule_help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const rule_action_words[] = { "allow", "deny", NULL };
const char *const rule_direction_words[] = { "egress", "ingress", "any", NULL };
const char *const rule_proto_words[] = { "any", "tcp", "udp", "icmpv4", "icmpv6", NULL };
/* Other keywords of statements, beside the words above and the groups */
static const char *const other_words[] = { "dns",     "default", "profile", "include", "group",
					   "publish", "limit",   "expect",  "library", "because",
					   "until",   "log",     "domain",  "suffix",  NULL };

static bool is_one_of(const char *word, const char *const *words)
{
	for (; *words; words++)
		if (!strcmp(word, *words))
			return true;
	return false;
}

bool rule_is_keyword(const char *word)
{
	enum addr_class class;

	return is_one_of(word, rule_action_words) || is_one_of(word, rule_direction_words) ||
	       is_one_of(word, rule_proto_words) || is_one_of(word, other_words) || addr_class_parse(word, &class);
}

bool rule_parse_proto(const char *word, enum policy_proto *out)
{
	for (size_t i = 0; i < POLICY_RULE_PROTOS; i++)
		if (!strcmp(word, policy_proto_name(policy_protos[i]))) {
			*out = policy_protos[i];
			return true;
		}
	return false;
}

/* ---- without an "@" ---- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* A port or a range of ports, as a comma may have cut it off */
static bool looks_like_ports(const char *text, size_t len)
{
	while (len && is_blank(text[len - 1]))
		len--;
	while (len && is_blank(*text))
		text++, len--;
	bool digits = len && text[0] != '-' && text[len - 1] != '-';
	for (size_t i = 0; i < len; i++)
		digits = digits && ((text[i] >= '0' && text[i] <= '9') || text[i] == '-');
	return digits;
}

/* The piece before the comma in front of `*start`; false where there is none */
static bool find_piece_before(const char *text, size_t *start, size_t *len)
{
	size_t comma = *start;

	while (comma && text[comma - 1] != ',')
		comma--;
	if (!comma--)
		return false;
	*start = comma;
	while (*start && text[*start - 1] != ',')
		--*start;
	*len = comma - *start;
	return true;
}

/* 'allow@public:tcp:80,443' where `443` is at `at`: 'allow@public:tcp:{80,443}'; NULL where the pieces around it
 * are not the two parts of such a rule */
static const char *suggest_braces(struct arena *arena, const char *text, size_t at)
{
	size_t start = at, end = at, len;

	do
		if (!find_piece_before(text, &start, &len))
			return NULL;
	while (looks_like_ports(text + start, len));
	const char *colon = memrchr(text + start, ':', len);
	if (!colon || !memchr(text + start, '@', len) ||
	    !looks_like_ports(colon + 1, (size_t)(text + start + len - colon - 1)))
		return NULL;
	while (len = strcspn(text + end, ",\n"), looks_like_ports(text + end, len)) {
		end += len;
		if (text[end] != ',')
			break;
		end++;
	}
	end -= text[end - 1] == ',';
	start += strspn(text + start, " \t\r\n");
	const char *rule = text + start;
	return arena_printf(arena, "a list of ports is written in braces: '%.*s{%.*s}'", (int)(colon + 1 - rule), rule,
			    (int)(text + end - colon - 1), colon + 1);
}

/* A line of another format: "kind: NetworkPolicy", "default: deny", JSON */
static const char *explain_no_rule(const struct rule_scope *scope, const char *text)
{
	size_t len = *text == '{' ? 1 : strcspn(text, ": \t");
	const struct mistake *mistake = mistake_find(MISTAKE_STATEMENT, arena_strndup(scope->arena, text, len));

	if (len == strlen("default") && !strncmp(text, "default", len))
		return "a default names its direction: default egress deny";
	return mistake && !mistake->meant ? mistake->why : "a rule is ACTION@TARGET[:PROTOCOL[:PORTS]]";
}

/* "default: deny" */
static bool suggest_default(const struct rule_scope *scope, struct diag *diag, const char *text)
{
	const char *action = text + strlen("default:") * !strncmp(text, "default:", strlen("default:"));
	const struct mistake *mistake = mistake_find(MISTAKE_ACTION, action + strspn(action, " \t"));

	if (action == text || !mistake)
		return false;
	diag->label = "a default names its direction";
	rule_suggest(scope, diag, scope->rule->span, arena_printf(scope->arena, "default egress %s", mistake->meant));
	return true;
}

static bool report_missing_at(const struct rule_scope *scope)
{
	const struct ast_rule *rule = scope->rule;
	const struct source *source = sources_get(scope->diags->sources, rule->span.source);
	const char *text = span_text(scope->arena, scope->diags->sources, rule->span);

	if (looks_like_ports(text, strlen(text))) {
		struct diag *diag = diag_error(scope->diags, "missing-at", rule->span,
					       "`%s` is no rule: a comma separates rules", text);
		diag->help = source ? suggest_braces(scope->arena, source->text, rule->span.start) : NULL;
		return false;
	}
	struct diag *diag = diag_error(scope->diags, "missing-at", rule->span, "`%s` is no rule: it has no `@`", text);
	if (text[0] == '!' && text[1]) {
		diag->label = "no line says `not`; a deny counts where it stands above the allow";
		rule_suggest(scope, diag, (struct span){ rule->span.source, rule->span.start, rule->span.start + 1 },
			     "deny@");
		return false;
	}
	size_t word = strcspn(text, " \t");
	const char *target = text + word + strspn(text + word, " \t");
	if (!strncmp(target, "=>", 2) || !strncmp(target, "->", 2))
		target += 2 + strspn(target + 2, " \t");
	if (*target && is_one_of(arena_strndup(scope->arena, text, word), rule_action_words))
		rule_suggest(scope, diag, rule->span, arena_printf(scope->arena, "%.*s@%s", (int)word, text, target));
	else if (!suggest_default(scope, diag, text))
		diag->help = explain_no_rule(scope, text);
	return false;
}

/* ---- action and direction ---- */

static bool resolve_action(const struct rule_scope *scope, enum policy_action *out)
{
	const struct ast_word *word = &scope->rule->action;
	const char *text = word->text ? word->text : "";

	if (!strcmp(text, "allow") || !strcmp(text, "deny")) {
		*out = text[0] == 'a' ? POLICY_ALLOW : POLICY_DENY;
		return true;
	}
	struct diag *diag = *text ? diag_error(scope->diags, "bad-action", word->span, "no such action: `%s`", text) :
				    diag_error(scope->diags, "bad-action", word->span, "no action before the `@`");
	diag->label = "`allow` or `deny`";
	if (!*text || !rule_explain_action(scope, diag))
		diag_did_you_mean(scope->diags, diag, word->span, diag_nearest(text, rule_action_words));
	return false;
}

static bool resolve_direction(const struct rule_scope *scope, unsigned *out)
{
	const struct ast_word *word = &scope->rule->direction;

	if (!word->text || !strcmp(word->text, "egress"))
		*out = POLICY_EGRESS;
	else if (!strcmp(word->text, "ingress"))
		*out = POLICY_INGRESS;
	else if (!strcmp(word->text, "any"))
		*out = POLICY_EGRESS | POLICY_INGRESS;
	else {
		struct diag *diag =
			diag_error(scope->diags, "bad-direction", word->span, "no such direction: `%s`", word->text);
		diag->label = "`egress`, `ingress` or `any`";
		if (!rule_explain(scope, diag, MISTAKE_DIRECTION, word))
			diag_did_you_mean(scope->diags, diag, word->span,
					  diag_nearest(word->text, rule_direction_words));
		return false;
	}
	return true;
}

/* ---- protocol and ports ---- */

static bool report_empty_list(const struct rule_scope *scope, const struct ast_words *words, const char *id)
{
	if (!words->braced || words->count)
		return false;
	diag_error(scope->diags, id, words->span, "an empty list");
	return true;
}

static void suggest_proto(const struct rule_scope *scope, struct diag *diag, const struct ast_word *word)
{
	const char *text = word->text ? word->text : "";

	diag->label = "any, tcp, udp, icmpv4 or icmpv6";
	if (!*text || !rule_explain_proto(scope, diag, word))
		diag_did_you_mean(scope->diags, diag, word->span, diag_nearest(text, rule_proto_words));
}

static bool resolve_protos(const struct rule_scope *scope, unsigned *out)
{
	const struct ast_words *words = &scope->rule->proto;

	if (report_empty_list(scope, words, "bad-proto"))
		return false;
	for (size_t i = 0; i < words->count; i++) {
		const struct ast_word *word = &words->items[i];
		const char *text = word->text ? word->text : "";
		enum policy_proto proto;
		if (rule_parse_proto(text, &proto)) {
			*out |= proto;
		} else if (strcmp(text, "any") != 0) {
			struct diag *diag = *text ? diag_error(scope->diags, "bad-proto", word->span,
							       "no such protocol: `%s`", text) :
						    diag_error(scope->diags, "bad-proto", word->span, "no protocol");
			suggest_proto(scope, diag, word);
			return false;
		} else if (words->braced) {
			diag_error(scope->diags, "bad-proto", word->span, "`any` cannot be in a list");
			return false;
		}
	}
	return true;
}

static bool report_port(const struct rule_scope *scope, const struct ast_word *word, const char *text, size_t len)
{
	struct span span = word->span;
	struct diag *diag;
	char *port = arena_strndup(scope->arena, text, len);
	bool digits = len && strspn(port, "0123456789") == len;

	if (!len)
		diag = diag_error(scope->diags, "bad-ports", span, "no port");
	else if (!digits)
		(diag = diag_error(scope->diags, "bad-ports", span, "no port: `%s`", port))->label =
			"a number, a range like 80-443, or any";
	else if (port[0] == '0')
		diag = diag_error(scope->diags, "bad-ports", span, "a port has no leading zero: %s", port);
	else
		diag = diag_error(scope->diags, "bad-ports", span, "port out of range: %s is more than 65535", port);
	rule_explain_port(scope, diag, word);
	return false;
}

static bool resolve_port_item(const struct rule_scope *scope, const struct ast_word *word,
			      struct policy_port_range *out)
{
	const char *text = word->text ? word->text : "";
	size_t len = strcspn(text, "-");
	const char *second = text[len] ? text + len + 1 : NULL;

	out->span = word->span;
	if (!units_port(text, len, false, &out->lo))
		return report_port(scope, word, text, second && !len ? strlen(text) : len);
	out->hi = out->lo;
	if (second && !units_port(second, strlen(second), false, &out->hi))
		return report_port(scope, word, second, strlen(second));
	if (out->lo <= out->hi)
		return true;
	rule_suggest(scope,
		     diag_error(scope->diags, "inverted-range", word->span,
				"port range runs backwards: %u is more than %u", out->lo, out->hi),
		     word->span, arena_printf(scope->arena, "%u-%u", out->hi, out->lo));
	return false;
}

static bool resolve_ports(const struct rule_scope *scope, struct policy_rule *out)
{
	const struct ast_words *words = &scope->rule->ports;

	if (report_empty_list(scope, words, "bad-ports"))
		return false;
	if (words->present && !words->braced && words->count && words->items[0].text &&
	    !strcmp(words->items[0].text, "any"))
		return true;
	for (size_t i = 0; i < words->count; i++) {
		struct policy_port_range ports;
		if (!resolve_port_item(scope, &words->items[i], &ports))
			return false;
		*arena_push(scope->arena, &out->ports) = ports;
	}
	return true;
}

/* ---- the dns macro: group host, udp and tcp, port 53 ---- */

static bool is_dns(const struct ast_words *target)
{
	return target->count == 1 && !target->braced && !target->items[0].bracketed && target->items[0].text &&
	       !strcmp(target->items[0].text, "dns");
}

static bool resolve_dns_protos(const struct rule_scope *scope, unsigned *out)
{
	const struct ast_words *words = &scope->rule->proto;

	for (size_t i = 0; i < words->count; i++) {
		const char *text = words->items[i].text ? words->items[i].text : "";
		if (!strcmp(text, "udp"))
			*out |= PROTO_UDP;
		else if (!strcmp(text, "tcp"))
			*out |= PROTO_TCP;
		else if ((*text && strcmp(text, "any") != 0) || words->braced) {
			diag_error(scope->diags, "dns-proto", words->items[i].span,
				   "lookups go over udp and tcp, not `%s`", text);
			return false;
		}
	}
	if (!*out)
		*out = PROTO_UDP | PROTO_TCP;
	return true;
}

static bool check_dns_ports(const struct rule_scope *scope)
{
	const struct ast_words *words = &scope->rule->ports;

	for (size_t i = 0; i < words->count; i++) {
		const char *text = words->items[i].text ? words->items[i].text : "";
		if (strcmp(text, "53") != 0 && (words->braced || (*text && strcmp(text, "any") != 0))) {
			diag_error(scope->diags, "dns-port", words->items[i].span, "lookups go to port 53, not `%s`",
				   text);
			return false;
		}
	}
	return true;
}

static bool resolve_dns(const struct rule_scope *scope, struct policy_rule *out)
{
	const struct ast_rule *rule = scope->rule;

	if (out->directions != POLICY_EGRESS) {
		diag_error(scope->diags, "dns-egress-only", rule->target.span, "`dns` is for egress rules only");
		return false;
	}
	if (rule_report_trailing(scope) || report_empty_list(scope, &rule->proto, "dns-proto") ||
	    !resolve_dns_protos(scope, &out->protos) || report_empty_list(scope, &rule->ports, "dns-port") ||
	    !check_dns_ports(scope))
		return false;
	*arena_push(scope->arena, &out->targets) =
		(struct policy_target){ .kind = TARGET_GROUP, .group = ADDR_CLASS_HOST, .span = rule->target.span };
	struct span port = rule->ports.present ? rule->ports.span : rule->target.span;
	*arena_push(scope->arena, &out->ports) = (struct policy_port_range){ FLOW_DNS_PORT, FLOW_DNS_PORT, port };
	return true;
}

/* ---- all other targets ---- */

/* "443" and "80-443", backwards too, in the place of a protocol */
static bool looks_like_port_slot(const char *text)
{
	uint16_t port;
	size_t len = strcspn(text, "-");

	return units_port(text, len, true, &port) &&
	       (!text[len] || units_port(text + len + 1, strlen(text + len + 1), true, &port));
}

static bool report_port_in_proto_slot(const struct rule_scope *scope)
{
	const struct ast_words *words = &scope->rule->proto, *ports = &scope->rule->ports;
	enum policy_proto proto;

	for (size_t i = 0; i < words->count; i++)
		if (!words->items[i].text || !looks_like_port_slot(words->items[i].text))
			return false;
	if (!words->count)
		return false;
	const char *text = span_text(scope->arena, scope->diags->sources, words->span);
	struct diag *diag =
		diag_error(scope->diags, "port-in-proto-slot", words->span, "`%s` is where the protocol goes", text);
	if (!ports->present) {
		rule_suggest(scope, diag, words->span, arena_printf(scope->arena, "tcp:%s", text));
	} else if (ports->count == 1 && ports->items[0].text && rule_parse_proto(ports->items[0].text, &proto)) {
		struct span both = { words->span.source, words->span.start, ports->span.end };
		rule_suggest(scope, diag, both, arena_printf(scope->arena, "%s:%s", ports->items[0].text, text));
	}
	return true;
}

static bool resolve_targets(const struct rule_scope *scope, struct policy_rule *out)
{
	const struct ast_words *words = &scope->rule->target;
	bool ok = !report_empty_list(scope, words, "bad-target");

	if (words->count == 1 && !words->braced && !words->items[0].bracketed && words->items[0].text) {
		struct policy_group *group = rule_find_group(scope, words->items[0].text);
		if (group) {
			out->group_name = group->name;
			return rule_share_group(scope, words->span, group, out);
		}
	}
	for (size_t i = 0; i < words->count; i++)
		ok = rule_add_target(scope, &words->items[i], words->braced, &out->targets) && ok;
	return ok;
}

static bool resolve_plain(const struct rule_scope *scope, struct policy_rule *out)
{
	const struct ast_words *target = &scope->rule->target;
	bool bracketed = !target->braced && target->count && target->items[0].bracketed;

	if (bracketed) {
		if (!resolve_targets(scope, out) || rule_report_trailing(scope))
			return false;
	} else if (rule_report_trailing(scope) || report_port_in_proto_slot(scope) || !resolve_targets(scope, out)) {
		return false;
	}
	if (!resolve_protos(scope, &out->protos) || !resolve_ports(scope, out))
		return false;
	if (!(out->protos & (PROTO_ICMPV4 | PROTO_ICMPV6)) || !(out->directions & POLICY_INGRESS))
		return true;
	diag_error(scope->diags, "icmp-ingress", scope->rule->proto.span, "ICMP rules are for egress only");
	return false;
}

/* The token as written, without the blanks and newlines that braces allow, and without `in` */
static const char *token_text(const struct rule_scope *scope)
{
	const struct ast_rule *rule = scope->rule;
	struct span span = rule->span;
	if (rule->attributes.count && rule->attributes.items[0].kind == AST_IN)
		span.end = rule->attributes.items[0].span.start;
	const char *text = span_text(scope->arena, scope->diags->sources, span);
	char *copy = arena_strdup(scope->arena, text), *to = copy;

	for (const char *from = text; *from; from++)
		if (!is_blank(*from))
			*to++ = *from;
	*to = 0;
	return copy;
}

bool rule_resolve(const struct rule_scope *scope, struct policy_rule *out)
{
	const struct ast_rule *rule = scope->rule;
	struct policy_rule result = { .span = rule->span, .until_span = SPAN_NONE };

	if (!rule->has_at)
		return report_missing_at(scope);
	if (!resolve_action(scope, &result.action) || !resolve_direction(scope, &result.directions))
		return false;
	if (!(is_dns(&rule->target) ? resolve_dns(scope, &result) : resolve_plain(scope, &result)))
		return false;
	if (!rule_resolve_within(scope, &result))
		return false;
	result.text = token_text(scope);
	if (result.within.count)
		result.text =
			arena_printf(scope->arena, "%s%s", result.text, policy_within_format(scope->arena, &result));
	*out = result;
	return true;
}

bool resolve_rule(struct arena *arena, const struct ast_rule *rule, const struct policy *groups, struct diags *diags,
		  struct policy_rule *out)
{
	struct rule_scope scope = { .arena = arena, .diags = diags, .groups = groups, .rule = rule };

	return rule_resolve(&scope, out);
}
