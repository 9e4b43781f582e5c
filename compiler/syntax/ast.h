/* What the parser builds: statements with raw words and their spans, nothing looked up or interpreted.
 * `resolve` gives the words their meaning (and their errors: the classes bad-action, bad-ports, …). */
#pragma once
#include "base/source.h"

#include <stdbool.h>

/* A raw field. "[::1]" is one word with bracketed set, text without the brackets, span with them. */
struct ast_word {
	struct span span;
	const char *text; /* NULL where the field is absent */
	bool bracketed;
	bool unclosed;     /* "[" without "]" */
	bool angled;       /* "<name>", text without the brackets, span with them */
	struct span after; /* from "]" to the next ":"; mostly empty */
};

/* A field that may be a list: one word bare, or words in braces. */
struct ast_words {
	struct span span;
	bool present; /* false: the field is not there at all */
	bool braced;
	struct ast_word *items;
	size_t count, cap;
};

struct ast_attribute {
	enum ast_attribute_kind { AST_BECAUSE, AST_UNTIL, AST_LOG, AST_IN, AST_NO_ECH, AST_BYTES } kind;
	struct span span;        /* keyword and value */
	struct ast_word value;   /* text without the quotes */
	struct ast_words values; /* AST_IN: networks */
};

struct ast_rule {
	struct span span;          /* the token, attributes aside but for an `in` right behind it */
	struct ast_word action;    /* all up to the first ":" or "@" */
	struct ast_word direction; /* text NULL: absent; all from the first ":" up to "@" */
	bool has_at;
	struct ast_words target, proto, ports;
	struct span trailing; /* from the fourth ":" on; empty where there is none */
	LIST_OF(struct ast_attribute) attributes;
};

/* (egress|ingress)@TARGET:proto[:port], dns@NAME[:transport], answer@ADDRESS: raw, as a rule is. Lists, where many flows
 * are meant at once */
struct ast_flow {
	struct span span;
	struct ast_word kind; /* "egress", "ingress", "dns", "answer", or any other word */
	struct ast_words target, proto, port;
	struct span trailing;
	/* what expect and --batch lines add: resolve=…, sni=…, ech */
	struct ast_word resolve, sni; /* the value behind "=", text NULL: absent */
	struct ast_word ech;          /* the word; text NULL: absent */
};

enum ast_kind {
	AST_RULE,    /* rule */
	AST_DEFAULT, /* words: direction ("egress", "ingress", "any"), action */
	AST_PROFILE, /* words: names */
	AST_INCLUDE, /* words: the path, without its quotes */
	AST_LIBRARY, /* no words: the file is for others to include */
	AST_GROUP,   /* words: name, then members */
	AST_PUBLISH, /* words: the specification, raw */
	AST_DNS,     /* words: the setting and its values */
	AST_TLS,     /* words: the setting and its value */
	AST_LIMIT,   /* words: direction, "bandwidth" or "ops", rate, then perhaps "burst" and a size */
	AST_EXPECT,  /* word: the action; flow */
	AST_FORBID,  /* words: what no policy above a floor may say */
};

struct ast_statement {
	enum ast_kind kind;
	struct span span;
	struct ast_words words;      /* items and count only */
	const struct ast_rule *rule; /* AST_RULE */
	const struct ast_flow *flow; /* AST_EXPECT */
};

struct ast_file {
	uint32_t source;
	LIST_OF(struct ast_statement) statements;
};
