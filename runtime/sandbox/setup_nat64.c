/* The set-up's question for the network's NAT64 prefixes, and what is said about the answer. */
#include "sandbox/setup_nat64.h"
#include "core/log.h"
#include "policy/policy_facts.h"
#include "sandbox/claims.h"

#include <string.h>

/* While the host's namespace is ours still; the answer comes while the rest is made. Where nobody can be asked, what the
 * policy says is all that is known. */
int sandbox_ask_nat64(struct sandbox *sandbox)
{
	struct nameserver servers[NAMESERVERS_MAX];
	size_t count = 0;

	dns_servers_of_host(servers, &count);
	sandbox->gateway = policy_gateway(sandbox->start->config->policy, sandbox->gateway);
	if (sandbox->gateway.nat64.count || sandbox->gateway.nat64.well_known)
		return 0;
	int error = dns_nat64_ask(&sandbox->nat64, servers, count, sandbox->start->claims->uid + ROLE_NAT64);
	if (error < 0)
		log_error("cannot ask for the network's NAT64 prefixes: %s", strerror(-error));
	return error;
}

int sandbox_take_nat64(struct sandbox *sandbox)
{
	struct addr_prefix told[ADDR_NAT64_MAX];
	size_t count = dns_nat64_take(&sandbox->nat64, told);
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; sandbox->gateway.has6 && i < count; i++) {
		const char *why = addr_nat64_find(&sandbox->gateway.nat64, told[i]);
		if (sandbox->start->config->quiet)
			continue;
		addr_format(told[i].addr, text);
		if (why)
			log_line("the resolver tells of the NAT64 prefix %s/%u, which is not believed: %s; if it is "
				 "true, name it: --net-nat64-prefix %s/%u",
				 text, told[i].len, why, text, told[i].len);
		else
			log_line(
				"the network's NAT64 prefix is %s/%u, its resolver says: addresses in it that carry one "
				"that is not public are denied; --net-nat64-prefix %s/%u lets rules allow them",
				text, told[i].len, text, told[i].len);
	}
	return 0;
}
