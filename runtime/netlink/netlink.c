/* Netlink sockets and nf_tables transactions, on libmnl's message functions. */
#include "netlink/netlink.h"
#include "base/arena.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* The kernel sizes dump messages by the reader's buffer, up to 32 KiB */
#define NL_READ_SIZE (64u << 10)
/* Room for the errors of a batch in which hundreds of messages are wrong */
#define NL_RECEIVE_QUEUE (4 << 20)
#define NL_BATCH_FIRST (64u << 10)

struct nl {
	int fd;
	uint32_t sequence, dropped; /* as the kernel had counted when it was last asked */
	char error_text[256];
	size_t len;                    /* bytes in `buffer` */
	const struct nlmsghdr *cursor; /* next unread message in it */
	int rest;                      /* bytes from there on */
	_Alignas(struct nlmsghdr) char buffer[NL_READ_SIZE];
};

struct nl *nl_adopt(int fd)
{
	/* of its own pages, of which those that no message has filled take no memory */
	struct nl *nl = mmap(NULL, sizeof *nl, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (nl == MAP_FAILED)
		return NULL;
	nl->fd = fd;
	return nl;
}

struct nl *nl_open(int protocol)
{
	struct nl *nl = nl_adopt(-1);
	if (!nl)
		return NULL;
	int on = 1, queue = NL_RECEIVE_QUEUE;
	struct sockaddr_nl addr = { .nl_family = AF_NETLINK };

	nl->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
	if (nl->fd < 0 || bind(nl->fd, (struct sockaddr *)&addr, sizeof addr) < 0) {
		nl_close(nl);
		return NULL;
	}
	/* Optional: errors as text, and without a copy of the message; a long receive queue */
	setsockopt(nl->fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
	setsockopt(nl->fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
	if (setsockopt(nl->fd, SOL_SOCKET, SO_RCVBUFFORCE, &queue, sizeof queue) < 0)
		setsockopt(nl->fd, SOL_SOCKET, SO_RCVBUF, &queue, sizeof queue);
	return nl;
}

void nl_close(struct nl *nl)
{
	if (!nl)
		return;
	int saved = errno;
	if (nl->fd >= 0)
		close(nl->fd);
	munmap(nl, sizeof *nl);
	errno = saved;
}

int nl_fd(const struct nl *nl)
{
	return nl->fd;
}

uint32_t nl_dropped(struct nl *nl)
{
	uint32_t values[SK_MEMINFO_VARS] = { 0 }, before = nl->dropped;
	socklen_t len = sizeof values;

	if (getsockopt(nl->fd, SOL_SOCKET, SO_MEMINFO, values, &len) < 0 ||
	    len < (SK_MEMINFO_DROPS + 1) * sizeof *values)
		return 0;
	nl->dropped = values[SK_MEMINFO_DROPS];
	return nl->dropped - before;
}

const char *nl_error_text(const struct nl *nl)
{
	return nl->error_text;
}

static int send_bytes(struct nl *nl, const void *bytes, size_t len)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	ssize_t sent;

	do
		sent = sendto(nl->fd, bytes, len, 0, (struct sockaddr *)&kernel, sizeof kernel);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : 0;
}

static int send_message(struct nl *nl, struct nlmsghdr *message)
{
	message->nlmsg_seq = ++nl->sequence;
	return send_bytes(nl, message, message->nlmsg_len);
}

static int nl_fill(struct nl *nl, int flags)
{
	struct sockaddr_nl from;
	socklen_t from_len = sizeof from;
	ssize_t len;

	do
		len = recvfrom(nl->fd, nl->buffer, sizeof nl->buffer, flags | MSG_TRUNC, (struct sockaddr *)&from,
			       &from_len);
	while (len < 0 && errno == EINTR);
	if (len < 0)
		return -errno;
	if ((size_t)len > sizeof nl->buffer)
		return -EMSGSIZE;
	nl->cursor = (const struct nlmsghdr *)nl->buffer;
	/* Only the kernel (port 0) speaks to us */
	nl->rest = from_len == sizeof from && from.nl_pid == 0 ? (int)len : 0;
	return 0;
}

int nl_next(struct nl *nl, int flags, const struct nlmsghdr **out)
{
	while (!mnl_nlmsg_ok(nl->cursor, nl->rest)) {
		int error = nl_fill(nl, flags);
		if (error < 0)
			return error;
	}
	*out = nl->cursor;
	nl->cursor = mnl_nlmsg_next(nl->cursor, &nl->rest);
	return 0;
}

static int nl_text_attribute(const struct nlattr *attribute, void *data)
{
	struct nl *nl = data;

	if (mnl_attr_get_type(attribute) == NLMSGERR_ATTR_MSG && mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) >= 0)
		snprintf(nl->error_text, sizeof nl->error_text, "%s", mnl_attr_get_str(attribute));
	return MNL_CB_OK;
}

/* The errno in an NLMSG_ERROR message, 0 for an acknowledgement; keeps the kernel's text. */
static int nl_error_of(struct nl *nl, const struct nlmsghdr *message)
{
	const struct nlmsgerr *error = mnl_nlmsg_get_payload(message);

	if (mnl_nlmsg_get_payload_len(message) < sizeof *error)
		return -EBADMSG;
	nl->error_text[0] = '\0';
	if (error->error && message->nlmsg_flags & NLM_F_ACK_TLVS) {
		size_t skip = sizeof *error;
		if (!(message->nlmsg_flags & NLM_F_CAPPED) && error->msg.nlmsg_len >= sizeof error->msg)
			skip += error->msg.nlmsg_len - sizeof error->msg;
		if (skip <= mnl_nlmsg_get_payload_len(message))
			mnl_attr_parse(message, (unsigned)skip, nl_text_attribute, nl);
	}
	return error->error;
}

int nl_do(struct nl *nl, struct nlmsghdr *message)
{
	const struct nlmsghdr *reply;

	message->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	int error = send_message(nl, message);
	while (error == 0) {
		error = nl_next(nl, 0, &reply);
		if (error == 0 && reply->nlmsg_seq == nl->sequence && reply->nlmsg_type == NLMSG_ERROR)
			return nl_error_of(nl, reply);
	}
	return error;
}

int nl_query(struct nl *nl, struct nlmsghdr *message, int (*each)(const struct nlmsghdr *, void *), void *context)
{
	const struct nlmsghdr *reply;
	bool dump = (message->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;

	/* A single object's reply is followed by the acknowledgement, a dump's by NLMSG_DONE */
	message->nlmsg_flags |= NLM_F_REQUEST | (dump ? 0 : NLM_F_ACK);
	int error = send_message(nl, message), result = 0;
	while (error == 0) {
		error = nl_next(nl, 0, &reply);
		if (error < 0 || reply->nlmsg_seq != nl->sequence)
			continue;
		if (reply->nlmsg_type == NLMSG_ERROR)
			return result ? result : nl_error_of(nl, reply);
		if (reply->nlmsg_type == NLMSG_DONE)
			return result;
		if (!result) /* once it ended early, the rest is read and dropped */
			result = each(reply, context);
	}
	return error;
}

int nl_get(struct nl *nl, struct nlmsghdr *message, int (*take)(const struct nlmsghdr *, void *), void *context)
{
	const struct nlmsghdr *reply;

	message->nlmsg_flags |= NLM_F_REQUEST;
	int error = send_message(nl, message);
	while (error == 0) {
		error = nl_next(nl, 0, &reply);
		if (error < 0 || reply->nlmsg_seq != nl->sequence)
			continue;
		return reply->nlmsg_type == NLMSG_ERROR ? nl_error_of(nl, reply) : take(reply, context);
	}
	return error;
}

struct nl_batch {
	struct nl *nl;
	char *data;
	size_t len, cap, count;
	uint32_t begin; /* sequence of BATCH_BEGIN; the messages follow */
};

/* Out of memory ends the process, as it does in the compiler's arenas */
static void nl_batch_reserve(struct nl_batch *batch, size_t size)
{
	if (batch->cap - batch->len < size) {
		size_t cap = batch->cap * 2 + size;
		batch->data = arena_must(realloc(batch->data, cap));
		batch->cap = cap;
	}
}

static void nl_batch_mark(struct nl_batch *batch, uint16_t type, uint16_t flags)
{
	nl_batch_reserve(batch, MNL_NLMSG_HDRLEN + sizeof(struct nfgenmsg));
	struct nlmsghdr *message = mnl_nlmsg_put_header(batch->data + batch->len);

	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | flags;
	message->nlmsg_seq = ++batch->nl->sequence;
	struct nfgenmsg *header = mnl_nlmsg_put_extra_header(message, sizeof *header);
	header->nfgen_family = AF_UNSPEC;
	header->version = NFNETLINK_V0;
	header->res_id = htons(NFNL_SUBSYS_NFTABLES);
	batch->len += message->nlmsg_len;
}

struct nl_batch *nl_batch_new(struct nl *nl)
{
	struct nl_batch *batch = arena_must(calloc(1, sizeof *batch));

	batch->nl = nl;
	nl_batch_reserve(batch, NL_BATCH_FIRST);
	nl_batch_mark(batch, NFNL_MSG_BATCH_BEGIN, 0);
	batch->begin = nl->sequence;
	return batch;
}

void nl_batch_free(struct nl_batch *batch)
{
	if (!batch)
		return;
	free(batch->data);
	free(batch);
}

void *nl_batch_room(struct nl_batch *batch, size_t size, uint32_t *sequence)
{
	nl_batch_reserve(batch, size);
	*sequence = batch->nl->sequence + 1;
	return batch->data + batch->len;
}

void nl_batch_add(struct nl_batch *batch, const struct nlmsghdr *message)
{
	batch->len += MNL_ALIGN(message->nlmsg_len);
	batch->nl->sequence++;
	batch->count++;
}

/* The whole transaction is one datagram, which must fit the send buffer: EMSGSIZE otherwise. */
static void nl_batch_widen(const struct nl_batch *batch)
{
	int size = batch->len > INT32_MAX / 2 ? INT32_MAX / 2 : (int)batch->len + 4096;

	if (setsockopt(batch->nl->fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size) < 0)
		setsockopt(batch->nl->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
}

/* Reads the kernel's errors. Kernels before 6.10 do not acknowledge BATCH_END: there an empty queue means success, as the
 * transaction is over once it is sent. An acknowledgement that was lost leaves open what became of it. */
static int nl_batch_result(struct nl_batch *batch, uint32_t end, size_t *failed)
{
	struct nl *nl = batch->nl;
	char text[sizeof nl->error_text] = "";
	int first = 0;
	bool lost = false, acknowledged = false;

	while (!acknowledged) {
		const struct nlmsghdr *reply;
		int error = nl_next(nl, MSG_DONTWAIT, &reply);
		if (error == -EAGAIN)
			break;
		lost |= error < 0;
		if (error == -ENOBUFS)
			continue; /* that comes at most once; what is queued is still read */
		if (error < 0)
			break;
		if (reply->nlmsg_type != NLMSG_ERROR || reply->nlmsg_seq - batch->begin > end - batch->begin)
			continue;
		error = nl_error_of(nl, reply);
		if (error < 0 && !first) {
			first = error;
			memcpy(text, nl->error_text, sizeof text);
			uint32_t index = reply->nlmsg_seq - batch->begin;
			*failed = index > 0 && index <= batch->count ? index - 1 : NL_BATCH_NONE;
		}
		acknowledged = reply->nlmsg_seq == end;
	}
	memcpy(nl->error_text, text, sizeof text);
	return !first && lost && !acknowledged ? NL_BATCH_UNKNOWN : first;
}

int nl_batch_send(struct nl_batch *batch, size_t *failed)
{
	size_t ignored;

	failed = failed ? failed : &ignored;
	*failed = NL_BATCH_NONE;
	nl_batch_mark(batch, NFNL_MSG_BATCH_END, NLM_F_ACK);
	uint32_t end = batch->nl->sequence;
	nl_batch_widen(batch);
	int error = send_bytes(batch->nl, batch->data, batch->len);
	return error < 0 ? error : nl_batch_result(batch, end, failed);
}
