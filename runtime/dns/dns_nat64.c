/* The answer is a stranger's bytes: a worker in its jail reads it, the supervisor sees addresses alone. */
#include "dns/dns_nat64.h"
#include "core/clock.h"
#include "core/fd.h"
#include "dns/dns_message.h"

#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#define AGAIN_MS 350 /* a datagram may be lost */
#define ADDRS_MAX 8  /* of one answer: two for each prefix */

/* ---- what addresses say ---- */

static bool is_well_known(struct addr v4)
{
	return v4.value == 0xc00000aa || v4.value == 0xc00000ab;
}

/* The prefix that the address has if it is of that length; *whole: there is nothing behind the IPv4 address */
static bool read_as(struct addr addr, uint8_t len, struct addr_prefix *out, bool *whole)
{
	struct addr_nat64 alone = { .count = 0 };
	struct addr_prefix prefix = { addr, len }, carrying[ADDR_EMBEDDINGS_MAX];
	struct addr v4;

	if (addr.family != ADDR_V6)
		return false;
	prefix.addr.value = addr_prefix_range(prefix).lo;
	if (addr_nat64_add(&alone, prefix) || !alone.count || !addr_embedded_v4(addr, &alone, &v4) ||
	    !is_well_known(v4))
		return false;
	size_t ways = addr_embedding_prefixes((struct addr_prefix){ v4, 32 }, &alone, carrying);
	*out = prefix;
	*whole = addr_equal(carrying[ways - 1].addr, addr);
	return true;
}

static bool is_among(const struct addr_prefix *list, size_t count, struct addr_prefix prefix)
{
	for (size_t i = 0; i < count; i++)
		if (list[i].len == prefix.len && addr_equal(list[i].addr, prefix.addr))
			return true;
	return false;
}

size_t dns_nat64_prefixes(const struct addr *addrs, size_t count, struct addr_prefix out[static ADDR_NAT64_MAX])
{
	static const uint8_t lengths[] = { 32, 40, 48, 56, 64, 96 };
	size_t found = 0;

	for (size_t i = 0; i < count; i++) {
		struct addr_prefix prefix = { addrs[i], 0 };
		size_t readings = 0;
		bool whole = false;
		for (size_t k = 0; k < sizeof lengths; k++)
			readings += read_as(addrs[i], lengths[k], &prefix, &whole);
		if (readings == 1 && whole && found < ADDR_NAT64_MAX && !is_among(out, found, prefix))
			out[found++] = prefix;
	}
	return found;
}

/* ---- the worker ---- */

struct asking {
	uid_t uid;
	int sockets[NAMESERVERS_MAX], epoll;
	size_t count;
	struct dns_question asked;
	uint16_t id;
	uint8_t query[DNS_UPSTREAM_MAX];
	size_t query_len;
};

static void make_query(struct asking *asking)
{
	static const uint8_t name[] = "\x08ipv4only\x04"
				      "arpa";
	struct dns_question question = { .name_len = sizeof name, .type = LDNS_RR_TYPE_AAAA };
	struct {
		uint16_t id;
		uint8_t case_bits[32];
	} drawn = { 0 };

	memcpy(question.name, name, sizeof name);
	if (getrandom(&drawn, sizeof drawn, 0) != sizeof drawn)
		return;
	asking->id = drawn.id;
	asking->query_len = dns_upstream_query(&question, drawn.id, drawn.case_bits, DNS_UPSTREAM_UDP, &asking->asked,
					       asking->query);
}

static void send_queries(const struct asking *asking)
{
	for (size_t i = 0; i < asking->count; i++)
		send(asking->sockets[i], asking->query, asking->query_len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Whether that was an answer, of NXDOMAIN or no address too; what it says goes to the supervisor. */
static bool read_answer(const struct asking *asking, int socket, int control)
{
	static uint8_t message[LDNS_MAX_PACKETLEN];
	static struct dns_addresses told;
	ssize_t len = recv(socket, message, sizeof message, MSG_DONTWAIT);

	if (len < 0 || dns_answer_match(message, (size_t)len, asking->id, &asking->asked) != DNS_MATCH_YES)
		return false;
	ldns_pkt *pkt = dns_answer_parse(message, (size_t)len);
	if (!pkt)
		return false;
	ldns_pkt_rcode rcode = ldns_pkt_get_rcode(pkt);
	bool answers = rcode == LDNS_RCODE_NOERROR || rcode == LDNS_RCODE_NXDOMAIN;
	dns_answer_addresses(pkt, &asking->asked, &told);
	ldns_pkt_free(pkt);
	size_t count = told.count < ADDRS_MAX ? told.count : ADDRS_MAX;
	uint8_t bytes[ADDRS_MAX * 16 + 1] = { (uint8_t)count };
	for (size_t i = 0; i < count; i++) {
		if (told.addrs[i].family == ADDR_V6)
			addr_to_bytes(told.addrs[i], bytes + 1 + i * 16);
	}
	if (answers)
		send(control, bytes, 1 + count * 16, MSG_NOSIGNAL);
	return answers;
}

static void serve(struct asking *asking, int control)
{
	uint64_t start = clock_ms(), again = start + AGAIN_MS;

	send_queries(asking);
	for (;;) {
		struct epoll_event event;
		uint64_t now = clock_ms(), next = again > now ? again : start + DNS_NAT64_MS;
		if (now >= start + DNS_NAT64_MS)
			return;
		int ready = epoll_wait(asking->epoll, &event, 1, (int)(next - now));
		if (ready == 1 && read_answer(asking, event.data.fd, control))
			return;
		if (ready == 0 && again) {
			send_queries(asking);
			again = 0;
		}
	}
}

static const struct worker_jail_call calls[] = { WORKER_LOOP_CALLS };

static void run_worker(int control, void *context)
{
	struct asking *asking = context;
	int keep[NAMESERVERS_MAX + 2];

	memcpy(keep, asking->sockets, asking->count * sizeof *keep);
	keep[asking->count] = control;
	keep[asking->count + 1] = asking->epoll;
	prctl(PR_SET_NAME, "msb-nat64");
	make_query(asking);
	if (asking->query_len && !worker_jail_keep_only(keep, asking->count + 2) &&
	    !worker_jail_enter(asking->uid, calls, sizeof calls / sizeof *calls))
		serve(asking, control);
	_exit(0);
}

/* ---- the supervisor's side ---- */

static int connect_to(struct addr addr, uint16_t port)
{
	struct sockaddr_storage at;
	socklen_t len = addr_to_sockaddr(addr, port, &at);
	CLEANUP_FD int fd = socket(at.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&at, len) < 0)
		return -errno;
	return TAKE_FD(fd);
}

/* A route to some address of the Internet: nothing is sent there. */
static bool has_ipv6(void)
{
	struct addr anywhere = { ADDR_V6, 0 };

	addr_parse("2001:4860:4860::8888", &anywhere);
	CLEANUP_FD int fd = connect_to(anywhere, DNS_PORT);
	return fd >= 0;
}

static int open_sockets(struct asking *asking, const struct nameserver *servers, size_t count)
{
	asking->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (asking->epoll < 0)
		return -errno;
	for (size_t i = 0; i < count; i++) {
		int fd = connect_to(servers[i].addr, servers[i].port);
		struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };
		if (fd < 0)
			continue; /* one that cannot be reached tells nothing */
		asking->sockets[asking->count++] = fd;
		if (epoll_ctl(asking->epoll, EPOLL_CTL_ADD, fd, &event))
			return -errno;
	}
	return 0;
}

int dns_nat64_ask(struct dns_nat64 *nat64, const struct nameserver *servers, size_t count, uid_t uid)
{
	struct asking asking = { .uid = uid, .epoll = -1 };

	*nat64 = DNS_NAT64_NONE;
	if (!count || !has_ipv6())
		return 0;
	int error = open_sockets(&asking, servers, count);
	if (error == 0 && asking.count) {
		error = worker_start(&nat64->worker, run_worker, &asking);
		nat64->until_ms = clock_ms() + DNS_NAT64_MS;
	}
	for (size_t i = 0; i < asking.count; i++)
		close(asking.sockets[i]);
	if (asking.epoll >= 0)
		close(asking.epoll);
	return error;
}

/* The worker may be an attacker's: its message is as long as it says, and nothing in it is believed. */
static size_t receive(int control, struct addr out[static ADDRS_MAX])
{
	uint8_t bytes[ADDRS_MAX * 16 + 1];
	ssize_t len = recv(control, bytes, sizeof bytes, MSG_DONTWAIT | MSG_TRUNC);

	if (len < 1 || bytes[0] > ADDRS_MAX || len != 1 + bytes[0] * 16)
		return 0;
	for (size_t i = 0; i < bytes[0]; i++) {
		struct in6_addr v6;
		memcpy(&v6, bytes + 1 + i * 16, sizeof v6);
		out[i] = addr_from_v6(&v6);
	}
	return bytes[0];
}

size_t dns_nat64_take(struct dns_nat64 *nat64, struct addr_prefix out[static ADDR_NAT64_MAX])
{
	struct pollfd answer = { .fd = nat64->worker.control, .events = POLLIN };
	struct addr addrs[ADDRS_MAX];
	size_t count = 0;
	uint64_t now = clock_ms();

	if (!nat64->until_ms)
		return 0;
	if (poll(&answer, 1, now < nat64->until_ms ? (int)(nat64->until_ms - now) : 0) == 1)
		count = dns_nat64_prefixes(addrs, receive(answer.fd, addrs), out);
	dns_nat64_end(nat64);
	return count;
}

void dns_nat64_end(struct dns_nat64 *nat64)
{
	worker_end(&nat64->worker);
	nat64->until_ms = 0;
}
