/* The worker's privileges: sockets it was given, memory, and the calls below. */
#include "dns/dns_worker.h"

#include "isolation/worker_jail.h"

#include <errno.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static const struct worker_jail_call calls[] = {
	{ SCMP_SYS(epoll_wait), JAIL_ANY, "the loop" },
	{ SCMP_SYS(epoll_pwait), JAIL_ANY, "the loop, where the C library has no other" },
	{ SCMP_SYS(epoll_ctl), JAIL_ANY, "connections come and go" },
	{ SCMP_SYS(recvfrom), JAIL_ANY, "answers, the guest's TCP queries, the supervisor's verdicts" },
	{ SCMP_SYS(recvmsg), JAIL_ANY, "the guest's datagrams with the address they were sent to" },
	{ SCMP_SYS(sendto), JAIL_ANY, "queries upstream, TCP answers, asks to the supervisor" },
	{ SCMP_SYS(sendmsg), JAIL_ANY, "datagrams from the address that was asked" },
	{ SCMP_SYS(accept4), JAIL_ANY, "the guest's TCP connections" },
	{ SCMP_SYS(getsockname), JAIL_ANY, "the address a TCP connection was made to" },
	{ SCMP_SYS(connect), JAIL_ANY, "to servers; where to is the packet filter's to say" },
	{ SCMP_SYS(setsockopt), JAIL_LINGER_ONLY, "the orderly close of a guest's connection" },
	{ SCMP_SYS(close), JAIL_ANY, "the guest's TCP connections" },
	{ SCMP_SYS(clock_gettime), JAIL_ANY, "timeouts, where the vDSO cannot" },
	{ SCMP_SYS(getrandom), JAIL_ANY, "ids and the case of letters" },
	{ SCMP_SYS(brk), JAIL_ANY, "malloc" },
	{ SCMP_SYS(mmap), JAIL_NO_EXEC, "malloc" },
	{ SCMP_SYS(munmap), JAIL_ANY, "free" },
	{ SCMP_SYS(mremap), JAIL_ANY, "realloc" },
	{ SCMP_SYS(restart_syscall), JAIL_ANY, "SIGSTOP and SIGCONT while it waits" },
	{ SCMP_SYS(rt_sigreturn), JAIL_ANY, "the same" },
	{ SCMP_SYS(exit_group), JAIL_ANY, "the end" },
};

static size_t listed(const struct proxy_sockets *sockets, int *out)
{
	size_t count = 0;
	const int few[] = { sockets->control, sockets->udp4, sockets->udp6, sockets->tcp4, sockets->tcp6 };
	for (size_t i = 0; i < sizeof few / sizeof *few; i++)
		out[count++] = few[i];
	for (int place = 0; place < PLACE_COUNT; place++) {
		for (size_t i = 0; i < sockets->udp_count[place]; i++)
			out[count++] = sockets->udp[place][i];
		for (size_t i = 0; i < sockets->tcp_count[place]; i++)
			out[count++] = sockets->tcp[place][i];
	}
	return count;
}

_Noreturn void dns_worker(const struct proxy_config *config, const struct proxy_sockets *sockets, uid_t uid)
{
	int *keep = calloc(5 + PLACE_COUNT * (UPSTREAM_UDP_SOCKETS + UPSTREAM_TCP_SOCKETS), sizeof *keep);
	int error = keep ? worker_jail_keep_only(keep, listed(sockets, keep)) : -ENOMEM;
	free(keep);
	prctl(PR_SET_NAME, "msb-dns");
	struct proxy *proxy = error == 0 ? proxy_new(config, sockets) : NULL;
	if (!proxy || worker_jail_enter(uid, calls, sizeof calls / sizeof *calls) < 0)
		_exit(1);
	while (error == 0)
		error = proxy_turn(proxy, -1);
	_exit(0); /* the supervisor is gone */
}
