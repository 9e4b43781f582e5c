/* A policy as nftables and DNS software read it. */
#include "api/api_state.h"
#include "emit/emit.h"
#include "optimise/optimise.h"

static const char *nft_text(struct arena *arena, const struct msbpolicy *loaded)
{
	struct lower_options options = { .gateway = api_gateway(loaded), .optimise = loaded->optimise };
	struct ruleset *ruleset = lower_policy(arena, loaded->policy, &options);

	optimise(ruleset, options.optimise);
	return emit_nft(arena, loaded->policy, ruleset, &options);
}

int msbpolicy_compile(msbpolicy *loaded, enum msbpolicy_target target, char **out, char **error)
{
	API_WORKS;
	struct arena *arena;
	int status;

	*out = NULL;
	if (error)
		*error = NULL;
	status = api_usable(loaded, false, error);
	if (status != MSBPOLICY_OK)
		return status;
	if (target != MSBPOLICY_NFT && target != MSBPOLICY_DNS)
		return api_fail(error, MSBPOLICY_USAGE, "no such target: %d", (int)target);
	arena = arena_new();
	*out = api_copy(target == MSBPOLICY_NFT ? nft_text(arena, loaded) : emit_dns(arena, loaded->policy));
	arena_free(arena);
	return MSBPOLICY_OK;
}
