/* Texts that stand for files, which may not exist: what an editor has open. Sources that have such take them before files;
 * an include gets one only where it might have read the file. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct source_overlay {
	const char *path, *text;
	size_t len;
};

struct source_overlays {
	const struct source_overlay *items;
	size_t count;
	bool alone; /* nothing but them is read */
};

/* NULL where there is none, or no overlays at all. Of a file that is open: whatever name led to it */
const struct source_overlay *source_overlay_at(const struct source_overlays *, const char *path);
const struct source_overlay *source_overlay_of(const struct source_overlays *, int fd);
/* Why no file is beneath a directory that is not there: -EXDEV for a path that leaves it, else -ENOENT */
int source_overlay_absent(const char *path);
