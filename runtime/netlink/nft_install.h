/* The netlink backend of the ruleset IR: one batch, one transaction, by libnftnl over libmnl. */
#pragma once
#include "ruleset/ruleset.h"

struct nft; /* one nfnetlink socket, of the network namespace it was opened in */

/* NULL and errno on failure. The socket is close-on-exec; owner tables live as long as it does. */
struct nft *nft_open(void);
void nft_close(struct nft *);
int nft_fd(const struct nft *);

/* Installs every table of the ruleset; all or nothing. 0 or -errno; then `why` (at least 256 bytes) has the object
 * that the kernel refused, by its name or comment. NL_BATCH_UNKNOWN (netlink.h): it may have taken it. So with all below. */
int nft_install(struct nft *, const struct ruleset *, char *why, size_t why_size);
/* The same in place of tables of those names, in one transaction */
int nft_replace(struct nft *, const struct ruleset *, char *why, size_t why_size);
/* The same with chains and elements of table inet msb on top, as nft_change() has them: what is in force before the
 * transaction and what is in force behind it leave no packet between them */
struct nft_element;
/* A table of quotas that the transaction changes, too: the chains of the one ruleset go, those of the other come. Its quotas are never
 * deleted: one of a name that is there keeps what it has counted, whatever its size was. Either may be NULL. */
struct nft_quotas {
	const struct ruleset *before, *after;
};
int nft_replace_with(struct nft *, const struct ruleset *, const struct nft_quotas *, const struct rs_table *chains,
		     const struct nft_element *, size_t count, char *why, size_t why_size);
/* The same into tables of those names, which are there; it adds chains and sets of its own. */
int nft_extend(struct nft *, const struct ruleset *, char *why, size_t why_size);

/* The rules of that chain of the ruleset's only table in place of those that the kernel has in it, in one transaction */
int nft_refill(struct nft *, const struct ruleset *, const char *chain, char *why, size_t why_size);
/* The inet table of that name, which the socket owns: 0 or -errno */
int nft_delete(struct nft *, const char *name);
/* Is there an inet table of that name, whoever owns it? 1, 0 or -errno */
int nft_has_table(struct nft *, const char *name);

/* Elements of sets and maps of table inet msb, in one transaction. Adding one that is there renews its timeout;
 * deleting one that is not there is fine. */
struct nft_element {
	const char *set;
	struct addr addr;
	bool has_port; /* key is addr . port */
	uint16_t port;
	uint64_t timeout_ms; /* 0: none */
	bool remove;
	/* Of a verdict map: where it leads, by a jump or by goto; and where it led before, where it may be there still */
	const char *chain, *before;
	bool jump;
};
int nft_elements(struct nft *, const struct nft_element *, size_t count);
/* The same behind new chains, those of `chains`, that elements may lead to; NULL: none */
int nft_change(struct nft *, const struct rs_table *chains, const struct nft_element *, size_t count);
/* A chain of that table with its rules. -EBUSY where something leads there */
int nft_delete_chain(struct nft *, const char *name);
