/* Rule tokens: every row of the token vectors through the parser and the resolver, blanks and commas as
 * they stand, which a command line would split and trim. Run from the top of the tree. */
#include "syntax/parse.h"
#include "policy/resolve.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

enum { COLUMNS = 13 };

struct fixture {
	struct arena *arena;
	struct sources *sources;
	struct diags *diags;
};

static struct fixture fixture_new(void)
{
	struct fixture f = { .arena = arena_new() };
	f.sources = sources_new(f.arena);
	f.diags = diags_new(f.arena, f.sources);
	return f;
}

static bool resolve_token(struct fixture *f, const char *token, struct policy_rule *out)
{
	uint32_t source = sources_add(f->sources, SOURCE_ARG, "arg:1", token, strlen(token));
	const struct ast_rule *rule = parse_rule_token(f->diags, source);
	return rule && resolve_rule(f->arena, rule, NULL, f->diags, out);
}

/* "allow egress cidr 10.0.0.0/8 tcp 80-80", as the columns of a row that is fine */
static const char *describe(struct arena *arena, const struct policy_rule *rule)
{
	static const char *const kinds[] = { "any", "group", "cidr", "domain", "suffix" };
	static const enum policy_proto order[] = { PROTO_UDP, PROTO_TCP, PROTO_ICMPV4, PROTO_ICMPV6 };
	const struct policy_target *target = &rule->targets.items[0];
	char buf[ADDR_TEXT_MAX];
	const char *value =
		target->kind == TARGET_ANY   ? "any" :
		target->kind == TARGET_GROUP ? addr_class_name(target->group) :
		target->kind == TARGET_CIDR  ? arena_printf(arena, "%s/%u", addr_format(target->prefix.addr, buf),
							    target->prefix.len) :
					       target->name;
	const char *protos = rule->protos ? NULL : "any", *ports = rule->ports.count ? NULL : "any";
	for (size_t i = 0; i < 4; i++)
		if (rule->protos & order[i])
			protos = arena_printf(arena, "%s%s%s", protos ? protos : "", protos ? "," : "",
					      policy_proto_name(order[i]));
	for (size_t i = 0; i < rule->ports.count; i++)
		ports = arena_printf(arena, "%s%s%u-%u", ports ? ports : "", ports ? "," : "", rule->ports.items[i].lo,
				     rule->ports.items[i].hi);
	return arena_printf(arena, "%s %s %s %s %s %s", policy_action_name(rule->action),
			    policy_direction_name((enum policy_direction)rule->directions), kinds[target->kind], value,
			    protos, ports);
}

static void check_refusal(struct fixture *f, const char *token, const char *class, const char *suggestion)
{
	cr_assert_eq(f->diags->list.count, 1, "'%s': %zu findings", token, f->diags->list.count);
	const struct diag *diag = &f->diags->list.items[0];
	cr_expect_str_eq(diag->id, class, "'%s'", token);
	const char *shown = "-";
	if (!strcmp(class, "port-in-proto-slot"))
		shown = diag->help ? strchr(diag->help, '@') + 1 : "-";
	else if (diag->label && !strncmp(diag->label, "did you mean `", 14))
		shown = arena_strndup(f->arena, diag->label + 14, strlen(diag->label + 14) - 2);
	cr_expect_str_eq(shown, suggestion, "'%s' suggests %s, not %s", token, shown, suggestion);
}

static void check_row(char *line)
{
	struct fixture f = fixture_new();
	char *column[COLUMNS] = { line };
	for (int i = 1; i < COLUMNS; i++) {
		char *tab = strchr(column[i - 1], '\t');
		cr_assert(tab, "%s", line);
		*tab = 0;
		column[i] = tab + 1;
	}
	const char *token = strcmp(column[0], "<empty>") ? column[0] : "";
	struct policy_rule rule;
	bool ok = resolve_token(&f, token, &rule);
	cr_expect_eq(ok, !strcmp(column[1], "ok"), "'%s'", token);
	if (ok && !strcmp(column[1], "ok"))
		cr_expect_str_eq(describe(f.arena, &rule),
				 arena_printf(f.arena, "%s %s %s %s %s %s", column[2], column[3], column[4], column[5],
					      column[6], column[7]));
	else if (!ok && !strcmp(column[1], "error"))
		check_refusal(&f, token, column[8], column[9]);
	arena_free(f.arena);
}

Test(rule, token_vectors)
{
	FILE *file = fopen("tests/vectors/tokens.tsv", "r");
	char line[4096];
	int rows = 0;
	cr_assert(file);
	while (fgets(line, sizeof line, file)) {
		if (line[0] == '#')
			continue;
		check_row(line);
		rows++;
	}
	fclose(file);
	cr_expect(rows > 190);
}

static void expect_canonical(const char *token, const char *canonical)
{
	struct fixture f = fixture_new();
	struct policy_rule rule;
	if (resolve_token(&f, token, &rule)) {
		const char *text = policy_rule_format(f.arena, &rule);
		cr_expect_str_eq(text, canonical, "%s", token);
		/* what is printed reads back as itself */
		cr_assert(resolve_token(&f, text, &rule), "%s", text);
		cr_expect_str_eq(policy_rule_format(f.arena, &rule), canonical);
	} else {
		cr_expect_fail("%s is refused", token);
	}
	arena_free(f.arena);
}

Test(rule, canonical_text)
{
	expect_canonical("allow@public", "allow@public");
	expect_canonical("deny:any@{10.1.2.3/8,[::1],x.org}:{tcp,udp}:{80,443-444}",
			 "deny:any@{10.1.2.3/8,[::1],x.org}:{udp,tcp}:{80,443-444}");
	expect_canonical("allow@host:{tcp,udp}:53", "allow@dns");
	expect_canonical("allow@dns:tcp", "allow@host:tcp:53");
	expect_canonical("allow@domain=public:any:443", "allow@domain=public:any:443");
	expect_canonical("deny@suffix=X.org.", "deny@*.x.org");
	expect_canonical("allow:ingress@10.0.0.5/32:tcp:8080", "allow:ingress@10.0.0.5:tcp:8080");
}

static void expect_error(const char *token, const char *class, const char *help)
{
	struct fixture f = fixture_new();
	struct policy_rule rule;
	cr_expect_not(resolve_token(&f, token, &rule), "%s", token);
	cr_assert(f.diags->list.count > 0);
	const struct diag *diag = &f.diags->list.items[0];
	cr_expect_str_eq(diag->id, class, "%s is %s", token, diag->id);
	if (help)
		cr_expect(diag->help && !strcmp(diag->help, help), "%s helps with: %s", token,
			  diag->help ? diag->help : "-");
	arena_free(f.arena);
}

Test(rule, lists)
{
	expect_error("allow@{any,x.org}", "bad-target", NULL);
	expect_error("allow@{dns,x.org}", "bad-target", NULL);
	expect_error("allow@x.org:{tcp,any}", "bad-proto", NULL);
	expect_error("allow@x.org:tcp:{80,any}", "bad-ports", NULL);
	expect_error("allow@x.org:{80,443}", "port-in-proto-slot", "allow@x.org:tcp:{80,443}");
	expect_error("allow@{x.org,pubic}", "ambiguous-bare", NULL);
	expect_error("allow:any@{x.org}:{tcp,icmpv6}", "icmp-ingress", NULL);
	expect_error("allow@dns:{udp,icmpv4}", "dns-proto", NULL);
	expect_error("allow@dns:udp:{53,54}", "dns-port", NULL);
}

Test(rule, help_mends_the_token)
{
	expect_error("allow@fe80::1:tcp:22", "trailing", "allow@[fe80::1]:tcp:22");
	expect_error("allow@fe80::/10", "ambiguous-bare", "allow@[fe80::/10]");
	expect_error("allow@::1", "bad-target", "allow@[::1]");
	expect_error("allow@[10.0.0.1]:tcp:22", "bracketed-not-ipv6", "allow@10.0.0.1:tcp:22");
	expect_error("allow@10.0.0.0/255.255.0.0:tcp", "bad-cidr", "allow@10.0.0.0/16:tcp");
	expect_error("allow@x.org:tcp:443-80", "inverted-range", "allow@x.org:tcp:80-443");
	expect_error("allow@x.org:443:tcp", "port-in-proto-slot", "allow@x.org:tcp:443");
	expect_error("allow x.org", "missing-at", "allow@x.org");
}
