/* The guest's search domains (--dns-search). Its resolver tries each name below them before the name itself, so lookups there that are
 * denied are one report for a domain, and nobody is asked about them. */
#pragma once
#include "policy/options.h"

/* The domain that the canonical name is below; NULL: none. `domains` may be NULL */
const char *search_domain_of(const struct options_list *domains, const char *name);
