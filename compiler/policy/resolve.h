/* From AST to policy: words get their meaning, groups and includes are put in, defaults and profiles
 * applied, dates checked. All errors of a policy's meaning are found here. Results belong to the arena (diags' arena,
 * where none is given); on failure an error was reported and *out is unchanged. */
#pragma once
#include "syntax/ast.h"
#include "policy/policy.h"

struct resolve_input {
	/* each may be NULL or empty */
	const char *file; /* policy file as named; .json and .yaml go to the importers */
	const char *text; /* in place of what the file holds */
	const char *stdin_name;
	const char *include_root; /* NULL: the top file's directory */
	struct date today;        /* year 0: dates are not judged */
};

/* One rule's meaning: the error classes of the token vectors, in their order of precedence. `groups` may be
 * NULL. */
bool resolve_rule(struct arena *, const struct ast_rule *, const struct policy *groups, struct diags *,
		  struct policy_rule *out);
/* "[BIND:]HOST:GUEST[/tcp|/udp]", where HOST and GUEST may be ranges of one length: classes bad-format, bad-bind,
 * bad-host-port, bad-guest-port. *out is the first, *count how many follow each other from it on */
bool resolve_publish(struct diags *, struct span, const char *spec, struct policy_publish *out, uint16_t *count);
/* "IP[:PORT]", "[v6]:PORT", "HOST[:PORT]": class bad-nameserver */
bool resolve_nameserver(struct arena *, struct diags *, struct span, const char *spec, struct policy_nameserver *out);
