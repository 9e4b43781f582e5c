/* What a guest is told: replies built by ldns under the guest's own id and spelling of the name. */
#include "dns/dns_message.h"

#include <string.h>

#define EDE_TEXT_MAX 160

/* The skeleton of every reply, without a question where none was read. NULL where memory is short. */
static ldns_pkt *reply_new(const struct dns_query *query, unsigned rcode)
{
	ldns_pkt *pkt = ldns_pkt_new();
	if (!pkt)
		return NULL;
	ldns_pkt_set_id(pkt, query->id);
	ldns_pkt_set_qr(pkt, true);
	ldns_pkt_set_ra(pkt, true);
	ldns_pkt_set_rd(pkt, query->recursion);
	ldns_pkt_set_rcode(pkt, rcode & 15);
	if (query->has_edns) {
		ldns_pkt_set_edns_udp_size(pkt, DNS_UPSTREAM_UDP);
		ldns_pkt_set_edns_extended_rcode(pkt, (uint8_t)(rcode >> 4));
	}
	if (query->question.name_len == 0)
		return pkt;
	ldns_rdf *name = ldns_dname_new_frm_data(query->question.name_len, query->question.name);
	ldns_rr *rr = name ? ldns_rr_new() : NULL;
	if (!rr) {
		ldns_rdf_deep_free(name);
		ldns_pkt_free(pkt);
		return NULL;
	}
	ldns_rr_set_question(rr, true);
	ldns_rr_set_owner(rr, name);
	ldns_rr_set_type(rr, query->question.type);
	ldns_rr_set_class(rr, query->class);
	ldns_pkt_push_rr(pkt, LDNS_SECTION_QUESTION, rr);
	return pkt;
}

/* Encodes and frees */
static size_t reply_finish(ldns_pkt *pkt, uint8_t *out, size_t size)
{
	uint8_t *wire = NULL;
	size_t len = 0;
	if (pkt && ldns_pkt2wire(&wire, pkt, &len) == LDNS_STATUS_OK && len <= size)
		memcpy(out, wire, len);
	else
		len = 0;
	LDNS_FREE(wire);
	ldns_pkt_free(pkt);
	return len;
}

static void note_add(ldns_pkt *pkt, struct dns_note note)
{
	uint8_t data[2 + EDE_TEXT_MAX];
	size_t len = note.text ? strnlen(note.text, EDE_TEXT_MAX) : 0;
	data[0] = (uint8_t)(note.code >> 8);
	data[1] = (uint8_t)note.code;
	memcpy(data + 2, note.text ? note.text : "", len);
	ldns_edns_option_list *list = ldns_edns_option_list_new();
	ldns_edns_option *option = ldns_edns_new_from_data(DNS_EDE_OPTION, 2 + len, data);
	if (list && option && ldns_edns_option_list_push(list, option)) {
		ldns_pkt_set_edns_option_list(pkt, list);
		return;
	}
	if (option)
		ldns_edns_deep_free(option);
	if (list)
		ldns_edns_option_list_deep_free(list);
}

size_t dns_reply_rcode(const struct dns_query *query, unsigned rcode, struct dns_note note, uint8_t *out, size_t size)
{
	ldns_pkt *pkt = reply_new(query, rcode);
	if (pkt && note.code >= 0 && query->has_edns)
		note_add(pkt, note);
	return reply_finish(pkt, out, size);
}

size_t dns_reply_truncated(const struct dns_query *query, unsigned rcode, uint8_t *out, size_t size)
{
	ldns_pkt *pkt = reply_new(query, rcode);
	if (pkt)
		ldns_pkt_set_tc(pkt, true);
	return reply_finish(pkt, out, size);
}

/* Adds a record of the question's own name; takes `data` */
static bool push_record(ldns_pkt *pkt, const struct dns_query *query, ldns_rr_type type, uint32_t ttl, ldns_rdf *first,
			ldns_rdf *second)
{
	ldns_rr *rr = ldns_rr_new();
	ldns_rdf *name = ldns_dname_new_frm_data(query->question.name_len, query->question.name);
	if (!rr || !name || !first) {
		ldns_rr_free(rr);
		ldns_rdf_deep_free(name);
		ldns_rdf_deep_free(first);
		ldns_rdf_deep_free(second);
		return false;
	}
	ldns_rr_set_owner(rr, name);
	ldns_rr_set_type(rr, type);
	ldns_rr_set_class(rr, LDNS_RR_CLASS_IN);
	ldns_rr_set_ttl(rr, ttl);
	ldns_rr_push_rdf(rr, first);
	if (second)
		ldns_rr_push_rdf(rr, second);
	ldns_pkt_push_rr(pkt, LDNS_SECTION_ANSWER, rr);
	return true;
}

size_t dns_reply_address(const struct dns_query *query, struct addr addr, uint32_t ttl, uint8_t *out, size_t size)
{
	uint8_t bytes[16];
	bool v4 = addr.family == ADDR_V4;
	addr_to_bytes(addr, bytes);
	ldns_pkt *pkt = reply_new(query, LDNS_RCODE_NOERROR);
	if (pkt)
		push_record(pkt, query, v4 ? LDNS_RR_TYPE_A : LDNS_RR_TYPE_AAAA, ttl,
			    ldns_rdf_new_frm_data(v4 ? LDNS_RDF_TYPE_A : LDNS_RDF_TYPE_AAAA, v4 ? 4 : 16, bytes), NULL);
	return reply_finish(pkt, out, size);
}

size_t dns_reply_any(const struct dns_query *query, uint8_t *out, size_t size)
{
	static const char cpu[] = "\7RFC8482", os[] = "";
	ldns_pkt *pkt = reply_new(query, LDNS_RCODE_NOERROR);
	if (pkt)
		push_record(pkt, query, LDNS_RR_TYPE_HINFO, 3600,
			    ldns_rdf_new_frm_data(LDNS_RDF_TYPE_STR, sizeof cpu - 1, cpu),
			    ldns_rdf_new_frm_data(LDNS_RDF_TYPE_STR, 1, os));
	return reply_finish(pkt, out, size);
}

/* A copy of the section: TTLs aged, and the name that was asked spelt as the guest spelt it */
static bool push_section(ldns_pkt *pkt, ldns_pkt_section section, const ldns_rr_list *records,
			 const struct dns_query *query, uint32_t age)
{
	for (size_t i = 0; i < ldns_rr_list_rr_count(records); i++) {
		ldns_rr *rr = ldns_rr_clone(ldns_rr_list_rr(records, i));
		if (!rr)
			return false;
		uint32_t ttl = ldns_rr_ttl(rr);
		ldns_rr_set_ttl(rr, ttl > age ? ttl - age : 0);
		if (dns_name_is(ldns_rr_owner(rr), query->question.name, query->question.name_len))
			memcpy(ldns_rdf_data(ldns_rr_owner(rr)), query->question.name, query->question.name_len);
		if (!ldns_pkt_push_rr(pkt, section, rr)) {
			ldns_rr_free(rr);
			return false;
		}
	}
	return true;
}

size_t dns_reply_answer(const struct dns_query *query, const ldns_pkt *answer, uint32_t age, size_t limit, uint8_t *out,
			size_t size)
{
	unsigned rcode = ldns_pkt_get_rcode(answer);
	ldns_pkt *pkt = reply_new(query, rcode);
	if (pkt && (!push_section(pkt, LDNS_SECTION_ANSWER, ldns_pkt_answer(answer), query, age) ||
		    !push_section(pkt, LDNS_SECTION_AUTHORITY, ldns_pkt_authority(answer), query, age))) {
		ldns_pkt_free(pkt);
		pkt = NULL;
	}
	size_t len = reply_finish(pkt, out, limit < size ? limit : size);
	return len ? len : dns_reply_truncated(query, rcode, out, size);
}
