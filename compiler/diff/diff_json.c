/* The diff for programs: docs/diff.schema.json describes the keys. Keys are added, never changed or dropped. */
#include "diff/diff_print.h"
#include "base/escape.h"

#include <stdlib.h>

void diff_json_set(struct arena *arena, json_t *object, const char *key, const char *text)
{
	if (text)
		json_object_set_new(object, key, json_string(escape_json(arena, text)));
}

static json_t *decider_json(struct arena *arena, const struct diff *diff, const struct diff_region *region, int side)
{
	json_t *object = json_object();

	if (region->by[side].kind == DECIDER_RULE)
		json_object_set_new(object, "rule", json_integer((json_int_t)region->by[side].rule + 1));
	diff_json_set(arena, object, "text", diff_decider_text(arena, diff, region, side));
	diff_json_set(arena, object, "place",
		      place_or_dash(span_format_line(arena, diff->policies[side]->sources,
						     diff_decider_span(diff, region, side))));
	diff_json_set(arena, object, "because", diff_decider_because(diff, region, side));
	return object;
}

static json_t *region_json(struct arena *arena, const struct diff *diff, const struct diff_region *region)
{
	json_t *object = json_object();

	diff_json_set(arena, object, "was", policy_action_name(region->was));
	diff_json_set(arena, object, "now", policy_action_name(diff_now(region)));
	diff_json_set(arena, object, "region", region->words);
	diff_json_set(arena, object, "except", region->except);
	if (region->by_server_name)
		json_object_set_new(object, "serverName", json_true());
	diff_json_set(arena, object, "boundTo", region->together);
	diff_json_set(arena, object, "example", region->example_text);
	json_object_set_new(object, "before", decider_json(arena, diff, region, 0));
	json_object_set_new(object, "after", decider_json(arena, diff, region, 1));
	return object;
}

static json_t *publish_json(struct arena *arena, const struct diff *diff, const struct diff_publish *change)
{
	const struct policy_publish *publish = change->publish;
	char buf[ADDR_TEXT_MAX];
	json_t *object = json_object();

	diff_json_set(arena, object, "change", change->added ? "added" : "removed");
	diff_json_set(arena, object, "bind", addr_format(publish->bind, buf));
	json_object_set_new(object, "hostPort", json_integer(publish->host_port));
	json_object_set_new(object, "guestPort", json_integer(publish->guest_port));
	diff_json_set(arena, object, "protocol", policy_proto_name(publish->proto));
	diff_json_set(arena, object, "place",
		      place_or_dash(span_format_line(arena, diff->policies[change->added]->sources, publish->span)));
	return object;
}

static json_t *network_json(struct arena *arena, const struct diff_network *network)
{
	char buf[ADDR_TEXT_MAX];
	json_t *object = json_object();

	diff_json_set(arena, object, "change", network->added ? "added" : "removed");
	diff_json_set(arena, object, "prefix",
		      arena_printf(arena, "%s/%u", addr_format(network->prefix.addr, buf), network->prefix.len));
	return object;
}

static json_t *setting_json(struct arena *arena, const struct diff *diff, const struct diff_setting *setting)
{
	int side = diff_setting_side(setting);
	json_t *object = json_object();

	diff_json_set(arena, object, "effect", diff_effect_name(setting->effect));
	diff_json_set(arena, object, "name", setting->name);
	diff_json_set(arena, object, "before", setting->values[0]);
	diff_json_set(arena, object, "after", setting->values[1]);
	diff_json_set(arena, object, "text", diff_setting_text(arena, setting));
	diff_json_set(arena, object, "place",
		      place_or_dash(span_format_line(arena, diff->policies[side]->sources, setting->spans[side])));
	return object;
}

json_t *diff_json_document(struct arena *arena, const struct diff *diff)
{
	json_t *document = json_object(), *changes = json_array(), *published = json_array(), *networks = json_array();
	json_t *settings = json_array();

	for (size_t i = 0; i < diff->regions.count; i++)
		json_array_append_new(changes, region_json(arena, diff, &diff->regions.items[i]));
	for (size_t i = 0; i < diff->publishes.count; i++)
		json_array_append_new(published, publish_json(arena, diff, &diff->publishes.items[i]));
	for (size_t i = 0; i < diff->networks.count; i++)
		json_array_append_new(networks, network_json(arena, &diff->networks.items[i]));
	for (size_t i = 0; i < diff->settings.count; i++)
		json_array_append_new(settings, setting_json(arena, diff, &diff->settings.items[i]));
	json_object_set_new(document, "version", json_integer(1));
	json_object_set_new(document, "changes", changes);
	json_object_set_new(document, "published", published);
	json_object_set_new(document, "nat64", networks);
	json_object_set_new(document, "settings", settings);
	json_object_set_new(document, "changed", json_integer((json_int_t)diff_count_settings(diff, DIFF_CHANGES)));
	json_object_set_new(document, "opened", json_integer((json_int_t)diff_opens(diff)));
	json_object_set_new(document, "closed", json_integer((json_int_t)diff_closes(diff)));
	return document;
}

const char *diff_json_text(struct arena *arena, json_t *document)
{
	char *dumped = json_dumps(document, JSON_INDENT(2) | JSON_ENSURE_ASCII);
	const char *text = arena_printf(arena, "%s\n", dumped);

	free(dumped);
	json_decref(document);
	return text;
}

const char *diff_json(struct arena *arena, const struct diff *diff)
{
	return diff_json_text(arena, diff_json_document(arena, diff));
}
