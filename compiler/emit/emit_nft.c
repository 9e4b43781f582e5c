/* The ruleset IR as nft's own text: what `nft -f` loads and a reviewer reads. It depends on the IR alone, but for the
 * header, which names the policy it came from. */
#include "emit/emit.h"
#include "base/escape.h"
#include "base/text.h"
#include "policy/policy_facts.h"

#include <string.h>

/* Elements are broken into lines at about this width, tabs counting as one */
#define LINE_WIDTH 100

static void emit_values(struct text *out, const struct rs_expr *expr)
{
	enum rs_type type = rs_field_info(expr->field[0])->type;
	bool set = expr->values.count > 1;

	text_add(out, set ? "{ " : "");
	for (size_t i = 0; i < expr->values.count; i++)
		text_addf(out, "%s%s", i ? ", " : "", rs_value_format(out->arena, type, &expr->values.items[i]));
	text_add(out, set ? " }" : "");
}

static void emit_fields(struct text *out, const struct rs_expr *expr)
{
	for (size_t i = 0; i < expr->field_count; i++)
		text_addf(out, "%s%s", i ? " . " : "", rs_field_info(expr->field[i])->nft);
}

static void emit_expr(struct text *out, const struct rs_expr *expr)
{
	char addr[ADDR_TEXT_MAX];

	switch (expr->kind) {
	case RS_MATCH:
		emit_fields(out, expr);
		text_add(out, expr->negate ? " != " : " ");
		emit_values(out, expr);
		break;
	case RS_LOOKUP:
		emit_fields(out, expr);
		text_addf(out, " %s@%s", expr->negate ? "!= " : "", expr->set);
		break;
	case RS_VMAP:
		emit_fields(out, expr);
		text_addf(out, " vmap @%s", expr->set);
		break;
	case RS_COUNTER:
		text_add(out, "counter");
		break;
	case RS_VERDICT:
		text_add(out, rs_verdict_format(out->arena, &expr->verdict));
		break;
	case RS_REJECT_RESET:
		text_add(out, "reject with tcp reset");
		break;
	case RS_REJECT_ROUTE:
		text_add(out, "reject with icmpx no-route");
		break;
	case RS_REJECT_ADMIN:
		text_add(out, "reject with icmpx admin-prohibited");
		break;
	case RS_LOG:
		if (expr->set)
			text_addf(out, "log prefix \"%s\" group %u snaplen %u", expr->set, expr->number, expr->snaplen);
		else
			text_addf(out, "log group %u snaplen %u", expr->number, expr->snaplen);
		break;
	case RS_LIMIT:
		text_addf(out, "limit rate %s%llu/%s burst %u packets", expr->negate ? "over " : "",
			  (unsigned long long)expr->rate, rs_unit_name(expr->per), expr->burst);
		break;
	case RS_TPROXY:
		text_addf(out, "tproxy %s to :%u", expr->family == ADDR_V4 ? "ip" : "ip6", expr->port);
		break;
	case RS_MARK_SET:
		text_addf(out, "meta mark set 0x%08x", expr->number);
		break;
	case RS_CT_MARK_SET:
		text_addf(out, "ct mark set 0x%08x", expr->number);
		break;
	case RS_MASQUERADE:
		text_add(out, "masquerade");
		break;
	case RS_SNAT:
		text_addf(out, "snat %s to %s", expr->source.family == ADDR_V4 ? "ip" : "ip6",
			  addr_format(expr->source, addr));
		break;
	case RS_NOTRACK:
		text_add(out, "notrack");
		break;
	case RS_CT_COUNT:
		text_addf(out, "ct count over %u", expr->number);
		break;
	case RS_PKTTYPE_SET:
		text_addf(out, "meta pkttype set %s", rs_pkttype_name(expr->number));
		break;
	case RS_CT_TIMEOUT:
		text_addf(out, "ct timeout set \"%s\"", expr->set);
		break;
	case RS_QUOTA:
		text_addf(out, "quota name \"%s\"", expr->set);
		break;
	case RS_FLOW_ADD:
		text_addf(out, "flow add @%s", expr->set);
		break;
	}
}

static void emit_rule(struct text *out, const struct rs_rule *rule)
{
	text_add(out, "\t\t");
	for (size_t i = 0; i < rule->exprs.count; i++) {
		text_add(out, i ? " " : "");
		emit_expr(out, &rule->exprs.items[i]);
	}
	if (rule->comment)
		text_addf(out, " comment \"%s\"", rule->comment);
	text_add(out, "\n");
}

static const char *element_text(struct arena *arena, const struct rs_set *set, const struct rs_element *element)
{
	struct text text = { .arena = arena };

	for (int i = 0; i < RS_KEY_PARTS && set->type[i]; i++)
		text_addf(&text, "%s%s", i ? " . " : "", rs_value_format(arena, set->type[i], &element->key[i]));
	if (element->timeout_ms)
		text_addf(&text, " timeout %llums", (unsigned long long)element->timeout_ms);
	if (element->comment)
		text_addf(&text, " comment \"%s\"", element->comment);
	if (set->map)
		text_addf(&text, " : %s", rs_verdict_format(arena, &element->verdict));
	return text_get(&text);
}

static void emit_elements(struct text *out, const struct rs_set *set)
{
	size_t width = 0;

	if (!set->elements.count)
		return;
	text_add(out, "\t\telements = { ");
	for (size_t i = 0; i < set->elements.count; i++) {
		const char *text = element_text(out->arena, set, &set->elements.items[i]);
		text_add(out, i ? "," : "");
		if (width && width + strlen(text) > LINE_WIDTH) {
			text_add(out, "\n\t\t\t     ");
			width = 0;
		} else if (i) {
			text_add(out, " ");
		}
		text_add(out, text);
		width += strlen(text) + 2;
	}
	text_add(out, " }\n");
}

static void emit_set(struct text *out, const struct rs_set *set)
{
	text_addf(out, "\t%s %s {", set->map ? "map" : "set", set->name);
	text_addf(out, set->note ? "\t\t# %s\n" : "\n", set->note);
	text_add(out, "\t\ttype");
	for (int i = 0; i < RS_KEY_PARTS && set->type[i]; i++)
		text_addf(out, "%s%s", i ? " . " : " ", rs_type_info(set->type[i])->nft);
	text_add(out, set->map ? " : verdict\n" : "\n");
	if (set->size)
		text_addf(out, "\t\tsize %u\n", set->size);
	if (set->interval || set->timeout)
		text_addf(out, "\t\tflags %s%s%s\n", set->interval ? "interval" : "",
			  set->interval && set->timeout ? "," : "", set->timeout ? "timeout" : "");
	if (set->counters)
		text_add(out, "\t\tcounter\n");
	if (set->comment)
		text_addf(out, "\t\tcomment \"%s\"\n", set->comment);
	emit_elements(out, set);
	text_add(out, "\t}\n");
}

static void emit_chain(struct text *out, const struct rs_chain *chain)
{
	if (chain->note)
		text_addf(out, "\t# %s\n", chain->note);
	text_addf(out, "\tchain %s {\n", chain->name);
	if (chain->hook != RS_HOOK_NONE) {
		text_addf(out, "\t\ttype %s hook %s", rs_chain_type_name(chain->type), rs_hook_name(chain->hook));
		if (chain->device)
			text_addf(out, " device \"%s\"", chain->device);
		text_addf(out, " priority %d; policy %s;\n", chain->priority,
			  chain->policy == RS_DROP ? "drop" : "accept");
	}
	for (size_t i = 0; i < chain->rules.count; i++)
		emit_rule(out, &chain->rules.items[i]);
	text_add(out, "\t}\n");
}

static void emit_timeout(struct text *out, const struct rs_timeout *timeout)
{
	const char *separator = "";

	text_addf(out, "\tct timeout %s {\n\t\tprotocol %s\n\t\tl3proto ip\n\t\tpolicy = {", timeout->name,
		  timeout->proto == IPPROTO_TCP ? "tcp" : "udp");
	for (size_t i = 0; i < RS_TIMEOUT_STATES; i++) {
		if (!timeout->seconds[i])
			continue;
		text_addf(out, "%s %s : %u", separator, rs_timeout_state_name(timeout, i), timeout->seconds[i]);
		separator = ",";
	}
	text_add(out, " }\n\t}\n");
}

static void emit_flowtable(struct text *out, const struct rs_flowtable *flowtable)
{
	text_addf(
		out,
		"\tflowtable %s {\n\t\thook ingress priority %d\n\t\tdevices = { \"%s\", \"%s\" }\n\t\tcounter\n\t}\n",
		flowtable->name, flowtable->priority, flowtable->devices[0], flowtable->devices[1]);
}

static void emit_table(struct text *out, const struct rs_table *table)
{
	text_addf(out, "table %s %s {\n", rs_family_name(table->family), table->name);
	if (table->owner)
		text_add(out, "\tflags owner\n");
	for (size_t i = 0; i < table->timeouts.count; i++)
		emit_timeout(out, &table->timeouts.items[i]);
	for (size_t i = 0; i < table->quotas.count; i++)
		text_addf(out, "\tquota %s {\n\t\tover %llu bytes\n\t}\n", table->quotas.items[i].name,
			  (unsigned long long)table->quotas.items[i].bytes);
	for (size_t i = 0; i < table->sets.count; i++)
		emit_set(out, &table->sets.items[i]);
	for (size_t i = 0; i < table->flowtables.count; i++)
		emit_flowtable(out, &table->flowtables.items[i]);
	for (size_t i = 0; i < table->chains.count; i++)
		emit_chain(out, &table->chains.items[i]);
	text_add(out, "}\n");
}

static const char *gateway_text(struct arena *arena, const struct addr_gateway *gateway)
{
	char v4[ADDR_TEXT_MAX], v6[ADDR_TEXT_MAX];

	if (!gateway->has4 && !gateway->has6)
		return "none";
	return arena_printf(arena, "%s%s%s", gateway->has4 ? addr_format(gateway->v4, v4) : "",
			    gateway->has4 && gateway->has6 ? ", " : "",
			    gateway->has6 ? addr_format(gateway->v6, v6) : "");
}

static void emit_header(struct text *out, const struct policy *policy, const struct lower_options *options)
{
	struct arena *arena = out->arena;
	const char *name = basename(escape_text(arena, policy->name)); /* wherever it lies */
	size_t ingress_only = 0;

	for (size_t i = 0; i < policy->rules.count; i++)
		ingress_only += policy->rules.items[i].directions == POLICY_INGRESS;
	text_addf(out, "# %s at -O%d by msb-policyc %s: edit %s, not this\n", name, options->optimise, MSB_VERSION,
		  name);
	text_addf(out, "# %zu rule%s, default egress %s, default ingress %s; gateway %s\n", policy->rules.count,
		  policy->rules.count == 1 ? "" : "s", policy_action_name(policy->egress.action),
		  policy_action_name(policy->ingress.action), gateway_text(arena, &options->gateway));
	if (ingress_only)
		text_addf(out, "# ingress rules (%zu) are judged where published ports are relayed, not here\n",
			  ingress_only);
	text_add(out, "# start reading at chain egress\n");
	if (policy_defers(policy))
		text_add(
			out,
			"# TCP waits for its server name at the name relay (chain defer) where a rule allows the address and a "
			"denial of names is before it;\n"
			"# or where it is denied and an allow before is of a name bound to the address, which marks the packet "
			"(chains undecided, refuse_unnamed).\n"
			"# QUIC, whose server name nobody sees, is refused where TCP would wait; what else names decide goes "
			"by the addresses they are bound to\n");
	if (options->optimise >= 2)
		text_add(
			out,
			"# an address leads to its class of rules, what they leave to the rules on its group; a rule may "
			"stand in several chains, and its comment names it in each\n");
}

/* As comments: nft would refuse the whole of the text where the kernel has no flowtables. */
static void emit_fast_path(struct text *out, const struct ruleset *fast)
{
	struct text body = { .arena = out->arena };
	char *rest, *line;

	if (!fast)
		return;
	text_add(out,
		 "# where the kernel has flowtables, msb-run adds this, and the packets of established flows go past "
		 "the chains above:\n");
	for (size_t i = 0; i < fast->tables.count; i++)
		emit_table(&body, &fast->tables.items[i]);
	rest = arena_strdup(out->arena, text_get(&body));
	while ((line = strsep(&rest, "\n")) && *line)
		text_addf(out, "#%s%s\n", *line == '\t' ? "" : " ", line);
}

const char *emit_nft(struct arena *arena, const struct policy *policy, const struct ruleset *ruleset,
		     const struct lower_options *options)
{
	struct text out = { .arena = arena };

	emit_header(&out, policy, options);
	for (size_t i = 0; i < ruleset->tables.count; i++)
		emit_table(&out, &ruleset->tables.items[i]);
	const struct ruleset *quotas = lower_quotas(arena, policy, options);
	for (size_t i = 0; quotas && i < quotas->tables.count; i++)
		emit_table(&out, &quotas->tables.items[i]);
	emit_fast_path(&out, lower_fast_path(arena, policy, options));
	return text_get(&out);
}
