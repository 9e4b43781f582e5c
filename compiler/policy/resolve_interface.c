/* The guest's network card: its MAC, MTU and addresses. Options and imports only, under microsandbox's names. */
#include "policy/resolve_state.h"

#include <inttypes.h>
#include <stdio.h>

enum { MTU_LEAST = 576, MTU_MOST = 65521 }; /* RFC 791; 65,535 bytes less the tap's Ethernet header */

void resolver_set_mtu(struct resolver *r, struct span span, uint64_t mtu)
{
	if (mtu >= MTU_LEAST && mtu <= MTU_MOST)
		r->policy->interface.mtu = (uint16_t)mtu;
	else
		diag_error(r->diags, "bad-interface", span, "an MTU is from %d to %d bytes, not %" PRIu64, MTU_LEAST,
			   MTU_MOST, mtu);
}

void resolver_set_mac_octets(struct resolver *r, struct span span, const uint8_t mac[static 6])
{
	struct policy_interface *interface = &r->policy->interface;
	uint8_t any = 0;

	for (int i = 0; i < 6; i++)
		any |= mac[i];
	if (mac[0] & 1 || !any) {
		diag_error(r->diags, "bad-interface", span, "no card can have this MAC: it is %s",
			   any ? "a multicast one" : "all zeros");
		return;
	}
	interface->has_mac = true;
	interface->mac_span = span;
	for (int i = 0; i < 6; i++)
		interface->mac[i] = mac[i];
}

void resolver_set_mac(struct resolver *r, struct span span, const char *text)
{
	uint8_t mac[6];
	int used = 0;

	if (!text)
		return;
	if (sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &mac[0], &mac[1], &mac[2], &mac[3], &mac[4], &mac[5],
		   &used) == 6 &&
	    used == 17 && !text[used])
		resolver_set_mac_octets(r, span, mac);
	else
		diag_error(r->diags, "bad-interface", span, "no MAC: `%s`", text)->help = "like 02:00:5e:00:53:01";
}

void resolver_set_guest(struct resolver *r, struct span span, enum addr_family family, const char *text)
{
	struct policy_address *into =
		family == ADDR_V4 ? &r->policy->interface.address4 : &r->policy->interface.address6;
	struct addr addr;

	if (!text)
		return;
	if (addr_parse(text, &addr) && addr.family == family)
		*into = (struct policy_address){ true, addr, span };
	else
		diag_error(r->diags, "bad-interface", span, "no IPv%d address: `%s`", family, text);
}

/* A sandbox's subnet is a /30 or a /64 whose first address is the gateway's and whose second is the guest's. */
static void check_guest(struct resolver *r, const struct policy_address *guest, const struct policy_pool *pool)
{
	u128 size = guest->addr.family == ADDR_V4 ? 4 : (u128)1 << 64;

	if (!guest->set)
		return;
	if ((guest->addr.value & (size - 1)) != 2)
		diag_error(r->diags, "bad-interface", guest->span,
			   "the guest's address is the second of a %s: the first is its gateway's",
			   guest->addr.family == ADDR_V4 ? "/30" : "/64")
			->help = guest->addr.family == ADDR_V4 ? "like 172.16.0.2 or 172.16.0.6" :
								 "like fd42:6d73:62::2 or fd42:6d73:62:1::2";
	else if (pool->set && !addr_prefix_contains(pool->prefix, guest->addr))
		diag_relate(
			r->diags,
			diag_error(r->diags, "bad-interface", guest->span, "the guest's address is not in the pool"),
			pool->span, "the pool");
}

void resolver_check_interface(struct resolver *r)
{
	const struct policy *policy = r->policy;
	const struct policy_interface *interface = &policy->interface;

	check_guest(r, &interface->address4, &policy->pool4);
	check_guest(r, &interface->address6, &policy->pool6);
}
