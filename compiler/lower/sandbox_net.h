/* What the ruleset and the runtime must agree on: names of links, chains and sets, marks, ports, the guest's addresses. */
#pragma once
#include "policy/policy_facts.h"

#define LOWER_TABLE "msb"
#define LOWER_QUOTA_TABLE "msb_quota"
#define LOWER_ROUTES_TABLE "msb_routes" /* of destinations that the host cannot reach, behind the policy */
#define LOWER_TAP "tap0"
#define LOWER_POD_LINK "pod0" /* a pod's namespace alone has it, behind LOWER_TAP */
#define LOWER_BRIDGE "br0"
#define LOWER_UPLINK "uplink"
/* Where a pod's namespace has its own sockets' flows come from: RFC 7600, RFC 6666, never seen outside, since what leaves is given
 * the pod's own address */
#define LOWER_POD_OWN4 ((struct addr){ ADDR_V4, 0xc0000008 })
#define LOWER_POD_OWN6 ((struct addr){ ADDR_V6, (u128)0x0100 << 112 | 0x6d7362 })
#define LOWER_GUEST_LINK "eth0"
#define LOWER_MTU 1500 /* of every link of the sandbox, where the policy has no --net-mtu */
#define LOWER_DNS_PORT FLOW_DNS_PORT
/* TCP and UDP to the gateway, where the policy allows it, reach transparent listeners (IP_TRANSPARENT, one a family and
 * protocol) on this port of the namespace; the port that was asked for is the accepted socket's own (getsockname), or in
 * UDP's ORIGDSTADDR. Without a listener the kernel answers for itself: reset, port unreachable. */
#define LOWER_HOST_PORT 1
#define LOWER_DNS_MARK 0x6d736201u      /* set by the TPROXY rules; routed to lo by table LOWER_DNS_ROUTE_TABLE */
#define LOWER_UPSTREAM_MARK 0x6d736202u /* on the DNS worker's upstream sockets */
#define LOWER_RELAY_MARK 0x6d736203u    /* on the relay's sockets to published ports of the guest's */
/* Where server names decide (policy_defers()): see lower_defer.c. TCP flows that defer reach transparent listeners
 * (IP_TRANSPARENT, one a family) on port LOWER_NAMES_PORT of the namespace by LOWER_DIVERT_MARK, which table
 * LOWER_DNS_ROUTE_TABLE routes to lo, too; what was dialled is the accepted socket's own address. Without a listener nothing
 * of theirs gets anywhere. */
#define LOWER_NAMES_PORT 2
#define LOWER_NAMES_MARK 0x6d736204u        /* on the name relay's upstream sockets, judged in output */
#define LOWER_NAMED_MARK 0x6d736205u        /* a packet on its walk: a bound name's allow is behind it */
#define LOWER_PASSED_MARK 0x6d736206u       /* judged before routing and let pass: forward and input trust it */
#define LOWER_DIVERT_MARK 0x6d736207u       /* goes to the name relay's listener */
#define LOWER_DIVERTED_CT 0x6d736207u       /* the conntrack mark of a flow that is the name relay's */
#define LOWER_NAMED_LOGGED_MARK 0x6d736208u /* as LOWER_NAMED_MARK, of a rule with `log` */
#define LOWER_LOCAL_PORT_FIRST 10240        /* this namespace's own sockets take their ports from here on */
#define LOWER_DNS_ROUTE_TABLE 100
/* The conntrack marks of a flow that is being ended (runtime/flows): the first, and which ends a reset was sent to in its last two bits */
#define LOWER_REVOKED_CT 0x6d736210u
#define LOWER_REVOKED_CT_LAST 0x6d736213u
#define LOWER_REVOKED_CT_MASK 0xfffffffcu
#define LOWER_SPENT_CT 0x6d73620au /* the conntrack mark of a flow that a used up limit of bytes has ended */
/* The conntrack mark of a flow whose bytes a rule's own limit counts is the rule's `meter` (policy/policy.h), which no other mark can be */
#define LOWER_QUOTA_PREFIX \
	"rule_" /* "rule_8a3b0c1d": in table LOWER_QUOTA_TABLE the quota of that meter, and its log's prefix */
#define LOWER_LOG_GROUP 1                 /* nflog group of refused packets */
#define LOWER_ALLOW_LOG_GROUP 2           /* nflog group of the first packets that rules with `log` let pass */
#define LOWER_ASK_LOG_GROUP 4             /* nflog group of packets that wait for an answer */
#define LOWER_LOG_SNAPLEN 128             /* bytes of a packet that go to either */
#define LOWER_UPSTREAM_SET4 "upstream_v4" /* address . port of the nameservers, filled at start */
#define LOWER_UPSTREAM_SET6 "upstream_v6"
/* Report to these groups, so many a second, and count the others: the one counter of each chain */
#define LOWER_CHAIN_REPORT "report"
#define LOWER_CHAIN_REPORT_ALLOWED "report_allowed"
#define LOWER_CHAIN_SHUT "shut"     /* a pod's, of what comes to it */
#define LOWER_SHUT_PREFIX "ingress" /* of what that chain logs to LOWER_LOG_GROUP */
#define LOWER_CHAIN_REFUSE "refuse" /* reports and refuses whatever gets there */
#define LOWER_CHAIN_HOLD "hold"     /* drops in silence, and tells, what waits for an answer */
#define LOWER_BINDING_SET_SIZE 65536
/* The guest's address is the one after the gateway's, or a pod's own; its MAC derives from its IPv4 address (or, without
 * one, from the low 32 bits of the IPv6 address): 02:6d: and the four octets;
 * where the policy says a MAC, that. */
struct addr lower_guest_addr(struct addr gateway);
/* What the namespace's own sockets are bound to: the gateway's address, or of a pod's namespace the one above */
struct addr lower_own(const struct addr_gateway *, enum addr_family);
struct addr lower_guest(const struct addr_gateway *, enum addr_family);
void lower_guest_mac(const struct addr_gateway *, uint8_t mac[static 6]);
