/* From bytes to a question, and from a question to bytes for a server: what a guest's message must be, and
 * whether a server's message answers ours. Answers themselves are in dns_answer.c, replies in dns_reply.c. */
#include "dns/dns_message.h"
#include "dns/dns_wire.h"

#include <ctype.h>
#include <string.h>

#define HEADER 12

/* RFC 6895 3.1: 128..255 are questions and meta types, and so are 0 and OPT */
static bool type_is_meta(uint16_t type)
{
	return type == 0 || type == LDNS_RR_TYPE_OPT || (type >= 128 && type <= 255);
}

static bool question_read(const uint8_t *message, size_t len, struct dns_query *query)
{
	size_t name_len = wire_name_length(message, len, HEADER);
	if (name_len == 0 || HEADER + name_len + 4 > len)
		return false;
	memcpy(query->question.name, message + HEADER, name_len);
	query->question.name_len = (uint8_t)name_len;
	query->question.type = wire_get16(message + HEADER + name_len);
	query->class = wire_get16(message + HEADER + name_len + 2);
	return true;
}

static void edns_read(const ldns_pkt *pkt, struct dns_query *out)
{
	out->has_edns = ldns_pkt_edns(pkt);
	out->udp_size = 512;
	if (out->has_edns && ldns_pkt_edns_udp_size(pkt) > 512)
		out->udp_size = ldns_pkt_edns_udp_size(pkt);
	if (out->udp_size > DNS_UDP_MAX)
		out->udp_size = DNS_UDP_MAX;
}

/* RFC 8945, 5.1: a message has one TSIG record at most. Of several, ldns_wire2pkt() frees the last one only. */
static bool several_signatures(const uint8_t *message, size_t len)
{
	const size_t counts[] = { LDNS_QDCOUNT(message), LDNS_ANCOUNT(message), LDNS_NSCOUNT(message),
				  LDNS_ARCOUNT(message) };
	size_t at = HEADER, found = 0;
	if (counts[3] < 2)
		return false;
	for (size_t section = 0; section < 4; section++)
		for (size_t i = 0; i < counts[section]; i++) {
			ldns_rr *rr = NULL;
			if (ldns_wire2rr(&rr, message, len, &at,
					 section ? LDNS_SECTION_ANSWER : LDNS_SECTION_QUESTION) != LDNS_STATUS_OK)
				return found > 1;
			found += section == 3 && ldns_rr_get_type(rr) == LDNS_RR_TYPE_TSIG;
			ldns_rr_free(rr);
		}
	return found > 1;
}

ldns_pkt *dns_message_read(const uint8_t *message, size_t len)
{
	ldns_pkt *pkt = NULL;
	if (len < HEADER || several_signatures(message, len))
		return NULL;
	return ldns_wire2pkt(&pkt, message, len) == LDNS_STATUS_OK ? pkt : NULL;
}

enum dns_parse dns_query_parse(const uint8_t *message, size_t len, struct dns_query *out, unsigned *rcode)
{
	*out = (struct dns_query){ .udp_size = 512 };
	if (len < HEADER || len > DNS_QUERY_MAX || message[2] & 0x80)
		return DNS_PARSE_DROP; /* an answer to an answer would make two servers talk for ever */
	out->id = wire_get16(message);
	out->recursion = message[2] & 1;
	if (message[2] >> 3 & 15) {
		*rcode = LDNS_RCODE_NOTIMPL;
		return DNS_PARSE_REPLY;
	}
	if (wire_get16(message + 4) != 1) {
		*rcode = LDNS_RCODE_FORMERR;
		return DNS_PARSE_REPLY;
	}
	ldns_pkt *pkt = question_read(message, len, out) ? dns_message_read(message, len) : NULL;
	if (!pkt)
		return DNS_PARSE_DROP;
	edns_read(pkt, out);
	unsigned version = out->has_edns ? ldns_pkt_edns_version(pkt) : 0;
	ldns_pkt_free(pkt);
	if (version != 0)
		*rcode = DNS_BADVERS;
	else if (out->class != LDNS_RR_CLASS_IN ||
		 (type_is_meta(out->question.type) && out->question.type != LDNS_RR_TYPE_ANY))
		*rcode = LDNS_RCODE_REFUSED;
	else
		return DNS_PARSE_OK;
	return DNS_PARSE_REPLY;
}

size_t dns_upstream_query(const struct dns_question *question, uint16_t id, const uint8_t case_bits[static 32],
			  unsigned edns_size, struct dns_question *asked, uint8_t out[static DNS_UPSTREAM_MAX])
{
	uint8_t opt[] = { 0, 0, LDNS_RR_TYPE_OPT, (uint8_t)(edns_size >> 8), (uint8_t)edns_size, 0, 0, 0, 0, 0, 0 };
	size_t opt_len = edns_size ? sizeof opt : 0;
	*asked = *question;
	/* length octets are below 64, so no letter is taken for one */
	for (size_t i = 0; i < asked->name_len; i++)
		if (isalpha(asked->name[i]))
			asked->name[i] =
				(uint8_t)((asked->name[i] & ~0x20) | (case_bits[i / 8] >> i % 8 & 1 ? 0x20 : 0));
	memset(out, 0, HEADER);
	wire_put16(out, id);
	out[2] = 1;               /* RD */
	out[5] = 1;               /* QDCOUNT */
	out[11] = edns_size != 0; /* ARCOUNT */
	uint8_t *at = out + HEADER;
	memcpy(at, asked->name, asked->name_len);
	at += asked->name_len;
	wire_put16(at, asked->type);
	wire_put16(at + 2, LDNS_RR_CLASS_IN);
	memcpy(at + 4, opt, opt_len);
	return (size_t)(at + 4 - out) + opt_len;
}

/* A server that does not parse OPT may answer with a header and nothing else */
static bool is_bare_refusal(const uint8_t *message)
{
	unsigned rcode = dns_answer_rcode(message);
	return wire_get16(message + 4) == 0 && wire_get16(message + 6) == 0 && rcode != LDNS_RCODE_NOERROR &&
	       rcode != LDNS_RCODE_NXDOMAIN;
}

enum dns_match dns_answer_match(const uint8_t *message, size_t len, uint16_t id, const struct dns_question *asked)
{
	size_t name_len = asked->name_len;
	if (len < HEADER || wire_get16(message) != id || (message[2] & 0xf8) != 0x80)
		return DNS_MATCH_NO;
	if (is_bare_refusal(message))
		return DNS_MATCH_BARE;
	if (len < HEADER + name_len + 4 || wire_get16(message + 4) != 1)
		return DNS_MATCH_NO;
	const uint8_t *name = message + HEADER;
	if (wire_get16(name + name_len) != asked->type || wire_get16(name + name_len + 2) != LDNS_RR_CLASS_IN)
		return DNS_MATCH_NO;
	if (memcmp(name, asked->name, name_len) == 0)
		return DNS_MATCH_YES;
	for (size_t i = 0; i < name_len; i++)
		if (tolower(name[i]) != tolower(asked->name[i]))
			return DNS_MATCH_NO;
	return DNS_MATCH_CASE;
}

bool dns_answer_truncated(const uint8_t *message)
{
	return message[2] & 2;
}

unsigned dns_answer_rcode(const uint8_t *message)
{
	return message[3] & 15;
}
