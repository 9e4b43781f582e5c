/* What the files of a reload share, nobody else. */
#pragma once
#include "policy/policy_bundle.h"
#include "sandbox/reload.h"

#include <limits.h>

struct reload_granted {
	uint32_t id;
	char *rule;
	uint64_t until_ms; /* of CLOCK_BOOTTIME */
	bool once;         /* until it has let a flow in */
};

enum reload_kind { RELOAD_IDLE, RELOAD_TRY, RELOAD_POLICY, RELOAD_GRANT, RELOAD_REVOKE };

/* The request under way */
struct relay_change;
struct reload_pending {
	enum reload_kind kind;
	reload_done *done;
	void *self;
	struct arena *arena; /* of all that is made for it; the policy's from the swap on */
	char *text;          /* the bundle, in it */
	size_t len;
	struct policy *policy;
	struct ruleset *ruleset;
	struct relay_change *ports;
	uint64_t until_ms; /* for the DNS worker */
	uint64_t for_ms;   /* RELOAD_GRANT, with its rule */
	char *rule;
	bool once;
	uint32_t ends; /* RELOAD_REVOKE; RELOAD_GRANT: one that it renews */
	bool applied;  /* the policy is in force; flows that it denies are being ended */
	bool stuck;    /* what was changed of the host for it cannot be put back */
};

struct reload {
	uint64_t generation;
	char directory[PATH_MAX]; /* where msb-run was started; "" where that is gone */
	struct arena *arena;      /* of the policy in force; NULL: it is the one of the start */
	struct reload_pending pending;
	struct reload_granted grants[RELOAD_GRANTS_MAX]; /* in the order in which they were given */
	size_t grant_count;
	uint32_t last_id;
	uint64_t end_after_ms; /* a grant that could not be ended */
	unsigned end_failures;
	uint64_t once_ms; /* when flows are looked at, where a grant is for one */
};

json_t *reload_failed(const char *why);
struct diags;
json_t *reload_findings(struct arena *, const struct diags *);

/* reload_flows.c: into an answer, the flows that were ended; the answer to a dry run */
struct flows_result;
void reload_tell_ended(const struct flows_result *, json_t *answer);
json_t *reload_tell_would_end(struct sandbox *, const struct policy *);

/* reload_apply.c. All that is made belongs to the pending request. */
/* The policy of its bundle, and its ruleset. NULL; or the answer, why not */
json_t *reload_compile(struct sandbox *);
/* That, and its ports; and offers it to the DNS worker */
json_t *reload_make(struct sandbox *);
void reload_offer(struct sandbox *);
/* Gives back what the request holds outside its arena */
void reload_abandon(struct sandbox *);
/* Puts it in force. 0; or with `why` set and everything as it was, which is no reason to end; or -errno: the sandbox cannot go on */
int reload_apply(struct sandbox *, char *why, size_t why_size);
/* The flowtable, where the policy has one and the kernel takes it */
void reload_use_fast_path(struct sandbox *, const struct policy *);

/* reload_once.c: a grant for one flow that has let one in, which is kept from then on: its id; 0: none has */
uint32_t reload_once_used(struct sandbox *);
/* Milliseconds until that is to be asked; -1: no grant is for one flow */
int reload_once_wait(const struct reload *);
