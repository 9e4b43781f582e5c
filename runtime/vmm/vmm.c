/* What both kinds of guest have in common. */
#include "vmm/vmm.h"
#include "core/exit_status.h"
#include "core/process.h"

int vmm_finish(struct vmm *vmm)
{
	int status = process_wait(vmm->pidfd);

	return status < 0 ? EXIT_STATUS_FAILED : status;
}
