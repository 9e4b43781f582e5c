/* Paths within a revision: each directory is a tree object, a link is a blob whose text is followed. */
#include "cmd/git_tree.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
	DEPTH_MAX = 256,
	LINKS_MAX = 40, /* as the kernel */
	LINK_MAX = 4096,
	TREES_KEPT = 64,
	TREE_MAX = 64 << 20,
};

/* git's modes, as the text that a tree has */
#define MODE_TREE "40000"
#define MODE_LINK "120000"
#define MODE_SUBMODULE "160000"

struct entry {
	char mode[8];
	char name[GIT_NAME_MAX + 1];
};

struct kept {
	char name[GIT_NAME_MAX + 1];
	struct git_object object;
};

struct git_tree {
	struct source_tree base;
	struct arena *arena;
	struct git_objects *objects;
	const char *top;
	int failure;
	struct kept kept[TREES_KEPT]; /* directories on the way are asked for again and again */
	size_t next;
};

/* Where a walk is: the directories from its root on */
struct walk {
	struct git_tree *tree;
	struct arena *arena;
	char dirs[DEPTH_MAX][GIT_NAME_MAX + 1];
	size_t depth;  /* of the current directory */
	size_t bottom; /* of the directory that ".." may not leave */
	unsigned links;
};

/* What the repository lacks is no matter of one file: it is remembered. */
static int read_object(struct git_tree *tree, struct arena *arena, const char *name, size_t max, struct git_object *out)
{
	int error = git_objects_read(tree->objects, arena, name, max, out);

	if (error == -ENODATA || error == -EIO)
		tree->failure = error;
	return error;
}

static int read_directory(struct git_tree *tree, const char *name, struct git_object *out)
{
	for (size_t i = 0; i < TREES_KEPT; i++)
		if (!strcmp(tree->kept[i].name, name)) {
			*out = tree->kept[i].object;
			return 0;
		}
	int error = read_object(tree, tree->arena, name, TREE_MAX, out);
	if (error)
		return error;
	if (out->type != GIT_TREE)
		return -EIO;
	struct kept *kept = &tree->kept[tree->next++ % TREES_KEPT];
	strcpy(kept->name, name);
	kept->object = *out;
	return 0;
}

/* An entry of a tree object: "MODE NAME\0" and the object's name in bytes, as many as half of the tree's own digits */
static int find_entry(struct walk *walk, const char *component, struct entry *out)
{
	const char *dir = walk->dirs[walk->depth];
	size_t digits = strlen(dir);
	struct git_object object;
	int error = read_directory(walk->tree, dir, &object);

	if (error)
		return error;
	for (const char *at = object.bytes, *end = at + object.len; at < end;) {
		const char *blank = memchr(at, ' ', (size_t)(end - at));
		const char *zero = blank ? memchr(blank, '\0', (size_t)(end - blank)) : NULL;

		if (!zero || (size_t)(end - zero) <= digits / 2 || blank - at >= (ptrdiff_t)sizeof out->mode)
			return -EIO;
		if (!strcmp(blank + 1, component)) {
			snprintf(out->mode, sizeof out->mode, "%.*s", (int)(blank - at), at);
			for (size_t i = 0; i < digits / 2; i++)
				sprintf(out->name + 2 * i, "%02x", (unsigned char)zero[1 + i]);
			return 0;
		}
		at = zero + 1 + digits / 2;
	}
	return -ENOENT;
}

/* What a link leads to, with what is left of the path behind it */
static int follow(struct walk *walk, const char *name, const char **rest)
{
	struct git_object link;
	int error = read_object(walk->tree, walk->arena, name, LINK_MAX, &link);

	if (error)
		return error;
	if (++walk->links > LINKS_MAX)
		return -ELOOP;
	if (link.bytes[0] == '/')
		return -EXDEV;
	if (strlen(link.bytes) != link.len || !link.len)
		return -ENOENT;
	*rest = **rest ? arena_printf(walk->arena, "%s/%s", link.bytes, *rest) : link.bytes;
	return 0;
}

static int enter(struct walk *walk, const char *name)
{
	if (walk->depth + 1 == DEPTH_MAX)
		return -ENAMETOOLONG;
	strcpy(walk->dirs[++walk->depth], name);
	return 0;
}

static int step(struct walk *walk, const char *component, const char **rest, struct entry *found)
{
	int error;

	*found = (struct entry){ .mode = MODE_TREE };
	if (!*component || !strcmp(component, "."))
		return 0;
	if (!strcmp(component, "..")) {
		if (walk->depth == walk->bottom)
			return -EXDEV;
		walk->depth--;
		return 0;
	}
	error = find_entry(walk, component, found);
	if (error)
		return error;
	if (!strcmp(found->mode, MODE_LINK)) {
		error = follow(walk, found->name, rest);
		*found = (struct entry){ .mode = MODE_TREE };
		return error;
	}
	if (!strcmp(found->mode, MODE_TREE))
		return enter(walk, found->name);
	if (!strcmp(found->mode, MODE_SUBMODULE))
		return -ENOLINK;
	return **rest ? -ENOTDIR : 0;
}

/* Goes along `path`; *found is what its last component is */
static int go(struct walk *walk, const char *path, struct entry *found)
{
	const char *rest = path;
	int error = *path == '/' ? -EXDEV : 0;

	*found = (struct entry){ .mode = MODE_TREE };
	while (!error && *rest) {
		size_t len = strcspn(rest, "/");
		const char *component = arena_strndup(walk->arena, rest, len);

		rest += len + (rest[len] == '/');
		error = step(walk, component, &rest, found);
	}
	return error;
}

static int start(struct walk *walk, struct source_tree *base, struct arena *arena, const char *root)
{
	struct git_tree *tree = (struct git_tree *)base;
	struct entry found;
	int error;

	walk->tree = tree;
	walk->arena = arena;
	walk->depth = walk->bottom = 0;
	walk->links = 0;
	strcpy(walk->dirs[0], tree->top);
	error = go(walk, root, &found);
	if (!error && strcmp(found.mode, MODE_TREE) != 0)
		error = -ENOTDIR;
	walk->bottom = walk->depth;
	walk->links = 0;
	return error;
}

static int tree_read(struct source_tree *base, struct arena *arena, const char *root, const char *path, size_t max,
		     const char **text, size_t *len)
{
	struct walk walk;
	struct entry found;
	struct git_object object;
	int error = start(&walk, base, arena, root);

	if (!error)
		error = go(&walk, path, &found);
	if (error)
		return error == -ELOOP ? -EXDEV : error;
	if (!strcmp(found.mode, MODE_TREE))
		return -EISDIR;
	error = read_object(walk.tree, arena, found.name, max, &object);
	if (error)
		return error;
	*text = object.bytes;
	*len = object.len;
	return 0;
}

bool git_tree_has_directory(struct source_tree *base, const char *path)
{
	struct walk walk;

	return !start(&walk, base, ((struct git_tree *)base)->arena, path);
}

int git_tree_failure(const struct source_tree *base)
{
	return ((const struct git_tree *)base)->failure;
}

struct source_tree *git_tree_new(struct arena *arena, struct git_objects *objects, const char *top, const char *prefix)
{
	struct git_tree *tree = arena_alloc(arena, sizeof *tree);

	*tree = (struct git_tree){
		.base = { .prefix = prefix, .read = tree_read }, .arena = arena, .objects = objects, .top = top
	};
	return &tree->base;
}
