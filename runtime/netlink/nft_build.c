/* A batch being filled with messages, each labelled with what it is about. */
#include "netlink/nft_encode.h"

#include <libnftnl/common.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdlib.h>

/* More than the largest message: 128 elements with comments */
#define MESSAGE_ROOM (96u << 10)

uint32_t nft_family(enum rs_family family)
{
	return family == RS_INET ? NFPROTO_INET : NFPROTO_NETDEV;
}

void nft_build_free(struct nft_build *build)
{
	nl_batch_free(build->batch);
	free(build->labels);
}

void nft_build_message(struct nft_build *build, uint16_t type, uint16_t flags, struct nft_label label,
		       void (*fill)(struct nlmsghdr *, const void *), const void *object)
{
	uint32_t sequence;
	void *room = nl_batch_room(build->batch, MESSAGE_ROOM, &sequence);
	struct nlmsghdr *message =
		nftnl_nlmsg_build_hdr(room, type, (uint16_t)nft_family(build->table->family), flags, sequence);

	fill(message, object);
	nl_batch_add(build->batch, message);
	if (build->label_count == build->label_cap) {
		build->label_cap = build->label_cap ? build->label_cap * 2 : 256;
		build->labels = arena_must(realloc(build->labels, build->label_cap * sizeof *build->labels));
	}
	build->labels[build->label_count++] = label;
}

uint32_t nft_verdict_code(const struct rs_verdict *verdict)
{
	static const int codes[] = {
		[RS_ACCEPT] = NF_ACCEPT, [RS_DROP] = NF_DROP,      [RS_JUMP] = NFT_JUMP,
		[RS_GOTO] = NFT_GOTO,    [RS_RETURN] = NFT_RETURN,
	};

	return (uint32_t)codes[verdict->kind];
}
