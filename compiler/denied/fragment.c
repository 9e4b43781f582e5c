/* From suggestions to text: of each kind the rules, ports of one target together, then targets of one service. */
#include "denied/fragment.h"
#include "base/name.h"
#include "base/text.h"
#include "policy/policy_facts.h"
#include "policy/resolve.h"
#include "syntax/parse.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS (4 * FRAGMENT_MOST) /* a power of two, never full */

/* The rule's, or the free one where it goes: index + 1, 0 where it is free */
static uint32_t *find_slot(const struct fragment *fragment, const char *rule)
{
	uint32_t hash = 2166136261u;

	for (const char *at = rule; *at; at++)
		hash = (hash ^ (uint8_t)*at) * 16777619u;
	for (;; hash++) {
		uint32_t *slot = &fragment->index[hash % SLOTS];

		if (!*slot || !strcmp(fragment->items[*slot - 1].rule, rule))
			return slot;
	}
}

struct fragment_item *fragment_item(struct fragment *fragment, const char *rule)
{
	struct fragment_item *item;
	uint32_t *slot;

	if (!fragment->index)
		fragment->index = arena_alloc(fragment->arena, SLOTS * sizeof *fragment->index);
	slot = find_slot(fragment, rule);
	if (*slot)
		return &fragment->items[*slot - 1];
	if (fragment->count == FRAGMENT_MOST) {
		fragment->more++;
		return NULL;
	}
	item = arena_push(fragment->arena, fragment);
	item->rule = arena_strdup(fragment->arena, rule);
	*slot = (uint32_t)fragment->count;
	return item;
}

static int compare_items(const void *a, const void *b)
{
	const struct fragment_item *x = a, *y = b;

	return COMPARE(x->rank, y->rank)            ?:
		       strcmp(x->target, y->target) ?:
		       strcmp(x->proto, y->proto)   ?:
						      COMPARE(x->port, y->port);
}

/* A rule on a service of a name's brings its lookup */
static bool brings_lookup(const struct fragment *fragment, const struct fragment_item *lookup)
{
	for (size_t i = 0; i < fragment->count; i++)
		if (fragment->items[i].rank == SUGGEST_NAME && name_equal(fragment->items[i].name, lookup->name))
			return true;
	return false;
}

static void drop_needless(struct fragment *fragment)
{
	size_t kept = 0;

	for (size_t i = 0; i < fragment->count; i++)
		if (fragment->items[i].rank != SUGGEST_LOOKUP || !brings_lookup(fragment, &fragment->items[i]))
			fragment->items[kept++] = fragment->items[i];
	fragment->count = kept;
}

/* ---- rules ---- */

/* One target's ports of one protocol: ":tcp:443", ":tcp:{80,443}", ":icmpv4" */
struct service {
	enum suggest_rank rank;
	const char *target, *text;
	size_t count;
	bool written;
};

struct services {
	struct service *items;
	size_t count, cap;
};

static struct services services_of(const struct fragment *fragment)
{
	struct services services = { 0 };

	for (size_t i = 0, end; i < fragment->count; i = end) {
		const struct fragment_item *first = &fragment->items[i];
		struct text ports = { .arena = fragment->arena };
		struct service *service = arena_push(fragment->arena, &services);

		*service = (struct service){ .rank = first->rank, .target = first->target };
		for (end = i; end < fragment->count; end++) {
			const struct fragment_item *item = &fragment->items[end];

			if (item->rank != first->rank || strcmp(item->target, first->target) ||
			    strcmp(item->proto, first->proto))
				break;
			if (item->has_port)
				text_addf(&ports, "%s%u", ports.count ? "," : "", item->port);
			service->count += item->count;
		}
		service->text =
			!first->has_port ? arena_printf(fragment->arena, ":%s", first->proto) :
			end - i > 1      ? arena_printf(fragment->arena, ":%s:{%s}", first->proto, text_get(&ports)) :
					   arena_printf(fragment->arena, ":%s:%s", first->proto, text_get(&ports));
	}
	return services;
}

static const char *const headings[] = {
	[SUGGEST_LOOKUP] = "lookups alone: what these names are wanted for was not seen",
	[SUGGEST_NAME] = "services of names, with their lookups",
	[SUGGEST_ADDRESS] = "services of addresses that no name was looked up for",
	[SUGGEST_NO_PORT] = "ICMP",
	[SUGGEST_INGRESS] = "who connects to published ports",
};

/* The rule of service `i` and of all with the same one behind it; returns the denials it stands for */
static void write_rule(struct text *out, struct services *services, size_t i)
{
	struct service *first = &services->items[i];
	struct text targets = { .arena = out->arena };
	size_t count = 0, denials = 0;

	for (size_t j = i; j < services->count; j++) {
		struct service *service = &services->items[j];

		if (service->rank != first->rank || strcmp(service->text, first->text))
			continue;
		text_addf(&targets, "%s%s", count++ ? "," : "", service->target);
		denials += service->count;
		service->written = true;
	}
	text_addf(out, "allow%s@%s%s%s%s", first->rank == SUGGEST_INGRESS ? ":ingress" : "", count > 1 ? "{" : "",
		  text_get(&targets), count > 1 ? "}" : "", first->text);
	text_addf(out, "  # denied %zu time%s\n", denials, denials == 1 ? "" : "s");
}

static void write_rules(struct text *out, const struct fragment *fragment)
{
	struct services services = services_of(fragment);

	for (size_t i = 0; i < services.count; i++) {
		if (!i || services.items[i].rank != services.items[i - 1].rank)
			text_addf(out, "# %s\n", headings[services.items[i].rank]);
		if (!services.items[i].written)
			write_rule(out, &services, i);
	}
}

/* ---- the whole ---- */

/* One service of single names or addresses, whatever anybody called himself */
static bool is_narrow(struct arena *arena, struct diags *diags, const struct ast_rule *ast)
{
	struct policy_rule rule;

	if (!resolve_rule(arena, ast, NULL, diags, &rule) || rule.action != POLICY_ALLOW ||
	    (policy_proto_has_ports(rule.protos) && !rule.ports.count))
		return false;
	for (size_t i = 0; i < rule.targets.count; i++) {
		const struct policy_target *target = &rule.targets.items[i];

		if (target->kind != TARGET_DOMAIN &&
		    (target->kind != TARGET_CIDR ||
		     target->prefix.len != (target->prefix.addr.family == ADDR_V4 ? 32 : 128)))
			return false;
	}
	return true;
}

/* Nothing but narrow rules and expectations, as many as were written */
static bool reads_back(struct arena *arena, const char *text, size_t expectations)
{
	struct sources *sources = sources_new(arena);
	struct diags *diags = diags_new(arena, sources);
	const struct ast_file *file =
		parse_policy(diags, sources_add(sources, SOURCE_FILE, "fragment", text, strlen(text)));
	size_t rules = 0, lines = 0, expects = 0;

	for (const char *line = text; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
		lines += !strncmp(line, "allow", 5);
	for (size_t i = 0; i < file->statements.count; i++) {
		const struct ast_statement *statement = &file->statements.items[i];

		rules += statement->kind == AST_RULE && is_narrow(arena, diags, statement->rule);
		expects += statement->kind == AST_EXPECT;
	}
	return !diags->errors && rules == lines && expects == expectations && file->statements.count == rules + expects;
}

bool fragment_text(struct fragment *fragment, const char **text)
{
	struct text out = { .arena = fragment->arena };
	size_t expectations = 0;

	drop_needless(fragment);
	if (fragment->count)
		qsort(fragment->items, fragment->count, sizeof *fragment->items, compare_items);
	write_rules(&out, fragment);
	for (size_t i = 0; i < fragment->count; i++)
		if (fragment->items[i].expect)
			text_addf(&out, "%sexpect allow %s\n", expectations++ ? "" : "\n", fragment->items[i].expect);
	*text = text_get(&out);
	return reads_back(fragment->arena, *text, expectations);
}
