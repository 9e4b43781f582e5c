/* /run/msb: what sandboxes of this host note for each other. Root alone may look into it; where sandboxes let a group in, others
 * may pass through it, but see no names. */
#pragma once
#include <stdbool.h>

#define RUN_DIRECTORY "/run/msb"
/* A file in there, which no sandbox may be called like, since each has a directory of its name */
#define CLAIMS_FILE "claims"

/* What a sandbox may be called: [a-z0-9-]{1,32}, and not as a file of ours is. Whoever makes a path of a name asks this first. */
bool run_name_valid(const char *name);

/* A descriptor of it, made where it is not there; or -errno with a line on standard error: also where what is there is
 * a link, another's, or open to others. */
int run_directory_open(void);
/* Others may pass through it from now on, to what lets them in. 0 or -errno */
int run_directory_let_pass(int directory);
/* The same directory for those who only look, made by nobody: to open what is in it (O_PATH), or to list it. -ENOENT: there
 * is none; -EPERM: it is not root's alone. Nothing is printed. */
int run_directory_look(bool list);
