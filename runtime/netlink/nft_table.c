/* A table as messages, in an order that the kernel takes quickly, and that it lists as the ruleset has it.
 *
 * For each anonymous set that a rule looks into, the kernel walks all that the transaction has so far. So a chain whose rules
 * have such sets gets its rules as soon as it is made, where the chains that they name are there; the rules of others come last,
 * behind the elements of named sets, which may lead to any chain. Rules keep their order within their chain. */
#include "netlink/nft_encode.h"

#include <libnftnl/chain.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdlib.h>
#include <string.h>

static uint32_t hook_number(enum rs_hook hook)
{
	static const uint32_t numbers[] = {
		[RS_PREROUTING] = NF_INET_PRE_ROUTING,   [RS_INPUT] = NF_INET_LOCAL_IN,
		[RS_FORWARD] = NF_INET_FORWARD,          [RS_OUTPUT] = NF_INET_LOCAL_OUT,
		[RS_POSTROUTING] = NF_INET_POST_ROUTING, [RS_INGRESS] = NF_NETDEV_INGRESS,
	};
	return numbers[hook];
}

static void fill_chain(struct nlmsghdr *message, const void *chain)
{
	nftnl_chain_nlmsg_build_payload(message, chain);
}

void nft_encode_chain(struct nft_build *build, const struct rs_chain *chain)
{
	struct nftnl_chain *out = arena_must(nftnl_chain_alloc());

	nftnl_chain_set_u32(out, NFTNL_CHAIN_FAMILY, nft_family(build->table->family));
	nftnl_chain_set_str(out, NFTNL_CHAIN_TABLE, build->table->name);
	nftnl_chain_set_str(out, NFTNL_CHAIN_NAME, chain->name);
	if (chain->hook != RS_HOOK_NONE) {
		nftnl_chain_set_str(out, NFTNL_CHAIN_TYPE, rs_chain_type_name(chain->type));
		nftnl_chain_set_u32(out, NFTNL_CHAIN_HOOKNUM, hook_number(chain->hook));
		nftnl_chain_set_s32(out, NFTNL_CHAIN_PRIO, chain->priority);
		nftnl_chain_set_u32(out, NFTNL_CHAIN_POLICY, chain->policy == RS_DROP ? NF_DROP : NF_ACCEPT);
	}
	if (chain->device)
		nftnl_chain_set_str(out, NFTNL_CHAIN_DEV, chain->device);
	nft_build_message(build, NFT_MSG_NEWCHAIN, NLM_F_CREATE | NLM_F_EXCL,
			  (struct nft_label){ "chain", chain->name }, fill_chain, out);
	nftnl_chain_free(out);
}

void nft_encode_rules(struct nft_build *build, const struct rs_chain *chain)
{
	for (size_t i = 0; i < chain->rules.count; i++)
		nft_encode_rule(build, chain, &chain->rules.items[i]);
}

/* A chain, found by its name */
struct named {
	const char *name;
	bool made;
};

static int compare_named(const void *a, const void *b)
{
	return strcmp(((const struct named *)a)->name, ((const struct named *)b)->name);
}

static struct named *find_chain(struct named *chains, size_t count, const char *name)
{
	const struct named wanted = { .name = name };

	return bsearch(&wanted, chains, count, sizeof wanted, compare_named);
}

static bool has_anonymous_sets(const struct rs_chain *chain)
{
	for (size_t i = 0; i < chain->rules.count; i++)
		for (size_t j = 0; j < chain->rules.items[i].exprs.count; j++)
			if (chain->rules.items[i].exprs.items[j].kind == RS_MATCH &&
			    chain->rules.items[i].exprs.items[j].values.count > 1)
				return true;
	return false;
}

static bool names_made_chains(struct named *chains, size_t count, const struct rs_chain *chain)
{
	for (size_t i = 0; i < chain->rules.count; i++)
		for (size_t j = 0; j < chain->rules.items[i].exprs.count; j++) {
			const struct rs_expr *expr = &chain->rules.items[i].exprs.items[j];
			if (expr->kind == RS_VERDICT && expr->verdict.chain &&
			    !find_chain(chains, count, expr->verdict.chain)->made)
				return false;
		}
	return true;
}

/* The chains; those that got their rules are noted in `full` */
static void make_chains(struct nft_build *build, const struct rs_table *table, bool *full)
{
	size_t count = table->chains.count;
	struct named *chains = arena_must(calloc(count + 1, sizeof *chains));

	for (size_t i = 0; i < count; i++)
		chains[i].name = table->chains.items[i].name;
	if (count)
		qsort(chains, count, sizeof *chains, compare_named);
	for (size_t i = 0; i < count; i++) {
		const struct rs_chain *chain = &table->chains.items[i];

		nft_encode_chain(build, chain);
		find_chain(chains, count, chain->name)->made = true;
		full[i] = has_anonymous_sets(chain) && names_made_chains(chains, count, chain);
		if (full[i])
			nft_encode_rules(build, chain);
	}
	free(chains);
}

void nft_encode_table(struct nft_build *build, const struct rs_table *table)
{
	bool *full = arena_must(calloc(table->chains.count + 1, sizeof *full));

	for (size_t i = 0; i < table->sets.count; i++)
		nft_encode_set(build, &table->sets.items[i]);
	make_chains(build, table, full);
	for (size_t i = 0; i < table->sets.count; i++)
		nft_encode_elements(build, &table->sets.items[i]);
	for (size_t i = 0; i < table->chains.count; i++)
		if (!full[i])
			nft_encode_rules(build, &table->chains.items[i]);
	free(full);
}
