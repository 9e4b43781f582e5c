/* Walks over syntax trees. */
#include "lsp/names.h"

#include <stdlib.h>
#include <string.h>

const struct ast_word *statement_targets(const struct ast_statement *statement, size_t *count)
{
	switch (statement->kind) {
	case AST_RULE:
		*count = statement_rule(statement)->target.count;
		return statement_rule(statement)->target.items;
	case AST_GROUP: /* behind its name */
		*count = statement->words.count ? statement->words.count - 1 : 0;
		return statement->words.items + 1;
	case AST_EXPECT:
		*count = statement->flow->target.count;
		return statement->flow->target.items;
	default:
		*count = 0;
		return NULL;
	}
}

static void statement_each(const struct ast_statement *statement, each_target *each, void *context)
{
	size_t count;
	const struct ast_word *words = statement_targets(statement, &count);

	for (size_t i = 0; i < count; i++)
		each(context, statement, &words[i]);
}

void names_each(const struct ast_file *file, each_target *each, void *context)
{
	for (size_t i = 0; file && i < file->statements.count; i++)
		statement_each(&file->statements.items[i], each, context);
}

struct search {
	uint32_t offset;
	const struct ast_word *found;
};

static void find_at(void *context, const struct ast_statement *statement, const struct ast_word *word)
{
	struct search *search = context;

	(void)statement;
	if (word->text && span_has(word->span, search->offset))
		search->found = word;
}

const struct ast_word *names_target_at(const struct ast_statement *statement, uint32_t offset)
{
	struct search search = { .offset = offset };

	statement_each(statement, find_at, &search);
	return search.found;
}

/* ---- lists ---- */

struct collector {
	struct arena *arena;
	struct names names;
};

static void add_target(void *context, const struct ast_statement *statement, const struct ast_word *word)
{
	struct collector *collector = context;

	(void)statement;
	if (!word->text || word->unclosed || (!word->bracketed && !strchr(word->text, '.')))
		return;
	*arena_push(collector->arena, &collector->names) =
		word->bracketed ? arena_printf(collector->arena, "[%s]", word->text) : word->text;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static struct names sorted(struct names names)
{
	size_t count = 0;

	if (names.count)
		qsort(names.items, names.count, sizeof *names.items, compare_names);
	for (size_t i = 0; i < names.count; i++)
		if (!count || strcmp(names.items[count - 1], names.items[i]) != 0)
			names.items[count++] = names.items[i];
	names.count = count;
	return names;
}

struct names names_of_targets(struct arena *arena, const struct lsp_view *view)
{
	struct collector collector = { .arena = arena };

	for (size_t i = 0; i < view->sources->count; i++)
		names_each(view->files[i].ast, add_target, &collector);
	return sorted(collector.names);
}

static void add_ports(struct collector *collector, const struct ast_statement *statement)
{
	const struct ast_words *ports = statement->kind == AST_RULE ? &statement_rule(statement)->ports : NULL;

	for (size_t i = 0; ports && i < ports->count; i++)
		if (ports->items[i].text && *ports->items[i].text)
			*arena_push(collector->arena, &collector->names) = ports->items[i].text;
}

struct names names_of_ports(struct arena *arena, const struct lsp_view *view)
{
	struct collector collector = { .arena = arena };

	for (size_t i = 0; i < view->sources->count; i++)
		for (size_t k = 0; view->files[i].ast && k < view->files[i].ast->statements.count; k++)
			add_ports(&collector, &view->files[i].ast->statements.items[k]);
	return sorted(collector.names);
}
