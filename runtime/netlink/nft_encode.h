/* One rule, set or element of the IR as nf_tables' messages (nft_encode_*.c), put into a batch (nft_build.c). Between
 * nft_install.c, which knows the order of things, and libnftnl. */
#pragma once
#include "netlink/netlink.h"
#include "ruleset/ruleset.h"

struct nftnl_set;
#define NFT_ANONYMOUS "__set%d" /* the kernel puts the number in */
#define NFT_ANONYMOUS_MAX 32    /* bytes */

/* A batch being filled, and what each of its messages is about, for the error that a user sees. */
struct nft_build {
	struct nl_batch *batch;
	const struct rs_table *table;
	uint32_t set_id; /* of the last set; unique in the batch */
	/* Of tables that are made here: anonymous sets get names from us. The kernel, to find one that is free, would read the
	 * numbers of all others for each. */
	bool names_sets;
	struct nft_label *labels;
	size_t label_count, label_cap;
};
struct nft_label {
	const char *kind, *name; /* "rule", its comment; borrowed from the IR */
};

void nft_build_free(struct nft_build *);
/* Adds the message that `fill` writes; `type` is NFT_MSG_…, `flags` NLM_F_… */
void nft_build_message(struct nft_build *, uint16_t type, uint16_t flags, struct nft_label,
		       void (*fill)(struct nlmsghdr *, const void *), const void *object);
void nft_fill_elements(struct nlmsghdr *, const void *set); /* of a set (struct nftnl_set), its elements */
uint32_t nft_family(enum rs_family);                        /* NFPROTO_… */
uint32_t nft_verdict_code(const struct rs_verdict *);       /* NF_…, NFT_… */

/* Each element with its key, timeout, comment and verdict; of interval sets also the ends */
void nft_encode_set(struct nft_build *, const struct rs_set *);
void nft_encode_elements(struct nft_build *, const struct rs_set *);
/* With the anonymous sets it looks into */
void nft_encode_rule(struct nft_build *, const struct rs_chain *, const struct rs_rule *);
/* An anonymous set of a field's values; its name goes to `name`. Returns its id */
uint32_t nft_encode_anonymous(struct nft_build *, enum rs_field, const struct rs_value *, size_t count,
			      char name[static NFT_ANONYMOUS_MAX]);
/* nft_table.c: chains without their rules, the rules of a chain, and all that a table holds but timeouts */
void nft_encode_chain(struct nft_build *, const struct rs_chain *);
void nft_encode_rules(struct nft_build *, const struct rs_chain *);
void nft_encode_table(struct nft_build *, const struct rs_table *);

/* `size` bytes as the kernel holds them in a register */
void nft_value_bytes(enum rs_type, unsigned size, const struct rs_value *, u128 number, uint8_t *out);
#define NFT_KEY_MAX 64 /* bytes of a concatenated key */
