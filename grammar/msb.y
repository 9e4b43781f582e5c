/* The one grammar of rule tokens, rule lists, policy files and flow expressions. A start token, which the
 * scanner gives first, chooses among them. Actions only build AST: no word is looked up or judged here. */
%require "3.8"
%expect 0
%define api.pure full
%define api.prefix {msb_yy}
%define api.location.type {struct span}
%define parse.error custom
%define parse.lac full
%lex-param {void *scanner}
%parse-param {struct parser *parser} {void *scanner}

%code requires {
#include "syntax/parse_state.h"
}

%code {
#include "msb.lex.h"

/* The place of an empty right-hand side is the end of what is before it. */
#define YYLLOC_DEFAULT(Current, Rhs, N)                                                                  \
	((Current) = (N) ? (struct span){ YYRHSLOC(Rhs, 1).source, YYRHSLOC(Rhs, 1).start, YYRHSLOC(Rhs, N).end } \
			 : (struct span){ YYRHSLOC(Rhs, 0).source, YYRHSLOC(Rhs, 0).end, YYRHSLOC(Rhs, 0).end })

static void msb_yyerror(struct span *span, struct parser *parser, void *scanner, const char *message);

#define NOWHERE(at) ((struct span){ (at).source, (at).end, (at).end })
#define EMPTY_BEFORE(at) ((struct span){ (at).source, (at).start, (at).start })
}

%union {
	struct ast_word word;
	struct ast_words words;
	struct ast_attribute attribute;
	struct ast_rule head; /* action and direction only */
	struct ast_rule *rule;
	struct ast_flow *flow;
}

%token START_FILE START_LIST START_TOKEN START_FLOW
%token ACTION "an action" DIRECTION "a direction" WORD "a word" STRING "a string in quotes"
%token BRACKETED "an address in brackets" ANGLED "a name in angle brackets" UNCLOSED "a bracket without its end" TRAILING "a fourth field"
%token AT "@" COLON ":" COMMA "," LBRACE "{" RBRACE "}" EQUALS "=" EOL "the end of the line"
%token DEFAULT "default" PROFILE "profile" INCLUDE "include" GROUP "group" PUBLISH "publish" DNS "dns"
%token LIBRARY "library" LIMIT "limit" TLS "tls" EXPECT_ "expect" FORBID "forbid" BECAUSE "because" UNTIL "until" LOG "log" IN "in" NO_ECH "no-ech" BYTES "bytes"
%token RESOLVE "resolve=" SNI "sni=" ECH "ech"
%token UNKNOWN "an unknown statement" JUNK "a stray character"

%type <head> head start
%type <rule> rule attributed placed
%type <words> field list members words comma_words
%type <word> direction raw member word value flow_start
%type <attribute> attribute networks
%type <flow> flow flow_line

%initial-action { @$ = (struct span){ parser->source, 0, 0 }; }

%%
input:
	START_FILE file
|	START_LIST rules EOL
|	START_TOKEN placed EOL		{ parser->rule = $2; }
|	START_TOKEN EOL			{ parser->rule = parse_empty_rule(parser, @1); }
|	START_FLOW flow_line EOL	{ parser->flow = $2; }
;

rules:	listed
|	rules "," listed
;
listed:	%empty
|	placed				{ parse_add_rule(parser, $1); }
|	error
;
placed:	rule
|	rule networks			{ parse_add_attribute(parser, $1, $2); $$ = $1; }
;

file:	%empty
|	file line
;
line:	"the end of the line"
|	statement EOL
|	error EOL			{ yyerrok; }
;

statement:
	attributed			{ parse_add_rule(parser, $1); }
|	"default" word word		{ parse_add_statement(parser, AST_DEFAULT, @$, parse_append(parser, parse_single(parser, $2), $3)); }
|	"profile" comma_words		{ parse_add_statement(parser, AST_PROFILE, @$, $2); }
|	"include" STRING		{ parse_add_statement(parser, AST_INCLUDE, @$, parse_single(parser, parse_word_inside(parser, @2))); }
|	"include" ANGLED		{ parse_add_statement(parser, AST_INCLUDE, @$, parse_single(parser, parse_angled(parser, @2))); }
|	"group" word "=" members	{ parse_add_statement(parser, AST_GROUP, @$, parse_prepend(parser, $2, $4)); }
|	"group" word "=" list		{ parse_add_statement(parser, AST_GROUP, @$, parse_prepend(parser, $2, $4)); }
|	"library"			{ parse_add_statement(parser, AST_LIBRARY, @$, (struct ast_words){ 0 }); }
|	"publish" word			{ parse_add_statement(parser, AST_PUBLISH, @$, parse_single(parser, $2)); }
|	"dns" word comma_words		{ parse_add_statement(parser, AST_DNS, @$, parse_prepend(parser, $2, $3)); }
|	"tls" words			{ parse_add_statement(parser, AST_TLS, @$, $2); }
|	"limit" words			{ parse_add_statement(parser, AST_LIMIT, @$, $2); }
|	"forbid" words			{ parse_add_statement(parser, AST_FORBID, @$, $2); }
|	"expect" word flow_line		{ parse_add_expect(parser, @$, $2, $3); }
;

/* A rule's head may lack anything, its "@" too: resolving reports the error. */
attributed:
	rule
|	attributed attribute		{ parse_add_attribute(parser, $1, $2); $$ = $1; }
;
attribute:
	"because" STRING		{ $$ = parse_attribute(AST_BECAUSE, @$, parse_word_inside(parser, @2)); }
|	"until" word			{ $$ = parse_attribute(AST_UNTIL, @$, $2); }
|	"log"				{ $$ = parse_attribute(AST_LOG, @$, (struct ast_word){ .span = NOWHERE(@1) }); }
|	"bytes" word			{ $$ = parse_attribute(AST_BYTES, @$, $2); }
|	"no-ech"			{ $$ = parse_attribute(AST_NO_ECH, @$, (struct ast_word){ .span = NOWHERE(@1) }); }
|	networks
;
networks:
	"in" member			{ $$ = parse_networks(@$, parse_single(parser, $2)); }
|	"in" list			{ $$ = parse_networks(@$, $2); }
;
rule:
	head				{ $$ = parse_rule(parser, @$, $1, NULL, NULL, NULL, NOWHERE(@$)); }
|	start field			{ $$ = parse_rule(parser, @$, $1, &$2, NULL, NULL, NOWHERE(@$)); }
|	start field ":" field		{ $$ = parse_rule(parser, @$, $1, &$2, &$4, NULL, NOWHERE(@$)); }
|	start field ":" field ":" field { $$ = parse_rule(parser, @$, $1, &$2, &$4, &$6, NOWHERE(@$)); }
|	start field ":" field ":" field TRAILING
					{ $$ = parse_rule(parser, @$, $1, &$2, &$4, &$6, @7); }
;
start:	head "@"			{ $$ = $1; }
|	"@"				{ $$ = (struct ast_rule){ .action = parse_word(parser, EMPTY_BEFORE(@1)) }; }
;
head:	ACTION				{ $$ = (struct ast_rule){ .action = parse_word(parser, @1) }; }
|	ACTION ":" direction		{ $$ = (struct ast_rule){ .action = parse_word(parser, @1), .direction = $3 }; }
|	":" direction			{ $$ = (struct ast_rule){ .action = parse_word(parser, EMPTY_BEFORE(@1)), .direction = $2 }; }
;
direction:
	%empty				{ $$ = parse_word(parser, @$); }
|	DIRECTION			{ $$ = parse_word(parser, @1); }
;
field:	raw				{ $$ = parse_single(parser, $1); }
|	list
;
raw:	%empty				{ $$ = parse_word(parser, @$); }
|	member
;
member:	WORD				{ $$ = parse_word(parser, @1); }
|	BRACKETED			{ $$ = parse_bracketed(parser, @1, NOWHERE(@1)); }
|	BRACKETED WORD			{ $$ = parse_bracketed(parser, @1, @2); }
|	UNCLOSED			{ $$ = parse_unclosed(parser, @1); }
;
list:	"{" members "}"			{ $$ = parse_braced($2, @$); }
;
members:
	member				{ $$ = parse_single(parser, $1); }
|	members "," member		{ $$ = parse_append(parser, $1, $3); }
;

/* Statements' words */
word:	WORD				{ $$ = parse_word(parser, @1); }
;
words:	word				{ $$ = parse_single(parser, $1); }
|	words word			{ $$ = parse_append(parser, $1, $2); }
;
comma_words:
	word				{ $$ = parse_single(parser, $1); }
|	comma_words "," word		{ $$ = parse_append(parser, $1, $3); }
;

/* Flow expressions, with what may follow them */
flow_line:
	flow
|	flow_line "resolve=" value	{ parse_add_option(parser, &$1->resolve, $3, "resolve="); $$ = $1; }
|	flow_line "sni=" value		{ parse_add_option(parser, &$1->sni, $3, "sni="); $$ = $1; }
|	flow_line "ech"			{ parse_add_option(parser, &$1->ech, parse_word(parser, @2), "ech"); $$ = $1; }
;
value:	%empty				{ $$ = parse_word(parser, @$); }
|	word
;
flow:	word				{ $$ = parse_flow_fields(parser, @$, $1, NULL, NULL, NULL, NOWHERE(@$)); }
|	flow_start field		{ $$ = parse_flow_fields(parser, @$, $1, &$2, NULL, NULL, NOWHERE(@$)); }
|	flow_start field ":" field	{ $$ = parse_flow_fields(parser, @$, $1, &$2, &$4, NULL, NOWHERE(@$)); }
|	flow_start field ":" field ":" field { $$ = parse_flow_fields(parser, @$, $1, &$2, &$4, &$6, NOWHERE(@$)); }
|	flow_start field ":" field ":" field TRAILING
					{ $$ = parse_flow_fields(parser, @$, $1, &$2, &$4, &$6, @7); }
;
flow_start:
	word "@"			{ $$ = $1; }
|	"@"				{ $$ = parse_word(parser, EMPTY_BEFORE(@1)); }
;

%%
#define EXPECTED_MAX 8

static int yyreport_syntax_error(const yypcontext_t *context, struct parser *parser, void *scanner)
{
	yysymbol_kind_t found = yypcontext_token(context), expected[EXPECTED_MAX];
	const char *names[EXPECTED_MAX];
	size_t used = 0;
	int count = yypcontext_expected_tokens(context, expected, EXPECTED_MAX);
	for (int i = 0; i < count; i++)
		if (expected[i] != YYSYMBOL_TRAILING && expected[i] != YYSYMBOL_UNCLOSED) /* mistakes of their own */
			names[used++] = yysymbol_name(expected[i]);
	parse_unexpected(parser, *yypcontext_location(context), yysymbol_name(found), names, used);
	if (found != YYSYMBOL_EOL)
		parse_resynchronise(scanner);
	return 0;
}

/* What is no syntax error: the parser's stack or memory ran out. */
static void msb_yyerror(struct span *span, struct parser *parser, void *scanner, const char *message)
{
	(void)scanner;
	diag_error(parser->diags, "too-large", *span, "%s", message);
}
