/* A policy's makings, to JSON and back. What is read may be a stranger's: each value's type is looked at, and what an option
 * means is found out by resolving, as on a command line. */
#include "policy/policy_bundle.h"
#include "policy/library.h"

#include <jansson.h>
#include <string.h>

#define BUNDLE_VERSION 1
#define GRANTS_MAX 32

/* ---- of a policy ---- */

/* `include <name>` finds its text in every program */
static bool is_of_library(struct arena *arena, const struct source *source)
{
	size_t len = strlen(source->name);
	const char *text = len > 2 && source->name[0] == '<' && source->name[len - 1] == '>' ?
				   library_text(arena_strndup(arena, source->name + 1, len - 2)) :
				   NULL;

	return text && strlen(text) == source->len && !memcmp(text, source->text, source->len);
}

static bool is_of_floor(const struct policy *policy, size_t source)
{
	for (size_t i = 0; i < policy->floors.count; i++) {
		const struct policy *floor = policy->floors.items[i];
		if (source >= floor->first_source && source - floor->first_source < floor->source_count)
			return true;
	}
	return false;
}

static struct source_texts texts_of(struct arena *arena, const struct policy *policy, bool floors)
{
	const struct sources *sources = policy->sources;
	struct source *items = arena_alloc(arena, (sources->count + 1) * sizeof *items);
	size_t count = 0;

	for (size_t i = 0; i < sources->count; i++)
		if (sources->items[i]->kind == SOURCE_FILE && is_of_floor(policy, i) == floors &&
		    !is_of_library(arena, sources->items[i]))
			items[count++] = *sources->items[i];
	return (struct source_texts){ items, count, NULL };
}

static bool is_utf8(const struct source_texts *texts)
{
	for (size_t i = 0; i < texts->count; i++) {
		json_t *text = json_stringn(texts->items[i].text, texts->items[i].len);
		if (!text)
			return false;
		json_decref(text);
	}
	return true;
}

bool policy_bundle_of(struct arena *arena, const struct policy *policy, struct policy_bundle *out)
{
	*out = (struct policy_bundle){ .options = *policy->made_from,
				       .file = policy->file,
				       .files = texts_of(arena, policy, false),
				       .floors = texts_of(arena, policy, true) };
	return is_utf8(&out->files) && is_utf8(&out->floors);
}

/* ---- to JSON ---- */

static bool add_option(void *self, const char *name, const char *value)
{
	json_t *pair = json_array();

	json_array_append_new(pair, json_string(name));
	if (value)
		json_array_append_new(pair, json_string(value));
	return json_array_append_new(self, pair) == 0;
}

static json_t *texts_json(const struct source_texts *texts)
{
	json_t *list = json_array();

	for (size_t i = 0; i < texts->count; i++) {
		const struct source *source = &texts->items[i];
		json_t *item = json_object();
		json_object_set_new(item, "name", json_string(source->name));
		if (source->path && strcmp(source->path, source->name) != 0)
			json_object_set_new(item, "path", json_string(source->path));
		json_object_set_new(item, "text", json_stringn(source->text, source->len));
		if (!source->quotable)
			json_object_set_new(item, "quotable", json_false());
		json_array_append_new(list, item);
	}
	return list;
}

static json_t *grants_json(const struct policy_options *options)
{
	json_t *list = json_array();

	for (size_t i = 0; i < options->grants.count; i++) {
		json_t *item = json_object();
		json_object_set_new(item, "id", json_integer(options->grants.items[i].id));
		json_object_set_new(item, "rule", json_string(options->grants.items[i].rule));
		json_array_append_new(list, item);
	}
	return list;
}

static void set_text(json_t *object, const char *key, const char *text)
{
	if (text)
		json_object_set_new(object, key, json_string(text));
}

char *policy_bundle_write(struct arena *arena, const struct policy_bundle *bundle, size_t *len)
{
	json_t *root = json_object(), *options = json_array();

	options_each(&bundle->options, add_option, options);
	json_object_set_new(root, "version", json_integer(BUNDLE_VERSION));
	set_text(root, "file", bundle->file);
	set_text(root, "text", bundle->options.text);
	set_text(root, "floors_today", bundle->options.floors_today);
	json_object_set_new(root, "options", options);
	json_object_set_new(root, "files", texts_json(&bundle->files));
	json_object_set_new(root, "floors", texts_json(&bundle->floors));
	json_object_set_new(root, "grants", grants_json(&bundle->options));
	char *text = json_dumps(root, JSON_COMPACT), *copy = NULL;
	json_decref(root);
	if (text) {
		*len = strlen(text);
		copy = arena_strndup(arena, text, *len);
	}
	free(text);
	return copy;
}

/* ---- from JSON ---- */

struct reading {
	struct arena *arena;
	const char *why; /* the first that is wrong */
};

static void refuse(struct reading *reading, const char *why)
{
	if (!reading->why)
		reading->why = why;
}

/* Into the arena. NULL where it is absent; a NUL in what is to be a word of a command line is refused */
static const char *text_at(struct reading *reading, const json_t *value)
{
	if (!value)
		return NULL;
	if (!json_is_string(value) || strlen(json_string_value(value)) != json_string_length(value)) {
		refuse(reading, "a bundle's names and options are texts");
		return NULL;
	}
	return arena_strdup(reading->arena, json_string_value(value));
}

static void read_options(struct reading *reading, const json_t *list, struct policy_options *options)
{
	size_t index;
	json_t *pair;

	json_array_foreach(list, index, pair)
	{
		const char *name = text_at(reading, json_array_get(pair, 0));
		const char *value = text_at(reading, json_array_get(pair, 1));
		if (!name || json_array_size(pair) > 2 || !options_take_named(options, name, value))
			refuse(reading, "a bundle's options are [NAME] or [NAME, VALUE] of policy options");
	}
}

static struct source_texts read_texts(struct reading *reading, const json_t *list)
{
	struct source *items = arena_alloc(reading->arena, (json_array_size(list) + 1) * sizeof *items);
	size_t index;
	json_t *item;

	json_array_foreach(list, index, item)
	{
		const json_t *text = json_object_get(item, "text");
		struct source *source = &items[index];
		source->kind = SOURCE_FILE;
		source->name = text_at(reading, json_object_get(item, "name"));
		source->path = text_at(reading, json_object_get(item, "path"));
		source->quotable = !json_is_false(json_object_get(item, "quotable"));
		if (!source->name || !json_is_string(text)) {
			refuse(reading, "a bundle's files have a name and a text");
			continue;
		}
		source->len = json_string_length(text);
		source->text = arena_strndup(reading->arena, json_string_value(text), source->len);
	}
	return (struct source_texts){ items, reading->why ? 0 : json_array_size(list), NULL };
}

static void read_grants(struct reading *reading, const json_t *list, struct policy_options *options)
{
	size_t index;
	json_t *item;

	if (json_array_size(list) > GRANTS_MAX)
		refuse(reading, "a bundle has at most 32 grants");
	json_array_foreach(list, index, item)
	{
		const json_t *id = json_object_get(item, "id");
		const char *rule = text_at(reading, json_object_get(item, "rule"));
		if (!rule || !json_is_integer(id) || json_integer_value(id) < 1 || json_integer_value(id) > UINT32_MAX)
			refuse(reading, "a bundle's grants have an id and a rule");
		else
			*arena_push(reading->arena, &options->grants) =
				(struct policy_grant){ (uint32_t)json_integer_value(id), rule };
	}
}

static const struct {
	const char *key;
	json_type type;
	bool required;
} parts[] = {
	{ "version", JSON_INTEGER, true }, { "file", JSON_STRING, false },         { "text", JSON_STRING, false },
	{ "options", JSON_ARRAY, true },   { "floors_today", JSON_STRING, false }, { "files", JSON_ARRAY, true },
	{ "floors", JSON_ARRAY, false },   { "grants", JSON_ARRAY, false },
};
enum { PARTS = sizeof parts / sizeof *parts };

static void check_parts(struct reading *reading, const json_t *root)
{
	size_t known = 0;

	for (size_t i = 0; i < PARTS; i++) {
		const json_t *part = json_object_get(root, parts[i].key);
		known += part != NULL;
		if (part ? json_typeof(part) != parts[i].type : parts[i].required)
			refuse(reading, "not a bundle: it lacks a part, or has one of another type");
	}
	if (known != json_object_size(root))
		refuse(reading, "not a bundle: it has parts that no bundle has");
	if (json_integer_value(json_object_get(root, "version")) != BUNDLE_VERSION)
		refuse(reading, "a bundle of another version: programs of one version read each other's");
}

/* Who asks for a file by option gets that, or nothing */
static void check_file(struct reading *reading, const struct policy_bundle *bundle)
{
	const struct options_list *named = &bundle->options.files;

	if (named->count > 1 || (named->count == 1 && (!bundle->file || strcmp(named->items[0], bundle->file) != 0)))
		refuse(reading, "a bundle's \"file\" is the one that its option `policy` names");
}

const char *policy_bundle_read(struct arena *arena, const char *text, size_t len, struct policy_bundle *out)
{
	struct reading reading = { .arena = arena };
	json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);

	*out = (struct policy_bundle){ .options.arena = arena };
	if (!json_is_object(root))
		refuse(&reading, "not a bundle: no JSON object");
	else
		check_parts(&reading, root);
	if (!reading.why) {
		out->file = text_at(&reading, json_object_get(root, "file"));
		out->options.text = text_at(&reading, json_object_get(root, "text"));
		out->options.floors_today = text_at(&reading, json_object_get(root, "floors_today"));
		read_options(&reading, json_object_get(root, "options"), &out->options);
		out->files = read_texts(&reading, json_object_get(root, "files"));
		out->floors = read_texts(&reading, json_object_get(root, "floors"));
		read_grants(&reading, json_object_get(root, "grants"), &out->options);
		check_file(&reading, out);
	}
	json_decref(root);
	return reading.why;
}

struct policy *policy_bundle_resolve(const struct policy_bundle *bundle, struct diags *diags)
{
	struct source_texts files = bundle->files;
	struct policy_options options = bundle->options;

	files.floors = &bundle->floors;
	options.arena = diags->arena;
	diags->sources->texts = &files;
	struct policy *policy = options_resolve(&options, bundle->file, diags);
	diags->sources->texts = NULL;
	return policy;
}

/* ---- both ---- */

static bool same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

const char *policy_bundle_keep(struct policy_bundle *wanted, const struct policy_bundle *running)
{
	struct policy_options *options = &wanted->options;

	if (options->floors.count)
		return "a sandbox keeps the floors it was started with: leave out --floor, or start it anew";
	if (options->deployment_profile &&
	    !same_text(options->deployment_profile, running->options.deployment_profile) &&
	    (running->options.deployment_profile || strcmp(options->deployment_profile, "single-tenant") != 0))
		return "a sandbox keeps its deployment profile: start it anew for another";
	options->floors = running->options.floors;
	options->floors_today = running->options.floors_today;
	options->deployment_profile = running->options.deployment_profile;
	options->grants.items = running->options.grants.items;
	options->grants.count = options->grants.cap = running->options.grants.count;
	wanted->floors = running->floors;
	return NULL;
}

char *policy_bundle(struct arena *arena, const struct policy *policy, size_t *len)
{
	struct policy_bundle bundle;

	return policy_bundle_of(arena, policy, &bundle) ? policy_bundle_write(arena, &bundle, len) : NULL;
}

struct policy *policy_unbundle(struct arena *arena, const char *text, size_t len, struct diags *diags)
{
	struct policy_bundle bundle;
	const char *why = policy_bundle_read(arena, text, len, &bundle);

	if (why) {
		diag_error(diags, "usage", SPAN_NONE, "%s", why);
		return NULL;
	}
	struct policy *policy = policy_bundle_resolve(&bundle, diags);
	return diags->errors ? NULL : policy;
}
