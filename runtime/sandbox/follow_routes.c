/* Reads the host's routes; where what they leave out has changed, the table is replaced. */
#include "sandbox/follow_routes.h"
#include "core/log.h"
#include "net/unrouted.h"
#include "sandbox/setup.h"

#include <string.h>

static int read_routes(struct sandbox *sandbox, struct routes *now)
{
	now->v6.none = now->v6.linked = addr_set_empty(ADDR_V6);
	int error = unrouted_read(sandbox->host, now->arena, ADDR_V4, &now->v4);
	if (error == 0 && sandbox->gateway.has6)
		error = unrouted_read(sandbox->host, now->arena, ADDR_V6, &now->v6);
	return error;
}

static bool same_reach(const struct reach *a, const struct reach *b)
{
	return addr_set_equal(&a->none, &b->none) && addr_set_equal(&a->linked, &b->linked);
}

int follow_routes(struct sandbox *sandbox)
{
	struct routes *before = &sandbox->routes, now = { .arena = arena_new() };
	char why[256] = "";

	int error = read_routes(sandbox, &now);
	if (error < 0)
		log_error("cannot read the host's routes: %s", strerror(-error));
	bool same = before->arena && same_reach(&before->v4, &now.v4) && same_reach(&before->v6, &now.v6);
	if (error == 0 && !same) {
		const struct run_config *config = sandbox->start->config;
		error = nft_replace(sandbox->firewall,
				    unrouted_rules(now.arena, &now.v4, &now.v6, limit_neighbours(config->policy),
						   config->silent_deny),
				    why, sizeof why);
		if (error < 0)
			log_error("cannot follow the host's routes: %s: %s", why, strerror(-error));
	}
	if (error < 0 || same) {
		arena_free(now.arena);
		return error;
	}
	arena_free(before->arena);
	*before = now;
	return 0;
}
