/* Everything of a policy that is no rule: defaults, profiles, nameservers, rebind protection, limits,
 * published ports. Options and imports set them through the same functions. */
#include "policy/resolve_help.h"
#include "policy/words.h"
#include "base/units.h"

#include <inttypes.h>
#include <string.h>

enum { NAMESERVER_MAX = 64, CONNECTIONS_MAX = 1000000 };

bool resolver_parse_action(const char *word, enum policy_action *out)
{
	if (!word || (strcmp(word, "allow") != 0 && strcmp(word, "deny") != 0))
		return false;
	*out = word[0] == 'a' ? POLICY_ALLOW : POLICY_DENY;
	return true;
}

/* ---- defaults ---- */

void resolver_set_default(struct resolver *r, enum policy_direction direction, enum policy_action action,
			  struct span span)
{
	bool egress = direction == POLICY_EGRESS;
	const char *what = egress ? "`default egress`" : "`default ingress`";

	if (!resolver_set_once(r, egress ? SETTING_EGRESS : SETTING_INGRESS, span, what, policy_action_name(action)))
		return;
	struct policy_default *target = egress ? &r->policy->egress : &r->policy->ingress;
	if (target->text)
		return;
	target->action = action;
	target->span = span;
	target->text =
		arena_printf(r->arena, "default %s %s", policy_direction_name(direction), policy_action_name(action));
}

static void apply_default(struct resolver *r, const struct ast_statement *statement)
{
	static const char *const directions[] = { "egress", "ingress", "any", NULL };
	static const char *const actions[] = { "allow", "deny", NULL };
	const struct ast_word *direction = &statement->words.items[0], *action = &statement->words.items[1];
	bool any = !strcmp(direction->text, "any");
	enum policy_action value;

	if (!any && strcmp(direction->text, "egress") != 0 && strcmp(direction->text, "ingress") != 0) {
		resolver_suggest_word(r,
				      diag_error(r->diags, "bad-direction", direction->span, "no such direction: `%s`",
						 direction->text),
				      MISTAKE_DIRECTION, direction, directions);
		return;
	}
	if (!resolver_parse_action(action->text, &value)) {
		resolver_suggest_word(
			r, diag_error(r->diags, "bad-action", action->span, "no such action: `%s`", action->text),
			MISTAKE_ACTION, action, actions);
		return;
	}
	if (any || direction->text[0] == 'e')
		resolver_set_default(r, POLICY_EGRESS, value, statement->span);
	if (any || direction->text[0] == 'i')
		resolver_set_default(r, POLICY_INGRESS, value, statement->span);
}

/* ---- profiles ---- */

const char *const resolve_profile_words[] = { "public", "private", "host", "all", "none", NULL };

static void set_terminal_profile(struct resolver *r, struct span span, bool all)
{
	struct profiles *profiles = &r->profiles;
	int kind = all ? PROFILES_ALL : PROFILES_NOTHING;

	if (profiles->kind == PROFILES_NONE) {
		profiles->kind = kind;
		profiles->first = span;
		return;
	}
	const char *word = all ? "all" : "none";
	struct diag *diag = (int)profiles->kind == kind ?
				    diag_error(r->diags, "duplicate-terminal", span, "`%s` is given twice", word) :
			    profiles->kind == PROFILES_SOME ? diag_error(r->diags, "terminal-with-profile", span,
									 "`%s` cannot be combined with others", word) :
							      diag_error(r->diags, "terminal-conflict", span,
									 "`all` and `none` exclude each other");
	diag_relate(r->diags, diag, profiles->first, "the other is here");
}

void resolver_add_profile(struct resolver *r, struct span span, const char *name)
{
	struct profiles *profiles = &r->profiles;
	size_t index = 0;

	while (resolve_profile_words[index] && strcmp(resolve_profile_words[index], name) != 0)
		index++;
	if (!*name) {
		diag_error(r->diags, "empty-profile", span, "a profile is missing");
	} else if (!resolve_profile_words[index]) {
		const char *label = rule_did_you_mean(r->arena, diag_nearest(name, resolve_profile_words));
		diag_error(r->diags, "unknown-profile", span, "no such profile: `%s`", name)->label =
			label ? label : "public, private, host, or all or none alone";
	} else if (index >= 3) {
		set_terminal_profile(r, span, index == 3);
	} else if (profiles->kind > PROFILES_SOME) {
		diag_relate(r->diags,
			    diag_error(r->diags, "terminal-with-profile", span, "`%s` is combined with `%s`", name,
				       profiles->kind == PROFILES_ALL ? "all" : "none"),
			    profiles->first, "which cannot be combined with others");
	} else if (!profiles->has[index]) {
		if (profiles->kind == PROFILES_NONE)
			profiles->first = span;
		profiles->kind = PROFILES_SOME;
		profiles->has[index] = true;
		profiles->spans[index] = span;
	}
}

/* ---- DNS ---- */

void resolver_set_timeout(struct resolver *r, struct span span, uint64_t ms)
{
	if (resolver_set_once(r, SETTING_TIMEOUT, span, "the DNS timeout", arena_printf(r->arena, "%" PRIu64, ms)))
		r->policy->dns_timeout_ms = ms;
}

void resolver_set_rebind(struct resolver *r, struct span span, bool on)
{
	if (resolver_set_once(r, SETTING_REBIND, span, "rebind protection", on ? "on" : "off"))
		r->policy->rebind_protection = on;
}

void resolver_set_ech(struct resolver *r, struct span span, bool deny)
{
	if (resolver_set_once(r, SETTING_ECH_ANSWERS, span, "what becomes of ECH", deny ? "deny" : "allow"))
		r->policy->deny_ech = deny;
}

void resolver_set_binding_minimum_ms(struct resolver *r, struct span span, uint64_t ms)
{
	if (ms > POLICY_BINDING_MAXIMUM_MS)
		diag_error(r->diags, "bad-duration", span, "no binding holds longer than a day")->label =
			"like 60s; 0 is exactly the TTL";
	else if (resolver_set_once(r, SETTING_BINDING_MINIMUM, span, "how long a binding holds",
				   arena_printf(r->arena, "%" PRIu64, ms)))
		r->policy->binding_minimum_ms = ms;
}

void resolver_set_binding_minimum(struct resolver *r, struct span span, const char *text)
{
	uint64_t ms = 0;

	if (!strcmp(text, "0") || units_duration_ms(text, &ms))
		resolver_set_binding_minimum_ms(r, span, ms);
	else
		diag_error(r->diags, "bad-duration", span, "no duration: `%s`", text)->label =
			"like 60s; 0 is exactly the TTL";
}

void resolver_set_ech_answers(struct resolver *r, struct span span, const char *word)
{
	bool strip = !strcmp(word, "strip");

	if (!strip && strcmp(word, "keep") != 0)
		diag_error(r->diags, "bad-setting", span, "neither strip nor keep: `%s`", word);
	else if (resolver_set_once(r, SETTING_ECH_ANSWERS, span, "what becomes of ECH in answers", word))
		r->policy->ech_answers = strip ? POLICY_ECH_STRIP : POLICY_ECH_KEEP;
}

void resolver_add_nameserver(struct resolver *r, struct span span, const char *spec)
{
	struct policy_nameserver server;

	if (!resolve_nameserver(r->arena, r->diags, span, spec, &server))
		return;
	if (r->policy->nameservers.count == NAMESERVER_MAX) {
		diag_error(r->diags, "too-complex", span, "more than %d nameservers", NAMESERVER_MAX);
		return;
	}
	*arena_push(r->arena, &r->policy->nameservers) = server;
}

void resolver_add_nat64(struct resolver *r, struct span span, const char *text)
{
	struct addr_nat64 *nat64 = &r->policy->nat64;
	struct addr_prefix prefix;
	const char *why;

	if (!addr_prefix_parse(text, &prefix) || !strchr(text, '/')) {
		diag_error(r->diags, "bad-nat-prefix", span, "no IPv6 network: `%s`", text)->help =
			"like 2001:db8:64::/96";
		return;
	}
	size_t before = nat64->count;
	why = addr_nat64_add(nat64, prefix);
	if (why)
		diag_error(r->diags, "bad-nat-prefix", span, "no NAT64 prefix: `%s`: %s", text, why);
	else if (nat64->count > before)
		r->nat64[before] = span;
}

static void apply_dns_timeout(struct resolver *r, const struct ast_word *word)
{
	uint64_t ms;

	if (units_duration_ms(word->text, &ms))
		resolver_set_timeout(r, word->span, ms);
	else
		diag_error(r->diags, "bad-duration", word->span, "no duration: `%s`", word->text)->label =
			"like 500ms, 3s or 1m";
}

const char *const resolve_dns_words[] = {
	"nameserver", "timeout", "rebind-protection", "binding-minimum", "nat64-prefix", "ech", NULL
};

static void apply_dns(struct resolver *r, const struct ast_statement *statement)
{
	const struct ast_word *words = statement->words.items;
	size_t count = statement->words.count;

	if (!strcmp(words[0].text, "nameserver")) {
		for (size_t i = 1; i < count; i++)
			resolver_add_nameserver(r, words[i].span, words[i].text);
	} else if (!strcmp(words[0].text, "nat64-prefix")) {
		for (size_t i = 1; i < count; i++)
			resolver_add_nat64(r, words[i].span, words[i].text);
	} else if (!strcmp(words[0].text, "timeout") && count == 2) {
		apply_dns_timeout(r, &words[1]);
	} else if (!strcmp(words[0].text, "binding-minimum") && count == 2) {
		resolver_set_binding_minimum(r, words[1].span, words[1].text);
	} else if (!strcmp(words[0].text, "ech") && count == 2) {
		resolver_set_ech_answers(r, words[1].span, words[1].text);
	} else if (!strcmp(words[0].text, "rebind-protection") && count == 2) {
		bool on = !strcmp(words[1].text, "on");
		if (on || !strcmp(words[1].text, "off"))
			resolver_set_rebind(r, statement->span, on);
		else
			diag_error(r->diags, "bad-setting", words[1].span, "neither on nor off: `%s`", words[1].text);
	} else if (!strcmp(words[0].text, "timeout") || !strcmp(words[0].text, "rebind-protection") ||
		   !strcmp(words[0].text, "binding-minimum") || !strcmp(words[0].text, "ech")) {
		diag_error(r->diags, "bad-setting", words[2].span, "`dns %s` takes one value", words[0].text);
	} else {
		resolver_suggest_dns(
			r,
			diag_error(r->diags, "bad-setting", words[0].span, "no such setting: `dns %s`", words[0].text),
			statement, resolve_dns_words);
	}
}

/* ---- TLS ---- */

const char *const resolve_tls_words[] = { "ech", NULL };

static void apply_tls(struct resolver *r, const struct ast_statement *statement)
{
	const struct ast_word *words = statement->words.items;
	enum policy_action action;

	if (strcmp(words[0].text, "ech") != 0)
		diag_error(r->diags, "bad-setting", words[0].span, "no such setting: `tls %s`", words[0].text)->help =
			"tls ech deny";
	else if (statement->words.count != 2)
		diag_error(r->diags, "bad-setting", words[statement->words.count - 1].span, "`tls ech` takes one value")
			->help = "tls ech deny";
	else if (!resolver_parse_action(words[1].text, &action))
		diag_error(r->diags, "bad-setting", words[1].span, "neither allow nor deny: `%s`", words[1].text);
	else
		resolver_set_ech(r, statement->span, action == POLICY_DENY);
}

/* ---- limits ---- */

static struct policy_limit *limit_of(struct policy *policy, enum setting setting)
{
	switch (setting) {
	case SETTING_EGRESS_BANDWIDTH:
		return &policy->egress_bandwidth;
	case SETTING_EGRESS_OPS:
		return &policy->egress_ops;
	case SETTING_INGRESS_BANDWIDTH:
		return &policy->ingress_bandwidth;
	case SETTING_EGRESS_BYTES:
		return &policy->egress_bytes;
	case SETTING_INGRESS_BYTES:
		return &policy->ingress_bytes;
	default:
		return &policy->ingress_ops;
	}
}

/* How many bytes may pass in all. 0 would be no limit to who reads it so, and no byte to who does not. */
static void set_quota(struct resolver *r, enum setting setting, struct span span, const char *size)
{
	struct policy_limit limit = { .span = span };

	if (!units_size(size, &limit.size) || !limit.size || limit.size > INT64_MAX)
		diag_error(r->diags, "bad-limit", span, "no size: `%s`", size)->label = "like 500M or 1G";
	else if (resolver_set_once(r, setting, span, "this limit", arena_printf(r->arena, "%" PRIu64, limit.size)))
		*limit_of(r->policy, setting) = limit;
}

void resolver_set_limit(struct resolver *r, enum setting setting, struct span span, const char *rate, const char *burst)
{
	struct policy_limit limit = { .span = span };

	if (setting >= SETTING_DNS_LABEL && setting <= SETTING_DNS_RATE) {
		resolver_set_dns_limit(r, setting, span, rate, burst);
		return;
	}
	if (setting == SETTING_EGRESS_BYTES || setting == SETTING_INGRESS_BYTES) {
		set_quota(r, setting, span, rate);
		return;
	}
	if (!units_rate(r->arena, rate, &limit.size, &limit.refill_ms)) {
		diag_error(r->diags, "bad-limit", span, "no rate: `%s`", rate)->label = "like 1M/1s or 1000/1s";
		return;
	}
	if (burst && !units_size(burst, &limit.burst)) {
		diag_error(r->diags, "bad-limit", span, "no size: `%s`", burst)->label = "like 512K";
		return;
	}
	const char *value =
		arena_printf(r->arena, "%" PRIu64 "/%" PRIu64 "+%" PRIu64, limit.size, limit.refill_ms, limit.burst);
	if (resolver_set_once(r, setting, span, "this limit", value))
		*limit_of(r->policy, setting) = limit;
}

static void apply_limit(struct resolver *r, const struct ast_statement *statement)
{
	const struct ast_word *words = statement->words.items;
	size_t count = statement->words.count;
	bool egress = !strcmp(words[0].text, "egress"), bandwidth = count > 1 && !strcmp(words[1].text, "bandwidth");
	bool bytes = count > 1 && !strcmp(words[1].text, "bytes");

	if (!strcmp(words[0].text, "dns")) {
		resolver_apply_dns_limit(r, statement);
	} else if (!egress && strcmp(words[0].text, "ingress") != 0) {
		diag_error(r->diags, "bad-limit", words[0].span, "no such limit: `%s`", words[0].text)->label =
			"`egress`, `ingress` or `dns`";
	} else if (count > 1 && !bandwidth && !bytes && strcmp(words[1].text, "ops") != 0) {
		diag_error(r->diags, "bad-limit", words[1].span, "no such limit: `%s`", words[1].text)->label =
			"`bandwidth`, `ops` or `bytes`";
	} else if (bytes && count != 3) {
		diag_error(r->diags, "bad-limit", statement->span, "a limit of bytes has a size")->help =
			"limit egress bytes 1G";
	} else if (bytes) {
		resolver_set_limit(r, egress ? SETTING_EGRESS_BYTES : SETTING_INGRESS_BYTES, statement->span,
				   words[2].text, NULL);
	} else if ((count != 3 && count != 5) || (count == 5 && strcmp(words[3].text, "burst") != 0)) {
		diag_error(r->diags, "bad-limit", statement->span, "a limit has a rate, and perhaps a burst")->help =
			"limit egress bandwidth 1M/1s burst 512K";
	} else {
		enum setting setting = egress ? (bandwidth ? SETTING_EGRESS_BANDWIDTH : SETTING_EGRESS_OPS) :
						(bandwidth ? SETTING_INGRESS_BANDWIDTH : SETTING_INGRESS_OPS);
		resolver_set_limit(r, setting, statement->span, words[2].text, count == 5 ? words[4].text : NULL);
	}
}

/* ---- published ports ---- */

static void add_port(struct resolver *r, const struct policy_publish *publish)
{
	struct span span = publish->span;

	for (size_t i = 0; publish->host_port && i < r->policy->publishes.count; i++) {
		const struct policy_publish *other = &r->policy->publishes.items[i];
		if (other->host_port != publish->host_port || other->proto != publish->proto ||
		    !addr_equal(other->bind, publish->bind))
			continue;
		if (other->guest_port != publish->guest_port)
			diag_relate(r->diags,
				    diag_error(r->diags, "conflict", span, "port %u of the host is published twice",
					       publish->host_port),
				    other->span, "first published here");
		return;
	}
	*arena_push(r->arena, &r->policy->publishes) = *publish;
}

void resolver_add_publish(struct resolver *r, struct span span, const char *spec)
{
	struct policy_publish publish;
	uint16_t count;

	if (!resolve_publish(r->diags, span, spec, &publish, &count))
		return;
	if (r->policy->publishes.count + count > POLICY_PUBLISH_MAX) {
		diag_error(r->diags, "too-complex", span, "more than %d published ports", POLICY_PUBLISH_MAX);
		return;
	}
	for (; count; count--, publish.host_port++, publish.guest_port++)
		add_port(r, &publish);
}

/* ---- addresses and connections: options and imports only ---- */

/* A pool holds at least one sandbox's subnet: a /30, a /64 */
void resolver_set_pool(struct resolver *r, struct span span, enum addr_family family, const char *text)
{
	uint8_t longest = family == ADDR_V4 ? 30 : 64;
	struct policy_pool *pool = family == ADDR_V4 ? &r->policy->pool4 : &r->policy->pool6;
	struct addr_prefix prefix;

	if (!text)
		return;
	if (!addr_prefix_parse(text, &prefix) || prefix.addr.family != family) {
		diag_error(r->diags, "bad-pool", span, "no IPv%d network: `%s`", family, text);
	} else if (prefix.len > longest) {
		diag_error(r->diags, "pool-too-small", span, "`%s` holds no /%u", text, longest);
	} else {
		prefix.addr.value = addr_prefix_range(prefix).lo;
		*pool = (struct policy_pool){ true, prefix, span };
	}
}

void resolver_set_accept_queue(struct resolver *r, struct span span, uint64_t size)
{
	if (size >= 1 && size <= INT32_MAX)
		r->policy->accept_queue = (uint32_t)size;
	else
		diag_error(r->diags, "bad-number", span, "a queue holds from 1 to %d connections, not %" PRIu64,
			   INT32_MAX, size);
}

/* The command line before a file, an option of its own before the one for all */
static void set_bound(struct policy_bound *bound, struct policy_bound now)
{
	if (now.by_flag != bound->by_flag ? now.by_flag : now.specific >= bound->specific)
		*bound = now;
}

void resolver_set_bound(struct resolver *r, enum options_bound which, struct span span, uint64_t count)
{
	struct policy_bound bound = {
		.most = (uint32_t)count,
		.given = true,
		.specific = which != BOUND_CONNECTIONS,
		.by_flag = sources_get(r->diags->sources, span.source)->kind == SOURCE_FLAG,
		.span = span,
	};

	if (count > CONNECTIONS_MAX) {
		diag_error(r->diags, "max-connections", span, "at most %d, or 0 for no bound, not %" PRIu64,
			   CONNECTIONS_MAX, count);
		return;
	}
	if (which == BOUND_CONNECTIONS || which == BOUND_TCP)
		set_bound(&r->policy->max_tcp, bound);
	if (which == BOUND_CONNECTIONS || which == BOUND_UDP)
		set_bound(&r->policy->max_udp, bound);
	if (which == BOUND_RATE)
		set_bound(&r->policy->connection_rate, bound);
}

void resolver_apply_settings(struct resolver *r)
{
	for (size_t i = 0; i < r->statements.count; i++) {
		const struct ast_statement *statement = r->statements.items[i];
		if (statement->kind == AST_DEFAULT)
			apply_default(r, statement);
		else if (statement->kind == AST_DNS)
			apply_dns(r, statement);
		else if (statement->kind == AST_TLS)
			apply_tls(r, statement);
		else if (statement->kind == AST_LIMIT)
			apply_limit(r, statement);
		else if (statement->kind == AST_PUBLISH)
			resolver_add_publish(r, statement->words.items[0].span, statement->words.items[0].text);
		else if (statement->kind == AST_PROFILE)
			for (size_t k = 0; k < statement->words.count; k++)
				resolver_add_profile(r, statement->words.items[k].span, statement->words.items[k].text);
	}
}
