/* What another policy takes: first all that may fail, then one transaction, then every part's turn to it. */
#include "core/clock.h"
#include "core/log.h"
#include "lower/lower.h"
#include "lower/lower_bound.h"
#include "lower/sandbox_net.h"
#include "net/host_table.h"
#include "netlink/nft_quotas.h"
#include "netlink/netlink.h"
#include "optimise/optimise.h"
#include "policy/policy_facts.h"
#include "sandbox/netns.h"
#include "sandbox/reload_fixed.h"
#include "sandbox/reload_state.h"
#include "sandbox/setup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what may fail ---- */

static struct lower_options lower_options(const struct sandbox *sandbox)
{
	const struct run_config *config = sandbox->start->config;

	return (struct lower_options){ .gateway = sandbox->gateway,
				       .silent = config->silent_deny,
				       .segments = config->vmm == VMM_NONE,
				       .ask = config->ask };
}

static bool same_nameserver(const struct policy_nameserver *a, const struct policy_nameserver *b)
{
	if (a->is_name != b->is_name || a->port != b->port || !a->zone != !b->zone ||
	    (a->zone && strcmp(a->zone, b->zone) != 0))
		return false;
	return a->is_name ? !strcmp(a->name, b->name) : addr_equal(a->addr, b->addr);
}

static bool same_nameservers(const struct policy *a, const struct policy *b)
{
	bool same = a->nameservers.count == b->nameservers.count;

	for (size_t i = 0; same && i < a->nameservers.count; i++)
		same = same_nameserver(&a->nameservers.items[i], &b->nameservers.items[i]);
	return same;
}

/* They are looked up once, when the sandbox starts, by the host */
static bool names_other_servers(const struct policy *now, const struct policy *wanted)
{
	for (size_t i = 0; i < wanted->nameservers.count; i++)
		if (wanted->nameservers.items[i].is_name && !same_nameservers(now, wanted))
			return true;
	return false;
}

static const char *cannot_change(struct sandbox *sandbox, const struct policy *wanted)
{
	const struct policy *now = sandbox->start->config->policy;
	const char *what = reload_fixed_differs(now, wanted);
	const char *else_do = what ? ", or give the same as msb-run has" : "";

	if (!what && sandbox->start->config->bound)
		what = "the bound of --learn";
	if (!what && sandbox->start->config->spared)
		what = "the policy of --audit";
	if (!what && names_other_servers(now, wanted))
		what = "nameservers given by name";
	return what ? arena_printf(sandbox->reload->pending.arena,
				   "%s cannot change while the sandbox runs: start it anew for that%s", what, else_do) :
		      NULL;
}

json_t *reload_compile(struct sandbox *sandbox)
{
	struct reload_pending *pending = &sandbox->reload->pending;
	struct diags *diags = diags_new(pending->arena, sources_new(pending->arena));
	struct lower_options options = lower_options(sandbox);

	pending->policy = policy_unbundle(pending->arena, pending->text, pending->len, diags);
	if (!pending->policy)
		return reload_findings(pending->arena, diags);
	eval_prepare_if_worth(pending->policy);
	const char *why = cannot_change(sandbox, pending->policy);
	if (why)
		return reload_failed(why);
	pending->ruleset = lower_policy(pending->arena, pending->policy, &options);
	optimise(pending->ruleset, SETUP_OPTIMISED);
	return NULL;
}

json_t *reload_make(struct sandbox *sandbox)
{
	struct reload_pending *pending = &sandbox->reload->pending;
	json_t *wrong = reload_compile(sandbox);

	if (wrong)
		return wrong;
	const struct policy_publish *failed;
	int error = relay_policy_prepare(sandbox->relay, pending->policy, &pending->ports, &failed);
	if (error < 0)
		return reload_failed(
			arena_printf(pending->arena, "its published ports cannot be opened: %s",
				     failed ? relay_not_published(pending->arena, failed, error) : strerror(-error)));
	reload_offer(sandbox);
	return NULL;
}

void reload_offer(struct sandbox *sandbox)
{
	struct reload_pending *pending = &sandbox->reload->pending;
	int error = dns_policy_offer(sandbox->dns, pending->text, pending->len);

	/* else it is tried again, until the request's time is over */
	if (error < 0 && error != -EBUSY && error != -EAGAIN)
		log_error("cannot offer the DNS worker a policy: %s", strerror(-error));
}

void reload_abandon(struct sandbox *sandbox)
{
	struct reload_pending *pending = &sandbox->reload->pending;

	relay_policy_drop(pending->ports);
	pending->ports = NULL;
	dns_policy_drop(sandbox->dns, NULL);
}

/* ---- nameservers ---- */

/* In the host's namespace */
static int find_servers(struct sandbox *sandbox)
{
	struct setup_servers *found = &sandbox->found;
	int count = dns_servers_named(sandbox->reload->pending.policy, sandbox->start->config->pod, found->items);
	int error = count < 0 ? count : count ? 0 : dns_servers_of_host(found->items, &found->count);

	if (count > 0)
		found->count = (size_t)count;
	if (error == 0)
		dns_servers_place(found->items, found->count, &sandbox->gateway);
	return error;
}

/* Those of the new policy, in sandbox->found; the same as now where it does not say otherwise */
static int servers_for(struct sandbox *sandbox)
{
	int result = 0, error = 0;

	sandbox->found.count = dns_servers_now(sandbox->dns, sandbox->found.items);
	if (same_nameservers(sandbox->start->config->policy, sandbox->reload->pending.policy))
		return 0;
	error = netns_in_host(sandbox, find_servers, &result);
	return error < 0 ? error : result;
}

static int admit(struct sandbox *sandbox, const struct nameserver *servers, size_t count)
{
	if (!sandbox->has_table) /* a pod's */
		return 0;
	return host_table_set_nameservers(sandbox->start->table, sandbox->host_link.name,
					  host_table_mark(sandbox->host_link.index), servers, count);
}

/* ---- the swap ---- */

/* Of both policies: what was counted of one's limits is counted of the other's */
static struct nft_quotas quotas_of(const struct sandbox *sandbox)
{
	struct reload_pending *pending = &sandbox->reload->pending;
	struct lower_options options = lower_options(sandbox);

	return (struct nft_quotas){
		.before = lower_quotas(pending->arena, sandbox->start->config->policy, &options),
		.after = lower_quotas(pending->arena, pending->policy, &options),
	};
}

/* What is no limit any more keeps what it has counted, so a sandbox has so many in its life. */
#define QUOTAS_MOST 1024

struct quotas_there {
	const struct rs_table *wanted;
	size_t others; /* that are not among those wanted */
};

static void count_other(void *self, const char *name, uint64_t bytes, uint64_t used)
{
	struct quotas_there *there = self;

	(void)bytes, (void)used;
	for (size_t i = 0; i < there->wanted->quotas.count; i++)
		if (!strcmp(there->wanted->quotas.items[i].name, name))
			return;
	there->others++;
}

/* 0, -E2BIG: there is no room for them, or another -errno */
static int check_quotas(const struct nft_quotas *quotas)
{
	if (!quotas->after)
		return 0;
	struct quotas_there there = { .wanted = &quotas->after->tables.items[0] };
	CLEANUP_NL struct nl *nl = nl_open(NETLINK_NETFILTER);
	int error = nl ? nft_quotas_read(nl, LOWER_QUOTA_TABLE, count_other, &there) : -errno;

	if (error == -ENOENT) /* the first limit */
		return 0;
	return error < 0 ? error : there.others + there.wanted->quotas.count > QUOTAS_MOST ? -E2BIG : 0;
}

/* What waits for an answer goes on waiting where the new policy does not decide it */
static int carry_asked(struct sandbox *sandbox, struct dns_change *change)
{
	struct nft_element *elements = realloc(change->elements, (change->count + ASK_ELEMENTS_MAX) * sizeof *elements);

	if (!elements)
		return -ENOMEM;
	change->elements = elements;
	change->count += ask_elements(sandbox->ask, elements + change->count);
	return 0;
}

static int replace(struct sandbox *sandbox, struct dns_change *names, char *why, size_t why_size)
{
	struct reload_pending *pending = &sandbox->reload->pending;
	const struct nft_quotas quotas = quotas_of(sandbox);
	char what[256] = "";
	struct nameserver before[NAMESERVERS_MAX];
	size_t before_count = dns_servers_now(sandbox->dns, before);
	int error = check_quotas(&quotas);

	if (error < 0) {
		if (error == -E2BIG)
			snprintf(why, why_size, "a sandbox has %d limits of bytes in its life at most: start it anew",
				 QUOTAS_MOST);
		else
			snprintf(why, why_size, "the kernel does not tell what limits of bytes have used: %s",
				 strerror(-error));
		return error;
	}
	error = servers_for(sandbox);
	if (error == 0)
		error = dns_policy_prepare(sandbox->dns, pending->policy, lower_bound_maps(pending->ruleset),
					   sandbox->found.items, sandbox->found.count, names);
	if (error == 0)
		error = carry_asked(sandbox, names);
	if (error == 0)
		error = admit(sandbox, sandbox->found.items, sandbox->found.count);
	if (error == 0)
		error = nft_replace_with(sandbox->firewall, pending->ruleset, &quotas, names->chains, names->elements,
					 names->count, what, sizeof what);
	if (error == 0)
		return 0;
	/* else the host would let the guest's questions reach servers that the policy in force does not name; and which of the two
	 * policies the packet filter has must be known */
	pending->stuck = admit(sandbox, before, before_count) < 0 || error == NL_BATCH_UNKNOWN;
	dns_policy_drop(sandbox->dns, names);
	snprintf(why, why_size, "the packet filter does not take it: %s%s%s", what, *what ? ": " : "",
		 strerror(-error));
	return error;
}

/* A policy that lets server names decide, where none did before. Before the transaction: what it diverts is accepted. */
static int begin_names(struct sandbox *sandbox)
{
	if (sandbox->names || !policy_defers(sandbox->reload->pending.policy))
		return 0;
	/* by the policy in force, which outlives a reload that fails; use_policy() gives it the other */
	int error = setup_start_names(sandbox, sandbox->start->config->policy);
	if (error == 0)
		flows_use_names(sandbox->flows, sandbox->names);
	return error;
}

void reload_use_fast_path(struct sandbox *sandbox, const struct policy *policy)
{
	struct arena *arena = arena_new();
	struct lower_options options = lower_options(sandbox);
	const struct ruleset *fast = lower_fast_path(arena, policy, &options);
	char why[256];

	if (fast)
		nft_extend(sandbox->firewall, fast, why, sizeof why);
	arena_free(arena);
}

/* From here on what fails ends the sandbox: the packet filter has the one policy, others the other. */
static int use_policy(struct sandbox *sandbox, struct dns_change *names)
{
	struct reload *reload = sandbox->reload;
	const struct policy *policy = reload->pending.policy;
	int error = dns_policy_take(sandbox->dns, names);

	if (error == 0)
		error = relay_policy_take(sandbox->relay, reload->pending.ports);
	reload->pending.ports = NULL;
	if (error == 0 && sandbox->names)
		error = names_use_policy(sandbox->names, policy);
	denials_use_policy(sandbox->denials, policy);
	flow_ends_use_policy(sandbox->flow_ends, policy, dns_bindings(sandbox->dns));
	ask_use_policy(sandbox->ask, policy, bindings_view(dns_bindings(sandbox->dns), clock_ms()));
	if (error == 0)
		error = setup_bandwidth(sandbox, policy);
	if (error == 0)
		error = flows_revoke(sandbox->flows, policy, dns_bindings(sandbox->dns));
	/* Where rules count bytes, flows that began while the ruleset changed are given their marks first. */
	if (!policy_meters(policy))
		reload_use_fast_path(sandbox, policy);
	rules_whole_note(sandbox); /* a failure of it shows in `check` */
	sandbox->config.policy = policy;
	arena_free(reload->arena);
	reload->arena = reload->pending.arena;
	reload->pending.arena = NULL;
	if (error < 0)
		log_error("a new policy is in force and not all of the sandbox goes by it: the sandbox is closed: %s",
			  strerror(-error));
	return error;
}

int reload_apply(struct sandbox *sandbox, char *why, size_t why_size)
{
	struct dns_change names = { .policy = NULL };

	/* What was refused until now was so by the policy before */
	denials_read_all(sandbox->denials, bindings_view(dns_bindings(sandbox->dns), clock_ms()));
	flow_ends_read(sandbox->flow_ends);
	int error = begin_names(sandbox);
	if (error < 0)
		snprintf(why, why_size, "server names decide under this policy, and their relay does not start: %s",
			 strerror(-error));
	else
		error = replace(sandbox, &names, why, why_size);
	if (error == 0)
		return use_policy(sandbox, &names);
	bool stuck = sandbox->reload->pending.stuck;
	reload_abandon(sandbox);
	if (stuck)
		log_error("which policy the packet filter has, and the host, is not known: the sandbox is closed");
	return stuck ? error : 0;
}
