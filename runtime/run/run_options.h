/* msb-run's own options, by table: a row each, and how its value is read. A new one stands in the help of command_line.c, too, and in the
 * manual. */
#pragma once
#include "core/config.h"
#include "diag/diag.h"
#include "policy/options.h"

/* What they fill */
struct run_reading {
	struct arena *arena;
	struct run_config *config;
	struct policy_options policy;
	enum color_when color;
	const char *only[2]; /* by enum vmm_kind: an option given that means something with that alone */
};

/* Of which kinds of guest an option says something */
enum run_scope { RUN_FOR_ALL, RUN_FOR_QEMU, RUN_FOR_NONE };

struct run_option {
	const char *name;
	int has_arg;
	const char *(*read)(struct run_reading *, const char *); /* NULL, or what it wants instead */
	enum run_scope scope;
	char letter;
};

extern const struct run_option run_options[]; /* a row without a name ends it */
