/* Token buckets by rtnetlink. The kernel's bucket has no one-time part: it begins with the size of both, and gets its lasting
 * size when as many bytes have passed as the one-time part holds. */
#include "net/shape.h"
#include "core/log.h"
#include "netlink/rtnl_message.h"

#include <linux/gen_stats.h>
#include <linux/pkt_sched.h>
#include <string.h>

/* A bucket smaller than a packet lets none through: Ethernet's largest, with its header */
#define BUCKET_MIN 1514
#define BUCKET_MAX (1u << 30)
/* What waits for tokens: a fifth of a second's worth, within bounds */
#define QUEUE_MIN (64u << 10)
#define QUEUE_MAX (16u << 20)
#define ROOT_HANDLE 0x10000u

static uint64_t clamp(uint64_t value, uint64_t low, uint64_t high)
{
	return value < low ? low : value > high ? high : value;
}

static int put_bucket(struct nl *nl, const struct shape *shape)
{
	struct rtnl_message message;
	struct tcmsg *header = rtnl_message(&message, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE, sizeof *header);
	struct tc_tbf_qopt options = {
		.rate = { .linklayer = TC_LINKLAYER_ETHERNET, .rate = (uint32_t)clamp(shape->rate, 1, UINT32_MAX) },
		.limit = (uint32_t)clamp(shape->rate / 5, QUEUE_MIN, QUEUE_MAX),
	};

	header->tcm_family = AF_UNSPEC;
	header->tcm_ifindex = (int)shape->link;
	header->tcm_parent = TC_H_ROOT;
	header->tcm_handle = ROOT_HANDLE;
	mnl_attr_put_strz(message.header, TCA_KIND, "tbf");
	struct nlattr *nest = mnl_attr_nest_start(message.header, TCA_OPTIONS);
	mnl_attr_put(message.header, TCA_TBF_PARMS, sizeof options, &options);
	mnl_attr_put_u32(message.header, TCA_TBF_BURST,
			 (uint32_t)clamp(shape->size + shape->burst_left, BUCKET_MIN, BUCKET_MAX));
	if (shape->rate > UINT32_MAX)
		mnl_attr_put_u64(message.header, TCA_TBF_RATE64, shape->rate);
	mnl_attr_nest_end(message.header, nest);
	return nl_do(nl, message.header);
}

static int drop_bucket(struct nl *nl, uint32_t link)
{
	struct rtnl_message message;
	struct tcmsg *header = rtnl_message(&message, RTM_DELQDISC, 0, sizeof *header);

	header->tcm_family = AF_UNSPEC;
	header->tcm_ifindex = (int)link;
	header->tcm_parent = TC_H_ROOT;
	header->tcm_handle = ROOT_HANDLE;
	return nl_do(nl, message.header);
}

int shape_change(struct nl *nl, uint32_t link, const struct policy_limit *limit, struct shape *shape)
{
	struct shape wanted = { 0 };
	int error = 0;

	if (limit->size && limit->refill_ms)
		wanted = (struct shape){ .link = link,
					 .size = limit->size,
					 .burst = limit->burst,
					 .rate = (uint64_t)((u128)limit->size * 1000 / limit->refill_ms),
					 .burst_left = limit->burst };
	if (wanted.link == shape->link && wanted.size == shape->size && wanted.rate == shape->rate &&
	    wanted.burst == shape->burst)
		return 0;
	error = wanted.link ? put_bucket(nl, &wanted) : drop_bucket(nl, link);
	if (error < 0)
		log_error("cannot limit the bandwidth: %s", strerror(-error));
	else
		*shape = wanted;
	return error;
}

struct passed {
	uint32_t link;
	uint64_t bytes;
};

static int read_passed(const struct nlmsghdr *header, void *context)
{
	struct passed *passed = context;
	const struct tcmsg *qdisc = mnl_nlmsg_get_payload(header);
	const struct nlattr *attr, *stat;

	if (header->nlmsg_type != RTM_NEWQDISC || (uint32_t)qdisc->tcm_ifindex != passed->link ||
	    qdisc->tcm_handle != ROOT_HANDLE)
		return 0;
	mnl_attr_for_each(attr, header, sizeof *qdisc)
	{
		if (mnl_attr_get_type(attr) != TCA_STATS2)
			continue;
		mnl_attr_for_each_nested(stat, attr)
		{
			if (mnl_attr_get_type(stat) == TCA_STATS_BASIC &&
			    mnl_attr_get_payload_len(stat) >= sizeof passed->bytes)
				memcpy(&passed->bytes, mnl_attr_get_payload(stat), sizeof passed->bytes);
		}
	}
	return 0;
}

bool shape_settle(struct nl *nl, struct shape *shape)
{
	struct passed passed = { .link = shape->link };
	struct rtnl_message message;

	if (!shape->burst_left)
		return false;
	struct tcmsg *header = rtnl_message(&message, RTM_GETQDISC, NLM_F_DUMP, sizeof *header);
	header->tcm_family = AF_UNSPEC;
	if (nl_query(nl, message.header, read_passed, &passed) || passed.bytes < shape->burst_left)
		return true;
	shape->burst_left = 0;
	put_bucket(nl, shape);
	return false;
}
