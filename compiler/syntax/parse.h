/* From source text to AST, by the one grammar (grammar/msb.y). Recovers per statement; syntax errors go
 * to diags. Results belong to diags' arena. */
#pragma once
#include "syntax/ast.h"
#include "diag/diag.h"

/* A whole file */
struct ast_file *parse_policy(struct diags *, uint32_t source);
/* The same, its nodes in an arena of their own, which may end before the policy that is made of them: the texts they
 * point to are in diags' arena as ever */
struct ast_file *parse_policy_into(struct arena *nodes, struct diags *, uint32_t source);
/* --net-rule: commas split, blanks trim */
struct ast_file *parse_rule_list(struct diags *, uint32_t source);
/* One token, as is; NULL where it has no form */
struct ast_rule *parse_rule_token(struct diags *, uint32_t source);
/* FLOW [resolve=…] [sni=…]; NULL where it has no form. With trailing lines, errors and a flow */
struct ast_flow *parse_flow(struct diags *, uint32_t source);
/* What a policy file that breaks off would go on with: a word of which kind, for completion. Of statements and flows
 * `words` is how many came before it since the line began, `last` the one before it. */
enum parse_expects {
	PARSE_NOTHING, /* no word that could be told */
	PARSE_STATEMENT,
	PARSE_DIRECTION,
	PARSE_FIELD, /* of a rule or a flow: 0 target, 1 protocol, 2 ports */
	PARSE_ATTRIBUTE,
	PARSE_WORD,   /* of `statement` */
	PARSE_MEMBER, /* of a group */
	PARSE_ACTION, /* behind expect */
	PARSE_FLOW_KIND,
	PARSE_OPTION,
	PARSE_VALUE, /* of an option */
};
struct parse_place {
	enum parse_expects expects;
	unsigned field;
	bool in_list, of_flow;
	const char *statement;
	size_t words;
	const char *last; /* NULL: none; belongs to the arena */
};
struct parse_place parse_place_at(struct arena *, const char *text, size_t len);

/* msb.l: all that a line may begin with, NULL at the end; an example of the statement, NULL of a rule; what may follow a
 * rule, NULL behind the last */
extern const char *const parse_statement_words[];
const char *parse_statement_usage(const char *word);
const char *parse_attribute_word(size_t index);

/* --emit ast */
const char *ast_format(struct arena *, const struct sources *, const struct ast_file *);
