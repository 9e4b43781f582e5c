/* What the kernel tells of an entry of conntrack's, cut and changed anywhere: whatever is read of it is within the message, and an
 * entry has both its tuples, each of one family. */
#include "netlink/conntrack_entry.h"

#include <libmnl/libmnl.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conntrack_entry entry;
	/* of its own size, in whole words as messages are, so that a byte behind it is found */
	struct nlmsghdr *message = calloc(1, MNL_ALIGN(size) + 1);

	memcpy(message, data, size);
	/* libmnl hands on no message that is longer, and the kernel makes none of gigabytes, which libmnl takes for short */
	if (size >= sizeof *message && message->nlmsg_len <= size && mnl_nlmsg_ok(message, (int)size) &&
	    conntrack_entry_read(message, &entry) &&
	    (entry.original.src.family != entry.original.dst.family ||
	     entry.reply.src.family != entry.reply.dst.family))
		abort();
	free(message);
	return 0;
}
