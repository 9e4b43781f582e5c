/* Attributes as the kernel sends them, which always come in the same order; but for those that tell what happened meanwhile. */
#include "netlink/nft_digest.h"
#include "base/fnv.h"

#include <libnftnl/common.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

struct digest {
	const char *table;
	bool (*is_left_out)(const char *chain);
	uint64_t hash;
};

static uint64_t hash_attribute(uint64_t hash, const struct nlattr *attr)
{
	const uint8_t *bytes = mnl_attr_get_payload(attr);
	uint16_t len = mnl_attr_get_payload_len(attr);

	hash = fnv_byte(fnv_byte(hash, (uint8_t)mnl_attr_get_type(attr)), (uint8_t)len);
	for (uint16_t i = 0; i < len; i++)
		hash = fnv_byte(hash, bytes[i]);
	return hash;
}

static const struct nlattr *find(const struct nlmsghdr *message, uint16_t type)
{
	const struct nlattr *attr;

	mnl_attr_for_each(attr, message, sizeof(struct nfgenmsg)) if (mnl_attr_get_type(attr) == type) return attr;
	return NULL;
}

static bool has_text(const struct nlmsghdr *message, uint16_t type, const char *text)
{
	const struct nlattr *attr = find(message, type);

	return attr && mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) == 0 && !strcmp(mnl_attr_get_str(attr), text);
}

static void add(struct digest *digest, const struct nlmsghdr *message, uint16_t type)
{
	const struct nlattr *attr = find(message, type);

	if (attr)
		digest->hash = hash_attribute(digest->hash, attr);
}

static int read_table(const struct nlmsghdr *message, void *context)
{
	struct digest *digest = context;
	const struct nfgenmsg *header = mnl_nlmsg_get_payload(message);

	if (has_text(message, NFTA_TABLE_NAME, digest->table)) {
		digest->hash = fnv_byte(digest->hash, header->nfgen_family);
		add(digest, message, NFTA_TABLE_HANDLE);
		add(digest, message, NFTA_TABLE_FLAGS);
	}
	return 0;
}

static bool is_left_out(const struct digest *digest, const struct nlmsghdr *message, uint16_t table, uint16_t chain)
{
	const struct nlattr *name = find(message, chain);

	return !has_text(message, table, digest->table) || !name || mnl_attr_validate(name, MNL_TYPE_NUL_STRING) < 0 ||
	       digest->is_left_out(mnl_attr_get_str(name));
}

static int read_chain(const struct nlmsghdr *message, void *context)
{
	struct digest *digest = context;

	if (is_left_out(digest, message, NFTA_CHAIN_TABLE, NFTA_CHAIN_NAME))
		return 0;
	add(digest, message, NFTA_CHAIN_NAME);
	add(digest, message, NFTA_CHAIN_HANDLE);
	add(digest, message, NFTA_CHAIN_HOOK);
	add(digest, message, NFTA_CHAIN_POLICY);
	return 0;
}

/* Counters, and what else counts: their names alone */
static bool counts(const char *name)
{
	return !strcmp(name, "counter") || !strcmp(name, "quota") || !strcmp(name, "last");
}

static uint64_t hash_expression(uint64_t hash, const struct nlattr *expression)
{
	const struct nlattr *attr;
	bool is_counter = false;

	mnl_attr_for_each_nested(attr, expression)
	{
		bool is_name = mnl_attr_get_type(attr) == NFTA_EXPR_NAME;
		if (is_name && mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) == 0)
			is_counter = counts(mnl_attr_get_str(attr));
		if (is_name || !is_counter)
			hash = hash_attribute(hash, attr);
	}
	return hash;
}

static int read_rule(const struct nlmsghdr *message, void *context)
{
	struct digest *digest = context;
	const struct nlattr *list = find(message, NFTA_RULE_EXPRESSIONS), *expression;

	if (is_left_out(digest, message, NFTA_RULE_TABLE, NFTA_RULE_CHAIN))
		return 0;
	add(digest, message, NFTA_RULE_CHAIN);
	add(digest, message, NFTA_RULE_HANDLE);
	if (!list)
		return 0;
	mnl_attr_for_each_nested(expression, list)
	{
		digest->hash = hash_expression(digest->hash, expression);
	}
	return 0;
}

static int dump(struct nl *nl, uint16_t type, int (*read)(const struct nlmsghdr *, void *), struct digest *digest)
{
	char buffer[256];

	return nl_query(nl, nftnl_nlmsg_build_hdr(buffer, type, NFPROTO_UNSPEC, NLM_F_DUMP, 0), read, digest);
}

int nft_digest(struct nl *nl, const char *table, bool (*left_out)(const char *chain), uint64_t *out)
{
	struct digest digest = { .table = table, .is_left_out = left_out, .hash = FNV_START };
	int error = dump(nl, NFT_MSG_GETTABLE, read_table, &digest);

	if (error == 0)
		error = dump(nl, NFT_MSG_GETCHAIN, read_chain, &digest);
	if (error == 0)
		error = dump(nl, NFT_MSG_GETRULE, read_rule, &digest);
	if (error == 0)
		*out = digest.hash;
	return error;
}
