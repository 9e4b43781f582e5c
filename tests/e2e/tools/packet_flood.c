/* packet_flood ADDRESS PORT SECONDS: small UDP packets to there, as many as the kernel takes, whatever becomes of them. Prints how many
 * it took. */
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>

#define BATCH 64

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_DGRAM }, *to;
	struct iovec data = { .iov_base = "flood", .iov_len = 5 };
	struct mmsghdr batch[BATCH];
	unsigned long long sent = 0;

	if (argc != 4 || getaddrinfo(argv[1], argv[2], &hints, &to)) {
		fprintf(stderr, "usage: packet_flood ADDRESS PORT SECONDS\n");
		return 2;
	}
	int fd = socket(to->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	for (size_t i = 0; i < BATCH; i++)
		batch[i].msg_hdr = (struct msghdr){
			.msg_name = to->ai_addr, .msg_namelen = to->ai_addrlen, .msg_iov = &data, .msg_iovlen = 1
		};
	for (double end = now() + strtod(argv[3], NULL); now() < end;) {
		int count = sendmmsg(fd, batch, BATCH, 0);
		sent += count > 0 ? (unsigned)count : 0;
	}
	printf("%llu\n", sent);
	return 0;
}
