/* The keys of microsandbox's documents, and what is said of those that are none of them. */
#include "policy/import_keys.h"
#include "base/text.h"

#include <string.h>

static const struct {
	const char *name;
	const char *const *keys;
} shapes[IMPORT_SHAPE_COUNT] = {
#define SHAPE(id, name, ...) [IMPORT_##id] = { name, (const char *const[]){ __VA_ARGS__, NULL } },
#include "policy/import_keys.def"
};

/* Silence about these would leave open what was meant to be closed */
static const struct {
	const char *key, *what, *instead;
} not_here[] = {
	{ "enabled", "a sandbox without a network card",
	  "deny everything: `default_egress` and `default_ingress` \"deny\" without rules, or --no-net" },
	{ "tls", "TLS interception", "remove it, or say that its `enabled` is false" },
	{ "strict", "names that are held against what TLS or HTTP ask for",
	  "remove it: a rule for a name opens the addresses that the sandbox's DNS answered for it" },
	{ "trust_host_cas", "the host's certificates in the guest", "remove it, and put them into the image" },
	{ "secrets", "secrets that are put into requests on their way",
	  "remove them, and give them to the guest itself" },
	{ "http", "an HTTP answer to what is denied", "remove it: what is denied is refused, without words" },
	{ "outbound_proxy", "a proxy that connections are led through",
	  "remove it, allow the proxy's address, and tell the guest's programs of it: HTTPS_PROXY" },
	{ "vsock", "services of the host behind vsock",
	  "remove its routes; a service of the host is allowed as `host`, by its port" },
};

const char *const *import_keys(enum import_shape shape)
{
	return shapes[shape].keys;
}

const char *import_keys_name(enum import_shape shape)
{
	return shapes[shape].name;
}

bool import_keys_has(enum import_shape shape, const char *key)
{
	const char *const *keys = shapes[shape].keys;

	while (*keys && strcmp(*keys, key) != 0)
		keys++;
	return *keys != NULL;
}

/* "a, b, c" */
static const char *listed(struct arena *arena, const char *const *words)
{
	struct text text = { .arena = arena };

	for (size_t i = 0; words[i]; i++)
		text_addf(&text, "%s%s", i ? ", " : "", words[i]);
	return text_get(&text);
}

bool import_keys_check(struct diags *diags, enum import_shape shape, enum import_shape more, const char *key,
		       struct span span)
{
	const char *const *keys = shapes[shape].keys;

	if (import_keys_has(shape, key) || import_keys_has(more, key))
		return true;
	struct diag *diag = diag_error(diags, "unknown-key", span, "no such key: `%s`", key);
	const char *near = diag_nearest(key, keys);
	diag_did_you_mean(diags, diag, span, near ? near : diag_nearest(key, shapes[more].keys));
	diag->help =
		arena_printf(diags->arena, "the keys of %s are %s", shapes[shape].name, listed(diags->arena, keys));
	return false;
}

struct diag *import_keys_word(struct diags *diags, const char *id, struct span span, const char *what, const char *word,
			      const char *const *words)
{
	struct diag *diag = diag_error(diags, id, span, "no such %s: `%s`", what, word);

	diag_did_you_mean(diags, diag, span, diag_nearest(word, words));
	diag->help = arena_printf(diags->arena, "one of %s", listed(diags->arena, words));
	return diag;
}

void import_keys_not_here(struct diags *diags, const char *key, struct span span)
{
	for (size_t i = 0; i < sizeof not_here / sizeof *not_here; i++)
		if (!strcmp(not_here[i].key, key))
			diag_error(diags, "not-yet", span, "not here: `%s`, %s", key, not_here[i].what)->help =
				not_here[i].instead;
}
