/* The netlink backend of the ruleset IR: every object of every table into one batch. */
#include "netlink/nft_install.h"
#include "lower/sandbox_net.h"
#include "netlink/nft_encode.h"

#include <errno.h>
#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/flowtable.h>
#include <libnftnl/object.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TABLE_OWNER 2 /* NFT_TABLE_F_OWNER */

struct nft {
	struct nl *nl;
};

struct nft *nft_open(void)
{
	struct nl *nl = nl_open(NETLINK_NETFILTER);
	if (!nl)
		return NULL;
	struct nft *nft = arena_must(calloc(1, sizeof *nft));
	nft->nl = nl;
	return nft;
}

void nft_close(struct nft *nft)
{
	if (!nft)
		return;
	nl_close(nft->nl);
	free(nft);
}

int nft_fd(const struct nft *nft)
{
	return nl_fd(nft->nl);
}

static void fill_table(struct nlmsghdr *message, const void *table)
{
	nftnl_table_nlmsg_build_payload(message, table);
}

static void table_message(struct nft_build *build, uint16_t type, uint16_t flags)
{
	struct nftnl_table *table = arena_must(nftnl_table_alloc());

	nftnl_table_set_u32(table, NFTNL_TABLE_FAMILY, nft_family(build->table->family));
	nftnl_table_set_str(table, NFTNL_TABLE_NAME, build->table->name);
	if (type == NFT_MSG_NEWTABLE && build->table->owner)
		nftnl_table_set_u32(table, NFTNL_TABLE_FLAGS, TABLE_OWNER);
	nft_build_message(build, type, flags, (struct nft_label){ "table", build->table->name }, fill_table, table);
	nftnl_table_free(table);
}

static void fill_object(struct nlmsghdr *message, const void *object)
{
	nftnl_obj_nlmsg_build_payload(message, object);
}

/* It is for both families: the kernel asks for one, and looks at none when it is used. */
static void timeout_message(struct nft_build *build, const struct rs_timeout *timeout)
{
	struct nftnl_obj *out = arena_must(nftnl_obj_alloc());
	uint32_t seconds[NFTNL_CTTIMEOUT_ARRAY_MAX] = { 0 };

	_Static_assert((int)RS_TIMEOUT_STATES <= (int)NFTNL_CTTIMEOUT_ARRAY_MAX, "libnftnl's array holds every state");
	memcpy(seconds, timeout->seconds, sizeof timeout->seconds);
	nftnl_obj_set_u32(out, NFTNL_OBJ_FAMILY, nft_family(build->table->family));
	nftnl_obj_set_str(out, NFTNL_OBJ_TABLE, build->table->name);
	nftnl_obj_set_str(out, NFTNL_OBJ_NAME, timeout->name);
	nftnl_obj_set_u32(out, NFTNL_OBJ_TYPE, NFT_OBJECT_CT_TIMEOUT);
	nftnl_obj_set_u8(out, NFTNL_OBJ_CT_TIMEOUT_L4PROTO, timeout->proto);
	nftnl_obj_set_u16(out, NFTNL_OBJ_CT_TIMEOUT_L3PROTO, NFPROTO_IPV4);
	nftnl_obj_set_data(out, NFTNL_OBJ_CT_TIMEOUT_ARRAY, seconds, sizeof seconds);
	nft_build_message(build, NFT_MSG_NEWOBJ, NLM_F_CREATE | NLM_F_EXCL,
			  (struct nft_label){ "ct timeout", timeout->name }, fill_object, out);
	nftnl_obj_free(out);
}

/* `flags`: NLM_F_EXCL of a new one; without it, one that is there keeps what it has counted, and gets the other size */
static void quota_message(struct nft_build *build, const struct rs_quota *quota, uint16_t flags)
{
	struct nftnl_obj *out = arena_must(nftnl_obj_alloc());

	nftnl_obj_set_u32(out, NFTNL_OBJ_FAMILY, nft_family(build->table->family));
	nftnl_obj_set_str(out, NFTNL_OBJ_TABLE, build->table->name);
	nftnl_obj_set_str(out, NFTNL_OBJ_NAME, quota->name);
	nftnl_obj_set_u32(out, NFTNL_OBJ_TYPE, NFT_OBJECT_QUOTA);
	nftnl_obj_set_u64(out, NFTNL_OBJ_QUOTA_BYTES, quota->bytes);
	nftnl_obj_set_u32(out, NFTNL_OBJ_QUOTA_FLAGS, NFT_QUOTA_F_INV);
	nft_build_message(build, NFT_MSG_NEWOBJ, NLM_F_CREATE | flags, (struct nft_label){ "quota", quota->name },
			  fill_object, out);
	nftnl_obj_free(out);
}

static void fill_flowtable(struct nlmsghdr *message, const void *flowtable)
{
	nftnl_flowtable_nlmsg_build_payload(message, flowtable);
}

static void flowtable_message(struct nft_build *build, const struct rs_flowtable *flowtable)
{
	struct nftnl_flowtable *out = arena_must(nftnl_flowtable_alloc());
	const char *devices[] = { flowtable->devices[0], flowtable->devices[1], NULL };

	nftnl_flowtable_set_u32(out, NFTNL_FLOWTABLE_FAMILY, nft_family(build->table->family));
	nftnl_flowtable_set_str(out, NFTNL_FLOWTABLE_TABLE, build->table->name);
	nftnl_flowtable_set_str(out, NFTNL_FLOWTABLE_NAME, flowtable->name);
	nftnl_flowtable_set_u32(out, NFTNL_FLOWTABLE_HOOKNUM, NF_NETDEV_INGRESS);
	nftnl_flowtable_set_u32(out, NFTNL_FLOWTABLE_PRIO, (uint32_t)flowtable->priority);
	nftnl_flowtable_set_u32(out, NFTNL_FLOWTABLE_FLAGS, NFT_FLOWTABLE_COUNTER);
	nftnl_flowtable_set_data(out, NFTNL_FLOWTABLE_DEVICES, devices, 0);
	nft_build_message(build, NFT_MSG_NEWFLOWTABLE, NLM_F_CREATE | NLM_F_EXCL,
			  (struct nft_label){ "flowtable", flowtable->name }, fill_flowtable, out);
	nftnl_flowtable_free(out);
}

/* `flags` of the table's own message: NLM_F_EXCL where it must be a new one */
static void build_table(struct nft_build *build, const struct rs_table *table, uint16_t flags)
{
	build->table = table;
	table_message(build, NFT_MSG_NEWTABLE, NLM_F_CREATE | flags);
	for (size_t i = 0; i < table->flowtables.count; i++)
		flowtable_message(build, &table->flowtables.items[i]);
	for (size_t i = 0; i < table->timeouts.count; i++)
		timeout_message(build, &table->timeouts.items[i]);
	for (size_t i = 0; i < table->quotas.count; i++)
		quota_message(build, &table->quotas.items[i], NLM_F_EXCL);
	nft_encode_table(build, table);
}

static int send_build(struct nft *nft, struct nft_build *build, char *why, size_t why_size)
{
	size_t failed;
	int error = nl_batch_send(build->batch, &failed);
	const char *detail = nl_error_text(nft->nl);

	if (error < 0 && failed != NL_BATCH_NONE && failed < build->label_count)
		snprintf(why, why_size, "%s \"%s\": %s%s%s", build->labels[failed].kind, build->labels[failed].name,
			 strerror(-error), *detail ? ": " : "", detail);
	else if (error < 0)
		snprintf(why, why_size, "the kernel refused the ruleset: %s", strerror(-error));
	return error;
}

enum install { INSTALL_NEW, INSTALL_REPLACE, INSTALL_EXTEND };

static void build_tables(struct nft_build *build, const struct ruleset *ruleset, enum install how)
{
	for (size_t i = 0; how == INSTALL_REPLACE && i < ruleset->tables.count; i++) {
		/* Made, in case it is not there, then deleted: works on every kernel */
		build->table = &ruleset->tables.items[i];
		table_message(build, NFT_MSG_NEWTABLE, NLM_F_CREATE);
		table_message(build, NFT_MSG_DELTABLE, 0);
	}
	for (size_t i = 0; i < ruleset->tables.count; i++)
		build_table(build, &ruleset->tables.items[i], how == INSTALL_EXTEND ? 0 : NLM_F_EXCL);
}

static int install(struct nft *nft, const struct ruleset *ruleset, enum install how, char *why, size_t why_size)
{
	struct nft_build build = { .batch = nl_batch_new(nft->nl), .names_sets = true };

	build_tables(&build, ruleset, how);
	int error = send_build(nft, &build, why, why_size);
	nft_build_free(&build);
	return error;
}

int nft_install(struct nft *nft, const struct ruleset *ruleset, char *why, size_t why_size)
{
	return install(nft, ruleset, INSTALL_NEW, why, why_size);
}

int nft_replace(struct nft *nft, const struct ruleset *ruleset, char *why, size_t why_size)
{
	return install(nft, ruleset, INSTALL_REPLACE, why, why_size);
}

int nft_extend(struct nft *nft, const struct ruleset *ruleset, char *why, size_t why_size)
{
	return install(nft, ruleset, INSTALL_EXTEND, why, why_size);
}

static void fill_rules(struct nlmsghdr *message, const void *rule)
{
	nftnl_rule_nlmsg_build_payload(message, (struct nftnl_rule *)(uintptr_t)rule);
}

/* Every rule of the chain: none is named. */
static void empty_chain(struct nft_build *build, const struct rs_chain *chain)
{
	struct nftnl_rule *rule = arena_must(nftnl_rule_alloc());

	nftnl_rule_set_u32(rule, NFTNL_RULE_FAMILY, nft_family(build->table->family));
	nftnl_rule_set_str(rule, NFTNL_RULE_TABLE, build->table->name);
	nftnl_rule_set_str(rule, NFTNL_RULE_CHAIN, chain->name);
	nft_build_message(build, NFT_MSG_DELRULE, 0, (struct nft_label){ "the rules of chain", chain->name },
			  fill_rules, rule);
	nftnl_rule_free(rule);
}

int nft_refill(struct nft *nft, const struct ruleset *ruleset, const char *name, char *why, size_t why_size)
{
	struct nft_build build = { .batch = nl_batch_new(nft->nl), .table = &ruleset->tables.items[0] };

	for (size_t i = 0; i < build.table->chains.count; i++) {
		const struct rs_chain *chain = &build.table->chains.items[i];
		if (strcmp(chain->name, name))
			continue;
		empty_chain(&build, chain);
		nft_encode_rules(&build, chain);
	}
	int error = send_build(nft, &build, why, why_size);
	nft_build_free(&build);
	return error;
}

int nft_delete(struct nft *nft, const char *name)
{
	struct rs_table table = { .family = RS_INET, .name = name };
	struct nft_build build = { .batch = nl_batch_new(nft->nl), .table = &table };

	table_message(&build, NFT_MSG_DELTABLE, 0);
	int error = nl_batch_send(build.batch, NULL);
	nft_build_free(&build);
	return error;
}

static int found(const struct nlmsghdr *message, void *context)
{
	(void)message;
	*(bool *)context = true;
	return 0;
}

int nft_has_table(struct nft *nft, const char *name)
{
	struct nftnl_table *table = arena_must(nftnl_table_alloc());
	char bytes[256];
	bool there = false;

	nftnl_table_set_str(table, NFTNL_TABLE_NAME, name);
	struct nlmsghdr *message = nftnl_nlmsg_build_hdr(bytes, NFT_MSG_GETTABLE, NFPROTO_INET, 0, 0);
	nftnl_table_nlmsg_build_payload(message, table);
	nftnl_table_free(table);
	int error = nl_query(nft->nl, message, found, &there);
	return error == -ENOENT ? 0 : error < 0 ? error : there;
}

/* With the chain that it leads to, of a verdict map; NULL: of a set */
static void element_message(struct nft_build *build, const struct nft_element *element, uint16_t type,
			    uint64_t timeout_ms, const char *chain)
{
	struct nftnl_set *set = arena_must(nftnl_set_alloc());
	struct nftnl_set_elem *item = arena_must(nftnl_set_elem_alloc());
	uint8_t key[20];
	unsigned len = element->addr.family == ADDR_V4 ? 4 : 16;

	addr_to_bytes(element->addr, key);
	if (element->has_port) {
		memset(key + len, 0, 4); /* a part of a concatenation fills four bytes */
		key[len] = (uint8_t)(element->port >> 8);
		key[len + 1] = (uint8_t)element->port;
		len += 4;
	}
	nftnl_set_set_u32(set, NFTNL_SET_FAMILY, NFPROTO_INET);
	nftnl_set_set_str(set, NFTNL_SET_TABLE, build->table->name);
	nftnl_set_set_str(set, NFTNL_SET_NAME, element->set);
	nftnl_set_elem_set(item, NFTNL_SET_ELEM_KEY, key, len);
	if (timeout_ms)
		nftnl_set_elem_set_u64(item, NFTNL_SET_ELEM_TIMEOUT, timeout_ms);
	if (chain) {
		struct rs_verdict verdict = { element->jump ? RS_JUMP : RS_GOTO, chain };
		nftnl_set_elem_set_u32(item, NFTNL_SET_ELEM_VERDICT, nft_verdict_code(&verdict));
		nftnl_set_elem_set_str(item, NFTNL_SET_ELEM_CHAIN, chain);
	}
	nftnl_set_elem_add(set, item);
	nft_build_message(build, type, type == NFT_MSG_NEWSETELEM ? NLM_F_CREATE : 0,
			  (struct nft_label){ "element of set", element->set }, nft_fill_elements, set);
	nftnl_set_free(set);
}

/* Before Linux 6.3 only what is there can be deleted: it is made first, and that takes nothing from one that is there, in a
 * map where it leads to the same chain. Before 6.12 an element keeps the timeout it was made with, and none may lead
 * elsewhere later: it is deleted and made anew, in the same transaction, so that packets always find it. */
static void element_messages(struct nft_build *build, const struct nft_element *element)
{
	if (element->chain ? element->before != NULL : element->remove || element->timeout_ms) {
		element_message(build, element, NFT_MSG_NEWSETELEM, 0, element->before);
		element_message(build, element, NFT_MSG_DELSETELEM, 0, NULL);
	}
	if (!element->remove)
		element_message(build, element, NFT_MSG_NEWSETELEM, element->timeout_ms, element->chain);
}

/* With the sets that they look into */
static void new_chains(struct nft_build *build, const struct rs_table *chains)
{
	for (size_t i = 0; i < chains->sets.count; i++)
		nft_encode_set(build, &chains->sets.items[i]);
	for (size_t i = 0; i < chains->sets.count; i++)
		nft_encode_elements(build, &chains->sets.items[i]);
	for (size_t i = 0; i < chains->chains.count; i++)
		nft_encode_chain(build, &chains->chains.items[i]);
	for (size_t i = 0; i < chains->chains.count; i++)
		nft_encode_rules(build, &chains->chains.items[i]);
}

static const struct rs_table own_table = { .family = RS_INET, .name = LOWER_TABLE };

static void build_changes(struct nft_build *build, const struct rs_table *chains, const struct nft_element *elements,
			  size_t count)
{
	build->table = &own_table;
	if (chains)
		new_chains(build, chains);
	for (size_t i = 0; i < count; i++)
		element_messages(build, &elements[i]);
}

static void fill_chain(struct nlmsghdr *message, const void *chain)
{
	nftnl_chain_nlmsg_build_payload(message, chain);
}

static void delete_chain_message(struct nft_build *build, const char *name)
{
	struct nftnl_chain *chain = arena_must(nftnl_chain_alloc());

	nftnl_chain_set_u32(chain, NFTNL_CHAIN_FAMILY, nft_family(build->table->family));
	nftnl_chain_set_str(chain, NFTNL_CHAIN_TABLE, build->table->name);
	nftnl_chain_set_str(chain, NFTNL_CHAIN_NAME, name);
	nft_build_message(build, NFT_MSG_DELCHAIN, 0, (struct nft_label){ "chain", name }, fill_chain, chain);
	nftnl_chain_free(chain);
}

static void fill_set(struct nlmsghdr *message, const void *set)
{
	nftnl_set_nlmsg_build_payload(message, (struct nftnl_set *)(uintptr_t)set);
}

static void delete_set_message(struct nft_build *build, const char *name)
{
	struct nftnl_set *set = arena_must(nftnl_set_alloc());

	nftnl_set_set_u32(set, NFTNL_SET_FAMILY, nft_family(build->table->family));
	nftnl_set_set_str(set, NFTNL_SET_TABLE, build->table->name);
	nftnl_set_set_str(set, NFTNL_SET_NAME, name);
	nft_build_message(build, NFT_MSG_DELSET, 0, (struct nft_label){ "set", name }, fill_set, set);
	nftnl_set_free(set);
}

/* Rules, maps and chains of a table, in the order in which nothing leads to what goes; its quotas stay, and with them what they have counted. */
static void strip_table(struct nft_build *build, const struct rs_table *table)
{
	build->table = table;
	for (size_t i = 0; i < table->chains.count; i++)
		empty_chain(build, &table->chains.items[i]);
	for (size_t i = 0; i < table->sets.count; i++)
		delete_set_message(build, table->sets.items[i].name);
	for (size_t i = 0; i < table->chains.count; i++)
		delete_chain_message(build, table->chains.items[i].name);
}

static void build_quotas(struct nft_build *build, const struct nft_quotas *quotas)
{
	if (quotas->before)
		strip_table(build, &quotas->before->tables.items[0]);
	if (!quotas->after)
		return;
	build->table = &quotas->after->tables.items[0];
	table_message(build, NFT_MSG_NEWTABLE, NLM_F_CREATE);
	for (size_t i = 0; i < build->table->quotas.count; i++)
		quota_message(build, &build->table->quotas.items[i], 0);
	nft_encode_table(build, build->table);
}

int nft_replace_with(struct nft *nft, const struct ruleset *ruleset, const struct nft_quotas *quotas,
		     const struct rs_table *chains, const struct nft_element *elements, size_t count, char *why,
		     size_t why_size)
{
	struct nft_build build = { .batch = nl_batch_new(nft->nl), .names_sets = true };

	build_tables(&build, ruleset, INSTALL_REPLACE);
	build.names_sets = false;
	build_quotas(&build, quotas);
	build_changes(&build, chains, elements, count);
	int error = send_build(nft, &build, why, why_size);
	nft_build_free(&build);
	return error;
}

int nft_change(struct nft *nft, const struct rs_table *chains, const struct nft_element *elements, size_t count)
{
	struct nft_build build = { .batch = nl_batch_new(nft->nl) };
	int error = 0;

	build_changes(&build, chains, elements, count);
	if (chains || count)
		error = nl_batch_send(build.batch, NULL);
	nft_build_free(&build);
	return error;
}

int nft_elements(struct nft *nft, const struct nft_element *elements, size_t count)
{
	return nft_change(nft, NULL, elements, count);
}

int nft_delete_chain(struct nft *nft, const char *name)
{
	struct nft_build build = { .batch = nl_batch_new(nft->nl), .table = &own_table };

	delete_chain_message(&build, name);
	int error = nl_batch_send(build.batch, NULL);
	nft_build_free(&build);
	return error;
}
