/* What the importers of Kubernetes' objects share: members of maps, networks with exceptions, ports, and rules. */
#include "policy/import_object.h"
#include "base/units.h"

#include <string.h>

enum { PREFIXES_MOST = 4096, RANGE_PREFIXES = 254 };

struct diag *import_report(struct import *import, const char *id, const struct yaml_node *at, const char *what)
{
	return diag_error(import->r->diags, id, at->span, "%s", what);
}

bool import_is_text(const struct yaml_node *node, const char *text)
{
	return node && node->kind == YAML_TEXT && !strcmp(node->text, text);
}

bool import_is_null(const struct yaml_node *node)
{
	return !node || (node->kind == YAML_TEXT && node->plain &&
			 (!*node->text || !strcmp(node->text, "null") || !strcmp(node->text, "~")));
}

bool import_map(struct import *import, const struct yaml_node *map, enum import_shape shape)
{
	size_t errors = import->r->diags->errors;

	if (map->kind != YAML_MAP) {
		diag_error(import->r->diags, "bad-value", map->span, "%s is no map", import_keys_name(shape));
		return false;
	}
	for (size_t i = 0; i < map->items.count; i += 2)
		import_keys_check(import->r->diags, shape, shape, map->items.items[i]->text, map->items.items[i]->span);
	return import->r->diags->errors == errors;
}

/* A member that is a list; NULL where it is absent or null, or none, which is reported */
const struct yaml_node *import_list(struct import *import, const struct yaml_node *map, const char *key)
{
	const struct yaml_node *list = yaml_get(map, key);

	if (import_is_null(list))
		return NULL;
	if (list->kind == YAML_LIST)
		return list;
	diag_error(import->r->diags, "bad-value", list->span, "`%s` is no list", key);
	return NULL;
}

/* Whether it is a map, or not there; another value is reported */
bool import_is_map(struct import *import, const struct yaml_node *node, const char *key)
{
	if (import_is_null(node) || node->kind == YAML_MAP)
		return true;
	diag_error(import->r->diags, "bad-value", node->span, "`%s` is no map", key);
	return false;
}

static bool same_node(const struct yaml_node *a, const struct yaml_node *b)
{
	if (import_is_null(a) || import_is_null(b))
		return import_is_null(a) && import_is_null(b);
	if (a->kind != b->kind || a->items.count != b->items.count)
		return false;
	if (a->kind == YAML_TEXT)
		return !strcmp(a->text, b->text);
	for (size_t i = 0; i < a->items.count; i++)
		if (!same_node(a->items.items[i], b->items.items[i]))
			return false;
	return true;
}

/* Objects that are about other pods would not add up */
bool import_same_pods(struct import *import, const struct yaml_node *object, const struct yaml_node *spec,
		      const char *selector)
{
	static const struct yaml_node none = { .kind = YAML_MAP };
	const struct yaml_node *metadata = yaml_get(object, "metadata"), *pods = yaml_get(spec, selector);

	if (!import_is_map(import, metadata, "metadata") ||
	    !import_is_map(import, yaml_get(object, "status"), "status") || !import_is_map(import, pods, selector))
		return false;
	metadata = import_is_null(metadata) ? &none : metadata;
	pods = import_is_null(pods) ? &none : pods;
	if (!import->pods) {
		import->metadata = metadata;
		import->pods = pods;
	}
	if (same_node(yaml_get(metadata, "namespace"), yaml_get(import->metadata, "namespace")) &&
	    same_node(pods, import->pods))
		return true;
	import_report(import, "conflict", spec, "this is about other pods than the file's first policy")->help =
		"a file for each: the policies of a file add up to that of one sandbox";
	return false;
}

bool import_prefix(struct import *import, const struct yaml_node *node, struct policy_target *out)
{
	struct rule_scope scope = { .arena = import->r->arena, .diags = import->r->diags };

	if (!node || node->kind != YAML_TEXT) {
		diag_error(import->r->diags, "bad-value", node ? node->span : SPAN_NONE, "a network is a text");
		return false;
	}
	struct ast_word word = { .span = node->span, .text = node->text };
	return rule_parse_cidr(&scope, &word, out);
}

static bool read_except(struct import *import, const struct yaml_node *node, struct addr_prefix cidr,
			struct addr_set *out)
{
	struct policy_target except;

	if (!import_prefix(import, node, &except))
		return false;
	if (except.prefix.addr.family != cidr.addr.family || except.prefix.len < cidr.len ||
	    !addr_prefix_contains(cidr, except.prefix.addr)) {
		import_report(import, "bad-value", node, "this exception is not inside its `cidr`");
		return false;
	}
	addr_set_add(import->r->arena, out, addr_prefix_range(except.prefix));
	return true;
}

static void add_ranges(struct import *import, const struct yaml_node *block, const struct addr_set *set,
		       struct policy_targets *out)
{
	struct addr_prefix prefixes[RANGE_PREFIXES];

	for (size_t i = 0; i < set->count; i++) {
		size_t count = addr_range_prefixes(set->family, set->items[i], prefixes);
		import->prefixes += count;
		if (import->prefixes > PREFIXES_MOST) {
			import_report(import, "too-complex", block,
				      "the networks of this file are too many without their exceptions");
			return;
		}
		for (size_t j = 0; j < count; j++)
			*arena_push(import->r->arena, out) = (struct policy_target){ .kind = TARGET_CIDR,
										     .prefix = prefixes[j],
										     .span = block->span };
	}
}

void import_block(struct import *import, const struct yaml_node *block, const struct yaml_node *list,
		  struct policy_targets *out)
{
	const struct yaml_node *text = yaml_get(block, "cidr");
	struct policy_target cidr;

	if (!text) {
		import_report(import, "bad-value", block, "a block of addresses has no `cidr`");
		return;
	}
	if (!import_prefix(import, text, &cidr))
		return;
	struct addr_range whole = addr_prefix_range(cidr.prefix);
	struct addr_set set = addr_set_from_ranges(import->r->arena, cidr.prefix.addr.family, &whole, 1);
	struct addr_set except = addr_set_empty(cidr.prefix.addr.family);
	for (size_t i = 0; list && i < list->items.count; i++)
		if (!read_except(import, list->items.items[i], cidr.prefix, &except))
			return;
	set = addr_set_subtract(import->r->arena, &set, &except);
	add_ranges(import, block, &set, out);
}

bool import_port_number(struct import *import, const struct yaml_node *node, uint16_t *out)
{
	uint64_t number;

	if (node->kind == YAML_TEXT && node->plain && units_number(node->text, &number) && number &&
	    number <= UINT16_MAX) {
		*out = (uint16_t)number;
		return true;
	}
	import_report(import, "bad-ports", node, "a port is a number from 1 to 65535")->help =
		"what a port's name means only a cluster knows";
	return false;
}

void import_add_rule(struct import *import, const struct policy_rule *made)
{
	struct policy_rule rule = *made;

	if (!rule.targets.count)
		return;
	rule.until_span = SPAN_NONE;
	rule.origin = ORIGIN_FILE;
	rule.text = policy_rule_format(import->r->arena, &rule);
	*arena_push(import->r->arena, &import->r->policy->rules) = rule;
}
