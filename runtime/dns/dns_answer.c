/* What a server's answer means: the addresses it gives for its question, whether rebind protection holds it
 * back, what of it a guest may see, and for how long it holds. */
#include "dns/dns_message.h"

#include <string.h>

#define CHAIN_MAX 16 /* aliases followed; a longer chain gives no address */
#define NEGATIVE_MAX_TTL 300u
/* RFC 8914 4.7 to 4.13: DNSSEC Bogus, Signature Expired, …, No Zone Key Bit Set, NSEC Missing */
#define EDE_BOGUS_FIRST 6
#define EDE_BOGUS_LAST 12

ldns_pkt *dns_answer_parse(const uint8_t *message, size_t len)
{
	ldns_pkt *pkt = dns_message_read(message, len);
	if (!pkt)
		return NULL;
	if (ldns_pkt_qdcount(pkt) == 1 && ldns_rr_list_rr_count(ldns_pkt_question(pkt)) == 1)
		return pkt;
	ldns_pkt_free(pkt);
	return NULL;
}

/* RFC 8914: the first Extended DNS Error among the options of OPT, or -1 */
static int extended_error(const ldns_pkt *pkt)
{
	const ldns_rdf *options = ldns_pkt_edns_data(pkt);
	const uint8_t *at = options ? ldns_rdf_data(options) : NULL;
	size_t left = options ? ldns_rdf_size(options) : 0;
	while (left >= 4) {
		unsigned code = (unsigned)(at[0] << 8 | at[1]);
		size_t len = 4 + (size_t)(at[2] << 8 | at[3]);
		if (len > left)
			break;
		if (code == DNS_EDE_OPTION && len >= 6)
			return at[4] << 8 | at[5];
		at += len;
		left -= len;
	}
	return -1;
}

/* A server that is asked for a zone it neither has nor looks up: it points elsewhere, or nowhere */
static bool is_lame(const ldns_pkt *pkt)
{
	const ldns_rr_list *authority = ldns_pkt_authority(pkt);
	if (ldns_pkt_aa(pkt) || ldns_pkt_ra(pkt) || ldns_pkt_ancount(pkt) > 0)
		return false;
	for (size_t i = 0; i < ldns_rr_list_rr_count(authority); i++)
		if (ldns_rr_get_type(ldns_rr_list_rr(authority, i)) == LDNS_RR_TYPE_SOA)
			return false;
	return true;
}

enum dns_worth dns_answer_worth(const ldns_pkt *pkt, int *ede)
{
	ldns_pkt_rcode rcode = ldns_pkt_get_rcode(pkt);
	*ede = extended_error(pkt);
	if (ldns_pkt_edns_extended_rcode(pkt) != 0)
		return DNS_WORTH_NONE;
	if (rcode == LDNS_RCODE_NXDOMAIN || (rcode == LDNS_RCODE_NOERROR && !is_lame(pkt)))
		return DNS_WORTH_ALL;
	if (rcode == LDNS_RCODE_SERVFAIL && *ede >= EDE_BOGUS_FIRST && *ede <= EDE_BOGUS_LAST)
		return DNS_WORTH_BOGUS;
	return DNS_WORTH_NONE;
}

bool dns_answer_dislikes_edns(const ldns_pkt *pkt)
{
	ldns_pkt_rcode rcode = ldns_pkt_get_rcode(pkt);
	if (ldns_pkt_edns_extended_rcode(pkt) != 0)
		return true; /* BADVERS */
	return rcode == LDNS_RCODE_FORMERR ||
	       (!ldns_pkt_edns(pkt) && (rcode == LDNS_RCODE_NOTIMPL || rcode == LDNS_RCODE_SERVFAIL));
}

bool dns_name_is(const ldns_rdf *name, const uint8_t *labels, size_t len)
{
	if (!name || ldns_rdf_size(name) != len)
		return false;
	const uint8_t *bytes = ldns_rdf_data(name);
	for (size_t i = 0; i < len; i++)
		if (LDNS_DNAME_NORMALIZE((int)bytes[i]) != LDNS_DNAME_NORMALIZE((int)labels[i]))
			return false;
	return true;
}

static bool rr_address(const ldns_rr *rr, struct addr *out)
{
	ldns_rr_type type = ldns_rr_get_type(rr);
	if ((type != LDNS_RR_TYPE_A && type != LDNS_RR_TYPE_AAAA) || ldns_rr_rd_count(rr) != 1)
		return false;
	const ldns_rdf *data = ldns_rr_rdf(rr, 0);
	if (type == LDNS_RR_TYPE_A && ldns_rdf_size(data) == 4) {
		struct in_addr in;
		memcpy(&in, ldns_rdf_data(data), sizeof in);
		*out = addr_from_v4(in);
		return true;
	}
	if (type == LDNS_RR_TYPE_AAAA && ldns_rdf_size(data) == 16) {
		struct in6_addr in6;
		memcpy(&in6, ldns_rdf_data(data), sizeof in6);
		*out = addr_from_v6(&in6);
		return true;
	}
	return false;
}

static uint32_t bounded_ttl(const ldns_rr *rr)
{
	uint32_t ttl = ldns_rr_ttl(rr);
	if (ttl > INT32_MAX) /* RFC 2181 8: the sign bit means zero */
		ttl = 0;
	return ttl < 1 ? 1 : ttl > DNS_MAX_TTL ? DNS_MAX_TTL : ttl;
}

/* Takes every record of that name and type; whether there was one */
static bool take_addresses(const ldns_rr_list *answer, const uint8_t *name, size_t len, uint16_t type,
			   struct dns_addresses *out)
{
	bool found = false;
	for (size_t i = 0; i < ldns_rr_list_rr_count(answer); i++) {
		const ldns_rr *rr = ldns_rr_list_rr(answer, i);
		struct addr addr;
		if (ldns_rr_get_type(rr) != (ldns_rr_type)type || ldns_rr_get_class(rr) != LDNS_RR_CLASS_IN ||
		    !dns_name_is(ldns_rr_owner(rr), name, len) || !rr_address(rr, &addr))
			continue;
		found = true;
		if (bounded_ttl(rr) < out->ttl)
			out->ttl = bounded_ttl(rr);
		if (out->count < DNS_ANSWER_ADDRS)
			out->addrs[out->count++] = addr;
	}
	return found;
}

static const ldns_rr *find_alias(const ldns_rr_list *answer, const uint8_t *name, size_t len)
{
	for (size_t i = 0; i < ldns_rr_list_rr_count(answer); i++) {
		const ldns_rr *rr = ldns_rr_list_rr(answer, i);
		if (ldns_rr_get_type(rr) == LDNS_RR_TYPE_CNAME && ldns_rr_get_class(rr) == LDNS_RR_CLASS_IN &&
		    ldns_rr_rd_count(rr) == 1 && dns_name_is(ldns_rr_owner(rr), name, len))
			return rr;
	}
	return NULL;
}

void dns_answer_addresses(const ldns_pkt *pkt, const struct dns_question *question, struct dns_addresses *out)
{
	*out = (struct dns_addresses){ .ttl = DNS_MAX_TTL };
	if (question->type != LDNS_RR_TYPE_A && question->type != LDNS_RR_TYPE_AAAA)
		return;
	if (ldns_pkt_get_rcode(pkt) != LDNS_RCODE_NOERROR)
		return;
	const ldns_rr_list *answer = ldns_pkt_answer(pkt);
	const uint8_t *name = question->name;
	size_t len = question->name_len;
	for (int link = 0; link < CHAIN_MAX; link++) {
		if (take_addresses(answer, name, len, question->type, out))
			return;
		const ldns_rr *alias = find_alias(answer, name, len);
		if (!alias)
			return;
		if (bounded_ttl(alias) < out->ttl)
			out->ttl = bounded_ttl(alias);
		name = ldns_rdf_data(ldns_rr_rdf(alias, 0));
		len = ldns_rdf_size(ldns_rr_rdf(alias, 0));
	}
}

/* The addresses in one parameter of a service binding: 4 is ipv4hint, 6 is ipv6hint (RFC 9460 7.3) */
static enum dns_hold check_hint(unsigned key, const uint8_t *value, size_t len,
				bool (*passes)(const void *, struct addr), const void *self, struct addr *which)
{
	if (key != 4 && key != 6)
		return DNS_HOLD_NONE;
	size_t size = key == 4 ? 4 : 16;
	if (len == 0 || len % size != 0)
		return DNS_HOLD_MALFORMED;
	for (; len > 0; value += size, len -= size) {
		struct in_addr in;
		struct in6_addr in6;
		memcpy(key == 4 ? (void *)&in : (void *)&in6, value, size);
		*which = key == 4 ? addr_from_v4(in) : addr_from_v6(&in6);
		if (!passes(self, *which))
			return DNS_HOLD_BLOCKED;
	}
	return DNS_HOLD_NONE;
}

/* priority, target name, then parameters: key, length, value (RFC 9460 2.2) */
static enum dns_hold check_service(const ldns_rr *rr, bool (*passes)(const void *, struct addr), const void *self,
				   struct addr *which)
{
	enum dns_hold hold = DNS_HOLD_MALFORMED;
	ldns_buffer *buffer = ldns_buffer_new(LDNS_MIN_BUFLEN);
	if (!buffer || ldns_rr_rdata2buffer_wire(buffer, rr) != LDNS_STATUS_OK)
		goto out;
	const uint8_t *data = ldns_buffer_begin(buffer);
	size_t len = ldns_buffer_position(buffer), at = 2;
	while (at < len && data[at] != 0)
		at += 1u + data[at];
	for (at++;;) {
		if (at == len) {
			hold = DNS_HOLD_NONE;
			break;
		}
		if (at + 4 > len)
			break;
		unsigned key = (unsigned)(data[at] << 8 | data[at + 1]);
		size_t value = (size_t)(data[at + 2] << 8 | data[at + 3]);
		at += 4;
		if (value > len - at)
			break;
		hold = check_hint(key, data + at, value, passes, self, which);
		if (hold != DNS_HOLD_NONE)
			break;
		hold = DNS_HOLD_MALFORMED;
		at += value;
	}
out:
	if (buffer)
		ldns_buffer_free(buffer);
	return hold;
}

static enum dns_hold check_section(const ldns_rr_list *section, bool (*passes)(const void *, struct addr),
				   const void *self, struct addr *which)
{
	for (size_t i = 0; section && i < ldns_rr_list_rr_count(section); i++) {
		const ldns_rr *rr = ldns_rr_list_rr(section, i);
		ldns_rr_type type = ldns_rr_get_type(rr);
		enum dns_hold hold = DNS_HOLD_NONE;
		if (type == LDNS_RR_TYPE_A || type == LDNS_RR_TYPE_AAAA) {
			if (!rr_address(rr, which))
				return DNS_HOLD_MALFORMED;
			if (!passes(self, *which))
				return DNS_HOLD_BLOCKED;
		} else if (type == LDNS_RR_TYPE_SVCB || type == LDNS_RR_TYPE_HTTPS) {
			hold = check_service(rr, passes, self, which);
		}
		if (hold != DNS_HOLD_NONE)
			return hold;
	}
	return DNS_HOLD_NONE;
}

enum dns_hold dns_answer_check(const ldns_pkt *pkt, bool (*passes)(const void *self, struct addr), const void *self,
			       struct addr *which)
{
	enum dns_hold hold = check_section(ldns_pkt_answer(pkt), passes, self, which);
	if (hold == DNS_HOLD_NONE)
		hold = check_section(ldns_pkt_authority(pkt), passes, self, which);
	return hold;
}

static bool addresses_have(const struct dns_addresses *addresses, struct addr addr)
{
	for (size_t i = 0; i < addresses->count; i++)
		if (addr_equal(addresses->addrs[i], addr))
			return true;
	return false;
}

/* In place: what stays moves to the launcher */
static void keep_bound(ldns_rr_list *answer, const struct dns_addresses *addresses)
{
	size_t kept = 0, count = ldns_rr_list_rr_count(answer);
	for (size_t i = 0; i < count; i++) {
		ldns_rr *rr = ldns_rr_list_rr(answer, i);
		struct addr addr;
		if (rr_address(rr, &addr) && !addresses_have(addresses, addr)) {
			ldns_rr_free(rr);
			continue;
		}
		if (addresses->count > 0 && ldns_rr_ttl(rr) > addresses->ttl)
			ldns_rr_set_ttl(rr, addresses->ttl);
		ldns_rr_list_set_rr(answer, rr, kept++);
	}
	ldns_rr_list_set_rr_count(answer, kept);
}

void dns_answer_prune(ldns_pkt *pkt, const struct dns_question *question, const struct dns_addresses *addresses)
{
	ldns_rr_list *additional = ldns_pkt_additional(pkt);
	for (size_t i = 0; i < ldns_rr_list_rr_count(additional); i++)
		ldns_rr_free(ldns_rr_list_rr(additional, i));
	ldns_rr_list_set_rr_count(additional, 0);
	ldns_pkt_set_arcount(pkt, 0);
	if (question->type == LDNS_RR_TYPE_A || question->type == LDNS_RR_TYPE_AAAA)
		keep_bound(ldns_pkt_answer(pkt), addresses);
	ldns_pkt_set_ancount(pkt, (uint16_t)ldns_rr_list_rr_count(ldns_pkt_answer(pkt)));
}

/* RFC 2308 5: the SOA's own TTL or its minimum, the lesser */
static uint32_t negative_lifetime(const ldns_pkt *pkt)
{
	const ldns_rr_list *authority = ldns_pkt_authority(pkt);
	for (size_t i = 0; i < ldns_rr_list_rr_count(authority); i++) {
		const ldns_rr *rr = ldns_rr_list_rr(authority, i);
		if (ldns_rr_get_type(rr) != LDNS_RR_TYPE_SOA || ldns_rr_rd_count(rr) != 7)
			continue;
		uint32_t ttl = ldns_rr_ttl(rr), minimum = ldns_rdf2native_int32(ldns_rr_rdf(rr, 6));
		ttl = minimum < ttl ? minimum : ttl;
		return ttl > NEGATIVE_MAX_TTL ? NEGATIVE_MAX_TTL : ttl;
	}
	return 0;
}

uint32_t dns_answer_lifetime(const ldns_pkt *pkt)
{
	ldns_pkt_rcode rcode = ldns_pkt_get_rcode(pkt);
	const ldns_rr_list *answer = ldns_pkt_answer(pkt);
	if (rcode == LDNS_RCODE_NXDOMAIN || (rcode == LDNS_RCODE_NOERROR && ldns_rr_list_rr_count(answer) == 0))
		return negative_lifetime(pkt);
	if (rcode != LDNS_RCODE_NOERROR)
		return 0;
	uint32_t least = DNS_MAX_TTL;
	for (size_t i = 0; i < ldns_rr_list_rr_count(answer); i++) {
		uint32_t ttl = ldns_rr_ttl(ldns_rr_list_rr(answer, i));
		if (ttl > INT32_MAX)
			ttl = 0;
		least = ttl < least ? ttl : least;
	}
	return least;
}
