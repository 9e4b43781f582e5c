/* What a target word means: a keyword, one of the file's groups, a network, a name. Errors carry the class
 * that the token vectors give them, and offer what to write instead. */
#include "policy/rule.h"
#include "policy/words.h"
#include "base/name.h"
#include "policy/rule_help.h"

#include <stdlib.h>
#include <string.h>

/* In the order in which ties between suggestions are won */
const char *const rule_target_words[] = { "dns",  "public",    "private", "loopback", "link-local",
					  "meta", "multicast", "host",    NULL };

static bool has_prefix(const char *text, const char *prefix)
{
	return !strncmp(text, prefix, strlen(prefix));
}

static struct span skip(struct span span, size_t bytes)
{
	span.start += (uint32_t)bytes;
	return span;
}

static int compare_group(const void *name, const void *group)
{
	return strcmp(name, ((const struct policy_group *)group)->name);
}

struct policy_group *rule_find_group(const struct rule_scope *scope, const char *name)
{
	if (!scope->groups || !scope->groups->groups.count)
		return NULL;
	return bsearch(name, scope->groups->groups.items, scope->groups->groups.count, sizeof(struct policy_group),
		       compare_group);
}

static bool spend(const struct rule_scope *scope, struct span span, size_t count)
{
	if (scope->budget && *scope->budget < count) {
		diag_error(scope->diags, "too-complex", span, "too many targets once its groups are spelt out");
		return false;
	}
	if (scope->budget)
		*scope->budget -= count;
	return true;
}

bool rule_share_group(const struct rule_scope *scope, struct span span, struct policy_group *group,
		      struct policy_rule *out)
{
	group->used = true;
	out->targets = group->members;
	return spend(scope, span, group->members.count);
}

bool rule_add_members(const struct rule_scope *scope, struct span span, const struct policy_targets *members,
		      struct policy_targets *out)
{
	if (!spend(scope, span, members->count))
		return false;
	for (size_t i = 0; i < members->count; i++)
		*arena_push(scope->arena, out) = members->items[i];
	return true;
}

/* ---- networks ---- */

/* The length of a contiguous netmask, or -1 */
static int netmask_len(const char *text)
{
	struct addr mask;

	if (!addr_parse(text, &mask) || mask.family != ADDR_V4)
		return -1;
	uint32_t bits = (uint32_t)mask.value, host = ~bits;
	return host & (host + 1) ? -1 : 32 - __builtin_popcount(host);
}

static bool report_cidr(const struct rule_scope *scope, const struct ast_word *word)
{
	const char *slash = strchr(word->text, '/');
	const char *len = slash + 1;
	struct addr addr;
	char *address = arena_strndup(scope->arena, word->text, (size_t)(slash - word->text));
	bool digits = *len && !len[strspn(len, "0123456789")];
	struct span after = word->bracketed ? word->span : skip(word->span, (size_t)(len - word->text));

	if (!addr_parse(address, &addr)) {
		rule_explain_network(
			scope, diag_error(scope->diags, "bad-cidr", word->span, "no network: `%s`", word->text), word);
	} else if (netmask_len(len) >= 0) {
		rule_suggest(scope,
			     diag_error(scope->diags, "bad-cidr", word->span,
					"a network's length is a number of bits, no netmask"),
			     after, arena_printf(scope->arena, "%d", netmask_len(len)));
	} else if (digits && (len[0] != '0' || !len[1])) {
		diag_error(scope->diags, "bad-cidr", word->span, "prefix length out of range: %s is more than %d", len,
			   addr.family == ADDR_V4 ? 32 : 128);
	} else {
		rule_explain_semicolon(
			scope, diag_error(scope->diags, "bad-cidr", word->span, "no prefix length: `%s`", len), word);
	}
	return false;
}

bool rule_parse_cidr(const struct rule_scope *scope, const struct ast_word *word, struct policy_target *out)
{
	struct addr_prefix prefix;

	if (addr_prefix_parse(word->text, &prefix)) {
		*out = (struct policy_target){ .kind = TARGET_CIDR, .prefix = prefix, .span = word->span };
		return true;
	}
	if (strchr(word->text, '/'))
		return report_cidr(scope, word);
	diag_error(scope->diags, "bad-ip", word->span, "no address: `%s`", word->text);
	return false;
}

static bool parse_bracketed(const struct rule_scope *scope, const struct ast_word *word, struct policy_target *out)
{
	if (word->unclosed) {
		diag_error(scope->diags, "unclosed-bracket", word->span, "`[` without `]`");
		return false;
	}
	if (!rule_parse_cidr(scope, word, out))
		return false;
	if (out->prefix.addr.family == ADDR_V6)
		return true;
	rule_suggest(scope,
		     diag_error(scope->diags, "bracketed-not-ipv6", word->span, "brackets are for IPv6 addresses"),
		     word->span, word->text);
	return false;
}

/* ---- names ---- */

/* `a.*.example.com`, `foo*.example.com`: what is behind the last of it and has a dot can be a suffix */
static bool report_star(const struct rule_scope *scope, const struct ast_word *word, const char *text)
{
	const char *rest = strrchr(text, '*');
	struct diag *diag;

	if (!rest)
		return false;
	rest += strcspn(rest, ".");
	diag = diag_error(scope->diags, "bad-domain", word->span, "no domain name: `%s`", text);
	diag->label = "`*` stands alone, as the first label of a suffix";
	if (rest[0] && strchr(rest + 1, '.'))
		rule_suggest(scope, diag, word->span, arena_printf(scope->arena, "*%s", rest));
	else
		diag->help = "a name and all below it is `*.example.com`; any address is `public` or `any`";
	return true;
}

static bool parse_name(const struct rule_scope *scope, const struct ast_word *word, size_t skipped,
		       enum policy_target_kind kind, struct policy_target *out)
{
	const char *why, *text = word->text + skipped;
	const char *name = name_from_rule(scope->arena, text, &why);

	if (!name && report_star(scope, word, text))
		return false;
	if (!name) {
		struct diag *diag = diag_error(scope->diags, "bad-domain", word->span, "no domain name: `%s`", text);
		if (!rule_explain_semicolon(scope, diag, word) && !rule_explain_not(scope, diag, word))
			diag->label = why;
		return false;
	}
	*out = (struct policy_target){ .kind = kind, .name = name, .span = word->span };
	return true;
}

static bool parse_suffix(const struct rule_scope *scope, const struct ast_word *word, size_t skipped,
			 struct policy_target *out)
{
	if (!strcmp(word->text + skipped, "*")) {
		diag_error(scope->diags, "suffix-too-broad", word->span, "`%s` takes in every name", word->text)->help =
			"lookups of any name are `dns`; a name and all below it is `*.example.com`";
		return false;
	}
	if (!parse_name(scope, word, skipped, TARGET_SUFFIX, out))
		return false;
	if (strchr(out->name, '.'))
		return true;
	diag_error(scope->diags, "suffix-too-broad", word->span, "a suffix of one label takes in all of `%s`",
		   out->name);
	return false;
}

bool rule_parse_domain(const struct rule_scope *scope, const struct ast_word *word, struct policy_target *out)
{
	return parse_name(scope, word, 0, TARGET_DOMAIN, out);
}

bool rule_parse_suffix(const struct rule_scope *scope, const struct ast_word *word, struct policy_target *out)
{
	return parse_suffix(scope, word, 0, out);
}

/* A bare token with a dot, which is no address */
static bool parse_dotted(const struct rule_scope *scope, const struct ast_word *word, struct policy_target *out)
{
	const char *text = word->text;

	if (name_looks_like_address(text) || rule_is_network(text)) {
		struct diag *diag =
			diag_error(scope->diags, "bad-ip", word->span, "`%s` looks like an address and is none", text);
		if (!rule_explain_range(scope, diag, word) && !rule_explain_network(scope, diag, word))
			diag->label = "four numbers from 0 to 255 in plain decimal";
		return false;
	}
	if (text[0] == '.' && text[1] && text[1] != '.') {
		diag_error(scope->diags, "bad-domain", word->span, "no domain name: `%s`", text)->help = arena_printf(
			scope->arena, "write `%s` for that name alone, or `*%s` for it and every name below", text + 1,
			text);
		return false;
	}
	return parse_name(scope, word, 0, TARGET_DOMAIN, out);
}

/* ---- what is none of these ---- */

/* The longest run of whole fields behind the "@" that reads as an IPv6 address; len 0 where none does.
 * Unbracketed, its colons have split it into fields. */
static struct span find_unbracketed_ipv6(const struct rule_scope *scope)
{
	if (!scope->rule || scope->rule->target.braced)
		return SPAN_NONE;
	struct span span = scope->rule->target.span;
	span.end = scope->rule->span.end;
	char *text = arena_strdup(scope->arena, span_text(scope->arena, scope->diags->sources, span));
	for (char *colon = text + strlen(text); colon; colon = strrchr(text, ':')) {
		struct addr_prefix prefix;
		*colon = 0;
		if (addr_prefix_parse(text, &prefix) && prefix.addr.family == ADDR_V6) {
			span.end = span.start + (uint32_t)strlen(text);
			return span;
		}
	}
	return SPAN_NONE;
}

/* Reports a target that is an IPv6 address without brackets, under the class the token has; false: it is none */
static bool report_brackets(const struct rule_scope *scope, const char *id)
{
	struct span span = find_unbracketed_ipv6(scope);

	if (span.source == SPAN_NO_SOURCE)
		return false;
	const char *text = span_text(scope->arena, scope->diags->sources, span);
	rule_suggest(scope, diag_error(scope->diags, id, span, "an IPv6 address is written in brackets"), span,
		     arena_printf(scope->arena, "[%s]", text));
	return true;
}

bool rule_report_trailing(const struct rule_scope *scope)
{
	struct span trailing = scope->rule->trailing;

	if (trailing.start == trailing.end)
		return false;
	if (!report_brackets(scope, "trailing"))
		rule_explain_trailing(
			scope, diag_error(scope->diags, "trailing", trailing, "nothing follows the ports of a rule"));
	return true;
}

/* The nearest of the keywords and the file's groups; of two as near the keyword. Beyond the findings that are
 * shown nobody reads a suggestion, and it costs a walk over all groups. */
static const char *nearest_target(const struct rule_scope *scope, const char *text)
{
	enum { KEYWORDS = sizeof rule_target_words / sizeof *rule_target_words - 1 };
	size_t groups = scope->groups ? scope->groups->groups.count : 0;

	if (!groups || scope->diags->list.count >= scope->diags->limit)
		return diag_nearest(text, rule_target_words);
	const char **words = arena_alloc(scope->arena, (KEYWORDS + groups + 1) * sizeof *words);
	memcpy(words, rule_target_words, KEYWORDS * sizeof *words);
	for (size_t i = 0; i < groups; i++)
		words[KEYWORDS + i] = scope->groups->groups.items[i].name;
	return diag_nearest(text, words);
}

/* A word of other tools; "$web", as pf and shells write what is a group here */
static bool explain_target(const struct rule_scope *scope, struct diag *diag, const struct ast_word *word)
{
	bool ingress = scope->rule && scope->rule->direction.text && !strcmp(scope->rule->direction.text, "ingress");

	if (word->text[0] == '$' && word->text[1]) {
		diag->label = "a group is named without `$`";
		diag->help = arena_printf(scope->arena, "define it: group %s = NAME, NETWORK", word->text + 1);
		if (rule_find_group(scope, word->text + 1))
			rule_suggest(scope, diag, word->span, word->text + 1);
		return true;
	}
	const struct mistake *mistake = mistake_find(MISTAKE_TARGET, word->text);
	if (mistake && !strcmp(mistake->meant, "public") && scope->rule && scope->rule->action.text &&
	    strcmp(scope->rule->action.text, "allow") != 0) {
		/* a denial that is narrower than meant is no help: the writer decides */
		diag->label = "every address is `any`, the Internet `public`";
		return true;
	}
	return (ingress && rule_explain(scope, diag, MISTAKE_PEER, word)) ||
	       rule_explain(scope, diag, MISTAKE_TARGET, word);
}

static bool report_bare(const struct rule_scope *scope, const struct ast_word *word)
{
	if (report_brackets(scope, "ambiguous-bare") || rule_group_is_broken(scope, word->text))
		return false;
	struct diag *diag = diag_error(scope->diags, "ambiguous-bare", word->span, "no such target: `%s`", word->text);
	if (explain_target(scope, diag, word) || rule_explain_url(scope, diag, word) ||
	    rule_explain_semicolon(scope, diag, word) || rule_explain_not(scope, diag, word))
		return false;
	const char *near = nearest_target(scope, word->text);
	if (near && !strcmp(near, "dns")) /* what may stand behind it is another thing than behind a name */
		diag->label = rule_did_you_mean(scope->arena, near);
	else
		diag_did_you_mean(scope->diags, diag, word->span, near);
	if (!strcmp(word->text, "http") || !strcmp(word->text, "https"))
		diag->help = "a rule names the host and the port, not a URL: allow@example.com:tcp:443";
	else if (!diag->label)
		diag->help = arena_printf(scope->arena, "a name without a dot is written `domain=%s`", word->text);
	return false;
}

static bool report_empty(const struct rule_scope *scope, const struct ast_word *word)
{
	if (!report_brackets(scope, "bad-target"))
		diag_error(scope->diags, "bad-target", word->span, "no target behind the `@`");
	return false;
}

static bool add_group(const struct rule_scope *scope, const struct ast_word *word, struct policy_group *group,
		      struct policy_targets *out)
{
	group->used = true;
	return rule_add_members(scope, word->span, &group->members, out);
}

/* A target that is none of the file's groups; false: it may be one. *ok: no error was reported */
static bool parse_plain(const struct rule_scope *scope, const struct ast_word *word, struct policy_target *out,
			bool *ok)
{
	const char *text = word->text;
	struct addr addr;

	out->span = word->span;
	if (!strcmp(text, "any")) {
		out->kind = TARGET_ANY;
		*ok = true;
	} else if (addr_class_parse(text, &out->group)) {
		out->kind = TARGET_GROUP;
		*ok = true;
	} else if (has_prefix(text, "suffix=")) {
		*ok = parse_suffix(scope, word, strlen("suffix="), out);
	} else if (has_prefix(text, "domain=")) {
		*ok = parse_name(scope, word, strlen("domain="), TARGET_DOMAIN, out);
	} else if (has_prefix(text, "*.")) {
		*ok = parse_suffix(scope, word, strlen("*."), out);
	} else if (strchr(text, '/') || addr_parse(text, &addr)) {
		*ok = rule_parse_cidr(scope, word, out);
	} else if (strchr(text, '.')) {
		*ok = parse_dotted(scope, word, out);
	} else {
		return false;
	}
	return true;
}

bool rule_add_target(const struct rule_scope *scope, const struct ast_word *word, bool in_list,
		     struct policy_targets *out)
{
	struct policy_target target = { .kind = TARGET_ANY };
	bool ok;

	if (word->bracketed) {
		if (!parse_bracketed(scope, word, &target))
			return false;
		if (word->after.start != word->after.end) {
			const char *text = span_text(scope->arena, scope->diags->sources, word->after);
			diag_error(scope->diags, "after-bracket", word->after, "`%s` follows the bracket", text)
				->label = text[0] == '/' ? "the length goes inside the brackets" : NULL;
			return false;
		}
	} else if (!word->text || !*word->text) {
		return report_empty(scope, word);
	} else if (in_list && (!strcmp(word->text, "any") || !strcmp(word->text, "dns"))) {
		diag_error(scope->diags, "bad-target", word->span, "`%s` cannot be in a list", word->text);
		return false;
	} else if (!parse_plain(scope, word, &target, &ok)) {
		struct policy_group *group = rule_find_group(scope, word->text);
		return group ? add_group(scope, word, group, out) : report_bare(scope, word);
	} else if (!ok) {
		return false;
	}
	*arena_push(scope->arena, out) = target;
	return true;
}
