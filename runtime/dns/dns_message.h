/* DNS messages: what a guest may ask, what a server may answer, and what the guest is told. Parsing and
 * encoding are ldns's; what is checked, kept and passed on is decided here. Pure: no sockets, no clock. */
#pragma once
#include "base/address.h"
#include "base/name.h"

#include <ldns/ldns.h>

#define DNS_PORT 53
#define DNS_UDP_MAX 4096            /* largest UDP answer to a guest, whatever its EDNS asks for */
#define DNS_UPSTREAM_UDP 1232       /* our own EDNS size towards servers (DNS flag day 2020) */
#define DNS_UPSTREAM_UDP_LARGE 4096 /* the same where the server takes no TCP: rather fragments than nothing */
#define DNS_QUERY_MAX 2048          /* largest message a guest may send */
#define DNS_UPSTREAM_MAX 288        /* header, question, OPT */
#define DNS_MAX_TTL 86400u
#define DNS_EDE_OPTION 15  /* RFC 8914: the EDNS option */
#define DNS_EDE_BLOCKED 15 /* an error that it tells */
#define DNS_ALIAS_TTL 60u

/* What was asked: the name as wire labels, in the case it was written in */
struct dns_question {
	uint8_t name[LDNS_MAX_DOMAINLEN];
	uint8_t name_len;
	uint16_t type;
};

struct dns_query {
	struct dns_question question;
	uint16_t id;
	uint16_t class; /* IN, unless the query is refused for it */
	bool recursion; /* RD, echoed */
	bool has_edns;
	uint16_t udp_size; /* the largest UDP answer, 512..DNS_UDP_MAX */
};

/* Any message, as ldns has it. NULL where it does not parse, or has more than one TSIG record. ldns_pkt_free() ends it. */
ldns_pkt *dns_message_read(const uint8_t *message, size_t len);

enum dns_parse {
	DNS_PARSE_OK,    /* out is a question to be judged */
	DNS_PARSE_DROP,  /* no query at all */
	DNS_PARSE_REPLY, /* answer with *rcode: out holds id, flags and, where there was one, the question */
};
/* A guest's message. *rcode of DNS_PARSE_REPLY: FORMERR, NOTIMPL, REFUSED, or DNS_BADVERS. */
#define DNS_BADVERS 16
enum dns_parse dns_query_parse(const uint8_t *message, size_t len, struct dns_query *out, unsigned *rcode);

/* A query of our own for that question: its letters' case drawn from `case_bits`, our EDNS with that size (0: none).
 * `asked` gets the question as sent. Returns the length. */
size_t dns_upstream_query(const struct dns_question *, uint16_t id, const uint8_t case_bits[static 32],
			  unsigned edns_size, struct dns_question *asked, uint8_t out[static DNS_UPSTREAM_MAX]);

enum dns_match {
	DNS_MATCH_NO,   /* not the answer to that query */
	DNS_MATCH_BARE, /* a header alone that says no: of servers that do not know EDNS */
	DNS_MATCH_CASE, /* it is but for the case of letters: a server that folds, or a guess */
	DNS_MATCH_YES,
};
enum dns_match dns_answer_match(const uint8_t *message, size_t len, uint16_t id, const struct dns_question *asked);
/* The TC bit, and the RCODE, of a message that matched */
bool dns_answer_truncated(const uint8_t *message);
unsigned dns_answer_rcode(const uint8_t *message);

/* Whether they are the same but for case: ldns holds uncompressed labels, as we do. */
bool dns_name_is(const ldns_rdf *, const uint8_t *labels, size_t len);
/* An upstream answer. NULL where it does not parse or asks something else. ldns_pkt_free() ends it. */
ldns_pkt *dns_answer_parse(const uint8_t *message, size_t len);

enum dns_worth {
	DNS_WORTH_ALL,   /* NOERROR or NXDOMAIN: what the name is */
	DNS_WORTH_BOGUS, /* SERVFAIL, since what the name is said to be fails validation: no other server knows better */
	DNS_WORTH_NONE,  /* this server cannot tell, or does not want to */
};
/* *ede: the Extended DNS Error it came with, or -1 */
enum dns_worth dns_answer_worth(const ldns_pkt *, int *ede);
/* Whether an answer to a query with EDNS says that the server does not know EDNS */
bool dns_answer_dislikes_edns(const ldns_pkt *);

#define DNS_ANSWER_ADDRS 64
struct dns_addresses {
	struct addr addrs[DNS_ANSWER_ADDRS];
	size_t count;
	uint32_t ttl; /* seconds: least of the chain, each floored at 1, at most DNS_MAX_TTL; of count > 0 */
};
/* The addresses an A or AAAA answer gives for its question: the CNAME chain is followed whatever the order of
 * records, NOERROR only. */
void dns_answer_addresses(const ldns_pkt *, const struct dns_question *, struct dns_addresses *out);

enum dns_hold { DNS_HOLD_NONE, DNS_HOLD_BLOCKED, DNS_HOLD_MALFORMED };
/* Puts every address in the answer (A, AAAA, hints of SVCB and HTTPS; any section) to `passes`. *which is the
 * first that did not. */
enum dns_hold dns_answer_check(const ldns_pkt *, bool (*passes)(const void *self, struct addr), const void *self,
			       struct addr *which);

/* Makes the answer what the guest may see: no additional section, of an A or AAAA answer no address but those that
 * get bound, no TTL beyond the binding's. `addresses` may be NULL for other types. */
void dns_answer_prune(ldns_pkt *, const struct dns_question *, const struct dns_addresses *addresses);
/* Takes the parameter `ech` out of its SVCB and HTTPS records (RFC 9848), and such a record out of it that is malformed.
 * Whether it is another answer now, which DNSSEC would not validate. */
bool dns_answer_strip_ech(ldns_pkt *);
/* How many seconds it may be kept (RFC 2308 for negative ones); 0: not at all */
uint32_t dns_answer_lifetime(const ldns_pkt *);

/* Replies to a guest. Each writes at most `size` bytes and returns the length, 0 where it could not be built. */
struct dns_note {
	int code;         /* RFC 8914; -1: none */
	const char *text; /* NULL: none */
};
#define DNS_NO_NOTE ((struct dns_note){ -1, NULL })
size_t dns_reply_rcode(const struct dns_query *, unsigned rcode, struct dns_note, uint8_t *out, size_t size);
/* TC=1 and empty: ask again over TCP */
size_t dns_reply_truncated(const struct dns_query *, unsigned rcode, uint8_t *out, size_t size);
/* One A or AAAA of the question's name */
size_t dns_reply_address(const struct dns_query *, struct addr, uint32_t ttl, uint8_t *out, size_t size);
/* ANY, as RFC 8482 has it: a HINFO record that names it */
size_t dns_reply_any(const struct dns_query *, uint8_t *out, size_t size);
/* An upstream answer after dns_answer_prune(), `age` seconds old, under the guest's id and spelling of the name; TC=1 alone
 * where it is larger than `limit` (65535 over TCP). */
size_t dns_reply_answer(const struct dns_query *, const ldns_pkt *, uint32_t age, size_t limit, uint8_t *out,
			size_t size);
