/* The grammar: what becomes of the text, as --emit ast shows it, and how errors are recovered from. */
#include "syntax/parse.h"
#include "base/text.h"

#include <criterion/criterion.h>
#include <string.h>

static struct arena *arena;
static struct diags *diags;

static void setup(void)
{
	arena = arena_new();
	diags = diags_new(arena, sources_new(arena));
}

static void teardown(void)
{
	arena_free(arena);
}

TestSuite(parse, .init = setup, .fini = teardown);

static uint32_t source_of(enum source_kind kind, const char *text)
{
	return sources_add(diags->sources, kind, "t", text, strlen(text));
}

static const char *file_ast(const char *text)
{
	return ast_format(arena, diags->sources, parse_policy(diags, source_of(SOURCE_FILE, text)));
}

static const char *list_ast(const char *text)
{
	return ast_format(arena, diags->sources, parse_rule_list(diags, source_of(SOURCE_ARG, text)));
}

static struct ast_rule *token(const char *text)
{
	return parse_rule_token(diags, source_of(SOURCE_ARG, text));
}

static struct ast_flow *flow(const char *text)
{
	return parse_flow(diags, source_of(SOURCE_ARG, text));
}

#define expect_clean() cr_assert_eq(diags->list.count, 0, "%s", diags->list.items[0].message)

Test(parse, every_statement)
{
	cr_assert_str_eq(file_ast("default egress deny # c\n"
				  "profile public, host\n"
				  "include \"a b.msb\"\n"
				  "group g = a.example, [2001:db8::/32]\n"
				  "allow@g:tcp:{22,443}  log because \"why # not\" until 2027-06-30\n"
				  "publish [::1]:53:53/udp\n"
				  "dns nameserver 1.1.1.1, [::1]:53\n"
				  "limit egress bandwidth 1M/1s burst 512K\n"
				  "expect deny egress@a.example:tcp:443 resolve=a=::1,1.2.3.4 sni=b"),
			 "1:1-1:20 default \"egress\" \"deny\"\n"
			 "2:1-2:21 profile \"public\" \"host\"\n"
			 "3:1-3:18 include \"a b.msb\"\n"
			 "4:1-4:37 group \"g\" \"a.example\" [\"2001:db8::/32\"]\n"
			 "5:1-5:63 rule action \"allow\" target \"g\" proto \"tcp\" ports { \"22\" \"443\" } "
			 "log because "
			 "\"why # not\" until \"2027-06-30\"\n"
			 "6:1-6:24 publish \"[::1]:53:53/udp\"\n"
			 "7:1-7:33 dns \"nameserver\" \"1.1.1.1\" \"[::1]:53\"\n"
			 "8:1-8:40 limit \"egress\" \"bandwidth\" \"1M/1s\" \"burst\" \"512K\"\n"
			 "9:1-9:65 expect \"deny\" flow \"egress\" target \"a.example\" proto \"tcp\" port "
			 "\"443\" resolve "
			 "\"a=::1,1.2.3.4\" sni \"b\"\n");
	expect_clean();
}

Test(parse, keywords_are_keywords_at_a_statement_s_start_only)
{
	cr_assert_str_eq(
		file_ast("allow@default:tcp\nallow@log.example log\ngroup group = because, until\ndefault@x\n"),
		"1:1-1:18 rule action \"allow\" target \"default\" proto \"tcp\"\n"
		"2:1-2:22 rule action \"allow\" target \"log.example\" log\n"
		"3:1-3:29 group \"group\" \"because\" \"until\"\n"
		"4:1-4:10 rule action \"default\" target \"x\"\n");
	expect_clean();
}

Test(parse, lists_hold_blanks_newlines_and_comments)
{
	cr_assert_str_eq(
		file_ast("allow@{a.b, # first\n\t[::1]\r\n,c.d }:{tcp,udp}:{1-2 ,3}\ngroup g = {\n x.y,\n z.y "
			 "}\n"),
		"1:1-3:26 rule action \"allow\" target { \"a.b\" [\"::1\"] \"c.d\" } proto { \"tcp\" \"udp\" } "
		"ports { \"1-2\" \"3\" }\n"
		"4:1-6:7 group \"g\" \"x.y\" \"z.y\"\n");
	expect_clean();
}

Test(parse, line_ends_and_what_precedes_the_first)
{
	cr_assert_str_eq(file_ast("\r\n  allow@a.b\r\n#c\r\nallow@c.d"),
			 "2:3-2:12 rule action \"allow\" target \"a.b\"\n4:1-4:10 rule action \"allow\" target "
			 "\"c.d\"\n");
	cr_assert_str_eq(file_ast(""), "");
	cr_assert_str_eq(file_ast("# only a comment"), "");
	expect_clean();
}

Test(parse, a_hash_is_no_comment_inside_a_word)
{
	cr_assert_str_eq(file_ast("allow@a#b:tcp #c"), "1:1-1:14 rule action \"allow\" target \"a#b\" proto \"tcp\"\n");
	expect_clean();
}

Test(parse, a_token_is_raw)
{
	struct ast_rule *rule = token(" allow:egress:x@public :tcp,udp: 80:: ");
	expect_clean();
	cr_assert_str_eq(rule->action.text, " allow");
	cr_assert_str_eq(rule->direction.text, "egress:x");
	cr_assert(rule->has_at);
	cr_assert_str_eq(rule->target.items[0].text, "public ");
	cr_assert_str_eq(rule->proto.items[0].text, "tcp,udp");
	cr_assert_str_eq(rule->ports.items[0].text, " 80");
	cr_assert_str_eq(span_text(arena, diags->sources, rule->trailing), ":: ");
}

Test(parse, a_token_may_lack_anything)
{
	cr_assert_not(token("")->has_at);
	cr_assert_not(token("allow:egress")->has_at);
	struct ast_rule *rule = token("@");
	cr_assert(rule->has_at);
	cr_assert_str_eq(rule->action.text, "");
	cr_assert_null(rule->direction.text);
	cr_assert_str_eq(rule->target.items[0].text, "");
	cr_assert_not(rule->proto.present);
	rule = token("allow:@a:");
	cr_assert_str_eq(rule->direction.text, "");
	cr_assert_str_eq(rule->proto.items[0].text, "");
	cr_assert_not(rule->ports.present);
	expect_clean();
}

Test(parse, brackets)
{
	struct ast_rule *rule = token("allow@[::1]/128:tcp");
	struct ast_word *word = &rule->target.items[0];
	cr_assert_str_eq(word->text, "::1");
	cr_assert(word->bracketed && !word->unclosed);
	cr_assert_str_eq(span_text(arena, diags->sources, word->span), "[::1]");
	cr_assert_str_eq(span_text(arena, diags->sources, word->after), "/128");
	cr_assert_str_eq(rule->proto.items[0].text, "tcp");
	word = &token("allow@[:tcp:443")->target.items[0];
	cr_assert(word->unclosed);
	cr_assert_str_eq(word->text, ":tcp:443");
	word = &token("allow@::1]")->target.items[0];
	cr_assert_not(word->bracketed);
	expect_clean();
}

Test(parse, a_rule_list_splits_at_commas_outside_braces)
{
	cr_assert_str_eq(list_ast(" allow@a.b , deny@{c.d, e.f}:tcp:{80,90},allow@[::1]:tcp\t"),
			 "1:2-1:11 rule action \"allow\" target \"a.b\"\n"
			 "1:14-1:41 rule action \"deny\" target { \"c.d\" \"e.f\" } proto \"tcp\" ports { "
			 "\"80\" \"90\" }\n"
			 "1:42-1:57 rule action \"allow\" target [\"::1\"] proto \"tcp\"\n");
	cr_assert_str_eq(list_ast(""), "");
	cr_assert_str_eq(list_ast(" , "), "");
	expect_clean();
}

Test(parse, a_rule_list_has_no_attributes)
{
	cr_assert_str_eq(list_ast("allow@a.b log"), "1:1-1:14 rule action \"allow\" target \"a.b log\"\n");
}

Test(parse, a_rule_list_recovers_at_the_next_comma)
{
	cr_assert_str_eq(list_ast("allow@{a,{b},c},deny@x:tcp:{},allow@y.z"),
			 "1:31-1:40 rule action \"allow\" target \"y.z\"\n");
	cr_assert_eq(diags->errors, 2);
	cr_assert_str_eq(diags->list.items[0].message, "a list cannot hold a list");
	cr_assert_str_eq(diags->list.items[1].message, "an empty list");
}

Test(parse, flows)
{
	struct ast_flow *parsed = flow(" egress@[::1]:tcp:443 sni=a.b resolve=a.b=::1;c=1.2.3.4");
	expect_clean();
	cr_assert_str_eq(parsed->kind.text, "egress");
	cr_assert_str_eq(parsed->target.items[0].text, "::1");
	cr_assert(parsed->target.items[0].bracketed);
	cr_assert_str_eq(parsed->proto.items[0].text, "tcp");
	cr_assert_str_eq(parsed->port.items[0].text, "443");
	cr_assert_str_eq(parsed->sni.text, "a.b");
	cr_assert_str_eq(parsed->resolve.text, "a.b=::1;c=1.2.3.4");
	parsed = flow("github.com:443");
	cr_assert_str_eq(parsed->kind.text, "github.com:443");
	cr_assert(!parsed->target.present);
	cr_assert_null(flow("egress@a.b tcp"));
	cr_assert(flow("egress@{a,b}")->target.braced);
	cr_assert_null(flow(""));
}

Test(parse, one_error_a_statement_and_on_to_the_next)
{
	const char *ast = file_ast("deflt egress deny\n"
				   "default egress\n"
				   "allow@a.b because nothing\n"
				   "allow@c.d\n"
				   "group g =\n"
				   "allow@{e.f}/24:tcp\n"
				   "profile a b\n"
				   "deny@g.h log log\n");
	cr_assert_str_eq(ast, "4:1-4:10 rule action \"allow\" target \"c.d\"\n"
			      "8:1-8:13 rule action \"deny\" target \"g.h\" log\n");
	cr_assert_eq(diags->errors, 7, "%zu", diags->errors);
	cr_assert_str_eq(diags->list.items[0].id, "unknown-statement");
	cr_assert_str_eq(diags->list.items[0].label, "did you mean `default`?");
	for (size_t i = 1; i < 6; i++)
		cr_assert_str_eq(diags->list.items[i].id, "syntax");
	cr_assert_str_eq(diags->list.items[6].id, "repeated-attribute");
}

Test(parse, an_open_brace_ends_at_the_next_statement)
{
	cr_assert_str_eq(file_ast("allow@{a.b,\n# c\nallow@c.d\ndeny@{e.f\ndefault egress "
				  "deny\nallow@x.y:tcp:{80,{90\n}\n}\ndeny@z.y\n"),
			 "3:1-3:10 rule action \"allow\" target \"c.d\"\n"
			 "5:1-5:20 default \"egress\" \"deny\"\n"
			 "9:1-9:9 rule action \"deny\" target \"z.y\"\n");
	cr_assert_eq(diags->errors, 3);
	cr_assert_str_eq(diags->list.items[0].message, "`{` is never closed");
	cr_assert_eq(span_place(diags->sources, diags->list.items[0].span).column, 7);
}

static void expect_refused(const char *text, size_t len, const char *id, uint32_t line, uint32_t column)
{
	uint32_t index = sources_add(diags->sources, SOURCE_FILE, "t", text, len);
	size_t before = diags->list.count;
	parse_policy(diags, index);
	cr_assert_eq(diags->list.count, before + 1);
	struct place place = span_place(diags->sources, diags->list.items[before].span);
	cr_assert_str_eq(diags->list.items[before].id, id);
	cr_assert_eq(place.line, line);
	cr_assert_eq(place.column, column, "column %u", place.column);
}

Test(parse, what_is_no_text_is_refused_with_its_place)
{
	expect_refused("allow@a.b\nal\0ow", 16, "bad-text", 2, 3);
	expect_refused("# \303\274\xff", 5, "bad-text", 1, 4);
	expect_refused("# \xed\xa0\x80", 5, "bad-text", 1, 3);
	expect_refused("a\033[2J", 5, "bad-text", 1, 2);
	expect_refused("# \xe2\x80\xae", 5, "bad-text", 1, 3);
	expect_refused("a\rb", 3, "bad-text", 1, 2);
}

Test(parse, size_is_bounded)
{
	const size_t len = 10u << 20;
	char *text = arena_alloc(arena, len + 1);
	memset(text, 'a', len);
	expect_refused(text, len, "too-large", 1, 1);
	expect_refused(text, 5000, "unknown-statement", 1, 1);
	memcpy(text, "allow@", 6);
	expect_refused(text, 5000, "too-large", 1, 7);
}

/* Each 4 MB of one thing, in lines as long as they may be. What counts is that they end, soon, in an error. */
Test(parse, hostile_repetitions_end, .timeout = 300)
{
	static const char *const parts[] = { "{",          "allow@{",
					     "a,",         ",",
					     "\"",         "[",
					     ":",          "@",
					     " ",          "a \t",
					     "allow@{a,}", "allow@x because \"\n",
					     "}\n{",       "group g = {\n",
					     "allow@{a\n" };
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		struct arena *own = arena_new();
		struct diags *found = diags_new(own, sources_new(own));
		size_t part = strlen(parts[i]), len = (4u << 20) / part * part;
		char *text = arena_alloc(own, len + 1);
		for (size_t at = 0; at < len; at += part)
			memcpy(text + at, parts[i], part);
		for (size_t at = 1000000; at < len; at += 1000000)
			text[at] = '\n';
		parse_policy(found, sources_add(found->sources, SOURCE_FILE, "t", text, len));
		cr_assert(found->errors > 0 || text[0] == ' ', "%s", parts[i]);
		cr_assert_leq(found->errors, 1100);
		cr_assert_leq(found->list.count, found->limit);
		arena_free(own);
	}
}

Test(parse, statements_and_words_are_counted)
{
	const size_t most = 1u << 20, lines = most + 10000, words = (1u << 22) + 10000;
	char *text = arena_alloc(arena, lines * 6 + 1), *list = arena_alloc(arena, words * 4 + 32);
	for (size_t i = 0; i < lines; i++)
		memcpy(text + i * 6, "a@b.c\n", 6);
	struct ast_file *file = parse_policy(diags, sources_add(diags->sources, SOURCE_FILE, "t", text, lines * 6));
	cr_assert_eq(file->statements.count, most);
	cr_assert_eq(diags->errors, 1);
	cr_assert_str_eq(diags->list.items[0].id, "too-large");
	size_t len = (size_t)sprintf(list, "allow@{a");
	for (size_t i = 0; i < 2 * words - 2; i++) {
		memcpy(list + len, i % 2 ? ",a" : "\n", i % 2 ? 2 : 1);
		len += i % 2 ? 2 : 1;
	}
	parse_policy(diags, sources_add(diags->sources, SOURCE_FILE, "t", list, len));
	cr_assert_eq(diags->errors, 2, "the list is never closed");
}

/* A token's text again, from its words */
static void append_word(struct text *text, const struct ast_word *word)
{
	text_addf(text, "%s%s%s", word->bracketed ? "[" : "", word->text,
		  word->bracketed && !word->unclosed ? "]" : "");
	text_add(text, span_text(arena, diags->sources, word->after));
}

static const char *rebuild(const struct ast_rule *rule)
{
	const struct ast_words *const fields[] = { &rule->target, &rule->proto, &rule->ports };
	struct text text = { .arena = arena };
	append_word(&text, &rule->action);
	if (rule->direction.text) {
		text_add(&text, ":");
		append_word(&text, &rule->direction);
	}
	text_add(&text, rule->has_at ? "@" : "");
	for (size_t i = 0; i < 3 && fields[i]->present; i++) {
		text_add(&text, i ? ":" : "");
		append_word(&text, &fields[i]->items[0]);
	}
	text_add(&text, span_text(arena, diags->sources, rule->trailing));
	return text_get(&text);
}

static uint32_t random_state = 20261124;

static uint32_t random_below(uint32_t bound)
{
	random_state = random_state * 1664525u + 1013904223u;
	return (uint32_t)((uint64_t)random_state * bound >> 32);
}

static void random_token(char *out, size_t most, const char *alphabet)
{
	size_t len = random_below((uint32_t)most);
	for (size_t i = 0; i < len; i++)
		out[i] = alphabet[random_below((uint32_t)strlen(alphabet))];
	out[len] = '\0';
}

/* Without braces nothing in a token is special enough to be lost or refused. */
Test(parse, property_a_token_without_braces_is_its_words)
{
	char text[24];
	for (int i = 0; i < 20000; i++) {
		random_token(text, sizeof text, "allow::@@[]./ ,-1*=#\"");
		struct ast_rule *rule = token(text);
		cr_assert(rule, "`%s`", text);
		cr_assert_str_eq(rebuild(rule), text);
	}
	expect_clean();
}

static const char *trimmed(const char *text, size_t len)
{
	while (len && strchr(" \t", text[len - 1]))
		len--;
	while (len && strchr(" \t", *text))
		text++, len--;
	return arena_strndup(arena, text, len);
}

/* A list without braces and brackets is its pieces, blanks around them aside, each as a token of its own. */
Test(parse, property_a_list_is_its_trimmed_tokens)
{
	char text[40];
	for (int i = 0; i < 10000; i++) {
		random_token(text, sizeof text, "allow::@@./  ,,-1*");
		struct ast_file *file = parse_rule_list(diags, source_of(SOURCE_ARG, text));
		size_t next = 0;
		for (const char *at = text;; at++) {
			size_t len = strcspn(at, ",");
			const char *piece = trimmed(at, len);
			if (*piece) {
				cr_assert_lt(next, file->statements.count, "`%s`", text);
				cr_assert_str_eq(rebuild(file->statements.items[next++].rule), piece);
			}
			at += len;
			if (!*at)
				break;
		}
		cr_assert_eq(next, file->statements.count, "`%s`", text);
	}
	expect_clean();
}
