/* What the checks share: silencing, places, examples, suggested edits. */
#include "lint/checks.h"
#include "policy/policy_facts.h"

#include <string.h>

static bool is_silenced(struct lint *lint, const char *id, struct span span)
{
	struct span comment;
	bool ignored = source_lint_ignored(lint->policy->sources, span, id, &comment);

	if (ignored)
		*arena_push(lint->arena, &lint->heard) = comment;
	for (size_t i = 0; i < lint->options->disabled_count; i++)
		if (!strcmp(lint->options->disabled[i], id))
			return true;
	return ignored;
}

struct diag *lint_add(struct lint *lint, enum diag_level level, const char *id, struct span span, const char *fmt, ...)
{
	va_list args;
	const char *message;

	if (is_silenced(lint, id, span)) {
		lint->spare = (struct diag){ .id = id };
		return &lint->spare;
	}
	va_start(args, fmt);
	message = arena_vprintf(lint->arena, fmt, args);
	va_end(args);
	return diag_add(lint->diags, level, id, span, "%s", message);
}

void lint_example(struct lint *lint, struct diag *diag, const struct witness *flow)
{
	struct eval_verdict verdict;

	if (diag == &lint->spare || diag == &lint->diags->spare) /* silenced, or past the limit */
		return;
	verdict = witness_eval(&lint->context, flow);
	diag->example = witness_format(lint->arena, lint->policy, flow);
	diag->example_verdict = verdict.action == POLICY_ALLOW ? "is allowed" : "is denied";
}

bool lint_is_own(const struct policy_rule *rule)
{
	return rule->origin == ORIGIN_FILE || rule->origin == ORIGIN_ARG;
}

struct span lint_place(const struct lint *lint, struct span span)
{
	if (span.source != SPAN_NO_SOURCE || !lint->policy->sources->count)
		return span;
	return (struct span){ lint_top_source(lint), 0, 0 };
}

/* Of several policies in one run, the name is the source's own */
uint32_t lint_top_source(const struct lint *lint)
{
	const struct sources *sources = lint->policy->sources;

	for (uint32_t i = (uint32_t)sources->count; i-- > 0;)
		if (sources->items[i]->kind == SOURCE_FILE && sources->items[i]->name == lint->policy->name)
			return i;
	return 0;
}

void lint_relate(struct lint *lint, struct diag *diag, struct decider by, enum policy_direction direction,
		 const char *message)
{
	struct span span = by.kind == DECIDER_RULE  ? lint->policy->rules.items[by.rule].span :
			   by.kind == DECIDER_LABEL ? lint->policy->dns_label.span :
						      policy_default_of(lint->policy, direction)->span;

	if (span.source != SPAN_NO_SOURCE)
		diag_relate(lint->diags, diag, span, "%s", message);
}

const char *lint_where(struct lint *lint, const struct policy_rule *rule)
{
	const struct source *source = sources_get(lint->policy->sources, rule->span.source);

	if (!source || source->kind != SOURCE_FILE)
		return arena_printf(lint->arena, "`%s`", rule->text);
	return arena_printf(lint->arena, "line %u", span_place(lint->policy->sources, rule->span).line);
}

bool lint_is_literal(const struct policy_rule *rule, struct span part)
{
	return part.source == rule->span.source && rule->span.source != SPAN_NO_SOURCE &&
	       rule->span.start <= part.start && part.end <= rule->span.end && part.start < part.end;
}

const char *lint_mend(struct lint *lint, const struct policy_rule *rule, struct span part, const char *replacement)
{
	const struct source *source = sources_get(lint->policy->sources, rule->span.source);

	if (!source || !lint_is_literal(rule, part))
		return NULL;
	return arena_printf(lint->arena, "%.*s%s%.*s", (int)(part.start - rule->span.start),
			    source->text + rule->span.start, replacement, (int)(rule->span.end - part.end),
			    source->text + part.end);
}

bool lint_is_single(struct addr_prefix prefix)
{
	return prefix.len == (prefix.addr.family == ADDR_V4 ? 32 : 128);
}

bool lint_takes_class(struct lint *lint, const struct policy_target *target, enum addr_class class)
{
	struct run spans[ATOMS_RUNS_MAX];
	const struct atoms *atoms = analysis_atoms(lint->analysis);
	size_t count = atoms_target_runs(atoms, POLICY_ALLOW, target, spans);

	/* atoms of one class stand together, so the ends of a run tell its classes but those in between */
	for (size_t i = 0; i < count; i++)
		if (atoms_at(atoms, spans[i].lo)->class <= class && class <= atoms_at(atoms, spans[i].hi - 1)->class)
			for (uint32_t atom = spans[i].lo; atom < spans[i].hi; atom++)
				if (atoms_at(atoms, atom)->class == class)
					return true;
	return false;
}
