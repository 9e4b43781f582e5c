/* A guest that asks for names as fast as they are answered, or one after the other: what a resolver makes of it.
 *	dns_load rate SERVER SUFFIX NAMES OUTSTANDING MS    n0.SUFFIX … round and round: answers a second
 *	dns_load fill SERVER SUFFIX NAMES OUTSTANDING       each name until it is answered: how many were, with an address
 *	dns_load delay SERVER SUFFIX FIRST COUNT            one at a time: median and 99th percentile, in microseconds */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define WINDOW 256
#define LOST_MS 200

static uint64_t now_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static size_t put_name(uint8_t *out, const char *text)
{
	uint8_t *at = out;
	for (;;) {
		size_t len = strcspn(text, ".");
		*at++ = (uint8_t)len;
		memcpy(at, text, len);
		at += len;
		if (!text[len])
			break;
		text += len + 1;
	}
	*at++ = 0;
	return (size_t)(at - out);
}

static size_t put_query(uint8_t *out, uint16_t id, const char *suffix, unsigned number)
{
	char name[256];
	const uint8_t header[12] = { (uint8_t)(id >> 8), (uint8_t)id, 1, 0, 0, 1 };
	const uint8_t type_class[4] = { 0, 1, 0, 1 };
	snprintf(name, sizeof name, "n%u.%s", number, suffix);
	memcpy(out, header, sizeof header);
	size_t len = sizeof header + put_name(out + sizeof header, name);
	memcpy(out + len, type_class, sizeof type_class);
	return len + sizeof type_class;
}

static struct {
	struct mmsghdr messages[WINDOW];
	struct iovec data[WINDOW];
	uint8_t bytes[WINDOW][512];
} out, in;

static void init(void)
{
	for (size_t i = 0; i < WINDOW; i++) {
		out.data[i] = (struct iovec){ out.bytes[i], 0 };
		in.data[i] = (struct iovec){ in.bytes[i], sizeof in.bytes[i] };
		out.messages[i].msg_hdr = (struct msghdr){ .msg_iov = &out.data[i], .msg_iovlen = 1 };
		in.messages[i].msg_hdr = (struct msghdr){ .msg_iov = &in.data[i], .msg_iovlen = 1 };
	}
}

static unsigned next;

static void ask(int fd, const char *suffix, unsigned names, unsigned count)
{
	for (unsigned i = 0; i < count; i++, next++)
		out.data[i].iov_len = put_query(out.bytes[i], (uint16_t)next, suffix, next % names);
	for (unsigned sent = 0; sent < count;) {
		int more = sendmmsg(fd, out.messages + sent, count - sent, 0);
		if (more < 0 && errno != EINTR && errno != ECONNREFUSED && errno != ENOBUFS)
			perror("dns_load: send"), exit(1);
		sent += more > 0 ? (unsigned)more : 0;
	}
}

static int receive(int fd)
{
	int count = recvmmsg(fd, in.messages, WINDOW, MSG_DONTWAIT, NULL);
	if (count >= 0)
		return count;
	struct pollfd wait = { fd, POLLIN, 0 };
	poll(&wait, 1, LOST_MS);
	return wait.revents ? 0 : -1;
}

static void rate(int fd, const char *suffix, unsigned names, unsigned window, unsigned ms)
{
	uint64_t start = now_us(), answers = 0, errors = 0, lost = 0;
	ask(fd, suffix, names, window);
	while (now_us() - start < ms * 1000ull) {
		int count = receive(fd);
		for (int i = 0; i < count; i++)
			errors += in.bytes[i][3] & 15 || in.bytes[i][7] == 0;
		answers += count > 0 ? (uint64_t)count : 0;
		if (count < 0) {
			lost += window;
			count = (int)window;
		}
		ask(fd, suffix, names, (unsigned)count);
	}
	printf("%.0f\n", (double)answers * 1e6 / (double)(now_us() - start));
	if (errors || lost)
		fprintf(stderr, "dns_load: %llu errors, %llu lost\n", (unsigned long long)errors,
			(unsigned long long)lost);
}

static void fill(int fd, const char *suffix, unsigned names, unsigned window)
{
	unsigned done = 0, good = 0;
	ask(fd, suffix, names, window);
	while (done < names) {
		int count = receive(fd);
		for (int i = 0; i < count; i++)
			good += !(in.bytes[i][3] & 15) && in.bytes[i][7] > 0;
		if (count < 0)
			count = (int)window; /* lost */
		done += (unsigned)count;
		ask(fd, suffix, names, next + (unsigned)count > names + window ? 0 : (unsigned)count);
	}
	printf("%u\n", good);
}

static int by_size(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

static void delay(int fd, const char *suffix, unsigned first, unsigned count)
{
	uint64_t *took = calloc(count, sizeof *took);
	next = first;
	for (unsigned i = 0; i < count; i++) {
		uint64_t start = now_us();
		ask(fd, suffix, UINT32_MAX, 1);
		struct pollfd wait = { fd, POLLIN, 0 };
		while (poll(&wait, 1, 5000) < 0)
			;
		took[i] = now_us() - start;
		recvmmsg(fd, in.messages, WINDOW, MSG_DONTWAIT, NULL);
	}
	qsort(took, count, sizeof *took, by_size);
	printf("%llu %llu\n", (unsigned long long)took[count / 2], (unsigned long long)took[count * 99 / 100]);
	free(took);
}

int main(int argc, char **argv)
{
	if (argc < 6)
		return 2;
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(53) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0), room = 1 << 20;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
	if (inet_pton(AF_INET, argv[2], &to.sin_addr) != 1 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0)
		return 2;
	unsigned a = (unsigned)atoi(argv[4]), b = (unsigned)atoi(argv[5]);
	init();
	if (strcmp(argv[1], "rate") == 0 && argc == 7)
		rate(fd, argv[3], a, b < WINDOW ? b : WINDOW, (unsigned)atoi(argv[6]));
	else if (strcmp(argv[1], "fill") == 0)
		fill(fd, argv[3], a, b < WINDOW ? b : WINDOW);
	else if (strcmp(argv[1], "delay") == 0)
		delay(fd, argv[3], a, b);
	else
		return 2;
	return 0;
}
