/* What a guest reaches of a target. Ports that no rule tells apart are one interval, of which one is asked; ports that are
 * refused whatever the rules say are left out, or nothing would ever be "everything". */
#include "page/page_state.h"
#include "eval/builtin.h"
#include "policy/policy_facts.h"

#include <stdlib.h>
#include <string.h>

#define WORK_MAX 20000000 /* targets of rules looked at for one of the picture's */

struct cuts {
	uint32_t *items;
	size_t count, cap;
};

static void add_cut(struct page *page, struct cuts *cuts, uint32_t port)
{
	if (port <= UINT16_MAX)
		*arena_push(page->arena, cuts) = port;
}

/* The first port of each interval, ascending */
static struct cuts find_cuts(struct page *page)
{
	struct cuts cuts = { 0 };

	add_cut(page, &cuts, 0);
	for (size_t i = 0; i < EVAL_REFUSED_PORTS; i++) {
		add_cut(page, &cuts, eval_refused_ports[i].port);
		add_cut(page, &cuts, eval_refused_ports[i].port + 1u);
	}
	for (size_t i = 0; i < page->policy->rules.count; i++)
		for (size_t j = 0; j < page->policy->rules.items[i].ports.count; j++) {
			add_cut(page, &cuts, page->policy->rules.items[i].ports.items[j].lo);
			add_cut(page, &cuts, page->policy->rules.items[i].ports.items[j].hi + 1u);
		}
	add_cut(page, &cuts, FLOW_DNS_PORT);
	add_cut(page, &cuts, FLOW_DNS_PORT + 1u);
	cuts.count = sort_once_uint32(cuts.items, cuts.count);
	return cuts;
}

static bool passes(struct page *page, const struct page_probe *probe, enum policy_proto proto, uint16_t port)
{
	struct flow flow = { .kind = FLOW_CONNECTION,
			     .direction = POLICY_EGRESS,
			     .to_name = probe->name,
			     .name = probe->name,
			     .addr = probe->addr,
			     .proto = proto,
			     .has_port = policy_proto_has_ports(proto),
			     .port = port };
	struct flow_binding binding = { .name = probe->name };

	if (probe->name && probe->leads) {
		*arena_push(page->arena, &binding.addrs) = probe->addr;
		*arena_push(page->arena, &flow.resolve) = binding;
	}
	return eval_flow(&page->in->context, &flow).verdict.action == POLICY_ALLOW;
}

/* An address of the other family has no ICMP of this one */
static bool is_asked(const struct page_probe *probe, enum policy_proto proto)
{
	return probe->name || (proto == PROTO_ICMPV4 ? probe->addr.family == ADDR_V4 :
			       proto == PROTO_ICMPV6 ? probe->addr.family == ADDR_V6 :
						       true);
}

static enum page_reach ask(struct page *page, const struct page_probes *probes, enum policy_proto proto, uint16_t port)
{
	size_t asked = 0, passed = 0;

	for (size_t i = 0; i < probes->count; i++) {
		if (!is_asked(&probes->items[i], proto))
			continue;
		asked++;
		passed += passes(page, &probes->items[i], proto, port);
	}
	return !asked ? REACH_UNKNOWN : !passed ? REACH_NONE : passed == asked ? REACH_ALL : REACH_SOME;
}

/* The ports of one protocol that have this reach */
struct ports {
	struct text text;
	bool every, any;
};

static struct ports find_ports(struct page *page, const struct cuts *cuts, const enum page_reach *reach,
			       enum policy_proto proto, enum page_reach wanted)
{
	struct ports ports = { .text = { .arena = page->arena }, .every = true };

	for (size_t i = 0, end; i < cuts->count; i = end) {
		size_t last = i;

		end = i + 1;
		if (eval_refused_port(POLICY_EGRESS, proto, (uint16_t)cuts->items[i]))
			continue;
		if (reach[i] != wanted) {
			ports.every = false;
			continue;
		}
		for (; end < cuts->count; end++) {
			bool refused = eval_refused_port(POLICY_EGRESS, proto, (uint16_t)cuts->items[end]);

			if (!refused && reach[end] != wanted)
				break;
			last = refused ? last : end;
		}
		uint32_t hi = last + 1 < cuts->count ? cuts->items[last + 1] - 1 : UINT16_MAX;
		text_addf(&ports.text, cuts->items[i] == hi ? "%s%u" : "%s%u-%u", ports.any ? ", " : "", cuts->items[i],
			  hi);
		ports.any = true;
	}
	return ports;
}

struct summary {
	struct text all, some;
	struct text lacking; /* what does not pass of protocols most of which do */
	size_t everything;   /* protocols all of which pass */
	size_t mostly;       /* those that are shorter told by what does not */
	size_t asked;
};

static void add_part(struct text *text, const char *proto, const char *ports)
{
	text_addf(text, "%s%s%s%s", text->count ? "; " : "", proto, *ports ? " " : "", ports);
}

static void add_ported(struct page *page, const struct cuts *cuts, const enum page_reach *reach,
		       enum policy_proto proto, struct summary *summary)
{
	struct ports all = find_ports(page, cuts, reach, proto, REACH_ALL);
	struct ports some = find_ports(page, cuts, reach, proto, REACH_SOME);

	struct ports none = find_ports(page, cuts, reach, proto, REACH_NONE);

	summary->asked++;
	summary->everything += all.every;
	if (all.any && none.any && !some.any && none.text.count < all.text.count) {
		summary->mostly++;
		add_part(&summary->lacking, policy_proto_name(proto), text_get(&none.text));
	}
	if (all.any)
		add_part(&summary->all, policy_proto_name(proto), all.every ? "" : text_get(&all.text));
	if (some.any)
		add_part(&summary->some, policy_proto_name(proto), some.every ? "" : text_get(&some.text));
}

static void add_proto(struct page *page, const struct page_probes *probes, const struct cuts *cuts,
		      enum policy_proto proto, struct summary *summary)
{
	enum page_reach *reach = arena_alloc(page->arena, cuts->count * sizeof *reach);

	if (policy_proto_has_ports(proto)) {
		for (size_t i = 0; i < cuts->count; i++)
			reach[i] = ask(page, probes, proto, (uint16_t)cuts->items[i]);
		add_ported(page, cuts, reach, proto, summary);
		return;
	}
	enum page_reach whole = ask(page, probes, proto, 0);
	if (whole == REACH_UNKNOWN)
		return;
	summary->asked++;
	summary->everything += whole == REACH_ALL;
	if (whole == REACH_ALL || whole == REACH_SOME)
		add_part(whole == REACH_ALL ? &summary->all : &summary->some, policy_proto_name(proto), "");
}

enum page_reach page_services(struct page *page, const struct page_probes *probes, const char **text)
{
	struct cuts cuts = find_cuts(page);
	struct summary summary = { .all = { .arena = page->arena },
				   .some = { .arena = page->arena },
				   .lacking = { .arena = page->arena } };

	if (probes->count * cuts.count * 2 * page->targets > WORK_MAX) {
		*text = "see the rules";
		return REACH_UNKNOWN;
	}
	for (size_t i = 0; i < POLICY_RULE_PROTOS; i++)
		add_proto(page, probes, &cuts, policy_protos[i], &summary);
	if (summary.asked && summary.everything == summary.asked) {
		*text = "everything";
		return REACH_ALL;
	}
	if (summary.mostly && summary.everything + summary.mostly == summary.asked) {
		*text = arena_printf(page->arena, "all but %s", text_get(&summary.lacking));
		return REACH_ALL;
	}
	if (!summary.all.count && !summary.some.count) {
		*text = "denied";
		return REACH_NONE;
	}
	if (!summary.some.count) {
		*text = text_get(&summary.all);
		return REACH_ALL;
	}
	*text = arena_printf(page->arena, "%s%spartly %s", text_get(&summary.all), summary.all.count ? "; " : "",
			     text_get(&summary.some));
	return REACH_SOME;
}

enum page_reach page_inbound(struct page *page)
{
	size_t asked = 0, passed = 0;

	if ((uint64_t)page->policy->publishes.count * atoms_count(page->atoms) * page->targets > WORK_MAX)
		return REACH_UNKNOWN;
	for (size_t i = 0; i < page->policy->publishes.count; i++)
		for (uint32_t atom = 0; atom < atoms_count(page->atoms); atom++) {
			struct eval_connection connection = { .direction = POLICY_INGRESS,
							      .proto = page->policy->publishes.items[i].proto,
							      .addr = atoms_member(page->atoms, atom),
							      .has_port = true,
							      .port = page->policy->publishes.items[i].guest_port };

			asked++;
			passed += eval_connection(&page->in->context, &connection).action == POLICY_ALLOW;
		}
	return !passed ? REACH_NONE : passed == asked ? REACH_ALL : REACH_SOME;
}

enum page_reach page_lookup(struct page *page, const char *name)
{
	return eval_dns(&page->in->context, name, FLOW_DNS_UDP).action == POLICY_ALLOW ? REACH_ALL : REACH_NONE;
}
