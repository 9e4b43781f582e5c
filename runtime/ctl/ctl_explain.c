/* Why a flow fares as it does in a sandbox that runs: its policy, made again here, and the names that its addresses are bound to now, go
 * through what `msb-policyc explain` does. */
#include "base/escape.h"
#include "ctl/running.h"
#include "explain/explain_print.h"
#include "policy/flow.h"

#include <stdio.h>
#include <string.h>

static void add_binding(struct arena *arena, struct flow *flow, const char *name, struct addr addr)
{
	struct flow_binding *binding = NULL;

	for (size_t i = 0; i < flow->resolve.count && !binding; i++)
		if (!strcmp(flow->resolve.items[i].name, name))
			binding = &flow->resolve.items[i];
	if (!binding) {
		binding = arena_push(arena, &flow->resolve);
		binding->name = arena_strdup(arena, name);
	}
	*arena_push(arena, &binding->addrs) = addr;
}

/* What a flow says itself, resolve=, stays */
static void add_bindings(struct arena *arena, struct flow *flow, const json_t *bindings)
{
	struct addr addr;

	if (flow->resolve.count)
		return;
	for (size_t i = 0; i < json_array_size(bindings); i++) {
		const json_t *binding = json_array_get(bindings, i);
		const char *name = json_string_value(json_object_get(binding, "name"));
		const char *text = json_string_value(json_object_get(binding, "address"));
		if (name && text && addr_parse(text, &addr))
			add_binding(arena, flow, name, addr);
	}
}

static bool parse(struct ctl_line *line, const char *text, const json_t *bindings, struct flow *out)
{
	struct sources *sources = sources_new(line->arena);
	struct diags *diags = diags_new(line->arena, sources);

	if (!flow_parse(line->arena, sources, text, diags, out)) {
		const struct diag *diag = &diags->list.items[0];
		ctl_usage(line, "%s: %s", text, diags->list.count ? diag->message : "no flow");
		return false;
	}
	add_bindings(line->arena, out, bindings);
	return true;
}

static void print(struct ctl_line *line, const struct eval_context *context, const struct flow *flows, size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++) {
		struct explanation *explanation = explain_flow(line->arena, context, &flows[i]);
		if (line->format == CTL_JSON) {
			json_array_append_new(list, explain_json(line->arena, explanation));
			continue;
		}
		if (i)
			putchar('\n');
		explain_print_text(line->arena, explanation, stdout, false);
	}
	if (line->format == CTL_JSON)
		explain_print_json(list, stdout);
	json_decref(list);
}

enum ctl_status ctl_explain(struct ctl_line *line)
{
	size_t count = line->word_count;
	struct flow *flows = arena_alloc(line->arena, (count + 1) * sizeof *flows);
	struct ctl_running running;
	enum ctl_status status = CTL_FINE;
	bool fine = true;

	if (!count)
		return ctl_usage(line, "no flow to explain: egress@github.com:tcp:443");
	json_t *now = ctl_ask(line, json_pack("{s:s}", "command", "status"), &status);
	if (!now)
		return status;
	for (size_t i = 0; i < count; i++)
		fine &= parse(line, line->words[i], json_object_get(now, "bindings"), &flows[i]);
	json_decref(now);
	status = fine ? ctl_running(line, &running) : CTL_USAGE;
	if (status != CTL_FINE)
		return status;
	struct eval_context context = { running.policy, running.gateway, EVAL_NO_BINDINGS };
	print(line, &context, flows, count);
	return CTL_FINE;
}
