/* What is left of service bindings when the keys for Encrypted Client Hello are taken out, record by record through the wire. */
#include "dns/dns_message.h"
#include "policy/policy_facts.h"
#include "policy_of.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static ldns_pkt *with_record(ldns_pkt_section section, const char *record)
{
	ldns_pkt *pkt = ldns_pkt_new(), *parsed = NULL;
	ldns_rr *rr = NULL;
	uint8_t *wire = NULL;
	size_t len = 0;

	ldns_pkt_set_qr(pkt, true);
	ldns_pkt_set_ad(pkt, true);
	cr_assert_eq(ldns_rr_new_question_frm_str(&rr, "x.example. IN TYPE65", NULL, NULL), LDNS_STATUS_OK);
	ldns_pkt_push_rr(pkt, LDNS_SECTION_QUESTION, rr);
	cr_assert_eq(ldns_rr_new_frm_str(&rr, record, 0, NULL, NULL), LDNS_STATUS_OK, "%s", record);
	ldns_pkt_push_rr(pkt, section, rr);
	cr_assert_eq(ldns_pkt2wire(&wire, pkt, &len), LDNS_STATUS_OK);
	parsed = dns_answer_parse(wire, len);
	cr_assert(parsed);
	free(wire);
	ldns_pkt_free(pkt);
	return parsed;
}

/* The data of the section's record in hexadecimal, "none" where there is none */
static void data_of(const ldns_rr_list *section, char out[static 1024])
{
	ldns_buffer *buffer = ldns_buffer_new(LDNS_MIN_BUFLEN);

	strcpy(out, "none");
	if (ldns_rr_list_rr_count(section)) {
		cr_assert_eq(ldns_rr_rdata2buffer_wire(buffer, ldns_rr_list_rr(section, 0)), LDNS_STATUS_OK);
		out[0] = '\0';
		for (size_t i = 0; i < ldns_buffer_position(buffer); i++)
			snprintf(out + 2 * i, 3, "%02x", *ldns_buffer_at(buffer, i));
	}
	ldns_buffer_free(buffer);
}

static void without_blanks(const char *text, char *out)
{
	for (; *text; text++)
		if (*text != ' ')
			*out++ = *text;
	*out = '\0';
}

static void expect_of(const char *type, ldns_pkt_section section, const char *data, const char *want)
{
	char record[1024], plain[512], left[1024];

	without_blanks(data, plain);
	snprintf(record, sizeof record, "x.example. 77 IN %s \\# %zu %s", type, strlen(plain) / 2, plain);
	ldns_pkt *pkt = with_record(section, record);
	const ldns_rr_list *list = section == LDNS_SECTION_ANSWER ? ldns_pkt_answer(pkt) : ldns_pkt_authority(pkt);
	without_blanks(want, plain);
	data_of(list, left);
	bool same = !strcmp(left, plain);
	cr_expect_eq(dns_answer_strip_ech(pkt), !same, "%s", data);
	data_of(list, left);
	cr_expect_str_eq(left, plain, "%s: %s", data, left);
	cr_expect_eq(ldns_pkt_ad(pkt), same, "%s: no longer what was validated", data);
	if (ldns_rr_list_rr_count(list)) {
		const ldns_rr *rr = ldns_rr_list_rr(list, 0);
		char *owner = ldns_rdf2str(ldns_rr_owner(rr));
		cr_expect(ldns_rr_ttl(rr) == 77 && !strcmp(owner, "x.example."), "%s: %s", data, owner);
		free(owner);
	}
	cr_expect_eq(ldns_pkt_ancount(pkt) + ldns_pkt_nscount(pkt), ldns_rr_list_rr_count(list));
	cr_expect_not(dns_answer_strip_ech(pkt), "once more changes nothing");
	ldns_pkt_free(pkt);
}

static void expect(const char *data, const char *want)
{
	expect_of("TYPE65", LDNS_SECTION_ANSWER, data, want);
	expect_of("TYPE64", LDNS_SECTION_ANSWER, data, want);
	expect_of("TYPE65", LDNS_SECTION_AUTHORITY, data, want);
}

#define ALPN "0001 0003 026832"
#define HINT "0004 0004 5db8d822"
#define ECH "0005 0006 abcdef012345"
#define TARGET "0163 0765 78616d 706c65 00" /* c.example. */

Test(dns_ech, the_key_goes_and_the_rest_stays)
{
	expect("0001 00" ECH, "0001 00");
	expect("0001 00" ALPN ECH, "0001 00" ALPN);
	expect("0001 " TARGET ALPN HINT ECH "0006 0010 20010db8000000000000000000000001",
	       "0001 " TARGET ALPN HINT "0006 0010 20010db8000000000000000000000001");
	expect("0001 00" ECH HINT ECH, "0001 00" HINT); /* as no record may be, but is it refused by all? */
	expect("0001 00 0005 0000", "0001 00");
	expect("0001 00" ALPN HINT, "0001 00" ALPN HINT);
	expect("0000 " TARGET, "0000 " TARGET);
	expect("0000 " TARGET ECH, "0000 " TARGET);
	expect("0001 00 ff05 0002 0005", "0001 00 ff05 0002 0005"); /* another key, a value that looks like ours */
}

Test(dns_ech, nor_is_it_mandatory_any_more)
{
	expect("0001 00 0000 0002 0005" ECH, "0001 00");
	expect("0001 00 0000 0004 0001 0005" ALPN ECH, "0001 00 0000 0002 0001" ALPN);
	expect("0001 00 0000 0006 0001 0005 0004" ALPN HINT ECH, "0001 00 0000 0004 0001 0004" ALPN HINT);
	expect("0001 00 0000 0002 0001" ALPN, "0001 00 0000 0002 0001" ALPN);
}

Test(dns_ech, what_is_malformed_is_not_told)
{
	expect("0001", "none");
	expect("0001 00 0005", "none");
	expect("0001 00 0005 0006 ab", "none");
	expect("0001 00 0001 ffff 026832", "none");
	expect("0001 00 0000 0003 000500" ECH, "none");
}

Test(dns_ech, other_records_are_none_of_its_business)
{
	ldns_pkt *pkt = with_record(LDNS_SECTION_ANSWER, "x.example. 77 IN TYPE66 \\# 7 00010000050000");

	cr_expect_not(dns_answer_strip_ech(pkt));
	cr_expect_eq(ldns_pkt_ancount(pkt), 1);
	cr_expect(ldns_pkt_ad(pkt));
	ldns_pkt_free(pkt);
}

static bool strips(const char *rules, const char *floor_rules, enum policy_ech said, bool server_names)
{
	struct test_policy made = test_policy_of("deny", "deny", rules, false);
	struct test_policy floor = test_policy_of("allow", "deny", floor_rules, false);

	if (floor_rules)
		*arena_push(made.arena, &made.policy->floors) = floor.policy;
	made.policy->ech_answers = said;
	made.policy->server_names = server_names;
	bool strips = policy_strips_ech(made.policy);
	arena_free(floor.arena);
	arena_free(made.arena);
	return strips;
}

Test(dns_ech, taken_out_where_names_are_judged)
{
	cr_expect(strips("allow@a.example:tcp:443", NULL, POLICY_ECH_BY_RULES, true));
	cr_expect(strips("allow@a.example", NULL, POLICY_ECH_BY_RULES, true));
	cr_expect(strips("deny@*.a.example,allow@public", NULL, POLICY_ECH_BY_RULES, true));
	cr_expect(strips("allow@public", "deny@a.example", POLICY_ECH_BY_RULES, true));
	cr_expect_not(strips("allow@public", NULL, POLICY_ECH_BY_RULES, true));
	cr_expect_not(strips("allow@a.example:udp:443", NULL, POLICY_ECH_BY_RULES, true));
	cr_expect_not(strips("allow@a.example:tcp:443", NULL, POLICY_ECH_BY_RULES, false));
	cr_expect(strips("allow@public", NULL, POLICY_ECH_STRIP, true));
	cr_expect(strips("allow@public", NULL, POLICY_ECH_STRIP, false));
	cr_expect_not(strips("allow@a.example", NULL, POLICY_ECH_KEEP, true));
}
