/* What of nf_tables the rulesets of sandboxes use. A row for each kind of expression there is (unit test). */
#pragma once
#include "ruleset/ruleset.h"

#include <stdbool.h>

struct doctor_feature {
	/* What is tried: a rule in the chain of such a hook, and what else the table needs */
	void (*build)(struct ruleset *, struct rs_table *, struct rs_chain *);
	enum rs_hook hook;
	enum rs_chain_type type;
	enum rs_family family;
	const char *module, *config; /* of the kernel, for where it fails */
	bool optional;               /* sandboxes run without, less well */
};
/* The ruleset of it; `owned` tables end with their socket */
struct ruleset *doctor_feature_ruleset(struct arena *, const struct doctor_feature *, bool owned);
