/* Forwarding of single links. IPv4 has a switch for each link; IPv6 has one since Linux 6.17 (force_forwarding), before that
 * `all` is the only one.
 *
 * Theory of operation. Every sandbox needs the same switches, since each follows the host's routes: those of all links that
 * have any. A link that sandboxes have switched on has a note (forward_state.h), which lives and dies with the link, as the
 * switch does: what is killed in between, or all at once, leaves note and switch together for the next. A sandbox lives while
 * its host link's alias begins with "msb-run forwards:" and there is a table of that link's name, which goes with its owner.
 * There is no lock, and hundreds may start and end at once. Instead:
 *   A sandbox that starts first has its table and its alias, then reads notes, then switches. A link that is off or has a note it
 *   notes, bars strangers from, and switches on.
 *   A sandbox that ends changes its alias, then looks for others that live. Where none does it switches off what has a note, and
 *   looks again: where one has come meanwhile, it switches on again, else takes away the notes.
 * Either the one that starts reads a switch that is off, or the one that ends sees it. A note that was taken away between a start's
 * reading and its noting is put back by host_watch, which has the kernel's word of it.
 * Somebody who makes the host a router, by the switch for all links, makes these links forward for everybody: notes go, switches
 * stay. IPv6's switch for all leaves those of single links as they are: strangers are no more barred, and the switch is still ours.
 * Only root can write an alias or a note. */
#include "net/forward.h"
#include "core/log.h"
#include "net/forward_state.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- who lives ---- */

struct search {
	uint32_t own;
	struct nft *tables;
};

static int is_living(const struct rtnl_link *link, void *context)
{
	const struct search *search = context;

	return link->index != search->own && forward_is_sandbox(link->name) &&
	       !strncmp(link->alias, FORWARD_ALIAS_LIVES, strlen(FORWARD_ALIAS_LIVES)) &&
	       nft_has_table(search->tables, link->name) != 0;
}

/* Where that cannot be read, others live: what is on stays on. */
bool forward_others_live(struct nl *host, uint32_t own)
{
	struct search search = { own, nft_open() };

	bool live = !search.tables || rtnl_links(host, is_living, &search) != 0;
	nft_close(search.tables);
	return live;
}

int forward_announce(struct nl *host, uint32_t own)
{
	return rtnl_link_set_alias(host, own, FORWARD_ALIAS_LIVES);
}

/* ---- starting, and while it runs ---- */

/* For people, as many as fit: n needs what was on, b what sandboxes switched on */
static int show_links(struct nl *host, uint32_t own, const struct forward_plan *plan)
{
	char alias[256]; /* IFALIASZ */
	size_t len = (size_t)snprintf(alias, sizeof alias, FORWARD_ALIAS_LIVES);
	struct rtnl_link now = { 0 };

	for (size_t i = 0; i < plan->links.count; i++) {
		const struct forward_link *link = &plan->links.items[i];
		for (int family = 0; family < FORWARD_FAMILIES; family++)
			if (!link->own && link->family[family].needed && len + strlen(link->name) + 5 < sizeof alias)
				len += (size_t)snprintf(alias + len, sizeof alias - len, " %c%c:%s",
							link->family[family].switched ? 'b' : 'n',
							family == FORWARD_V4 ? '4' : '6', link->name);
	}
	int error = rtnl_link_by_index(host, own, &now);
	return error < 0 || !strcmp(now.alias, alias) ? error : rtnl_link_set_alias(host, own, alias);
}

static int switch_link(struct nl *host, const struct forward_plan *plan, struct forward_link *link, int family)
{
	struct forward_switch *now = &link->family[family];
	unsigned untrue = now->noted & ~(now->switched ? forward_note_wanted(plan, family) : 0u);
	int error = 0;

	if (now->needed && !now->on && !now->left) {
		error = forward_write_switch(family, link->name, true);
		now->on = error == 0;
	}
	for (unsigned note = FORWARD_NOTE_ALONE; note <= FORWARD_NOTE_LEFT_OUT && (error == 0 || error == -ENOENT);
	     note <<= 1)
		if (untrue & note)
			error = forward_forget(host, link->index, family, note);
	return error == -ENOENT ? 0 : error; /* a link may have gone */
}

int forward_switch_on(struct nl *host, uint32_t own, struct forward_plan *plan)
{
	int error = 0;

	for (size_t i = 0; error == 0 && i < plan->links.count; i++)
		for (int family = 0; error == 0 && family < FORWARD_FAMILIES; family++)
			error = switch_link(host, plan, &plan->links.items[i], family);
	return error < 0 ? error : show_links(host, own, plan);
}

/* All links' switches are written then, the sandbox's own among them. */
bool forward_is_cut(const struct forward_plan *plan)
{
	for (size_t i = 0; i < plan->links.count; i++) {
		const struct forward_link *link = &plan->links.items[i];
		const struct forward_switch *now = &link->family[FORWARD_V6];
		bool on;
		if (link->own && now->needed && now->on)
			return !forward_read_switch(FORWARD_V6, link->name, &on) && !on;
	}
	return false;
}

/* ---- ending ---- */

struct noted {
	struct arena *arena;
	LIST_OF(struct forward_link) links;
};

static int add_noted(const struct rtnl_link *seen, void *context)
{
	struct noted *noted = context;
	struct forward_link link = { .index = seen->index };
	unsigned any = 0;

	strcpy(link.name, seen->name);
	for (int family = 0; family < FORWARD_FAMILIES; family++)
		any |= link.family[family].noted = forward_notes(seen, family);
	if (any)
		*arena_push(noted->arena, &noted->links) = link;
	return 0;
}

/* What was switched on while the host was no router belongs to whoever has made it one since. */
static void write_noted(const struct noted *noted, bool on)
{
	for (int family = 0; family < FORWARD_FAMILIES; family++) {
		bool all = forward_all_on(family);
		for (size_t i = 0; i < noted->links.count; i++) {
			const struct forward_link *link = &noted->links.items[i];
			unsigned notes = link->family[family].noted;
			if (notes && (on || !all || notes & FORWARD_NOTE_LEFT_OUT))
				forward_write_switch(family, link->name, on);
			if (!on && !all && forward_all_on(family) && notes)
				forward_write_switch(family, link->name, true); /* in this very moment */
		}
	}
}

static void forget_noted(struct nl *host, const struct noted *noted)
{
	for (size_t i = 0; i < noted->links.count; i++)
		for (int family = 0; family < FORWARD_FAMILIES; family++)
			for (unsigned note = FORWARD_NOTE_ALONE; note <= FORWARD_NOTE_LEFT_OUT; note <<= 1)
				if (noted->links.items[i].family[family].noted & note)
					forward_forget(host, noted->links.items[i].index, family, note);
}

static void put_back(struct nl *host, uint32_t own)
{
	struct noted noted = { .arena = arena_new() };

	if (!forward_others_live(host, own) && !rtnl_links(host, add_noted, &noted) && noted.links.count) {
		write_noted(&noted, false);
		if (forward_others_live(host, own))
			write_noted(&noted, true);
		else
			forget_noted(host, &noted);
	}
	arena_free(noted.arena);
}

void forward_put_back(struct nl *host)
{
	put_back(host, 0);
}

void forward_leave(struct nl *host, uint32_t own)
{
	rtnl_link_set_alias(host, own, FORWARD_ALIAS_ENDS);
	put_back(host, own);
}

void forward_end(struct nl *host, uint32_t own)
{
	forward_leave(host, own);
	rtnl_link_delete(host, own);
}
