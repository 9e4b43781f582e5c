/* What the files of the interpreter share: a frame taken apart, the names, the sets. */
#pragma once
#include "ruleset_run.h"

/* A frame as nf_tables sees it in one hook */
struct run_packet {
	const uint8_t *frame;
	size_t len;
	const struct run_world *world;
	const char *iif, *oif; /* NULL: none in this hook */
	unsigned ether_type;
	unsigned nfproto; /* AF_INET, AF_INET6, 0: neither */
	bool has_l4;      /* the transport header is here: not so in a later fragment */
	uint8_t l4;
	size_t transport; /* its offset */
	bool routing;     /* an IPv6 routing header is there */
	unsigned ct_state, ct_status;
	bool has_ct;
	uint32_t mark, ct_mark;
	unsigned pkttype;
};

/* ruleset_run_field.c. Takes Ethernet, IPv4 and IPv6 with extension headers apart; false: not even a whole header. */
bool run_parse(struct run_packet *, const uint8_t *frame, size_t len);
struct addr run_destination(const struct run_packet *);
uint8_t run_ttl(const struct run_packet *);
/* The field's value and what nft puts in front of it; false: the rule does not go on. Names by *text. */
bool run_field(const struct run_packet *, enum rs_field, u128 *value, const char **text);
/* Whether a match holds, negation included; false as well where the field is not there */
bool run_match(const struct run_packet *, const struct rs_expr *);

/* ruleset_run_set.c: names to sets and chains */
struct run_element {
	u128 lo[RS_KEY_PARTS], hi[RS_KEY_PARTS];
	struct rs_verdict verdict;
	const char *comment;
	uint64_t until_ms;
};
struct run_set {
	const char *name;
	const struct rs_set *set;
	size_t parts;
	LIST_OF(struct run_element) elements; /* of one part: sorted */
};
struct run_name {
	const char *name;
	struct run_set *set;
	const struct rs_chain *chain;
};
struct run_names {
	struct run_name *slots;
	size_t room, used; /* room: a power of two */
};
struct run_name *run_name_find(struct run_names *, const char *name); /* NULL: unknown */
struct run_name *run_name_add(struct arena *, struct run_names *, const char *name);
struct run_set *run_set_new(struct arena *, const struct rs_set *);
const struct run_element *run_set_find(const struct run_set *, const u128 *key);
void run_set_put(struct arena *, struct run_set *, const struct run_element *);
void run_set_take(struct run_set *, const u128 *key);
