/* The working state of one resolution, shared by the resolve_*.c files. Inside the library only.
 * Results belong to the arena; errors go to diags. */
#pragma once
#include "policy/options.h"
#include "policy/resolve.h"
#include "policy/rule.h"

/* Settings of one value: the same value may be given twice, another is a conflict that shows both. */
enum setting {
	SETTING_EGRESS,
	SETTING_INGRESS,
	SETTING_TIMEOUT,
	SETTING_REBIND,
	SETTING_ECH,
	SETTING_BINDING_MINIMUM,
	SETTING_ECH_ANSWERS,
	SETTING_EGRESS_BANDWIDTH,
	SETTING_EGRESS_OPS,
	SETTING_INGRESS_BANDWIDTH,
	SETTING_INGRESS_OPS,
	SETTING_EGRESS_BYTES,
	SETTING_INGRESS_BYTES,
	SETTING_DNS_LABEL,
	SETTING_DNS_NAMES,
	SETTING_DNS_RATE,
	SETTING_COUNT
};

/* What `profile` and --net ask for */
struct profiles {
	enum { PROFILES_NONE, PROFILES_SOME, PROFILES_ALL, PROFILES_NOTHING } kind;
	struct span first; /* the word that asked first, or the terminal one */
	bool has[3];       /* public, private, host: the order of their rules */
	struct span spans[3];
};

/* Where the names below a domain are, by --dns-cluster */
struct resolver_cluster {
	const char *domain;
	struct policy_targets networks;
};

struct resolver {
	struct arena *arena;
	struct arena *nodes; /* of the AST, while it is resolved */
	struct diags *diags;
	const struct resolve_input *input;
	struct policy *policy;
	LIST_OF(const struct ast_statement *) statements; /* includes spliced */
	struct {
		const char *value;
		struct span span;
	} given[SETTING_COUNT]; /* value NULL: not given */
	struct profiles profiles;
	struct span no_server_names;       /* the flag */
	struct span nat64[ADDR_NAT64_MAX]; /* of the policy's prefixes */
	LIST_OF(struct resolver_cluster) clusters;
	size_t budget; /* of targets that lists of groups copy */
};

/* The file's statements, includes spliced; or an import. false: nothing was loaded. */
bool resolver_load(struct resolver *);
void resolver_add_groups(struct resolver *);     /* group statements */
void resolver_apply_settings(struct resolver *); /* default, profile, dns, limit, publish */
void resolver_add_rules(struct resolver *);      /* rule statements, with what follows them */
void resolver_add_expects(struct resolver *);
/* Last: profile or default rules after all others, the defaults, and what multi-tenant forbids */
void resolver_finish(struct resolver *);

/* One AST rule, attributes and all, to the end of the policy's rules */
void resolver_add_rule(struct resolver *, const struct ast_rule *, enum policy_origin);
/* resolve_grant.c: likewise the one rule of a grant; and what none may reach, once all NAT64 prefixes are known, the floors' too */
void resolver_add_grant(struct resolver *, uint32_t id, const char *rule);
void resolver_check_grants(struct resolver *);
void resolver_set_default(struct resolver *, enum policy_direction, enum policy_action, struct span);
/* The words of one `profile` statement or --net option, which starts at `whole` */
void resolver_add_profile(struct resolver *, struct span, const char *name);
void resolver_set_limit(struct resolver *, enum setting, struct span, const char *rate, const char *burst);
/* resolve_dns_limits.c: bounds on lookups; `burst` may be NULL. And the statement `limit dns …` */
void resolver_set_dns_limit(struct resolver *, enum setting, struct span, const char *value, const char *burst);
void resolver_apply_dns_limit(struct resolver *, const struct ast_statement *);
void resolver_set_timeout(struct resolver *, struct span, uint64_t ms);
/* Whether the rule may say `no-ech`; an error is reported where not */
bool resolver_check_no_ech(struct resolver *, const struct policy_rule *, struct span);
/* resolve_bytes.c: `bytes` behind a rule; once all rules are there, which of them may say it, and their meters */
void resolver_take_bytes(struct resolver *, const struct ast_attribute *, struct policy_rule *);
void resolver_finish_bytes(struct resolver *);
void resolver_set_rebind(struct resolver *, struct span, bool on);
void resolver_set_ech(struct resolver *, struct span, bool deny);
void resolver_add_publish(struct resolver *, struct span, const char *spec);
/* "60s", "500ms", "0"; at most a day */
void resolver_set_binding_minimum(struct resolver *, struct span span, const char *text);
/* "strip" or "keep" */
void resolver_set_ech_answers(struct resolver *, struct span, const char *word);
void resolver_set_binding_minimum_ms(struct resolver *, struct span span, uint64_t ms);
void resolver_add_nameserver(struct resolver *, struct span, const char *spec);
void resolver_add_nat64(struct resolver *, struct span, const char *prefix);
void resolver_set_pool(struct resolver *, struct span, enum addr_family, const char *prefix); /* prefix may be NULL */
/* resolve_network.c: `NAME=NETWORK,…` of --net-group, before the file is loaded; `DOMAIN=NETWORK,…` of --dns-cluster; once
 * all rules are there, the networks of those on such names alone */
void resolver_add_network_group(struct resolver *, struct span, const char *value);
void resolver_add_cluster(struct resolver *, struct span, const char *value);
void resolver_place_cluster_names(struct resolver *);
/* resolve_interface.c: the guest's card. Texts may be NULL */
void resolver_set_mtu(struct resolver *, struct span, uint64_t mtu);
void resolver_set_mac(struct resolver *, struct span, const char *text);
void resolver_set_mac_octets(struct resolver *, struct span, const uint8_t mac[static 6]);
void resolver_set_guest(struct resolver *, struct span, enum addr_family, const char *addr);
void resolver_check_interface(struct resolver *);
/* resolve_floor.c: `forbid` statements, which only a floor has, and what a floor has not; what a floor forbids the policy */
void resolver_apply_forbids(struct resolver *);
void resolver_check_forbidden(struct resolver *, const struct policy *floor);
void resolver_set_accept_queue(struct resolver *, struct span, uint64_t size);
/* 0: no bound. Of several the command line's counts, and the one for a protocol before the one for both. */
void resolver_set_bound(struct resolver *, enum options_bound, struct span, uint64_t count);
void resolver_check_until(struct resolver *, const struct policy_rule *); /* reports a rule past its `until` */
/* Whole documents: false where there were errors */
bool resolver_import_json(struct resolver *, uint32_t source);
bool resolver_import_yaml(struct resolver *, uint32_t source);
/* "allow" or "deny"; anything else, NULL too, is false without an error of its own */
bool resolver_parse_action(const char *word, enum policy_action *out);
