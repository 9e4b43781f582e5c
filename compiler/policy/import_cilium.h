/* CiliumNetworkPolicy, cilium.io/v2: what all of a file's objects say together. Inside the library only. */
#pragma once
#include "policy/import_object.h"

/* Where a rule comes in the order that has Cilium's meaning: there denies win, and networks are not the host's */
enum cilium_stage {
	CILIUM_DENY_ALL,  /* denies of all peers, or of the host */
	CILIUM_HOST,      /* allows of the host */
	CILIUM_DENY_SOME, /* denies of networks, which may have the gateway in them */
	CILIUM_ALLOW,     /* names, lookups, all peers */
	CILIUM_NETWORKS,  /* allows of networks: behind a deny of the host */
	CILIUM_STAGES
};

struct import_cilium {
	struct import *import;
	LIST_OF(struct policy_rule) rules[CILIUM_STAGES];
	struct policy_targets names, lookups; /* of toFQDNs, of rules.dns */
	bool learns_all, looks_up_all;        /* rules.dns of `*`; any name, by whatever rule */
};

/* Errors go to the resolver's diags. */
void import_cilium_object(struct import_cilium *, const struct yaml_node *object);
/* After the last object: adds to the resolver's policy. */
void import_cilium_finish(struct import_cilium *);
