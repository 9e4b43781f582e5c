/* What a client hands a running sandbox as its new policy: whatever the bytes, a policy or an error, reading no file; and
 * what is made of it goes through every stage, and back into a bundle. */
#include "fuzz.h"

#include "policy/policy_bundle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new();
	struct diags *diags = diags_new(arena, sources_new(arena));
	struct policy *policy = policy_unbundle(arena, (const char *)data, size, diags);
	size_t len;

	if (policy) {
		struct diags *again = diags_new(arena, sources_new(arena));
		char *text = policy_bundle(arena, policy, &len);
		struct policy *made = text ? policy_unbundle(arena, text, len, again) : NULL;
		if (!made || strcmp(policy_format(arena, policy), policy_format(arena, made)) != 0)
			abort();
		fuzz_stages(arena, policy, diags);
	}
	fuzz_print(diags);
	arena_free(arena);
	return 0;
}
