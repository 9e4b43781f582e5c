/* Source texts and places in them: files, standard input, --net-rule arguments. A span is bytes; line
 * and column are computed when something is printed. */
#pragma once
#include "base/arena.h"

#include <stdbool.h>
#include <stdint.h>
#include <stddef.h>

enum source_kind { SOURCE_FILE, SOURCE_ARG, SOURCE_FLAG };

/* Half-open byte range. source indexes sources; SPAN_NONE marks what has no place. */
struct span {
	uint32_t source;
	uint32_t start, end;
};
#define SPAN_NO_SOURCE UINT32_MAX
#define SPAN_NONE ((struct span){ SPAN_NO_SOURCE, 0, 0 })

struct source {
	enum source_kind kind;
	const char *name; /* as the user wrote it: "agent.msb", "arg:1", "<stdin>", "--net" */
	const char *path; /* what its includes start from: the name, without a tree's prefix; a pipe has no place */
	const char *text; /* NUL-terminated; may hold others, which parsing refuses */
	size_t len;
	bool quotable;              /* false: nothing shows a word of it (a link out of the allowed tree led to it) */
	struct span asked;          /* the include that asked for it; SPAN_NONE for others */
	uint32_t *lines, last_line; /* offset of each line's first byte; index of the last line */
	struct source_column *last; /* where a column was last counted to: places mostly come in rising order */
};

/* Where files come from, if not from the file system: a revision of a repository. Paths are from its top, without a
 * slash before them, normalised. */
struct source_tree {
	const char *prefix; /* of the names of its sources: "1a2b3c4:" */
	/* The file at `path` beneath the directory `root` ("" for the top). Nothing on the way to it leads out of that
	 * directory, neither ".." nor a link. *text is in the arena, a NUL behind it. 0, or -errno with nothing set:
	 * as sources_load_include() has it; -ENODATA where the repository lacks an object, -ENOLINK in a submodule. */
	int (*read)(struct source_tree *, struct arena *, const char *root, const char *path, size_t max,
		    const char **text, size_t *len);
};

/* What stands for files that were read before, some of them changed: nothing is read anew. */
struct source_texts {
	const struct source *items; /* name, path (NULL: the name), text, len and quotable; the first is the top file */
	size_t count;
	const struct source_texts *floors; /* where those of the floors are apart; NULL: they are among these */
};

struct sources {
	struct arena *arena;
	const struct source_texts *texts; /* NULL: files are read */
	struct source_tree *tree;         /* NULL: the file system */
	struct source **items;
	size_t count, cap;
	const struct source_overlays *overlays; /* texts before files: source_overlay.h; NULL: none */
};

struct sources *sources_new(struct arena *);
/* text is copied; returns the source's index */
uint32_t sources_add(struct sources *, enum source_kind, const char *name, const char *text, size_t len);
const struct source *sources_get(const struct sources *, uint32_t index);

/* Bytes of the mark that some editors put before a file's text: 3 or 0 */
uint32_t source_mark_len(const struct source *);

/* Reads a file for the command line: "-" and "/dev/stdin" are standard input under the name `stdin_name` or "<stdin>".
 * At most 64 MiB; regular files, and pipes that the caller has open: /dev/fd/63, as of a shell's <(…). 0, or -errno with
 * nothing added. */
int sources_load(struct sources *, const char *path, const char *stdin_name, uint32_t *out);
/* Where DIR, though the link does, does not lead out of: what lies beneath is shown. */
void sources_allow(struct sources *, uint32_t index, const char *dir);
/* Whether a word of any source may be shown */
bool sources_quotable(const struct sources *);
/* Whether `path` is standard input by one of its names; or that or another descriptor of ours */
bool source_is_stdin(const char *path);
bool source_is_stream(const char *path);
/* An include: `path` is relative to `root_dir` and opened under it with RESOLVE_BENEATH and
 * RESOLVE_NO_MAGICLINKS; at most 1 MiB, regular files only. -EXDEV for an escape (an absolute path too),
 * -ENOTSUP for what is no regular file, -EFBIG for too large a one. */
int sources_load_include(struct sources *, const char *root_dir, const char *path, const char *shown_name,
			 uint32_t *out);
/* Where `dir` lies beneath `root_dir`: "" for root_dir itself, "a/b" below it, NULL where it is not in it. An
 * include's path starts from there: the directory of the file that includes it. */
const char *source_path_beneath(struct arena *, const char *root_dir, const char *dir);
/* The same where these sources come from */
const char *sources_path_beneath(const struct sources *, const char *root_dir, const char *dir);

struct place {
	const char *file;              /* source's name; NULL for SPAN_NONE */
	uint32_t line, column;         /* from 1; characters, a tab counts one */
	uint32_t end_line, end_column; /* one past the last character */
};
struct place span_place(const struct sources *, struct span);
/* "agent.msb:7:1", "arg:1:18", "--net"; NULL without a place. The name escaped, here and in the next. */
const char *span_format(struct arena *, const struct sources *, struct span);
/* "agent.msb:7", "arg:1", "--net": what a comment in a ruleset holds; NULL without a place */
const char *span_format_line(struct arena *, const struct sources *, struct span);
/* What is printed where a place may be missing */
static inline const char *place_or_dash(const char *place)
{
	return place ? place : "-";
}
/* the bytes of a span, copied */
const char *span_text(struct arena *, const struct sources *, struct span);
/* all of the line on which a span starts, without its end */
struct span span_line(const struct sources *, struct span);
/* the comment of that line, from its "#" to the line's end; empty where there is none */
struct span span_comment(const struct sources *, struct span);
/* Whether "# lint: ignore ID reason" is on the span's line, or alone on the line above. Without a reason it
 * does not count. */
bool source_lint_ignored(const struct sources *, struct span, const char *id, struct span *comment);

/* A comment that begins with "lint:" */
struct lint_comment {
	struct span span;
	bool ignores;   /* "# lint: ignore" */
	const char *id; /* what follows, in the source's text */
	size_t id_len;
	bool has_reason;
};
/* The next from *offset on, which is moved behind it; false: there is none */
bool source_next_lint_comment(const struct sources *, uint32_t source, uint32_t *offset, struct lint_comment *out);
