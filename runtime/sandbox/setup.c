/* The set-up of a sandbox, step by step. Closed before open: sysctls before links, rulesets before a link is up,
 * the guest last. */
#include "sandbox/setup.h"
#include "core/fd.h"
#include "core/log.h"
#include "lower/sandbox_net.h"
#include "net/host_link.h"
#include "net/host_table.h"
#include "net/icmp_error.h"
#include "net/pool.h"
#include "net/sysctl.h"
#include "sandbox/answers.h"
#include "sandbox/claims.h"
#include "sandbox/netns.h"
#include "sandbox/setup_guest.h"
#include "sandbox/setup_links.h"
#include "sandbox/setup_nat64.h"
#include "sandbox/setup_pod.h"
#include "sandbox/setup_tables.h"
#include "sandbox/table_owner.h"
#include "vmm/dhcp.h"

#include <errno.h>
#include <signal.h>
#include <linux/netlink.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#define TABLE_OWNER_TIMEOUT_MS 10000

/* Sockets belong to the namespace they are opened in: the host's first, then we leave it for the VM's. */
static int make_namespaces(struct sandbox *sandbox)
{
	bool none = sandbox->start->config->vmm == VMM_NONE;

	sandbox->host_netns = netns_open();
	sandbox->host = nl_open(NETLINK_ROUTE);
	sandbox->watch = host_watch_open();
	if (sandbox->host_netns < 0 || !sandbox->host || !sandbox->watch)
		return setup_fail("open the host's network namespace",
				  sandbox->host_netns < 0 ? sandbox->host_netns : -errno);
	if (none && (sandbox->guest_netns = netns_new()) < 0)
		return setup_fail("make the guest's network namespace", sandbox->guest_netns);
	if ((sandbox->vm_netns = netns_new()) < 0)
		return setup_fail("make the VM's network namespace", sandbox->vm_netns);
	sandbox->vm = nl_open(NETLINK_ROUTE);
	sandbox->firewall = nft_open();
	return sandbox->vm && sandbox->firewall ? 0 : setup_fail("open netlink", -errno);
}

static int set_sysctls(struct sandbox *sandbox)
{
	(void)sandbox;
	return sysctl_set_sandbox();
}

/* Nothing of the host's is touched before the table owner is there to undo it: it sends a byte when it is. */
static int wait_for_table_owner(struct sandbox *sandbox)
{
	struct pollfd message = { .fd = sandbox->start->owner, .events = POLLIN };
	int ready = poll(&message, 1, TABLE_OWNER_TIMEOUT_MS);
	char byte;

	if (ready == 1 && recv(message.fd, &byte, 1, MSG_DONTWAIT) == 1)
		return 0;
	log_error("the table owner %s: the sandbox is closed", ready ? "is gone" : "does not start");
	return ready ? -ECHILD : -ETIMEDOUT;
}

static void add_sources(struct table_owner_message *message, struct addr gateway)
{
	if (addr_is_unspecified(gateway)) /* not claimed yet, or not there */
		return;
	message->sources[message->source_count++] = gateway;
	message->sources[message->source_count++] = lower_guest_addr(gateway);
}

/* What it would take the table owner to undo what has been done so far */
static struct table_owner_message message_now(const struct sandbox *sandbox)
{
	struct table_owner_message message = { .link = sandbox->host_link.index };

	if (sandbox->has_table)
		memcpy(message.table, sandbox->host_link.name, sizeof message.table);
	add_sources(&message, sandbox->gateway.v4);
	add_sources(&message, sandbox->gateway.v6);
	return message;
}

/* From here on the host link, and what the host forwards for it, ends with the table owner, which outlives the sandbox. Told
 * once more when the sandbox has its addresses and its table. */
static int tell_table_owner(struct sandbox *sandbox)
{
	struct table_owner_message message = message_now(sandbox);

	int error = table_owner_tell(sandbox->start->owner, &message, sandbox->vm_netns);
	return error < 0 ? setup_fail("reach the table owner", error) : 0;
}

#define IPV6_MTU_LEAST 1280 /* RFC 8200, section 5 */

static int prepare_host(struct sandbox *sandbox)
{
	sandbox->gateway.has4 = true;
	sandbox->gateway.has6 = forward_has_ipv6();
	if (!sandbox->gateway.has6)
		log_line("IPv6 is inactive in the sandbox: this host cannot forward it for single links");
	uint16_t mtu = sandbox->start->config->policy->interface.mtu;
	if (mtu && mtu < IPV6_MTU_LEAST && sandbox->gateway.has6) {
		log_line("IPv6 is inactive in the sandbox: it needs an MTU of %d, not %u", IPV6_MTU_LEAST, mtu);
		sandbox->gateway.has6 = false;
	}
	return sysctl_set_host_link(sandbox->host_link.name);
}

/* A step that is taken in the host's network namespace */
static int in_host(struct sandbox *sandbox, int (*step)(struct sandbox *))
{
	int result = 0, error = netns_in_host(sandbox, step, &result);

	return error < 0 ? error : result;
}

/* What the host can forward, and what the host link may do */
static int set_up_host(struct sandbox *sandbox)
{
	return in_host(sandbox, prepare_host);
}

static int place_servers_here(struct sandbox *sandbox)
{
	const struct supervisor_start *start = sandbox->start;

	memcpy(sandbox->servers, start->servers, start->server_count * sizeof *start->servers);
	dns_servers_place(sandbox->servers, start->server_count, &sandbox->gateway);
	return 0;
}

/* Which nameservers are on the host */
static int place_servers(struct sandbox *sandbox)
{
	return in_host(sandbox, place_servers_here);
}

static int switch_forwarding_on(struct sandbox *sandbox)
{
	return in_host(sandbox, follow_forwarding);
}

static int claim_subnets(struct sandbox *sandbox)
{
	uint32_t link = sandbox->host_link.index;
	struct addr_gateway *gateway = &sandbox->gateway;

	int error = rtnl_link_up(sandbox->host, link);
	if (error < 0)
		return setup_fail("bring the host's link up", error);
	error = pool_claim(sandbox->host, sandbox->start->config->policy, ADDR_V4, link, &gateway->v4);
	if (error == 0 && gateway->has6)
		error = pool_claim(sandbox->host, sandbox->start->config->policy, ADDR_V6, link, &gateway->v6);
	return error;
}

static int open_passage(struct sandbox *sandbox)
{
	int error = passage_open(&sandbox->passage, sandbox->host_link.name);

	flow_grants_open(&sandbox->grants, sandbox->passage.nl, sandbox->start->table, sandbox->host_link.name,
			 &sandbox->gateway, true);
	return error;
}

/* Whether other firewalls let the sandbox pass is watched, not tested: what they do changes while it runs. So is how many flows it
 * has there. */
static int watch_passage(struct sandbox *sandbox)
{
	int error = in_host(sandbox, open_passage);

	return error < 0 ? setup_fail("watch the host's firewalls", error) : 0;
}

static int limit_bandwidth(struct sandbox *sandbox)
{
	return setup_bandwidth(sandbox, sandbox->start->config->policy);
}

static int admit_nameservers(void *self, const struct nameserver *servers, size_t count)
{
	const struct sandbox *sandbox = self;

	if (!sandbox->has_table) /* a pod's */
		return 0;
	return host_table_set_nameservers(sandbox->start->table, sandbox->host_link.name,
					  host_table_mark(sandbox->host_link.index), servers, count);
}

static int start_dns(struct sandbox *sandbox)
{
	struct dns_start start = {
		.policy = sandbox->start->config->policy,
		.gateway = sandbox->gateway,
		.maps = sandbox->maps,
		.host_netns = sandbox->host_netns,
		.vm_netns = sandbox->vm_netns,
		.admit_by_host = admit_nameservers,
		.admit_self = sandbox,
		.host_mark = host_table_mark(sandbox->host_link.index),
		.pod = sandbox->start->config->pod,
		.uid = setup_uid(sandbox, ROLE_DNS),
		.tells_all = sandbox->start->config->learn,
		.spared = sandbox->start->config->spared,
		.ask = sandbox->ask,
		.search = &sandbox->start->config->dns_search,
	};

	sandbox->dns = dns_open(&start, sandbox->servers, sandbox->start->server_count, sandbox->firewall);
	if (!sandbox->dns)
		return setup_fail("start the DNS proxy", -errno);
	denials_ask_ended(sandbox->denials, dns_binding_ended, sandbox->dns);
	return 0;
}

static int start_relay(struct sandbox *sandbox)
{
	struct relay_start start = setup_relay_start(sandbox, ROLE_RELAY);

	sandbox->relay = relay_open(&start);
	return sandbox->relay ? 0 : -errno; /* reported */
}

/* Where the packet filter diverts flows by their server names */
static int start_names(struct sandbox *sandbox)
{
	const struct policy *policy = sandbox->start->config->policy;

	return policy_defers(policy) ? setup_start_names(sandbox, policy) : 0;
}

static int open_flows(struct sandbox *sandbox)
{
	struct flows_start start = {
		.gateway = sandbox->gateway,
		.guest4 = lower_guest(&sandbox->gateway, ADDR_V4),
		.host_netns = sandbox->host_netns,
		.vm_netns = sandbox->vm_netns,
		.tap = sandbox->guest_link,
		.uplink = sandbox->uplink.index,
		.uplink_mac = HOST_LINK_PEER_MAC,
		.host_mac = HOST_LINK_MAC,
		.relay = sandbox->relay,
		.names = sandbox->names,
		.denials = sandbox->denials,
	};

	if (sandbox->gateway.has6)
		start.guest6 = lower_guest(&sandbox->gateway, ADDR_V6);
	lower_guest_mac(&sandbox->gateway, start.guest_mac);
	sandbox_gateway_mac(&sandbox->gateway, start.gateway_mac);
	sandbox->flows = flows_open(&start);
	return sandbox->flows ? 0 : -errno; /* reported */
}

static int open_flow_ends(struct sandbox *sandbox)
{
	const struct run_config *config = sandbox->start->config;
	struct flow_ends_start start = { .flows = sandbox->flows,
					 .denials = sandbox->denials,
					 .bindings = dns_bindings(sandbox->dns),
					 .spared = config->spared,
					 .all = config->events_all };

	sandbox->flow_ends = flow_ends_open(&start, config->policy);
	return sandbox->flow_ends ? 0 : -errno; /* reported */
}

static int open_late_refusals(struct sandbox *sandbox)
{
	struct icmp_ends ends = { .gateway = sandbox->gateway };

	lower_guest_mac(&sandbox->gateway, ends.guest_mac);
	sandbox_gateway_mac(&sandbox->gateway, ends.gateway_mac);
	sandbox->late_refusals = late_refusals_open(sandbox->tap_link.index, &ends);
	return 0; /* without, as where CAP_NET_RAW is missing, some refusals take a second */
}

static int open_log(struct sandbox *sandbox)
{
	const struct denials_host host = { sandbox->host_log, sandbox->host_counts, sandbox->host_link.name };

	sandbox->denials = denials_open(sandbox->start->config, &sandbox->gateway, &host, &sandbox->limits);
	return sandbox->denials ? 0 : -errno; /* it has said why */
}

static int open_ask(struct sandbox *sandbox)
{
	struct ask_start start = { .policy = sandbox->start->config->policy,
				   .gateway = sandbox->gateway,
				   .nft = sandbox->firewall,
				   .denials = sandbox->denials };

	sandbox->ask = sandbox->start->config->ask ? ask_open(&start) : NULL;
	return sandbox->ask || !sandbox->start->config->ask ? 0 : -errno; /* reported */
}

/* The default guest's init knows its address; one that is the user's asks. */
static int start_dhcp(struct sandbox *sandbox)
{
	const struct run_config *config = sandbox->start->config;
	struct dhcp_start start = { .gateway = sandbox->gateway, .uid = setup_uid(sandbox, ROLE_DHCP) };

	if (config->vmm == VMM_NONE || (!config->kernel && !config->initrd))
		return 0;
	start.guest4 = lower_guest(&sandbox->gateway, ADDR_V4);
	if (sandbox->gateway.has6)
		start.guest6 = lower_guest(&sandbox->gateway, ADDR_V6);
	lower_guest_mac(&sandbox->gateway, start.mac);
	start.mtu = config->policy->interface.mtu;
	return dhcp_open(&start);
}

/* The steps, in order. */
/* clang-format off */
static int (*const steps[])(struct sandbox *) = {
	sandbox_ask_nat64,
	make_namespaces,
	set_sysctls,
	wait_for_table_owner,
	sandbox_make_links,
	set_up_host,
	tell_table_owner,
	claim_subnets,
	sandbox_prepare_guest,
	sandbox_take_nat64,
	sandbox_install_policy,
	place_servers,
	sandbox_install_host_table,
	tell_table_owner,
	watch_passage,
	follow_routes,
	switch_forwarding_on,
	sandbox_open_links,
	limit_bandwidth,
	open_late_refusals,
	open_log,
	open_ask,
	start_dns,
	start_relay,
	start_names,
	open_flows,
	open_flow_ends,
	start_dhcp,
	sandbox_open_control,
	sandbox_start_guest,
};
/* clang-format on */

/* A pod's: what of the host's network there is to be done, others have done. */
/* clang-format off */
static int (*const pod_steps[])(struct sandbox *) = {
	sandbox_pod_namespaces,
	set_sysctls,
	wait_for_table_owner,
	sandbox_pod_take_link,
	sandbox_install_policy,
	rules_whole_note,
	place_servers,
	limit_bandwidth,
	open_log,
	open_ask,
	start_dns,
	start_relay,
	start_names,
	open_flows,
	open_flow_ends,
	sandbox_open_control,
	sandbox_pod_open_links,
};
/* clang-format on */

static int take_steps(struct sandbox *sandbox, int (*const *list)(struct sandbox *), size_t count)
{
	int error = 0;

	for (size_t i = 0; error == 0 && i < count; i++)
		error = list[i](sandbox);
	return error < 0 ? error : 0;
}

int sandbox_set_up(struct sandbox *sandbox, const struct supervisor_start *start)
{
	*sandbox = (struct sandbox){ .own_start = *start,
				     .config = *start->config,
				     .reload = reload_new(),
				     .host_netns = -1,
				     .vm_netns = -1,
				     .guest_netns = -1,
				     .tap = -1,
				     .vmm.pidfd = -1,
				     .oom.fd = -1,
				     .init = { .pidfd = -1, .channel = -1 },
				     .nat64 = DNS_NAT64_NONE };
	sandbox->own_start.config = &sandbox->config;
	sandbox->start = &sandbox->own_start;
	return start->config->pod ? take_steps(sandbox, pod_steps, sizeof pod_steps / sizeof *pod_steps) :
				    take_steps(sandbox, steps, sizeof steps / sizeof *steps);
}

/* The table owner deletes the link while we end, which takes the kernel some milliseconds; where it is dead, it is ours to do. It
 * may hang: what the host forwards is put back here. */
static void end_host(struct sandbox *sandbox)
{
	struct table_owner_message message = message_now(sandbox);
	CLEANUP_NL struct nl *conntrack = NULL;

	forward_leave(sandbox->host, sandbox->host_link.index);
	message.ends = true;
	if (table_owner_tell(sandbox->start->owner, &message, sandbox->vm_netns) == 0)
		return;
	conntrack = nl_open(NETLINK_NETFILTER);
	if (conntrack)
		table_owner_end(sandbox->host, conntrack, &message);
	else
		forward_end(sandbox->host, sandbox->host_link.index);
}

/* All of the pid namespace at once, so that they end side by side. */
void sandbox_close(struct sandbox *sandbox)
{
	kill(-1, SIGKILL);
	if (sandbox->start->config->pod && sandbox->guest_link)
		rtnl_link_delete(sandbox->vm, sandbox->guest_link); /* now, not when the kernel comes to it */
	if (sandbox->host_link.index && !netns_enter(sandbox->host_netns))
		end_host(sandbox);
	host_watch_close(sandbox->watch);
	dns_nat64_end(&sandbox->nat64);
	late_refusals_close(sandbox->late_refusals);
	dns_close(sandbox->dns);
	relay_close(sandbox->relay);
	names_close(sandbox->names);
	flow_ends_close(sandbox->flow_ends);
	flows_close(sandbox->flows);
	ask_close(sandbox->ask);
	denials_close(sandbox->denials);
	control_close(sandbox->control);
	reload_free(sandbox->reload);
	sandbox_pod_close(sandbox);
}
