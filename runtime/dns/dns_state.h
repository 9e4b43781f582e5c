/* What the supervisor keeps for the DNS worker: shared by its files, nobody else's. */
#pragma once
#include "dns/dns.h"
#include "dns/dns_follow.h"
#include "dns/dns_protocol.h"
#include "isolation/worker.h"

struct known_server {
	struct nameserver at;
	bool told;     /* that it does not answer */
	bool try_host; /* it is asked from the host's namespace, since the sandbox's packets do not get there */
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
	struct nft *nft;
	struct worker worker;
	struct dns_follow *follow;
	bool reload_failed, supply_failed; /* which is reported once */
};

/* One that does not answer the sandbox may answer the host, whose own packets go another way */
void dns_try_by_host(struct dns *, struct known_server *);

/* dns_supply.c: makes the sockets that the worker asks for and sends them. 0, or -errno where it asks for what it must not
 * have (-EPROTO) or cannot be told, which ends the sandbox. */
int dns_supply(struct dns *, const struct dns_ask_sockets *);
