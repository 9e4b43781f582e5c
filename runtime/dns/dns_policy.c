/* Another policy while the sandbox runs, the supervisor's side. The worker gets the policy's makings in memory that nobody can
 * write to any more, and makes it in its jail. Between the packet filter's transaction and the worker's word that it has
 * switched, it may ask for what only the policy before allowed: that is refused, and not held against it. */
#include "core/clock.h"
#include "core/fd.h"
#include "core/socket.h"
#include "dns/bindings_install.h"
#include "dns/dns_protocol.h"
#include "dns/dns_state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static int order(struct dns *dns, enum dns_order_kind kind, uint64_t size, const int *fds, size_t count)
{
	struct dns_order message = { .kind = kind, .size = size, .offer = dns->offer };

	return socket_send_fds(dns->worker.control, &message, sizeof message, fds, count, MSG_DONTWAIT);
}

static int write_all(int fd, const char *text, size_t len)
{
	for (size_t at = 0; at < len;) {
		ssize_t done = write(fd, text + at, len - at);
		if (done < 0 && errno != EINTR)
			return -errno;
		at += done > 0 ? (size_t)done : 0;
	}
	return fcntl(fd, F_ADD_SEALS, SEALS) < 0 ? -errno : 0;
}

int dns_policy_offer(struct dns *dns, const char *bundle, size_t len)
{
	if (dns->policy_state == DNS_POLICY_SWITCHING)
		return -EBUSY;
	CLEANUP_FD int fd = memfd_create("msb-policy", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int error = fd < 0 ? -errno : write_all(fd, bundle, len);

	dns->offer++;
	if (error == 0)
		error = order(dns, DNS_ORDER_POLICY, len, &fd, 1);
	if (error == 0)
		dns->policy_state = DNS_POLICY_OFFERED;
	return error;
}

enum dns_offer dns_policy_offered(const struct dns *dns)
{
	switch (dns->policy_state) {
	case DNS_POLICY_OFFERED:
		return DNS_OFFER_WAITS;
	case DNS_POLICY_READY:
		return DNS_OFFER_READY;
	case DNS_POLICY_REFUSED:
		return DNS_OFFER_REFUSED;
	default:
		return DNS_OFFER_NONE;
	}
}

/* Each word has its one time; what comes late, of one that was dropped, says nothing */
int dns_policy_told(struct dns *dns, const struct dns_tell_policy *tell)
{
	bool judged = tell->state == DNS_POLICY_READY || tell->state == DNS_POLICY_REFUSED;

	if (tell->offer > dns->offer || (!judged && tell->state != DNS_POLICY_TAKEN))
		return -EPROTO;
	if (judged && (tell->offer != dns->offer || dns->policy_state == DNS_POLICY_NONE))
		return 0;
	if (dns->policy_state != (judged ? DNS_POLICY_OFFERED : DNS_POLICY_SWITCHING))
		return -EPROTO;
	dns->policy_state = judged ? (enum dns_policy_state)tell->state : DNS_POLICY_NONE;
	return 0;
}

static bool keeps(const void *self, const char *name, struct addr addr)
{
	return dns_binding_allowed(self, name, addr);
}

static int make_elements(struct dns_change *change)
{
	size_t count = change->changes.count;

	change->elements = calloc(count + NAMESERVERS_MAX, sizeof *change->elements);
	if (!change->elements)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		change->elements[i] = bindings_element(&change->changes.items[i]);
	change->count =
		count + dns_servers_elements(change->elements + count, change->servers, change->server_count, false);
	change->chains = change->changes.ruleset ? &change->changes.ruleset->tables.items[0] : NULL;
	return 0;
}

int dns_policy_prepare(struct dns *dns, const struct policy *policy, struct lower_maps maps,
		       const struct nameserver *servers, size_t count, struct dns_change *out)
{
	struct eval_context context = { policy, dns->start.gateway, EVAL_NO_BINDINGS };

	*out = (struct dns_change){ .policy = policy, .server_count = count };
	memcpy(out->servers, servers, count * sizeof *servers);
	out->bindings = bindings_new(policy, &dns->start.gateway, maps);
	if (!out->bindings)
		return -ENOMEM;
	bindings_carry(out->bindings, dns->bindings, keeps, &context, clock_ms(), &out->changes);
	int error = make_elements(out);
	if (error < 0) {
		bindings_free(out->bindings);
		*out = (struct dns_change){ 0 };
	}
	return error;
}

static bool same_servers(const struct dns *dns, const struct dns_change *change)
{
	bool same = dns->server_count == change->server_count;

	for (size_t i = 0; same && i < change->server_count; i++) {
		const struct nameserver *a = &dns->servers[i].at, *b = &change->servers[i];
		same = addr_equal(a->addr, b->addr) && a->port == b->port && a->link == b->link &&
		       a->by_host == b->by_host;
	}
	return same;
}

int dns_policy_take(struct dns *dns, struct dns_change *change)
{
	int error = same_servers(dns, change) ? 0 : dns_tell_servers(dns, change->servers, change->server_count);

	bindings_free(dns->bindings);
	dns->bindings = change->bindings;
	dns->start.policy = dns->context.policy = change->policy;
	dns_take_servers(dns, change->servers, change->server_count);
	dns->policy_state = DNS_POLICY_SWITCHING;
	free(change->elements);
	*change = (struct dns_change){ 0 };
	return error == 0 ? order(dns, DNS_ORDER_SWITCH, 0, NULL, 0) : error;
}

void dns_policy_drop(struct dns *dns, struct dns_change *change)
{
	if (change) {
		bindings_free(change->bindings);
		free(change->elements);
		*change = (struct dns_change){ 0 };
	}
	if (dns->policy_state != DNS_POLICY_NONE && dns->policy_state != DNS_POLICY_SWITCHING) {
		dns->policy_state = DNS_POLICY_NONE;
		order(dns, DNS_ORDER_FORGET, 0, NULL, 0);
	}
}

size_t dns_servers_now(const struct dns *dns, struct nameserver out[static NAMESERVERS_MAX])
{
	for (size_t i = 0; i < dns->server_count; i++)
		out[i] = dns->servers[i].at;
	return dns->server_count;
}
