/* What is under the cursor: what a rule decides, the class of an address and who judges it, why an expectation holds or
 * not, what a word or a finding's id means. Whatever a file holds is shown as a code span, so that none of it is markup. */
#include "lsp/names.h"
#include "lsp/words.h"
#include "base/escape.h"
#include "base/text.h"
#include "diag/findings.h"
#include "explain/explain.h"
#include "explain/explain_rule.h"
#include "policy/flow.h"
#include "policy/policy_facts.h"

#include <string.h>

enum { REGIONS_SHOWN = 8, ROWS_SHOWN = 12, FUEL_SHARE = 10, MEMBERS_SHOWN = 20 };

struct hover {
	struct lsp *lsp;
	struct arena *arena;
	struct lsp_view *view;
	struct text text;
};

static const char *code(const struct hover *hover, const char *text)
{
	return escape_markdown_code(hover->arena, lsp_cut(hover->arena, text));
}

static void begin_section(struct hover *hover)
{
	if (hover->text.count)
		text_add(&hover->text, "\n\n---\n\n");
}

/* ---- a rule ---- */

static void add_region(struct hover *hover, const struct diff *only, const struct diff_region *region)
{
	const char *except = region->except ? arena_printf(hover->arena, " but %s", code(hover, region->except)) : "";

	text_addf(&hover->text, "- %s%s, e.g. %s; without it %s%s\n", code(hover, region->words), except,
		  code(hover, region->example_text), code(hover, diff_decider_text(hover->arena, only, region, 1)),
		  lsp_behind_place(hover->arena, hover->view, diff_decider_span(only, region, 1)));
}

static void add_nothing(struct hover *hover, const struct rule_explanation *explanation, const char *action)
{
	const struct rule_facts *facts = explanation->facts;
	struct eval_verdict instead = { .by = explanation->instead };
	const char *who = lsp_decider(hover->arena, hover->view, instead, POLICY_EGRESS);

	if (facts->unknown)
		text_add(&hover->text, "Too many names to tell what it decides.\n");
	else if (facts->decides)
		text_addf(&hover->text,
			  "Nothing would fare otherwise without it: %s, which it decides, %s would %s as "
			  "well.\n",
			  code(hover, explanation->example), who, action);
	else if (!facts->matches)
		text_add(&hover->text, "It matches no flow that is possible.\n");
	else if (explanation->example)
		text_addf(&hover->text, "It decides nothing: %s is before it, and takes %s, for example.\n", who,
			  code(hover, explanation->example));
	else
		text_add(&hover->text, "It decides nothing: no lookup of what it names is allowed.\n");
}

static void add_rule(struct hover *hover, size_t rule)
{
	const struct policy *policy = hover->view->policy;
	const struct policy_rule *subject = &policy->rules.items[rule];
	struct fuel fuel = { .left = ANALYSIS_FUEL / FUEL_SHARE };
	struct rule_explanation *explanation;
	size_t count;

	begin_section(hover);
	text_addf(&hover->text, "**Rule %zu** %s", rule + 1, code(hover, subject->text));
	if (subject->because)
		text_addf(&hover->text, " because %s", code(hover, subject->because));
	text_add(&hover->text, "\n\n");
	explanation = explain_rule(hover->arena, policy, rule, &hover->view->context.gateway, &fuel);
	if (!explanation) {
		text_add(&hover->text, "Too complex here: what it decides was not analysed.\n");
		return;
	}
	count = explanation->only->regions.count;
	if (!count) {
		add_nothing(hover, explanation, policy_action_name(subject->action));
		return;
	}
	text_addf(&hover->text, "Only this rule %s\n\n", subject->action == POLICY_ALLOW ? "allows" : "denies");
	for (size_t i = 0; i < count && i < REGIONS_SHOWN; i++)
		add_region(hover, explanation->only, &explanation->only->regions.items[i]);
	if (count > REGIONS_SHOWN)
		text_addf(&hover->text, "- and %zu more\n", count - REGIONS_SHOWN);
}

/* How one flow fares; half a policy's verdicts would mislead */
static void add_flow(struct hover *hover, const char *text)
{
	struct sources *sources = sources_new(hover->arena);
	struct diags *diags = diags_new(hover->arena, sources);
	struct flow flow;
	struct eval_result result;

	if (!hover->view->whole || !flow_parse(hover->arena, sources, text, diags, &flow))
		return;
	result = eval_flow(&hover->view->context, &flow);
	text_addf(&hover->text, "\n\n%s: %s", code(hover, text),
		  lsp_outcome(hover->arena, hover->view, &flow, &result));
}

/* ---- a name, an address, a group ---- */

/* How a flow to the target fares, by the rule's first protocol and port, or HTTPS */
static void add_verdict(struct hover *hover, const struct policy_rule *rule, const char *target)
{
	enum policy_proto proto = rule && rule->protos ? rule->protos & -rule->protos : PROTO_TCP;
	bool ingress = rule && rule->directions == POLICY_INGRESS;
	unsigned port = rule && rule->ports.count ? rule->ports.items[0].lo : 443;

	add_flow(hover, arena_printf(hover->arena, "%s@%s:%s%s", ingress ? "ingress" : "egress", target,
				     policy_proto_name(proto),
				     policy_proto_has_ports(proto) ? arena_printf(hover->arena, ":%u", port) : ""));
}

static void add_network(struct hover *hover, const struct policy_target *target)
{
	const struct addr_gateway *gateway = &hover->view->context.gateway;
	struct addr_range range = addr_prefix_range(target->prefix);
	struct addr first = { target->prefix.addr.family, range.lo }, last = { target->prefix.addr.family, range.hi };
	enum addr_class low = addr_classify(first, gateway), high = addr_classify(last, gateway);

	text_addf(&hover->text, "%s: ", code(hover, policy_target_format(hover->arena, target)));
	if (low == high)
		text_addf(&hover->text, "class %s", addr_class_name(low));
	else
		text_addf(&hover->text, "from class %s to class %s", addr_class_name(low), addr_class_name(high));
}

static void add_group(struct hover *hover, const struct policy_group *group)
{
	text_addf(&hover->text, "group %s, %zu target%s: ", code(hover, group->name), group->members.count,
		  group->members.count == 1 ? "" : "s");
	for (size_t i = 0; i < group->members.count && i < MEMBERS_SHOWN; i++)
		text_addf(&hover->text, "%s%s", i ? ", " : "",
			  code(hover, policy_target_format(hover->arena, &group->members.items[i])));
	if (group->members.count > MEMBERS_SHOWN)
		text_addf(&hover->text, ", %zu more", group->members.count - MEMBERS_SHOWN);
}

/* The member of a list that was made of the word */
static const struct policy_target *target_of(const struct policy_targets *targets, struct span span)
{
	for (size_t i = 0; i < targets->count; i++)
		if (targets->items[i].span.source == span.source && targets->items[i].span.start == span.start)
			return &targets->items[i];
	return NULL;
}

static const struct policy_target *resolved(const struct hover *hover, const struct policy_rule *rule, struct span span)
{
	const struct policy *policy = hover->view->policy;
	const struct policy_target *target = rule ? target_of(&rule->targets, span) : NULL;

	for (size_t i = 0; !target && i < policy->groups.count; i++)
		target = target_of(&policy->groups.items[i].members, span);
	return target;
}

static void add_target(struct hover *hover, const struct policy_rule *rule, const struct ast_word *word)
{
	const struct policy *policy = hover->view->policy;
	const struct policy_target *target;
	char address[ADDR_TEXT_MAX];

	for (size_t i = 0; !word->bracketed && i < policy->groups.count; i++)
		if (!strcmp(policy->groups.items[i].name, word->text)) {
			add_group(hover, &policy->groups.items[i]);
			return;
		}
	target = resolved(hover, rule, word->span);
	if (!target || target->kind == TARGET_ANY || target->kind == TARGET_GROUP)
		return;
	if (target->kind == TARGET_CIDR) {
		struct addr_range range = addr_prefix_range(target->prefix);

		add_network(hover, target);
		add_verdict(hover, rule,
			    addr_format_bracketed((struct addr){ target->prefix.addr.family, range.lo }, address));
		return;
	}
	text_addf(&hover->text, "%s: %s", code(hover, policy_target_format(hover->arena, target)),
		  target->kind == TARGET_SUFFIX ? "this name and every name below it" : "exactly this name");
	add_verdict(hover, rule, target->name);
}

/* ---- an expectation ---- */

static void add_rows(struct hover *hover, const struct explain_step *step)
{
	size_t count = step->rows.count, skipped = count > ROWS_SHOWN ? count - ROWS_SHOWN : 0;

	if (skipped)
		text_addf(&hover->text, "- %zu rules before these do not match\n", skipped);
	for (size_t i = skipped; i < count; i++) {
		const struct explain_row *row = &step->rows.items[i];

		text_addf(&hover->text, "- %s %s: %s", code(hover, row->text), row->match ? "**matches**" : "no",
			  code(hover, row->why ? row->why : ""));
		if (row->because)
			text_addf(&hover->text, ", because %s", code(hover, row->because));
		text_add(&hover->text, "\n");
	}
}

static void add_explanation(struct hover *hover, const struct flow *flow)
{
	const struct explanation *explanation = explain_flow(hover->arena, &hover->view->context, flow);

	text_addf(&hover->text, "%s: **%s**\n", code(hover, flow->text),
		  lsp_outcome(hover->arena, hover->view, flow, &explanation->result));
	for (size_t i = 0; i < explanation->steps.count; i++) {
		const struct explain_step *step = &explanation->steps.items[i];

		text_addf(&hover->text, "\n%s %s: %s by %s\n", explain_kind_name(step->kind), code(hover, step->what),
			  step->verdict.action == POLICY_ALLOW ? "allowed" : "denied",
			  lsp_decider(hover->arena, hover->view, step->verdict, step->direction));
		if (step->note)
			text_addf(&hover->text, "\n%s\n", code(hover, step->note));
		text_add(&hover->text, "\n");
		add_rows(hover, step);
	}
	if (explanation->after)
		text_addf(&hover->text, "\n%s\n", code(hover, explanation->after));
}

/* Whether it is about one name or address, so that its way can be told */
static bool is_one_flow(const struct flow *flow)
{
	return flow->kind == FLOW_DNS || flow->to_name ? flow->name != NULL : flow->addr.family != 0;
}

static void add_expect(struct hover *hover, const struct ast_statement *statement)
{
	const struct policy *policy = hover->view->policy;

	for (size_t i = 0; i < policy->expects.count; i++)
		if (policy->expects.items[i].span.source == statement->span.source &&
		    policy->expects.items[i].span.start == statement->span.start &&
		    is_one_flow(&policy->expects.items[i].flow))
			add_explanation(hover, &policy->expects.items[i].flow);
}

/* ---- words and findings ---- */

static void add_word(struct hover *hover, const struct lsp_place *at, struct span *span)
{
	size_t start = word_start(at->text->text, at->offset),
	       end = word_end(at->text->text, at->text->len, at->offset);
	struct parse_place place;
	enum word_place where;
	const char *word, *meaning;

	if (start == end)
		return;
	where = word_place_at(hover->arena, at->text->text, start, &place);
	if (where == WORD_OPTION && end < at->text->len && at->text->text[end] == '=')
		end++;
	word = arena_strndup(hover->arena, at->text->text + start, end - start);
	meaning = word_meaning(where, word);
	if (!meaning)
		return;
	*span = (struct span){ at->view->top, (uint32_t)start, (uint32_t)end };
	text_addf(&hover->text, "%s: %s", code(hover, word), meaning);
}

/* "# lint: ignore ID": the id under the cursor, in a comment */
static void add_id(struct hover *hover, const struct lsp_place *at, struct span *span)
{
	struct span comment = span_comment(at->view->sources, (struct span){ at->view->top, at->offset, at->offset });
	size_t start = word_start(at->text->text, at->offset),
	       end = word_end(at->text->text, at->text->len, at->offset);
	const struct finding_text *text;

	if (comment.start == comment.end || at->offset < comment.start)
		return;
	text = finding_text(arena_strndup(hover->arena, at->text->text + start, end - start));
	if (!text)
		return;
	*span = (struct span){ at->view->top, (uint32_t)start, (uint32_t)end };
	text_addf(&hover->text, "%s (%s): %s", code(hover, text->id), text->level, text->meaning);
}

/* What the findings at this place mean */
static void add_findings(struct hover *hover, const struct lsp_place *at, struct span *span)
{
	const struct diags *diags = at->view->diags;

	for (size_t i = 0; i < diags->list.count; i++) {
		const struct diag *diag = &diags->list.items[i];
		const struct finding_text *text = finding_text(diag->id);

		if (diag->span.source != at->view->top || !span_has(diag->span, at->offset) || !text)
			continue;
		begin_section(hover);
		text_addf(&hover->text, "%s: %s\n\n%s", code(hover, diag->id), code(hover, diag->message),
			  text->meaning);
		if (diag->example)
			add_flow(hover, diag->example);
		if (span->source == SPAN_NO_SOURCE)
			*span = diag->span;
	}
}

static void add_statement(struct hover *hover, const struct lsp_place *at, struct span *span)
{
	const struct ast_statement *statement = lsp_view_statement(at->view, at->offset);
	const struct ast_word *word = statement ? names_target_at(statement, at->offset) : NULL;
	size_t rule = statement && at->view->whole ? lsp_view_rule(at->view, statement) : SIZE_MAX;
	const struct policy_rule *subject = rule != SIZE_MAX ? &at->view->policy->rules.items[rule] : NULL;

	if (!statement)
		return;
	if (word && statement->kind != AST_EXPECT && !hover->text.count) {
		add_target(hover, subject, word);
		*span = word->span;
	}
	if (statement->kind == AST_RULE && subject)
		add_rule(hover, rule);
	if (statement->kind == AST_EXPECT && at->view->whole) {
		begin_section(hover);
		add_expect(hover, statement);
	}
	if (span->source == SPAN_NO_SOURCE)
		*span = statement->span;
}

json_t *lsp_hover(struct lsp *lsp, struct lsp_request *request)
{
	struct hover hover = { .lsp = lsp, .arena = request->arena, .text = { .arena = request->arena } };
	struct span span = SPAN_NONE;
	struct lsp_place at;

	if (!lsp_find_place(lsp, request, &at))
		return NULL;
	hover.view = at.view;
	lsp_view_judge(lsp, at.view);
	add_id(&hover, &at, &span);
	if (!hover.text.count)
		add_word(&hover, &at, &span);
	add_statement(&hover, &at, &span);
	add_findings(&hover, &at, &span);
	if (!hover.text.count)
		return NULL;
	return json_pack("{s:{s:s, s:o}, s:o}", "contents", "kind", lsp->plain_hover ? "plaintext" : "markdown",
			 "value", lsp_text_json(request->arena, text_get(&hover.text)), "range",
			 lsp_range_json(at.view, span));
}
