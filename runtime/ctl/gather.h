/* The same question to every sandbox of the host at once. */
#pragma once
#include "ctl/client.h"

struct gathered {
	json_t *names;
	struct client_ask *asks; /* of those that run, by name */
	size_t count;
};
/* `name`: of that one alone; NULL: of all. 0, or -errno where they cannot be listed; -ENOENT: it is not running. One that does not
 * answer within `patience_ms` has an error in its ask. Freed by gathered_free(), also after an error. */
int gather(int run_directory, const char *name, json_t *request, unsigned patience_ms, struct gathered *out);
void gathered_free(struct gathered *);
