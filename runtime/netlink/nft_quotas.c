/* A dump of objects. */
#include "netlink/nft_quotas.h"
#include "base/arena.h"

#include <errno.h>
#include <libnftnl/common.h>
#include <libnftnl/object.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>

struct reader {
	nft_quota_seen *each;
	void *self;
	const char *table;
};

static void take(const struct nftnl_obj *object, const struct reader *reader)
{
	struct nftnl_obj *quota = (struct nftnl_obj *)(uintptr_t)object; /* libnftnl's getters take no const */
	const char *table = nftnl_obj_get_str(quota, NFTNL_OBJ_TABLE), *name = nftnl_obj_get_str(quota, NFTNL_OBJ_NAME);

	if (!table || !name || strcmp(table, reader->table) != 0 ||
	    nftnl_obj_get_u32(quota, NFTNL_OBJ_TYPE) != NFT_OBJECT_QUOTA)
		return;
	reader->each(reader->self, name, nftnl_obj_get_u64(quota, NFTNL_OBJ_QUOTA_BYTES),
		     nftnl_obj_get_u64(quota, NFTNL_OBJ_QUOTA_CONSUMED));
}

static int read_object(const struct nlmsghdr *message, void *context)
{
	struct nftnl_obj *object = arena_must(nftnl_obj_alloc());
	int error = message->nlmsg_flags & NLM_F_DUMP_INTR ? -EINTR : 0;

	if (error == 0 && !nftnl_obj_nlmsg_parse(message, object))
		take(object, context);
	nftnl_obj_free(object);
	return error;
}

int nft_quotas_read(struct nl *nl, const char *table, nft_quota_seen *each, void *self)
{
	struct reader reader = { each, self, table };
	struct nftnl_obj *wanted = arena_must(nftnl_obj_alloc());
	char buffer[1024];
	struct nlmsghdr *message = nftnl_nlmsg_build_hdr(buffer, NFT_MSG_GETOBJ, NFPROTO_INET, NLM_F_DUMP, 0);

	nftnl_obj_set_str(wanted, NFTNL_OBJ_TABLE, table);
	nftnl_obj_set_u32(wanted, NFTNL_OBJ_TYPE, NFT_OBJECT_QUOTA);
	nftnl_obj_nlmsg_build_payload(message, wanted);
	nftnl_obj_free(wanted);
	return nl_query(nl, message, read_object, &reader);
}
