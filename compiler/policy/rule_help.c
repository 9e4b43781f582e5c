/* Errors in a rule's token that are known mistakes: what to write instead. The words are in syntax/mistakes.def;
 * here are the shapes, like "443/tcp" and "80,443". */
#include "policy/rule_help.h"
#include "base/text.h"
#include "base/units.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *rule_did_you_mean(struct arena *arena, const char *suggestion)
{
	return suggestion ? arena_printf(arena, "did you mean `%s`?", suggestion) : NULL;
}

const char *rule_mend(const struct rule_scope *scope, struct span part, const char *replacement)
{
	if (!scope->rule || part.source != scope->rule->span.source)
		return NULL;
	struct span before = scope->rule->span, after = before;
	before.end = part.start;
	after.start = part.end;
	return arena_printf(scope->arena, "%s%s%s", span_text(scope->arena, scope->diags->sources, before), replacement,
			    span_text(scope->arena, scope->diags->sources, after));
}

void rule_suggest(const struct rule_scope *scope, struct diag *diag, struct span part, const char *replacement)
{
	diag->help = rule_mend(scope, part, replacement);
	if (!diag->help)
		diag->help = arena_printf(scope->arena, "write `%s`", replacement);
	if (scope->rule || scope->groups) /* an imported value stands in quotes, perhaps, and is no text of ours */
		diag_edit(scope->diags, diag, part, replacement);
}

static bool explain(const struct rule_scope *scope, struct diag *diag, const struct mistake *mistake, struct span span)
{
	if (!mistake)
		return false;
	if (mistake->why)
		diag->label = mistake->why;
	if (mistake->why && mistake->meant) {
		rule_suggest(scope, diag, span, mistake->meant);
	} else if (mistake->meant) { /* the label says it all */
		diag_did_you_mean(scope->diags, diag, span, mistake->meant);
	}
	return true;
}

bool rule_explain(const struct rule_scope *scope, struct diag *diag, enum mistake_place place,
		  const struct ast_word *word)
{
	return explain(scope, diag, mistake_find(place, word->text), word->span);
}

/* ---- before the "@" ---- */

static const char *action_meant(const char *word)
{
	const struct mistake *mistake = mistake_find(MISTAKE_ACTION, word);

	return mistake ? mistake->meant : NULL;
}

bool rule_explain_action(const struct rule_scope *scope, struct diag *diag)
{
	const struct ast_word *word = &scope->rule->action;
	size_t len = strcspn(word->text, " \t");
	const char *action = action_meant(arena_strndup(scope->arena, word->text, len));
	const char *second = word->text + len + strspn(word->text + len, " \t");
	size_t second_len = strcspn(second, " \t");

	if (!action || !word->text[len])
		return rule_explain(scope, diag, MISTAKE_ACTION, word);
	if (!*second) {
		diag_did_you_mean(scope->diags, diag, word->span, action);
		return true;
	}
	const char *direction = arena_strndup(scope->arena, second, second_len);
	const struct mistake *mistake = mistake_find(MISTAKE_DIRECTION, direction);
	if (!mistake || second[second_len + strspn(second + second_len, " \t")] || scope->rule->direction.text)
		return false;
	diag->label = "a direction stands behind a colon";
	rule_suggest(scope, diag, word->span, arena_printf(scope->arena, "%s:%s", action, mistake->meant));
	return true;
}

/* ---- protocols ---- */

/* icmpv4 or icmpv6, as the one target's family is; both where it has none */
static const char *icmp_of(const struct rule_scope *scope)
{
	const struct ast_words *target = &scope->rule->target;
	struct addr_prefix prefix;

	if (target->count != 1 || target->braced || !target->items[0].text ||
	    !addr_prefix_parse(target->items[0].text, &prefix))
		return scope->rule->proto.braced ? "icmpv4,icmpv6" : "{icmpv4,icmpv6}";
	return prefix.addr.family == ADDR_V4 ? "icmpv4" : "icmpv6";
}

static bool is_transport(const char *word)
{
	return !strcmp(word, "tcp") || !strcmp(word, "udp");
}

/* "udp/53", "443/tcp", "53/udp" */
static const char *slashed(struct arena *arena, const char *text)
{
	const char *slash = strchr(text, '/');
	uint16_t port;

	if (!slash)
		return NULL;
	const char *before = arena_strndup(arena, text, (size_t)(slash - text)), *after = slash + 1;
	if (is_transport(before) && units_port(after, strlen(after), false, &port))
		return arena_printf(arena, "%s:%s", before, after);
	if (is_transport(after) && units_port(before, strlen(before), false, &port))
		return arena_printf(arena, "%s:%s", after, before);
	return NULL;
}

/* The text for a protocol's place: of "tcp:443" the protocol alone where ports follow or a list is around it */
static void offer_proto(const struct rule_scope *scope, struct diag *diag, struct span span, const char *meant)
{
	bool alone = scope->rule->ports.present || scope->rule->proto.braced;

	rule_suggest(scope, diag, span, alone ? arena_strndup(scope->arena, meant, strcspn(meant, ":")) : meant);
}

bool rule_explain_proto(const struct rule_scope *scope, struct diag *diag, const struct ast_word *word)
{
	const struct mistake *mistake = mistake_find(MISTAKE_PROTO, word->text);
	const struct service *service = mistake_service(word->text);
	const char *meant = mistake ? mistake->meant : slashed(scope->arena, word->text);

	if (rule_explain_semicolon(scope, diag, word))
		return true;
	if (!strcasecmp(word->text, "icmp")) {
		diag->label = "ICMP has a protocol for each family";
		rule_suggest(scope, diag, word->span, icmp_of(scope));
		return true;
	}
	if (!meant && !mistake && service)
		meant = arena_printf(scope->arena, "%s:%s", service->proto, service->port);
	if (mistake && mistake->why)
		diag->label = mistake->why;
	else if (meant)
		diag->label = rule_did_you_mean(scope->arena, arena_strndup(scope->arena, meant, strcspn(meant, ":")));
	if (meant)
		offer_proto(scope, diag, word->span, meant);
	return meant || mistake;
}

/* ---- ports ---- */

/* "80,443" in a file: a list without its braces */
static bool is_bare_list(const char *text)
{
	size_t len = strlen(text);

	return strchr(text, ',') && text[strspn(text, "0123456789,-")] == 0 && text[0] != ',' && text[len - 1] != ',' &&
	       !strstr(text, ",,");
}

/* "80–443", as word processors make it, with its dash, or NULL */
static const char *with_dash(struct arena *arena, const char *text)
{
	static const char *const dashes[] = { "–", "—", "‐", "‑", "−" };

	for (size_t i = 0; i < sizeof dashes / sizeof *dashes; i++) {
		const char *found = strstr(text, dashes[i]);
		if (found)
			return arena_printf(arena, "%.*s-%s", (int)(found - text), text, found + strlen(dashes[i]));
	}
	return NULL;
}

/* All services of the rule's ports as their numbers: one error shows the first alone */
static void suggest_numbers(const struct rule_scope *scope, struct diag *diag)
{
	const struct ast_words *ports = &scope->rule->ports;
	struct text text = { .arena = scope->arena };

	for (size_t i = 0; i < ports->count; i++) {
		const char *port = ports->items[i].text ? ports->items[i].text : "";
		const struct service *service = mistake_service(port);
		text_addf(&text, "%s%s", i ? "," : "", service ? service->port : port);
	}
	rule_suggest(scope, diag, ports->span,
		     arena_printf(scope->arena, ports->braced ? "{%s}" : "%s", text_get(&text)));
}

bool rule_explain_port(const struct rule_scope *scope, struct diag *diag, const struct ast_word *word)
{
	if (!word->text)
		return false;
	const char *text = word->text;
	const struct service *service = mistake_service(text);
	bool braced = scope->rule->ports.braced;
	size_t len = strlen(text);
	uint16_t port;

	if (!braced && rule_explain_semicolon(scope, diag, word)) {
		return true;
	} else if (service) {
		diag->label = "a port is written as its number";
		suggest_numbers(scope, diag);
	} else if (is_bare_list(text) && !braced) {
		diag->label = "a list is written in braces";
		rule_suggest(scope, diag, word->span, arena_printf(scope->arena, "{%s}", text));
	} else if (len > 1 && text[len - 1] == '-' && units_port(text, len - 1, false, &port)) {
		diag->label = "a range has two ends";
		rule_suggest(scope, diag, word->span, arena_printf(scope->arena, "%s65535", text));
	} else if (with_dash(scope->arena, text)) {
		diag->label = "a range of ports has the dash of ASCII";
		rule_suggest(scope, diag, word->span, with_dash(scope->arena, text));
	} else {
		return !braced && rule_explain(scope, diag, MISTAKE_PORT, word);
	}
	return true;
}

bool rule_explain_trailing(const struct rule_scope *scope, struct diag *diag)
{
	const struct ast_words *ports = &scope->rule->ports;
	const char *text = span_text(scope->arena, scope->diags->sources, scope->rule->trailing);
	struct span both = { ports->span.source, ports->span.start, scope->rule->trailing.end };
	uint16_t low, high;

	if (ports->braced || ports->count != 1 || !ports->items[0].text || text[0] != ':' ||
	    !units_port(ports->items[0].text, strlen(ports->items[0].text), false, &low) ||
	    !units_port(text + 1, strlen(text + 1), false, &high) || low > high)
		return false;
	diag->label = "a range of ports has a dash";
	rule_suggest(scope, diag, both, arena_printf(scope->arena, "%u-%u", low, high));
	return true;
}

/* ---- targets ---- */

bool rule_explain_range(const struct rule_scope *scope, struct diag *diag, const struct ast_word *word)
{
	enum { PREFIXES_MAX = 254, OFFERED_MAX = 16 };
	const char *dash = strchr(word->text, '-');
	struct addr_prefix prefixes[PREFIXES_MAX];
	struct addr low, high;

	const char *dot = dash ? memrchr(word->text, '.', (size_t)(dash - word->text)) : NULL;
	const char *end = dash ? dash + 1 : "";
	if (dot && !strchr(end, '.')) /* "10.0.0.1-9" */
		end = arena_printf(scope->arena, "%.*s%s", (int)(dot + 1 - word->text), word->text, end);
	if (!dash || !addr_parse(arena_strndup(scope->arena, word->text, (size_t)(dash - word->text)), &low) ||
	    !addr_parse(end, &high) || low.family != ADDR_V4 || high.family != ADDR_V4 || low.value > high.value)
		return false;
	size_t count = addr_range_prefixes(low.family, (struct addr_range){ low.value, high.value }, prefixes);
	diag->label = "a range of addresses is written as networks";
	if (count > OFFERED_MAX)
		return true;
	bool braces = count > 1 && scope->rule && !scope->rule->target.braced;
	struct text text = { .arena = scope->arena };
	for (size_t i = 0; i < count; i++) {
		char address[ADDR_TEXT_MAX];
		text_addf(&text, "%s%s", i ? ", " : "", addr_format(prefixes[i].addr, address));
		if (prefixes[i].len < 32)
			text_addf(&text, "/%u", prefixes[i].len);
	}
	const char *list = text_get(&text);
	rule_suggest(scope, diag, word->span, braces ? arena_printf(scope->arena, "{%s}", list) : list);
	return true;
}

/* The next of an address's numbers, and *text behind it and its dot */
static bool take_octet(const char **text, unsigned *out)
{
	size_t digits = strspn(*text, "0123456789");

	if (!digits || digits > 3 || ((*text)[0] == '0' && digits > 1))
		return false;
	*out = 0;
	for (size_t i = 0; i < digits; i++)
		*out = *out * 10 + (unsigned)((*text)[i] - '0');
	*text += digits;
	*text += **text == '.' && (*text)[1];
	return *out < 256;
}

/* "10.0.0.*", "10.x.x.x", "10/8", "192.168.1/24": the network with all its numbers; NULL: none of these */
static const char *network_meant(struct arena *arena, const char *text)
{
	unsigned octets[4] = { 0 }, count = 0, len;
	struct addr_prefix prefix;

	while (count < 4 && take_octet(&text, &octets[count]))
		count++;
	if (!count || count == 4)
		return NULL;
	len = 8 * count;
	if (*text == '/' && text[1] && strlen(text) < 4 && !text[1 + strspn(text + 1, "0123456789")])
		len = (unsigned)atoi(text + 1);
	else if (!*text || !strchr("*xX", *text) || text[strspn(text, ".*xX")] || text[strcspn(text, ".")] != text[1])
		return NULL;
	const char *meant = arena_printf(arena, "%u.%u.%u.%u/%u", octets[0], octets[1], octets[2], octets[3], len);
	return addr_prefix_parse(meant, &prefix) ? meant : NULL;
}

bool rule_explain_network(const struct rule_scope *scope, struct diag *diag, const struct ast_word *word)
{
	const char *meant = network_meant(scope->arena, word->text);

	if (!meant)
		return false;
	diag->label = "a network is a whole address and the number of its bits";
	rule_suggest(scope, diag, word->span, meant);
	return true;
}

bool rule_is_network(const char *text)
{
	const char *last = strrchr(text, '.');

	if (text[0] < '0' || text[0] > '9' || !last)
		return false;
	return !text[strspn(text, "0123456789.*-")] ||
	       (!strcasecmp(last, ".x") && !text[strspn(text, "0123456789.xX")]);
}

bool rule_explain_not(const struct rule_scope *scope, struct diag *diag, const struct ast_word *word)
{
	if (word->text[0] != '!' || !word->text[1])
		return false;
	diag->label = "no target says `not`: a rule above this one takes it out";
	if (scope->rule && scope->rule->action.text && !strcmp(scope->rule->action.text, "allow"))
		diag->help = arena_printf(scope->arena, "deny@%s", word->text + 1);
	return true;
}

bool rule_explain_url(const struct rule_scope *scope, struct diag *diag, const struct ast_word *word)
{
	const struct service *service = mistake_service(word->text);

	if (!service || !scope->rule || scope->rule->target.braced)
		return false;
	struct span url = { word->span.source, word->span.start, scope->rule->span.end };
	const char *text = span_text(scope->arena, scope->diags->sources, url) + strlen(word->text);
	if (strncmp(text, "://", 3) != 0)
		return false;
	const char *host = text + 3, *user = host + strcspn(host, "@:/?#");
	host = *user == '@' ? user + 1 : host;
	const char *behind = host + strcspn(host, ":/?#");
	size_t digits = *behind == ':' ? strspn(behind + 1, "0123456789") : 0;
	uint16_t port;
	bool has_port = digits && units_port(behind + 1, digits, false, &port);
	if (behind == host || (size_t)(behind - host) != strcspn(host, ":/?#@[]{}, \t") ||
	    (*behind == ':' && !has_port))
		return false;
	diag->label = "a rule names the host and the port, no URL; paths are not seen on the wire";
	const char *name = arena_strndup(scope->arena, host, (size_t)(behind - host));
	const char *number = has_port ? arena_printf(scope->arena, "%u", port) : service->port;
	bool deny = scope->rule->action.text && !strcmp(scope->rule->action.text, "deny"); /* of all ports: no less */
	rule_suggest(scope, diag, url, deny ? name : arena_printf(scope->arena, "%s:tcp:%s", name, number));
	return true;
}

bool rule_explain_semicolon(const struct rule_scope *scope, struct diag *diag, const struct ast_word *word)
{
	size_t len = strlen(word->text);

	if (len < 2 || word->text[len - 1] != ';' || word->span.end - word->span.start != len)
		return false;
	diag->label = "nothing ends a rule but its line";
	rule_suggest(scope, diag, word->span, arena_strndup(scope->arena, word->text, len - 1));
	return true;
}

bool rule_group_is_broken(const struct rule_scope *scope, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < scope->diags->list.count; i++) {
		const struct diag *diag = &scope->diags->list.items[i];
		if (diag->level != DIAG_ERROR || diag->span.source == SPAN_NO_SOURCE)
			continue;
		const char *line =
			span_text(scope->arena, scope->diags->sources, span_line(scope->diags->sources, diag->span));
		line += strspn(line, " \t");
		if (strncmp(line, "group", 5) != 0 || !strchr(" \t", line[5]))
			continue;
		line += 5 + strspn(line + 5, " \t");
		if (!strncmp(line, name, len) && strchr(" \t=:,\r", line[len]))
			return true;
	}
	return false;
}
