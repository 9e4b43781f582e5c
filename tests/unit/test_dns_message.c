/* DNS messages: what a guest may ask, what an answer binds (answers.tsv), what is held back, what the guest is told. */
#include "policy_of.h"
#include "dns/dns_message.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* ---- answers.tsv ---- */

static struct dns_question question_of(const char *name, const char *type)
{
	struct dns_question question = { .type = (uint16_t)ldns_get_rr_type_by_name(type) };
	ldns_rdf *rdf = ldns_dname_new_frm_str(name);
	cr_assert_not_null(rdf);
	question.name_len = (uint8_t)ldns_rdf_size(rdf);
	memcpy(question.name, ldns_rdf_data(rdf), ldns_rdf_size(rdf));
	ldns_rdf_deep_free(rdf);
	return question;
}

/* A server's message, through the wire: "owner ttl type data|…" */
static ldns_pkt *answer_of(const struct dns_question *question, const char *rcode, const char *records)
{
	static const struct {
		const char *name;
		ldns_pkt_rcode code;
	} rcodes[] = { { "NOERROR", LDNS_RCODE_NOERROR },
		       { "NXDOMAIN", LDNS_RCODE_NXDOMAIN },
		       { "SERVFAIL", LDNS_RCODE_SERVFAIL } };
	ldns_pkt *pkt = ldns_pkt_new(), *parsed;
	ldns_rr *rr = ldns_rr_new();
	char *copy = strdup(records), *rest = copy;
	uint8_t *wire = NULL;
	size_t len = 0;
	ldns_pkt_set_qr(pkt, true);
	for (size_t i = 0; i < 3; i++)
		if (strcmp(rcodes[i].name, rcode) == 0)
			ldns_pkt_set_rcode(pkt, (uint8_t)rcodes[i].code);
	ldns_rr_set_question(rr, true);
	ldns_rr_set_owner(rr, ldns_dname_new_frm_data(question->name_len, question->name));
	ldns_rr_set_type(rr, question->type);
	ldns_rr_set_class(rr, LDNS_RR_CLASS_IN);
	ldns_pkt_push_rr(pkt, LDNS_SECTION_QUESTION, rr);
	for (char *record; strcmp(records, "-") != 0 && (record = strsep(&rest, "|"));) {
		char owner[256], type[32], data[512], line[1024];
		unsigned ttl;
		cr_assert_eq(sscanf(record, "%255s %u %31s %511[^\n]", owner, &ttl, type, data), 4, "%s", record);
		snprintf(line, sizeof line, "%s. %u IN %s %s", owner, ttl, type, data);
		cr_assert_eq(ldns_rr_new_frm_str(&rr, line, 0, NULL, NULL), LDNS_STATUS_OK, "%s", line);
		ldns_pkt_push_rr(pkt, LDNS_SECTION_ANSWER, rr);
	}
	cr_assert_eq(ldns_pkt2wire(&wire, pkt, &len), LDNS_STATUS_OK);
	parsed = dns_answer_parse(wire, len);
	cr_assert_not_null(parsed);
	free(wire);
	free(copy);
	ldns_pkt_free(pkt);
	return parsed;
}

static void answers_row(char **fields)
{
	struct dns_question question = question_of(fields[0], fields[1]);
	ldns_pkt *pkt = answer_of(&question, fields[2], fields[3]);
	struct dns_addresses addresses;
	char got[1024] = "none", text[ADDR_TEXT_MAX];
	dns_answer_addresses(pkt, &question, &addresses);
	for (size_t i = 0; i < addresses.count; i++)
		snprintf(i ? got + strlen(got) : got, 64, "%s%s", i ? "," : "", addr_format(addresses.addrs[i], text));
	cr_expect_str_eq(got, fields[4], "%s %s: %s", fields[0], fields[1], fields[3]);
	if (addresses.count)
		cr_expect_eq(addresses.ttl, (uint32_t)atoi(fields[5]), "%s: %s", fields[0], fields[3]);
	ldns_pkt_free(pkt);
}

Test(dns_message, answers_of_the_table)
{
	test_table("answers.tsv", 7, answers_row);
}

static size_t bound(const char *records, uint32_t *ttl)
{
	struct dns_question question = question_of("example.com", "A");
	ldns_pkt *pkt = answer_of(&question, "NOERROR", records);
	struct dns_addresses addresses;
	dns_answer_addresses(pkt, &question, &addresses);
	*ttl = addresses.ttl;
	ldns_pkt_free(pkt);
	return addresses.count;
}

Test(dns_message, aliases_that_go_round_or_on_for_ever)
{
	char chain[4096] = "";
	uint32_t ttl;
	cr_assert_eq(bound("example.com 60 CNAME a.test|a.test 60 CNAME example.com", &ttl), 0);
	cr_assert_eq(bound("example.com 60 CNAME example.com", &ttl), 0);
	for (int i = 0; i < 20; i++)
		snprintf(chain + strlen(chain), 100, "%s%d.test 60 CNAME %d.test|",
			 i ? "" : "example.com 60 CNAME 0.test|", i, i + 1);
	snprintf(chain + strlen(chain), 100, "20.test 60 A 93.184.216.34");
	cr_assert_eq(bound(chain, &ttl), 0);
	cr_assert_eq(bound("example.com 4294967295 A 93.184.216.34", &ttl), 1);
	cr_assert_eq(ttl, 1, "the sign bit means zero");
	cr_assert_eq(bound("example.com 31536000 A 93.184.216.34", &ttl), 1);
	cr_assert_eq(ttl, 86400);
}

/* ---- what is held back ---- */

static bool not_ten(const void *self, struct addr addr)
{
	(void)self;
	addr = addr_unmap(addr);
	return !(addr.family == ADDR_V4 && addr.value >> 24 == 10) &&
	       !(addr.family == ADDR_V6 && addr.value >> 120 == 0xfd);
}

static enum dns_hold held(const char *type, const char *records)
{
	struct dns_question question = question_of("example.com", type);
	ldns_pkt *pkt = answer_of(&question, "NOERROR", records);
	struct addr which;
	enum dns_hold hold = dns_answer_check(pkt, not_ten, NULL, &which);
	ldns_pkt_free(pkt);
	return hold;
}

Test(dns_message, every_address_is_checked)
{
	cr_assert_eq(held("A", "example.com 60 A 93.184.216.34"), DNS_HOLD_NONE);
	cr_assert_eq(held("A", "example.com 60 A 93.184.216.34|example.com 60 A 10.0.0.5"), DNS_HOLD_BLOCKED);
	cr_assert_eq(held("A", "example.com 60 A 93.184.216.34|other.test 60 A 10.0.0.5"), DNS_HOLD_BLOCKED);
	cr_assert_eq(held("AAAA", "example.com 60 AAAA fd00::1"), DNS_HOLD_BLOCKED);
	cr_assert_eq(held("TXT", "example.com 60 TXT hello|example.com 60 A 10.0.0.5"), DNS_HOLD_BLOCKED);
}

Test(dns_message, hints_are_addresses)
{
	/* priority 1, target ., alpn=h2, ipv4hint / ipv6hint */
	cr_assert_eq(held("TYPE65", "example.com 60 TYPE65 \\# 10 0001 00 0001 0003 026832"), DNS_HOLD_NONE);
	cr_assert_eq(held("TYPE65", "example.com 60 TYPE65 \\# 11 0001 00 0004 0004 5db8d822"), DNS_HOLD_NONE);
	cr_assert_eq(held("TYPE65", "example.com 60 TYPE65 \\# 15 0001 00 0004 0008 5db8d822 0a000005"),
		     DNS_HOLD_BLOCKED);
	cr_assert_eq(held("TYPE64", "example.com 60 TYPE64 \\# 23 0001 00 0006 0010 fd000000000000000000000000000001"),
		     DNS_HOLD_BLOCKED);
	cr_assert_eq(held("TYPE65", "example.com 60 TYPE65 \\# 10 0001 00 0004 0003 5db8d8"), DNS_HOLD_MALFORMED);
	cr_assert_eq(held("TYPE65", "example.com 60 TYPE65 \\# 7 0001 00 0004 0010"), DNS_HOLD_MALFORMED);
}

/* ---- queries ---- */

static size_t from_hex(const char *hex, uint8_t *out)
{
	size_t len = 0;
	for (unsigned byte; *hex && sscanf(hex, "%2x", &byte) == 1; hex += 2)
		out[len++] = (uint8_t)byte;
	return len;
}

#define EXAMPLE "076578616d706c6503636f6d00"

static enum dns_parse parse(const char *hex, struct dns_query *query, unsigned *rcode)
{
	uint8_t message[4096];
	return dns_query_parse(message, from_hex(hex, message), query, rcode);
}

Test(dns_message, what_a_guest_may_ask)
{
	struct dns_query query;
	unsigned rcode = 99;
	cr_assert_eq(parse("123401000001000000000000" EXAMPLE "00010001", &query, &rcode), DNS_PARSE_OK);
	cr_assert_eq(query.id, 0x1234);
	cr_assert(query.recursion && !query.has_edns);
	cr_assert_eq(query.udp_size, 512);
	cr_assert_eq(parse("123401000001000000000001" EXAMPLE "00010001000029ffff000000000000", &query, &rcode),
		     DNS_PARSE_OK);
	cr_assert(query.has_edns);
	cr_assert_eq(query.udp_size, DNS_UDP_MAX);
	cr_assert_eq(parse("123401000001000000000001" EXAMPLE "000100010000290010000000000000", &query, &rcode),
		     DNS_PARSE_OK);
	cr_assert_eq(query.udp_size, 512);
	cr_assert_eq(parse("123401000002000000000000" EXAMPLE "00010001", &query, &rcode), DNS_PARSE_REPLY);
	cr_assert_eq(rcode, LDNS_RCODE_FORMERR);
	cr_assert_eq(parse("123428000001000000000000" EXAMPLE "00060001", &query, &rcode), DNS_PARSE_REPLY);
	cr_assert_eq(rcode, LDNS_RCODE_NOTIMPL);
	cr_assert_eq(parse("123401000001000000000000" EXAMPLE "00010003", &query, &rcode), DNS_PARSE_REPLY);
	cr_assert_eq(rcode, LDNS_RCODE_REFUSED);
	cr_assert_eq(parse("123401000001000000000000" EXAMPLE "00fc0001", &query, &rcode), DNS_PARSE_REPLY);
	cr_assert_eq(rcode, LDNS_RCODE_REFUSED);
	cr_assert_eq(parse("123401000001000000000001" EXAMPLE "000100010000291000000100000000", &query, &rcode),
		     DNS_PARSE_REPLY);
	cr_assert_eq(rcode, DNS_BADVERS);
	cr_assert_eq(parse("123481000001000000000000" EXAMPLE "00010001", &query, &rcode), DNS_PARSE_DROP);
	cr_assert_eq(parse("123401000001000000000000" EXAMPLE "0001", &query, &rcode), DNS_PARSE_DROP);
	cr_assert_eq(parse("123401000001000000000000c00c00010001", &query, &rcode), DNS_PARSE_DROP);
	cr_assert_eq(parse("12340100000100", &query, &rcode), DNS_PARSE_DROP);
}

Test(dns_message, our_question_and_its_answer)
{
	struct dns_question question = question_of("example.com", "A"), asked;
	uint8_t bits[32], out[DNS_UPSTREAM_MAX];
	memset(bits, 0x55, sizeof bits);
	cr_assert_eq(dns_upstream_query(&question, 0xbeef, bits, 0, &asked, out), 12 + 13 + 4, "without EDNS");
	size_t len = dns_upstream_query(&question, 0xbeef, bits, DNS_UPSTREAM_UDP, &asked, out);
	cr_assert_eq(len, 12 + 13 + 4 + 11);
	cr_assert_eq(dns_answer_match(out, len, 0xbeef, &asked), DNS_MATCH_NO, "a question is no answer");
	out[2] |= 0x80;
	cr_assert_eq(dns_answer_match(out, len, 0xbeef, &asked), DNS_MATCH_YES);
	cr_assert_eq(dns_answer_match(out, len, 0xbee0, &asked), DNS_MATCH_NO);
	cr_assert_eq(dns_answer_match(out, 20, 0xbeef, &asked), DNS_MATCH_NO);
	out[13] ^= 0x20;
	cr_assert_eq(dns_answer_match(out, len, 0xbeef, &asked), DNS_MATCH_CASE);
	out[13] = 'q';
	cr_assert_eq(dns_answer_match(out, len, 0xbeef, &asked), DNS_MATCH_NO);
	out[13] = asked.name[1];
	out[12 + 13 + 1] = LDNS_RR_TYPE_AAAA;
	cr_assert_eq(dns_answer_match(out, len, 0xbeef, &asked), DNS_MATCH_NO);
}

Test(dns_message, a_header_alone_says_no_and_nothing_else)
{
	struct dns_question asked = question_of("example.com", "A");
	uint8_t header[12] = { 0xbe, 0xef, 0x81, 0x80 };
	static const struct {
		uint8_t rcode;
		enum dns_match match;
	} rows[] = { { LDNS_RCODE_NOERROR, DNS_MATCH_NO },
		     { LDNS_RCODE_NXDOMAIN, DNS_MATCH_NO },
		     { LDNS_RCODE_FORMERR, DNS_MATCH_BARE },
		     { LDNS_RCODE_NOTIMPL, DNS_MATCH_BARE } };
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		header[3] = rows[i].rcode;
		cr_assert_eq(dns_answer_match(header, sizeof header, 0xbeef, &asked), rows[i].match);
		cr_assert_eq(dns_answer_match(header, sizeof header, 0xbee0, &asked), DNS_MATCH_NO);
	}
}

/* A message with several TSIG records is none: ldns would lose the first of them, as often as a server sends it. */
Test(dns_message, one_signature_at_most)
{
	static const uint8_t tsig[] = { 0, 0, 250, 0, 255, 0, 0, 0, 0, 0, 0 };
	struct dns_question question = question_of("example.com", "A"), asked;
	uint8_t bits[32] = { 0 }, message[DNS_UPSTREAM_MAX + 3 * sizeof tsig];
	size_t len = dns_upstream_query(&question, 1, bits, 0, &asked, message);
	message[2] |= 0x80;
	for (uint8_t count = 1; count <= 3; count++) {
		memcpy(message + len, tsig, sizeof tsig);
		len += sizeof tsig;
		message[11] = count;
		ldns_pkt *pkt = dns_answer_parse(message, len);
		cr_assert_eq(pkt != NULL, count == 1, "%d", count);
		ldns_pkt_free(pkt);
	}
}

/* OPT with one Extended DNS Error, behind a question and RCODE */
static enum dns_worth worth_of(unsigned rcode, int code, int *ede)
{
	struct dns_question question = question_of("example.com", "A"), asked;
	uint8_t bits[32] = { 0 }, message[DNS_UPSTREAM_MAX + 6];
	size_t len = dns_upstream_query(&question, 1, bits, DNS_UPSTREAM_UDP, &asked, message);
	message[2] |= 0x80;
	message[3] = (uint8_t)(0x80 | rcode);
	if (code >= 0) {
		const uint8_t option[] = { 0, 15, 0, 2, 0, (uint8_t)code };
		message[len - 1] = sizeof option;
		memcpy(message + len, option, sizeof option);
		len += sizeof option;
	}
	ldns_pkt *pkt = dns_answer_parse(message, len);
	cr_assert_not_null(pkt);
	enum dns_worth worth = dns_answer_worth(pkt, ede);
	ldns_pkt_free(pkt);
	return worth;
}

Test(dns_message, what_an_answer_is_worth)
{
	static const struct {
		unsigned rcode;
		int ede;
		enum dns_worth worth;
	} rows[] = {
		{ LDNS_RCODE_NOERROR, -1, DNS_WORTH_ALL },   { LDNS_RCODE_NXDOMAIN, -1, DNS_WORTH_ALL },
		{ LDNS_RCODE_SERVFAIL, -1, DNS_WORTH_NONE }, { LDNS_RCODE_SERVFAIL, 5, DNS_WORTH_NONE },
		{ LDNS_RCODE_SERVFAIL, 6, DNS_WORTH_BOGUS }, { LDNS_RCODE_SERVFAIL, 12, DNS_WORTH_BOGUS },
		{ LDNS_RCODE_SERVFAIL, 13, DNS_WORTH_NONE }, { LDNS_RCODE_REFUSED, 6, DNS_WORTH_NONE },
		{ LDNS_RCODE_NOTIMPL, -1, DNS_WORTH_NONE },  { LDNS_RCODE_FORMERR, -1, DNS_WORTH_NONE },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		int ede;
		cr_assert_eq(worth_of(rows[i].rcode, rows[i].ede, &ede), rows[i].worth, "row %zu", i);
		cr_assert_eq(ede, rows[i].ede);
	}
}

/* ---- replies ---- */

static struct dns_query query_of(const char *name, const char *type, bool edns)
{
	return (struct dns_query){ .question = question_of(name, type),
				   .id = 7,
				   .class = LDNS_RR_CLASS_IN,
				   .recursion = true,
				   .has_edns = edns,
				   .udp_size = edns ? 1232 : 512 };
}

Test(dns_message, replies_carry_the_guests_spelling_and_a_reason_with_edns)
{
	struct dns_query query = query_of("ExAmPlE.com", "A", true);
	uint8_t out[4096];
	struct dns_note note = { DNS_EDE_BLOCKED, "agent.msb:2 default egress deny" };
	size_t len = dns_reply_rcode(&query, LDNS_RCODE_NXDOMAIN, note, out, sizeof out);
	cr_assert_gt(len, 0);
	cr_assert_eq(out[3] & 15, LDNS_RCODE_NXDOMAIN);
	cr_assert(memmem(out, len, "\7ExAmPlE\3com", 12));
	cr_assert(memmem(out, len, "\0\17\0\41\0\17agent.msb:2 default", 24), "option 15, 33 octets, code 15");
	query.has_edns = false;
	size_t plain = dns_reply_rcode(&query, LDNS_RCODE_NXDOMAIN, note, out, sizeof out);
	cr_assert_eq(plain, 12 + 13 + 4);
}

Test(dns_message, an_answer_is_cut_to_the_guests_size)
{
	char records[16384] = "";
	struct dns_query query = query_of("example.com", "A", false);
	uint8_t out[65535];
	struct dns_addresses addresses;
	for (int i = 0; i < 200; i++)
		snprintf(records + strlen(records), 64, "%sexample.com 900 A 93.184.216.%d", i ? "|" : "", i);
	ldns_pkt *pkt = answer_of(&query.question, "NOERROR", records);
	dns_answer_addresses(pkt, &query.question, &addresses);
	cr_assert_eq(addresses.count, DNS_ANSWER_ADDRS);
	dns_answer_prune(pkt, &query.question, &addresses);
	cr_assert_eq(ldns_pkt_ancount(pkt), DNS_ANSWER_ADDRS, "what is not bound is not told");
	size_t len = dns_reply_answer(&query, pkt, 0, 512, out, sizeof out);
	cr_assert(len == 29 && out[2] & 2, "TC and empty");
	len = dns_reply_answer(&query, pkt, 100, 65535, out, sizeof out);
	cr_assert(len == 29 + 64 * 16 && !(out[2] & 2));
	cr_assert_eq(out[29 + 8] << 8 | out[29 + 9], 800, "the TTL has run");
	ldns_pkt_free(pkt);
}

Test(dns_message, replies_of_our_own)
{
	struct dns_query query = query_of("host.microsandbox.internal", "A", false);
	uint8_t out[512];
	ldns_pkt *pkt;
	struct dns_addresses addresses;
	size_t len = dns_reply_address(&query, test_addr("172.16.0.1"), 60, out, sizeof out);
	cr_assert_not_null(pkt = dns_answer_parse(out, len));
	dns_answer_addresses(pkt, &query.question, &addresses);
	cr_assert(addresses.count == 1 && addresses.ttl == 60);
	cr_assert(addr_equal(addresses.addrs[0], test_addr("172.16.0.1")));
	ldns_pkt_free(pkt);
	query = query_of("example.com", "ANY", false);
	len = dns_reply_any(&query, out, sizeof out);
	cr_assert(memmem(out, len, "\7RFC8482", 8));
}

Test(dns_message, how_long_an_answer_is_kept)
{
	struct dns_question question = question_of("example.com", "TXT");
	ldns_pkt *pkt = answer_of(&question, "NOERROR", "example.com 30 TXT a|example.com 20 TXT b");
	cr_assert_eq(dns_answer_lifetime(pkt), 20);
	ldns_pkt_free(pkt);
	pkt = answer_of(&question, "SERVFAIL", "-");
	cr_assert_eq(dns_answer_lifetime(pkt), 0);
	ldns_pkt_free(pkt);
	pkt = answer_of(&question, "NXDOMAIN", "-");
	cr_assert_eq(dns_answer_lifetime(pkt), 0, "without a SOA");
	ldns_pkt_free(pkt);
}
