/* What a policy and its includes mention: for completion, and to find what is under a cursor. Inside lsp/ only. */
#pragma once
#include "lsp/lsp_state.h"

/* What a rule, group or expectation is about */
const struct ast_word *statement_targets(const struct ast_statement *, size_t *count);
/* Calls `each` for every word that may be a target: of rules, groups' members (their names aside), expectations */
typedef void each_target(void *context, const struct ast_statement *, const struct ast_word *);
void names_each(const struct ast_file *, each_target *, void *context);
/* The target at the offset, in the statement; NULL: there is none */
const struct ast_word *names_target_at(const struct ast_statement *, uint32_t offset);

struct names {
	const char **items;
	size_t count, cap;
};
/* Names and addresses (brackets and all), sorted, each once; ports likewise */
struct names names_of_targets(struct arena *, const struct lsp_view *);
struct names names_of_ports(struct arena *, const struct lsp_view *);
