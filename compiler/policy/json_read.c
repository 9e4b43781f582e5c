/* Values out of a JSON document, with errors at the value in question. */
#include "policy/json_read.h"

#include <string.h>

struct diag *json_read_report(struct json_read *read, const char *id, struct span span, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	struct diag *diag = diag_error(read->r->diags, id, span, "%s", arena_vprintf(read->r->arena, fmt, args));
	va_end(args);
	return diag;
}

bool json_read_object(struct json_read *read, struct json_node *node, enum import_shape shape)
{
	if (!json_is_object(node->json)) {
		json_read_report(read, "bad-value", node->span, "%s is no object", import_keys_name(shape));
		return false;
	}
	json_tree_open(read->nodes, read->r->diags->sources, node);
	for (size_t i = 0; i < node->count; i++)
		import_keys_check(read->r->diags, shape, shape == IMPORT_JSON_SANDBOX ? IMPORT_JSON_ELSEWHERE : shape,
				  node->parts[i].name, node->parts[i].key);
	return true;
}

/* What microsandbox writes as null where it has no value */
static bool may_be_null(const char *key)
{
	static const char *const keys[] = { "interface",
					    "policy",
					    "dns",
					    "tls",
					    "secrets",
					    "http",
					    "outbound_proxy",
					    "vsock",
					    "rate_limiter",
					    "egress",
					    "ingress",
					    "bandwidth",
					    "ops",
					    "bytes",
					    "one_time_burst",
					    "max_connections",
					    "max_tcp_connections",
					    "max_udp_connections",
					    "tcp_accept_queue_size",
					    "mac",
					    "mtu",
					    "ipv4_address",
					    "ipv6_address",
					    "ipv4_pool",
					    "ipv6_pool",
					    NULL };
	size_t i = 0;

	while (keys[i] && strcmp(keys[i], key) != 0)
		i++;
	return keys[i] != NULL;
}

struct json_node *json_read_get(const struct json_node *object, const char *key)
{
	struct json_node *node = json_tree_get(object, key);

	return node && json_is_null(node->json) && may_be_null(key) ? NULL : node;
}

struct span json_read_span(const struct json_node *object, const char *key)
{
	const struct json_node *node = json_tree_get(object, key);
	struct span brace = object->span;

	brace.end = brace.start + 1;
	return node ? json_tree_inside(node) : brace;
}

const char *json_read_text(struct json_read *read, const struct json_node *object, const char *key)
{
	const struct json_node *node = json_read_get(object, key);

	if (node && json_is_string(node->json))
		return arena_strdup(read->r->arena, json_string_value(node->json));
	if (node)
		json_read_report(read, "bad-value", node->span, "`%s` is no string", key);
	return NULL;
}

bool json_read_number(struct json_read *read, const struct json_node *object, const char *key, uint64_t max,
		      uint64_t *out)
{
	const struct json_node *node = json_read_get(object, key);

	if (!node)
		return false;
	if (json_is_integer(node->json) && json_integer_value(node->json) >= 0 &&
	    (uint64_t)json_integer_value(node->json) <= max) {
		*out = (uint64_t)json_integer_value(node->json);
		return true;
	}
	json_read_report(read, "bad-value", node->span, "`%s` is no number from 0 to %ju", key, (uintmax_t)max);
	return false;
}

bool json_read_flag(struct json_read *read, const struct json_node *object, const char *key, bool *out)
{
	const struct json_node *node = json_read_get(object, key);

	if (!node)
		return false;
	if (!json_is_boolean(node->json)) {
		json_read_report(read, "bad-value", node->span, "`%s` is neither true nor false", key);
		return false;
	}
	*out = json_is_true(node->json);
	return true;
}

struct json_node *json_read_list(struct json_read *read, const struct json_node *object, const char *key)
{
	struct json_node *node = json_read_get(object, key);

	if (!node)
		return NULL;
	if (!json_is_array(node->json)) {
		json_read_report(read, "bad-value", node->span, "`%s` is no array", key);
		return NULL;
	}
	json_tree_open(read->nodes, read->r->diags->sources, node);
	return node;
}

const char *json_read_element(struct json_read *read, const struct json_node *element, const char *what)
{
	if (json_is_string(element->json))
		return arena_strdup(read->r->arena, json_string_value(element->json));
	json_read_report(read, "bad-value", element->span, "`%s` is an array of strings", what);
	return "";
}

int json_read_word(struct json_read *read, const struct json_node *object, const char *key, const char *id,
		   const char *what, const char *const *words)
{
	const struct json_node *node = json_read_get(object, key);
	const char *word = json_read_text(read, object, key);

	for (int i = 0; word && words[i]; i++)
		if (!strcmp(word, words[i]))
			return i;
	if (word)
		import_keys_word(read->r->diags, id, json_tree_inside(node), what, word, words);
	return -1;
}
