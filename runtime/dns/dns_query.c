/* What becomes of one query: the verdict on its name, then what answers it. */
#include "dns/dns_asking.h"
#include "eval/audit.h"
#include "report/reason.h"

#include <string.h>
#include <sys/socket.h>

static uint8_t reply[4096];

void proxy_answer_rcode(struct proxy *proxy, const struct dns_query *query, unsigned rcode, struct dns_note note,
			const struct client_ref *client)
{
	if (note.code == DNS_EDE_BLOCKED)
		dns_count_blocked(proxy->config.counters);
	clients_reply(proxy, client, reply, dns_reply_rcode(query, rcode, note, reply, sizeof reply));
}

static void answer_any(struct proxy *proxy, const struct dns_query *query, const struct client_ref *client)
{
	clients_reply(proxy, client, reply, dns_reply_any(query, reply, sizeof reply));
}

/* The supervisor reports it; one that has no room for the report just now loses it, never the answer */
static void tell(struct proxy *proxy, struct dns_tell *tell, const char *name, enum flow_transport transport)
{
	tell->transport = (uint8_t)transport;
	tell->untold = proxy->untold;
	memcpy(tell->name, name, strlen(name) + 1);
	bool told = send(proxy->control, tell, sizeof *tell, MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof *tell;
	proxy->untold = told ? 0 : proxy->untold + (proxy->untold < UINT32_MAX);
}

static void tell_query(struct proxy *proxy, const char *name, enum flow_transport transport)
{
	tell(proxy, &(struct dns_tell){ .kind = DNS_TELL_QUERY }, name, transport);
}

static void answer_denied(struct proxy *proxy, const struct dns_query *query, struct eval_verdict verdict,
			  const struct client_ref *client)
{
	const struct reason *reason = reason_of(proxy->reasons, verdict, POLICY_EGRESS);
	if (verdict.by.kind == DECIDER_LABEL)
		dns_count_limited(proxy->config.counters, POLICY_DNS_LABEL);
	proxy_answer_rcode(proxy, query, LDNS_RCODE_NXDOMAIN, (struct dns_note){ DNS_EDE_BLOCKED, reason->note },
			   client);
}

void proxy_deny(struct proxy *proxy, const struct dns_query *query, const char *name, const struct client_ref *client)
{
	answer_denied(proxy, query, eval_dns(&proxy->context, name, FLOW_DNS_UDP), client);
}

static enum flow_transport transport_of(const struct client_ref *client)
{
	return client->tcp ? FLOW_DNS_TCP : FLOW_DNS_UDP;
}

static void deny_name(struct proxy *proxy, const struct dns_query *query, const char *name, struct eval_verdict verdict,
		      const struct client_ref *client)
{
	if (asking_hold(proxy, query, name, verdict, client))
		return;
	tell_query(proxy, name, transport_of(client));
	answer_denied(proxy, query, verdict, client);
}

static bool is_address_type(uint16_t type)
{
	return type == LDNS_RR_TYPE_A || type == LDNS_RR_TYPE_AAAA;
}

/* What answer_locally() answers */
static bool is_local(const struct proxy *proxy, const struct dns_question *question, const char *name)
{
	const struct addr_gateway *gateway = &proxy->context.gateway;
	bool v4 = question->type == LDNS_RR_TYPE_A;
	return (is_address_type(question->type) && !(v4 ? gateway->has4 : gateway->has6)) ||
	       question->type == LDNS_RR_TYPE_ANY || name_equal(name, NAME_HOST_ALIAS);
}

/* What a name's own kind answers, without any server; false: it is a server's to answer */
static bool answer_locally(struct proxy *proxy, const struct dns_query *query, const char *name,
			   const struct client_ref *client)
{
	const struct addr_gateway *gateway = &proxy->context.gateway;
	uint16_t type = query->question.type;
	bool address = is_address_type(type);
	if (address && !(type == LDNS_RR_TYPE_A ? gateway->has4 : gateway->has6))
		lookup_bind(proxy, RESULT_EMPTY, gateway->v4, query, client);
	else if (address && name_equal(name, NAME_HOST_ALIAS))
		lookup_bind(proxy, RESULT_ALIAS, type == LDNS_RR_TYPE_A ? gateway->v4 : gateway->v6, query, client);
	else if (type == LDNS_RR_TYPE_ANY)
		answer_any(proxy, query, client);
	else if (name_equal(name, NAME_HOST_ALIAS))
		proxy_answer_rcode(proxy, query, LDNS_RCODE_NOERROR, DNS_NO_NOTE, client);
	else
		return false;
	return true;
}

/* Whether it is answered with SERVFAIL for being over a bound: what is over now may pass later. Only what goes to a server counts,
 * and what is answered here goes nowhere. An audit lets it pass, and tells. */
static bool is_over(struct proxy *proxy, const struct dns_query *query, const char *name, struct eval_verdict verdict,
		    const struct lookup_key *key, const struct client_ref *client)
{
	enum policy_dns_limit which;
	if (!proxy->bounds || is_local(proxy, &query->question, name) || !lookup_leaves(proxy, key) ||
	    !over_takes(proxy, name, query->question.type, verdict, &which))
		return false;
	tell(proxy, &(struct dns_tell){ .kind = DNS_TELL_OVER, .bound = (uint8_t)which }, name, key->transport);
	dns_count_limited(proxy->config.counters, which);
	if (proxy->config.spared)
		return false;
	struct dns_note note = { DNS_EDE_BLOCKED, reason_of_dns_limit(proxy->reasons, which)->note };
	clients_reply(proxy, client, reply, dns_reply_rcode(query, LDNS_RCODE_SERVFAIL, note, reply, sizeof reply));
	return true;
}

void proxy_judge(struct proxy *proxy, const struct dns_query *query, const char *name, const struct client_ref *client)
{
	enum flow_transport transport = transport_of(client);
	struct eval_verdict verdict = eval_dns(&proxy->context, name, transport);
	bool spared = verdict.action != POLICY_ALLOW &&
		      audit_spares_query(proxy->config.spared, &proxy->context, name, transport);
	if (verdict.action != POLICY_ALLOW && !spared) {
		deny_name(proxy, query, name, verdict, client);
		return;
	}
	struct lookup_key key = {
		.question = query->question,
		.direct = eval_dns_route(&proxy->context, client->asked, transport) != EVAL_ROUTE_CONFIGURED,
		.transport = transport,
		.resolver = client->asked,
	};
	/* what an audit spares would not have got so far */
	if (!spared && is_over(proxy, query, name, verdict, &key, client))
		return;
	if (proxy->config.tells_all || spared)
		tell_query(proxy, name, transport);
	if (!answer_locally(proxy, query, name, client))
		lookup_ask(proxy, &key, query, client);
}

bool proxy_query(struct proxy *proxy, const uint8_t *message, size_t len, const struct client_ref *client)
{
	struct dns_query query;
	char name[NAME_TEXT_MAX];
	unsigned rcode;
	enum dns_parse parse = dns_query_parse(message, len, &query, &rcode);
	if (parse == DNS_PARSE_REPLY)
		proxy_answer_rcode(proxy, &query, rcode, DNS_NO_NOTE, client);
	if (parse != DNS_PARSE_OK)
		return parse == DNS_PARSE_REPLY;
	if (!name_from_wire(query.question.name, query.question.name_len, name))
		return false;
	proxy_judge(proxy, &query, name, client);
	return true;
}
