/* What the supervisor keeps for the DNS worker: shared by its files, nobody else's. */
#pragma once
#include "base/name.h"
#include "dns/dns.h"
#include "dns/dns_counters.h"
#include "dns/dns_follow.h"
#include "dns/dns_protocol.h"
#include "isolation/worker.h"

struct known_server {
	struct nameserver at;
	bool told;     /* that it does not answer */
	bool try_host; /* it is asked from the host's namespace, since the sandbox's packets do not get there */
};

/* A binding that the worker has asked for and that is not in the kernel yet */
struct dns_asked {
	uint32_t serial, verdict;
	enum addr_family family;
	char name[NAME_TEXT_MAX];
};

#define DNS_BINDS_MAX 64
struct dns_binds {
	struct dns_asked asked[DNS_BINDS_MAX];
	size_t count;
	struct bindings_changes changes; /* of all of them */
};

struct dns {
	struct dns_start start;
	struct eval_context context;
	struct known_server servers[NAMESERVERS_MAX];
	size_t server_count;
	struct {
		size_t udp, tcp;
	} supplied[4]; /* enum upstream_place: sockets that the worker has been given */
	struct bindings *bindings;
	struct dns_counters *counters;
	struct dns_binds binds;
	struct nft *nft;
	struct worker worker;
	struct dns_follow *follow;
	enum dns_policy_state policy_state; /* of the one the worker was offered last, */
	uint32_t offer;                     /* and which that is */
	bool reload_failed, supply_failed;  /* which is reported once */
	int settle_tries;                   /* that failed, one after another */
	uint64_t settle_after_ms;
};

/* dns_servers.c: the elements that let those be asked that are not asked from the host's namespace, into as many as there are */
size_t dns_servers_elements(struct nft_element *, const struct nameserver *, size_t count, bool remove);
/* dns_judge.c */
bool dns_lookup_allowed(const struct eval_context *, const char *name);
bool dns_address_allowed(const struct eval_context *, const char *name, struct addr);
bool dns_binding_allowed(const struct eval_context *, const char *name, struct addr);
/* dns_reload.c */
int dns_tell_servers(struct dns *, const struct nameserver *, size_t count);
void dns_take_servers(struct dns *, const struct nameserver *, size_t count);
/* dns_policy.c: from the worker. 0 or -EPROTO */
struct dns_tell_policy;
int dns_policy_told(struct dns *, const struct dns_tell_policy *);

/* One that does not answer the sandbox may answer the host, whose own packets go another way */
void dns_try_by_host(struct dns *, struct known_server *);

/* dns_supply.c: makes the sockets that the worker asks for and sends them. 0, or -errno where it asks for what it must not
 * have (-EPROTO) or cannot be told, which ends the sandbox. */
int dns_supply(struct dns *, const struct dns_ask_sockets *);
