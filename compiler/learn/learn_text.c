/* The text: printed, laid out by fmt, read back, and compared with what it was made of. What check finds in it and is meant gets
 * a comment that says so; of the expectations those stay that hold. */
#include "learn/learn_state.h"
#include "base/escape.h"
#include "base/text.h"
#include "expect/expect.h"
#include "lint/lint.h"
#include "policy/options.h"
#include "syntax/fmt.h"

#include <string.h>

#define LINE_TARGETS 4  /* more are a line each */
#define PROVED_MOST 512 /* names and networks that are still checked by the analysis */
#define FINDING_ROUNDS 3
#define FILE_NAME "learnt.msb"

struct printing {
	struct arena *arena;
	const struct learn *learn;
	const struct learn_words *words;
	struct learn_rules rules;
	bool *expected; /* by rule: whether its expectation is printed */
	bool denies_meta, denies_private;
	const char *ignored; /* a finding about the default that is meant; NULL: none */
};

/* ---- rules ---- */

static const struct {
	const char *id, *reason;
} reasons[] = {
	{ "http-unjudged", "the run spoke clear HTTP" },
	{ "never-passes", "looked up, and nothing connected to" },
	{ "no-dns", "the run looked up no name" },
};

static const char *reason_for(const char *id)
{
	for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
		if (!strcmp(reasons[i].id, id))
			return reasons[i].reason;
	return "the run did it";
}

static const char *count_text(struct arena *arena, const struct learn_rule *rule)
{
	const char *what = rule->rank == LEARN_LOOKUP ? "name" : rule->rule.ports.count ? "connection" : "flow";

	return arena_printf(arena, "%zu %s%s%s", rule->count, what, rule->count == 1 ? "" : "s",
			    rule->rank == LEARN_LOOKUP ? ", looked up alone" : "");
}

/* The printer's own text, its list over several lines where that is long */
static const char *rule_text(struct arena *arena, const struct learn_rule *rule)
{
	struct text out = { .arena = arena };
	const char *open = strchr(rule->text, '{'), *close = open ? strchr(open, '}') : NULL;

	if (rule->rule.targets.count <= LINE_TARGETS || !close || open != strchr(rule->text, '@') + 1)
		return rule->text;
	text_addf(&out, "%.*s{\n", (int)(open - rule->text), rule->text);
	for (const char *at = open + 1, *end; at < close; at = end + 1) {
		end = memchr(at, ',', (size_t)(close - at));
		if (!end)
			end = close;
		text_addf(&out, "\t%.*s%s\n", (int)(end - at), at, end < close ? "," : "");
	}
	text_add(&out, close);
	return text_get(&out);
}

static void print_rule(const struct printing *printing, struct text *out, const struct learn_rule *rule)
{
	const char *counted = count_text(printing->arena, rule);

	if (rule->ignored[0])
		text_addf(out, "# lint: ignore %s %s\n", rule->ignored[0], reason_for(rule->ignored[0]));
	text_add(out, rule_text(printing->arena, rule));
	if (rule->ignored[1])
		text_addf(out, "  # lint: ignore %s %s; %s\n", rule->ignored[1], reason_for(rule->ignored[1]), counted);
	else
		text_addf(out, "  # %s\n", counted);
}

/* ---- expectations ---- */

/* The rule's own words behind the verdict: every flow that it takes in */
static const char *expectation(struct arena *arena, const struct learn_rule *rule)
{
	const char *target = strchr(rule->text, '@');
	const char *where = strstr(rule->text, " in ");
	size_t len = where ? (size_t)(where - target) : strlen(target);

	if (rule->rank == LEARN_LOOKUP)
		return arena_printf(arena, "expect allow dns%.*s", (int)(strrchr(rule->text, ':') - 4 - target),
				    target);
	if (!where)
		return arena_printf(arena, "expect allow egress%.*s", (int)len, target);
	return NULL; /* its addresses are no public ones: a binding would have to be said */
}

static void print_expectations(const struct printing *printing, struct text *out)
{
	text_add(out, "\n");
	for (size_t i = 0; i < printing->rules.count; i++) {
		const char *text = expectation(printing->arena, &printing->rules.items[i]);
		if (text && printing->expected[i])
			text_addf(out, "%s\n", text);
	}
	if (printing->denies_private)
		text_add(out, "expect deny egress@private\n");
	if (printing->denies_meta)
		text_add(out, "expect deny egress@meta\n");
}

/* ---- comments ---- */

static void print_head(const struct printing *printing, struct text *out)
{
	const struct learn_words *words = printing->words;
	struct arena *arena = printing->arena;

	text_addf(out, "# Learnt on %s from a run of sandbox %s within %s.\n", words->day,
		  escape_text(arena, words->sandbox), escape_text(arena, words->within));
	text_add(out, "# Whoever ran in it chose what it did: keep what the work needs.\n");
	if (words->lost)
		text_addf(out, "# Incomplete: %zu reports of flows were lost.\n", words->lost);
}

static void print_missing(const struct printing *printing, struct text *out)
{
	struct learn_missing missing = learn_missing(printing->learn);
	const struct {
		size_t count;
		const char *what;
	} lines[] = {
		{ missing.services, "flows to more services than are kept" },
		{ missing.names, "lookups of more names than are kept" },
		{ missing.addresses, "addresses of names, more than are kept" },
	};

	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
		if (lines[i].count)
			text_addf(out, "# Incomplete: %zu %s.\n", lines[i].count, lines[i].what);
}

static void print_notes(struct text *out, const char *head, const struct learn_table *notes, const size_t *counts)
{
	if (notes->count)
		text_addf(out, "# %s\n", head);
	for (size_t i = 0; i < notes->count; i++)
		if (counts && counts[i] > 1)
			text_addf(out, "#   %s  %zu times\n", notes->keys[i], counts[i]);
		else
			text_addf(out, "#   %s\n", notes->keys[i]);
	if (notes->more)
		text_addf(out, "#   and %zu more\n", notes->more);
}

/* ---- the whole ---- */

static const char *print(const struct printing *printing)
{
	struct text out = { .arena = printing->arena };
	const struct learn *learn = printing->learn;

	print_head(printing, &out);
	print_missing(printing, &out);
	text_add(&out, "\n");
	if (printing->ignored)
		text_addf(&out, "# lint: ignore %s %s\n", printing->ignored, reason_for(printing->ignored));
	text_add(&out, "default egress deny\n\n");
	for (size_t i = 0; i < printing->rules.count; i++)
		print_rule(printing, &out, &printing->rules.items[i]);
	if (printing->words->wildcards)
		learn_wildcards(&out, &printing->rules);
	print_notes(&out, "Nobody answered, so that these may be mistakes:", &learn->silent, NULL);
	print_notes(&out, "No rule is made for:", &learn->odd, NULL);
	print_notes(&out, "Denied meanwhile:", &learn->denied, learn->denied_counts);
	print_expectations(printing, &out);
	return text_get(&out);
}

struct reading {
	struct diags *diags;
	struct policy *policy;
};

/* As a file of that name, which nothing is read from */
static struct reading read_back(struct arena *arena, const char *text)
{
	struct policy_options options = { .arena = arena };
	struct sources *sources = sources_new(arena);
	struct source *item = arena_alloc(arena, sizeof *item);
	struct source_texts *texts = arena_alloc(arena, sizeof *texts);
	struct reading reading = { .diags = diags_new(arena, sources) };

	*item = (struct source){ .name = FILE_NAME, .text = text, .len = strlen(text), .quotable = true };
	*texts = (struct source_texts){ item, 1 };
	sources->texts = texts;
	reading.policy = options_resolve(&options, FILE_NAME, reading.diags);
	return reading;
}

static const char *laid_out(struct arena *arena, const char *text)
{
	struct sources *sources = sources_new(arena);

	return fmt_policy(diags_new(arena, sources), sources_add(sources, SOURCE_FILE, FILE_NAME, text, strlen(text)));
}

/* The rules that were meant, in their order, and nothing else that lets anything pass */
static bool is_what_was_meant(struct arena *arena, const struct printing *printing, const struct reading *reading)
{
	const struct policy *policy = reading->policy;

	if (reading->diags->errors || policy->rules.count != printing->rules.count ||
	    policy->egress.action != POLICY_DENY || policy->publishes.count || policy->nameservers.count ||
	    policy->groups.count || policy->floors.count || !policy->rebind_protection)
		return false;
	for (size_t i = 0; i < policy->rules.count; i++)
		if (strcmp(policy_rule_format(arena, &policy->rules.items[i]), printing->rules.items[i].text) != 0)
			return false;
	return true;
}

static bool is_small(const struct printing *printing)
{
	size_t targets = 0;

	for (size_t i = 0; i < printing->rules.count; i++)
		targets += printing->rules.items[i].rule.targets.count;
	return targets <= PROVED_MOST;
}

/* Which expectations hold; they are in the policy in the order in which they were printed */
static void keep_what_holds(struct printing *printing, const struct policy *policy)
{
	struct eval_context context = { policy, printing->learn->gateway, EVAL_NO_BINDINGS };
	const struct expect_report *report = expect_run(printing->arena, &context);
	size_t at = 0;

	for (size_t i = 0; i < printing->rules.count; i++)
		if (printing->expected[i] && expectation(printing->arena, &printing->rules.items[i]))
			printing->expected[i] = at < report->outcomes.count && report->outcomes.items[at++].holds;
	if (printing->denies_private)
		printing->denies_private = at < report->outcomes.count && report->outcomes.items[at++].holds;
	if (printing->denies_meta)
		printing->denies_meta = at < report->outcomes.count && report->outcomes.items[at++].holds;
}

static bool is_within(struct span part, struct span whole)
{
	return part.start >= whole.start && part.start < whole.end;
}

/* Whether it can be silenced, a rule having room for two comments */
static bool ignore_finding(struct printing *printing, const struct policy *policy, const struct diag *finding)
{
	const char *id = arena_strdup(printing->arena, finding->id);

	for (size_t i = 0; i < printing->rules.count; i++) {
		struct learn_rule *rule = &printing->rules.items[i];
		if (!is_within(finding->span, policy->rules.items[i].span))
			continue;
		if (rule->ignored[1])
			return false;
		rule->ignored[rule->ignored[0] ? 1 : 0] = id;
		return true;
	}
	if (printing->ignored || !is_within(finding->span, policy->egress.span))
		return false;
	printing->ignored = id;
	return true;
}

/* Whether there was a finding that is silenced now */
static bool ignore_findings(struct printing *printing, struct reading *reading)
{
	struct lint_options options = { .gateway = printing->learn->gateway };
	bool changed = false;

	lint_policy(reading->policy, &options, reading->diags);
	for (size_t i = 0; i < reading->diags->list.count; i++)
		changed |= ignore_finding(printing, reading->policy, &reading->diags->list.items[i]);
	return changed;
}

static const char *print_and_prove(struct printing *printing)
{
	struct arena *arena = printing->arena;
	const char *text = print(printing);

	for (int round = 0; is_small(printing) && round < FINDING_ROUNDS; round++) {
		struct reading reading = read_back(arena, text);
		if (!is_what_was_meant(arena, printing, &reading))
			return NULL;
		if (round == 0)
			keep_what_holds(printing, reading.policy);
		bool again = ignore_findings(printing, &reading);
		text = print(printing);
		if (round > 0 && !again)
			break;
	}
	return laid_out(arena, text);
}

bool learn_text(struct arena *arena, struct learn *learn, const struct learn_words *words, const char **text,
		size_t *rules)
{
	struct printing printing = { .arena = arena, .learn = learn, .words = words };

	learn_settle(learn);
	printing.rules = learn_rules(arena, learn);
	printing.expected = arena_alloc(arena, printing.rules.count + 1);
	printing.denies_meta = printing.denies_private = is_small(&printing);
	memset(printing.expected, is_small(&printing), printing.rules.count);
	*rules = printing.rules.count;
	*text = print_and_prove(&printing);
	if (!*text)
		return false;
	struct reading reading = read_back(arena, *text);
	return is_what_was_meant(arena, &printing, &reading) && learn_is_covered(learn, reading.policy);
}
