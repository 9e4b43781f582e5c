/* What both kinds of guest have in common. */
#include "vmm/vmm.h"
#include "core/exit_status.h"
#include "core/process.h"

void vmm_hosts(FILE *out, const struct vmm_start *start)
{
	char text[ADDR_TEXT_MAX];

	fputs("127.0.0.1 localhost\n::1 localhost\n", out);
	if (start->gateway.has4)
		fprintf(out, "%s %s\n", addr_format(start->guest4, text), start->config->name);
	if (start->gateway.has6)
		fprintf(out, "%s %s\n", addr_format(start->guest6, text), start->config->name);
}

int vmm_finish(struct vmm *vmm)
{
	int status = process_wait(vmm->pidfd);

	return status < 0 ? EXIT_STATUS_FAILED : status;
}
