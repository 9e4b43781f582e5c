/* From a file name to statements: loads the top file, parses it, and splices what it includes in the
 * place of the include. Included files stay beneath the top file's directory (or the directory that was allowed);
 * cycles, depth and number are bounded. */
#include "policy/resolve_state.h"
#include "base/escape.h"
#include "policy/library.h"
#include "policy/options.h"
#include "syntax/parse.h"

#include <errno.h>
#include <string.h>

enum { DEPTH_MAX = 16, FILES_MAX = 256 };

/* One file on the way from the top file to the one at hand */
struct level {
	const struct level *above;
	const char *shown; /* the file's name as places show it */
	const char *path;  /* beneath the root, normalised: tells files apart */
	struct span span;  /* the include that asked for it; SPAN_NONE for the top file */
	unsigned depth;
};

struct splicer {
	struct resolver *r;
	const char *root;
	size_t files;
};

static void splice(struct splicer *, const struct level *, uint32_t source);

/* All up to the last slash, "" where there is none */
static const char *directory(struct arena *arena, const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? arena_strndup(arena, path, (size_t)(slash - path)) : "";
}

static const char *join(struct arena *arena, const char *dir, const char *path)
{
	return *dir ? arena_printf(arena, "%s/%s", dir, path) : path;
}

/* "a/./b/../c" as "a/c"; ".." at the start stays, the kernel refuses it */
static const char *normalise(struct arena *arena, const char *path)
{
	char *copy = arena_strdup(arena, path), *save = NULL, *out = arena_alloc(arena, strlen(path) + 2);
	size_t len = 0;

	for (char *part = strtok_r(copy, "/", &save); part; part = strtok_r(NULL, "/", &save)) {
		char *last = strrchr(out, '/');
		if (!strcmp(part, "."))
			continue;
		if (!strcmp(part, "..") && len && strcmp(last ? last + 1 : out, "..") != 0) {
			len = last ? (size_t)(last - out) : 0;
			out[len] = 0;
			continue;
		}
		if (len)
			out[len++] = '/';
		strcpy(out + len, part);
		len += strlen(part);
	}
	return out;
}

static const char *why_unreadable(int error)
{
	switch (-error) {
	case EXDEV:
		return "it lies outside the directory of the policy; --include-root allows another";
	case EFBIG:
		return "it is too large";
	case ENOTSUP:
		return "it is no regular file";
	case ENOLINK:
		return "it lies in a submodule, which has a history of its own";
	case ENODATA:
		return "the repository has no such object: fetch all of the history, with its files";
	default:
		return strerror(-error);
	}
}

static bool in_cycle(struct splicer *s, const struct level *level, const char *path, struct span span)
{
	const struct level *same = level;

	while (same && strcmp(same->path, path) != 0)
		same = same->above;
	if (!same)
		return false;
	struct diag *diag = diag_error(s->r->diags, "include-cycle", span, "`%s` includes itself", same->shown);
	for (const struct level *step = level; step != same; step = step->above)
		diag_relate(s->r->diags, diag, step->span, "by way of `%s`", step->shown);
	return true;
}

/* One more include below the level at hand: neither too deep, nor one too many */
static bool has_room(struct splicer *s, const struct level *level, struct span span)
{
	if (level->depth == DEPTH_MAX) {
		diag_error(s->r->diags, "include-depth", span, "includes are nested more than %d deep", DEPTH_MAX);
		return false;
	}
	if (s->files++ == FILES_MAX)
		diag_error(s->r->diags, "too-complex", span, "more than %d files are included", FILES_MAX);
	return s->files <= FILES_MAX;
}

/* `include <python-agent>`: a policy of the library, whatever files there are */
static void include_library(struct splicer *s, const struct level *level, const struct ast_word *word)
{
	struct resolver *r = s->r;
	const char *text = library_text(word->text), *shown;
	uint32_t source;

	if (!text) {
		const char *near = diag_nearest(word->text, library_names);
		struct diag *diag = diag_error(r->diags, "bad-include", word->span,
					       "no policy of the library is called `%s`", word->text);

		if (near) {
			diag->label = arena_printf(r->arena, "did you mean `<%s>`?", near);
			diag_edit(r->diags, diag, word->span, arena_printf(r->arena, "<%s>", near));
		}
		diag->help = "`msb-policyc init` lists them; a file is included as \"base.msb\"";
		return;
	}
	if (!has_room(s, level, word->span))
		return;
	shown = arena_printf(r->arena, "<%s>", word->text);
	source = sources_add(r->diags->sources, SOURCE_FILE, shown, text, strlen(text));
	struct level inner = { level, shown, shown, word->span, level->depth + 1 };
	splice(s, &inner, source);
}

static void include_file(struct splicer *s, const struct level *level, const struct ast_word *word)
{
	struct resolver *r = s->r;
	const char *path = normalise(r->arena, join(r->arena, directory(r->arena, level->path), word->text));
	const char *shown = join(r->arena, directory(r->arena, level->shown), word->text);
	uint32_t source;

	if (shown[0] != '/')
		shown = normalise(r->arena, shown);
	if (word->text[0] == '/') /* as written: the kernel refuses what leads outside */
		path = shown = word->text;
	if (in_cycle(s, level, path, word->span))
		return;
	if (!has_room(s, level, word->span))
		return;
	const char *last = strrchr(word->text, '/');
	/* Such files hold credentials and settings, and a directory's editor and version control */
	if ((last ? last + 1 : word->text)[0] == '.') {
		diag_error(r->diags, "bad-include", word->span, "cannot include `%s`: its name begins with a dot",
			   word->text);
		return;
	}
	int error = sources_load_include(r->diags->sources, s->root, path, shown, &source);
	if (error) {
		diag_error(r->diags, error == -EXDEV ? "include-outside" : "bad-include", word->span,
			   "cannot include `%s`: %s", word->text, why_unreadable(error));
		return;
	}
	struct level inner = { level, shown, path, word->span, level->depth + 1 };
	splice(s, &inner, source);
}

/* What includes a library is none for that */
static void take_library(struct resolver *r, const struct level *level, const struct ast_statement *statement,
			 size_t index)
{
	if (index)
		diag_error(r->diags, "misplaced-library", statement->span, "`library` is the first statement of a file")
			->help = "move the line above all others, or remove it";
	else if (!level->above) {
		r->policy->is_library = true;
		r->policy->library = statement->span;
	}
}

static void include_one(struct splicer *s, const struct level *level, const struct ast_word *word)
{
	if (word->angled)
		include_library(s, level, word);
	else
		include_file(s, level, word);
}

static void splice(struct splicer *s, const struct level *level, uint32_t source)
{
	const struct ast_file *file = parse_policy_into(s->r->nodes, s->r->diags, source);

	arena_reserve(s->r->nodes, &s->r->statements, file->statements.count);
	s->r->diags->sources->items[source]->asked = level->span;
	for (size_t i = 0; i < file->statements.count; i++) {
		const struct ast_statement *statement = &file->statements.items[i];
		if (statement->kind == AST_LIBRARY)
			take_library(s->r, level, statement, i);
		else if (statement->kind == AST_INCLUDE)
			include_one(s, level, &statement->words.items[0]);
		else
			*arena_push(s->r->nodes, &s->r->statements) = statement;
	}
}

/* Parses the top file and splices what it includes, into r->statements */
static void splice_top(struct resolver *r, uint32_t source)
{
	const char *name = sources_get(r->diags->sources, source)->path;
	const char *dir = directory(r->arena, name);
	const char *here = *dir ? dir : name[0] == '/' ? "/" : ".";
	struct splicer s = { .r = r, .root = r->input->include_root ? r->input->include_root : here };
	const char *beneath = sources_path_beneath(r->diags->sources, s.root, here);
	const char *base = strrchr(name, '/');
	/* outside of an allowed root the top file's own place is the root's */
	struct level top = { NULL, name, join(r->arena, beneath ? beneath : "", base ? base + 1 : name), SPAN_NONE, 0 };

	splice(&s, &top, source);
}

static bool has_suffix(const char *name, const char *suffix)
{
	size_t len = strlen(name), tail = strlen(suffix);

	return len > tail && !strcmp(name + len - tail, suffix);
}

bool resolver_load(struct resolver *r)
{
	const char *file = r->input->file;
	uint32_t source;
	int error = 0;

	if (r->input->text)
		source = sources_add(r->diags->sources, SOURCE_FLAG, file, r->input->text, strlen(r->input->text));
	else
		error = sources_load(r->diags->sources, file, r->input->stdin_name, &source);
	if (error) {
		diag_error(r->diags, OPTIONS_UNREADABLE, SPAN_NONE, "cannot read `%s`: %s", file,
			   why_unreadable(error));
		return false;
	}
	if (r->input->include_root)
		sources_allow(r->diags->sources, source, r->input->include_root);
	r->policy->name = sources_get(r->diags->sources, source)->name;
	if (has_suffix(r->policy->name, ".json"))
		return resolver_import_json(r, source);
	if (has_suffix(r->policy->name, ".yaml") || has_suffix(r->policy->name, ".yml"))
		return resolver_import_yaml(r, source);
	splice_top(r, source);
	return true;
}
