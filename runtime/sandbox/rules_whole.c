/* Chains that are made for bound addresses come and go, and are left out. */
#include "sandbox/rules_whole.h"
#include "dns/ways.h"
#include "lower/sandbox_net.h"
#include "netlink/nft_digest.h"
#include "sandbox/setup.h"

#include <errno.h>
#include <string.h>

#define TRIES 3

/* -EINTR: the table changes all the time */
static int look(uint64_t *digest)
{
	CLEANUP_NL struct nl *nl = nl_open(NETLINK_NETFILTER);
	int error = nl ? -EINTR : -errno;

	for (int i = 0; nl && error == -EINTR && i < TRIES; i++)
		error = nft_digest(nl, LOWER_TABLE, ways_is_chain, digest);
	return error;
}

int rules_whole_note(struct sandbox *sandbox)
{
	if (!sandbox->start->config->pod)
		return 0;
	int error = look(&sandbox->rules_whole.digest);
	sandbox->rules_whole.noted = error == 0;
	return error < 0 ? setup_fail("read the rules that were installed", error) : 0;
}

json_t *answer_check(void *self, const json_t *request, struct control_call *call)
{
	const struct sandbox *sandbox = self;
	uint64_t now;

	(void)request, (void)call;
	if (!sandbox->start->config->pod)
		return control_error(NULL, "what was installed is known of pods alone");
	int error = look(&now);
	if (error < 0)
		return control_error(NULL, "cannot read the rules: %s", strerror(-error));
	bool whole = sandbox->rules_whole.noted && sandbox->rules_whole.digest == now;
	return json_pack("{s:s}", "rules", whole ? "whole" : "changed");
}
