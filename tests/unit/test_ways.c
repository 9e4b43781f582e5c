/* Maps of bound addresses against the evaluator: a kernel that does what it is told, and lets elements expire, sends each flow
 * to the rule that eval_connection() says, at any time, for the policy and for a floor. */
#include "random_policy.h"
#include "dns/ways.h"
#include "eval/eval_index.h"
#include "policy/policy_facts.h"

#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define GC_MS 1000 /* an expired element holds its chain as long, at most */

struct kernel_element {
	const char *set;
	struct addr addr;
	const char *chain;
	uint64_t expires_ms;
	bool removed;
};
struct kernel_chain {
	struct rs_chain chain;
	bool deleted;
};
struct kernel {
	struct arena *arena;
	LIST_OF(struct kernel_element) elements; /* all there ever were, the last of an address counts */
	LIST_OF(struct kernel_chain) chains;
};

struct trial {
	struct test_policy made;
	struct eval_context context; /* the subject's */
	struct policy unheard;       /* what of it bound names decide of TCP that waits for its server name */
	size_t subject;
	struct bindings *bindings;
	struct kernel kernel;
	struct random *random;
	uint64_t now_ms;
	struct bindings_changes changes; /* of the last step */
};

/* ---- a kernel ---- */

static struct rs_chain copy_chain(struct arena *arena, const struct rs_chain *chain)
{
	struct rs_chain copy = { .name = arena_strdup(arena, chain->name) };

	for (size_t i = 0; i < chain->rules.count; i++) {
		struct rs_rule *rule = arena_push(arena, &copy.rules);
		for (size_t j = 0; j < chain->rules.items[i].exprs.count; j++) {
			const struct rs_expr *from = &chain->rules.items[i].exprs.items[j];
			struct rs_expr *to = arena_push(arena, &rule->exprs);
			*to = *from;
			memset(&to->values, 0, sizeof to->values);
			for (size_t k = 0; k < from->values.count; k++)
				*arena_push(arena, &to->values) = from->values.items[k];
			if (from->kind == RS_VERDICT)
				to->verdict.chain = arena_strdup(arena, from->verdict.chain);
		}
	}
	return copy;
}

static struct kernel_element *kernel_find(struct kernel *kernel, const char *set, struct addr addr)
{
	for (size_t i = kernel->elements.count; i-- > 0;)
		if (!strcmp(kernel->elements.items[i].set, set) && addr_equal(kernel->elements.items[i].addr, addr))
			return &kernel->elements.items[i];
	return NULL;
}

static const struct kernel_chain *kernel_chain(struct kernel *kernel, const char *name)
{
	for (size_t i = 0; i < kernel->chains.count; i++)
		if (!kernel->chains.items[i].deleted && !strcmp(kernel->chains.items[i].chain.name, name))
			return &kernel->chains.items[i];
	return NULL;
}

static bool is_compiled(const char *chain)
{
	return strstr(chain, "rule") || !strcmp(chain, "refuse");
}

static void carry_out(struct trial *trial, const struct bindings_changes *changes)
{
	struct kernel *kernel = &trial->kernel;
	const struct rs_table *table = changes->ruleset ? &changes->ruleset->tables.items[0] : NULL;

	for (size_t i = 0; table && i < table->chains.count; i++) {
		cr_assert_null(kernel_chain(kernel, table->chains.items[i].name));
		*arena_push(kernel->arena, &kernel->chains) =
			(struct kernel_chain){ copy_chain(kernel->arena, &table->chains.items[i]), false };
	}
	for (size_t i = 0; i < changes->count; i++) {
		const struct bindings_change *change = &changes->items[i];
		struct kernel_element *element = kernel_find(kernel, change->set, change->addr);
		bool lives = element && !element->removed && element->expires_ms > trial->now_ms;

		if (lives) /* another chain than it has would be refused */
			cr_assert_str_eq(change->before ? change->before : "(none)", element->chain);
		cr_assert(change->before == NULL || is_compiled(change->before) ||
			  kernel_chain(kernel, change->before));
		cr_assert(is_compiled(change->chain) || kernel_chain(kernel, change->chain), "%s", change->chain);
		cr_assert_eq(change->jump, trial->subject == 0);
		cr_assert(change->remove || change->timeout_ms > 0);
		*arena_push(kernel->arena, &kernel->elements) =
			(struct kernel_element){ arena_strdup(kernel->arena, change->set), change->addr,
						 arena_strdup(kernel->arena, change->chain),
						 trial->now_ms + change->timeout_ms, change->remove };
	}
}

static void delete_idle(struct trial *trial)
{
	struct kernel *kernel = &trial->kernel;
	const char *name;

	while ((name = bindings_idle_chain(trial->bindings, trial->now_ms))) {
		for (size_t i = 0; i < kernel->elements.count; i++) {
			const struct kernel_element *element = &kernel->elements.items[i];
			if (element == kernel_find(kernel, element->set, element->addr) && !element->removed)
				cr_assert(strcmp(element->chain, name) || element->expires_ms + GC_MS < trial->now_ms,
					  "%s is led to", name);
		}
		for (size_t i = 0; i < kernel->chains.count; i++)
			if (!strcmp(kernel->chains.items[i].chain.name, name))
				kernel->chains.items[i].deleted = true;
		bindings_chain_deleted(trial->bindings, name, true, trial->now_ms);
	}
}

static unsigned proto_number(enum policy_proto proto)
{
	return proto == PROTO_TCP    ? IPPROTO_TCP :
	       proto == PROTO_UDP    ? IPPROTO_UDP :
	       proto == PROTO_ICMPV4 ? IPPROTO_ICMP :
	       proto == PROTO_ICMPV6 ? IPPROTO_ICMPV6 :
				       132;
}

static bool expr_fits(const struct rs_expr *expr, const struct eval_connection *flow)
{
	unsigned value = expr->field[0] == RS_META_L4PROTO ? proto_number(flow->proto) : flow->port;
	bool in = false;

	if ((expr->field[0] == RS_TCP_DPORT && flow->proto != PROTO_TCP) ||
	    (expr->field[0] == RS_UDP_DPORT && flow->proto != PROTO_UDP))
		return false;
	for (size_t i = 0; i < expr->values.count; i++)
		in |= expr->values.items[i].lo <= value && value <= expr->values.items[i].hi;
	return in != expr->negate;
}

/* Where the chain sends the flow; NULL: nowhere */
static const char *kernel_sends(const struct rs_chain *chain, const struct eval_connection *flow)
{
	for (size_t i = 0; i < chain->rules.count; i++) {
		const struct rs_rule *rule = &chain->rules.items[i];
		bool fits = true;
		size_t j = 0;

		for (; rule->exprs.items[j].kind == RS_MATCH; j++)
			fits = fits && expr_fits(&rule->exprs.items[j], flow);
		cr_assert_eq(rule->exprs.items[j].verdict.kind, RS_GOTO);
		if (fits)
			return rule->exprs.items[j].verdict.chain;
	}
	return NULL;
}

/* The name rule that decides; SIZE_MAX: none */
static size_t kernel_rule(struct trial *trial, const struct eval_connection *flow)
{
	const struct policy *policy = trial->context.policy;
	const char *set = lower_bound_map(trial->kernel.arena, trial->subject, flow->addr.family), *chain;
	const struct kernel_element *element = kernel_find(&trial->kernel, set, flow->addr);
	unsigned rule, family;

	if (!element || element->removed || element->expires_ms <= trial->now_ms)
		return SIZE_MAX;
	chain = is_compiled(element->chain) ? element->chain :
					      kernel_sends(&kernel_chain(&trial->kernel, element->chain)->chain, flow);
	if (!chain || !strcmp(chain, "floor1_addresses"))
		return SIZE_MAX;
	cr_assert_eq(sscanf(chain, trial->subject ? "floor1_rule%u_v%u" : "rule%u_v%u", &rule, &family), 2, "%s",
		     chain);
	cr_assert_eq(family, flow->addr.family);
	const struct policy_rule *of = &policy->rules.items[rule - 1];
	bool waits = flow->proto == PROTO_TCP && of->action == POLICY_DENY && policy_defers(trial->made.policy);
	bool takes = eval_rule_matches_proto(of, flow->proto) &&
		     eval_rule_matches_port(of, flow->has_port, flow->port) && !waits;
	cr_assert(takes || is_compiled(element->chain), "what is sent to a rule's chain is its");
	return takes ? rule - 1 : SIZE_MAX;
}

/* ---- steps ---- */

static struct addr random_bound(struct random *random)
{
	static const char *const addrs[] = { "10.1.2.3",          "93.184.216.34", "10.200.0.1",
					     "172.16.0.1",        "8.8.8.8",       "2606:2800:220:1:248:1893:25c8:1946",
					     "64:ff9b::a01:203",  "fd00::7",       "2001:db8::7",
					     "2001:db8:a01:203::" };

	return test_addr(addrs[random_below(random, sizeof addrs / sizeof *addrs)]);
}

static void add(struct trial *trial, const char *name, enum addr_family family)
{
	struct random *random = trial->random;
	struct addr addrs[3];
	size_t count = random_below(random, 4), kept = 0;

	for (size_t i = 0; i < count; i++) {
		addrs[kept] = random_bound(random);
		kept += addrs[kept].family == family;
	}
	cr_assert_eq(bindings_add(trial->bindings, name, family, addrs, kept, 1 + random_below(random, 4000),
				  &trial->changes),
		     0);
}

static void step(struct trial *trial)
{
	static const char *const names[] = { "a.example", "b.example", "x.corp.example", "y.x.corp.example",
					     "z.example.net" };
	struct random *random = trial->random;
	enum addr_family family = random_below(random, 2) ? ADDR_V4 : ADDR_V6;
	const char *name = names[random_below(random, 5)];

	bindings_begin(trial->bindings, trial->now_ms, &trial->changes);
	for (uint32_t more = random_below(random, 3); more; more--) /* others in the same turn */
		add(trial, names[random_below(random, 5)], random_below(random, 2) ? ADDR_V4 : ADDR_V6);
	add(trial, name, family);
	if (random_below(random, 10)) {
		carry_out(trial, &trial->changes);
	} else { /* the kernel took none of it: the name is bound to nothing */
		bindings_undo(trial->bindings, &trial->changes);
		cr_assert_eq(bindings_set(trial->bindings, name, family, NULL, 0, 1, trial->now_ms, &trial->changes),
			     0);
		carry_out(trial, &trial->changes);
	}
	delete_idle(trial);
}

static void settle(struct trial *trial)
{
	for (int i = 0; bindings_next_ms(trial->bindings) <= trial->now_ms; i++) {
		cr_assert_lt(i, 10, "it comes to an end");
		bindings_expire(trial->bindings, trial->now_ms, &trial->changes);
		if (random_below(trial->random, 10))
			carry_out(trial, &trial->changes);
		else
			bindings_undo(trial->bindings, &trial->changes); /* and is due again */
	}
}

static void compare(struct trial *trial)
{
	static const enum policy_proto protos[] = { PROTO_TCP, PROTO_TCP, PROTO_UDP, PROTO_ICMPV4, PROTO_OTHER };
	static const uint16_t ports[] = { 79, 80, 81, 85, 86, 90, 91, 443, 444, 22, 1, 65535 };
	struct random *random = trial->random;
	struct eval_connection flow = { .direction = POLICY_EGRESS, .addr = random_bound(random) };
	char text[ADDR_TEXT_MAX];

	flow.proto = protos[random_below(random, 5)];
	if (flow.proto == PROTO_ICMPV4 && flow.addr.family == ADDR_V6)
		flow.proto = PROTO_ICMPV6;
	flow.has_port = policy_proto_has_ports(flow.proto);
	flow.port = flow.has_port ? ports[random_below(random, 12)] : 0;
	trial->context.bindings = bindings_view(trial->bindings, trial->now_ms);
	const struct policy *whole = trial->context.policy;
	bool waits = flow.proto == PROTO_TCP && policy_defers(trial->made.policy);
	if (waits)
		trial->context.policy = &trial->unheard;
	struct eval_verdict wanted = eval_connection(&trial->context, &flow);
	size_t rule = kernel_rule(trial, &flow);
	trial->context.bindings = EVAL_NO_BINDINGS;
	struct eval_verdict by_addr = eval_connection(&trial->context, &flow);
	trial->context.policy = whole;
	if (wanted.by.kind == DECIDER_REFUSED || by_addr.by.kind == DECIDER_REFUSED)
		return;
	struct decider by = rule == SIZE_MAX ? by_addr.by : decided_by_rule(rule);
	/* what a rule refuses since QUIC would hide the name, its chain does */
	if (wanted.by.kind == DECIDER_HIDDEN && by.kind == DECIDER_RULE)
		by.kind = DECIDER_HIDDEN;
	if (!decider_equal(wanted.by, by))
		printf("%s\n", policy_format(trial->made.arena, trial->context.policy));
	cr_assert(decider_equal(wanted.by, by), "%s proto %d port %d at %llu: rule %zd, evaluator %zu (kind %d)",
		  addr_format(flow.addr, text), flow.proto, flow.port, (unsigned long long)trial->now_ms, (ssize_t)rule,
		  wanted.by.rule, wanted.by.kind);
}

/* Where TCP waits for its server name, bound names lead to what allows it alone: the same rules, but that none denies a name */
static struct policy without_denied_names(struct arena *arena, const struct policy *policy)
{
	struct policy out = *policy;

	memset(&out.rules, 0, sizeof out.rules);
	for (size_t i = 0; i < policy->rules.count; i++) {
		struct policy_rule *rule = arena_push(arena, &out.rules);
		*rule = policy->rules.items[i];
		if (rule->action == POLICY_ALLOW)
			continue;
		memset(&rule->targets, 0, sizeof rule->targets);
		for (size_t j = 0; j < policy->rules.items[i].targets.count; j++)
			if (!policy_target_is_name(&policy->rules.items[i].targets.items[j]))
				*arena_push(arena, &rule->targets) = policy->rules.items[i].targets.items[j];
	}
	return out;
}

/* The policy itself, or as the floor of one that says nothing */
static void make_policy(struct trial *trial)
{
	struct addr_gateway gateway;

	trial->made = random_policy(trial->random, 12);
	trial->made.policy->floors.count = 0;
	trial->subject = random_below(trial->random, 3) == 0;
	gateway = trial->made.context.gateway;
	trial->made.policy->server_names = random_below(trial->random, 3) > 0;
	if (random_below(trial->random, 2))
		eval_prepare(trial->made.policy);
	trial->unheard = without_denied_names(trial->made.arena, trial->made.policy);
	trial->context = (struct eval_context){ trial->made.policy, gateway, EVAL_NO_BINDINGS };
	if (trial->subject) {
		struct policy *above = arena_alloc(trial->made.arena, sizeof *above);
		above->egress = (struct policy_default){ .action = POLICY_ALLOW };
		above->server_names = trial->made.policy->server_names;
		*arena_push(trial->made.arena, &above->floors) = trial->made.policy;
		trial->made.policy = above;
	}
}

static void run(struct random *random)
{
	struct trial trial = { .random = random, .now_ms = 100000 };

	make_policy(&trial);
	trial.kernel.arena = trial.made.arena;
	trial.bindings = bindings_new(trial.made.policy, &trial.context.gateway, (struct lower_maps){ 3, 3 });
	for (int i = 0; i < 120; i++) {
		step(&trial);
		compare(&trial);
		trial.now_ms += random_below(random, 900);
		settle(&trial);
		for (int j = 0; j < 8; j++)
			compare(&trial);
	}
	bindings_free(trial.bindings);
	arena_free(trial.made.arena);
}

Test(ways, property_bound_addresses_fare_as_the_evaluator_says, .timeout = 300)
{
	struct random random = { 47 };

	for (size_t i = 0; i < random_effort(400); i++)
		run(&random);
}

/* ---- one by one ---- */

static struct bindings_changes set(struct bindings *bindings, const char *name, const char *addr, uint64_t ttl_ms,
				   uint64_t now_ms)
{
	struct bindings_changes changes;
	struct addr one = test_addr(addr);

	cr_assert_eq(bindings_set(bindings, name, one.family, &one, 1, ttl_ms, now_ms, &changes), 0);
	return changes;
}

static struct bindings *with_maps(const struct test_policy *made)
{
	return bindings_new(made->policy, &made->context.gateway, (struct lower_maps){ 1, 1 });
}

Test(ways, the_first_rule_that_ends_changes_the_chain)
{
	struct test_policy made =
		test_policy_of("deny", "allow", "allow@a.example.com:tcp:443,allow@b.example.com:tcp:{80,443}", false);
	struct bindings *bindings = with_maps(&made);
	struct bindings_changes changes = set(bindings, "a.example.com", "93.184.216.34", 2000, 1000);

	cr_assert_eq(changes.count, 1);
	cr_expect_str_eq(changes.items[0].set, "bound4");
	cr_expect_str_eq(changes.items[0].chain, "rule1_v4", "alone it is the rule's own chain");
	cr_expect_eq(changes.items[0].timeout_ms, 2000);
	cr_expect_null(changes.ruleset);
	cr_expect_eq(bindings_next_ms(bindings), UINT64_MAX, "which times out by itself");
	changes = set(bindings, "b.example.com", "93.184.216.34", 9000, 1500);
	cr_assert_eq(changes.count, 1);
	cr_expect_str_eq(changes.items[0].chain, "bound_1");
	cr_expect_str_eq(changes.items[0].before, "rule1_v4");
	cr_expect_eq(changes.items[0].timeout_ms, 9000);
	cr_assert_not_null(changes.ruleset);
	cr_expect_eq(bindings_next_ms(bindings), 3000);
	bindings_expire(bindings, 2999, &changes);
	cr_expect_eq(changes.count, 0);
	bindings_expire(bindings, 3000, &changes);
	cr_assert_eq(changes.count, 1);
	cr_expect_str_eq(changes.items[0].chain, "rule2_v4");
	cr_expect_str_eq(changes.items[0].before, "bound_1");
	cr_expect_eq(changes.items[0].timeout_ms, 7500);
	cr_expect_eq(bindings_next_ms(bindings), UINT64_MAX);
	bindings_free(bindings);
	arena_free(made.arena);
}

Test(ways, chains_are_shared_and_deleted_when_nothing_leads_there)
{
	struct test_policy made =
		test_policy_of("deny", "allow", "allow@a.example.com:tcp:443,allow@b.example.com:tcp:80", false);
	struct bindings *bindings = with_maps(&made);
	struct bindings_changes changes;
	char addr[32];

	for (int i = 0; i < 200; i++) {
		snprintf(addr, sizeof addr, "93.184.216.%d", i);
		changes = set(bindings, "a.example.com", addr, 60000, 1000);
		changes = set(bindings, "b.example.com", addr, 60000, 1000);
		cr_assert_str_eq(changes.items[0].chain, "bound_1");
		cr_assert_eq(changes.ruleset != NULL, i == 0, "made once");
	}
	cr_expect_null(bindings_idle_chain(bindings, 1000));
	bindings_free(bindings);
	arena_free(made.arena);
}

Test(ways, each_name_of_a_long_policy_has_room_for_its_own_chain)
{
	struct arena *arena = arena_new();
	const char *rules = "allow@public:tcp:1";
	char name[32], addr[32];
	enum { NAMES = 600 };

	/* of a name without ports each port of a group before it is taken away */
	for (int i = 0; i < NAMES; i++)
		rules = arena_printf(arena, "%s,allow@h%d.example.com,allow@public:tcp:%d", rules, i, 2 * i + 3);
	struct test_policy made = test_policy_of("deny", "allow", rules, false);
	struct bindings *bindings = with_maps(&made);
	for (unsigned i = 0; i < NAMES; i++) {
		snprintf(name, sizeof name, "h%u.example.com", i);
		snprintf(addr, sizeof addr, "93.184.%u.%u", i / 256, i % 256);
		struct bindings_changes changes = set(bindings, name, addr, 60000, 1000);
		cr_assert_eq(changes.count, 1);
		cr_assert_str_neq(changes.items[0].chain, "refuse");
	}
	cr_expect_eq(bindings_refused(bindings), 0);
	cr_expect_leq(ways_room(made.policy).weight, WAYS_WEIGHT_MAX);
	bindings_free(bindings);
	arena_free(made.arena);
	arena_free(arena);
}

Test(ways, a_guest_that_answers_itself_cannot_make_chains_without_end)
{
	struct arena *arena = arena_new();
	const char *rules = "allow@*.h0.example.com:tcp:1", *chain;
	struct bindings_changes changes;
	size_t made_chains = 0, deleted = 0;
	uint64_t now_ms = 1000;
	char addr[32], name[32];

	for (int i = 1; i < 12; i++)
		rules = arena_printf(arena, "%s,allow@*.h%d.example.com:tcp:%d", rules, i, i + 1);
	struct test_policy made = test_policy_of("deny", "allow", rules, false);
	struct bindings *bindings = with_maps(&made);
	/* each address is bound to another set of the names */
	for (unsigned i = 0; i < 4096; i++, now_ms += 2) {
		snprintf(addr, sizeof addr, "93.184.%u.%u", i / 256, i % 256);
		for (unsigned bit = 0; bit < 12; bit++) {
			snprintf(name, sizeof name, "n%u.h%u.example.com", i / 128, bit);
			if (!(i >> bit & 1))
				continue;
			changes = set(bindings, name, addr, 3000, now_ms);
			made_chains += changes.ruleset ? changes.ruleset->tables.items[0].chains.count : 0;
		}
		while ((chain = bindings_idle_chain(bindings, now_ms))) {
			bindings_chain_deleted(bindings, chain, true, now_ms);
			deleted++;
		}
		cr_assert_leq(made_chains - deleted, ways_room(made.policy).chains);
	}
	cr_expect_gt(deleted, 100);
	cr_expect_gt(bindings_refused(bindings), 0, "what there is no room for is refused");
	bindings_free(bindings);
	arena_free(made.arena);
	arena_free(arena);
}
