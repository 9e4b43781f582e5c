/* What the first process of the default guest does before the command: what a script would, without starting forty processes. */
#pragma once

/* Mounts, drivers, the addresses that msb-run chose, the command's root directory, whose path it returns. Where that cannot be had
 * the machine ends, with a line on the console; what else fails is said there. */
const char *init_prepare(void);
/* Ends the machine. */
_Noreturn void init_end_machine(void);
