/* What both kinds of guest have in common. */
#include "vmm.h"
#include "front.h"
#include "process.h"

int vmm_finish(struct vmm *vmm)
{
	int status = process_wait(vmm->pidfd);

	return status < 0 ? FRONT_FAILED : status;
}
