/* Setting a sandbox up: a table of steps, each finding what the ones before it made in one struct. */
#pragma once
#include "ask/ask.h"
#include "control/control.h"
#include "dns/dns.h"
#include "dns/dns_nat64.h"
#include "net/flow_grants.h"
#include "net/passage.h"
#include "net/shape.h"
#include "flows/flow_ends.h"
#include "flows/flows.h"
#include "names/names.h"
#include "netlink/rtnl.h"
#include "relay/relay.h"
#include "report/denials.h"
#include "report/events.h"
#include "sandbox/follow_forwarding.h"
#include "sandbox/follow_routes.h"
#include "sandbox/host_watch.h"
#include "sandbox/claims.h"
#include "sandbox/late_refusals.h"
#include "sandbox/oom_watch.h"
#include "sandbox/reload.h"
#include "sandbox/rules_whole.h"
#include "sandbox/supervisor.h"
#include "vmm/vmm.h"
#include "vmm/vmm_none.h"

#define SETUP_OPTIMISED 2 /* the ruleset: as `msb-policyc compile` prints it */

struct setup_servers {
	struct nameserver items[NAMESERVERS_MAX];
	size_t count;
};

struct sandbox {
	const struct supervisor_start *start; /* of its own, with a configuration of its own, … */
	struct supervisor_start own_start;
	struct run_config config; /* … whose policy is the one in force */
	struct reload *reload;
	struct setup_servers found; /* of a policy that is to be in force */
	struct nl *host, *vm;       /* rtnetlink in the two namespaces */
	struct nft *firewall;       /* nfnetlink in the VM's */
	struct limit_numbers limits;
	/* What the bounds in the host's namespace refuse, and its table's counters; the denials' from then on */
	struct nl *host_log, *host_counts;
	int host_netns, vm_netns, guest_netns;
	int tap; /* VMM_QEMU, and a pod's: setup_pod.h */
	struct host_watch *watch;
	struct following following; /* what the host forwards for it */
	struct routes routes;       /* what the host can reach */
	bool has_table;             /* in the host's namespace */
	bool stops;                 /* a pod's: it was told to */
	bool link_is_down;          /* the host link, by somebody's doing */
	struct rtnl_link host_link, uplink, bridge, tap_link;
	uint32_t guest_link; /* by which frames leave to the guest: that of tap_link, or before a pod LOWER_POD_LINK */
	struct pod_link *pod_link; /* NULL: no pod */
	struct rules_whole rules_whole;
	struct addr_gateway gateway;
	struct lower_maps maps;                     /* of addresses that names are bound to, as the ruleset has them */
	struct dns_nat64 nat64;                     /* the question for the network's prefixes, until it is answered */
	struct nameserver servers[NAMESERVERS_MAX]; /* as they are placed */
	struct shape egress, ingress;               /* bandwidth */
	struct passage passage;
	struct flow_grants grants; /* of new flows, in the host's table */
	struct late_refusals *late_refusals;
	struct dns *dns;
	struct denials *denials;
	struct ask *ask; /* NULL: what no rule decides is denied */
	struct relay *relay;
	struct names *names; /* NULL: no server name has decided anything yet */
	struct flows *flows;
	struct flow_ends *flow_ends;
	struct vmm_none_init init; /* VMM_NONE: until COMMAND is started */
	struct vmm vmm;            /* pid 0: not started */
	struct control *control;
	struct oom_watch oom;
	struct timespec started; /* CLOCK_REALTIME, CLOCK_BOOTTIME's is started_ms */
	uint64_t started_ms;
	char run[EVENTS_ID_LEN + 1]; /* events_id() */
};

/* Takes every step, in order; 0, or -errno with a line on standard error. Failed or not, sandbox_close() ends it. */
int sandbox_set_up(struct sandbox *, const struct supervisor_start *);
/* setup_policy.c: what its steps share */
int setup_fail(const char *what, int error); /* reports "cannot WHAT: …" */
uid_t setup_uid(const struct sandbox *, enum role);
struct relay_start setup_relay_start(const struct sandbox *, enum role);
/* While it runs, too: what a policy takes that none before did. 0 or -errno, reported */
int setup_start_names(struct sandbox *, const struct policy *);
int setup_bandwidth(struct sandbox *, const struct policy *);
/* What an orderly stop does: the guest and the worker are killed, and the uplink goes before the host's table does. */
void sandbox_close(struct sandbox *);
