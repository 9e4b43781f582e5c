/* Which flows change verdict between two policies. */
#include "api/api_state.h"
#include "base/escape.h"
#include "diff/diff_bounded.h"

/* A difference and where it lies */
struct answer {
	struct msbpolicy_difference difference; /* first: the caller's pointer is to it */
	struct arena *arena;
};

static struct msbpolicy_difference difference_of(struct arena *arena, const struct diff *diff)
{
	return (struct msbpolicy_difference){
		.opens = diff_opens(diff),
		.closes = diff_closes(diff),
		.changes = diff_count_settings(diff, DIFF_CHANGES) + diff->networks.count,
		.text = escape_json(arena, diff_text(arena, diff)),
		.json = diff_json(arena, diff),
	};
}

int msbpolicy_diff(msbpolicy *before, msbpolicy *after, struct msbpolicy_difference **out, char **error)
{
	API_WORKS;
	struct arena *arena;
	struct diff *diff;
	int status, complex;

	*out = NULL;
	if (error)
		*error = NULL;
	status = api_usable(before, true, error);
	if (status == MSBPOLICY_OK)
		status = api_usable(after, true, error);
	if (status != MSBPOLICY_OK)
		return status;
	arena = arena_new();
	struct diff_side sides[2] = { { before->policy, diags_new(arena, before->sources) },
				      { after->policy, diags_new(arena, after->sources) } };

	diff = diff_bounded(arena, sides, &after->gateway, &complex);
	if (!diff) {
		status = api_fail_diags(error, MSBPOLICY_INVALID, sides[complex].diags);
		arena_free(arena);
		return status;
	}
	struct answer *answer = arena_alloc(arena, sizeof *answer);
	answer->arena = arena;
	answer->difference = difference_of(arena, diff);
	*out = &answer->difference;
	return MSBPOLICY_OK;
}

void msbpolicy_difference_free(struct msbpolicy_difference *difference)
{
	if (difference)
		arena_free(((struct answer *)difference)->arena);
}
