/* Dumps of rules, and of those sets whose elements count. */
#include "netlink/nft_counters.h"
#include "base/arena.h"

#include <errno.h>
#include <libnftnl/common.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>

#define COMMENT_MAX 128
#define SETS_MAX 4096

struct reader {
	nft_counted *each;
	void *self;
	const char *table;
	struct arena *arena;
	LIST_OF(const char *) sets; /* those that count */
};

struct wanted {
	uint8_t type; /* NFTNL_UDATA_…_COMMENT, the first of either kind */
	char text[COMMENT_MAX];
};

static int take_attribute(const struct nftnl_udata *attribute, void *context)
{
	struct wanted *wanted = context;
	const char *text = nftnl_udata_get(attribute);
	size_t len = nftnl_udata_len(attribute);

	if (nftnl_udata_type(attribute) == wanted->type && len > 0 && len <= sizeof wanted->text && !text[len - 1])
		memcpy(wanted->text, text, len);
	return 0;
}

static void add_counter(struct nftnl_expr *expr, const char *comment, const struct reader *reader)
{
	const char *name = nftnl_expr_get_str(expr, NFTNL_EXPR_NAME);

	if (!strcmp(name, "counter"))
		reader->each(reader->self, comment, nftnl_expr_get_u64(expr, NFTNL_EXPR_CTR_PACKETS),
			     nftnl_expr_get_u64(expr, NFTNL_EXPR_CTR_BYTES));
}

static void add_rule(struct nftnl_rule *rule, const struct reader *reader)
{
	struct wanted wanted = { .type = NFTNL_UDATA_RULE_COMMENT };
	uint32_t len;
	const void *data = nftnl_rule_get_data(rule, NFTNL_RULE_USERDATA, &len);

	if (!data || nftnl_udata_parse(data, len, take_attribute, &wanted) < 0 || !*wanted.text)
		return;
	struct nftnl_expr_iter *exprs = arena_must(nftnl_expr_iter_create(rule));
	for (struct nftnl_expr *expr; (expr = nftnl_expr_iter_next(exprs));)
		add_counter(expr, wanted.text, reader);
	nftnl_expr_iter_destroy(exprs);
}

static int read_rule(const struct nlmsghdr *message, void *context)
{
	const struct reader *reader = context;
	struct nftnl_rule *rule = arena_must(nftnl_rule_alloc());
	int error = message->nlmsg_flags & NLM_F_DUMP_INTR ? -EINTR : 0;

	if (error == 0 && !nftnl_rule_nlmsg_parse(message, rule) &&
	    !strcmp(nftnl_rule_get_str(rule, NFTNL_RULE_TABLE), reader->table))
		add_rule(rule, reader);
	nftnl_rule_free(rule);
	return error;
}

static int read_set(const struct nlmsghdr *message, void *context)
{
	struct reader *reader = context;
	struct nftnl_set *set = arena_must(nftnl_set_alloc());

	if (!nftnl_set_nlmsg_parse(message, set) && nftnl_set_get_u32(set, NFTNL_SET_FLAGS) & NFT_SET_EXPR &&
	    !strcmp(nftnl_set_get_str(set, NFTNL_SET_TABLE), reader->table) && reader->sets.count < SETS_MAX)
		*arena_push(reader->arena, &reader->sets) =
			arena_strdup(reader->arena, nftnl_set_get_str(set, NFTNL_SET_NAME));
	nftnl_set_free(set);
	return 0;
}

static int add_element(struct nftnl_set_elem *element, void *context)
{
	const struct reader *reader = context;
	struct wanted wanted = { .type = NFTNL_UDATA_SET_ELEM_COMMENT };
	uint32_t len;
	const void *data = nftnl_set_elem_get(element, NFTNL_SET_ELEM_USERDATA, &len);
	bool counts = nftnl_set_elem_is_set(element, NFTNL_SET_ELEM_EXPR);

	if (data && counts && nftnl_udata_parse(data, len, take_attribute, &wanted) >= 0 && *wanted.text)
		add_counter((struct nftnl_expr *)(uintptr_t)nftnl_set_elem_get(element, NFTNL_SET_ELEM_EXPR, &len),
			    wanted.text, reader);
	return 0;
}

static int read_elements(const struct nlmsghdr *message, void *context)
{
	struct nftnl_set *set = arena_must(nftnl_set_alloc());

	if (!nftnl_set_elems_nlmsg_parse(message, set))
		nftnl_set_elem_foreach(set, add_element, context);
	nftnl_set_free(set);
	return 0;
}

static int dump_rules(struct nl *nl, struct reader *reader)
{
	char buffer[1024];
	struct nlmsghdr *message = nftnl_nlmsg_build_hdr(buffer, NFT_MSG_GETRULE, NFPROTO_INET, NLM_F_DUMP, 0);
	struct nftnl_rule *wanted = arena_must(nftnl_rule_alloc());

	nftnl_rule_set_str(wanted, NFTNL_RULE_TABLE, reader->table);
	nftnl_rule_nlmsg_build_payload(message, wanted);
	nftnl_rule_free(wanted);
	return nl_query(nl, message, read_rule, reader);
}

static int dump_sets(struct nl *nl, struct reader *reader)
{
	char buffer[1024];
	struct nlmsghdr *message = nftnl_nlmsg_build_hdr(buffer, NFT_MSG_GETSET, NFPROTO_INET, NLM_F_DUMP, 0);
	struct nftnl_set *wanted = arena_must(nftnl_set_alloc());

	nftnl_set_set_str(wanted, NFTNL_SET_TABLE, reader->table);
	nftnl_set_nlmsg_build_payload(message, wanted);
	nftnl_set_free(wanted);
	return nl_query(nl, message, read_set, reader);
}

static int dump_elements(struct nl *nl, struct reader *reader, const char *name)
{
	char buffer[1024];
	struct nlmsghdr *message = nftnl_nlmsg_build_hdr(buffer, NFT_MSG_GETSETELEM, NFPROTO_INET, NLM_F_DUMP, 0);
	struct nftnl_set *wanted = arena_must(nftnl_set_alloc());

	nftnl_set_set_str(wanted, NFTNL_SET_TABLE, reader->table);
	nftnl_set_set_str(wanted, NFTNL_SET_NAME, name);
	nftnl_set_elems_nlmsg_build_payload(message, wanted);
	nftnl_set_free(wanted);
	return nl_query(nl, message, read_elements, reader);
}

int nft_counters(struct nl *nl, const char *table, nft_counted *each, void *self)
{
	struct reader reader = { .each = each, .self = self, .table = table, .arena = arena_new() };
	int error = dump_rules(nl, &reader);

	if (error == 0)
		error = dump_sets(nl, &reader);
	for (size_t i = 0; error == 0 && i < reader.sets.count; i++)
		error = dump_elements(nl, &reader, reader.sets.items[i]);
	arena_free(reader.arena);
	return error;
}
