/* Another policy for a sandbox that runs.
 *
 * In two phases. First all that can fail, leaving no trace where it does: the bundle is resolved, what cannot change while a
 * sandbox runs is compared, the ruleset is made, new ports are bound, the DNS worker makes the policy in its jail. Then one
 * transaction of the packet filter, with the bindings and nameservers the new policy keeps; from there on every part goes by the
 * new policy, and what fails closes the sandbox. One at a time.
 *
 * A grant is a rule in front of the policy for a time: the same bundle with one rule more, and without it when the time is over. */
#pragma once
#include <jansson.h>
#include <stdint.h>

#define RELOAD_GRANTS_MAX 32
#define RELOAD_GRANT_LONGEST_MS (24ull * 3600 * 1000)
#define RELOAD_ONCE_MS 60000 /* a grant for one flow, where none comes */

struct sandbox;
struct reload;

/* The policy of the sandbox's start is generation 1. Never NULL */
struct reload *reload_new(void);
void reload_free(struct reload *); /* NULL is fine; nobody is answered any more */

/* Called once, maybe before the call that it was given to returns: {"ok":true,"generation":N,…} or {"ok":false,"error":…}, which
 * is its own from then on */
typedef void reload_done(void *self, json_t *answer);
/* The bundle (policy_bundle.h) is copied */
void reload_ask(struct sandbox *, const char *bundle, size_t len, reload_done *, void *self);
/* `rule`: "allow@pypi.org:tcp:443"; answered with the grant's id. The same rule once more gets a new end */
void reload_grant(struct sandbox *, const char *rule, uint64_t for_ms, reload_done *, void *self);
/* One that ends when the first flow that it lets in is open, and does not end that flow with it */
void reload_grant_once(struct sandbox *, const char *rule, reload_done *, void *self);
void reload_revoke(struct sandbox *, uint32_t id, reload_done *, void *self);
/* The id of the grant of that rule; 0: none */
uint32_t reload_granted(const struct reload *, const char *rule);

/* What would come of it, changing nothing: no other policy is prepared beyond its ruleset */
void reload_try(struct sandbox *, const char *bundle, size_t len, reload_done *, void *self);

/* Where msb-run was started: relative paths of the policy's files start there */
const char *reload_directory(const struct reload *);
/* The bundle in force, grants and all: to be freed; NULL where the policy has none */
char *reload_bundle(const struct sandbox *, size_t *len);
uint64_t reload_generation(const struct reload *);
/* [{"id":1,"rule":"…","left_ms":…}] */
json_t *reload_grants(const struct reload *);

/* Goes on where the DNS worker has answered, and ends grants whose time is over. Not 0: the sandbox cannot go on */
int reload_turn(struct sandbox *);
int reload_wait(const struct reload *); /* milliseconds until that is due without anything else happening; -1: never */
