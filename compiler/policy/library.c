/* Looking a policy of the library up; the texts are generated. */
#include "policy/library.h"

#include <string.h>

const char *library_text(const char *name)
{
	for (const struct library_policy *policy = library_policies; policy->name; policy++)
		if (!strcmp(policy->name, name))
			return policy->text;
	return NULL;
}
