/* The worker's privileges: sockets it was given, memory, and the calls below. */
#include "dns/dns_worker.h"
#include "isolation/worker.h"

#include <jansson.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

static const struct worker_jail_call calls[] = {
	WORKER_LOOP_CALLS,
	{ SCMP_SYS(recvmmsg), JAIL_ANY, "the guest's datagrams, many at once" },
	{ SCMP_SYS(sendmmsg), JAIL_ANY, "the answers" },
	{ SCMP_SYS(accept4), JAIL_ANY, "the guest's TCP connections" },
	{ SCMP_SYS(getsockname), JAIL_ANY, "the address a TCP connection was made to" },
	{ SCMP_SYS(connect), JAIL_ANY, "to servers; which ones it reaches is up to the packet filter" },
	{ SCMP_SYS(getrandom), JAIL_ANY, "ids and the case of letters" },
};

static int compare_bytes(const void *a, const void *b)
{
	return *(const unsigned char *)a - *(const unsigned char *)b;
}

/* What libraries ask the kernel for once and remember, when they read a policy: in the jail it would be the worker's end. jansson
 * reads a file for its hashes; qsort() of glibc before 2.37 asks how much memory there is when it first sorts over a kilobyte. */
static void ask_beforehand(void)
{
	unsigned char bytes[2048] = { 1 };

	json_object_seed(0);
	qsort(bytes, sizeof bytes, 1, compare_bytes);
}

_Noreturn void dns_worker(const struct proxy_config *config, const struct proxy_sockets *sockets, uid_t uid)
{
	int keep[] = { sockets->control, sockets->udp4, sockets->udp6, sockets->tcp4, sockets->tcp6 };
	int error = worker_jail_keep_only(keep, sizeof keep / sizeof *keep);
	prctl(PR_SET_NAME, "msb-dns");
	ask_beforehand();
	struct proxy *proxy = error == 0 ? proxy_new(config, sockets) : NULL;
	if (!proxy || worker_jail_enter(uid, calls, sizeof calls / sizeof *calls) < 0)
		_exit(1);
	while (error == 0)
		error = proxy_turn(proxy, -1);
	_exit(0); /* the supervisor is gone */
}
