/* The parts of a rule's meaning that groups and imports share with rule tokens. Inside the library only. Results
 * belong to the scope's arena; on failure an error was reported and *out is unchanged, but for targets already appended. */
#pragma once
#include "policy/resolve.h"

/* Where words get their meaning: whose groups are known, and how much may still be expanded. */
struct rule_scope {
	struct arena *arena;
	struct diags *diags;
	const struct policy *groups; /* sorted by name; NULL: none known */
	size_t *budget;              /* targets that lists of groups may still copy; NULL: no bound */
	const struct ast_rule *rule; /* for help that mends the token; NULL outside of one */
};

/* The rule of `scope->rule`; resolve_rule() is this with the scope made up. */
bool rule_resolve(const struct rule_scope *, struct policy_rule *out);
/* One target word. `in_list`: any and dns are errors. Appends to *out; false where an error was reported. */
bool rule_add_target(const struct rule_scope *, const struct ast_word *, bool in_list, struct policy_targets *out);
/* The parts of it, for importers that know what a word is */
bool rule_parse_cidr(const struct rule_scope *, const struct ast_word *, struct policy_target *out);
bool rule_parse_domain(const struct rule_scope *, const struct ast_word *, struct policy_target *out);
bool rule_parse_suffix(const struct rule_scope *, const struct ast_word *, struct policy_target *out);

/* rule_within.c: the networks behind `in`, into rule->within; what else the rule says is known by then */
bool rule_resolve_within(const struct rule_scope *, struct policy_rule *rule);
/* Whether such a rule may say `in`; `span` is where it does */
bool rule_check_within(const struct rule_scope *, const struct policy_rule *, struct span);
bool rule_add_network(const struct rule_scope *, const struct policy_target *network, struct policy_targets *out);

/* A file's group of that name, or NULL */
struct policy_group *rule_find_group(const struct rule_scope *, const char *name);
/* Whether a word is a keyword of the language, so that no group may have its name */
bool rule_is_keyword(const char *word);
bool rule_is_group_name(const char *word);                       /* whether a group may have it */
bool rule_parse_proto(const char *word, enum policy_proto *out); /* tcp udp icmpv4 icmpv6 */
/* Reports what follows the ports; false where nothing does */
bool rule_report_trailing(const struct rule_scope *);
/* Appends copies of `members` to *out, within the scope's budget */
bool rule_add_members(const struct rule_scope *, struct span, const struct policy_targets *members,
		      struct policy_targets *out);

/* A whole target that is a group: the rule shares the members, no copy a rule. The budget counts them all the
 * same, since every later stage looks at the targets of every rule. */
bool rule_share_group(const struct rule_scope *, struct span, struct policy_group *, struct policy_rule *out);

/* The token with the bytes of `part` replaced: what help offers to paste */
const char *rule_mend(const struct rule_scope *, struct span part, const char *replacement);
/* That as the help of a finding, and the bytes as its edit; outside of a rule the help has the words alone. */
void rule_suggest(const struct rule_scope *, struct diag *, struct span part, const char *replacement);
/* "did you mean `X`?", or NULL; `suggestion` may be NULL */
const char *rule_did_you_mean(struct arena *, const char *suggestion);
