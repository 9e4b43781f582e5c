/* From the scanner's state to the words that may stand there. */
#include "lsp/words.h"
#include "policy/words.h"

#include <string.h>

static const struct {
	enum word_place place;
	const char *word, *meaning;
} meanings[] = {
#define WORD(place, word, meaning) { WORD_##place, word, meaning },
#include "lsp/words.def"
#undef WORD
};
#define MEANINGS (sizeof meanings / sizeof *meanings)

static const char word_breaks[] = " \t\r\n,{}:@=\"[]";

size_t word_start(const char *text, size_t offset)
{
	while (offset && !memchr(word_breaks, text[offset - 1], sizeof word_breaks - 1))
		offset--;
	return offset;
}

size_t word_end(const char *text, size_t len, size_t offset)
{
	while (offset < len && !memchr(word_breaks, text[offset], sizeof word_breaks - 1))
		offset++;
	return offset;
}

/* Of the statements that are words behind a keyword */
static enum word_place behind_keyword(const struct parse_place *place)
{
	const char *last = place->last ? place->last : "", *statement = place->statement ? place->statement : "";

	if (!strcmp(statement, "default"))
		return place->words == 1 ? WORD_DIRECTION : place->words == 2 ? WORD_ACTION : WORD_NONE;
	if (!strcmp(statement, "profile"))
		return WORD_PROFILE;
	if (!strcmp(statement, "dns"))
		return place->words == 1                                       ? WORD_DNS :
		       place->words == 2 && !strcmp(last, "rebind-protection") ? WORD_ON_OFF :
		       place->words == 2 && !strcmp(last, "ech")               ? WORD_ECH :
										 WORD_NONE;
	if (!strcmp(statement, "tls"))
		return place->words == 1 ? WORD_TLS : place->words == 2 ? WORD_ACTION : WORD_NONE;
	if (strcmp(statement, "limit") != 0)
		return WORD_NONE;
	return place->words == 1 ? WORD_LIMIT_DIRECTION :
	       place->words == 2 ? (!strcmp(last, "dns") ? WORD_LIMIT_DNS : WORD_LIMIT_KIND) :
	       place->words == 4 ? WORD_LIMIT_BURST :
				   WORD_NONE;
}

/* Whether the line is of a lookup: "dns@" */
static bool is_lookup(const char *text, size_t offset)
{
	const char *start = text + offset;

	while (start > text && start[-1] != '@' && start[-1] != '\n')
		start--;
	return start - text >= 4 && !memcmp(start - 4, "dns@", 4);
}

static enum word_place field_place(const struct parse_place *place, const char *text, size_t offset)
{
	if (place->of_flow)
		return place->field == 0       ? WORD_FLOW_TARGET :
		       place->field == 2       ? WORD_PORT :
		       is_lookup(text, offset) ? WORD_TRANSPORT :
						 WORD_PROTO;
	return place->field == 0 ? WORD_TARGET : place->field == 1 ? WORD_PROTO : WORD_PORT;
}

enum word_place word_place_at(struct arena *arena, const char *text, size_t offset, struct parse_place *place)
{
	*place = parse_place_at(arena, text, offset);
	switch (place->expects) {
	case PARSE_STATEMENT:
		return WORD_STATEMENT;
	case PARSE_DIRECTION:
		return WORD_DIRECTION;
	case PARSE_FIELD:
		return field_place(place, text, offset);
	case PARSE_ATTRIBUTE: /* behind one with a value stands the value */
		return place->last && (!strcmp(place->last, "because") || !strcmp(place->last, "until") ||
				       !strcmp(place->last, "bytes")) ?
			       WORD_NONE :
			       WORD_ATTRIBUTE;
	case PARSE_WORD:
		return behind_keyword(place);
	case PARSE_MEMBER:
		return WORD_TARGET;
	case PARSE_ACTION:
		return WORD_ACTION;
	case PARSE_FLOW_KIND:
		return WORD_FLOW;
	case PARSE_OPTION:
		return WORD_OPTION;
	case PARSE_VALUE:
		return WORD_FLOW_TARGET;
	case PARSE_NOTHING:
		break;
	}
	return WORD_NONE;
}

/* Those of which the compiler keeps no list */
static const char *described_word(enum word_place place, size_t index)
{
	for (size_t i = 0; i < MEANINGS; i++)
		if (meanings[i].place == place && !index--)
			return meanings[i].word;
	return NULL;
}

const char *word_at(enum word_place place, size_t index)
{
	static const char *const *const lists[WORD_PLACES] = {
		[WORD_STATEMENT] = parse_statement_words, [WORD_ACTION] = rule_action_words,
		[WORD_DIRECTION] = rule_direction_words,  [WORD_TARGET] = rule_target_words,
		[WORD_PROTO] = rule_proto_words,          [WORD_PROFILE] = resolve_profile_words,
		[WORD_DNS] = resolve_dns_words,           [WORD_TLS] = resolve_tls_words,
	};

	if (place == WORD_ATTRIBUTE)
		return parse_attribute_word(index);
	return lists[place] ? lists[place][index] : described_word(place, index);
}

const char *word_meaning(enum word_place place, const char *word)
{
	for (size_t i = 0; i < MEANINGS; i++)
		if (meanings[i].place == place && !strcmp(meanings[i].word, word))
			return meanings[i].meaning;
	return NULL;
}
