/* The last words of a guest: what its kernel wrote to the serial console, kept in bounded memory. The guest chooses these
 * bytes. No system call but the writing of a message, so that a jailed process can use it. */
#pragma once
#include "vmm/guest_end.h"

#include <stdbool.h>
#include <stddef.h>

#define GUEST_CONSOLE_LINES 8
#define GUEST_CONSOLE_LINE_MAX 200

/* Zeros are an empty one. */
struct guest_console {
	char line[GUEST_CONSOLE_LINE_MAX]; /* what came since the last newline, longer ones cut */
	size_t length;
	char tail[GUEST_CONSOLE_LINES][GUEST_CONSOLE_LINE_MAX];
	unsigned lines;                      /* that were put into the tail, round and round */
	char panic[GUEST_CONSOLE_LINE_MAX];  /* why the kernel ended, or empty */
	char killed[GUEST_CONSOLE_LINE_MAX]; /* the last process that the kernel ended for want of memory, or empty */
	bool verbose;                        /* each line is shown when it comes */
};

void guest_console_add(struct guest_console *, const char *bytes, size_t count);
/* Says on standard error how a guest ended whose command did not. */
void guest_console_last_words(const struct guest_console *, enum guest_end_kind);
/* Says that the kernel ended processes for want of memory, where it did: for a command that was killed. */
void guest_console_explain_kill(const struct guest_console *);
