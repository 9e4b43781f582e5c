/* The tables that judge the sandbox's packets: the policy's in the VM's namespace, and its bounds in the host's. */
#include "sandbox/setup_tables.h"
#include "core/log.h"
#include "lower/lower.h"
#include "lower/lower_bound.h"
#include "net/flow_reserve.h"
#include "net/host_table.h"
#include "netlink/nflog.h"
#include "optimise/optimise.h"
#include "sandbox/netns.h"

#include <errno.h>
#include <string.h>

/* Established flows past the chains: a kernel without flowtables, or one that has no room for it, goes without. */
static void install_fast_path(struct sandbox *sandbox, struct arena *arena, const struct lower_options *options)
{
	const struct ruleset *fast = lower_fast_path(arena, sandbox->start->config->policy, options);
	char why[256] = "";

	if (fast)
		nft_extend(sandbox->firewall, fast, why, sizeof why);
}

int sandbox_install_policy(struct sandbox *sandbox)
{
	struct arena *arena = arena_new();
	const struct run_config *config = sandbox->start->config;
	struct lower_options options = {
		.gateway = sandbox->gateway,
		.silent = config->silent_deny,
		.segments = config->vmm == VMM_NONE,
		.log_all = config->learn,
		.audit = config->audit,
		.ask = config->ask,
	};
	struct ruleset *ruleset = lower_policy(arena, config->policy, &options);
	char why[256] = "";

	optimise(ruleset, SETUP_OPTIMISED);
	sandbox->maps = lower_bound_maps(ruleset);
	int error = nft_install(sandbox->firewall, ruleset, why, sizeof why);
	const struct ruleset *quotas = lower_quotas(arena, config->policy, &options);
	if (error == 0 && quotas)
		error = nft_install(sandbox->firewall, quotas, why, sizeof why);
	if (error == 0)
		install_fast_path(sandbox, arena, &options);
	arena_free(arena);
	if (error < 0)
		log_error("cannot install the policy: %s: %s", why, strerror(-error));
	return error;
}

/* In the host's namespace: whom the bounds there report to, and what they are */
static int plan_limits(struct sandbox *sandbox, struct host_limits *limits)
{
	*limits = (struct host_limits){ .silent = sandbox->start->config->silent_deny, .timeouts = true };
	int error = netns_enter(sandbox->host_netns);
	if (error < 0)
		return setup_fail("enter the host's network namespace", error);
	sandbox->host_log = nflog_open_free(sandbox->host_link.index, &limits->log_group);
	sandbox->host_counts = nl_open(NETLINK_NETFILTER);
	error = sandbox->host_log && sandbox->host_counts ? 0 :
							    setup_fail("log in the host's network namespace", -errno);
	if (error == 0)
		error = host_limits_read(sandbox->start->config->policy, limits);
	sandbox->limits.most[OVER_TCP] = limits->tcp;
	sandbox->limits.most[OVER_UDP] = limits->udp;
	sandbox->limits.most[OVER_OTHER] = limits->other;
	sandbox->limits.most[OVER_QUESTIONS] = limits->questions;
	sandbox->limits.most[OVER_SHARE] = limits->share;
	sandbox->limits.most[OVER_ALL] = limits->all;
	limits->relayed = true; /* by this policy or by one that comes later */
	int back = netns_enter(sandbox->vm_netns);
	return back ? setup_fail("enter the VM's network namespace", back) : error;
}

static int reserve_flows(struct sandbox *sandbox, struct host_limits *limits)
{
	uint64_t most = host_limits_most(limits);

	if (!limits->all || most > limits->reservable)
		return 0;
	int reserved = flow_reserve(sandbox->host, sandbox->host_link.index, (uint32_t)most, limits->reservable);
	limits->reserved = reserved > 0;
	return reserved < 0 ? setup_fail("reserve the sandbox's part of the host's conntrack", reserved) : 0;
}

int sandbox_install_host_table(struct sandbox *sandbox)
{
	struct host_limits limits;

	int error = plan_limits(sandbox, &limits);
	if (error == 0)
		error = reserve_flows(sandbox, &limits);
	if (error < 0)
		return error;
	struct host_table table = {
		.link = sandbox->host_link.name,
		.index = sandbox->host_link.index,
		.gateway = sandbox->gateway,
		.servers = sandbox->servers,
		.server_count = sandbox->start->server_count,
		.mark = host_table_mark(sandbox->host_link.index),
		.limits = &limits,
	};

	error = host_table_install(sandbox->start->table, &table);
	sandbox->has_table = error == 0;
	sandbox->grants.of[0] = (struct flow_grant){ .limit = OVER_TCP, .bound = limits.grant_tcp ? limits.tcp : 0 };
	sandbox->grants.of[1] = (struct flow_grant){ .limit = OVER_UDP, .bound = limits.grant_udp ? limits.udp : 0 };
	return error;
}
