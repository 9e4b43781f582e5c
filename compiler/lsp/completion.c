/* What may be typed next: words by the scanner's state, groups, names and ports of the policy, files to include, ids of
 * findings to ignore. */
#include "lsp/names.h"
#include "lsp/include_files.h"
#include "lsp/words.h"
#include "base/text.h"
#include "diag/findings.h"

#include <string.h>

/* CompletionItemKind */
enum item_kind {
	ITEM_FUNCTION = 3,
	ITEM_MODULE = 9,
	ITEM_VALUE = 12,
	ITEM_KEYWORD = 14,
	ITEM_FILE = 17,
	ITEM_CONSTANT = 21
};

enum { ITEMS_MAX = 2000 };

struct completer {
	struct arena *arena;
	json_t *items, *range;
	const char *typed; /* of the word so far */
};

static void add_item(struct completer *completer, const char *label, enum item_kind kind, const char *detail,
		     const char *meaning)
{
	json_t *item;

	if (json_array_size(completer->items) >= ITEMS_MAX ||
	    strncmp(label, completer->typed, strlen(completer->typed)) != 0)
		return;
	item = json_pack("{s:o, s:i, s:o}", "label", lsp_text_json(completer->arena, label), "kind", (int)kind,
			 "textEdit", lsp_edit_json(completer->arena, json_incref(completer->range), label));
	if (detail)
		json_object_set_new(item, "detail", lsp_text_json(completer->arena, detail));
	if (meaning)
		json_object_set_new(item, "documentation",
				    json_pack("{s:s, s:s}", "kind", "markdown", "value", meaning));
	json_array_append_new(completer->items, item);
}

/* `any` stands in no list. */
static void add_words(struct completer *completer, enum word_place place, bool in_list)
{
	for (size_t i = 0; word_at(place, i); i++) {
		const char *word = word_at(place, i);

		if (!in_list || strcmp(word, "any") != 0)
			add_item(completer, word, ITEM_KEYWORD,
				 place == WORD_STATEMENT ? parse_statement_usage(word) : NULL,
				 word_meaning(place, word));
	}
}

static void add_names(struct completer *completer, struct names names, const char *detail)
{
	for (size_t i = 0; i < names.count; i++)
		add_item(completer, names.items[i], ITEM_VALUE, detail, NULL);
}

/* A flow is to one name or address. */
static void add_single_names(struct completer *completer, struct names names)
{
	for (size_t i = 0; i < names.count; i++)
		if (names.items[i][0] != '*' && !strchr(names.items[i], '/'))
			add_item(completer, names.items[i], ITEM_VALUE, "in this policy", NULL);
}

static const char *members_text(struct arena *arena, const struct policy_group *group)
{
	enum { SHOWN = 4 };
	struct text text = { .arena = arena };

	for (size_t i = 0; i < group->members.count && i < SHOWN; i++)
		text_addf(&text, "%s%s", i ? ", " : "", policy_target_format(arena, &group->members.items[i]));
	if (group->members.count > SHOWN)
		text_addf(&text, ", %zu more", group->members.count - SHOWN);
	return text_get(&text);
}

static void add_groups(struct completer *completer, const struct policy *policy)
{
	for (size_t i = 0; i < policy->groups.count; i++)
		add_item(completer, policy->groups.items[i].name, ITEM_MODULE,
			 members_text(completer->arena, &policy->groups.items[i]), NULL);
}

/* `any` and `dns` stand in no list. */
static void add_targets(struct completer *completer, const struct lsp_view *view, const struct parse_place *place)
{
	bool alone = place->expects == PARSE_FIELD && !place->in_list;

	add_groups(completer, view->policy);
	if (alone)
		add_item(completer, "any", ITEM_KEYWORD, NULL, word_meaning(WORD_TARGET, "any"));
	for (size_t i = 0; word_at(WORD_TARGET, i); i++)
		if (alone || strcmp(word_at(WORD_TARGET, i), "dns") != 0)
			add_item(completer, word_at(WORD_TARGET, i), ITEM_CONSTANT, NULL,
				 word_meaning(WORD_TARGET, word_at(WORD_TARGET, i)));
	add_names(completer, names_of_targets(completer->arena, view), "in this policy");
}

static void add_place(struct completer *completer, const struct lsp_place *at, size_t start)
{
	struct parse_place place;
	enum word_place where = word_place_at(completer->arena, at->text->text, start, &place);

	switch (where) {
	case WORD_NONE:
		break;
	case WORD_TARGET:
		add_targets(completer, at->view, &place);
		break;
	case WORD_FLOW_TARGET:
		add_single_names(completer, names_of_targets(completer->arena, at->view));
		break;
	case WORD_PORT:
		add_names(completer, names_of_ports(completer->arena, at->view), "in this policy");
		break;
	default:
		add_words(completer, where, place.in_list);
	}
}

/* ---- in comments, and in the path of an include ---- */

/* What of the line stands before the offset */
static const char *line_before(struct arena *arena, const struct lsp_text *text, size_t offset)
{
	size_t start = offset;

	while (start && text->text[start - 1] != '\n' && text->text[start - 1] != '\r')
		start--;
	return arena_strndup(arena, text->text + start, offset - start);
}

static bool skip_word(const char **line, const char *word)
{
	size_t len = strlen(word);

	*line += strspn(*line, " \t");
	if (strncmp(*line, word, len) != 0)
		return false;
	*line += len;
	return true;
}

static bool complete_comment(struct completer *completer, const char *line)
{
	const char *comment = line[0] == '#' ? line : strstr(line, " #");

	if (!comment)
		return false;
	comment = strchr(comment, '#') + 1;
	if (!skip_word(&comment, "lint:")) {
		add_item(completer, "lint: ignore ", ITEM_KEYWORD, "lint: ignore ID reason", NULL);
		return true;
	}
	if (!skip_word(&comment, "ignore") || *comment != ' ' || strchr(comment + strspn(comment, " "), ' '))
		return true;
	for (const struct finding_text *text = finding_texts; text->id; text++)
		if (strcmp(text->level, "error") != 0)
			add_item(completer, text->id, ITEM_CONSTANT, text->level, NULL);
	return true;
}

/* Paths of files below the directory whose part is typed */
static bool complete_include(struct lsp *lsp, struct completer *completer, const struct lsp_place *at, const char *line)
{
	const char *slash;
	struct include_files files;

	if (!skip_word(&line, "include") || !skip_word(&line, "\"") || strchr(line, '"'))
		return false;
	slash = strrchr(line, '/');
	files = include_files_in(lsp, completer->arena, at->document,
				 arena_strndup(completer->arena, line, slash ? (size_t)(slash - line) : 0));
	for (size_t i = 0; i < files.count; i++)
		add_item(completer, files.items[i], ITEM_FILE, NULL, NULL);
	return true;
}

static bool is_in_string(const char *line)
{
	bool inside = false;

	while ((line = strchr(line, '"'))) {
		inside = !inside;
		line++;
	}
	return inside;
}

json_t *lsp_completion(struct lsp *lsp, struct lsp_request *request)
{
	struct completer completer = { .arena = request->arena };
	struct lsp_place at;
	const char *line;
	size_t start;

	if (!lsp_find_place(lsp, request, &at) || !at.view->files[at.view->top].ast)
		return NULL;
	line = line_before(request->arena, at.text, at.offset);
	start = word_start(at.text->text, at.offset);
	if (strstr(line, "include") && strchr(line, '"')) /* "/" ends what was typed of a path */
		while (start < at.offset && memchr(at.text->text + start, '/', at.offset - start))
			start++;
	completer.typed = arena_strndup(request->arena, at.text->text + start, at.offset - start);
	completer.range = lsp_range_json(at.view, (struct span){ at.view->top, (uint32_t)start, at.offset });
	completer.items = json_array();
	if (!complete_comment(&completer, line) && !complete_include(lsp, &completer, &at, line) && !is_in_string(line))
		add_place(&completer, &at, start);
	json_decref(completer.range);
	return json_pack("{s:b, s:o}", "isIncomplete", json_array_size(completer.items) >= ITEMS_MAX, "items",
			 completer.items);
}
