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
/* --emit ast */
const char *ast_format(struct arena *, const struct sources *, const struct ast_file *);
