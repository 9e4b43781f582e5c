/* Reservations, see flow_reserve.h. */
#include "net/flow_reserve.h"

static int add_reserved(const struct rtnl_link *link, void *context)
{
	uint64_t *sum = context;

	if ((link->group & ~FLOW_RESERVE_MAX) == FLOW_RESERVE_GROUP)
		*sum += link->group & FLOW_RESERVE_MAX;
	return 0;
}

int flow_reserve(struct nl *host, uint32_t link, uint32_t flows, uint32_t room)
{
	uint64_t sum = 0;

	if (flows > FLOW_RESERVE_MAX || flows > room)
		return 0;
	int error = rtnl_link_set_group(host, link, FLOW_RESERVE_GROUP | flows);
	if (error == 0)
		error = rtnl_links(host, add_reserved, &sum);
	if (error == 0 && sum <= room)
		return 1;
	int back = rtnl_link_set_group(host, link, 0);
	return error < 0 ? error : back;
}
