/* The ruleset IR: tables, sets, chains and rules in nftables' own terms, built once and given to two
 * backends, the text printer (emit_nft) and the netlink encoder (runtime/nft_install). What is reviewed is
 * what is enforced. Names, comments and notes belong to the ruleset's arena and fit nftables' limits. */
#pragma once
#include "address.h"

enum rs_family { RS_INET, RS_NETDEV };
enum rs_hook { RS_HOOK_NONE, RS_PREROUTING, RS_INPUT, RS_FORWARD, RS_OUTPUT, RS_POSTROUTING, RS_INGRESS };
enum rs_chain_type { RS_FILTER, RS_NAT, RS_ROUTE };
enum rs_verdict_kind { RS_ACCEPT, RS_DROP, RS_JUMP, RS_GOTO, RS_RETURN };

/* Data types of set keys; RS_TYPE_NONE ends a concatenation */
enum rs_type { RS_TYPE_NONE, RS_TYPE_IPV4, RS_TYPE_IPV6, RS_TYPE_PROTO, RS_TYPE_PORT, RS_TYPE_IFNAME };
#define RS_KEY_PARTS 3

/* What a rule can look at: ruleset_fields.def has each one's nft spelling, size, byte order, and where the
 * kernel finds it, so that printer and encoder share one table. */
enum rs_field {
#define RS_FIELD(id, ...) RS_##id,
#include "ruleset_fields.def"
#undef RS_FIELD
	RS_FIELD_COUNT
};

struct rs_verdict {
	enum rs_verdict_kind kind;
	const char *chain; /* RS_JUMP, RS_GOTO */
};

struct rs_value {
	u128 lo, hi;      /* host order, inclusive; equal for a single value */
	uint8_t prefix;   /* print lo/prefix; RS_NO_PREFIX: print lo or lo-hi */
	const char *text; /* interface names */
};
#define RS_NO_PREFIX 0xff

struct rs_element {
	struct rs_value key[RS_KEY_PARTS];
	const char *comment;        /* NULL: none */
	uint64_t timeout_ms;        /* 0: none */
	struct rs_verdict verdict;  /* of a verdict map */
};

struct rs_set {
	const char *name;
	enum rs_type type[RS_KEY_PARTS];
	bool interval, timeout, map; /* map: key to verdict */
	bool runtime;                /* elements are put in while the sandbox runs */
	uint32_t size;               /* 0: no bound */
	const char *comment;         /* in the kernel */
	const char *note;            /* in the text only */
	struct { struct rs_element *items; size_t count, cap; } elements;
};

enum rs_expr_kind {
	RS_MATCH,      /* field == or != an operand */
	RS_LOOKUP,     /* up to three fields, concatenated, in a named set */
	RS_VMAP,       /* … in a named verdict map */
	RS_COUNTER,
	RS_VERDICT,
	RS_REJECT_RESET, /* tcp reset */
	RS_REJECT_ADMIN, /* icmpx admin-prohibited */
	RS_LOG,        /* to an nflog group */
	RS_LIMIT,      /* packets a second */
	RS_TPROXY,
	RS_MARK_SET,
	RS_MASQUERADE,
	RS_CT_COUNT,   /* connections over a bound */
};

struct rs_expr {
	enum rs_expr_kind kind;
	bool negate;                  /* RS_MATCH, RS_LOOKUP: != */
	enum rs_field field[RS_KEY_PARTS];
	size_t field_count;
	/* RS_MATCH: one value; several are an anonymous set */
	struct { struct rs_value *items; size_t count, cap; } values;
	u128 mask;                    /* RS_MATCH on flags (ct state): 0 none */
	const char *set;              /* RS_LOOKUP, RS_VMAP */
	struct rs_verdict verdict;
	uint32_t number;              /* log group, mark, connections */
	uint32_t snaplen;
	uint64_t rate;                /* packets a second */
	uint32_t burst;
	enum addr_family family;      /* RS_TPROXY */
	uint16_t port;
};

struct rs_rule {
	struct { struct rs_expr *items; size_t count, cap; } exprs;
	const char *comment; /* NULL: none; cut and cleaned */
};

struct rs_chain {
	const char *name;
	enum rs_hook hook;   /* RS_HOOK_NONE: a plain chain */
	enum rs_chain_type type;
	int priority;
	enum rs_verdict_kind policy; /* RS_ACCEPT or RS_DROP */
	const char *device;  /* RS_INGRESS */
	const char *note;    /* in the text only: a line above the chain */
	struct { struct rs_rule *items; size_t count, cap; } rules;
};

struct rs_table {
	enum rs_family family;
	const char *name;
	bool owner; /* the table lives as long as the netlink socket that made it */
	struct { struct rs_set *items; size_t count, cap; } sets;
	struct { struct rs_chain *items; size_t count, cap; } chains;
};

struct ruleset {
	struct arena *arena;
	struct { struct rs_table *items; size_t count, cap; } tables;
};

/* Building. Pointers into a list hold until the next push to the same list. */
struct ruleset *ruleset_new(struct arena *);
struct rs_table *rs_table_add(struct ruleset *, enum rs_family, const char *name);
struct rs_set *rs_set_add(struct ruleset *, struct rs_table *, const char *name, enum rs_type);
struct rs_chain *rs_chain_add(struct ruleset *, struct rs_table *, const char *name);
struct rs_chain *rs_base_chain_add(struct ruleset *, struct rs_table *, const char *name, enum rs_chain_type,
				   enum rs_hook, int priority, enum rs_verdict_kind policy);
struct rs_rule *rs_rule_add(struct ruleset *, struct rs_chain *, const char *comment);

/* --emit ir: every field of it, for goldens and for reading */
const char *ruleset_format(struct arena *, const struct ruleset *);
