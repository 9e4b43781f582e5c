/* Dumps of nf_tables, read by libnftnl. */
#include "netlink/nft_read.h"
#include "base/arena.h"

#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>

struct chain_reader {
	int (*each)(const struct nft_listed_chain *, void *);
	void *context;
};

static int read_chain(const struct nlmsghdr *message, void *context)
{
	const struct chain_reader *reader = context;
	struct nftnl_chain *chain = arena_must(nftnl_chain_alloc());
	int result = 0;

	if (!nftnl_chain_nlmsg_parse(message, chain)) {
		struct nft_listed_chain listed = {
			.family = (uint8_t)nftnl_chain_get_u32(chain, NFTNL_CHAIN_FAMILY),
			.table = nftnl_chain_get_str(chain, NFTNL_CHAIN_TABLE),
			.name = nftnl_chain_get_str(chain, NFTNL_CHAIN_NAME),
			.base = nftnl_chain_is_set(chain, NFTNL_CHAIN_HOOKNUM),
		};
		if (listed.base) {
			listed.hook = nftnl_chain_get_u32(chain, NFTNL_CHAIN_HOOKNUM);
			listed.policy = nftnl_chain_get_u32(chain, NFTNL_CHAIN_POLICY);
		}
		result = reader->each(&listed, reader->context);
	}
	nftnl_chain_free(chain);
	return result;
}

int nft_chains(struct nl *nl, int (*each)(const struct nft_listed_chain *, void *), void *context)
{
	char buffer[256];
	struct chain_reader reader = { each, context };
	struct nlmsghdr *message = nftnl_nlmsg_build_hdr(buffer, NFT_MSG_GETCHAIN, NFPROTO_UNSPEC, NLM_F_DUMP, 0);

	return nl_query(nl, message, read_chain, &reader);
}

struct rule_reader {
	int (*each)(const struct nft_listed_rule *, void *);
	void *context;
};

/* Of "immediate": a verdict, which the others are without */
static bool is_drop(struct nftnl_expr *expr)
{
	return nftnl_expr_is_set(expr, NFTNL_EXPR_IMM_VERDICT) &&
	       nftnl_expr_get_u32(expr, NFTNL_EXPR_IMM_VERDICT) == NF_DROP;
}

/* Of "target", an extension of iptables' */
static bool is_refusing_target(struct nftnl_expr *expr)
{
	const char *name = nftnl_expr_get_str(expr, NFTNL_EXPR_TG_NAME);

	return name && (!strcmp(name, "REJECT") || !strcmp(name, "DROP"));
}

/* The name of a link that is compared with what `meta` has put into a register just before */
static void read_link_name(struct nftnl_expr *expr, uint32_t key, struct nft_listed_rule *listed)
{
	uint32_t len = 0;
	const char *data = nftnl_expr_get(expr, NFTNL_EXPR_CMP_DATA, &len);
	char *name = key == NFT_META_IIFNAME ? listed->iifname : key == NFT_META_OIFNAME ? listed->oifname : NULL;

	if (!name || !data || nftnl_expr_get_u32(expr, NFTNL_EXPR_CMP_OP) != NFT_CMP_EQ)
		return;
	memcpy(name, data, len < IFNAMSIZ ? len : IFNAMSIZ - 1);
}

/* What an expression adds; false: a match, or nothing that we know */
static bool read_expr(struct nftnl_expr *expr, struct nft_listed_rule *listed)
{
	const char *name = nftnl_expr_get_str(expr, NFTNL_EXPR_NAME);

	if (!strcmp(name, "counter")) {
		listed->counted = true;
		listed->packets = nftnl_expr_get_u64(expr, NFTNL_EXPR_CTR_PACKETS);
		return true;
	}
	if (!strcmp(name, "reject") || (!strcmp(name, "immediate") && is_drop(expr)) ||
	    (!strcmp(name, "target") && is_refusing_target(expr))) {
		listed->drops = true;
		return true;
	}
	return !strcmp(name, "log");
}

static int read_rule(const struct nlmsghdr *message, void *context)
{
	const struct rule_reader *reader = context;
	struct nftnl_rule *rule = arena_must(nftnl_rule_alloc());
	struct nft_listed_rule listed = { 0 };
	bool matches_nothing = true;
	int result = 0;

	if (!nftnl_rule_nlmsg_parse(message, rule)) {
		struct nftnl_expr_iter *exprs = arena_must(nftnl_expr_iter_create(rule));
		uint32_t meta = UINT32_MAX; /* key of the expression before, where it was one */
		for (struct nftnl_expr *expr; (expr = nftnl_expr_iter_next(exprs));) {
			const char *name = nftnl_expr_get_str(expr, NFTNL_EXPR_NAME);
			matches_nothing &= read_expr(expr, &listed);
			if (!strcmp(name, "cmp"))
				read_link_name(expr, meta, &listed);
			meta = !strcmp(name, "meta") && nftnl_expr_is_set(expr, NFTNL_EXPR_META_KEY) ?
				       nftnl_expr_get_u32(expr, NFTNL_EXPR_META_KEY) :
				       UINT32_MAX;
		}
		nftnl_expr_iter_destroy(exprs);
		listed.refuses_all = listed.drops && matches_nothing;
		result = reader->each(&listed, reader->context);
	}
	nftnl_rule_free(rule);
	return result;
}

int nft_rules(struct nl *nl, uint8_t family, const char *table, const char *chain,
	      int (*each)(const struct nft_listed_rule *, void *), void *context)
{
	char buffer[1024];
	struct rule_reader reader = { each, context };
	struct nlmsghdr *message = nftnl_nlmsg_build_hdr(buffer, NFT_MSG_GETRULE, family, NLM_F_DUMP, 0);
	struct nftnl_rule *wanted = arena_must(nftnl_rule_alloc());

	nftnl_rule_set_str(wanted, NFTNL_RULE_TABLE, table);
	if (chain)
		nftnl_rule_set_str(wanted, NFTNL_RULE_CHAIN, chain);
	nftnl_rule_nlmsg_build_payload(message, wanted);
	nftnl_rule_free(wanted);
	return nl_query(nl, message, read_rule, &reader);
}
