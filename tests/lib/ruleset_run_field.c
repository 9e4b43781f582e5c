/* Frames and what rules look at in them. Offsets and sizes are those of ruleset/fields.def, so that a wrong one there shows. */
#include "ruleset_run_state.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

enum { HEADER_ETHER = 14, HEADER_IPV4 = 20, HEADER_IPV6 = 40 };

static unsigned word(const uint8_t *at)
{
	return (unsigned)at[0] << 8 | at[1];
}

static bool parse_ipv4(struct run_packet *packet)
{
	const uint8_t *ip = packet->frame + HEADER_ETHER;
	size_t header;

	if (packet->len < HEADER_ETHER + HEADER_IPV4 || ip[0] >> 4 != 4)
		return false;
	header = (ip[0] & 0xf) * 4u;
	if (header < HEADER_IPV4 || packet->len < HEADER_ETHER + header)
		return false;
	packet->nfproto = NFPROTO_IPV4;
	packet->l4 = ip[9];
	packet->transport = HEADER_ETHER + header;
	packet->has_l4 = (word(ip + 6) & 0x1fff) == 0;
	return true;
}

/* Walks the extension headers as the kernel's ipv6_find_hdr() does. */
static bool parse_ipv6(struct run_packet *packet)
{
	const uint8_t *ip = packet->frame + HEADER_ETHER;
	size_t at = HEADER_ETHER + HEADER_IPV6;
	uint8_t next;

	if (packet->len < at || ip[0] >> 4 != 6)
		return false;
	packet->nfproto = NFPROTO_IPV6;
	packet->has_l4 = true;
	for (next = ip[6]; next == IPPROTO_HOPOPTS || next == IPPROTO_DSTOPTS || next == IPPROTO_ROUTING ||
			   next == IPPROTO_FRAGMENT;) {
		const uint8_t *header = packet->frame + at;
		if (packet->len < at + 8)
			return false;
		packet->routing |= next == IPPROTO_ROUTING;
		if (next == IPPROTO_FRAGMENT && word(header + 2) & 0xfff8)
			packet->has_l4 = false;
		at += next == IPPROTO_FRAGMENT ? 8 : (header[1] + 1u) * 8;
		next = header[0];
	}
	packet->l4 = next;
	packet->transport = at;
	return true;
}

bool run_parse(struct run_packet *packet, const uint8_t *frame, size_t len)
{
	packet->frame = frame;
	packet->len = len;
	if (len < HEADER_ETHER)
		return false;
	packet->ether_type = word(frame + 12);
	if (packet->ether_type == ETHERTYPE_IP)
		return parse_ipv4(packet);
	return packet->ether_type == ETHERTYPE_IPV6 ? parse_ipv6(packet) : true;
}

static u128 number_at(const uint8_t *at, unsigned size)
{
	u128 value = 0;

	for (unsigned i = 0; i < size; i++)
		value = value << 8 | at[i];
	return value;
}

struct addr run_destination(const struct run_packet *packet)
{
	const uint8_t *ip = packet->frame + HEADER_ETHER;

	return packet->nfproto == NFPROTO_IPV4 ? (struct addr){ ADDR_V4, number_at(ip + 16, 4) } :
						 (struct addr){ ADDR_V6, number_at(ip + 24, 16) };
}

uint8_t run_ttl(const struct run_packet *packet)
{
	return packet->frame[HEADER_ETHER + (packet->nfproto == NFPROTO_IPV4 ? 8 : 7)];
}

static bool payload(const struct run_packet *packet, const struct rs_field_info *field, u128 *value)
{
	size_t base = field->key == NFT_PAYLOAD_LL_HEADER      ? 0 :
		      field->key == NFT_PAYLOAD_NETWORK_HEADER ? HEADER_ETHER :
								 packet->transport;

	if (field->key == NFT_PAYLOAD_TRANSPORT_HEADER && (!packet->nfproto || !packet->has_l4))
		return false;
	if (base + field->offset + field->size > packet->len)
		return false;
	*value = number_at(packet->frame + base + field->offset, field->size);
	if (field->type == RS_TYPE_NIBBLE)
		*value &= 0xf;
	return true;
}

static bool meta(const struct run_packet *packet, unsigned key, u128 *value, const char **text)
{
	switch (key) {
	case NFT_META_IIFNAME:
		*text = packet->iif ? packet->iif : "";
		return true;
	case NFT_META_OIFNAME:
		*text = packet->oif ? packet->oif : "";
		return true;
	case NFT_META_NFPROTO:
		*value = packet->nfproto;
		return packet->nfproto != 0;
	case NFT_META_L4PROTO:
		*value = packet->l4;
		return packet->nfproto != 0;
	case NFT_META_PKTTYPE:
		*value = packet->pkttype;
		return true;
	case NFT_META_LEN:
		*value = packet->len - HEADER_ETHER;
		return true;
	case NFT_META_MARK:
		*value = packet->mark;
		return true;
	case NFT_META_PRANDOM:
		*value = UINT32_MAX / 2;
		return true;
	default:
		abort(); /* a field that the interpreter was not taught must not pass for one that matches */
	}
}

/* `ct status` of what has no entry ends the rule, `ct state` does not. */
static bool conntrack(const struct run_packet *packet, unsigned key, u128 *value)
{
	if (key == NFT_CT_STATE) {
		*value = packet->ct_state;
		return true;
	}
	*value = key == NFT_CT_MARK ? packet->ct_mark : packet->ct_status;
	return packet->has_ct;
}

/* What nft, and our encoder, match in front of a field of a protocol's */
static bool presupposed(const struct run_packet *packet, const struct rs_field_info *field)
{
	static const unsigned types[] = {
		[RS_L3_IPV4] = ETHERTYPE_IP, [RS_L3_IPV6] = ETHERTYPE_IPV6, [RS_L3_ARP] = ETHERTYPE_ARP
	};

	if (field->l3 != RS_L3_NONE && field->l3 != RS_L3_ETHER && packet->ether_type != types[field->l3])
		return false;
	return !field->l4 || (packet->nfproto && packet->l4 == field->l4);
}

bool run_field(const struct run_packet *packet, enum rs_field id, u128 *value, const char **text)
{
	const struct rs_field_info *field = rs_field_info(id);

	*text = NULL;
	if (!presupposed(packet, field))
		return false;
	switch (field->source) {
	case RS_SOURCE_META:
		return meta(packet, field->key, value, text);
	case RS_SOURCE_CT:
		return conntrack(packet, field->key, value);
	case RS_SOURCE_FIB:
		*value = packet->world->fib_type ? packet->world->fib_type : 1;
		return true;
	case RS_SOURCE_SOCKET:
		*value = packet->world->socket_mark;
		return packet->world->socket;
	case RS_SOURCE_PAYLOAD:
		return payload(packet, field, value);
	case RS_SOURCE_EXTHDR:
		*value = packet->routing;
		return true;
	}
	return false;
}

static bool name_fits(const char *name, const char *pattern)
{
	size_t len = strlen(pattern);

	return len && pattern[len - 1] == '*' ? !strncmp(name, pattern, len - 1) : !strcmp(name, pattern);
}

static bool value_fits(const struct rs_expr *expr, const struct rs_value *value, u128 number, const char *text)
{
	enum rs_type type = rs_field_info(expr->field[0])->type;

	if (text)
		return name_fits(text, value->text);
	if ((type == RS_TYPE_CT_STATE || type == RS_TYPE_CT_STATUS) && expr->values.count == 1)
		return (number & value->lo) != 0;
	return number >= value->lo && number <= value->hi;
}

bool run_match(const struct run_packet *packet, const struct rs_expr *expr)
{
	const char *text;
	u128 number = 0;
	bool fits = false;

	if (!run_field(packet, expr->field[0], &number, &text))
		return false;
	for (size_t i = 0; i < expr->values.count && !fits; i++)
		fits = value_fits(expr, &expr->values.items[i], number, text);
	return fits != expr->negate;
}
