/* Percent-encoding, and its opposite. */
#include "lsp/uri.h"

#include <string.h>
#include <strings.h>

static int hex(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *found = c ? strchr(digits, c | 0x20) : NULL;

	return found ? (int)(found - digits) : -1;
}

const char *uri_path(struct arena *arena, const char *uri)
{
	static const char scheme[] = "file://", local[] = "localhost/";
	char *path, *out;

	if (strncasecmp(uri, scheme, sizeof scheme - 1) != 0)
		return NULL;
	uri += sizeof scheme - 1;
	if (!strncasecmp(uri, local, sizeof local - 1))
		uri += sizeof local - 2;
	if (*uri != '/')
		return NULL;
	path = out = arena_alloc(arena, strlen(uri) + 1);
	while (*uri && *uri != '?' && *uri != '#') {
		int high = *uri == '%' ? hex(uri[1]) : -1, low = high >= 0 ? hex(uri[2]) : -1;

		if (*uri == '%' && (low < 0 || (high == 0 && low == 0)))
			return NULL;
		*out++ = low >= 0 ? (char)(high << 4 | low) : *uri;
		uri += low >= 0 ? 3 : 1;
	}
	return path;
}

const char *uri_of_path(struct arena *arena, const char *path)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/";
	static const char digits[] = "0123456789ABCDEF";
	char *uri = arena_alloc(arena, strlen("file://") + 3 * strlen(path) + 1), *out = uri + strlen("file://");

	memcpy(uri, "file://", strlen("file://"));
	for (; *path; path++) {
		unsigned char byte = (unsigned char)*path;

		if (strchr(plain, *path)) {
			*out++ = *path;
			continue;
		}
		*out++ = '%';
		*out++ = digits[byte >> 4];
		*out++ = digits[byte & 15];
	}
	return uri;
}
