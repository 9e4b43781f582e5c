/* The tables of the page: rules, expectations, findings, settings. */
#include "page/page_state.h"
#include "base/escape.h"
#include "base/units.h"
#include "policy/policy_facts.h"

#include <inttypes.h>
#include <string.h>

#define E(text) page_escape(page, text)

static const char *place(struct page *page, struct span span)
{
	return E(place_or_dash(span_format_line(page->arena, page->policy->sources, span)));
}

/* ---- rules ---- */

/* The expectations in which a rule decides: the flow itself or the lookup before it */
static bool decided_by_it(const struct expect_outcome *outcome, struct decider by)
{
	return decider_equal(outcome->result.verdict.by, by) ||
	       (outcome->result.has_lookup && decider_equal(outcome->result.lookup.by, by));
}

/* Coverage knows of more than single flows */
static bool is_covered(const struct page *page, struct decider by)
{
	const struct coverage *coverage = page->in->report->coverage;

	if (by.kind == DECIDER_RULE)
		return coverage->rule_decided[by.rule];
	for (size_t i = 0; i < coverage->items.count; i++)
		if (coverage->items.items[i].kind == COVER_DEFAULT && coverage->items.items[i].decided &&
		    coverage->items.items[i].direction == POLICY_EGRESS)
			return true;
	return false;
}

static void hits_cell(struct page *page, struct decider by)
{
	const struct expect_report *report = page->in->report;
	size_t count = 0;

	for (size_t i = 0; i < report->outcomes.count; i++)
		count += decided_by_it(&report->outcomes.items[i], by);
	if (!count) {
		text_add(&page->out,
			 is_covered(page, by) ? "<td class=\"hits\">yes</td>" : "<td class=\"hits zero\">none</td>");
		return;
	}
	text_addf(&page->out, "<td class=\"hits\"><details><summary>%zu</summary><ul>\n", count);
	for (size_t i = 0; i < report->outcomes.count; i++)
		if (decided_by_it(&report->outcomes.items[i], by))
			text_addf(&page->out, "<li><a href=\"#expect-%zu\"><code>%s</code></a></li>\n", i + 1,
				  E(expect_text(page->arena, report->outcomes.items[i].expect)));
	text_add(&page->out, "</ul></details></td>");
}

static const char *rule_notes(struct page *page, const struct policy_rule *rule)
{
	struct text text = { .arena = page->arena };

	if (rule->because)
		text_addf(&text, "<q>%s</q>", E(rule->because));
	if (rule->until.year)
		text_addf(&text, "%s<span class=\"tag\">until %04d-%02d-%02d</span>", text.count ? " " : "",
			  rule->until.year, rule->until.month, rule->until.day);
	if (rule->bytes)
		text_addf(&text, "%s<span class=\"tag\">bytes %s</span>", text.count ? " " : "",
			  units_size_format(page->arena, rule->bytes));
	if (rule->log)
		text_addf(&text, "%s<span class=\"tag\">log</span>", text.count ? " " : "");
	return text_get(&text);
}

static const char *action_class(enum policy_action action)
{
	return action == POLICY_ALLOW ? "all" : "none";
}

static void rule_row(struct page *page, size_t index)
{
	const struct policy_rule *rule = &page->policy->rules.items[index];

	text_addf(&page->out,
		  "<tr id=\"rule-%zu\"><th scope=\"row\">%zu</th><td><span class=\"verdict %s\">%s</span></td>",
		  index + 1, index + 1, action_class(rule->action), policy_action_name(rule->action));
	text_addf(&page->out, "<td><code>%s</code></td><td>%s</td>", E(rule->text), rule_notes(page, rule));
	hits_cell(page, decided_by_rule(index));
	text_addf(&page->out, "<td class=\"place\">%s</td></tr>\n",
		  rule->origin == ORIGIN_BUILTIN ? "default policy" : place(page, rule->span));
}

static void default_row(struct page *page, enum policy_direction direction)
{
	const struct policy_default *fallback = policy_default_of(page->policy, direction);

	text_addf(&page->out, "<tr><th scope=\"row\">–</th><td><span class=\"verdict %s\">%s</span></td>",
		  action_class(fallback->action), policy_action_name(fallback->action));
	text_addf(&page->out, "<td><code>default %s %s</code></td><td>%s</td>", policy_direction_name(direction),
		  policy_action_name(fallback->action),
		  direction == POLICY_EGRESS ? "what no rule matches" :
					       "who connects to a published port and matches no rule");
	if (direction == POLICY_EGRESS)
		hits_cell(page, decided_by(DECIDER_DEFAULT));
	else
		text_add(&page->out, "<td class=\"hits\"></td>");
	text_addf(&page->out, "<td class=\"place\">%s</td></tr>\n", place(page, fallback->span));
}

void page_rules(struct page *page)
{
	text_add(
		&page->out,
		"<section id=\"rules\"><h2>Rules</h2>\n<p>The first that matches decides. The last columns say which "
		"expectations each decides, and where it is written.</p>\n<div class=\"scroll\"><table>\n<thead><tr>"
		"<th scope=\"col\">#</th><th scope=\"col\">Verdict</th><th scope=\"col\">Rule</th><th scope=\"col\">Reason</th>"
		"<th scope=\"col\">Tested by</th><th scope=\"col\">Place</th></tr></thead>\n<tbody>\n");
	for (size_t i = 0; i < page->policy->rules.count; i++)
		rule_row(page, i);
	default_row(page, POLICY_EGRESS);
	default_row(page, POLICY_INGRESS);
	text_add(&page->out, "</tbody></table></div></section>\n");
}

/* ---- expectations ---- */

/* With what the expectation says of answers and server names */
static const char *flow_text(struct page *page, const struct flow *flow)
{
	struct text text = { .arena = page->arena };
	char addr[ADDR_TEXT_MAX];

	text_add(&text, flow->text);
	for (size_t i = 0; i < flow->resolve.count; i++) {
		const struct flow_binding *binding = &flow->resolve.items[i];

		text_addf(&text, "%s%s=", i ? ";" : " resolve=", binding->name);
		for (size_t j = 0; j < binding->addrs.count; j++)
			text_addf(&text, "%s%s", j ? "," : "", addr_format(binding->addrs.items[j], addr));
	}
	if (flow->sni)
		text_addf(&text, " sni=%s", flow->sni);
	return E(text_get(&text));
}

void page_expectations(struct page *page)
{
	const struct expect_report *report = page->in->report;

	text_add(&page->out, "<section id=\"expectations\"><h2>Expectations</h2>\n");
	if (!report->outcomes.count) {
		text_add(&page->out, "<p>The policy has none: nothing was tested.</p></section>\n");
		return;
	}
	text_addf(&page->out, "<p>%zu of %zu hold. Together they decide %zu of %zu targets, protocols and ports.</p>\n",
		  expect_count_held(report), report->outcomes.count, report->coverage->items_decided,
		  report->coverage->items.count);
	text_add(&page->out,
		 "<div class=\"scroll\"><table>\n<thead><tr><th scope=\"col\">Holds</th><th scope=\"col\">Expected"
		 "</th><th scope=\"col\">Flow</th><th scope=\"col\">Decided by</th><th scope=\"col\">Place</th></tr>"
		 "</thead>\n<tbody>\n");
	for (size_t i = 0; i < report->outcomes.count; i++) {
		const struct expect_outcome *outcome = &report->outcomes.items[i];
		enum policy_action action = outcome->expect->action;

		text_addf(&page->out,
			  "<tr id=\"expect-%zu\"%s><td>%s</td><td><span class=\"verdict %s\">%s</span></td>", i + 1,
			  outcome->holds ? "" : " class=\"failed\"", outcome->holds ? "✓ yes" : "✗ no",
			  action_class(action), policy_action_name(action));
		text_addf(&page->out, "<td><code>%s</code></td><td>%s</td><td class=\"place\">%s</td></tr>\n",
			  flow_text(page, &outcome->expect->flow), page_decider(page, outcome->result.verdict.by),
			  place(page, outcome->expect->span));
	}
	text_add(&page->out, "</tbody></table></div></section>\n");
}

/* ---- findings ---- */

static void finding(struct page *page, const struct diag *diag)
{
	const char *at = span_format_line(page->arena, page->policy->sources, diag->span);

	text_addf(&page->out, "<li class=\"%s\"><p><strong>%s</strong> %s <span class=\"id\">%s</span></p>\n",
		  diag_level_name(diag->level), diag_level_name(diag->level), E(diag->message), E(diag->id));
	if (at)
		text_addf(&page->out, "<p class=\"place\">%s</p>\n", E(at));
	if (diag->example)
		text_addf(&page->out, "<p>for example <code>%s</code>%s%s</p>\n", E(diag->example),
			  diag->example_verdict ? " " : "", diag->example_verdict ? E(diag->example_verdict) : "");
	if (diag->help)
		text_addf(&page->out, "<p>help: <code>%s</code></p>\n", E(diag->help));
	text_add(&page->out, "</li>\n");
}

void page_findings(struct page *page)
{
	const struct diags *diags = page->in->findings;
	const struct diag **sorted = diags_sorted(diags);

	text_add(&page->out, "<section id=\"findings\"><h2>Findings</h2>\n");
	if (!diags->list.count) {
		text_add(&page->out,
			 "<p>None: <code>msb-policyc check</code> finds nothing wrong or risky.</p></section>\n");
		return;
	}
	text_add(&page->out, "<ul class=\"findings\">\n");
	for (size_t i = 0; i < diags->list.count; i++)
		finding(page, sorted[i]);
	text_add(&page->out, "</ul></section>\n");
}

/* ---- settings ---- */

static void setting(struct page *page, const char *name, const char *value)
{
	text_addf(&page->out, "<tr><th scope=\"row\">%s</th><td>%s</td></tr>\n", name, E(value));
}

static const char *nameservers(struct page *page)
{
	struct text text = { .arena = page->arena };

	for (size_t i = 0; i < page->policy->nameservers.count; i++) {
		const struct policy_nameserver *server = &page->policy->nameservers.items[i];

		text_addf(&text, "%s%s:%u", i ? ", " : "", policy_nameserver_host(page->arena, server, true),
			  server->port);
	}
	return text.count ? text_get(&text) : "the host's";
}

static const char *published(struct page *page)
{
	struct text text = { .arena = page->arena };
	char bind[ADDR_TEXT_MAX];

	for (size_t i = 0; i < page->policy->publishes.count; i++) {
		const struct policy_publish *publish = &page->policy->publishes.items[i];

		text_addf(&text, "%s%s:%u to the guest's %u/%s", i ? ", " : "",
			  addr_format_bracketed(publish->bind, bind), publish->host_port, publish->guest_port,
			  policy_proto_name(publish->proto));
	}
	return text.count ? text_get(&text) : "none: nobody connects in";
}

static const char *bound(struct page *page, const struct policy_bound *bound)
{
	return bound->most ? arena_printf(page->arena, "%u", bound->most) : "without bound";
}

static void limit(struct page *page, const char *name, const char *unit, const struct policy_limit *limit)
{
	if (limit->size)
		setting(page, name,
			arena_printf(page->arena, "%" PRIu64 " %s every %" PRIu64 " ms%s", limit->size, unit,
				     limit->refill_ms,
				     limit->burst ? arena_printf(page->arena, ", %" PRIu64 " more once", limit->burst) :
						    ""));
}

static void quota(struct page *page, const char *name, const struct policy_limit *limit)
{
	if (limit->size)
		setting(page, name, arena_printf(page->arena, "%" PRIu64 " bytes, then nothing", limit->size));
}

static const char *server_names(const struct policy *policy)
{
	if (!policy->server_names)
		return "not enforced: bindings alone decide";
	return policy->deny_ech ? "enforced where rules name names; ECH is denied there" :
				  "enforced where rules name names; ECH is judged by its outer name";
}

void page_settings(struct page *page)
{
	const struct policy *policy = page->policy;

	text_add(
		&page->out,
		"<section id=\"settings\"><h2>Settings</h2>\n<div class=\"scroll\"><table class=\"settings\"><tbody>\n");
	setting(page, "Nameservers", nameservers(page));
	setting(page, "Rebind protection",
		policy->rebind_protection ? "on" : "off: answers may lead to private addresses");
	setting(page, "Server names in TLS", server_names(policy));
	setting(page, "Published ports", published(page));
	if (policy->multi_tenant)
		setting(page, "Floor", "multi-tenant: the default policy must allow every flow too");
	setting(page, "TCP connections at once", bound(page, &policy->max_tcp));
	setting(page, "UDP flows at once", bound(page, &policy->max_udp));
	setting(page, "New connections a second", bound(page, &policy->connection_rate));
	limit(page, "Egress bandwidth", "bytes", &policy->egress_bandwidth);
	limit(page, "Egress packets", "packets", &policy->egress_ops);
	limit(page, "Ingress bandwidth", "bytes", &policy->ingress_bandwidth);
	limit(page, "Ingress packets", "packets", &policy->ingress_ops);
	quota(page, "Egress in all", &policy->egress_bytes);
	quota(page, "Ingress in all", &policy->ingress_bytes);
	if (policy->dns_label.size)
		setting(page, "Labels of looked up names",
			arena_printf(page->arena, "at most %" PRIu64 " octets", policy->dns_label.size));
	limit(page, "Different names below a domain", "names", &policy->dns_names);
	limit(page, "Lookups sent on", "questions", &policy->dns_rate);
	text_add(&page->out, "</tbody></table></div></section>\n");
}
