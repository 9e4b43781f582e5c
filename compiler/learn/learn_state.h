/* What was learnt, as the files of this folder share it. */
#pragma once
#include "learn/learn.h"
#include "learn/learn_table.h"
#include "policy/policy_facts.h"

/* One service of a name or of an address */
struct learn_item {
	const char *name; /* NULL: by address */
	struct addr addr; /* the last; of a name its own */
	bool to_host;     /* the gateway, by its group: its address is another in each run */
	enum policy_proto proto;
	bool has_port;
	uint16_t port;
	size_t count;
	bool at_public;                /* of a name: it was at a public address */
	LIST_OF(struct addr) reserved; /* of a name: its other ones */
};
#define LEARN_LOOKUP_PORT FLOW_DNS_PORT
#define LEARN_RESERVED_MOST 64 /* of one item */

/* Where flows wait for server names: those that did, less those whose client spoke */
struct learn_endpoint {
	struct eval_connection connection;
	const char *name; /* the address's meanwhile; NULL: none */
	size_t begun, named;
};

struct learn_reach {
	size_t item;
	const char *where; /* an endpoint, as `answered` has it */
};

struct learn {
	struct arena *arena;
	struct addr_gateway gateway;
	struct learn_table services, lookups, pairs, addresses, endpoints, odd, denied;
	struct learn_table answered, reached, silent;
	struct learn_reach *reaches; /* by index in `reached` */
	size_t reaches_cap;
	bool answers_known;
	struct learn_item *items; /* by index in `services` */
	size_t item_cap;
	const char **last_names; /* by index in `addresses` */
	size_t last_cap;
	struct learn_endpoint *waiting; /* by index in `endpoints` */
	size_t waiting_cap;
	size_t *denied_counts; /* by index in `denied` */
	size_t denied_cap;
};

/* learn.c: counts what still waits by its address, once, before rules are made */
void learn_settle(struct learn *);

/* learn_answers.c: a flow of the service of that index went there; and at the end, services that nobody answered */
void learn_reached(struct learn *, struct arena *scratch, size_t item, const struct eval_connection *);
void learn_find_silent(struct learn *);

enum learn_rank { LEARN_SERVICE, LEARN_LOOKUP, LEARN_ADDRESS, LEARN_HOST };
struct learn_rule {
	enum learn_rank rank;
	struct policy_rule rule;
	const char *text; /* the rule as the grammar's printer writes it */
	size_t count;
	const char *ignored[2]; /* findings that are meant */
};
struct learn_rules {
	struct learn_rule *items;
	size_t count, cap;
};
/* learn_rules.c: what was learnt as rules, of one service each */
struct learn_rules learn_rules(struct arena *, const struct learn *);
/* learn_wildcards.c: what rules with a star might be instead, as comments */
struct text;
void learn_wildcards(struct text *, const struct learn_rules *);
/* learn_proof.c: whether every service and lookup passes under the policy */
bool learn_is_covered(const struct learn *, const struct policy *);
