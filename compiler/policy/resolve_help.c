/* Errors in statements that are known mistakes: what to write instead. The words are in syntax/mistakes.def; here are
 * the shapes. */
#include "policy/resolve_help.h"
#include "policy/words.h"

#include <stdlib.h>
#include <string.h>

void resolve_offer(struct diags *diags, struct diag *diag, struct span span, const char *written, const char *meant)
{
	if (!meant)
		return;
	if (!strcmp(span_text(diags->arena, diags->sources, span), written))
		diag_did_you_mean(diags, diag, span, meant);
	else
		diag->label = arena_printf(diags->arena, "did you mean `%s`?", meant);
}

void resolver_suggest_word(struct resolver *r, struct diag *diag, enum mistake_place place, const struct ast_word *word,
			   const char *const *words)
{
	const struct mistake *mistake = mistake_find(place, word->text);

	resolve_offer(r->diags, diag, word->span, word->text,
		      mistake ? mistake->meant : diag_nearest(word->text, words));
	if (mistake && mistake->why && !mistake->meant)
		diag->label = mistake->why;
}

void resolver_suggest_dns(struct resolver *r, struct diag *diag, const struct ast_statement *statement,
			  const char *const *settings)
{
	const struct ast_word *first = &statement->words.items[0];
	struct span insert = { first->span.source, first->span.start, first->span.start };
	struct addr addr;

	if (first->text[0] != '[' && !addr_parse(first->text, &addr)) {
		resolver_suggest_word(r, diag, MISTAKE_DNS, first, settings);
		return;
	}
	diag->label = "a server's address stands behind `nameserver`";
	diag->help = arena_printf(r->arena, "dns nameserver %s", first->text);
	diag_edit(r->diags, diag, insert, "nameserver ");
	if (statement->words.count > 1) {
		struct span comma = { first->span.source, first->span.end, first->span.end };
		diag->help = arena_printf(r->arena, "%s, %s", diag->help, statement->words.items[1].text);
		diag_edit(r->diags, diag, comma, ",");
	}
}

/* ---- dates ---- */

static const char *date_text(struct arena *arena, int year, int month, int day)
{
	struct date date;
	const char *text = arena_printf(arena, "%04d-%02d-%02d", year, month, day);

	return date_parse(text, &date) ? text : NULL;
}

/* "01.02.2027", "2027/2/1", also with a time behind "T": three numbers and what stands between them */
static bool split_date(const char *text, int numbers[3], size_t lens[3], char *between)
{
	for (size_t i = 0; i < 3; i++) {
		lens[i] = strspn(text, "0123456789");
		if (!lens[i] || lens[i] > 4)
			return false;
		numbers[i] = atoi(text);
		text += lens[i];
		if (i == 2)
			break;
		if (!*text || !strchr("./-", *text) || (i && *text != *between))
			return false;
		*between = *text++;
	}
	return !*text || *text == 'T';
}

static const char *reordered_date(struct arena *arena, const char *text)
{
	int numbers[3];
	size_t lens[3];
	char between = 0;

	if (strlen(text) == 8 && !text[strspn(text, "0123456789")])
		return date_text(arena, atoi(text) / 10000, atoi(text) / 100 % 100, atoi(text) % 100);
	if (!split_date(text, numbers, lens, &between))
		return NULL;
	if (lens[0] == 4)
		return date_text(arena, numbers[0], numbers[1], numbers[2]);
	if (lens[2] != 4)
		return NULL;
	if (between == '.' || numbers[0] > 12 || numbers[0] == numbers[1])
		return date_text(arena, numbers[2], numbers[1], numbers[0]);
	return numbers[1] > 12 ? date_text(arena, numbers[2], numbers[0], numbers[1]) : NULL; /* 1/2: either */
}

static const char *relative_date(struct resolver *r, const char *text)
{
	struct date today = r->input->today;

	if (!today.year || (strcmp(text, "today") != 0 && strcmp(text, "tomorrow") != 0))
		return NULL;
	if (text[2] == 'd')
		return date_text(r->arena, today.year, today.month, today.day);
	const char *next = date_text(r->arena, today.year, today.month, today.day + 1);
	if (!next)
		next = date_text(r->arena, today.year, today.month + 1, 1);
	return next ? next : date_text(r->arena, today.year + 1, 1, 1);
}

void resolver_suggest_date(struct resolver *r, struct diag *diag, const struct ast_word *word)
{
	const char *meant = reordered_date(r->arena, word->text);
	const struct mistake *mistake = mistake_find(MISTAKE_DATE, word->text);
	bool in_form = strlen(word->text) == 10 && word->text[4] == '-' && word->text[7] == '-';

	diag->label = mistake ? mistake->why : in_form && !meant ? "no such day" : "a day is written YYYY-MM-DD";
	resolve_offer(r->diags, diag, word->span, word->text, meant ? meant : relative_date(r, word->text));
}

/* ---- expectations ---- */

void resolver_suggest_expect(struct resolver *r, struct diag *diag, const struct ast_statement *statement)
{
	const struct ast_word *first = &statement->words.items[0];
	const struct ast_flow *flow = statement->flow;
	const struct mistake *action = flow->kind.text ? mistake_find(MISTAKE_ACTION, flow->kind.text) : NULL;

	if (!strchr(first->text, '@') || flow->target.present || !action) {
		resolver_suggest_word(r, diag, MISTAKE_ACTION, first, rule_action_words);
		return;
	}
	struct span both = { first->span.source, first->span.start, flow->kind.span.end };
	const char *meant = arena_printf(r->arena, "%s %s", action->meant, first->text);
	diag->label = "the action comes first";
	diag->help = arena_printf(r->arena, "expect %s", meant);
	diag_edit(r->diags, diag, both, meant);
}

bool resolver_set_once(struct resolver *r, enum setting setting, struct span span, const char *what, const char *value)
{
	if (!r->given[setting].value) {
		r->given[setting].value = value;
		r->given[setting].span = span;
		return true;
	}
	if (!strcmp(r->given[setting].value, value))
		return true;
	diag_relate(r->diags, diag_error(r->diags, "conflict", span, "%s is given twice with two values", what),
		    r->given[setting].span, "first given here");
	return false;
}
