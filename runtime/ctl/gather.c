/* Which sandboxes run is told by their claims; one that ends while it is asked is no more. */
#include "ctl/gather.h"
#include "base/arena.h"
#include "sandbox/claims.h"

#include <errno.h>
#include <stdlib.h>

static bool listens(int error)
{
	return error != -ENOENT && error != -ECONNREFUSED && error != -ECONNRESET;
}

static void keep_running(int directory, struct gathered *all)
{
	size_t kept = 0;

	for (size_t i = 0; i < all->count; i++) {
		struct client_ask *ask = &all->asks[i];
		if (ask->error < 0 && claims_is_taken(directory, ask->name) <= 0) {
			client_close(ask);
			continue;
		}
		if (!listens(ask->error))
			ask->error = -EINPROGRESS;
		all->asks[kept++] = *ask;
	}
	all->count = kept;
}

int gather(int directory, const char *name, json_t *request, unsigned patience_ms, struct gathered *out)
{
	int error = 0;

	*out = (struct gathered){ 0 };
	out->names = name ? json_pack("[s]", name) : client_names(directory, &error);
	if (!out->names)
		return error < 0 ? error : -ENOMEM;
	out->asks = arena_must(calloc(json_array_size(out->names) + 1, sizeof *out->asks));
	for (size_t i = 0; i < json_array_size(out->names); i++) {
		const char *each = json_string_value(json_array_get(out->names, i));
		if (claims_is_taken(directory, each) > 0)
			out->asks[out->count++].name = each;
	}
	client_ask_all(directory, out->asks, out->count, request, patience_ms);
	keep_running(directory, out);
	return name && out->count == 0 ? -ENOENT : 0;
}

void gathered_free(struct gathered *all)
{
	for (size_t i = 0; i < all->count; i++) {
		json_decref(all->asks[i].answer);
		client_close(&all->asks[i]);
	}
	free(all->asks);
	json_decref(all->names);
	*all = (struct gathered){ 0 };
}
