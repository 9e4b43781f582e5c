/* Small facts about a policy's parts that several stages ask. */
#pragma once
#include "policy/policy.h"

/* Protocols, each with its name, in the order in which they are listed to users; those that a rule can name are
 * the first POLICY_RULE_PROTOS of them. */
#define POLICY_PROTOS 5
#define POLICY_RULE_PROTOS 4
extern const enum policy_proto policy_protos[POLICY_PROTOS];
bool policy_proto_has_ports(enum policy_proto);
/* Of a packet, by its protocol number; PROTO_OTHER where no rule can name it */
enum policy_proto policy_proto_of_ip(uint8_t protocol);

/* A domain or a suffix: what takes a DNS answer, or a server name, to match an address */
bool policy_target_is_name(const struct policy_target *);
bool policy_rule_has_names(const struct policy_rule *);
/* Whether server names can decide: a rule of the policy's or of a floor's on names takes in TCP out of the sandbox, and they
 * are enforced. Only then are there the name relay and the chains that divert to it. */
bool policy_defers(const struct policy *);
bool policy_rule_defers(const struct policy_rule *); /* such a rule */
/* How many of its rules have a limit of bytes of their own */
size_t policy_meters(const struct policy *);
/* Whether the rule takes part in judging flows of this direction and protocol: those with ports or without */
bool policy_rule_fits(const struct policy_rule *, enum policy_direction, enum policy_proto);
/* The gateway, with what the policy says of the network behind it, its NAT64 prefixes, and of the guest's card */
struct addr_gateway policy_gateway(const struct policy *, struct addr_gateway);
/* The gateway of a sandbox that starts first on its host: in families that it has, the one that the policy's guest address or pool
 * makes it */
struct addr_gateway policy_place_gateway(const struct policy *, struct addr_gateway);
/* Whether a rule that says `in` matches at the address (unmapped), and lets answers for its names hold it: in one of its
 * networks, and neither the metadata service's nor the host's nor loopback. True of all other rules, but of a grant (an allow for a
 * time), which matches no metadata address by name. */
bool policy_rule_places(const struct policy_rule *, struct addr, const struct addr_gateway *);
/* Of a rule that says `in`: these addresses of one family */
struct addr_set policy_rule_places_set(struct arena *, const struct policy_rule *, enum addr_family,
				       const struct addr_gateway *);
/* Whether a pod's node may not connect in: else it may, whatever the rules and floors say, to ask of the pod's health and to forward to it.
 * A rule denies ingress from group host. */
bool policy_shuts_node_out(const struct policy *);
const struct policy_default *policy_default_of(const struct policy *, enum policy_direction);
/* Whether answers lose what tells a client to encrypt its server name: where the policy says so, and unless it says
 * otherwise where it defers */
bool policy_strips_ech(const struct policy *);

/* What a query over the transport is to the rules: a flow by this protocol to this port of the gateway */
#define FLOW_DNS_PORT 53
#define FLOW_DOT_PORT 853
#define FLOW_TRANSPORTS 3
enum policy_proto flow_transport_proto(enum flow_transport);
uint16_t flow_transport_port(enum flow_transport);
