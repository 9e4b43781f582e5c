/* A policy: two defaults and an ordered list of rules, first match wins, per direction; with what else a
 * sandbox's network needs to know. What resolving makes, and all that every later stage sees. */
#pragma once
#include "base/address.h"
#include "base/date.h"
#include "diag/diag.h"

enum policy_action { POLICY_DENY, POLICY_ALLOW };
const char *policy_action_name(enum policy_action);

/* A set of directions: a rule may be for both */
enum policy_direction { POLICY_EGRESS = 1, POLICY_INGRESS = 2 };
const char *policy_direction_name(enum policy_direction); /* one of the two */

enum policy_proto {
	PROTO_TCP = 1,
	PROTO_UDP = 2,
	PROTO_ICMPV4 = 4,
	PROTO_ICMPV6 = 8,
	PROTO_OTHER = 16 /* of a flow only: SCTP, GRE … */
};
const char *policy_proto_name(enum policy_proto); /* one of them: "tcp" … */

enum policy_target_kind { TARGET_ANY, TARGET_GROUP, TARGET_CIDR, TARGET_DOMAIN, TARGET_SUFFIX };

struct policy_target {
	enum policy_target_kind kind;
	enum addr_class group;     /* TARGET_GROUP */
	struct addr_prefix prefix; /* TARGET_CIDR, host bits as written */
	const char *name;          /* TARGET_DOMAIN, TARGET_SUFFIX: canonical */
	struct span span;          /* the item as written: in the rule, or in the group's definition */
};

struct policy_targets {
	struct policy_target *items;
	size_t count, cap;
};

struct policy_port_range {
	uint16_t lo, hi; /* inclusive */
	struct span span;
};

struct policy_port_list {
	struct policy_port_range *items;
	size_t count, cap;
};

enum policy_origin {
	ORIGIN_FILE,    /* a policy file or an include */
	ORIGIN_ARG,     /* --net-rule */
	ORIGIN_GRANT,   /* in front of all, for a time */
	ORIGIN_PROFILE, /* what a profile brought */
	ORIGIN_BUILTIN, /* the default policy, where nothing replaced it */
};

struct policy_rule {
	enum policy_action action;
	unsigned directions;           /* POLICY_EGRESS | POLICY_INGRESS */
	struct policy_targets targets; /* at least one; any of them fits */
	unsigned protos;               /* PROTO_ bits; 0: no constraint */
	struct policy_port_list ports; /* none: no constraint */
	struct policy_targets within;  /* of an allow on names: the networks at which it matches; none: everywhere */
	const char *because;           /* NULL: none */
	struct date until;
	struct span until_span; /* the attribute; SPAN_NONE: none */
	bool log;
	bool no_ech;    /* of an allow on names: does not match a TLS hello that hides another name (ECH) */
	uint64_t bytes; /* of an allow out of the sandbox: all that its flows may move, both ways; 0: no limit */
	struct span bytes_span;
	uint32_t meter; /* where `bytes` is: by what the rule says, the size aside; one rule of a policy alone has it */
	enum policy_origin origin;
	struct span span;       /* the token; of the profile's word for ORIGIN_PROFILE; SPAN_NONE for ORIGIN_BUILTIN */
	const char *text;       /* the token as written, blanks inside braces aside: "allow@vcs:tcp:{22,443}" */
	const char *group_name; /* the file's group that is the whole target, or NULL */
};

struct policy_default {
	enum policy_action action;
	struct span span; /* SPAN_NONE: built in */
	const char *text; /* "default egress deny" */
};

struct policy_publish {
	struct addr bind;
	uint16_t host_port, guest_port; /* host_port 0: the system chooses */
	enum policy_proto proto;        /* PROTO_TCP or PROTO_UDP */
	struct span span;
};

#define POLICY_BINDING_MINIMUM_MS 60000
#define POLICY_BINDING_MAXIMUM_MS 86400000 /* a day, as of every binding */
#define POLICY_ZONE_MAX 15                 /* IFNAMSIZ, without the zero */
struct policy_nameserver {
	bool is_name;
	struct addr addr; /* unless is_name */
	const char *name; /* as written, if is_name */
	const char *zone; /* the host's link of a link-local address; NULL: none */
	uint16_t port;
	struct span span;
};

#define POLICY_LABEL_MOST 63        /* octets, of DNS (RFC 1035 2.3.4) */
#define POLICY_DNS_NAMES_MOST 10000 /* different names below one domain, that are remembered */
/* A token bucket; rate 0: no limit. Bandwidth in bytes, ops in packets. */
struct policy_limit {
	uint64_t size, refill_ms; /* `size` units every `refill_ms` */
	uint64_t burst;           /* one-time, on top */
	struct span span;
};

enum flow_kind { FLOW_CONNECTION, FLOW_DNS, FLOW_ANSWER };
enum flow_transport { FLOW_DNS_UDP, FLOW_DNS_TCP, FLOW_DNS_DOT };

struct flow_binding {
	const char *name; /* canonical */
	LIST_OF(struct addr) addrs;
};

/* A flow expression with its meaning, and what a test adds to it. */
struct flow {
	enum flow_kind kind;
	enum policy_direction direction; /* FLOW_CONNECTION */
	bool to_name;                    /* the target is a name: look up, then connect */
	const char *name;                /* to_name, FLOW_DNS: canonical */
	struct addr addr;                /* unless to_name; FLOW_ANSWER. Unmapped */
	enum policy_proto proto;         /* FLOW_CONNECTION */
	bool has_port;
	uint16_t port;
	enum flow_transport transport; /* FLOW_DNS */
	LIST_OF(struct flow_binding) resolve;
	const char *sni; /* canonical or raw as sent; NULL: none seen */
	bool ech;        /* its hello hides another name (ECH) */
	struct span span;
	const char *text; /* as written */
};

/* Every flow that a rule would take in */
struct policy_region {
	enum flow_kind kind;
	struct policy_rule rule; /* its targets; protocols, ports and direction are for connections */
	unsigned transports;     /* FLOW_DNS: as 1 << FLOW_DNS_… */
};

struct policy_expect {
	enum policy_action action;
	struct flow flow;                   /* with a region its kind, direction and text are all there is */
	const struct policy_region *region; /* every flow of it is meant; NULL: the one flow */
	struct span span;
};

struct policy_group {
	const char *name;
	struct policy_targets members;
	struct span span; /* the name */
	bool used;
};

#define POLICY_PUBLISH_MAX 256   /* published ports, each of a range counted */
#define POLICY_ACCEPT_QUEUE 1024 /* unless said otherwise, as in microsandbox */

struct policy_pool {
	bool set;
	struct addr_prefix prefix;
	struct span span;
};

struct policy_address {
	bool set;
	struct addr addr;
	struct span span;
};

/* The guest's network card, as far as it is not the sandbox's to choose */
struct policy_interface {
	bool has_mac;
	uint8_t mac[6];
	struct span mac_span;
	uint16_t mtu;                             /* 0: the usual 1500 */
	struct policy_address address4, address6; /* the guest's; its gateway's is the one before it */
};
/* How many, at most */
struct policy_bound {
	uint32_t most;                 /* 0: no bound */
	bool given, specific, by_flag; /* specific: by an option or key of its own, not by max-connections */
	struct span span;
};
#define POLICY_CONNECTIONS 4096
#define POLICY_OTHER_CONNECTIONS 256 /* at once, of protocols without an option: ICMP, SCTP … */
#define POLICY_CONNECTION_RATE 250

#define POLICY_METERS_MAX 64          /* rules of a policy with a limit of bytes */
#define POLICY_METER_FLAG 0x80000000u /* in every `meter` */

struct eval_index;
struct policy_options;
#define POLICY_FLOORS_MAX 16
/* What a floor forbids every policy above it to say */
enum policy_forbid { FORBID_PUBLISH, FORBID_NAMESERVER, FORBID_POOL, FORBID_REBIND_OFF, FORBID_COUNT };

const char *policy_forbid_words(enum policy_forbid); /* behind `forbid`: "publish" */

struct policy_forbidden {
	bool set;
	struct span span; /* the statement */
};

/* Whether a client is told how to encrypt its server name, by HTTPS and SVCB records (see policy_strips_ech()) */
enum policy_ech { POLICY_ECH_BY_RULES, POLICY_ECH_STRIP, POLICY_ECH_KEEP };

struct policy {
	struct arena *arena;
	struct sources *sources;
	const struct policy_options *made_from; /* with `file`, what makes it again; a copy in the arena */
	const char *file;                       /* as given to options_resolve(); NULL: none */
	bool is_library;                        /* for other files to include: no policy by itself */
	struct span library;                    /* the statement that says so */
	const char *name;                       /* the top file as the user named it; "command line" without one */
	struct policy_default egress, ingress;
	LIST_OF(struct policy_rule) rules;
	LIST_OF(struct policy_group) groups; /* sorted by name */
	LIST_OF(struct policy_publish) publishes;
	LIST_OF(struct policy_nameserver) nameservers; /* none: the host's */
	LIST_OF(struct policy_expect) expects;
	uint64_t dns_timeout_ms; /* 5000 */
	/* How long an address that was answered holds at least: POLICY_BINDING_MINIMUM_MS */
	uint64_t binding_minimum_ms;
	bool rebind_protection; /* true */
	enum policy_ech ech_answers;
	/* Whether the server names that TLS sends are enforced: true. Else a flow is judged by its address's names alone. */
	bool server_names;
	bool deny_ech; /* hellos that hide a name (ECH) are refused where a rule on names would judge it: false */
	bool multi_tenant;
	struct policy_bound max_tcp, max_udp; /* connections at once: 4096 each */
	struct policy_bound connection_rate;  /* new ones a second: 250 */
	uint32_t accept_queue;                /* connections that wait to be accepted by a published port */
	struct policy_limit egress_bandwidth, egress_ops, ingress_bandwidth, ingress_ops;
	struct policy_limit egress_bytes, ingress_bytes; /* of the whole run: `size` alone; used up, nothing passes */
	/* On lookups as a way out, size 0: none. Octets of a label, `size` alone; different names below one domain in
	 * `refill_ms`; questions that go to a nameserver */
	struct policy_limit dns_label, dns_names, dns_rate;
	struct policy_pool pool4, pool6;
	struct policy_interface interface;
	struct addr_nat64 nat64;        /* of the network the sandbox is in */
	const struct eval_index *index; /* eval/eval_index.h; NULL: the evaluator walks all rules */
	bool absent;                    /* no policy at all, with which a policy is compared: nothing passes */
	/* Policies that every flow has to pass as well, and which have none of their own */
	LIST_OF(const struct policy *) floors;         /* at most POLICY_FLOORS_MAX */
	struct policy_forbidden forbids[FORBID_COUNT]; /* of a floor only */
	bool is_floor, is_tenancy;                     /* is_tenancy: the one of multi-tenant hosts */
	size_t first_source, source_count;             /* of a floor: the files it was read from */
};

/* The canonical token of a rule, its target spelt out or by its group's name; into the arena. */
const char *policy_rule_format(struct arena *, const struct policy_rule *);
/* "1.1.1.1", "fe80::53%eth0", "[fe80::53%eth0]", "dns.example": without the port */
const char *policy_nameserver_host(struct arena *, const struct policy_nameserver *, bool bracketed);
const char *policy_target_format(struct arena *, const struct policy_target *);
/* " in 10.20.0.0/16", " in {10.20.0.0/16,[fd00::/8]}"; "" where the rule says none */
const char *policy_within_format(struct arena *, const struct policy_rule *);
/* A place as span_format() writes it, told from the directory of the policy's own file: what is compiled does
 * not say where on a machine the policy lay. An absolute path from elsewhere keeps its last part only. */
const char *policy_relative(struct arena *, const struct policy *, const char *place);
/* Where a rule or default is, for comments: "agent.msb:7", told likewise; "default policy" without a place */
const char *policy_origin(struct arena *, const struct policy *, struct span);
/* The bounds on lookups, size 0 where there is none; "limit dns names 50/1m" */
enum policy_dns_limit { POLICY_DNS_LABEL, POLICY_DNS_NAMES, POLICY_DNS_RATE, POLICY_DNS_LIMITS };
extern const char *const policy_dns_limit_names[POLICY_DNS_LIMITS];
const struct policy_limit *policy_dns_limit(const struct policy *, enum policy_dns_limit);
const char *policy_dns_limit_text(struct arena *, const struct policy *, enum policy_dns_limit);
/* `--emit policy`: the whole policy, every rule in its final order with its place */
const char *policy_format(struct arena *, const struct policy *);
