/* Which flows change verdict between two policies: exactly those, as regions in the rule grammar's words, each with a flow
 * that shows it. Built on an analysis of both policies beside each other (analysis/analysis.h): in every class of flows
 * the first matches of the two are compared.
 *
 * A diff belongs to the arena it is made with, and so do the texts of its printers to theirs. */
#pragma once
#include "analysis/analysis.h"
#include "diff/diff_settings.h"

enum diff_kind {
	DIFF_ADDRESSES, /* connections, whatever is bound to the address */
	DIFF_NAMES,     /* connections to (from) addresses bound to a name, or with its server name */
	DIFF_QUERIES,
	DIFF_ANSWERS, /* of a lookup, by rebind protection */
};

struct diff_region {
	enum diff_kind kind;
	enum policy_direction direction;
	unsigned protos;     /* PROTO_ bits; of queries: transports, as 1 << FLOW_DNS_… */
	bool by_server_name; /* only a server name shows it */
	enum policy_action was;
	struct decider by[2];                    /* before, after */
	LIST_OF(uint32_t) atoms;                 /* all but DIFF_NAMES and DIFF_QUERIES */
	LIST_OF(uint32_t) classes;               /* DIFF_NAMES, DIFF_QUERIES */
	LIST_OF(struct policy_port_range) ports; /* none: any */
	struct addr where;                       /* DIFF_NAMES: an address at which it shows */
	uint32_t zone;           /* DIFF_NAMES: 0, or it shows in the networks of rules that say `in`: their zone, */
	LIST_OF(uint32_t) zones; /* and others */
	const char *together; /* DIFF_NAMES: only while this name is bound to the address as well, or is sent; NULL */
	const char *words;    /* "egress@public:tcp:80" */
	const char *except;   /* "1.2.3.0/24", what of it does not change; NULL: nothing */
	struct witness example;
	const char *example_text;
	double width;
};
/* The verdict afterwards: the other one */
enum policy_action diff_now(const struct diff_region *);

struct diff_publish {
	bool added;
	const struct policy_publish *publish;
};

/* A NAT64 prefix that one of the policies names */
struct diff_network {
	bool added;
	struct addr_prefix prefix;
};

struct diff {
	struct arena *arena;
	const struct policy *policies[2];
	struct eval_context contexts[2];
	struct analysis *analysis;
	const struct atoms *atoms;
	const struct name_classes *names;
	/* by rule: the rule of the other policy that is the same, in the same order; ANALYSIS_NONE */
	uint32_t *match[2];
	/* what opens first, then what closes, each from the widest on */
	LIST_OF(struct diff_region) regions;
	LIST_OF(struct diff_publish) publishes;
	LIST_OF(struct diff_network) networks;
	LIST_OF(struct diff_setting) settings; /* what opens, what closes, the rest */
	LIST_OF(struct diff_region) implied;   /* what other regions say already: not printed */
	const char *before_note;               /* the text says it behind places of the policy before; NULL: nothing */
};

/* With fuel->out set afterwards the result may not be used: fuel->policy and fuel->rule say where. */
struct diff *diff_policies(struct arena *, const struct policy *before, const struct policy *after,
			   const struct addr_gateway *, struct fuel *);
/* How many regions, how many published ports open (or close) */
size_t diff_count_regions(const struct diff *, enum policy_action now);
size_t diff_count_publishes(const struct diff *, bool added);
size_t diff_count_settings(const struct diff *, enum diff_effect);
/* How many changes of all kinds open something, and how many close */
size_t diff_opens(const struct diff *);
size_t diff_closes(const struct diff *);
/* Whether the diff says that this flow changes, or may: some region has it. For tests */
bool diff_contains(const struct diff *, const struct witness *);

/* Printers. `name` is what the policy is called. */
const char *diff_text(struct arena *, const struct diff *);
const char *diff_json(struct arena *, const struct diff *);
struct diff_notes {
	size_t expects, holding; /* expectations of the new policy */
	size_t findings;         /* that the old policy did not have */
};
const char *diff_markdown(struct arena *, const struct diff *, const char *name, const struct diff_notes *);
/* Who decided: its text as written, "default egress deny", "allow@vcs:tcp:22"; its place, SPAN_NONE where it has none; the
 * reason given for it, or NULL */
const char *diff_decider_text(struct arena *, const struct diff *, const struct diff_region *, int side);
struct span diff_decider_span(const struct diff *, const struct diff_region *, int side);
const char *diff_decider_because(const struct diff *, const struct diff_region *, int side);
/* "dns nat64-prefix 2001:db8:64::/96 only afterwards; flows are compared as if both named it" */
const char *diff_network_text(struct arena *, const struct diff_network *, bool markdown);
/* "publish 127.0.0.1:8080 to the guest's tcp:80, reachable from this host only" */
const char *diff_publish_text(struct arena *, const struct diff_publish *, bool markdown);
