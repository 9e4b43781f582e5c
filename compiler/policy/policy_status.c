/* Whether a policy can be used. */
#include "policy/policy_status.h"
#include "policy/options.h"

#include <string.h>

enum policy_status policy_status(const struct diags *diags)
{
	enum policy_status status = POLICY_FINE;

	for (size_t i = 0; i < diags->list.count; i++) {
		const struct diag *diag = &diags->list.items[i];
		const struct source *source = sources_get(diags->sources, diag->span.source);
		enum policy_status of_this = !strcmp(diag->id, OPTIONS_UNREADABLE) ? POLICY_UNREADABLE :
					     source && source->kind == SOURCE_FLAG ? POLICY_BAD_OPTION :
										     POLICY_WRONG;

		if (diag->level == DIAG_ERROR && of_this > status)
			status = of_this;
	}
	return status;
}

bool policy_is_merely_expired(const struct diags *diags)
{
	size_t expired = 0;

	for (size_t i = 0; i < diags->list.count; i++)
		expired += diags->list.items[i].level == DIAG_ERROR && !strcmp(diags->list.items[i].id, "expired");
	return expired == diags->errors;
}
