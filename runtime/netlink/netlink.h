/* The netlink layer under nfnetlink and rtnetlink, over libmnl: open, send, next reply, do-and-wait, dump,
 * and nfnetlink batches. Callers build messages with libmnl or libnftnl in buffers of their own.
 *
 * Every function answers 0 or -errno. The kernel handles a netlink message while it is being sent, so replies
 * are in the socket's queue once nl_send() is back, and nothing here waits for long. */
#pragma once
#include <libmnl/libmnl.h>

#include <stddef.h>
#include <stdint.h>

struct nl;

/* A socket of NETLINK_ROUTE, NETLINK_NETFILTER …, close-on-exec, in the network namespace of the calling
 * thread. NULL and errno on failure. */
struct nl *nl_open(int protocol);
/* One that another process has opened; the descriptor is its own from then on. NULL and errno, then it is not */
struct nl *nl_adopt(int fd);
void nl_close(struct nl *); /* NULL is fine */
static inline void nl_closep(struct nl **nl)
{
	nl_close(*nl);
}
#define CLEANUP_NL __attribute__((cleanup(nl_closep)))
int nl_fd(const struct nl *);

/* The next message of the kernel's, valid until the next call. MSG_DONTWAIT in flags: -EAGAIN where there is none.
 * -ENOBUFS: the kernel dropped some. */
int nl_next(struct nl *, int flags, const struct nlmsghdr **out);
/* Sends with NLM_F_ACK and waits for the answer: 0 or the kernel's -errno. */
int nl_do(struct nl *, struct nlmsghdr *);
/* Sends and gives every reply to `each` until the kernel has sent the last; for dumps (NLM_F_DUMP) and for single
 * objects. `each` ends it early with a value other than 0, which is then the result. */
int nl_query(struct nl *, struct nlmsghdr *, int (*each)(const struct nlmsghdr *, void *), void *context);
/* The same for what one message answers, always: an object, which `take` gets, or an error. No acknowledgement is waited for. */
int nl_get(struct nl *, struct nlmsghdr *, int (*take)(const struct nlmsghdr *, void *), void *context);
/* Messages of the kernel's that found no room since the last call, each counted once. What is lost once the queue was full is
 * counted whether or not nl_next() has said -ENOBUFS yet. */
uint32_t nl_dropped(struct nl *);
/* The text that the kernel added to the last error, or "" */
const char *nl_error_text(const struct nl *);

/* A transaction of nf_tables: messages between BATCH_BEGIN and BATCH_END, sent at once, all or nothing. Only
 * BATCH_END asks for an acknowledgement: one a message overflows the socket at a few hundred, errors come
 * unasked, and their sequence number leads back to the message. */
struct nl_batch;
struct nl_batch *nl_batch_new(struct nl *); /* the socket is borrowed; never NULL */
void nl_batch_free(struct nl_batch *);      /* NULL is fine */
static inline void nl_batch_freep(struct nl_batch **batch)
{
	nl_batch_free(*batch);
}
#define CLEANUP_NL_BATCH __attribute__((cleanup(nl_batch_freep)))
/* Room of at least `size` bytes for the next message; *sequence is the number to give it. */
void *nl_batch_room(struct nl_batch *, size_t size, uint32_t *sequence);
/* The message built in that room is complete. */
void nl_batch_add(struct nl_batch *, const struct nlmsghdr *);
/* Sends it. On failure *failed (may be NULL) is the index of the first message the kernel refused, or
 * NL_BATCH_NONE where its error belongs to none. */
#define NL_BATCH_NONE SIZE_MAX
/* Its acknowledgement was lost: it was done, or refused. A refusal leaves all as it was; this does not tell */
#define NL_BATCH_UNKNOWN (-ENOTRECOVERABLE)
int nl_batch_send(struct nl_batch *, size_t *failed);
