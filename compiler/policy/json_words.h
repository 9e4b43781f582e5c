/* The words that microsandbox's JSON spells in its own way, for printing and for reading. */
#pragma once
#include "base/address.h"

#include <assert.h>

static const struct {
	enum addr_class group;
	const char *word;
} json_groups[] = {
	{ ADDR_CLASS_PUBLIC, "public" },     { ADDR_CLASS_PRIVATE, "private" },
	{ ADDR_CLASS_LOOPBACK, "loopback" }, { ADDR_CLASS_LINK_LOCAL, "link_local" },
	{ ADDR_CLASS_META, "metadata" },     { ADDR_CLASS_MULTICAST, "multicast" },
	{ ADDR_CLASS_HOST, "host" },
};
static_assert(sizeof json_groups / sizeof *json_groups == ADDR_CLASS_COUNT - 1, "a word for each group");
/* In the order of json_groups */
static const char *const json_group_words[] = { "public",   "private",   "loopback", "link_local",
						"metadata", "multicast", "host",     NULL };

static inline const char *json_group_word(enum addr_class group)
{
	for (size_t i = 0; i < sizeof json_groups / sizeof *json_groups; i++)
		if (json_groups[i].group == group)
			return json_groups[i].word;
	return "public";
}
