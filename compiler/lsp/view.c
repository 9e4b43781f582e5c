/* From an open document to all that is known of it: the policy with what it includes, open texts before files, its
 * syntax trees, its findings. */
#include "lsp/lsp_state.h"
#include "base/source_overlay.h"
#include "lint/lint.h"
#include "policy/options.h"
#include "policy/policy_facts.h"
#include "syntax/parse.h"

#include <string.h>

#define FINDINGS_MAX 1000 /* of a document */

static const struct source_overlays *overlays_of(const struct lsp *lsp, struct arena *arena,
						 const struct lsp_document *document)
{
	struct source_overlays *overlays = arena_alloc(arena, sizeof *overlays);
	struct source_overlay *items = arena_alloc(arena, lsp->document_count * sizeof *items);

	for (size_t i = 0; i < lsp->document_count; i++)
		items[i] = (struct source_overlay){ lsp->documents[i]->path, lsp->documents[i]->text,
						    lsp->documents[i]->len };
	/* a text without a file has no directory from which it could include one */
	*overlays = (struct source_overlays){ items, lsp->document_count, lsp->options->alone || !document->is_file };
	return overlays;
}

static bool has_suffix(const char *name, const char *suffix)
{
	size_t len = strlen(name), tail = strlen(suffix);

	return len > tail && !strcmp(name + len - tail, suffix);
}

static bool is_policy_text(const struct source *source)
{
	return source->kind == SOURCE_FILE && !has_suffix(source->name, ".json") &&
	       !has_suffix(source->name, ".yaml") && !has_suffix(source->name, ".yml");
}

static void parse_files(struct lsp_view *view, const char *path)
{
	struct diags *unused = diags_new(view->arena, view->sources);

	view->files = arena_alloc(view->arena, view->sources->count * sizeof *view->files);
	for (uint32_t i = 0; i < view->sources->count; i++) {
		const struct source *source = view->sources->items[i];

		if (is_policy_text(source))
			view->files[i].ast = parse_policy(unused, i);
		if (source->kind == SOURCE_FILE && view->top == SPAN_NO_SOURCE && !strcmp(source->name, path))
			view->top = i;
	}
}

/* Errors there are, but of rules past their date, which leave the policy whole */
static bool is_whole(const struct diags *diags)
{
	for (size_t i = 0; i < diags->list.count; i++)
		if (diags->list.items[i].level == DIAG_ERROR && strcmp(diags->list.items[i].id, "expired"))
			return false;
	return true;
}

static struct lsp_view *new_view(struct lsp *lsp, const struct lsp_document *document)
{
	static const struct source_overlays nothing = { .alone = true };
	struct arena *arena = arena_new();
	struct lsp_view *view = arena_alloc(arena, sizeof *view);

	*view = (struct lsp_view){ .arena = arena, .top = SPAN_NO_SOURCE, .encoding = lsp->encoding };
	view->sources = sources_new(arena);
	view->sources->overlays = overlays_of(lsp, arena, document);
	view->diags = diags_new(arena, view->sources);
	view->diags->limit = FINDINGS_MAX;
	view->policy = options_resolve(lsp->options->policy, document->path, view->diags);
	view->whole = is_whole(view->diags);
	view->context = (struct eval_context){ .policy = view->policy,
					       .gateway = policy_gateway(view->policy, lsp->options->gateway),
					       .bindings = EVAL_NO_BINDINGS };
	parse_files(view, document->path);
	view->sources->overlays = &nothing; /* the open texts will change; nothing is read from here on */
	return view;
}

struct lsp_view *lsp_view(struct lsp *lsp, struct lsp_document *document)
{
	if (!document->view)
		document->view = new_view(lsp, document);
	return document->view;
}

void lsp_view_judge(struct lsp *lsp, struct lsp_view *view)
{
	struct lint_options options = {
		.gateway = view->context.gateway,
		.disabled = lsp->options->disabled,
		.disabled_count = lsp->options->disabled_count,
	};
	struct expect_report *report;

	if (view->judged)
		return;
	view->judged = true;
	if (!view->whole) {
		lint_error_edits(view->policy, view->diags, 0);
		return;
	}
	if (lsp->options->policy->today)
		date_parse(lsp->options->policy->today, &options.today);
	lint_policy(view->policy, &options, view->diags);
	report = expect_run(view->arena, &view->context);
	expect_explain(report, view->policy, view->diags);
	view->report = report;
}

void lsp_view_drop(struct lsp_document *document)
{
	if (document->view)
		arena_free(document->view->arena);
	document->view = NULL;
}

const struct lsp_text *lsp_view_text(struct lsp_view *view, uint32_t source)
{
	const struct source *from = sources_get(view->sources, source);
	struct lsp_text **text = &view->files[source].text;

	if (!*text)
		*text = lsp_text_new(view->arena, from->text, from->len, view->encoding);
	return *text;
}

bool lsp_view_includes(const struct lsp_view *view)
{
	const struct ast_file *ast = view->top != SPAN_NO_SOURCE ? view->files[view->top].ast : NULL;

	for (size_t i = 0; ast && i < ast->statements.count; i++)
		if (ast->statements.items[i].kind == AST_INCLUDE)
			return true;
	return false;
}

const struct ast_statement *lsp_view_statement(const struct lsp_view *view, uint32_t offset)
{
	const struct ast_file *ast = view->top != SPAN_NO_SOURCE ? view->files[view->top].ast : NULL;

	for (size_t i = 0; ast && i < ast->statements.count; i++)
		if (span_has(ast->statements.items[i].span, offset))
			return &ast->statements.items[i];
	return NULL;
}

size_t lsp_view_rule(const struct lsp_view *view, const struct ast_statement *statement)
{
	for (size_t i = 0; statement->kind == AST_RULE && i < view->policy->rules.count; i++) {
		struct span span = view->policy->rules.items[i].span;

		if (view->policy->rules.items[i].origin == ORIGIN_FILE && span.source == statement->span.source &&
		    span.start == statement_rule(statement)->span.start)
			return i;
	}
	return SIZE_MAX;
}
