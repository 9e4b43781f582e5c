/* Switches are under /proc/sys/net; notes are alternative names of the link, like "msb-forwards-ipv4-2", of which the number is
 * the link's, since a name is given once in a namespace. A note is there before the switch is on, and goes after it. */
#include "net/forward_state.h"
#include "net/host_link.h"
#include "net/sysctl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define NOTE_MAX 64

static const char *const switches[FORWARD_FAMILIES] = {
	[FORWARD_V4] = "ipv4/conf/%s/forwarding",
	[FORWARD_V6] = "ipv6/conf/%s/force_forwarding",
};
static const struct {
	int family;
	enum forward_note note;
	const char *prefix;
} notes[] = {
	{ FORWARD_V4, FORWARD_NOTE_ALONE, RTNL_NOTE "forwards-ipv4-" },
	{ FORWARD_V4, FORWARD_NOTE_LEFT_OUT, RTNL_NOTE "forwards-ipv4-left-out-" },
	{ FORWARD_V6, FORWARD_NOTE_ALONE, RTNL_NOTE "forwards-ipv6-" },
	{ FORWARD_V6, FORWARD_NOTE_LEFT_OUT, RTNL_NOTE "forwards-ipv6-left-out-" },
};
#define NOTES (sizeof notes / sizeof *notes)

static bool is_number(const char *text, size_t len)
{
	return len > 0 && strspn(text, "0123456789") >= len;
}

bool forward_is_sandbox(const char *name)
{
	size_t prefix = strlen(HOST_LINK_PREFIX);

	return !strncmp(name, HOST_LINK_PREFIX, prefix) && is_number(name + prefix, strlen(name + prefix));
}

int forward_read_switch(int family, const char *link, bool *on)
{
	char path[96], now[8];

	snprintf(path, sizeof path, switches[family], link);
	int error = sysctl_read(path, now, sizeof now);
	*on = error == 0 && strcmp(now, "0") != 0;
	return error;
}

int forward_write_switch(int family, const char *link, bool on)
{
	char path[96];

	snprintf(path, sizeof path, switches[family], link);
	return sysctl_write(path, on ? "1" : "0");
}

bool forward_all_on(int family)
{
	bool on;

	return !forward_read_switch(family, "all", &on) && on;
}

bool forward_is_router6(void)
{
	char all[8];

	return !sysctl_read("ipv6/conf/all/forwarding", all, sizeof all) && strcmp(all, "0") != 0;
}

bool forward_has_ipv6(void)
{
	return forward_is_router6() || sysctl_exists("ipv6/conf/default/force_forwarding");
}

/* ---- notes ---- */

static bool is_note(const char *word, size_t len, const char *prefix)
{
	size_t skip = strlen(prefix);

	return len > skip && !strncmp(word, prefix, skip) && is_number(word + skip, len - skip);
}

unsigned forward_notes(const struct rtnl_link *link, int family)
{
	unsigned found = 0;

	for (const char *word = link->notes; *word; word += strcspn(word, " ") + 1)
		for (size_t i = 0; i < NOTES; i++)
			if (notes[i].family == family && is_note(word, strcspn(word, " "), notes[i].prefix))
				found |= notes[i].note;
	return found;
}

static const char *prefix_of(int family, enum forward_note note)
{
	size_t i = 0;

	while (notes[i].family != family || notes[i].note != note)
		i++;
	return notes[i].prefix;
}

int forward_note(struct nl *host, uint32_t index, int family, enum forward_note note)
{
	char name[NOTE_MAX];

	snprintf(name, sizeof name, "%s%u", prefix_of(family, note), index);
	int error = rtnl_link_note(host, index, name);
	return error == -EEXIST ? 0 : error;
}

/* By the name it has: a link that came from another namespace may have another number there. */
int forward_forget(struct nl *host, uint32_t index, int family, enum forward_note note)
{
	struct rtnl_link link = { 0 };
	const char *prefix = prefix_of(family, note);

	int error = rtnl_link_by_index(host, index, &link);
	for (char *word = link.notes, *end; error == 0 && *word; word = end + 1) {
		end = word + strcspn(word, " ");
		*end = '\0';
		if (is_note(word, strlen(word), prefix))
			error = rtnl_link_forget(host, index, word);
		if (error == -EEXIST || error == -ENOENT || error == -EINVAL)
			error = 0; /* another sandbox took it away */
	}
	return error == -ENODEV ? 0 : error;
}
