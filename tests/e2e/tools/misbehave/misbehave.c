/* msb-run whose workers misbehave when a guest says so: the debug build of tests/e2e/misbehave.sh. Linked with
 * --wrap=proxy_query, --wrap=flows_readable and --wrap=names_tell, so that what runs here runs inside the jail, in the worker's own
 * process. A query whose first label is one of the acts below makes the DNS worker do it; a datagram does for the relay, a server
 * name for the relay of those. */
#include "dns/dns_proxy.h"
#include "names/names_worker.h"
#include "relay/relay_worker.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <unistd.h>

bool __real_proxy_query(struct proxy *, const uint8_t *, size_t, const struct client_ref *);
bool __wrap_proxy_query(struct proxy *, const uint8_t *, size_t, const struct client_ref *);
void __real_flows_readable(struct relay_loop *, uint32_t);
void __wrap_flows_readable(struct relay_loop *, uint32_t);
bool __real_names_tell(struct names_loop *, struct names_held *, enum names_saw, const struct hello *, uint64_t);
bool __wrap_names_tell(struct names_loop *, struct names_held *, enum names_saw, const struct hello *, uint64_t);

static void try_execve(int control)
{
	(void)control;
	execve("/bin/sh", (char *[]){ "sh", NULL }, NULL);
}

static void try_socket(int control)
{
	(void)control;
	socket(AF_INET, SOCK_STREAM, 0);
}

static void try_open(int control)
{
	(void)control;
	open("/etc/passwd", O_RDONLY);
}

static void try_ptrace(int control)
{
	(void)control;
	ptrace(PTRACE_ATTACH, 1, NULL, NULL);
}

static void try_exec_page(int control)
{
	(void)control;
	mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void ask(int control, const char *name, uint32_t address, uint8_t count)
{
	static struct dns_ask_bind bind;
	bind = (struct dns_ask_bind){
		.kind = DNS_ASK_BIND, .serial = 1, .family = ADDR_V4, .count = count, .ttl_ms = 60000
	};
	bind.addrs[0] = dns_wire_addr((struct addr){ ADDR_V4, address });
	strcpy(bind.name, name);
	send(control, &bind, sizeof bind, 0);
}

static void try_bind_name(int control)
{
	ask(control, "evil.test", 0x5db8d822, 1);
}

static void try_bind_meta(int control)
{
	ask(control, "a.example.com", 0xa9fea9fe, 1);
}

static void try_bind_gateway(int control)
{
	ask(control, "a.example.com", 0xac100001, 1);
}

static void try_bind_alias(int control)
{
	ask(control, NAME_HOST_ALIAS, 0x5db8d822, 1);
}

static void try_bind_many(int control)
{
	ask(control, "a.example.com", 0x5db8d822, 255);
}

static void ask_sockets(int control, uint32_t place, uint32_t udp_count, uint32_t tcp_count)
{
	struct dns_ask_sockets sockets = { DNS_ASK_SOCKETS, place, udp_count, tcp_count };
	send(control, &sockets, sizeof sockets, 0);
}

static void try_sockets_many(int control)
{
	ask_sockets(control, PLACE_VM4, UPSTREAM_UDP_SOCKETS, UPSTREAM_TCP_SOCKETS);
	ask_sockets(control, PLACE_VM4, UPSTREAM_UDP_SOCKETS, 0);
}

static void try_sockets_all(int control)
{
	ask_sockets(control, PLACE_VM4, UINT32_MAX, 0);
}

static void try_sockets_nowhere(int control)
{
	ask_sockets(control, PLACE_COUNT, 1, 0);
}

static void try_half_message(int control)
{
	send(control, "\1\0\0\0half", 8, 0);
}

/* A flow that it was never given */
static void try_unknown_flow(int control)
{
	struct names_ask ask = { .kind = NAMES_ASK, .serial = UINT32_MAX, .saw = NAMES_SAW_START };
	send(control, &ask, sizeof ask, 0);
}

static const struct {
	const char *label;
	void (*act)(int control);
} acts[] = {
	{ "execve", try_execve },
	{ "socket", try_socket },
	{ "open", try_open },
	{ "ptrace", try_ptrace },
	{ "execpage", try_exec_page },
	{ "bindname", try_bind_name },
	{ "bindmeta", try_bind_meta },
	{ "bindgateway", try_bind_gateway },
	{ "bindalias", try_bind_alias },
	{ "bindmany", try_bind_many },
	{ "socketsmany", try_sockets_many },
	{ "socketsall", try_sockets_all },
	{ "socketsnowhere", try_sockets_nowhere },
	{ "half", try_half_message },
	{ "unknownflow", try_unknown_flow },
};

static void act(const uint8_t *text, size_t len, int control)
{
	for (size_t i = 0; i < sizeof acts / sizeof *acts; i++)
		if (len == strlen(acts[i].label) && memcmp(text, acts[i].label, len) == 0)
			acts[i].act(control);
}

bool __wrap_proxy_query(struct proxy *proxy, const uint8_t *message, size_t len, const struct client_ref *client)
{
	if (len > 13 && message[12] < len - 13)
		act(message + 13, message[12], proxy->control);
	return __real_proxy_query(proxy, message, len, client);
}

void __wrap_flows_readable(struct relay_loop *loop, uint32_t listener)
{
	uint8_t text[32];
	ssize_t len = recv(loop->listeners[listener].fd, text, sizeof text, MSG_PEEK | MSG_DONTWAIT);
	if (len > 0)
		act(text, (size_t)len, loop->control);
	__real_flows_readable(loop, listener);
}

static bool is_name(const struct hello *hello, const char *name)
{
	return hello->name_len == strlen(name) && memcmp(hello->name, name, hello->name_len) == 0;
}

/* `lie`: another name than the one that was sent; `twice`: the same again for a flow that was judged */
bool __wrap_names_tell(struct names_loop *loop, struct names_held *flow, enum names_saw saw, const struct hello *hello,
		       uint64_t token)
{
	static const char allowed[] = "example.com";
	struct hello lie = { .has_name = true, .name_len = sizeof allowed - 1 };

	if (!hello)
		return __real_names_tell(loop, flow, saw, hello, token);
	act(hello->name, hello->name_len, loop->control);
	memcpy(lie.name, allowed, sizeof allowed - 1);
	if (is_name(hello, "twice"))
		__real_names_tell(loop, flow, saw, &lie, token);
	return __real_names_tell(loop, flow, saw, is_name(hello, "lie") ? &lie : hello, token);
}
