/* A subject's chain as a list of rules whose parts are known: addresses, a service, a verdict. What is not known here
 * blocks: then the chain stays as it is. */
#pragma once
#include "ruleset/ruleset.h"

enum { LINEAR_TCP = 1, LINEAR_UDP = 2, LINEAR_ICMP = 4, LINEAR_ICMP6 = 8, LINEAR_OTHER = 16, LINEAR_EVERY = 31 };

struct linear_rule {
	const struct rs_rule *source;
	uint32_t number;             /* its place among rules that differ but in their addresses: twins share it */
	bool family[2];              /* IPv4, IPv6 */
	const struct rs_expr *place; /* of one family: addresses in the rule, or */
	const struct rs_set *set;    /* in a named set; neither: every address */
	unsigned protos;             /* LINEAR_ bits, at least one */
	const struct rs_expr *ports; /* NULL: whatever they are, and without any */
	uint8_t wide;                /* for the pass: 0, or which of its sets of addresses, from 1 */
};

struct linear {
	struct linear_rule *items;
	size_t count, cap;
};

/* false: something in it is not known, *out is of no use. `jumped`: what is made of the rules is jumped to, where a return
 * would mean something else. The last rule takes in every packet. */
bool linear_read(struct arena *, const struct rs_table *, const struct rs_chain *, bool jumped, struct linear *out);
/* Each rule by itself: one that is not known has its source, and no protos. Its chain keeps the rules that are made. */
void linear_read_each(struct arena *, const struct rs_table *, const struct rs_chain *, struct linear *out);
/* Whether it is known, and about the addresses of one family */
bool linear_is_on_addresses(const struct linear_rule *);
/* Whether they differ in addresses, family and comment alone */
bool linear_alike(const struct linear_rule *, const struct linear_rule *);
/* Its verdict as an element of a map has it, where nothing can come back from it */
struct rs_verdict linear_verdict(const struct linear_rule *);
/* Adds what it does whatever the address: to a rule, or as a rule of its own with its comment */
void linear_copy_service(struct ruleset *, struct rs_rule *, const struct linear_rule *);
void linear_copy(struct ruleset *, struct rs_chain *, const struct linear_rule *);
/* Its addresses in ascending order, disjoint; none: every one of its families */
size_t linear_range_count(const struct linear_rule *);
struct rs_value linear_range(const struct linear_rule *, size_t index);
