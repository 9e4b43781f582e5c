/* Below which search domain a name is: of several the longest, so that each name has one. */
#include "report/search_domain.h"
#include "base/name.h"

#include <string.h>

const char *search_domain_of(const struct options_list *domains, const char *name)
{
	const char *found = NULL;

	for (size_t i = 0; domains && i < domains->count; i++) {
		const char *domain = domains->items[i];
		if (name_has_suffix(name, domain) && !name_equal(name, domain) &&
		    (!found || strlen(domain) > strlen(found)))
			found = domain;
	}
	return found;
}
