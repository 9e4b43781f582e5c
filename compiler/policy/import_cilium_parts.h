/* A rule's peers and ports in a CiliumNetworkPolicy. Inside the library only. */
#pragma once
#include "policy/import_object.h"

/* Who the other side may be, by where their rules go */
struct cilium_peers {
	struct policy_targets any, host, networks, names, dns;
};

struct cilium_ports {
	bool given;
	struct {
		bool all;
		struct policy_port_list some;
	} of[2];                         /* TCP, UDP */
	const struct yaml_node *lookups; /* `rules` with `dns`; NULL: none */
	struct policy_targets names;     /* of it */
	bool all_names;
};

extern const char cilium_dns_help[]; /* how the cluster's DNS is written */
/* Errors are reported, false then */
bool cilium_read_ports(struct import *, const struct yaml_node *rule, bool may_look_up, struct cilium_ports *out);
bool cilium_read_peers(struct import *, const struct yaml_node *rule, bool egress, bool deny,
		       const struct cilium_ports *, struct cilium_peers *out);
bool cilium_ports_take(const struct cilium_ports *, uint16_t port);
bool cilium_ports_are(const struct cilium_ports *, uint16_t port); /* that one and no other */
