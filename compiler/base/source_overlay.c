/* Which text stands for a file. */
#include "base/source_overlay.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

const struct source_overlay *source_overlay_at(const struct source_overlays *overlays, const char *path)
{
	for (size_t i = 0; overlays && i < overlays->count; i++)
		if (!strcmp(overlays->items[i].path, path))
			return &overlays->items[i];
	return NULL;
}

const struct source_overlay *source_overlay_of(const struct source_overlays *overlays, int fd)
{
	struct stat opened, status;

	for (size_t i = 0; overlays && i < overlays->count; i++)
		if (fstat(fd, &opened) == 0 && stat(overlays->items[i].path, &status) == 0 &&
		    opened.st_dev == status.st_dev && opened.st_ino == status.st_ino)
			return &overlays->items[i];
	return NULL;
}

int source_overlay_absent(const char *path)
{
	return path[0] == '/' || !strcmp(path, "..") || !strncmp(path, "../", 3) ? -EXDEV : -ENOENT;
}
