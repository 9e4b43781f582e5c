/* Takes the keys for Encrypted Client Hello out of an answer: who does not get them sends its server name in clear, where the
 * policy's rules on names see it. The records' other parameters stay as they are. */
#include "dns/dns_message.h"
#include "dns/dns_wire.h"

#include <string.h>

/* RFC 9460 2.2 and 14.3.2: priority, target name, then parameters: key, length, value */
#define KEY_MANDATORY 0
#define KEY_ECH 5
#define PARAMETER_HEAD 4
#define RDATA_MAX 65535

/* Where the parameters begin; 0: there is no whole name before them, or a compressed one */
static size_t find_parameters(const uint8_t *data, size_t len)
{
	size_t name = wire_name_length(data, len, 2);
	return name ? 2 + name : 0;
}

/* The list of keys without ours, in place; its new length */
static size_t strip_mandatory(uint8_t *keys, size_t len)
{
	size_t kept = 0;
	for (size_t at = 0; at + 2 <= len; at += 2)
		if (wire_get16(keys + at) != KEY_ECH) {
			wire_put16(keys + kept, wire_get16(keys + at));
			kept += 2;
		}
	return kept;
}

/* In place; the new length, which is never more. 0: malformed */
static size_t strip_data(uint8_t *data, size_t len)
{
	size_t kept = find_parameters(data, len), at = kept;
	while (kept && at < len) {
		if (len - at < PARAMETER_HEAD)
			return 0;
		unsigned key = wire_get16(data + at);
		size_t size = wire_get16(data + at + 2);
		if (size > len - at - PARAMETER_HEAD || (key == KEY_MANDATORY && size % 2 != 0))
			return 0;
		memmove(data + kept, data + at, PARAMETER_HEAD + size);
		at += PARAMETER_HEAD + size;
		size_t left = key == KEY_MANDATORY ? strip_mandatory(data + kept + PARAMETER_HEAD, size) : size;
		wire_put16(data + kept + 2, left);
		/* a list of none is no list (RFC 9460 8) */
		if (key != KEY_ECH && (key != KEY_MANDATORY || left > 0))
			kept += PARAMETER_HEAD + left;
	}
	return kept;
}

/* A record like that one, with other data; NULL where it is none */
static ldns_rr *make_like(const ldns_rr *rr, const uint8_t *data, size_t len)
{
	static uint8_t wire[LDNS_MAX_DOMAINLEN + 10 + RDATA_MAX];
	size_t name = ldns_rdf_size(ldns_rr_owner(rr)), at = 0;
	ldns_rr *made = NULL;
	if (name > LDNS_MAX_DOMAINLEN || len > RDATA_MAX)
		return NULL;
	memcpy(wire, ldns_rdf_data(ldns_rr_owner(rr)), name);
	wire_put16(wire + name, ldns_rr_get_type(rr));
	wire_put16(wire + name + 2, ldns_rr_get_class(rr));
	wire_put16(wire + name + 4, ldns_rr_ttl(rr) >> 16);
	wire_put16(wire + name + 6, ldns_rr_ttl(rr));
	wire_put16(wire + name + 8, len);
	memcpy(wire + name + 10, data, len);
	return ldns_wire2rr(&made, wire, name + 10 + len, &at, LDNS_SECTION_ANSWER) == LDNS_STATUS_OK ? made : NULL;
}

/* The record itself where nothing is to be taken out of it. NULL: it is not to be told, since what it says is not clear */
static ldns_rr *strip_record(ldns_rr *rr)
{
	ldns_buffer *buffer = ldns_buffer_new(LDNS_MIN_BUFLEN);
	ldns_rr *stripped = NULL;
	if (buffer && ldns_rr_rdata2buffer_wire(buffer, rr) == LDNS_STATUS_OK) {
		size_t len = ldns_buffer_position(buffer), left = strip_data(ldns_buffer_begin(buffer), len);
		stripped = left == len ? rr : left ? make_like(rr, ldns_buffer_begin(buffer), left) : NULL;
	}
	if (buffer)
		ldns_buffer_free(buffer);
	return stripped;
}

/* In place: what stays moves to the front */
static bool strip_section(ldns_rr_list *section)
{
	size_t kept = 0, count = ldns_rr_list_rr_count(section);
	bool changed = false;
	for (size_t i = 0; i < count; i++) {
		ldns_rr *rr = ldns_rr_list_rr(section, i), *stays = rr;
		if (ldns_rr_get_type(rr) == LDNS_RR_TYPE_SVCB || ldns_rr_get_type(rr) == LDNS_RR_TYPE_HTTPS)
			stays = strip_record(rr);
		if (stays != rr) {
			changed = true;
			ldns_rr_free(rr);
		}
		if (stays)
			ldns_rr_list_set_rr(section, stays, kept++);
	}
	ldns_rr_list_set_rr_count(section, kept);
	return changed;
}

bool dns_answer_strip_ech(ldns_pkt *pkt)
{
	bool answer = strip_section(ldns_pkt_answer(pkt)), authority = strip_section(ldns_pkt_authority(pkt));
	ldns_pkt_set_ancount(pkt, (uint16_t)ldns_rr_list_rr_count(ldns_pkt_answer(pkt)));
	ldns_pkt_set_nscount(pkt, (uint16_t)ldns_rr_list_rr_count(ldns_pkt_authority(pkt)));
	if (answer || authority)
		ldns_pkt_set_ad(pkt, false); /* it is not what was validated */
	return answer || authority;
}
