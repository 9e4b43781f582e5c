/* msb-run whose supervisor ends flows when a file says so, without another ruleset: for tests/e2e/revoke*.sh, which want to see what is ended
 * and how, and nothing else. Linked with --wrap=flows_wait, --wrap=flows_settle and --wrap=dns_settle.
 *
 *   /run/test/revoke   rules, comma-joined, that take the place of the policy's (both defaults: deny)
 *   /run/test/revoked  appears when it is done: TOTAL KEPT UNSEEN MS, then KIND HOW L4 FAR PORT NAME of each
 *   /run/test/list     the same, and nothing is ended
 *   /run/test/listed   KIND VERDICT L4 NEAR NEARPORT FAR PORT BYTESOUT BYTESIN STARTED NAME of each */
#include "core/clock.h"
#include "dns/dns.h"
#include "flows/flows.h"
#include "policy/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DIRECTORY "/run/test/"

int __real_flows_wait(const struct flows *);
int __wrap_flows_wait(const struct flows *);
int __real_flows_settle(struct flows *);
int __wrap_flows_settle(struct flows *);
int __real_dns_settle(struct dns *);
int __wrap_dns_settle(struct dns *);

static struct dns *dns;
static struct arena *arena;
static bool revoking;
static uint64_t since_ms;

int __wrap_dns_settle(struct dns *of)
{
	dns = of;
	return __real_dns_settle(of);
}

int __wrap_flows_wait(const struct flows *flows)
{
	int wait = __real_flows_wait(flows);

	return wait < 0 || wait > 10 ? 10 : wait;
}

static struct policy *policy_of(const char *rules)
{
	struct policy_options options = { .net_default_egress = "deny", .net_default_ingress = "deny" };

	arena = arena_new();
	struct diags *diags = diags_new(arena, sources_new(arena));
	options.arena = arena;
	*arena_push(arena, &options.rules) = arena_strdup(arena, rules);
	struct policy *policy = options_resolve(&options, NULL, diags);
	return diags->errors ? NULL : policy;
}

/* The rules that the file has, which is taken away; false: there is none yet */
static bool take(const char *path, char *text, size_t size)
{
	FILE *file = fopen(path, "r");

	if (!file)
		return false;
	size_t len = fread(text, 1, size - 1, file);
	text[len] = '\0';
	text[strcspn(text, "\n")] = '\0';
	fclose(file);
	return unlink(path) == 0;
}

static bool first_name(const char *name, void *context)
{
	snprintf(context, 256, "%s", name);
	return true;
}

static int list_one(const struct flows_flow *flow, void *context)
{
	char near[ADDR_TEXT_MAX], far[ADDR_TEXT_MAX], name[256] = "-";

	if (flow->connection.sni)
		first_name(flow->connection.sni, name);
	else
		flow->names.any_name(flow->names.self, flow->connection.addr, first_name, name);
	fprintf(context, "%s %s %u %s %u %s %u %s%llu %llu %s %s\n", flows_kind_name(flow->kind),
		flow->verdict.action == POLICY_ALLOW ? "allow" : "deny", flow->l4, addr_format(flow->near, near),
		flow->near_port, addr_format(flow->connection.addr, far), flow->connection.port,
		flow->counted ? "" : "?", (unsigned long long)flow->bytes_out, (unsigned long long)flow->bytes_in,
		flow->has_began && clock_ms() - flow->began_ms < 60000 ? "started" : "unknown", name);
	return 0;
}

static void list(struct flows *flows, const char *rules)
{
	struct policy *policy = policy_of(rules);
	FILE *out = fopen(DIRECTORY "listed.new", "w");

	if (!policy || !out || flows_list(flows, policy, dns_bindings(dns), list_one, out))
		_exit(1);
	fclose(out);
	rename(DIRECTORY "listed.new", DIRECTORY "listed");
	arena_free(arena);
}

static void say_done(const struct flows_result *result)
{
	static const char *const how[] = {
		[FLOWS_RESET] = "reset", [FLOWS_FORGOT] = "forgot", [FLOWS_RELAYED] = "relayed"
	};
	FILE *out = fopen(DIRECTORY "revoked.new", "w");
	char far[ADDR_TEXT_MAX];

	if (!out)
		_exit(1);
	fprintf(out, "%zu %zu %zu %llu\n", result->total, result->kept, result->unseen,
		(unsigned long long)(clock_ms() - since_ms));
	for (size_t i = 0; i < result->count; i++) {
		const struct flows_ended *ended = &result->items[i];
		fprintf(out, "%s %s %u %s %u %s\n", flows_kind_name(ended->kind), how[ended->how], ended->l4,
			addr_format(ended->far, far), ended->port, *ended->name ? ended->name : "-");
	}
	fclose(out);
	rename(DIRECTORY "revoked.new", DIRECTORY "revoked");
	arena_free(arena);
	revoking = false;
}

int __wrap_flows_settle(struct flows *flows)
{
	char rules[4096];

	if (!revoking && dns && take(DIRECTORY "list", rules, sizeof rules))
		list(flows, rules);
	if (!revoking && dns && take(DIRECTORY "revoke", rules, sizeof rules)) {
		struct policy *policy = policy_of(rules);
		since_ms = clock_ms();
		if (!policy || flows_revoke(flows, policy, dns_bindings(dns)))
			return -EINVAL;
		revoking = true;
	}
	int error = __real_flows_settle(flows);
	if (error == 0 && revoking && flows_result(flows)->done)
		say_done(flows_result(flows));
	return error;
}
