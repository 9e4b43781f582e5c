/* The file of --learn: a new one, in a directory that is held open from the start, written whole or not at all and never
 * through a link. */
#pragma once
#include <stddef.h>

struct learn_file {
	const char *path; /* as the user wrote it */
	const char *base; /* its last part */
	int directory;    /* -1: none wanted */
	int memory;       /* where the supervisor puts the text */
};

/* 0, or -errno with a line on standard error: the file is there already, its directory is not, or takes no file */
int learn_file_open(const char *path, struct learn_file *);
/* Puts what is in memory into the file. 0, or -errno with a line on standard error; -ENODATA where nothing was learnt */
int learn_file_write(const struct learn_file *);
void learn_file_close(struct learn_file *);
