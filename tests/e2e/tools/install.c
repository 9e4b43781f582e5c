/* Installs the firewall of a policy in the network namespace it is started in, by netlink as msb-run does.
 * usage: install [-O LEVEL] [--replace] [--gateway V4,V6] [--bind NAME=ADDR]… [policy options] [FILE]
 * --bind: as if the guest had been answered that address for the name, for an hour */
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

enum { OPT_REPLACE = 1, OPT_GATEWAY, OPT_BIND };

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
	};
	size_t count = sizeof own / sizeof *own;

	memcpy(out, own, sizeof own);
	for (size_t i = 0; policy_long_options[i].name && count < room - 1; i++)
		out[count++] = policy_long_options[i];
	out[count] = (struct option){ 0 };
	return count;
}

/* NAME=ADDR into the kernel's sets: 0 or -errno */
static int bind_name(struct nft *nft, struct bindings *bindings, char *text)
{
	struct bindings_changes changes;
	char *value = strchr(text, '=');
	struct addr addr;

	if (!value || !addr_parse(value + 1, &addr))
		return -EINVAL;
	*value = '\0';
	int error = bindings_set(bindings, text, addr.family, &addr, 1, 3600 * 1000, 1000, &changes);
	return error ? error : bindings_install(nft, bindings, &changes, 1000);
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
	struct bindings *bindings = bindings_new(policy, &lower.gateway, lower_bound_maps(ruleset));
	for (size_t i = 0; i < bound.count && !error; i++)
		error = bind_name(nft, bindings, bound.items[i]);
	bindings_free(bindings);
	if (error)
		fprintf(stderr, "install: %s\n", *why ? why : strerror(-error));
	nft_close(nft);
	arena_free(arena);
	return error ? 3 : 0;
}
