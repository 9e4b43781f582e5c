/* Installs the firewall of a policy in the network namespace it is started in, by netlink as msb-run does.
 * usage: install [--replace] [--plain] [--gateway V4,V6] [policy options] [FILE] */
#include "lower/lower.h"
#include "netlink/nft_install.h"
#include "policy/options.h"
#include "policy/policy_facts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { OPT_REPLACE = 1, OPT_GATEWAY, OPT_PLAIN };

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
		{ "plain", no_argument, NULL, OPT_PLAIN }, /* without shortcuts */
	};
	size_t count = sizeof own / sizeof *own;

	memcpy(out, own, sizeof own);
	for (size_t i = 0; policy_long_options[i].name && count < room - 1; i++)
		out[count++] = policy_long_options[i];
	out[count] = (struct option){ 0 };
	return count;
}

int main(int argc, char **argv)
{
	struct arena *arena = arena_new();
	struct sources *sources = sources_new(arena);
	struct diags *diags = diags_new(arena, sources);
	struct policy_options options = { .arena = arena };
	struct lower_options lower = { 0 };
	struct option table[64];
	bool replace = false;
	char why[512] = "";
	int value;

	lower.gateway = parse_gateway(arena, "172.16.0.1,fd42:6d73:62::1");
	option_table(table, 64);
	while ((value = getopt_long(argc, argv, "p:", table, NULL)) != -1) {
		if (value == OPT_REPLACE)
			replace = true;
		else if (value == OPT_GATEWAY)
			lower.gateway = parse_gateway(arena, optarg);
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
	const struct ruleset *ruleset = lower_policy(arena, policy, &lower);
	int error = !nft    ? -errno :
		    replace ? nft_replace(nft, ruleset, why, sizeof why) :
			      nft_install(nft, ruleset, why, sizeof why);
	if (error)
		fprintf(stderr, "install: %s\n", *why ? why : strerror(-error));
	nft_close(nft);
	arena_free(arena);
	return error ? 3 : 0;
}
