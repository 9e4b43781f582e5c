/* What the grammar's actions build with: words from spans, and the nodes that hold them. */
#include "syntax/parse_state.h"

#include <string.h>

/* Reports once that the source is too large; what follows is parsed and dropped. */
static void refuse_more(struct parser *parser, struct span span, const char *what, size_t most)
{
	if (!parser->too_many)
		diag_error(parser->diags, "too-large", span, "more than %zu %s", most, what);
	parser->too_many = true;
}

static struct ast_word make_word(struct parser *parser, struct span whole, struct span text)
{
	struct ast_word word = { .span = whole, .text = "", .after = { whole.source, whole.end, whole.end } };
	uint32_t len = text.end - text.start;
	if (++parser->words > PARSE_WORDS_MAX)
		refuse_more(parser, whole, "words", PARSE_WORDS_MAX);
	else if (len > PARSE_WORD_MAX)
		diag_error(parser->diags, "too-large", whole, "a word of %u bytes; %u are the most", len,
			   PARSE_WORD_MAX);
	else
		word.text = arena_strndup(parser->arena, parser->text + text.start, len);
	return word;
}

struct ast_word parse_word(struct parser *parser, struct span span)
{
	return make_word(parser, span, span);
}

struct ast_word parse_word_inside(struct parser *parser, struct span span)
{
	return make_word(parser, span, (struct span){ span.source, span.start + 1, span.end - 1 });
}

struct ast_word parse_bracketed(struct parser *parser, struct span brackets, struct span after)
{
	struct ast_word word = parse_word_inside(parser, brackets);
	word.bracketed = true;
	word.after = after;
	return word;
}

struct ast_word parse_angled(struct parser *parser, struct span span)
{
	struct ast_word word = parse_word_inside(parser, span);
	word.angled = true;
	return word;
}

struct ast_word parse_unclosed(struct parser *parser, struct span span)
{
	struct ast_word word = make_word(parser, span, (struct span){ span.source, span.start + 1, span.end });
	word.bracketed = word.unclosed = true;
	return word;
}

struct ast_words parse_append(struct parser *parser, struct ast_words words, struct ast_word word)
{
	if (!words.present)
		words = (struct ast_words){ .span = word.span, .present = true };
	words.span.end = word.after.end;
	*arena_push(parser->nodes, &words) = word;
	return words;
}

struct ast_words parse_single(struct parser *parser, struct ast_word word)
{
	return parse_append(parser, (struct ast_words){ 0 }, word);
}

struct ast_words parse_prepend(struct parser *parser, struct ast_word word, struct ast_words words)
{
	struct ast_words all = parse_single(parser, word);
	for (size_t i = 0; i < words.count; i++)
		all = parse_append(parser, all, words.items[i]);
	return all;
}

struct ast_words parse_braced(struct ast_words words, struct span span)
{
	words.braced = true;
	words.span = span;
	return words;
}

struct ast_rule *parse_rule(struct parser *parser, struct span span, struct ast_rule head,
			    const struct ast_words *target, const struct ast_words *proto,
			    const struct ast_words *ports, struct span trailing)
{
	struct ast_rule *rule = arena_alloc(parser->nodes, sizeof *rule);
	*rule = head;
	rule->span = span;
	rule->has_at = target;
	if (target)
		rule->target = *target;
	if (proto)
		rule->proto = *proto;
	if (ports)
		rule->ports = *ports;
	rule->trailing = trailing;
	return rule;
}

struct ast_rule *parse_empty_rule(struct parser *parser, struct span span)
{
	struct ast_rule head = { .action = parse_word(parser, span) };
	return parse_rule(parser, span, head, NULL, NULL, NULL, span);
}

struct ast_attribute parse_attribute(enum ast_attribute_kind kind, struct span span, struct ast_word value)
{
	return (struct ast_attribute){ .kind = kind, .span = span, .value = value };
}

struct ast_attribute parse_networks(struct span span, struct ast_words networks)
{
	return (struct ast_attribute){ .kind = AST_IN, .span = span, .values = networks };
}

void parse_add_attribute(struct parser *parser, struct ast_rule *rule, struct ast_attribute attribute)
{
	static const char *const names[] = {
		[AST_BECAUSE] = "because", [AST_UNTIL] = "until",   [AST_LOG] = "log",
		[AST_IN] = "in",           [AST_NO_ECH] = "no-ech", [AST_BYTES] = "bytes"
	};
	if (attribute.kind == AST_IN && !rule->attributes.count)
		rule->span.end = attribute.span.end;
	for (size_t i = 0; i < rule->attributes.count; i++) {
		if (rule->attributes.items[i].kind != attribute.kind)
			continue;
		struct diag *diag = diag_error(parser->diags, "repeated-attribute", attribute.span,
					       "`%s` is given twice", names[attribute.kind]);
		diag_relate(parser->diags, diag, rule->attributes.items[i].span, "here first");
		return;
	}
	*arena_push(parser->nodes, &rule->attributes) = attribute;
}

struct ast_flow *parse_flow_fields(struct parser *parser, struct span span, struct ast_word kind,
				   const struct ast_words *target, const struct ast_words *proto,
				   const struct ast_words *port, struct span trailing)
{
	struct ast_flow *flow = arena_alloc(parser->nodes, sizeof *flow);
	flow->span = span;
	flow->kind = kind;
	if (target)
		flow->target = *target;
	if (proto)
		flow->proto = *proto;
	if (port)
		flow->port = *port;
	flow->trailing = trailing;
	return flow;
}

void parse_add_option(struct parser *parser, struct ast_word *option, struct ast_word value, const char *name)
{
	if (!option->text) {
		*option = value;
		return;
	}
	struct diag *diag = diag_error(parser->diags, "syntax", value.span, "`%s` is given twice", name);
	diag_relate(parser->diags, diag, option->span, "here first");
}

static void add_statement(struct parser *parser, struct ast_statement statement)
{
	if (parser->file->statements.count >= PARSE_STATEMENTS_MAX) {
		refuse_more(parser, statement.span, "statements", PARSE_STATEMENTS_MAX);
		return;
	}
	*arena_push(parser->nodes, &parser->file->statements) = statement;
}

void parse_add_rule(struct parser *parser, struct ast_rule *rule)
{
	struct ast_statement statement = { .kind = AST_RULE, .span = rule->span, .rule = rule };
	for (size_t i = 0; i < rule->attributes.count; i++)
		statement.span.end = rule->attributes.items[i].span.end;
	add_statement(parser, statement);
}

void parse_add_statement(struct parser *parser, enum ast_kind kind, struct span span, struct ast_words words)
{
	add_statement(parser, (struct ast_statement){ .kind = kind, .span = span, .words = words });
}

void parse_add_expect(struct parser *parser, struct span span, struct ast_word action, struct ast_flow *flow)
{
	struct ast_statement statement = { .kind = AST_EXPECT, .span = span, .flow = flow };
	*arena_push(parser->nodes, &statement.words) = action;
	add_statement(parser, statement);
}
