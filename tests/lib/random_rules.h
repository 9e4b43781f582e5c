/* Random rules in the language's own words, for policies of unit tests and of the kernel oracle alike. Everything follows
 * from the seed. */
#pragma once
#include "random.h"
#include "base/address.h"

/* What rules are made of */
struct random_pool {
	const char *const *addresses; /* groups and networks, as written in a rule */
	size_t address_count;
	const char *const *names;
	size_t name_count;
	const char *const *within; /* networks behind `in`; NULL: no rule says that */
	size_t within_count;
	const char *const *ports; /* of TCP and UDP: ":80", ":{22,80-90}" */
	size_t port_count;
	const struct addr *near; /* networks around these too; NULL: none */
	size_t near_count;
	bool floor;  /* nothing that names a name */
	bool narrow; /* mostly few addresses and one port, so that of a long list many rules decide something */
};

/* "allow@10.1.0.0/16:tcp:{80,443}"; into the arena */
const char *random_rule(struct arena *, struct random *, const struct random_pool *);
/* So many, comma-joined */
const char *random_rule_list(struct arena *, struct random *, const struct random_pool *, size_t count);
