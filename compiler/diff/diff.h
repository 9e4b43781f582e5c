/* Which flows change verdict between two policies: exactly those, as regions in the rule grammar's words,
 * each with a flow that shows it. Built on the same axes and walk as region.h; the rules of both policies lie
 * on one line, and what is compared is the first rule of each. */
#pragma once
#include "analysis/analysis.h"

enum diff_kind {
	DIFF_ADDRESSES, /* connections, whatever is bound to the address */
	DIFF_NAMES,     /* connections to (from) addresses bound to a name, or with its server name */
	DIFF_QUERIES,
	DIFF_ANSWERS, /* of a lookup, by rebind protection */
};

/* Who decided: a rule's index, or one of these above rules.count */
enum diff_decider { DIFF_BY_DEFAULT, DIFF_BY_FLOOR, DIFF_BY_REBIND };

struct diff_region {
	enum diff_kind kind;
	enum policy_direction direction;
	unsigned protos;     /* PROTO_ bits; of queries: transports, as 1 << FLOW_DNS_… */
	bool by_server_name; /* only a server name shows it */
	enum policy_action was, now;
	size_t decider[2];                       /* before, after */
	LIST_OF(uint32_t) atoms;                 /* all but DIFF_NAMES and DIFF_QUERIES */
	LIST_OF(uint32_t) classes;               /* DIFF_NAMES, DIFF_QUERIES */
	LIST_OF(struct policy_port_range) ports; /* none: any */
	struct addr where;                       /* DIFF_NAMES: an address at which it shows */
	const char *together; /* DIFF_NAMES: only while this name is bound to the address as well, or is sent; NULL */
	const char *words;    /* "egress@public:tcp:80" */
	const char *except;   /* "1.2.3.0/24", what of it does not change; NULL: nothing */
	struct witness example;
	const char *example_text;
	double width;
};

struct diff_publish {
	bool added;
	const struct policy_publish *publish;
};

struct diff {
	struct arena *arena;
	const struct policy *policies[2];
	struct eval_context contexts[2];
	struct atoms *atoms;
	struct name_classes *names;
	/* what opens first, then what closes, each from the widest on */
	LIST_OF(struct diff_region) regions;
	LIST_OF(struct diff_publish) publishes;
	size_t opened, closed, published, unpublished;
};

/* With fuel->out set afterwards the result may not be used: fuel->policy and fuel->rule say where. */
struct diff *diff_policies(struct arena *, const struct policy *before, const struct policy *after,
			   const struct addr_gateway *, struct fuel *);
/* Whether the diff says that this flow changes, or may: some region has it */
bool diff_contains(const struct diff *, const struct witness *);

/* Printers. `name` is what the policy is called; texts belong to the arena. */
const char *diff_text(struct arena *, const struct diff *);
const char *diff_json(struct arena *, const struct diff *);
struct diff_notes {
	size_t expects, holding; /* expectations of the new policy */
	size_t findings;         /* that the old policy did not have */
};
const char *diff_markdown(struct arena *, const struct diff *, const char *name, const struct diff_notes *);
/* "default egress deny", "allow@vcs:tcp:22", as written */
const char *diff_decider_text(struct arena *, const struct diff *, const struct diff_region *, int side);
/* "agent.msb:7"; "-" where it has no place */
const char *diff_decider_place(struct arena *, const struct diff *, const struct diff_region *, int side);
/* The reason given for it, or NULL */
const char *diff_decider_because(const struct diff *, const struct diff_region *, int side);
/* "publish 127.0.0.1:8080 to the guest's tcp:80, reachable from this host only" */
const char *diff_publish_text(struct arena *, const struct diff_publish *, bool markdown);
