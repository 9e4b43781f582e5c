/* Source texts: reading them within bounds, and turning byte offsets into lines and columns. */
#include "base/source.h"
#include "base/escape.h"
#include "base/source_overlay.h"
#include "base/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FILE_MAX (64u << 20)
#define INCLUDE_MAX (1u << 20)

struct sources *sources_new(struct arena *arena)
{
	struct sources *sources = arena_alloc(arena, sizeof *sources);
	sources->arena = arena;
	return sources;
}

const struct source *sources_get(const struct sources *sources, uint32_t index)
{
	return index < sources->count ? sources->items[index] : NULL;
}

uint32_t source_mark_len(const struct source *source)
{
	return source->kind == SOURCE_FILE && strncmp(source->text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

/* Offsets of the lines' first bytes, so that a place is found by binary search. */
static void index_lines(struct arena *arena, struct source *source)
{
	const char *end = source->text + source->len;
	size_t count = 1;
	for (const char *at = source->text; (at = memchr(at, '\n', (size_t)(end - at))); at++)
		count++;
	source->lines = arena_alloc(arena, count * sizeof *source->lines);
	for (const char *at = source->text; (at = memchr(at, '\n', (size_t)(end - at))); at++)
		source->lines[++source->last_line] = (uint32_t)(at + 1 - source->text);
}

struct source_column {
	uint32_t line, offset, column;
};

/* `text` is kept, not copied; it must have a NUL behind it. */
static uint32_t add_owned(struct sources *sources, enum source_kind kind, const char *name, const char *text,
			  size_t len)
{
	struct source *source = arena_alloc(sources->arena, sizeof *source);
	*source = (struct source){
		.kind = kind,
		.name = arena_strdup(sources->arena, name),
		.text = text,
		.len = len,
		.quotable = true,
		.asked = SPAN_NONE,
	};
	source->path = source->name;
	source->last = arena_alloc(sources->arena, sizeof *source->last);
	index_lines(sources->arena, source);
	*(struct source **)arena_push(sources->arena, sources) = source;
	return (uint32_t)sources->count - 1;
}

uint32_t sources_add(struct sources *sources, enum source_kind kind, const char *name, const char *text, size_t len)
{
	return add_owned(sources, kind, name, arena_strndup(sources->arena, text, len), len);
}

/* Reads all of `fd`; -EFBIG past `max` bytes. */
static int read_all(struct arena *arena, int fd, size_t max, const char **text, size_t *len)
{
	size_t used = 0, room = 64u << 10;
	char *buffer = arena_alloc(arena, room + 1);
	for (;;) {
		if (used == room) {
			if (room > max)
				return -EFBIG;
			char *larger = arena_alloc(arena, room * 2 + 1);
			memcpy(larger, buffer, used);
			buffer = larger;
			room *= 2;
		}
		ssize_t got = read(fd, buffer + used, room - used);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		used += (size_t)got;
		if (used > max)
			return -EFBIG;
	}
	buffer[used] = '\0';
	*text = buffer;
	*len = used;
	return 0;
}

enum accepted { ACCEPT_FILE, ACCEPT_PIPE };

static int acceptable(int fd, enum accepted accepted)
{
	struct stat status;

	if (fstat(fd, &status) < 0)
		return -errno;
	if (S_ISREG(status.st_mode) || (accepted == ACCEPT_PIPE && S_ISFIFO(status.st_mode)))
		return 0;
	return S_ISDIR(status.st_mode) ? -EISDIR : -ENOTSUP;
}

/* Closes `fd`. A FIFO or device named in a policy must not hold us up or be read without end. */
static int load_open(struct sources *sources, int fd, enum accepted accepted, size_t max, const char *name,
		     uint32_t *out)
{
	const char *text;
	size_t len;
	int error = acceptable(fd, accepted);
	if (!error)
		error = read_all(sources->arena, fd, max, &text, &len);
	close(fd);
	if (error)
		return error;
	*out = add_owned(sources, SOURCE_FILE, name, text, len);
	return 0;
}

#define OPEN_FLAGS (O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)

static int open_beneath(const char *dir, const char *path)
{
	struct open_how how = {
		.flags = OPEN_FLAGS,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};
	int root = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return -errno;
	int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof how);
	int error = fd < 0 ? -errno : 0;
	close(root);
	return error ? error : fd;
}

static int add_overlay(struct sources *sources, const struct source_overlay *overlay, size_t max, const char *name,
		       uint32_t *out)
{
	if (overlay->len > max)
		return -EFBIG;
	*out = sources_add(sources, SOURCE_FILE, name, overlay->text, overlay->len);
	return 0;
}

static char *directory_of(struct arena *arena, const char *path)
{
	const char *slash = strrchr(path, '/');
	if (!slash)
		return arena_strdup(arena, ".");
	return arena_strndup(arena, path, slash == path ? 1 : (size_t)(slash - path));
}

static bool stays_in_its_directory(struct arena *arena, const char *path)
{
	const char *slash = strrchr(path, '/');
	int fd = open_beneath(directory_of(arena, path), slash ? slash + 1 : path);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* ---- from texts ---- */

static int take_text(struct sources *sources, const struct source *text, uint32_t *out)
{
	*out = sources_add(sources, SOURCE_FILE, text->name, text->text, text->len);
	sources->items[*out]->quotable = text->quotable;
	if (text->path)
		sources->items[*out]->path = arena_strdup(sources->arena, text->path);
	return 0;
}

/* By the name that is shown */
static int load_text(struct sources *sources, const char *shown, uint32_t *out)
{
	const struct source_texts *texts = sources->texts;

	for (size_t i = 0; i < texts->count; i++)
		if (!strcmp(texts->items[i].name, shown))
			return take_text(sources, &texts->items[i], out);
	return -ENOENT;
}

/* The policy's own is the first that is asked for, whatever it is called; floors follow. */
static int load_top_text(struct sources *sources, const char *path, uint32_t *out)
{
	for (size_t i = 0; i < sources->count; i++)
		if (sources->items[i]->kind == SOURCE_FILE)
			return load_text(sources, path, out);
	return sources->texts->count ? take_text(sources, &sources->texts->items[0], out) : -ENOENT;
}

static int load_stdin(struct sources *sources, const char *name, uint32_t *out)
{
	const char *text;
	size_t len;
	int error = read_all(sources->arena, STDIN_FILENO, FILE_MAX, &text, &len);
	if (!error)
		*out = add_owned(sources, SOURCE_FILE, name ? name : "<stdin>", text, len);
	return error;
}

bool source_is_stdin(const char *path)
{
	return !strcmp(path, "-") || !strcmp(path, "/dev/stdin") || !strcmp(path, "/dev/fd/0");
}

/* The number in "/dev/fd/63", by which a shell passes a pipe; -1 */
static int descriptor_of(const char *path)
{
	static const char *const dirs[] = { "/dev/fd/", "/proc/self/fd/" };

	for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++) {
		size_t len = strlen(dirs[i]);
		const char *digits = path + len;

		if (!strncmp(path, dirs[i], len) && *digits && strlen(digits) < 7 &&
		    strspn(digits, "0123456789") == strlen(digits))
			return atoi(digits);
	}
	return -1;
}

bool source_is_stream(const char *path)
{
	return source_is_stdin(path) || descriptor_of(path) >= 0;
}

/* What the caller has open was the caller's to open: it is shown, and a pipe's includes start in this directory. The
 * descriptor itself is left open, for a second reading finds the end of a pipe and not another file. */
static int load_descriptor(struct sources *sources, int number, const char *name, uint32_t *out)
{
	int fd = fcntl(number, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	int error = load_open(sources, fd, ACCEPT_PIPE, FILE_MAX, name, out);
	if (!error)
		sources->items[*out]->path = "<pipe>";
	return error;
}

/* ---- from a revision ---- */

static int load_from_tree(struct sources *sources, const char *root, const char *path, size_t max, const char *shown,
			  uint32_t *out)
{
	struct source_tree *tree = sources->tree;
	const char *text;
	size_t len;
	int error = tree->read(tree, sources->arena, root, path, max, &text, &len);

	if (error)
		return error;
	*out = add_owned(sources, SOURCE_FILE, arena_printf(sources->arena, "%s%s", tree->prefix, shown), text, len);
	sources->items[*out]->path = arena_strdup(sources->arena, shown);
	return 0;
}

/* As on the disk: what a link out of the file's directory leads to is read and not shown */
static int load_top_from_tree(struct sources *sources, const char *path, uint32_t *out)
{
	struct source_tree *tree = sources->tree;
	const char *slash = strrchr(path, '/'), *text;
	const char *dir = slash ? arena_strndup(sources->arena, path, (size_t)(slash - path)) : "";
	size_t len;
	int error = load_from_tree(sources, "", path, FILE_MAX, path, out);

	if (!error)
		sources->items[*out]->quotable =
			!tree->read(tree, sources->arena, dir, slash ? slash + 1 : path, FILE_MAX, &text, &len);
	return error;
}

static void allow_in_tree(const struct sources *sources, struct source *source, const char *dir)
{
	struct source_tree *tree = sources->tree;
	const char *path = sources_path_beneath(sources, dir, source->path), *text;
	size_t len;

	if (!source->quotable && path)
		source->quotable =
			!tree->read(tree, sources->arena, strcmp(dir, ".") ? dir : "", path, FILE_MAX, &text, &len);
}

/* ---- from the file system ---- */

int sources_load(struct sources *sources, const char *path, const char *stdin_name, uint32_t *out)
{
	if (sources->texts)
		return load_top_text(sources, path, out);
	if (sources->tree)
		return load_top_from_tree(sources, path, out);
	const struct source_overlay *overlay = source_overlay_at(sources->overlays, path);
	if (overlay)
		return add_overlay(sources, overlay, FILE_MAX, path, out);
	if (sources->overlays && sources->overlays->alone)
		return -ENOENT;
	if (source_is_stdin(path))
		return load_stdin(sources, stdin_name, out);
	if (descriptor_of(path) >= 0)
		return load_descriptor(sources, descriptor_of(path), path, out);
	int fd = open(path, OPEN_FLAGS);
	if (fd < 0)
		return -errno;
	int error = load_open(sources, fd, ACCEPT_FILE, FILE_MAX, path, out);
	/* A link in a stranger's tree may lead to any file of ours: it is read, as asked, but not shown. */
	if (!error)
		sources->items[*out]->quotable = stays_in_its_directory(sources->arena, path);
	return error;
}

void sources_allow(struct sources *sources, uint32_t index, const char *dir)
{
	struct source *source = sources->items[index];
	if (sources->texts) /* each says itself whether it is shown */
		return;
	if (sources->tree) {
		allow_in_tree(sources, source, dir);
		return;
	}
	char *target = source->quotable ? NULL : realpath(source->name, NULL);

	if (target)
		source->quotable = source_path_beneath(sources->arena, dir, directory_of(sources->arena, target));
	free(target);
}

bool sources_quotable(const struct sources *sources)
{
	for (size_t i = 0; i < sources->count; i++)
		if (!sources->items[i]->quotable)
			return false;
	return true;
}

int sources_load_include(struct sources *sources, const char *root_dir, const char *path, const char *shown_name,
			 uint32_t *out)
{
	if (sources->texts)
		return load_text(sources, shown_name, out);
	if (sources->tree)
		return load_from_tree(sources, strcmp(root_dir, ".") ? root_dir : "", path, INCLUDE_MAX, shown_name,
				      out);
	bool alone = sources->overlays && sources->overlays->alone;
	int fd = alone ? source_overlay_absent(path) : open_beneath(root_dir, path);
	const struct source_overlay *overlay =
		fd >= 0 ? source_overlay_of(sources->overlays, fd) :
		fd == -ENOENT ?
			  source_overlay_at(sources->overlays, arena_printf(sources->arena, "%s/%s", root_dir, path)) :
			  NULL;
	if (overlay) {
		if (fd >= 0)
			close(fd);
		return add_overlay(sources, overlay, INCLUDE_MAX, shown_name, out);
	}
	if (fd == -ELOOP) /* a magic link, or links without end: neither stays inside */
		return -EXDEV;
	if (fd < 0)
		return fd;
	return load_open(sources, fd, ACCEPT_FILE, INCLUDE_MAX, shown_name, out);
}

const char *source_path_beneath(struct arena *arena, const char *root_dir, const char *dir)
{
	char *root = realpath(root_dir, NULL), *inner = realpath(dir, NULL);
	const char *rest = NULL;
	if (root && inner) {
		size_t len = strcmp(root, "/") == 0 ? 0 : strlen(root);
		if (strncmp(inner, root, len) == 0 && (inner[len] == '/' || inner[len] == '\0'))
			rest = arena_strdup(arena, inner[len] ? inner + len + 1 : "");
	}
	free(root);
	free(inner);
	return rest;
}

const char *sources_path_beneath(const struct sources *sources, const char *root_dir, const char *dir)
{
	if (sources->texts) /* which are found by the name that is shown, wherever they lay */
		return "";
	if (!sources->tree)
		return source_path_beneath(sources->arena, root_dir, dir);
	const char *root = strcmp(root_dir, ".") ? root_dir : "", *inner = strcmp(dir, ".") ? dir : "";
	size_t len = strlen(root);
	if (strncmp(inner, root, len) != 0 || (len && inner[len] && inner[len] != '/'))
		return NULL;
	return inner + len + (len && inner[len]);
}

/* Index of the line that holds the byte at `offset`. */
static uint32_t line_at(const struct source *source, uint32_t offset)
{
	uint32_t lo = 0, hi = source->last_line;
	while (lo < hi) {
		uint32_t middle = lo + (hi - lo + 1) / 2;
		if (source->lines[middle] <= offset)
			lo = middle;
		else
			hi = middle - 1;
	}
	return lo;
}

static uint32_t clamp_offset(const struct source *source, uint32_t offset)
{
	return offset < source->len ? offset : (uint32_t)source->len;
}

/* Counts on from where it ended the last time, so that finding all places of one long line (of a JSON document) takes
 * time linear in its length. */
static void locate(const struct source *source, uint32_t offset, uint32_t *line, uint32_t *column)
{
	offset = clamp_offset(source, offset);
	uint32_t index = line_at(source, offset);
	struct source_column from = { index, source->lines[index], 0 };
	if (source->last->line == index && source->last->offset <= offset && source->last->offset > from.offset)
		from = *source->last;
	from.column += (uint32_t)utf8_count(source->text + from.offset, offset - from.offset);
	from.offset = offset;
	*source->last = from;
	*line = index + 1;
	*column = from.column + 1;
}

struct place span_place(const struct sources *sources, struct span span)
{
	struct place place = { 0 };
	const struct source *source = sources_get(sources, span.source);
	if (!source)
		return place;
	place.file = source->name;
	locate(source, span.start, &place.line, &place.column);
	locate(source, span.end, &place.end_line, &place.end_column);
	return place;
}

struct span span_line(const struct sources *sources, struct span span)
{
	const struct source *source = sources_get(sources, span.source);
	if (!source)
		return SPAN_NONE;
	uint32_t start = source->lines[line_at(source, clamp_offset(source, span.start))];
	const char *newline = memchr(source->text + start, '\n', source->len - start);
	uint32_t end = newline ? (uint32_t)(newline - source->text) : (uint32_t)source->len;
	if (end > start && source->text[end - 1] == '\r')
		end--;
	return (struct span){ span.source, start, end };
}

const char *span_format(struct arena *arena, const struct sources *sources, struct span span)
{
	const struct source *source = sources_get(sources, span.source);
	if (!source)
		return NULL;
	struct place place = span_place(sources, span);
	const char *name = escape_text(arena, source->name);
	switch (source->kind) {
	case SOURCE_FILE:
		return arena_printf(arena, "%s:%u:%u", name, place.line, place.column);
	case SOURCE_ARG:
		return arena_printf(arena, "%s:%u", name, place.column);
	case SOURCE_FLAG:
		break;
	}
	return name;
}

const char *span_format_line(struct arena *arena, const struct sources *sources, struct span span)
{
	const struct source *source = sources_get(sources, span.source);
	if (!source)
		return NULL;
	const char *name = escape_text(arena, source->name);
	if (source->kind != SOURCE_FILE)
		return name;
	return arena_printf(arena, "%s:%u", name, span_place(sources, span).line);
}

const char *span_text(struct arena *arena, const struct sources *sources, struct span span)
{
	const struct source *source = sources_get(sources, span.source);
	if (!source)
		return "";
	uint32_t start = clamp_offset(source, span.start), end = clamp_offset(source, span.end);
	return arena_strndup(arena, source->text + start, end > start ? end - start : 0);
}
