/* Installs the firewall of a policy in the network namespace it is started in, by netlink as msb-run does.
 * usage: install [-O LEVEL] [--replace] [--plain] [--gateway V4,V6] [--bind NAME=ADDR]… [policy options] [FILE]
 * --bind: as if the guest had been answered that address for the name, for an hour; NAME=ADDR,MS: for so long; NAME=: none any more.
 * What ends is looked after for a second, where something does. */
#include "dns/bindings_install.h"
#include "lower/lower.h"
#include "lower/lower_bound.h"
#include "optimise/optimise.h"
#include "policy/options.h"
#include "policy/policy_facts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { OPT_REPLACE = 1, OPT_GATEWAY, OPT_BIND, OPT_PLAIN };

/* NAME,NAME: an IPv4 and an IPv6 address, either may be absent */
static struct addr_gateway parse_gateway(struct arena *arena, const char *text)
{
	struct addr_gateway gateway = { 0 };
	char *rest = arena_strdup(arena, text), *word;
	struct addr addr;

	while ((word = strsep(&rest, ","))) {
		if (addr_parse(word, &addr))
			addr_gateway_set(&gateway, addr);
	}
	return gateway;
}

static size_t option_table(struct option *out, size_t room)
{
	static const struct option own[] = {
		{ "replace", no_argument, NULL, OPT_REPLACE },
		{ "gateway", required_argument, NULL, OPT_GATEWAY },
		{ "bind", required_argument, NULL, OPT_BIND },
		{ "plain", no_argument, NULL, OPT_PLAIN }, /* without shortcuts */
	};
	size_t count = sizeof own / sizeof *own;

	memcpy(out, own, sizeof own);
	for (size_t i = 0; policy_long_options[i].name && count < room - 1; i++)
		out[count++] = policy_long_options[i];
	out[count] = (struct option){ 0 };
	return count;
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int bind_family(struct nft *nft, struct bindings *bindings, const char *name, const struct addr *addr,
		       size_t count, uint64_t ttl_ms)
{
	struct bindings_changes changes;
	int error = bindings_set(bindings, name, addr->family, addr, count, ttl_ms, now_ms(), &changes);

	return error ? error : bindings_install(nft, bindings, &changes, now_ms());
}

/* NAME=ADDR,MS into the kernel's sets: 0 or -errno */
static int bind_name(struct nft *nft, struct bindings *bindings, char *text)
{
	char *rest = text, *name = strsep(&rest, "="), *value = strsep(&rest, ",");
	uint64_t ttl_ms = rest ? strtoull(rest, NULL, 10) : 3600 * 1000;
	struct addr addr = { ADDR_V6, 0 };

	if (!value || (*value && !addr_parse(value, &addr)))
		return -EINVAL;
	int error = bind_family(nft, bindings, name, &addr, *value ? 1 : 0, ttl_ms);
	addr.family = ADDR_V4;
	return error || *value ? error : bind_family(nft, bindings, name, &addr, 0, ttl_ms);
}

static int let_end(struct nft *nft, struct bindings *bindings)
{
	struct bindings_changes changes;
	uint64_t end_ms = now_ms() + 1000;
	int error = 0;

	while (!error && bindings_next_ms(bindings) < end_ms) {
		if (bindings_next_ms(bindings) > now_ms()) {
			usleep(1000);
			continue;
		}
		bindings_expire(bindings, now_ms(), &changes);
		error = bindings_install(nft, bindings, &changes, now_ms());
	}
	return error;
}

int main(int argc, char **argv)
{
	struct arena *arena = arena_new();
	struct sources *sources = sources_new(arena);
	struct diags *diags = diags_new(arena, sources);
	struct policy_options options = { .arena = arena };
	struct lower_options lower = { 0 };
	struct option table[64];
	LIST_OF(char *) bound = { 0 };
	bool replace = false;
	int level = 0;
	char why[512] = "";
	int value;

	lower.gateway = parse_gateway(arena, "172.16.0.1,fd42:6d73:62::1");
	option_table(table, 64);
	while ((value = getopt_long(argc, argv, "p:O:", table, NULL)) != -1) {
		if (value == OPT_REPLACE)
			replace = true;
		else if (value == 'O')
			level = atoi(optarg);
		else if (value == OPT_GATEWAY)
			lower.gateway = parse_gateway(arena, optarg);
		else if (value == OPT_BIND)
			*arena_push(arena, &bound) = optarg;
		else if (value == OPT_PLAIN)
			lower.plain = true;
		else if (!options_take(&options, value, optarg))
			return 2;
	}
	struct policy *policy = options_resolve(&options, argv[optind], diags);
	if (diags->errors) {
		diags_print_text(diags, stderr, false);
		return 1;
	}
	lower.gateway = policy_gateway(policy, lower.gateway);
	struct nft *nft = nft_open();
	struct ruleset *ruleset = lower_policy(arena, policy, &lower);
	optimise(ruleset, level);
	int error = !nft    ? -errno :
		    replace ? nft_replace(nft, ruleset, why, sizeof why) :
			      nft_install(nft, ruleset, why, sizeof why);
	const struct ruleset *quotas = lower_quotas(arena, policy, &lower);
	if (!error && quotas)
		error = nft_install(nft, quotas, why, sizeof why);
	struct bindings *bindings = bindings_new(policy, &lower.gateway, lower_bound_maps(ruleset));
	for (size_t i = 0; i < bound.count && !error; i++)
		error = bind_name(nft, bindings, bound.items[i]);
	error = error ? error : let_end(nft, bindings);
	bindings_free(bindings);
	if (error)
		fprintf(stderr, "install: %s\n", *why ? why : strerror(-error));
	nft_close(nft);
	arena_free(arena);
	return error ? 3 : 0;
}
