/* From options to a policy. Mistakes are found in the order in which microsandbox finds them: those of the
 * argument parser, ports, nameservers, rules, profiles, defaults, pools, limits; then the file. */
#include "policy/options.h"
#include "syntax/parse.h"
#include "policy/resolve_state.h"
#include "base/units.h"

#include <string.h>

enum { TARGETS_MAX = 1000000 };

/* The place of a flag: its value, or itself where it has none. Places sort by when they are made. */
static struct span add_flag(struct resolver *r, const char *name, const char *value)
{
	size_t len = strlen(value);
	uint32_t source = sources_add(r->diags->sources, SOURCE_FLAG, name, value, len);

	return (struct span){ source, 0, (uint32_t)len };
}

static const char *const bound_names[BOUND_COUNT] = {
	[BOUND_CONNECTIONS] = "--max-connections",
	[BOUND_TCP] = "--max-tcp-connections",
	[BOUND_UDP] = "--max-udp-connections",
	[BOUND_RATE] = "--max-connection-rate",
};

/* ---- mistakes of the argument parser ---- */

static void report_conflict(struct resolver *r, const char *a, const char *b)
{
	diag_error(r->diags, "conflict", add_flag(r, a, ""), "%s cannot be combined with %s", a, b);
}

static void check_conflicts(struct resolver *r, const struct policy_options *options, const char *file)
{
	const struct {
		const char *name;
		bool given;
	} flags[] = {
		{ "--net", options->nets.count > 0 },
		{ "--no-net", options->no_net },
		{ "--net-default", options->net_default != NULL },
		{ "--net-default-egress", options->net_default_egress != NULL },
		{ "--net-default-ingress", options->net_default_ingress != NULL },
	};
	const size_t count = sizeof flags / sizeof *flags;

	for (size_t i = 0; i < count; i++) {
		if (flags[i].given && file)
			report_conflict(r, flags[i].name, "a policy file");
		for (size_t j = i + 1; j < count; j++)
			/* the two directions' defaults are the one pair that goes together */
			if (flags[i].given && flags[j].given && !(i == 3 && j == 4))
				report_conflict(r, flags[i].name, flags[j].name);
	}
}

static void check_values(struct resolver *r, const struct policy_options *options)
{
	uint64_t number;
	struct date date;

	for (size_t i = 0; i < options->repeated.count; i++)
		diag_error(r->diags, "repeated-flag", add_flag(r, options->repeated.items[i], ""),
			   "%s may be given once", options->repeated.items[i]);
	for (size_t i = 0; i < options->unsupported.count; i++)
		diag_error(r->diags, "not-yet", add_flag(r, options->unsupported.items[i], ""),
			   "%s is known and not yet supported", options->unsupported.items[i]);
	if (options->query_timeout && !units_number(options->query_timeout, &number))
		diag_error(r->diags, "bad-number", add_flag(r, "--dns-query-timeout-ms", options->query_timeout),
			   "no number of milliseconds: `%s`", options->query_timeout);
	if (options->mtu && !units_number(options->mtu, &number))
		diag_error(r->diags, "bad-number", add_flag(r, "--net-mtu", options->mtu), "no number: `%s`",
			   options->mtu);
	for (size_t i = 0; i < BOUND_COUNT; i++)
		if (options->bounds[i] && !units_number(options->bounds[i], &number))
			diag_error(r->diags, "bad-number", add_flag(r, bound_names[i], options->bounds[i]),
				   "no number: `%s`", options->bounds[i]);
	if (options->accept_queue && !units_number(options->accept_queue, &number))
		diag_error(r->diags, "bad-number", add_flag(r, "--tcp-accept-queue-size", options->accept_queue),
			   "no number: `%s`", options->accept_queue);
	if (options->deployment_profile && strcmp(options->deployment_profile, "single-tenant") != 0 &&
	    strcmp(options->deployment_profile, "multi-tenant") != 0)
		diag_error(r->diags, "usage", add_flag(r, "--deployment-profile", options->deployment_profile),
			   "no such deployment profile: `%s`", options->deployment_profile)
			->label = "single-tenant or multi-tenant";
	if (options->today && !date_parse(options->today, &date))
		diag_error(r->diags, "usage", add_flag(r, "--today", options->today), "no date: `%s`", options->today)
			->label = "YYYY-MM-DD";
}

static const struct {
	const char *rate, *burst;
	enum setting setting;
} limits[] = {
	[LIMIT_EGRESS_BANDWIDTH] = { "--net-egress-bandwidth", "--net-egress-bandwidth-burst",
				     SETTING_EGRESS_BANDWIDTH },
	[LIMIT_EGRESS_OPS] = { "--net-egress-ops", "--net-egress-ops-burst", SETTING_EGRESS_OPS },
	[LIMIT_INGRESS_BANDWIDTH] = { "--net-ingress-bandwidth", "--net-ingress-bandwidth-burst",
				      SETTING_INGRESS_BANDWIDTH },
	[LIMIT_INGRESS_OPS] = { "--net-ingress-ops", "--net-ingress-ops-burst", SETTING_INGRESS_OPS },
	[LIMIT_EGRESS_BYTES] = { "--net-egress-bytes", NULL, SETTING_EGRESS_BYTES },
	[LIMIT_INGRESS_BYTES] = { "--net-ingress-bytes", NULL, SETTING_INGRESS_BYTES },
	[LIMIT_DNS_LABEL] = { "--dns-max-label", NULL, SETTING_DNS_LABEL },
	[LIMIT_DNS_NAMES] = { "--dns-max-names", NULL, SETTING_DNS_NAMES },
	[LIMIT_DNS_RATE] = { "--dns-max-rate", "--dns-max-rate-burst", SETTING_DNS_RATE },
};

static void check_bursts(struct resolver *r, const struct policy_options *options)
{
	for (size_t i = 0; i < LIMIT_COUNT; i++)
		if (options->bursts[i] && !options->rates[i])
			diag_error(r->diags, "usage", add_flag(r, limits[i].burst, options->bursts[i]), "%s needs %s",
				   limits[i].burst, limits[i].rate);
}

/* ---- the values, one stage after the other ---- */

static void take_ports_and_servers(struct resolver *r, const struct policy_options *options)
{
	for (size_t i = 0; i < options->publishes.count; i++)
		resolver_add_publish(r, add_flag(r, "-p", options->publishes.items[i]), options->publishes.items[i]);
	for (size_t i = 0; i < options->nameservers.count; i++)
		resolver_add_nameserver(r, add_flag(r, "--dns-nameserver", options->nameservers.items[i]),
					options->nameservers.items[i]);
	for (size_t i = 0; i < options->nat64_prefixes.count; i++)
		resolver_add_nat64(r, add_flag(r, "--net-nat64-prefix", options->nat64_prefixes.items[i]),
				   options->nat64_prefixes.items[i]);
	for (size_t i = 0; i < options->groups.count; i++)
		resolver_add_network_group(r, add_flag(r, "--net-group", options->groups.items[i]),
					   options->groups.items[i]);
	for (size_t i = 0; i < options->clusters.count; i++)
		resolver_add_cluster(r, add_flag(r, "--dns-cluster", options->clusters.items[i]),
				     options->clusters.items[i]);
	uint64_t ms;
	if (options->query_timeout && units_number(options->query_timeout, &ms))
		resolver_set_timeout(r, add_flag(r, "--dns-query-timeout-ms", options->query_timeout), ms);
	if (options->binding_minimum)
		resolver_set_binding_minimum(r, add_flag(r, "--dns-binding-minimum", options->binding_minimum),
					     options->binding_minimum);
	if (options->ech)
		resolver_set_ech_answers(r, add_flag(r, "--dns-ech", options->ech), options->ech);
	if (options->no_rebind_protection)
		resolver_set_rebind(r, add_flag(r, "--no-dns-rebind-protection", ""), false);
	if (options->deny_ech)
		resolver_set_ech(r, add_flag(r, "--deny-ech", ""), true);
	r->policy->server_names = !options->no_server_names;
	if (options->no_server_names)
		r->no_server_names = add_flag(r, "--no-server-names", "");
}

/* Parsed here, for the order of errors; their words wait for the file's groups */
static const struct ast_file **parse_rules(struct resolver *r, const struct policy_options *options)
{
	const struct ast_file **lists = arena_alloc(r->arena, (options->rules.count + 1) * sizeof *lists);

	for (size_t i = 0; i < options->rules.count; i++) {
		const char *text = options->rules.items[i];
		uint32_t source = sources_add(r->diags->sources, SOURCE_ARG, arena_printf(r->arena, "arg:%zu", i + 1),
					      text, strlen(text));
		lists[i] = parse_rule_list(r->diags, source);
	}
	return lists;
}

static void take_profiles(struct resolver *r, const struct policy_options *options)
{
	for (size_t i = 0; i < options->nets.count; i++) {
		const char *value = options->nets.items[i];
		struct span span = add_flag(r, "--net", value);
		for (size_t at = 0, len;; at += len + 1) {
			len = strcspn(value + at, ",");
			size_t start = at + strspn(value + at, " \t"), end = at + len;
			while (end > start && (value[end - 1] == ' ' || value[end - 1] == '\t'))
				end--;
			struct span word = { span.source, (uint32_t)start, (uint32_t)end };
			resolver_add_profile(r, word,
					     arena_strndup(r->arena, value + start, end > start ? end - start : 0));
			if (!value[at + len])
				break;
		}
	}
}

static void take_default(struct resolver *r, const char *name, const char *value, bool egress, bool ingress)
{
	enum policy_action action;

	if (!value)
		return;
	struct span span = add_flag(r, name, value);
	if (!resolver_parse_action(value, &action)) {
		diag_error(r->diags, "bad-default-action", span, "no such action: `%s`", value)->label =
			"`allow` or `deny`";
		return;
	}
	if (egress)
		resolver_set_default(r, POLICY_EGRESS, action, span);
	if (ingress)
		resolver_set_default(r, POLICY_INGRESS, action, span);
}

static void take_defaults(struct resolver *r, const struct policy_options *options)
{
	if (options->no_net) {
		struct span span = add_flag(r, "--no-net", "");
		resolver_set_default(r, POLICY_EGRESS, POLICY_DENY, span);
		resolver_set_default(r, POLICY_INGRESS, POLICY_DENY, span);
	}
	take_default(r, "--net-default", options->net_default, true, true);
	take_default(r, "--net-default-egress", options->net_default_egress, true, false);
	take_default(r, "--net-default-ingress", options->net_default_ingress, false, true);
}

static void take_interface(struct resolver *r, const struct policy_options *options)
{
	uint64_t number;

	if (options->mac)
		resolver_set_mac(r, add_flag(r, "--net-mac", options->mac), options->mac);
	if (options->mtu && units_number(options->mtu, &number))
		resolver_set_mtu(r, add_flag(r, "--net-mtu", options->mtu), number);
	if (options->address4)
		resolver_set_guest(r, add_flag(r, "--net-ipv4-address", options->address4), ADDR_V4, options->address4);
	if (options->address6)
		resolver_set_guest(r, add_flag(r, "--net-ipv6-address", options->address6), ADDR_V6, options->address6);
}

static void take_limits(struct resolver *r, const struct policy_options *options)
{
	uint64_t number;

	for (size_t i = 0; i < BOUND_COUNT; i++)
		if (options->bounds[i] && units_number(options->bounds[i], &number))
			resolver_set_bound(r, i, add_flag(r, bound_names[i], options->bounds[i]), number);
	if (options->accept_queue && units_number(options->accept_queue, &number))
		resolver_set_accept_queue(r, add_flag(r, "--tcp-accept-queue-size", options->accept_queue), number);
	for (size_t i = 0; i < LIMIT_COUNT; i++)
		if (options->rates[i])
			resolver_set_limit(r, limits[i].setting, add_flag(r, limits[i].rate, options->rates[i]),
					   options->rates[i], options->bursts[i]);
}

/* ---- all of it ---- */

static struct policy *new_policy(struct diags *diags, const char *file, const struct policy_options *options)
{
	struct policy *policy = arena_alloc(diags->arena, sizeof *policy);
	struct policy_options *made_from = arena_alloc(diags->arena, sizeof *made_from);

	*made_from = *options;
	*policy = (struct policy){
		.arena = diags->arena,
		.sources = diags->sources,
		.made_from = made_from,
		.file = file,
		.name = file ? file : "command line",
		.egress = { .span = SPAN_NONE },
		.ingress = { .span = SPAN_NONE, .action = POLICY_ALLOW },
		.dns_timeout_ms = 5000,
		.binding_minimum_ms = POLICY_BINDING_MINIMUM_MS,
		.rebind_protection = true,
		.server_names = true,
		.max_tcp = { .most = POLICY_CONNECTIONS, .span = SPAN_NONE },
		.max_udp = { .most = POLICY_CONNECTIONS, .span = SPAN_NONE },
		.connection_rate = { .most = POLICY_CONNECTION_RATE, .span = SPAN_NONE },
		.accept_queue = POLICY_ACCEPT_QUEUE,
		.is_floor = options->as_floor,
		.multi_tenant = options->deployment_profile && !strcmp(options->deployment_profile, "multi-tenant"),
	};
	return policy;
}

/* Grants, --net-rule rules, then the file's: an import has put its own into the policy while it was loaded */
static void take_rules(struct resolver *r, const struct policy_options *options, const struct ast_file **lists)
{
	struct policy_rule *imported = r->policy->rules.items;
	size_t imported_count = r->policy->rules.count;

	r->policy->rules.items = NULL;
	r->policy->rules.count = r->policy->rules.cap = 0;
	for (size_t i = 0; i < options->grants.count; i++)
		resolver_add_grant(r, options->grants.items[i].id, options->grants.items[i].rule);
	for (size_t i = 0; i < options->rules.count; i++)
		for (size_t k = 0; k < lists[i]->statements.count; k++)
			resolver_add_rule(r, lists[i]->statements.items[k].rule, ORIGIN_ARG);
	for (size_t i = 0; i < imported_count; i++)
		*arena_push(r->arena, &r->policy->rules) = imported[i];
	resolver_add_rules(r);
	resolver_place_cluster_names(r);
}

/* Who could load it as a policy could silence, by its first word, what is found about policies */
static void refuse_library(struct resolver *r, const struct policy_options *options)
{
	if (r->policy->is_library && !options->takes_library)
		diag_error(r->diags, "library-as-policy", r->policy->library,
			   "a library is no policy: it is for others to include")
			->help = "a policy of its own that includes this file, or without this line";
}

/* ---- floors ---- */

static bool is_import(const char *file)
{
	const char *dot = strrchr(file, '.');

	return dot && (!strcmp(dot, ".json") || !strcmp(dot, ".yaml") || !strcmp(dot, ".yml"));
}

/* Flags are the policy's: of them a floor sees the date alone. */
static struct policy *load_floor(struct resolver *r, const struct policy_options *options, const char *file)
{
	const struct policy_options own = { .arena = options->arena,
					    .today = options->floors_today ? options->floors_today : options->today,
					    .as_floor = true };
	struct policy *floor;
	size_t first = r->diags->sources->count;

	if (is_import(file)) {
		diag_error(r->diags, "floor", SPAN_NONE, "`%s` can be no floor: that is written in the policy language",
			   file);
		return NULL;
	}
	const struct source_texts *texts = r->diags->sources->texts;
	if (texts && texts->floors)
		r->diags->sources->texts = texts->floors;
	floor = options_resolve(&own, file, r->diags);
	r->diags->sources->texts = texts;
	floor->first_source = first;
	floor->source_count = r->diags->sources->count - first;
	return floor;
}

/* A NAT64 prefix is a fact about the network, and the operator's to say */
static void take_prefixes(struct resolver *r, const struct policy *floor)
{
	for (size_t i = 0; i < floor->nat64.count; i++)
		addr_nat64_add(&r->policy->nat64, floor->nat64.items[i]);
}

/* Of a multi-tenant host: the library's, which no installed file is needed for */
static void take_tenancy(struct resolver *r, const struct policy_options *options)
{
	static const char text[] =
#include "multi_tenant.inc"
		;
	const struct policy_options own = {
		.arena = options->arena, .text = text, .no_server_names = options->no_server_names, .as_floor = true
	};
	struct policy *floor;

	if (!r->policy->multi_tenant)
		return;
	floor = options_resolve(&own, "multi-tenant", r->diags);
	floor->is_tenancy = true;
	resolver_check_forbidden(r, floor);
	*arena_push(r->arena, &r->policy->floors) = floor;
}

static void take_floors(struct resolver *r, const struct policy_options *options)
{
	take_tenancy(r, options);
	for (size_t i = 0; i < options->floors.count; i++) {
		size_t errors = r->diags->errors;
		struct policy *floor;

		if (r->policy->floors.count == POLICY_FLOORS_MAX) {
			diag_error(r->diags, "too-complex", SPAN_NONE, "more than %d floors", POLICY_FLOORS_MAX);
			return;
		}
		floor = load_floor(r, options, options->floors.items[i]);
		if (r->diags->errors > errors)
			continue;
		resolver_check_forbidden(r, floor);
		floor->deny_ech = r->policy->deny_ech; /* which only closes */
		*arena_push(r->arena, &r->policy->floors) = floor;
	}
	for (size_t i = 0; i < r->policy->floors.count; i++)
		take_prefixes(r, r->policy->floors.items[i]);
}

static struct policy *resolve(struct arena *nodes, const struct policy_options *options, const char *file,
			      struct diags *diags)
{
	struct resolve_input input = { .file = file,
				       .text = options->text,
				       .stdin_name = options->stdin_name,
				       .include_root = options->include_root };
	struct resolver r = { .arena = diags->arena,
			      .nodes = nodes,
			      .diags = diags,
			      .input = &input,
			      .budget = TARGETS_MAX,
			      .policy = new_policy(diags, file, options) };
	size_t errors = diags->errors; /* of files before this one */

	check_conflicts(&r, options, file);
	check_values(&r, options);
	check_bursts(&r, options);
	if (diags->errors > errors)
		return r.policy;
	if (options->today)
		date_parse(options->today, &input.today);
	take_ports_and_servers(&r, options);
	const struct ast_file **lists = parse_rules(&r, options);
	take_profiles(&r, options);
	take_defaults(&r, options);
	if (options->pool4)
		resolver_set_pool(&r, add_flag(&r, "--net-ipv4-pool", options->pool4), ADDR_V4, options->pool4);
	if (options->pool6)
		resolver_set_pool(&r, add_flag(&r, "--net-ipv6-pool", options->pool6), ADDR_V6, options->pool6);
	take_interface(&r, options);
	take_limits(&r, options);
	if (file && !resolver_load(&r) && diags->errors == errors)
		return r.policy;
	refuse_library(&r, options);
	resolver_add_groups(&r);
	resolver_apply_settings(&r);
	take_rules(&r, options, lists);
	resolver_add_expects(&r);
	resolver_apply_forbids(&r);
	resolver_finish(&r);
	take_floors(&r, options);
	resolver_check_grants(&r);
	return r.policy;
}

struct policy *options_resolve(const struct policy_options *options, const char *file, struct diags *diags)
{
	struct arena *nodes = arena_new();
	struct policy *policy = resolve(nodes, options, file, diags);

	arena_free(nodes);
	return policy;
}
