/* --emit ast: a line a statement, with its place and its raw words, as the grammar saw them. */
#include "base/escape.h"
#include "syntax/parse.h"
#include "base/text.h"

struct printer {
	struct arena *arena;
	const struct sources *sources;
	struct text *out;
};

static void print_word(const struct printer *printer, const struct ast_word *word)
{
	const char *text = escape_text(printer->arena, word->text);
	if (word->angled)
		text_addf(printer->out, " <\"%s\">", text);
	else if (word->bracketed)
		text_addf(printer->out, " [\"%s\"%s", text, word->unclosed ? "" : "]");
	else
		text_addf(printer->out, " \"%s\"", text);
	if (word->after.end > word->after.start)
		text_addf(printer->out, " after \"%s\"",
			  escape_text(printer->arena, span_text(printer->arena, printer->sources, word->after)));
}

static void print_named(const struct printer *printer, const char *name, const struct ast_word *word)
{
	if (!word->text)
		return;
	text_addf(printer->out, " %s", name);
	print_word(printer, word);
}

static void print_field(const struct printer *printer, const char *name, const struct ast_words *field)
{
	if (!field->present)
		return;
	text_addf(printer->out, " %s%s", name, field->braced ? " {" : "");
	for (size_t i = 0; i < field->count; i++)
		print_word(printer, &field->items[i]);
	text_add(printer->out, field->braced ? " }" : "");
}

static void print_trailing(const struct printer *printer, struct span span)
{
	if (span.end > span.start)
		text_addf(printer->out, " trailing \"%s\"",
			  escape_text(printer->arena, span_text(printer->arena, printer->sources, span)));
}

static void print_rule(const struct printer *printer, const struct ast_rule *rule)
{
	static const char *const names[] = {
		[AST_BECAUSE] = "because", [AST_UNTIL] = "until",   [AST_LOG] = "log",
		[AST_IN] = "in",           [AST_NO_ECH] = "no-ech", [AST_BYTES] = "bytes"
	};
	print_named(printer, "action", &rule->action);
	print_named(printer, "direction", &rule->direction);
	print_field(printer, "target", &rule->target);
	print_field(printer, "proto", &rule->proto);
	print_field(printer, "ports", &rule->ports);
	print_trailing(printer, rule->trailing);
	for (size_t i = 0; i < rule->attributes.count; i++) {
		const struct ast_attribute *attribute = &rule->attributes.items[i];
		if (attribute->kind == AST_IN) {
			print_field(printer, names[AST_IN], &attribute->values);
			continue;
		}
		text_addf(printer->out, " %s", names[attribute->kind]);
		if (attribute->value.text)
			print_word(printer, &attribute->value);
	}
}

static void print_flow(const struct printer *printer, const struct ast_flow *flow)
{
	print_named(printer, "flow", &flow->kind);
	print_field(printer, "target", &flow->target);
	print_field(printer, "proto", &flow->proto);
	print_field(printer, "port", &flow->port);
	print_trailing(printer, flow->trailing);
	print_named(printer, "resolve", &flow->resolve);
	print_named(printer, "sni", &flow->sni);
	print_named(printer, "ech", &flow->ech);
}

static void print_statement(const struct printer *printer, const struct ast_statement *statement)
{
	static const char *const names[] = {
		[AST_RULE] = "rule",       [AST_DEFAULT] = "default", [AST_PROFILE] = "profile",
		[AST_INCLUDE] = "include", [AST_GROUP] = "group",     [AST_PUBLISH] = "publish",
		[AST_DNS] = "dns",         [AST_LIMIT] = "limit",     [AST_EXPECT] = "expect",
		[AST_LIBRARY] = "library", [AST_FORBID] = "forbid",   [AST_TLS] = "tls",
	};
	struct place place = span_place(printer->sources, statement->span);
	text_addf(printer->out, "%u:%u-%u:%u %s", place.line, place.column, place.end_line, place.end_column,
		  names[statement->kind]);
	for (size_t i = 0; i < statement->words.count; i++)
		print_word(printer, &statement->words.items[i]);
	if (statement->kind == AST_RULE)
		print_rule(printer, statement->rule);
	if (statement->kind == AST_EXPECT)
		print_flow(printer, statement->flow);
	text_add(printer->out, "\n");
}

const char *ast_format(struct arena *arena, const struct sources *sources, const struct ast_file *file)
{
	struct text out = { .arena = arena };
	struct printer printer = { arena, sources, &out };
	for (size_t i = 0; i < file->statements.count; i++)
		print_statement(&printer, &file->statements.items[i]);
	return text_get(&out);
}
