/* Changes of the bindings put into the kernel's table msb. */
#include "dns/bindings_install.h"

#include <errno.h>
#include <stdlib.h>

#define DELETIONS \
	8 /* of chains, each a transaction of its own: the kernel refuses one that an expired element holds still */

static void delete_idle_chains(struct nft *nft, struct bindings *bindings, uint64_t now_ms)
{
	const char *chain;
	for (int i = 0; i < DELETIONS && (chain = bindings_idle_chain(bindings, now_ms)); i++)
		bindings_chain_deleted(bindings, chain, nft_delete_chain(nft, chain) == 0, now_ms);
}

struct nft_element bindings_element(const struct bindings_change *change)
{
	return (struct nft_element){ .set = change->set,
				     .addr = change->addr,
				     .timeout_ms = change->timeout_ms,
				     .remove = change->remove,
				     .chain = change->chain,
				     .before = change->before,
				     .jump = change->jump };
}

int bindings_install(struct nft *nft, struct bindings *bindings, const struct bindings_changes *changes,
		     uint64_t now_ms)
{
	if (changes->count == 0)
		return 0;
	struct nft_element *elements = calloc(changes->count, sizeof *elements);
	const struct rs_table *chains = changes->ruleset ? &changes->ruleset->tables.items[0] : NULL;
	int error = elements ? 0 : -ENOMEM;
	for (size_t i = 0; error == 0 && i < changes->count; i++)
		elements[i] = bindings_element(&changes->items[i]);
	if (error == 0)
		error = nft_change(nft, chains, elements, changes->count);
	free(elements);
	if (error < 0)
		bindings_undo(bindings, changes);
	else
		delete_idle_chains(nft, bindings, now_ms);
	return error;
}
