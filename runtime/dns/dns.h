/* The DNS path: listeners behind TPROXY, a worker process that parses what the guest and the servers send and
 * holds no privilege, and the supervisor's side of the socket between them, which checks each binding the
 * worker asks for against the policy before it goes into the kernel's sets. Messages: dns_protocol.h. */
#pragma once
#include "core/config.h"
#include "core/nameserver.h"
#include "dns/bindings.h"
#include "netlink/nft_install.h"

#include <sys/types.h>

struct dns_start {
	const struct policy *policy;
	struct addr_gateway gateway;
	struct lower_maps maps;   /* of the ruleset that is installed */
	int host_netns, vm_netns; /* network namespaces, the caller's */
	/* Lets what carries host_mark reach the by_host ones of these alone, from now on. 0 or -errno */
	int (*admit_by_host)(void *self, const struct nameserver *, size_t count);
	void *admit_self;
	uint32_t host_mark; /* SO_MARK of the sockets opened there, this sandbox's alone: the host's table lets what
			     * carries it reach the by_host servers and nothing else */
	const struct policy *spared;       /* of an audit (eval/audit.h); NULL: none */
	struct ask *ask;                   /* names that no rule decides wait for an answer; NULL: they are denied */
	const struct options_list *search; /* the guest's search domains: names below them are not asked about */
	bool tells_all;                    /* queries that pass are told, too: denials_learning() */
	const struct run_pod *pod;         /* whose runtime may name the nameservers; NULL: a VM's */
	uid_t uid;                         /* the worker's; also its gid */
};

struct dns; /* the supervisor's handle */

/* In the host's namespaces: the policy's nameservers with names resolved once, else those of a pod's runtime. Returns how many (0:
 * neither names any), or -errno with a line on standard error. `pod` may be NULL. */
int dns_servers_named(const struct policy *, const struct run_pod *pod, struct nameserver out[static NAMESERVERS_MAX]);
/* Those, else the host's resolv.conf: for the set-up. 0: the host has none, which is reported */
int dns_servers(const struct policy *, const struct run_pod *pod, struct nameserver out[static NAMESERVERS_MAX]);
/* Those of resolv.conf, again. 0, or -errno where it cannot be read */
#define DNS_RESOLV_CONF "/etc/resolv.conf"
int dns_servers_of_host(struct nameserver out[static NAMESERVERS_MAX], size_t *count);
/* In the host's network namespace: which of them are asked from there, as its addresses and routes are now. The gateway
 * tells which families the sandbox's own sockets get out by. */
void dns_servers_place(struct nameserver *, size_t count, const struct addr_gateway *);
/* The VM's output chain lets upstream sockets reach these from now on, and those before no more. 0 or -errno */
int dns_servers_admit(struct nft *, const struct nameserver *before, size_t before_count, const struct nameserver *,
		      size_t count);

/* In the VM's network namespace, privileged, with the ruleset in place (table msb holds the sets upstream_v4 and
 * upstream_v6) and links up: opens listeners and upstream sockets, forks the worker, which gives up its
 * privileges. NULL and errno on failure. `nft` stays the caller's and must outlive it. */
struct dns *dns_open(const struct dns_start *, const struct nameserver *, size_t count, struct nft *nft);
int dns_control_fd(const struct dns *);   /* for the supervisor's epoll loop */
int dns_worker_pidfd(const struct dns *); /* readable: the worker died, which ends the sandbox */

int dns_follow_fd(const struct dns *); /* readable: dns_follow() */
/* Takes over what resolv.conf names by now, unless the policy or the pod's runtime names the nameservers */
void dns_follow(struct dns *);
/* The host's addresses or routes have changed: which nameservers are on the host, or have no route? Cheap where nothing
 * changes for them. In the VM's network namespace, as all of these. */
void dns_host_changed(struct dns *);

/* Another policy while the sandbox runs: it is offered to the worker, which makes it of its bundle while the one before goes
 * on; prepared here; and taken, once the packet filter has it. Until then dns_policy_drop() leaves everything as it was. */
enum dns_offer { DNS_OFFER_NONE, DNS_OFFER_WAITS, DNS_OFFER_READY, DNS_OFFER_REFUSED };
/* 0 or -errno with nothing offered; -EBUSY: the worker has not taken the last one yet */
int dns_policy_offer(struct dns *, const char *bundle, size_t len);
enum dns_offer dns_policy_offered(const struct dns *);
/* What the packet filter is to hold of names and nameservers, in the transaction that replaces its ruleset */
struct dns_change {
	const struct policy *policy;
	struct bindings *bindings;
	struct bindings_changes changes;
	struct nameserver servers[NAMESERVERS_MAX];
	size_t server_count;
	struct nft_element *elements;
	size_t count;
	const struct rs_table *chains; /* NULL: none */
};
/* `servers` as they are placed. 0, or -errno with nothing made */
int dns_policy_prepare(struct dns *, const struct policy *, struct lower_maps, const struct nameserver *servers,
		       size_t count, struct dns_change *out);
/* The transaction is done. 0; or -errno where worker and packet filter are no longer of one mind, which ends the sandbox */
int dns_policy_take(struct dns *, struct dns_change *);
/* The change may be all zero, or NULL */
void dns_policy_drop(struct dns *, struct dns_change *);
/* As the policy in force has them, or the host */
size_t dns_servers_now(const struct dns *, struct nameserver out[static NAMESERVERS_MAX]);

struct denials;
/* Serves what is readable on the control socket. 0, or -errno where the worker misbehaved or is gone: the
 * caller ends the sandbox. denials may be NULL. */
int dns_control(struct dns *, struct denials *);
struct bindings *dns_bindings(struct dns *);
/* Who is asked now; how many */
size_t dns_nameservers(const struct dns *, struct nameserver out[static NAMESERVERS_MAX]);
struct dns_counted; /* dns_counters.h */
void dns_counted(const struct dns *, struct dns_counted *out);
/* What is enforced for an address that several rules' names hold changes when the first of them ends: does what is due, some
 * of it a turn. 0, or -errno where the kernel did not take it for long: the caller ends the sandbox. */
int dns_settle(struct dns *);
int dns_settle_wait(const struct dns *); /* milliseconds until it is due; -1: nothing is */
/* For denials_ask_ended(), with the struct dns */
bool dns_binding_ended(const void *dns, struct addr, const char **name, uint64_t *ago_ms);
/* Ends the worker, if it lives. NULL is fine. */
void dns_close(struct dns *);
