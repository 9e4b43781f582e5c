#include "isolation/changed_ids.h"

#include <errno.h>
#include <sys/prctl.h>

int changed_ids_begin(struct changed_ids *before)
{
	before->dumpable = prctl(PR_GET_DUMPABLE);
	return prctl(PR_GET_PDEATHSIG, &before->death_signal) < 0 ? -errno : 0;
}

void changed_ids_end(const struct changed_ids *before)
{
	prctl(PR_SET_DUMPABLE, before->dumpable == 1);
	prctl(PR_SET_PDEATHSIG, before->death_signal);
}
