/* AppArmor's profile of msb-run, where the host has it in force: what msb-run executes has it, too. */
#pragma once

/* What this thread executes next is not confined by the profile; nothing changes where there is none. 0 or -errno */
int apparmor_leave_by_exec(void);
