/* The ruleset IR: tables, sets, chains and rules in nftables' own terms, built once and given to two
 * backends, the text printer (emit_nft) and the netlink encoder (runtime/nft_install). What is reviewed is
 * what is enforced. Names, comments and notes belong to the ruleset's arena and fit nftables' limits;
 * building does not fail. */
#pragma once
#include "base/address.h"

enum rs_family { RS_INET, RS_NETDEV };
enum rs_hook { RS_HOOK_NONE, RS_PREROUTING, RS_INPUT, RS_FORWARD, RS_OUTPUT, RS_POSTROUTING, RS_INGRESS };
enum rs_chain_type { RS_FILTER, RS_NAT, RS_ROUTE };
enum rs_verdict_kind { RS_ACCEPT, RS_DROP, RS_JUMP, RS_GOTO, RS_RETURN };

/* Data types of fields and set keys; RS_TYPE_NONE ends a concatenation */
enum rs_type {
	RS_TYPE_NONE,
#define RS_TYPE(id, ...) RS_TYPE_##id,
#include "ruleset/fields.def"
	RS_TYPE_COUNT
};
#define RS_KEY_PARTS 3

/* What a rule can look at: fields.def has each one's nft spelling, size, byte order, and where the
 * kernel finds it, so that printer and encoder share one table. */
enum rs_field {
#define RS_FIELD(id, ...) RS_##id,
#include "ruleset/fields.def"
	RS_FIELD_COUNT
};

enum rs_order { RS_ORDER_BIG, RS_ORDER_HOST, RS_ORDER_TEXT };
struct rs_type_info {
	const char *nft;
	unsigned number; /* nft's own, kept with a set */
	unsigned size;   /* bytes */
	enum rs_order order;
};
const struct rs_type_info *rs_type_info(enum rs_type);

enum rs_source { RS_SOURCE_META, RS_SOURCE_CT, RS_SOURCE_FIB, RS_SOURCE_SOCKET, RS_SOURCE_PAYLOAD, RS_SOURCE_EXTHDR };
/* The layer 3 protocol a field belongs to; RS_L3_ETHER: a link with Ethernet headers */
enum rs_l3 { RS_L3_NONE, RS_L3_ETHER, RS_L3_IPV4, RS_L3_IPV6, RS_L3_ARP };
struct rs_field_info {
	const char *nft;
	enum rs_type type;
	unsigned size; /* bytes */
	enum rs_source source;
	unsigned key; /* NFT_META_…, NFT_CT_…, NFTA_FIB_F_…, NFT_SOCKET_…, NFT_PAYLOAD_…, NFT_EXTHDR_OP_… */
	unsigned offset; /* of RS_SOURCE_PAYLOAD; the header or option of RS_SOURCE_EXTHDR */
	enum rs_l3 l3;
	uint8_t l4; /* IPPROTO_…, 0: none */
};
const struct rs_field_info *rs_field_info(enum rs_field);

struct rs_verdict {
	enum rs_verdict_kind kind;
	const char *chain; /* RS_JUMP, RS_GOTO */
};

struct rs_value {
	/* host order, inclusive; equal for a single value. Of CT_STATE, CT_STATUS: bits, any of which fits */
	u128 lo, hi;
	uint8_t prefix;   /* lo/prefix, lo masked; RS_NO_PREFIX: lo or lo-hi */
	const char *text; /* IFNAME; a star at its end, in a single value: all that begin so */
};
#define RS_NO_PREFIX 0xff

struct rs_element {
	struct rs_value key[RS_KEY_PARTS];
	const char *comment;       /* NULL: none */
	uint64_t timeout_ms;       /* 0: none */
	struct rs_verdict verdict; /* of a verdict map */
};

struct rs_set {
	const char *name;
	enum rs_type type[RS_KEY_PARTS];
	bool interval, timeout, map;         /* map: key to verdict */
	bool runtime;                        /* elements are put in while the sandbox runs */
	bool counters;                       /* each element counts its packets */
	bool group;                          /* a group's addresses: many rules may look into it */
	uint32_t size;                       /* 0: no bound */
	const char *comment;                 /* in the kernel */
	const char *note;                    /* in the text only */
	LIST_OF(struct rs_element) elements; /* in order, disjoint, with gaps */
};

enum rs_expr_kind {
	RS_MATCH,  /* field == or != an operand */
	RS_LOOKUP, /* up to three fields, concatenated, in a named set */
	RS_VMAP,   /* … in a named verdict map */
	RS_COUNTER,
	RS_VERDICT,
	RS_REJECT_RESET, /* tcp reset; after a match on tcp */
	RS_REJECT_ADMIN, /* icmpx admin-prohibited */
	RS_REJECT_ROUTE, /* icmpx no-route */
	RS_LOG,          /* to an nflog group */
	RS_LIMIT,        /* packets in a time; negate: those over it */
	RS_TPROXY,
	RS_MARK_SET,
	RS_CT_MARK_SET, /* of the flow: what its later packets and answers have, too */
	RS_MASQUERADE,
	RS_SNAT,        /* the flow leaves from `source` */
	RS_CT_COUNT,    /* connections over a bound */
	RS_NOTRACK,     /* conntrack leaves the packet alone */
	RS_PKTTYPE_SET, /* RS_PKT_…, in prerouting only */
	RS_CT_TIMEOUT,  /* how long conntrack keeps the new flow: a named policy */
	RS_QUOTA,       /* counts the packet in a named quota, and matches once that is over */
	RS_FLOW_ADD,    /* the flow's next packets go past the chains: a flowtable */
};

/* What a link layer took a packet for: PACKET_HOST and so on */
enum rs_pkttype { RS_PKT_HOST, RS_PKT_BROADCAST, RS_PKT_MULTICAST, RS_PKT_OTHER };

/* What nft has words for, in seconds */
enum rs_unit { RS_SECOND = 1, RS_MINUTE = 60, RS_HOUR = 3600, RS_DAY = 86400, RS_WEEK = 604800 };

struct rs_expr {
	enum rs_expr_kind kind;
	bool negate; /* RS_MATCH, RS_LOOKUP: != */
	enum rs_field field[RS_KEY_PARTS];
	size_t field_count;
	/* RS_MATCH: one value; several are an anonymous set, in order, disjoint, with gaps */
	LIST_OF(struct rs_value) values;
	/* RS_LOOKUP, RS_VMAP; RS_LOG: its prefix or NULL; RS_CT_TIMEOUT: the policy's name; RS_FLOW_ADD: the flowtable's; RS_QUOTA: its
	 * name */
	const char *set;
	struct rs_verdict verdict;
	uint32_t number; /* log group, mark, connections, type of packet */
	uint32_t snaplen;
	uint64_t rate;    /* packets in … */
	enum rs_unit per; /* … that many seconds */
	uint32_t burst;
	enum addr_family family; /* RS_TPROXY */
	struct addr source;      /* RS_SNAT */
	uint16_t port;
};

struct rs_rule {
	LIST_OF(struct rs_expr) exprs;
	const char *comment; /* NULL: none; cut and cleaned */
};

struct rs_chain {
	const char *name;
	enum rs_hook hook; /* RS_HOOK_NONE: a plain chain */
	enum rs_chain_type type;
	int priority;
	enum rs_verdict_kind policy; /* RS_ACCEPT or RS_DROP */
	const char *device;          /* RS_INGRESS */
	const char *note;            /* in the text only: a line above the chain */
	LIST_OF(struct rs_rule) rules;
};

/* How long conntrack keeps a flow of TCP or UDP in each of its states */
enum rs_tcp_state {
	RS_TCP_SYN_SENT,
	RS_TCP_SYN_RECV,
	RS_TCP_ESTABLISHED,
	RS_TCP_FIN_WAIT,
	RS_TCP_CLOSE_WAIT,
	RS_TCP_LAST_ACK,
	RS_TCP_TIME_WAIT,
	RS_TCP_CLOSE,
	RS_TCP_SYN_SENT2,
	RS_TCP_RETRANS,
	RS_TCP_UNACK,
	RS_TIMEOUT_STATES
};
enum rs_udp_state { RS_UDP_UNREPLIED, RS_UDP_REPLIED };
struct rs_timeout {
	const char *name;
	uint8_t proto;                       /* IPPROTO_TCP or IPPROTO_UDP */
	uint32_t seconds[RS_TIMEOUT_STATES]; /* by state, every one: the kernel takes 0 for no time at all */
};

/* What established flows are looked up in where they enter by one of these links, ahead of all chains of the family. Their packets count
 * in conntrack like others. */
struct rs_flowtable {
	const char *name;
	int priority; /* among the ingress hooks of its links */
	const char *devices[2];
};

/* So many bytes in all */
struct rs_quota {
	const char *name;
	uint64_t bytes;
};

struct rs_table {
	enum rs_family family;
	const char *name;
	bool owner; /* the table lives as long as the netlink socket that made it */
	LIST_OF(struct rs_timeout) timeouts;
	LIST_OF(struct rs_quota) quotas;
	LIST_OF(struct rs_set) sets;
	LIST_OF(struct rs_flowtable) flowtables;
	LIST_OF(struct rs_chain) chains;
};

struct ruleset {
	struct arena *arena;
	LIST_OF(struct rs_table) tables;
};

/* Building. Pointers into a list hold until the next push to the same list: fill a chain before the next is
 * added. Names and texts are not copied. Comments are cut and cleaned here, whatever bytes they hold. */
struct ruleset *ruleset_new(struct arena *);
struct rs_table *rs_table_add(struct ruleset *, enum rs_family, const char *name);
struct rs_set *rs_set_add(struct ruleset *, struct rs_table *, const char *name, enum rs_type);
struct rs_timeout *rs_timeout_add(struct ruleset *, struct rs_table *, const char *name, uint8_t proto);
void rs_quota_add(struct ruleset *, struct rs_table *, const char *name, uint64_t bytes);
struct rs_flowtable *rs_flowtable_add(struct ruleset *, struct rs_table *, const char *name, int priority);
struct rs_chain *rs_chain_add(struct ruleset *, struct rs_table *, const char *name);
struct rs_chain *rs_base_chain_add(struct ruleset *, struct rs_table *, const char *name, enum rs_chain_type,
				   enum rs_hook, int priority, enum rs_verdict_kind policy);
struct rs_rule *rs_rule_add(struct ruleset *, struct rs_chain *, const char *comment);

void rs_set_comment(struct ruleset *, struct rs_set *, const char *comment);
void rs_set_add_addrs(struct ruleset *, struct rs_set *, const struct addr_set *);

/* Expressions, in the order the kernel runs them. rs_match() and its kin give the expression so that the caller
 * may negate it, or add further values with rs_or(). */
struct rs_value rs_number(u128);
struct rs_value rs_range(u128 lo, u128 hi);
struct rs_value rs_prefix(struct addr_prefix);  /* the masked prefix */
struct rs_value rs_name(const char *interface); /* "msb*": every one that begins so */
struct rs_expr *rs_match(struct ruleset *, struct rs_rule *, enum rs_field, struct rs_value);
void rs_or(struct ruleset *, struct rs_expr *, struct rs_value);
struct rs_expr *rs_lookup(struct ruleset *, struct rs_rule *, const char *set, enum rs_field);
struct rs_expr *rs_lookup_pair(struct ruleset *, struct rs_rule *, const char *set, enum rs_field, enum rs_field);
struct rs_expr *rs_do(struct ruleset *, struct rs_rule *, enum rs_expr_kind); /* those without operands */
struct rs_expr *rs_limit(struct ruleset *, struct rs_rule *, uint64_t rate, enum rs_unit, uint32_t burst);
void rs_ct_count(struct ruleset *, struct rs_rule *, uint32_t over);
void rs_log(struct ruleset *, struct rs_rule *, uint32_t group, uint32_t snaplen, const char *prefix); /* or NULL */
void rs_pkttype_set(struct ruleset *, struct rs_rule *, enum rs_pkttype);
void rs_ct_timeout(struct ruleset *, struct rs_rule *, const char *policy);
void rs_quota(struct ruleset *, struct rs_rule *, const char *quota);
void rs_flow_add(struct ruleset *, struct rs_rule *, const char *flowtable);
void rs_mark_set(struct ruleset *, struct rs_rule *, uint32_t mark);
void rs_ct_mark_set(struct ruleset *, struct rs_rule *, uint32_t mark);
void rs_tproxy(struct ruleset *, struct rs_rule *, enum addr_family, uint16_t port);
void rs_verdict(struct ruleset *, struct rs_rule *, enum rs_verdict_kind, const char *chain);

/* A value as nft reads it: "10.0.0.0/8", "22-25", "echo-request", "\"br0\"" */
const char *rs_value_format(struct arena *, enum rs_type, const struct rs_value *);
const char *rs_timeout_state_name(const struct rs_timeout *, size_t state);
const char *rs_pkttype_name(enum rs_pkttype);
const char *rs_unit_name(enum rs_unit);
const char *rs_hook_name(enum rs_hook);
const char *rs_chain_type_name(enum rs_chain_type);
const char *rs_family_name(enum rs_family);
/* "accept", "jump refuse" */
const char *rs_verdict_format(struct arena *, const struct rs_verdict *);

/* --emit ir: every field of it, for goldens and for reading */
const char *ruleset_format(struct arena *, const struct ruleset *);
