/* How QEMU says that its guest ended: its events, which come by QMP, a JSON object a line. A guest with much to write may cause many
 * of them, and a QEMU that was taken over any. No system call once json_object_seed() was called, so that a jailed process can use it. */
#pragma once
#include <stdbool.h>

#define GUEST_END_ASK "{\"execute\":\"qmp_capabilities\"}\n" /* QEMU is sent this before it tells of events */
#define GUEST_END_QUIT "{\"execute\":\"quit\"}\n"            /* it ends */
#define GUEST_END_DISK_MAX 100

enum guest_end_kind {
	GUEST_END_UNKNOWN,
	GUEST_END_RESET,   /* by its kernel, or by a triple fault */
	GUEST_END_OFF,     /* by its kernel */
	GUEST_END_SIGNAL,  /* QEMU got one that ends it, such as SIGTERM */
	GUEST_END_STOPPED, /* QEMU cannot go on with it, and waits for somebody who would know what to do */
};

/* Zeros are that of a guest that runs. */
struct guest_end {
	enum guest_end_kind kind;      /* the first that was told */
	char disk[GUEST_END_DISK_MAX]; /* what last went wrong with one of its disks: printable ASCII, or empty */
};

/* Of a line from QEMU: other ones change nothing. True where the guest stands still from now on: QEMU is to be told to end. */
bool guest_end_line(struct guest_end *, const char *line);
/* What the guest did, for a sentence: "reset its machine" */
const char *guest_end_verb(enum guest_end_kind);
/* Says why QEMU ended, or stopped, where the guest did not do it. False: it is for guest_console_last_words() to explain. */
bool guest_end_explain(const struct guest_end *);
