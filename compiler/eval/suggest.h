/* The rule that would let one denied flow pass, and next to nothing else: for hints beside denials. Who is denied chooses what
 * he asks for, so a rule is never offered for the metadata service, the host, loopback or what is refused whatever the
 * rules say, nor against a rule that denies, which is meant. What is made belongs to the arena. */
#pragma once
#include "eval/eval.h"

/* From the most careful on */
enum suggest_rank {
	SUGGEST_LOOKUP, /* of one name */
	SUGGEST_NAME,   /* a port of one name's addresses */
	SUGGEST_ADDRESS,
	SUGGEST_NO_PORT, /* ICMP of one address */
	SUGGEST_INGRESS,
};

struct suggestion {
	enum suggest_rank rank;
	const char *rule;  /* as --net-rule takes it: "allow@pypi.org:tcp:443" */
	const char *opens; /* what it would open, in words */
	const char *name;  /* of the first two ranks: whose lookup it brings; else NULL */
};

/* Whether a rule may be offered on the name (canonical): one that a rule says as it is, and no metadata service's nor the
 * host's */
bool suggest_offers_name(struct arena *, const char *name);

/* A connection that got this verdict. One with a server name is offered a rule on that name only, as if it had been looked
 * up. name: a name its address is bound to, canonical; or NULL. False: none is offered */
bool suggest_connection(struct arena *, const struct eval_context *, const struct eval_connection *,
			struct eval_verdict, const char *name, struct suggestion *out);
bool suggest_query(struct arena *, const struct eval_context *, const char *name, enum flow_transport,
		   struct eval_verdict, struct suggestion *out);
