/* A classifier that every frame matches on either link, with the action to hand it to the other. */
#include "netlink/rtnl_redirect.h"
#include "netlink/rtnl_message.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/tc_act/tc_mirred.h>

static struct tcmsg *tc_message(struct rtnl_message *message, uint16_t type, uint32_t link)
{
	struct tcmsg *header = rtnl_message(message, type, NLM_F_CREATE | NLM_F_EXCL, sizeof *header);

	header->tcm_family = AF_UNSPEC;
	header->tcm_ifindex = (int)link;
	return header;
}

static int add_classifier(struct nl *nl, uint32_t link)
{
	struct rtnl_message message;
	struct tcmsg *header = tc_message(&message, RTM_NEWQDISC, link);

	header->tcm_parent = TC_H_CLSACT;
	header->tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0);
	mnl_attr_put_strz(message.header, TCA_KIND, "clsact");
	return nl_do(nl, message.header);
}

static void put_action(struct nlmsghdr *message, int what, uint32_t to)
{
	const struct tc_mirred mirred = { .action = TC_ACT_STOLEN, .eaction = what, .ifindex = to };
	struct nlattr *list = mnl_attr_nest_start(message, TCA_U32_ACT), *first = mnl_attr_nest_start(message, 1);

	mnl_attr_put_strz(message, TCA_ACT_KIND, "mirred");
	struct nlattr *options = mnl_attr_nest_start(message, TCA_ACT_OPTIONS);
	mnl_attr_put(message, TCA_MIRRED_PARMS, sizeof mirred, &mirred);
	mnl_attr_nest_end(message, options);
	mnl_attr_nest_end(message, first);
	mnl_attr_nest_end(message, list);
}

/* `where`: TC_H_MIN_INGRESS or TC_H_MIN_EGRESS of the link; `what`: TCA_INGRESS_REDIR or TCA_EGRESS_REDIR */
static int hand_over(struct nl *nl, uint32_t link, uint32_t where, int what, uint32_t to)
{
	struct rtnl_message message;
	struct tcmsg *header = tc_message(&message, RTM_NEWTFILTER, link);
	const struct tc_u32_sel all = { .flags = TC_U32_TERMINAL };

	header->tcm_parent = TC_H_MAKE(TC_H_CLSACT, where);
	header->tcm_info = TC_H_MAKE(1u << 16, htons(ETH_P_ALL));
	mnl_attr_put_strz(message.header, TCA_KIND, "u32");
	struct nlattr *options = mnl_attr_nest_start(message.header, TCA_OPTIONS);
	mnl_attr_put(message.header, TCA_U32_SEL, sizeof all, &all);
	put_action(message.header, what, to);
	mnl_attr_nest_end(message.header, options);
	return nl_do(nl, message.header);
}

int rtnl_redirect(struct nl *nl, uint32_t link, uint32_t inner)
{
	int error = add_classifier(nl, link);

	if (error == 0)
		error = add_classifier(nl, inner);
	if (error == 0)
		error = hand_over(nl, link, TC_H_MIN_INGRESS, TCA_INGRESS_REDIR, inner);
	return error == 0 ? hand_over(nl, inner, TC_H_MIN_EGRESS, TCA_EGRESS_REDIR, link) : error;
}
