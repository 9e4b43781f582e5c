/* Reading and writing the small files of cgroups. */
#pragma once
#include "base/arena.h"

#include <stdbool.h>
#include <stdint.h>

/* The whole file; NULL and errno */
const char *cgroup_file_text(struct arena *, const char *path);
/* DIRECTORY/FILE, one write; 0 or -errno */
int cgroup_file_write(const char *directory, const char *file, const char *text);
/* Its first number. false: it has none ("max"), or cannot be read */
bool cgroup_file_number(const char *directory, const char *file, uint64_t *out);
/* That of the line "KEY NUMBER" */
bool cgroup_file_keyed(const char *directory, const char *file, const char *key, uint64_t *out);
/* Whether a word is in it, among blanks */
bool cgroup_file_has(const char *directory, const char *file, const char *word);
/* DIRECTORY/FILE is there */
bool cgroup_file_exists(const char *directory, const char *file);
