/* The diff for programs: docs/diff.schema.json describes the keys. Keys are added, never changed or dropped. */
#include "diff/diff.h"
#include "base/escape.h"

#include <jansson.h>
#include <stdlib.h>

static void set_text(struct arena *arena, json_t *object, const char *key, const char *text)
{
	if (text)
		json_object_set_new(object, key, json_string(escape_json(arena, text)));
}

static json_t *decider_json(struct arena *arena, const struct diff *diff, const struct diff_region *region, int side)
{
	json_t *object = json_object();

	if (region->by[side].kind == DECIDER_RULE)
		json_object_set_new(object, "rule", json_integer((json_int_t)region->by[side].rule + 1));
	set_text(arena, object, "text", diff_decider_text(arena, diff, region, side));
	set_text(arena, object, "place",
		 place_or_dash(span_format_line(arena, diff->policies[side]->sources,
						diff_decider_span(diff, region, side))));
	set_text(arena, object, "because", diff_decider_because(diff, region, side));
	return object;
}

static json_t *region_json(struct arena *arena, const struct diff *diff, const struct diff_region *region)
{
	json_t *object = json_object();

	set_text(arena, object, "was", policy_action_name(region->was));
	set_text(arena, object, "now", policy_action_name(diff_now(region)));
	set_text(arena, object, "region", region->words);
	set_text(arena, object, "except", region->except);
	if (region->by_server_name)
		json_object_set_new(object, "serverName", json_true());
	set_text(arena, object, "boundTo", region->together);
	set_text(arena, object, "example", region->example_text);
	json_object_set_new(object, "before", decider_json(arena, diff, region, 0));
	json_object_set_new(object, "after", decider_json(arena, diff, region, 1));
	return object;
}

static json_t *publish_json(struct arena *arena, const struct diff *diff, const struct diff_publish *change)
{
	const struct policy_publish *publish = change->publish;
	char buf[ADDR_TEXT_MAX];
	json_t *object = json_object();

	set_text(arena, object, "change", change->added ? "added" : "removed");
	set_text(arena, object, "bind", addr_format(publish->bind, buf));
	json_object_set_new(object, "hostPort", json_integer(publish->host_port));
	json_object_set_new(object, "guestPort", json_integer(publish->guest_port));
	set_text(arena, object, "protocol", policy_proto_name(publish->proto));
	set_text(arena, object, "place",
		 place_or_dash(span_format_line(arena, diff->policies[change->added]->sources, publish->span)));
	return object;
}

static json_t *network_json(struct arena *arena, const struct diff_network *network)
{
	char buf[ADDR_TEXT_MAX];
	json_t *object = json_object();

	set_text(arena, object, "change", network->added ? "added" : "removed");
	set_text(arena, object, "prefix",
		 arena_printf(arena, "%s/%u", addr_format(network->prefix.addr, buf), network->prefix.len));
	return object;
}

static json_t *count_json(const struct diff *diff, bool opens)
{
	return json_integer((json_int_t)(diff_count_regions(diff, opens ? POLICY_ALLOW : POLICY_DENY) +
					 diff_count_publishes(diff, opens)));
}

const char *diff_json(struct arena *arena, const struct diff *diff)
{
	json_t *document = json_object(), *changes = json_array(), *published = json_array(), *networks = json_array();
	const char *text;
	char *dumped;

	for (size_t i = 0; i < diff->regions.count; i++)
		json_array_append_new(changes, region_json(arena, diff, &diff->regions.items[i]));
	for (size_t i = 0; i < diff->publishes.count; i++)
		json_array_append_new(published, publish_json(arena, diff, &diff->publishes.items[i]));
	for (size_t i = 0; i < diff->networks.count; i++)
		json_array_append_new(networks, network_json(arena, &diff->networks.items[i]));
	json_object_set_new(document, "version", json_integer(1));
	json_object_set_new(document, "changes", changes);
	json_object_set_new(document, "published", published);
	json_object_set_new(document, "nat64", networks);
	json_object_set_new(document, "opened", count_json(diff, true));
	json_object_set_new(document, "closed", count_json(diff, false));
	dumped = json_dumps(document, JSON_INDENT(2) | JSON_ENSURE_ASCII);
	text = arena_printf(arena, "%s\n", dumped);
	free(dumped);
	json_decref(document);
	return text;
}
