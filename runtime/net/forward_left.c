/* What dead sandboxes have left of links and forwarding: only looked at here. */
#include "base/arena.h"
#include "net/forward_state.h"
#include "net/host_link.h"

#include <errno.h>
#include <string.h>

struct left {
	int (*each)(const char *, void *);
	void *context;
};

static int note_left(const struct rtnl_link *link, void *context)
{
	const struct left *left = context;

	for (int family = 0; family < FORWARD_FAMILIES; family++)
		if (forward_notes(link, family))
			return left->each(link->name, left->context);
	return 0;
}

int forward_left(struct nl *host, int (*each)(const char *, void *), void *context)
{
	struct left left = { each, context };

	return forward_others_live(host, 0) ? 0 : rtnl_links(host, note_left, &left);
}

/* The address is ours, and no other kind of link than one of a pair has a peer besides a name like that. */
static bool is_host_link(const struct rtnl_link *link)
{
	static const uint8_t mac[6] = HOST_LINK_MAC;

	return forward_is_sandbox(link->name) && link->peer && !memcmp(link->mac, mac, sizeof mac);
}

static bool begins(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

enum host_link_state forward_link_state(const struct rtnl_link *link, struct nft *tables)
{
	if (!is_host_link(link))
		return HOST_LINK_FOREIGN;
	if (nft_has_table(tables, link->name) != 0) /* or it cannot be told */
		return HOST_LINK_LIVES;
	/* the table is there before the alias is */
	return begins(link->alias, FORWARD_ALIAS_LIVES) || begins(link->alias, FORWARD_ALIAS_ENDS) ? HOST_LINK_DEAD :
												     HOST_LINK_STARTING;
}
