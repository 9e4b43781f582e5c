/* The outline of a policy file: its groups, rules, expectations, what it includes. */
#include "lsp/lsp_state.h"

/* SymbolKind */
enum symbol_kind { SYMBOL_FILE = 1, SYMBOL_MODULE = 2, SYMBOL_PROPERTY = 7, SYMBOL_FUNCTION = 12, SYMBOL_EVENT = 24 };

static enum symbol_kind kind_of(const struct ast_statement *statement)
{
	switch (statement->kind) {
	case AST_GROUP:
		return SYMBOL_MODULE;
	case AST_RULE:
		return SYMBOL_FUNCTION;
	case AST_EXPECT:
		return SYMBOL_EVENT;
	case AST_INCLUDE:
		return SYMBOL_FILE;
	default:
		return SYMBOL_PROPERTY;
	}
}

/* The part of a statement by which it is known: a group's name, a rule without its attributes */
static struct span name_of(const struct ast_statement *statement)
{
	if (statement->kind == AST_GROUP && statement->words.count)
		return statement->words.items[0].span;
	return statement->kind == AST_RULE ? statement_rule(statement)->span : statement->span;
}

json_t *lsp_symbols(struct lsp *lsp, struct lsp_request *request)
{
	const struct ast_file *file;
	struct lsp_place at;
	json_t *list;

	if (!lsp_find_document(lsp, request, &at))
		return NULL;
	list = json_array();
	file = at.view->files[at.view->top].ast;
	for (size_t i = 0; file && i < file->statements.count; i++) {
		const struct ast_statement *statement = &file->statements.items[i];
		const char *name = span_text(request->arena, at.view->sources, name_of(statement));

		json_array_append_new(
			list,
			json_pack("{s:o, s:i, s:o, s:o}", "name",
				  lsp_text_json(request->arena, *name ? lsp_cut(request->arena, name) : "?"), "kind",
				  (int)kind_of(statement), "range", lsp_range_json(at.view, statement->span),
				  "selectionRange", lsp_range_json(at.view, name_of(statement))));
	}
	return list;
}
