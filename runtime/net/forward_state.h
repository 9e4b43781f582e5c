/* What the kernel holds of forwarding: switches, and what sandboxes noted on links. In the host's namespace. */
#pragma once
#include "net/forward.h"

/* What a sandbox's host link says of it, at its begin */
#define FORWARD_ALIAS_LIVES "msb-run forwards:"
#define FORWARD_ALIAS_ENDS "msb-run ends"

/* Does any other sandbox live than the one with that link? Where that cannot be read, one does. */
bool forward_others_live(struct nl *host, uint32_t own);

/* What a sandbox switched on is noted with how the host was then: where it was no router but for this link, what makes it one
 * later has switched this link on, too; where it was one that left this link out, the link is to be left out again. */
enum forward_note { FORWARD_NOTE_ALONE = 1, FORWARD_NOTE_LEFT_OUT = 2 };

/* What is to be noted on a link that is switched on now */
static inline enum forward_note forward_note_wanted(const struct forward_plan *plan, int family)
{
	return plan->all[family] ? FORWARD_NOTE_LEFT_OUT : FORWARD_NOTE_ALONE;
}

/* 0 or -errno; -ENOENT where the link is gone, or has no such switch */
int forward_read_switch(int family, const char *link, bool *on);
int forward_write_switch(int family, const char *link, bool on);
/* Is that family's switch on for all links? */
bool forward_all_on(int family);
bool forward_is_router6(void);

/* What is noted on a link, as bits */
unsigned forward_notes(const struct rtnl_link *, int family);
/* 0 or -errno; one that is there already is fine, as is one that is not to be forgotten. */
int forward_note(struct nl *host, uint32_t index, int family, enum forward_note);
int forward_forget(struct nl *host, uint32_t index, int family, enum forward_note);
