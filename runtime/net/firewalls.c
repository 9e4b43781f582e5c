/* A firewall is known by the names of its tables and chains: they are what its own documentation tells people to use. */
#include "net/firewalls.h"
#include "core/log.h"
#include "net/host_link.h"
#include "netlink/nft_read.h"

#include <linux/netfilter.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define CANDIDATES_MAX 4
#define NAME_MAX_LEN 64 /* longer names are cut */
#define LINE_MAX_LEN 320

enum firewall { DOCKER, UFW, FIREWALLD, FIREWALLS };

static const struct {
	const char *name;
	const char *table, *chain; /* known by one of them; NULL: any */
	const char *commands[2];
} known[FIREWALLS] = {
	[DOCKER] = { "Docker",
		     NULL,
		     "DOCKER-USER",
		     { "iptables -I DOCKER-USER -i " HOST_LINKS_IPTABLES " -j ACCEPT",
		       "iptables -I DOCKER-USER -o " HOST_LINKS_IPTABLES
		       " -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT" } },
	[UFW] = { "ufw", NULL, "ufw-user-forward", { "ufw route allow in on " HOST_LINKS_IPTABLES, NULL } },
	[FIREWALLD] = { "firewalld",
			"firewalld",
			NULL,
			{ "firewall-cmd --permanent --zone=trusted --add-interface=" HOST_LINKS_IPTABLES,
			  "firewall-cmd --reload" } },
};

struct candidate {
	uint8_t family;
	char table[NAME_MAX_LEN], chain[NAME_MAX_LEN];
	bool policy; /* drops by its policy, else by its last rule */
};

struct survey {
	bool found[FIREWALLS];
	struct candidate bases[CANDIDATES_MAX * 4]; /* base chains of others on the way through the host */
	size_t count;
};

static bool on_the_way(const struct nft_listed_chain *chain)
{
	bool routed = chain->family == NFPROTO_INET || chain->family == NFPROTO_IPV4 || chain->family == NFPROTO_IPV6;

	return chain->base && routed && (chain->hook == NF_INET_FORWARD || chain->hook == NF_INET_POST_ROUTING) &&
	       strncmp(chain->table, HOST_LINK_PREFIX, strlen(HOST_LINK_PREFIX)) != 0;
}

static int survey_chain(const struct nft_listed_chain *chain, void *context)
{
	struct survey *survey = context;

	for (size_t i = 0; i < FIREWALLS; i++)
		if ((known[i].table && !strcmp(chain->table, known[i].table)) ||
		    (known[i].chain && !strcmp(chain->name, known[i].chain)))
			survey->found[i] = true;
	if (!on_the_way(chain) || survey->count == sizeof survey->bases / sizeof *survey->bases)
		return 0;
	struct candidate *base = &survey->bases[survey->count++];
	base->family = chain->family;
	base->policy = chain->policy == NF_DROP;
	snprintf(base->table, sizeof base->table, "%s", chain->table);
	snprintf(base->chain, sizeof base->chain, "%s", chain->name);
	return 0;
}

/* The last rule of a chain is what this leaves behind. */
static int note_last(const struct nft_listed_rule *rule, void *context)
{
	*(struct nft_listed_rule *)context = *rule;
	return 0;
}

static bool refuses(struct nl *host, const struct candidate *base)
{
	struct nft_listed_rule last = { 0 };

	return base->policy ||
	       (!nft_rules(host, base->family, base->table, base->chain, note_last, &last) && last.refuses_all);
}

struct listener {
	firewalls_say *say;
	void *context;
};

static const char *family_name(uint8_t family)
{
	return family == NFPROTO_INET ? "inet" : family == NFPROTO_IPV6 ? "ip6" : "ip";
}

static void say(const struct listener *listener, enum firewalls_word word, const char *fmt, ...)
{
	char text[LINE_MAX_LEN];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	listener->say(word, text, listener->context);
}

static void report_base(const struct listener *to, const struct candidate *base)
{
	say(to, FIREWALLS_CHAIN, "chain %s of table %s %s, %s", base->chain, family_name(base->family), base->table,
	    base->policy ? "whose policy is drop" : "whose last rule refuses the rest");
}

/* A firewall without a name: its own chain gets the rules, ahead of what is in it. */
static void help_unknown(const struct listener *to, const struct candidate *base)
{
	say(to, FIREWALLS_COMMAND, "nft insert rule %s %s %s iifname \"" HOST_LINKS_NFT "\" accept",
	    family_name(base->family), base->table, base->chain);
	say(to, FIREWALLS_COMMAND,
	    "nft insert rule %s %s %s oifname \"" HOST_LINKS_NFT "\" ct state established,related accept",
	    family_name(base->family), base->table, base->chain);
}

static void help_known(const struct listener *to, const struct survey *survey)
{
	for (size_t i = 0; i < FIREWALLS; i++) {
		if (!survey->found[i])
			continue;
		say(to, FIREWALLS_KNOWN, "to let sandboxes pass %s:", known[i].name);
		for (size_t j = 0; j < 2 && known[i].commands[j]; j++)
			say(to, FIREWALLS_COMMAND, "%s", known[i].commands[j]);
	}
}

/* The tables of the older iptables are not nftables'; the kernel lists those that are in use. */
static bool has_legacy_filter(void)
{
	static const char *const lists[] = { "/proc/self/net/ip_tables_names", "/proc/self/net/ip6_tables_names" };
	char line[64];
	bool found = false;

	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
		FILE *list = fopen(lists[i], "re");
		while (list && fgets(line, sizeof line, list))
			found |= !strcmp(line, "filter\n");
		if (list)
			fclose(list);
	}
	return found;
}

/* Rules about sandboxes' links, in any chain of the base chain's table: who wrote them knows of sandboxes */
struct mention {
	bool in, out;
};

static bool is_sandboxes(const char *link)
{
	return !strncmp(link, HOST_LINK_PREFIX, strlen(HOST_LINK_PREFIX));
}

static int note_mention(const struct nft_listed_rule *rule, void *context)
{
	struct mention *mention = context;

	mention->in |= !rule->drops && is_sandboxes(rule->iifname);
	mention->out |= !rule->drops && is_sandboxes(rule->oifname);
	return mention->in && mention->out;
}

static bool lets_sandboxes_pass(struct nl *host, const struct candidate *base)
{
	struct mention mention = { 0 };

	nft_rules(host, base->family, base->table, NULL, note_mention, &mention);
	return mention.in && mention.out;
}

static size_t find_legacy(const struct listener *to)
{
	if (!has_legacy_filter())
		return 0;
	say(to, FIREWALLS_CHAIN, "chain FORWARD of iptables-legacy's table filter");
	say(to, FIREWALLS_COMMAND, "iptables-legacy -I FORWARD -i " HOST_LINKS_IPTABLES " -j ACCEPT");
	say(to, FIREWALLS_COMMAND,
	    "iptables-legacy -I FORWARD -o " HOST_LINKS_IPTABLES
	    " -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT");
	return 1;
}

static size_t find(struct nl *host, bool unprepared, const struct listener *to)
{
	struct survey survey = { 0 };
	size_t named = 0;

	nft_chains(host, survey_chain, &survey);
	bool recognized = false;
	for (size_t i = 0; i < FIREWALLS; i++)
		recognized |= survey.found[i];
	for (size_t i = 0; i < survey.count && named < CANDIDATES_MAX; i++) {
		if (!refuses(host, &survey.bases[i]) || (unprepared && lets_sandboxes_pass(host, &survey.bases[i])))
			continue;
		named++;
		report_base(to, &survey.bases[i]);
		if (!recognized)
			help_unknown(to, &survey.bases[i]);
	}
	/* of the older tables it is known only that they are there */
	if (!unprepared)
		named += find_legacy(to);
	if (recognized && (named || !unprepared))
		help_known(to, &survey);
	else if (!named && !unprepared)
		say(to, FIREWALLS_COMMAND,
		    "no chain there refuses all the rest: look for a single rule in `nft list ruleset`");
	return named;
}

size_t firewalls_find(struct nl *host, firewalls_say *to, void *context)
{
	return find(host, true, &(const struct listener){ to, context });
}

static void log_word(enum firewalls_word word, const char *text, void *context)
{
	(void)context;
	switch (word) {
	case FIREWALLS_CHAIN:
		log_line("  it may be %s", text);
		break;
	case FIREWALLS_KNOWN:
		log_line("  %s", text);
		break;
	case FIREWALLS_COMMAND:
		log_help("%s", text);
		break;
	}
}

void firewalls_report(struct nl *host)
{
	find(host, false, &(const struct listener){ log_word, NULL });
}
