/* msb-policyc explain: would this pass, by which rule, and why not by the others. */
#include "cmd/cmd.h"
#include "explain/explain_print.h"

#include <stdio.h>

/* All flows are parsed before the first is explained: a usage error prints no half of an answer. */
static struct flow *parse_flows(const struct cmd_line *line, struct cmd_policy *loaded)
{
	struct flow *flows = arena_alloc(loaded->arena, line->flows.count * sizeof *flows);
	bool ok = true;

	for (size_t i = 0; i < line->flows.count; i++) {
		struct diags *diags = diags_new(loaded->arena, loaded->sources);

		if (cmd_flow(line, loaded->policy, loaded->arena, loaded->sources, line->flows.items[i], diags,
			     &flows[i]))
			continue;
		cmd_flow_error(loaded->arena, diags);
		ok = false;
	}
	return ok ? flows : NULL;
}

static int explain_policy(struct cmd_line *line, struct cmd_policy *loaded, const char *file, void *unused)
{
	int status = cmd_policy_require(loaded, line, file);
	struct eval_context context = cmd_context(line, loaded->policy);
	struct flow *flows;
	json_t *list;

	(void)unused;
	if (status != STATUS_FINE)
		return status;
	if (line->rule)
		return cmd_explain_rule(line, loaded);
	flows = parse_flows(line, loaded);
	if (!flows)
		return STATUS_USAGE;
	list = json_array();
	for (size_t i = 0; i < line->flows.count; i++) {
		struct explanation *explanation = explain_flow(loaded->arena, &context, &flows[i]);

		if (line->format == FORMAT_JSON) {
			json_array_append_new(list, explain_json(loaded->arena, explanation));
			continue;
		}
		if (i)
			putchar('\n');
		explain_print_text(loaded->arena, explanation, stdout, color_wanted(line->color, stdout));
	}
	if (line->format == FORMAT_JSON)
		explain_print_json(list, stdout);
	json_decref(list);
	return STATUS_FINE;
}

int cmd_explain(struct cmd_line *line)
{
	if (line->rule && line->flows.count)
		return cmd_usage_error(line, "--rule explains a rule, `%s` is a flow: one at a time",
				       line->flows.items[0]);
	if (!line->rule && !line->flows.count)
		return cmd_usage_error(line, "no flow to explain: egress@github.com:tcp:443");
	return cmd_each_file(line, explain_policy, NULL);
}
