/* The words of the language by where they may stand, each with its meaning. */
#pragma once
#include "syntax/parse.h"

enum word_place {
	WORD_NONE,
	WORD_STATEMENT,
	WORD_ACTION,
	WORD_DIRECTION,
	WORD_TARGET, /* of a rule or a group's member */
	WORD_PROTO,
	WORD_PORT,
	WORD_ATTRIBUTE,
	WORD_FLOW,
	WORD_FLOW_TARGET,
	WORD_OPTION,
	WORD_TRANSPORT,
	WORD_PROFILE,
	WORD_DNS,
	WORD_TLS,
	WORD_ON_OFF,
	WORD_ECH,
	WORD_LIMIT_DIRECTION,
	WORD_LIMIT_KIND,
	WORD_LIMIT_DNS,
	WORD_LIMIT_BURST,
	WORD_PLACES,
};

/* Where in a file a word that begins at `offset` stands; `place` tells more. */
enum word_place word_place_at(struct arena *, const char *text, size_t offset, struct parse_place *place);
/* Where the word begins of which the byte before `offset` is part; `offset` where it is of none */
size_t word_start(const char *text, size_t offset);
size_t word_end(const char *text, size_t len, size_t offset);
/* The words that may stand there, those of the compiler's own lists: NULL behind the last */
const char *word_at(enum word_place, size_t index);
/* What a word means there, in Markdown; NULL: it is none, or nothing is known of it */
const char *word_meaning(enum word_place, const char *word);
