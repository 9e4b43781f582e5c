/* A statement in its canonical words. Words are the source's own, so that nothing changes its meaning; only
 * blanks, line breaks inside braces and the order of attributes are ours. */
#include "syntax/fmt_state.h"
#include "base/text.h"

#include <string.h>

struct writer {
	struct fmt_lines *lines;
	struct text text; /* the line so far */
	bool on_several;  /* lines have been ended */
};

static const char *source_text(const struct writer *writer, struct span span)
{
	return span_text(writer->lines->arena, writer->lines->sources, span);
}

/* As written, brackets and what follows them included */
static const char *word_text(const struct writer *writer, const struct ast_word *word)
{
	struct span span = word->span;
	if (word->after.end > word->after.start)
		span.end = word->after.end;
	return source_text(writer, span);
}

static void end_line(struct writer *writer, enum fmt_kind kind)
{
	fmt_add_line(writer->lines, kind, arena_strdup(writer->lines->arena, text_get(&writer->text)));
	writer->text = (struct text){ .arena = writer->lines->arena };
	writer->on_several = true;
}

/* Line breaks and comments between two items, or before the first */
static void write_gap(struct writer *writer, const char *at, const char *end, bool *fresh)
{
	while (at < end) {
		if (*at == '\n' && !*fresh) {
			end_line(writer, FMT_PLAIN);
			*fresh = true;
		}
		if (*at != '#') {
			at++;
			continue;
		}
		size_t len = strcspn(at, "\r\n");
		const char *comment = arena_strndup(writer->lines->arena, at, len);
		if (*fresh)
			text_addf(&writer->text, "\t%s", comment);
		end_line(writer, FMT_PLAIN);
		if (!*fresh)
			writer->lines->items[writer->lines->count - 1].comment = comment;
		*fresh = true;
		at += len;
	}
}

/* A list over several lines: the items of a line stay on it. */
static void write_long_list(struct writer *writer, const struct ast_words *list, const char *whole)
{
	const char *at = whole + 1, *end = whole + strlen(whole) - 1;
	bool fresh = true;
	text_add(&writer->text, "{");
	end_line(writer, FMT_PLAIN);
	for (size_t i = 0; i < list->count; i++) {
		const struct ast_word *word = &list->items[i];
		const char *start = whole + (word->span.start - list->span.start);
		uint32_t behind = word->after.end > word->after.start ? word->after.end : word->span.end;
		write_gap(writer, at, start, &fresh);
		text_addf(&writer->text, "%s%s%s", fresh ? "\t" : " ", word_text(writer, word),
			  i + 1 < list->count ? "," : "");
		fresh = false;
		at = whole + (behind - list->span.start);
	}
	write_gap(writer, at, end, &fresh);
	if (!fresh)
		end_line(writer, FMT_PLAIN);
	text_add(&writer->text, "}");
}

static void write_words(struct writer *writer, const struct ast_word *words, size_t count, const char *between)
{
	for (size_t i = 0; i < count; i++)
		text_addf(&writer->text, "%s%s", i ? between : "", word_text(writer, &words[i]));
}

static void write_field(struct writer *writer, const struct ast_words *field, const char *before)
{
	if (!field->present)
		return;
	text_add(&writer->text, before);
	const char *whole = source_text(writer, field->span);
	if (!field->braced) {
		write_words(writer, field->items, field->count, "");
	} else if (strchr(whole, '\n')) {
		write_long_list(writer, field, whole);
	} else {
		text_add(&writer->text, "{");
		write_words(writer, field->items, field->count, ",");
		text_add(&writer->text, "}");
	}
}

/* In one line, blanks inside braces aside; a list over several, which may hold comments, as it is */
static void add_networks(const struct writer *writer, struct text *text, const struct ast_words *networks)
{
	const char *whole = source_text(writer, networks->span);

	if (networks->braced && strchr(whole, '\n')) {
		text_addf(text, "in %s", whole);
		return;
	}
	text_add(text, networks->braced ? "in {" : "in ");
	for (size_t i = 0; i < networks->count; i++)
		text_addf(text, "%s%s", i ? "," : "", word_text(writer, &networks->items[i]));
	text_add(text, networks->braced ? "}" : "");
}

static void add_attribute(const struct writer *writer, struct text *text, const struct ast_attribute *attribute)
{
	text_add(text, text->count ? "  " : "");
	if (attribute->kind == AST_IN)
		add_networks(writer, text, &attribute->values);
	else if (attribute->kind == AST_BECAUSE)
		text_addf(text, "because \"%s\"", attribute->value.text);
	else if (attribute->kind == AST_UNTIL)
		text_addf(text, "until %s", attribute->value.text);
	else if (attribute->kind == AST_BYTES)
		text_addf(text, "bytes %s", attribute->value.text);
	else
		text_add(text, attribute->kind == AST_NO_ECH ? "no-ech" : "log");
}

/* Where its names may be and how TLS may say them first, then how much, the reason, how long, log; NULL without any */
static const char *attributes_text(const struct writer *writer, const struct ast_rule *rule)
{
	static const enum ast_attribute_kind order[] = {
		AST_IN, AST_NO_ECH, AST_BYTES, AST_BECAUSE, AST_UNTIL, AST_LOG
	};
	struct text text = { .arena = writer->lines->arena };
	for (size_t kind = 0; kind < sizeof order / sizeof *order; kind++)
		for (size_t i = 0; i < rule->attributes.count; i++)
			if (rule->attributes.items[i].kind == order[kind])
				add_attribute(writer, &text, &rule->attributes.items[i]);
	return text.count ? text_get(&text) : NULL;
}

static void write_rule(struct writer *writer, const struct ast_rule *rule)
{
	text_add(&writer->text, rule->action.text);
	if (rule->direction.text)
		text_addf(&writer->text, ":%s", rule->direction.text);
	if (rule->has_at)
		text_add(&writer->text, "@");
	write_field(writer, &rule->target, "");
	write_field(writer, &rule->proto, ":");
	write_field(writer, &rule->ports, ":");
	text_add(&writer->text, source_text(writer, rule->trailing));
	const char *attributes = attributes_text(writer, rule);
	if (writer->on_several && attributes) { /* no column to align with */
		text_addf(&writer->text, "  %s", attributes);
		attributes = NULL;
	}
	end_line(writer, writer->on_several ? FMT_PLAIN : FMT_RULE);
	writer->lines->items[writer->lines->count - 1].tail = attributes;
}

static void write_group(struct writer *writer, const struct ast_statement *statement)
{
	const struct ast_word *name = &statement->words.items[0];
	struct ast_words members = { .items = statement->words.items + 1, .count = statement->words.count - 1 };
	struct span span = { statement->span.source, name->span.end, statement->span.end };
	const char *whole = strchr(source_text(writer, span), '=');
	const char *brace = whole + 1 + strspn(whole + 1, " \t");
	size_t first = writer->lines->count;
	if (*brace == '{' && strchr(brace, '\n')) {
		members.span = (struct span){ span.source, span.end - (uint32_t)strlen(brace), span.end };
		write_long_list(writer, &members, brace);
		end_line(writer, FMT_PLAIN);
		writer->lines->items[first].tail = "= {";
	} else {
		write_words(writer, members.items, members.count, ", ");
		const char *tail = arena_printf(writer->lines->arena, "= %s", text_get(&writer->text));
		end_line(writer, FMT_PLAIN);
		writer->lines->items[first].tail = tail;
	}
	writer->lines->items[first].kind = FMT_GROUP;
	writer->lines->items[first].text = arena_printf(writer->lines->arena, "group %s", name->text);
}

static void write_option(struct writer *writer, const char *name, const struct ast_word *value)
{
	if (value->text)
		text_addf(&writer->text, " %s=%s", name, value->text);
}

static void write_flow(struct writer *writer, const struct ast_flow *flow)
{
	text_add(&writer->text, flow->kind.text);
	if (flow->target.present)
		text_add(&writer->text, "@");
	write_field(writer, &flow->target, "");
	write_field(writer, &flow->proto, ":");
	write_field(writer, &flow->port, ":");
	text_add(&writer->text, source_text(writer, flow->trailing));
	write_option(writer, "resolve", &flow->resolve);
	write_option(writer, "sni", &flow->sni);
	text_add(&writer->text, flow->ech.text ? " ech" : "");
}

static void write_expect(struct writer *writer, const struct ast_statement *statement)
{
	const struct ast_flow *flow = statement->flow;
	const char *action = statement->words.items[0].text;
	bool several = strchr(source_text(writer, flow->span), '\n');
	if (several) /* no column to align with */
		text_addf(&writer->text, "expect %s ", action);
	write_flow(writer, flow);
	if (several) {
		end_line(writer, FMT_PLAIN);
		return;
	}
	const char *tail = arena_strdup(writer->lines->arena, text_get(&writer->text));
	end_line(writer, FMT_EXPECT);
	struct fmt_line *line = &writer->lines->items[writer->lines->count - 1];
	line->text = arena_printf(writer->lines->arena, "expect %-5s", action);
	line->tail = tail;
}

/* "keyword word word", or with commas from the second or third word on */
static void write_plain(struct writer *writer, const struct ast_statement *statement, const char *keyword, size_t lead)
{
	const struct ast_word *words = statement->words.items;
	text_addf(&writer->text, "%s ", keyword);
	write_words(writer, words, lead, " ");
	if (statement->words.count > lead) {
		text_add(&writer->text, lead ? " " : "");
		write_words(writer, words + lead, statement->words.count - lead, ", ");
	}
	end_line(writer, FMT_PLAIN);
}

void fmt_add_statement(struct fmt_lines *lines, const struct ast_statement *statement)
{
	struct writer writer = { .lines = lines, .text = { .arena = lines->arena } };
	switch (statement->kind) {
	case AST_RULE:
		write_rule(&writer, statement->rule);
		break;
	case AST_GROUP:
		write_group(&writer, statement);
		break;
	case AST_EXPECT:
		write_expect(&writer, statement);
		break;
	case AST_DEFAULT:
		write_plain(&writer, statement, "default", 2);
		break;
	case AST_PROFILE:
		write_plain(&writer, statement, "profile", 0);
		break;
	case AST_LIBRARY:
		text_add(&writer.text, "library");
		end_line(&writer, FMT_PLAIN);
		break;
	case AST_INCLUDE:
		write_plain(&writer, statement, "include", 1);
		break;
	case AST_PUBLISH:
		write_plain(&writer, statement, "publish", 1);
		break;
	case AST_DNS:
		write_plain(&writer, statement, "dns", 1);
		break;
	case AST_TLS:
		write_plain(&writer, statement, "tls", statement->words.count);
		break;
	case AST_LIMIT:
		write_plain(&writer, statement, "limit", statement->words.count);
		break;
	case AST_FORBID:
		write_plain(&writer, statement, "forbid", statement->words.count);
		break;
	}
}
